"""Holds calls of functions to PyTorch and ONNX Runtime, at several values of their symbolic dims."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F

from spec_lang.ir import operators
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, Cx, Function, OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Dim, DType, Facts, TensorType, dim, parse
from spec_lang.targets.onnx.proto import DEFAULT_OPSET
from tests.ops.oracle import TORCH, at, environments, flat, quiet, typed
from tests.ops.single import build

SIZES = (1, 3, 4)
OPERATORS = {name: op for op, name in (*operators.BINARY.items(), *operators.COMPARISONS.items())}
"""The functions of two operands that are an operator."""


@dataclass
class Case:
    """A call: tensors as types in text (`float[N, T]`), symbolic ints as `d("2*k")`, everything else as it is."""

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    low: int = -3
    """Integers are drawn from here up to `high`, exclusive."""
    high: int = 4
    floats: str = "normal"
    """`normal`, `unit` (in (0, 1)), `distinct`, `sign` (-1 or 1), `sorted` (along the last axis),
    `special` (zeros, infinities and NaN among them), `extreme` (the largest and smallest numbers, subnormal ones too)."""
    onnx: bool = True
    """False where ONNX cannot express it; then the lowering says so."""
    opsets: Sequence[int] = (17, DEFAULT_OPSET)
    random: bool = False
    """Whether the values differ from call to call."""
    tolerance: float = 1e-4

    def __str__(self) -> str:
        parts = [*map(str, self.args), *(f"{k}={v}" for k, v in self.kwargs.items())]
        return f"{self.name}({', '.join(parts)})"


def d(text: str) -> Dim:
    """A symbolic int."""
    return parse(text)


def case(name: str, *args: Any, **kwargs: Any) -> Case:
    """A case with arguments as written; those that start with an underscore are the case's own."""
    own = {k[1:]: v for k, v in kwargs.items() if k.startswith("_")}
    return Case(name, args, {k: v for k, v in kwargs.items() if not k.startswith("_")}, **own)


def hosted(value: Any) -> Any:
    """An argument as the checker passes it."""
    if isinstance(value, str) and value.endswith("]") and DType.named(value.partition("[")[0]) is not None:
        return typed(value)
    if isinstance(value, list | tuple):
        return type(value)(map(hosted, value))
    if isinstance(value, slice):
        return SliceOf(*(None if e is None else dim(e) for e in (value.start, value.stop, value.step)))
    return value


def bound(case: Case) -> Function:
    """The op of a case."""
    args, kwargs = hosted(case.args), {k: hosted(v) for k, v in case.kwargs.items()}
    return signature.bind(FUNCTIONS[case.name], args, kwargs)


def infer(case: Case, facts: Facts | None = None) -> tuple[Any, Cx]:
    """The result's type, and the open conditions."""
    cx = Cx(facts or Facts(), case.name)
    return bound(case).infer(cx), cx


# --- PyTorch --------------------------------------------------------------------------------


def concrete(value: Any, env: Mapping[str, int], make: Callable[[TensorType], torch.Tensor]) -> Any:
    """An argument as PyTorch takes it."""
    value = hosted(value)
    if isinstance(value, TensorType):
        return make(at(value, env))
    if isinstance(value, Dim):
        return value.evaluate(env)
    if isinstance(value, SliceOf):
        return slice(*(None if e is None else e.evaluate(env) for e in (value.start, value.stop, value.step)))
    if isinstance(value, list | tuple):
        return type(value)(concrete(v, env, make) for v in value)
    if isinstance(value, DType):
        return TORCH[value]
    return value


