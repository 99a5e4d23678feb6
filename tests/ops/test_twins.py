"""Layers made from functions: PyTorch's modules, and the functions themselves, in the functions' cases."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from spec_lang.ops import signature
from spec_lang.ops.activations import PReLU
from spec_lang.ops.base import LAYERS, Cx, Layer
from spec_lang.ops.lowering import Unsupported
from spec_lang.ops.twin import _Twin
from spec_lang.shapes import DType, Facts, TensorType, dim
from tests.ops.harness import SIZES, TORCH, Case, bound, compare_types, concrete, flat_result, maker, symbols
from tests.ops.oracle import at, environments, quiet
from tests.ops.single import build
from tests.ops.test_functions import CASES

TWINS = sorted(n for n, c in LAYERS.items() if issubclass(c, _Twin))


def inputs_of(layer: type[Layer]) -> list[str]:
    return [p.name for p in signature.forward(layer).parameters]


def layer_cases(layer: type[Layer]) -> list[tuple[Case, list[Any], dict[str, Any]]]:
    """The function's cases that the layer can express: its inputs, and the layer's own arguments."""
    found = []
    function = layer.function  # type: ignore[attr-defined]
    allowed = signature.of(layer).by_name
    for case in CASES:
        if case.name != function.name:
            continue
        values = vars(bound(case))
        inputs = [values[n] for n in inputs_of(layer)]
        rest = {k: v for k, v in values.items() if k not in inputs_of(layer)}
        changed = {k: v for k, v in rest.items() if v is not None and v != getattr(function, k, None)}
        if all(k in allowed for k in changed):
            found.append((case, inputs, changed))
    return found


@pytest.mark.parametrize("name", TWINS)
def test_layer_gives_what_pytorch_gives(name: str) -> None:
    layer = LAYERS[name]
    cases = layer_cases(layer)
    assert cases, f"{name} has no case"
    for case, inputs, arguments in cases:
        op = signature.bind(layer, (), arguments)
        cx = Cx(Facts(), name)
        op.check(cx)
        types = signature.call_layer(cx, op, inputs, {})
        names, _ = symbols(case)
        for env in list(environments({n: case.sizes.get(n, SIZES) for n in sorted(names)}))[-2:]:
            make, _ = maker(case, 1)
            tensors = [concrete(i, env, make) for i in inputs]
            kwargs = {k: concrete(v, env, make) for k, v in arguments.items()}
            result = getattr(nn, name)(**kwargs).eval()(*tensors)
            compare_types(case, env, types, result)
            compare_graph(case, op, [at(i, env) for i in inputs], tensors, flat_result(result))


def compare_graph(
    case: Case, op: Layer, types: list[Any], tensors: list[Any], wanted: list[torch.Tensor]
) -> None:
    """ONNX Runtime on the layer's graph at fixed sizes."""
    try:
        model = build(op, types)
    except Unsupported:
        assert not case.onnx
        return
    session = onnxruntime.InferenceSession(model, quiet(), providers=["CPUExecutionProvider"])
    values = [t for t in tensors if isinstance(t, torch.Tensor)]
    names = {i.name for i in session.get_inputs()}
    feed = {f"x{i}": t.numpy() for i, t in enumerate(values) if f"x{i}" in names}
    for a, b in zip(session.run(None, feed), wanted, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5, err_msg=str(case))


DEPRECATED = {"min_value", "max_value", "size_average", "reduce", "weight", "pos_weight", "device", "dtype"}


@pytest.mark.parametrize("name", [*TWINS, "PReLU", "Softmax2d"])
def test_constructor_has_pytorchs_arguments(name: str) -> None:
    theirs = {
        k: p
        for k, p in inspect.signature(getattr(nn, name).__init__).parameters.items()
        if k not in {"self", *DEPRECATED} and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    ours = signature.of(LAYERS[name])
    assert list(theirs) == [p.name for p in ours.parameters]
    for parameter in ours.parameters:
        default = theirs[parameter.name].default
        if default is inspect.Parameter.empty:
            assert parameter.required
        else:
            assert getattr(parameter.default, "const", parameter.default) == default


@pytest.mark.parametrize(("count", "shape"), [(1, (2, 5)), (3, (2, 3, 4)), (4, (2, 4))])
def test_prelu_has_its_weight(count: int, shape: tuple[int, ...]) -> None:
    module = nn.PReLU(count, 0.3)
    op = signature.bind(PReLU, (count, 0.3), {})
    (parameter,) = op.params()
    assert parameter.name == "weight"
    assert [d.const for d in parameter.shape] == list(module.weight.shape)
    assert parameter.init.value == pytest.approx(0.3)  # type: ignore[union-attr]
    x = torch.randn(shape)
    type_ = TensorType(DType.FLOAT, tuple(map(dim, shape)))
    assert signature.call_layer(Cx(Facts(), "PReLU"), op, [type_], {}) == type_
    model = build(op, [type_], params={"weight": module.weight.numpy(force=True)})
    session = onnxruntime.InferenceSession(model, quiet(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(
        session.run(None, {"x0": x.numpy()})[0], module(x).numpy(force=True), rtol=1e-4
    )
    assert TORCH[DType.FLOAT] is torch.float32


def test_softmax_over_channels() -> None:
    op = signature.bind(LAYERS["Softmax2d"], (), {})
    for shape in ((2, 3, 4, 5), (3, 4, 5)):
        x = torch.randn(shape)
        type_ = TensorType(DType.FLOAT, tuple(map(dim, shape)))
        session = onnxruntime.InferenceSession(
            build(op, [type_]), quiet(), providers=["CPUExecutionProvider"]
        )
        np.testing.assert_allclose(
            session.run(None, {"x0": x.numpy()})[0], nn.Softmax2d()(x).numpy(), rtol=1e-4
        )
