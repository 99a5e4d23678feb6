"""Every model of `models/` is traced, exported and compiled: what its methods check stands in no graph's way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any, TypeVar

import pytest
import torch
from torch import nn

from spec_lang.ir import model as ir
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.templates import BlockTemplate
from spec_lang.loading import from_program
from spec_lang.runtimes.inputs import Sampler
from tests.models.test_verify import models
from tests.onnx.exporting import model_file

HEAVY = {
    "AlexNet", "Inception3", "DeepLabV3", "EfficientNet", "MobileNetV2", "MobileNetV3", "RegNet", "DenseNet", "Swin",
}  # fmt: skip
CHECKING = {"GPT2", "LeNet5"}
"""Models that check what they are called with, and a few that do not."""


def cases(short: Callable[[str], bool]) -> list[Any]:
    """All models, those that take long behind the marker."""
    rows = [row for row in models() if row[1] != "ResNet18"]  # a variant of ResNet
    return [pytest.param(*r, id=r[1], marks=[] if short(r[1]) else [pytest.mark.long]) for r in rows]


CHOOSING = {"Swin"}
"""Models that choose by a size of their inputs, which one trace does not show."""
UNTRACED = {"ConvNeXt", "WaveNet", *CHOOSING}
"""Models that make zeros or ones of a size, for which `torch.fx` has no symbol, and those that choose by one."""
UNEXPORTED = {"DenseNet"}
"""Models in which PyTorch's own pools bound a dim, as `torch.export.Dim` would have to."""
T = TypeVar("T")
LIGHT = pytest.mark.parametrize(("file", "name", "hypers"), cases(lambda name: name not in HEAVY))
FEW = pytest.mark.parametrize(("file", "name", "hypers"), cases(lambda name: name in CHECKING))


@lru_cache(1)
def module(file: str, *, checks: bool = True) -> ModuleType:
    return from_program(model_file(file), f"traced_{checks}_{file}", checks=checks)


def made(file: str, name: str, hypers: dict[str, Any], checks: bool = True) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = getattr(module(file, checks=checks), name)(**hypers)
    return model.eval()


def sampler(file: str, name: str, hypers: dict[str, Any], seed: int = 0) -> tuple[Sampler, ir.Method]:
    program = model_file(file)
    root = Constructions(program).entry(name, hypers)
    assert isinstance(root.template, BlockTemplate)
    definition = root.template.definition
    method = next(m for m in definition.methods if m.name == "forward")
    return Sampler(program, definition, method, root.template.values, bounds=lambda *_: 2, seed=seed), method


def inputs(file: str, name: str, hypers: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Inputs of two sizes, none of which is 1 where that can be."""
    dice, _ = sampler(file, name, hypers)
    found = sorted(dice.sizes(8), key=lambda s: 1 in s.values.values())
    for sizes in found[:2]:
        yield tuple(as_torch(v) for v in dice.sample(sizes).values())


def as_torch(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(as_torch, value))
    return torch.as_tensor(value)


def same(left: object, right: object) -> None:
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def either(make: Callable[[nn.Module], T], file: str, name: str, hypers: dict[str, Any]) -> T | None:
    """What is made of a model; None where that fails for what checks nothing too, and in the same way."""
    found: list[T | Exception] = []
    for checks in (True, False):
        try:
            found.append(make(made(file, name, hypers, checks)))
        except Exception as error:
            found.append(error)
    if not isinstance(found[1], Exception):
        assert not isinstance(found[0], Exception), found[0]
        return found[0]
    assert type(found[0]) is type(found[1])
    return None


@LIGHT
def test_symbolically_traced(file: str, name: str, hypers: dict[str, Any]) -> None:
    graph = either(torch.fx.symbolic_trace, file, name, hypers)
    if graph is None:
        assert name in UNTRACED
        return
    assert name not in UNTRACED
    model = made(file, name, hypers)
    for given in inputs(file, name, hypers):
        same(graph(*given), model(*given))


@LIGHT
def test_traced_by_running(file: str, name: str, hypers: dict[str, Any]) -> None:
    model = made(file, name, hypers)
    first, *others = inputs(file, name, hypers)
    if None in results(model(*first)):
        pytest.skip("a trace gives tensors alone")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = torch.jit.trace(model, first, check_trace=False, strict=False)
    own = [w for w in seen if w.filename.startswith("<generated") and w.category is torch.jit.TracerWarning]
    assert bool(own) == (name in CHOOSING)
    same(found(*first), model(*first))
    if not [w for w in seen if w.category is torch.jit.TracerWarning]:
        for given in others:
            same(found(*given), model(*given))


def results(value: object) -> list[object]:
    if isinstance(value, tuple | list):
        return [r for v in value for r in results(v)]
    return [None if value is None else ...]


@FEW
def test_exported_with_named_dims(file: str, name: str, hypers: dict[str, Any]) -> None:
    first, *others = inputs(file, name, hypers)
    shapes = named(file, name, hypers)

    def export(model: nn.Module) -> torch.export.ExportedProgram:
        return torch.export.export(model, first, dynamic_shapes=shapes)

    found = either(export, file, name, hypers)
    if found is None:
        assert name not in CHECKING or name in UNEXPORTED
        pytest.skip("PyTorch exports it neither with the checks nor without them")
    assert name not in UNEXPORTED
    model = made(file, name, hypers)
    for given in (first, *(o for o in others if fits(o, first, shapes))):
        same(found.module()(*given), model(*given))


def fits(given: tuple[Any, ...], first: tuple[Any, ...], shapes: tuple[Any, ...]) -> bool:
    """Whether inputs differ from the first ones in named dims alone."""
    return all(
        set(dims or ()) >= {i for i, (x, y) in enumerate(zip(a.shape, b.shape, strict=True)) if x != y}
        for a, b, dims in zip(given, first, shapes, strict=True)
        if isinstance(a, torch.Tensor)
    )


def named(file: str, name: str, hypers: dict[str, Any]) -> tuple[object, ...]:
    """The dims of each input that a call tells, by the author's names."""
    _, method = sampler(file, name, hypers)
    told = {b.name for b in method.dims}
    dims: dict[str, Any] = {}

    def axes(kind: ir.Type) -> object:
        if not isinstance(kind, ir.TensorType):
            return None
        return {
            i: dims.setdefault(text, torch.export.Dim(text))
            for i, text in enumerate(kind.dims)
            if text in told and text.isidentifier()
        }

    return tuple(axes(i.type) for i in method.inputs if not (i.optional or i.default is not None))


@FEW
def test_compiled_whole(file: str, name: str, hypers: dict[str, Any]) -> None:
    def compiled(model: nn.Module) -> list[tuple[object, object]]:
        torch.compiler.reset()
        whole = torch.compile(model, fullgraph=True, backend="eager")
        return [(whole(*given), model(*given)) for given in inputs(file, name, hypers)]

    found = either(compiled, file, name, hypers)
    if found is None:
        assert name not in CHECKING
        pytest.skip("PyTorch compiles it whole neither with the checks nor without them")
    for pair in found:
        same(*pair)