def maker(case: Case, seed: int) -> tuple[Callable[[TensorType], torch.Tensor], list[torch.Tensor]]:
    """Draws tensors, and remembers them in order."""
    generator = torch.Generator().manual_seed(seed)
    made: list[torch.Tensor] = []

    def make(t: TensorType) -> torch.Tensor:
        shape = [s.const or 0 for s in t.dims]
        if t.dtype.is_float:
            x = _floats(case.floats, shape, generator).to(TORCH[t.dtype])
        elif t.dtype is DType.BOOL:
            x = torch.rand(shape, generator=generator) < 0.5
        else:
            low = max(case.low, 0) if t.dtype is DType.U8 else case.low
            x = torch.randint(low, case.high, shape, generator=generator).to(TORCH[t.dtype])
        made.append(x)
        return x

    return make, made


def _floats(kind: str, shape: list[int], generator: torch.Generator) -> torch.Tensor:
    if kind == "unit":
        return torch.rand(shape, generator=generator) * 0.98 + 0.01
    if kind == "distinct":
        n = math.prod(shape)
        return (torch.randperm(n, generator=generator).to(torch.float32) * 0.37 - n * 0.1).reshape(shape)
    if kind == "sorted":
        return torch.randint(-3, 4, shape, generator=generator).to(torch.float32).sort(dim=-1)[0]
    if kind == "special":
        values = torch.tensor([0.0, -0.0, 1.0, -1.0, 2.5, math.inf, -math.inf, math.nan])
        return values[torch.randint(0, len(values), shape, generator=generator)]
    if kind == "extreme":
        most = torch.finfo(torch.float32)
        values = torch.tensor(
            [0.0, -0.0, 1.0, -1.0, most.max, most.min, most.tiny, -most.tiny, 1e-45, -1e-45]
        )
        return values[torch.randint(0, len(values), shape, generator=generator)]
    if kind == "sign":
        return torch.randint(0, 2, shape, generator=generator) * 2.0 - 1
    return torch.randn(shape, generator=generator)


def torch_function(name: str) -> Callable[..., Any]:
    """What generated code calls."""
    op = FUNCTIONS[name]
    if name == "getitem":
        return operator.getitem
    if op.helper:
        scope: dict[str, Any] = {"F": F, "torch": torch, "Tensor": torch.Tensor}
        exec(op.helper, scope)
        return scope[op.torch]
    if op.torch.startswith("."):
        return lambda x, *args, **kwargs: getattr(x, op.torch[1:])(*args, **kwargs)
    if op.torch.startswith("F."):
        function = getattr(F, op.torch[2:])
        return functools.partial(function, training=False) if op.trains else function
    if op.torch.startswith("torch."):
        return getattr(torch, op.torch[6:])
    import einops

    return getattr(einops, op.torch)


def run_torch(case: Case, env: Mapping[str, int], seed: int = 0) -> tuple[Any, list[torch.Tensor]]:
    """What PyTorch gives, and the tensors that went in."""
    make, made = maker(case, seed)
    args = [concrete(a, env, make) for a in case.args]
    kwargs = {k: concrete(v, env, make) for k, v in case.kwargs.items()}
    function = torch_function(case.name)
    symbol = OPERATORS.get(case.name)
    if symbol and len(args) == 2 and not kwargs and not isinstance(args[0], torch.Tensor):
        return eval(f"a {symbol} b", {"a": args[0], "b": args[1]}), made
    return function(*args, **kwargs), made


# --- Checks ---------------------------------------------------------------------------------


def symbols(case: Case) -> tuple[set[str], set[str]]:
    """The names in the tensors' shapes, and all names."""
    in_tensors: set[str] = set()
    everywhere: set[str] = set()

    def walk(value: Any) -> None:
        value = hosted(value)
        if isinstance(value, TensorType):
            for s in value.dims:
                in_tensors.update(s.symbols)
        elif isinstance(value, Dim):
            everywhere.update(value.symbols)
        elif isinstance(value, SliceOf):
            for e in (value.start, value.stop, value.step):
                walk(e)
        elif isinstance(value, list | tuple):
            for v in value:
                walk(v)

    walk([*case.args, *case.kwargs.values()])
    return in_tensors, in_tensors | everywhere


