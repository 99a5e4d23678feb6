"""What each op says that it keeps for its gradient is what PyTorch's autograd saves, on the op's own cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from spec_lang.accounting.kept import WORDS, kept_of_op
from spec_lang.accounting.tensors import Traced, fresh, mapped, tensors_in
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, Function, Layer, Op
from spec_lang.shapes import DType, Facts
from tests.ops import harness, oracle
from tests.summary.test_ops import LAYER_CASES, functions, zeros

SAID = [op for op in (*LAYERS.values(), *FUNCTIONS.values()) if op.keeps is not None]
OTHER_KERNELS = {
    "scaled_dot_product_attention": "masks and widths that the CPU's flash kernel does not take",
    "matmul": "broadcast operands, of which it makes copies",
    "getitem": "lists of numbers, which it makes tensors of",
    "cross_entropy": "probabilities, and smoothed labels",
    "CrossEntropyLoss": "probabilities, and smoothed labels",
    "rms_norm": "a weight that gradients are not taken of",
    "GroupNorm": "one channel a group",
}
"""Ops of which some calls take another kernel, and which calls those are."""


def some(names: Sequence[str]) -> list[Any]:
    """A fifth of them at every run, the others in long ones."""
    return [pytest.param(n, marks=[pytest.mark.long] if i % 5 else []) for i, n in enumerate(names)]


def test_words_are_known() -> None:
    for op in SAID:
        if isinstance(op.keeps, str):
            assert set(op.keeps.split()) <= set(WORDS), op.name
    assert len(SAID) > 250


def flat(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [t for v in value for t in flat(v)] if isinstance(value, tuple | list) else []


def saved(run: Callable[[], Any], own: Sequence[Tensor]) -> tuple[int, bool]:
    """The bytes of what autograd saves, without the layer's own tensors and single numbers."""
    kept: dict[int, Tensor] = {}

    def pack(t: Tensor) -> Tensor:
        kept.setdefault(t.untyped_storage()._cdata, t)
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result = flat(run())
    known = {t.untyped_storage()._cdata for t in own}
    size = sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in known and t.numel() > 1)
    return size, any(t.requires_grad for t in result)


def said(op: Op, given: Sequence[Traced], types: Any, aside: Any, own: bool) -> int:
    """The same by the op's declaration; a result lies in memory of its own, as those of ops that keep it do."""
    grad = own or any(t.grad for t in given)
    results = list(tensors_in(mapped(types, lambda t: fresh(t, DType.F32, grad and t.dtype.is_float))))
    kept = kept_of_op(op, given, results, aside, DType.F32)
    assert not kept.guessed
    tensors = [given[i] for i in kept.given] + [results[i] for i in kept.results]
    storages = dict.fromkeys(t.storage for t in tensors if any(d != 1 for d in t.dims))
    sizes = [s.size for s in storages]
    assert isinstance(kept.more, int)
    return kept.more + sum(s for s in sizes if isinstance(s, int))


def agree(op: type[Op], found: list[tuple[int, int, str]]) -> None:
    right = [a == b for a, b, _ in found]
    if op.name in OTHER_KERNELS:
        assert any(right), found
    else:
        assert all(right), [f for f in found if f[0] != f[1]]


@pytest.mark.parametrize("name", some([op.name for op in SAID if issubclass(op, Function) and not op.trains]))
def test_functions_keep_what_they_say(name: str) -> None:
    found = []
    cases = [c for c in functions() if c.name == name]
    for case in cases[:: max(1, len(cases) // 4)]:
        _, names = harness.symbols(case)
        sizes = {n: case.sizes.get(n, harness.SIZES)[-1:] for n in sorted(names)}
        (env,) = oracle.environments(sizes)
        for wanted in (None, 0, 1):
            measured = _function(case, env, wanted)
            if measured is not None:
                found.append((*measured, f"{case}, {wanted}"))
    if found:
        agree(FUNCTIONS[name], found)


def _function(case: harness.Case, env: Any, wanted: int | None) -> tuple[int, int] | None:
    """What is saved and what is said, where the gradient of one input is needed, or of all."""
    make, _ = harness.maker(case, 0)
    made: list[Tensor] = []

    def needing(t: Tensor) -> Tensor:
        made.append(t)
        return t.requires_grad_() if t.is_floating_point() and wanted in (None, len(made) - 1) else t

    args = [harness.concrete(a, env, lambda t: needing(make(t))) for a in case.args]
    kwargs = {k: harness.concrete(v, env, lambda t: needing(make(t))) for k, v in case.kwargs.items()}
    if not any(t.requires_grad for t in made):
        return None
    try:
        size, differentiable = saved(lambda: harness.torch_function(case.name)(*args, **kwargs), ())
    except RuntimeError:  # a gradient that PyTorch does not take
        return None
    if not differentiable:
        return None
    at = harness.at_sizes(case, env)
    given: list[Traced] = []

    def typed(t: Any) -> Traced:
        given.append(fresh(t, DType.F32, made[len(given)].requires_grad))
        return given[-1]

    hosted = [mapped(harness.hosted(a), typed) for a in at.args]
    named = {k: mapped(harness.hosted(v), typed) for k, v in at.kwargs.items()}
    op = signature.bind(FUNCTIONS[case.name], hosted, named)
    types = op.infer(Cx(Facts(), case.name))
    ordered = list(tensors_in([getattr(op, a) for a in op.arguments]))
    return size, said(op, ordered, types, op.aside(types), False)


@pytest.mark.parametrize("name", some([op.name for op in SAID if issubclass(op, Layer)]))
def test_layers_keep_what_they_say(name: str) -> None:
    found = []
    cases = [c for c in LAYER_CASES if c.layer == name]
    for case in cases[:: max(1, len(cases) // 4)]:
        (env,) = oracle.environments({n: v[-1:] for n, v in case.sizes.items()})
        args, kwargs = oracle.numbers(case, env)
        op = signature.bind(LAYERS[name], args, kwargs)
        if op.keeps is None:
            continue
        plain = [oracle.concrete(a, env) for a in case.args]
        module = oracle.made(
            name, plain, {k: oracle.concrete(v, env) for k, v in case.kwargs.items()}
        ).train()
        types = oracle.at(oracle.tensors(list(case.inputs)), env)
        x = zeros(types, "cpu", True)
        own = [*module.parameters(), *module.buffers()]
        size, _ = saved(lambda module=module, x=x: module(*x), own)  # type: ignore[misc]
        inputs = mapped(types, lambda t: fresh(t, DType.F32, t.dtype.is_float))
        values = signature.forward(type(op)).bind(inputs, {})
        out = signature.infer_layer(Cx(Facts(), name), op, values)
        given = list(tensors_in(list(values.values())))
        found.append((size, said(op, given, out, op.aside(out, **values), bool(own)), case.id))
    if found:
        agree(LAYERS[name], found)
