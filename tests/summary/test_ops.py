"""The FLOPs that each op declares are those that PyTorch counts, forward and with gradients, on the op's own cases."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch

from spec_lang.accounting.tensors import fresh, mapped
from spec_lang.accounting.trace import flops_of_op
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, Function, Layer, Op
from spec_lang.ops.products import is_free
from spec_lang.shapes import DType, Facts, TensorType
from tests.ops import cases_elementwise, cases_layers, cases_nn, cases_shape, harness, oracle
from tests.summary.counting import counted

OPS: list[type[Op]] = [*LAYERS.values(), *FUNCTIONS.values()]
COUNTED = [op for op in OPS if not is_free(op)]
UNSEEN = {"matmul(float[T], float[A, N, T, C])", "matmul(i8[T], i8[T, C])"}
"""Calls whose products PyTorch counts or not by how their inputs lie in memory."""

torch.backends.opt_einsum.enabled = False  # the order of the operands is the author's


def test_every_op_is_free_or_says_its_flops() -> None:
    for op in OPS:
        base = Layer if issubclass(op, Layer) else Function
        says = op.flops is not base.flops  # type: ignore[attr-defined]  # both have it
        assert says is not is_free(op), f"{op.name} is neither free nor says its FLOPs, or both"


def needing(value: Any, grads: bool = True) -> Any:
    """Types as tensors whose gradients are needed."""
    return mapped(value, lambda t: fresh(t, DType.F32, grads and t.dtype.is_float))


def learning(x: torch.Tensor) -> torch.Tensor:
    return x.requires_grad_() if x.is_floating_point() else x


def functions() -> list[harness.Case]:
    return [*cases_elementwise.CASES, *cases_shape.CASES, *cases_nn.CASES]


def held(case: harness.Case) -> None:
    """Hold one call of a function to PyTorch's counts."""
    _, names = harness.symbols(case)
    sizes = {n: case.sizes.get(n, harness.SIZES)[-1:] for n in sorted(names)}
    (env,) = oracle.environments(sizes)
    make, _ = harness.maker(case, 0)

    def run() -> Any:
        args = [harness.concrete(a, env, lambda t: learning(make(t))) for a in case.args]
        kwargs = {k: harness.concrete(v, env, lambda t: learning(make(t))) for k, v in case.kwargs.items()}
        return harness.torch_function(case.name)(*args, **kwargs)

    at = harness.at_sizes(case, env)
    args, kwargs = (
        needing(harness.hosted(at.args)),
        {k: needing(harness.hosted(v)) for k, v in at.kwargs.items()},
    )
    op = signature.bind(FUNCTIONS[case.name], args, kwargs)
    forward, gradients = flops_of_op(op, lambda: op.flops(op.infer(Cx(Facts(), case.name))))
    assert forward == counted(run, ()), str(case)
    assert forward + gradients == counted(run, (), gradients=True), str(case)


@pytest.mark.parametrize("name", [op.name for op in COUNTED if issubclass(op, Function)])
def test_flops_of_functions(name: str) -> None:
    cases = [c for c in functions() if c.name == name]
    assert cases
    for case in cases[:: max(1, len(cases) // 6)]:
        if str(case) not in UNSEEN:
            held(case)


LAYER_CASES = [
    *cases_layers.plain(),
    *cases_layers.spatial(),
    *cases_layers.recurrent(),
    *cases_layers.attention(),
    *cases_layers.transformers(),
]


@pytest.mark.parametrize("name", [op.name for op in COUNTED if issubclass(op, Layer)])
def test_flops_of_layers(name: str) -> None:
    cases = [c for c in LAYER_CASES if c.layer == name]
    assert cases
    for case in cases[:: max(1, len(cases) // 3)]:
        (env,) = oracle.environments({n: v[-1:] for n, v in case.sizes.items()})
        # on the CPU, a fused LSTM is not counted; on no device, a mask is not looked at
        device = "meta" if case.layer == "LSTM" else "cpu"
        with torch.device(device):
            args = [oracle.concrete(a, env) for a in case.args]
            module = oracle.made(
                case.layer, args, {k: oracle.concrete(v, env) for k, v in case.kwargs.items()}
            )
        args, kwargs = oracle.numbers(case, env)
        op = signature.bind(LAYERS[case.layer], args, kwargs)
        inputs = oracle.at(oracle.tensors(list(case.inputs)), env)
        named = {k: oracle.at(v, env) for k, v in oracle.tensors_of(case.named).items()}
        for grads in (False, True):
            ours = declared(op, needing(inputs, grads), {k: needing(v, grads) for k, v in named.items()})
            x = zeros(inputs, device, grads)
            run = functools.partial(module, **{k: zeros(v, device, grads) for k, v in named.items()})
            theirs = counted(run, x), counted(run, x, gradients=True)
            assert (ours[0], sum(ours)) == theirs, (case.id, grads)


def declared(op: Layer, inputs: Sequence[Any], named: Mapping[str, Any]) -> tuple[Any, Any]:
    """The FLOPs that a layer declares, and those of their gradients."""
    values = signature.forward(type(op)).bind(inputs, named)
    types = signature.infer_layer(Cx(Facts(), op.name), op, values)
    return flops_of_op(op, lambda: op.flops(types, **values))


def zeros(value: Any, device: str, grads: bool) -> Any:
    """Tensors of these types."""
    if isinstance(value, TensorType):
        dtype = oracle.TORCH[value.dtype]
        shape = [d.const or 0 for d in value.dims]
        return torch.zeros(shape, dtype=dtype, device=device, requires_grad=grads and value.dtype.is_float)
    if isinstance(value, tuple | list):
        return type(value)(zeros(v, device, grads) for v in value)
    return value


def test_free_functions_are_free() -> None:
    found = {c.name: c for c in functions() if is_free(FUNCTIONS[c.name])}
    assert len(found) > 300
    for case in found.values():
        _, names = harness.symbols(case)
        sizes = {n: case.sizes.get(n, harness.SIZES)[-1:] for n in sorted(names)}
        (env,) = oracle.environments(sizes)
        assert counted(harness.run_torch, (case, env)) == 0, str(case)