def check(case: Case) -> int:
    """Hold a case to PyTorch and ONNX Runtime; gives how many samples ran."""
    types, cx = infer(case)
    in_tensors, names = symbols(case)
    sizes = {n: case.sizes.get(n, SIZES) for n in sorted(names)}
    models: dict[Any, Any] = {}
    ran = 0
    for env in environments(sizes):
        if not all(c.evaluate(env) for c in cx.open):
            continue
        ran += 1
        result, inputs = run_torch(case, env, ran)
        compare_types(case, env, types, result)
        for opset in case.opsets:
            compare_onnx(case, env, in_tensors, opset, inputs, flat_result(result), models)
    return ran


def flat_result(value: Any) -> list[torch.Tensor]:
    return flat(tuple(value)) if isinstance(value, tuple | list) else [value]


def compare_types(case: Case, env: Mapping[str, int], types: Any, result: Any) -> None:
    """Shapes and dtypes as inferred."""
    expected, got = flat(at(types, env)), flat_result(result)
    assert len(expected) == len(got), f"{case} at {env}: {len(expected)} results inferred, {len(got)} given"
    for e, o in zip(expected, got, strict=True):
        assert [s.const for s in e.dims] == list(o.shape), f"{case} at {env}: {e}, but {list(o.shape)}"
        assert TORCH[e.dtype] is o.dtype, f"{case} at {env}: {e}, but {o.dtype}"


def compare_onnx(
    case: Case,
    env: Mapping[str, int],
    in_tensors: set[str],
    opset: int,
    inputs: list[torch.Tensor],
    wanted: list[torch.Tensor],
    models: dict[Any, Any],
) -> None:
    """The graph with dynamic dims, checked strictly, gives what PyTorch gives."""
    fixed = {k: v for k, v in env.items() if k not in in_tensors}
    key = (opset, *sorted(fixed.items()))
    if key not in models:
        models[key] = session_of(case, fixed, opset)
    session = models[key]
    if session is None or case.random:
        return
    names = {i.name for i in session.get_inputs()}
    feed = {f"x{i}": x.numpy() for i, x in enumerate(inputs) if f"x{i}" in names}
    got = session.run(None, feed)
    for a, b in zip(got, wanted, strict=True):
        b = b.numpy()
        assert a.dtype == b.dtype, f"{case} at opset {opset}: {a.dtype} for {b.dtype}"
        message = f"{case} at {env}, opset {opset}"
        np.testing.assert_allclose(a, b, rtol=case.tolerance, atol=case.tolerance / 10, err_msg=message)


def session_of(case: Case, fixed: Mapping[str, int], opset: int) -> onnxruntime.InferenceSession | None:
    """The checked model with some symbols replaced by numbers; None where ONNX cannot express it."""
    op = bound(at_sizes(case, fixed))
    try:
        model = build(op, opset=opset)
    except Unsupported:
        assert not case.onnx, f"{case} at opset {opset} is unsupported"
        return None
    assert case.onnx, f"{case}: expected no ONNX"
    proto = onnx.load_from_string(model)
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    return onnxruntime.InferenceSession(model, quiet(), providers=["CPUExecutionProvider"])


def at_sizes(case: Case, env: Mapping[str, int]) -> Case:
    """The case with some symbols replaced by numbers."""

    def replaced(value: Any) -> Any:
        value = hosted(value)
        if isinstance(value, TensorType):
            return TensorType(value.dtype, tuple(s.substitute(env) for s in value.dims))
        if isinstance(value, Dim):
            return value.substitute(env)
        if isinstance(value, SliceOf):
            return SliceOf(
                *(None if e is None else e.substitute(env) for e in (value.start, value.stop, value.step))
            )
        if isinstance(value, list | tuple):
            return type(value)(map(replaced, value))
        return value

    kwargs = {k: replaced(v) for k, v in case.kwargs.items()}
    return Case(case.name, replaced(case.args), kwargs, case.sizes)


def refused(case: Case) -> OpError | None:
    """The error with which a call is refused, if it is."""
    try:
        infer(case)
    except OpError as error:
        return error
    return None
