"""Holds one call of a layer to PyTorch and ONNX Runtime, at several values of its symbolic dims."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from spec_lang import ops
from spec_lang.ops import signature
from spec_lang.ops.base import LAYERS, Cx, Layer
from spec_lang.ops.kinds import Choice, Real
from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import Dim, DType, Facts, Pack, TensorType, dim, parse
from spec_lang.targets.onnx.proto import DEFAULT_OPSET
from tests.ops.single import build

ops.load()

SYMBOLS = ("N", "C", "T", "S", "L", "D", "H", "W", "h", "w", "A", "B", "k", "K")
TORCH = {
    DType.FLOAT: torch.float32,
    DType.F32: torch.float32,
    DType.F64: torch.float64,
    DType.F16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.I64: torch.int64,
    DType.I32: torch.int32,
    DType.I16: torch.int16,
    DType.I8: torch.int8,
    DType.U8: torch.uint8,
    DType.BOOL: torch.bool,
}


@dataclass
class Case:
    """A layer's arguments, the types of its inputs as text (nested for tuples), and what the symbols may be."""

    layer: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[Any] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    sizes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    high: int = 5
    """Integer inputs are below this."""
    values: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """The elements of named inputs that cannot be drawn."""
    onnx: bool | str = True
    """False where ONNX cannot express it; then the lowering must say so."""
    opsets: Sequence[int] = (17, DEFAULT_OPSET)
    tolerance: float = 2e-5

    @property
    def id(self) -> str:
        parts = [*map(str, self.args), *(f"{k}={v}" for k, v in self.kwargs.items())]
        types = [*map(str, self.inputs), *(f"{k}={v}" for k, v in self.named.items())]
        return f"{self.layer}({', '.join(parts)})({', '.join(types)})"


def typed(text: str) -> TensorType:
    """`float[N, 3]` as a type."""
    match = re.fullmatch(r"(\w+)\[(.*)\]", text)
    assert match, text
    dtype = DType.named(match[1])
    assert dtype is not None, text
    items = [i.strip() for i in match[2].split(",") if i.strip()]
    return TensorType(dtype, tuple(Pack(i[1:]) if i[0] == "*" else parse(i) for i in items))


def tensors(value: Any) -> Any:
    """Texts as types, in any nesting; everything else as it is."""
    if isinstance(value, str) and "[" in value:
        return typed(value)
    if isinstance(value, tuple | list):
        return type(value)(map(tensors, value))
    return value


def dims(value: Any) -> Any:
    """Texts such as `2*k` among hyperparameters as dims."""
    if isinstance(value, str) and value in SYMBOLS:
        return parse(value)
    if isinstance(value, tuple | list):
        return type(value)(map(dims, value))
    if isinstance(value, Nested):
        return value.layer()
    return value


@dataclass
class Nested:
    """A layer as an argument of another."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def layer(self) -> Layer:
        return signature.bind(
            LAYERS[self.name], dims(self.args), {k: dims(v) for k, v in self.kwargs.items()}
        )

    def module(self, env: Mapping[str, int]) -> nn.Module:
        args = [concrete(a, env) for a in self.args]
        return made(self.name, args, {k: concrete(v, env) for k, v in self.kwargs.items()})


def concrete(value: Any, env: Mapping[str, int]) -> Any:
    """A hyperparameter's value, as the generated code would pass it."""
    if isinstance(value, str) and value in env:
        return env[value]
    if isinstance(value, tuple | list):
        return type(value)(concrete(v, env) for v in value)
    if isinstance(value, Nested):
        return value.module(env)
    return value


def made(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> nn.Module:
    """The PyTorch module of this name, or of the helper source where PyTorch lacks it."""
    op = LAYERS[name]
    if op.helper:
        scope: dict[str, Any] = {"nn": nn, "torch": torch, "Tensor": torch.Tensor}
        exec(op.helper, scope)
        return scope[op.torch](*args, **kwargs)  # type: ignore[no-any-return]
    return getattr(nn, op.torch.removeprefix("nn."))(*args, **kwargs)  # type: ignore[no-any-return]


def bound(case: Case) -> Layer:
    return signature.bind(LAYERS[case.layer], dims(case.args), {k: dims(v) for k, v in case.kwargs.items()})


def inferred(case: Case, cx: Cx) -> Any:
    """The type that the rules give for the symbolic call."""
    op = bound(case)
    op.check(cx)
    return signature.call_layer(
        cx, op, tensors(list(case.inputs)), {k: tensors(v) for k, v in case.named.items()}
    )


def at(value: Any, env: Mapping[str, int]) -> Any:
    """Types at the values of their symbols."""
    if isinstance(value, TensorType):
        return TensorType(value.dtype, tuple(dim(d.evaluate(env)) for d in value.shape if isinstance(d, Dim)))
    if isinstance(value, tuple | list):
        return type(value)(at(v, env) for v in value)
    return dim(value.evaluate(env)) if isinstance(value, Dim) else value


def sampled(value: Any, generator: torch.Generator, high: int) -> Any:
    """A random tensor for each type."""
    if isinstance(value, tuple | list):
        return type(value)(sampled(v, generator, high) for v in value)
    if not isinstance(value, TensorType):
        return value
    shape = [d.const for d in value.dims]
    if value.dtype.is_float:
        return torch.randn(shape, generator=generator).to(TORCH[value.dtype])
    if value.dtype is DType.BOOL:
        mask = torch.rand(shape, generator=generator) < 0.3
        mask[..., 0] = False  # every query sees a key: PyTorch's kernels differ where none is seen
        return mask
    return torch.randint(0, high, shape, generator=generator).to(TORCH[value.dtype])


def environments(sizes: Mapping[str, Sequence[int]]) -> Iterator[dict[str, int]]:
    """Every combination of the values, at most twelve of them."""
    combined = list(itertools.product(*sizes.values()))
    step = max(1, len(combined) // 12)
    for values in combined[::step]:
        yield dict(zip(sizes, values, strict=True))


def flat(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [x for v in value for x in flat(v)]
    return [value] if isinstance(value, torch.Tensor | TensorType) else []


def check(case: Case) -> int:
    """Shapes, dtypes, state and ONNX Runtime's output against PyTorch; how many samples ran."""
    cx = Cx(Facts(), case.layer)
    types = inferred(case, cx)
    ran = 0
    for env in environments(case.sizes):
        if not all(c.evaluate(env) for c in cx.open):
            continue
        ran += 1
        args = [concrete(a, env) for a in case.args]
        kwargs = {k: concrete(v, env) for k, v in case.kwargs.items()}
        torch.manual_seed(ran)
        module = made(case.layer, args, kwargs)
        op = signature.bind(LAYERS[case.layer], *numbers(case, env))
        compare_state(op, module)
        randomise(module)
        module.eval()
        generator = torch.Generator().manual_seed(ran)
        x = sampled(at(tensors(list(case.inputs)), env), generator, case.high)
        named = {k: sampled(at(v, env), generator, case.high) for k, v in tensors_of(case.named).items()}
        named |= {k: torch.tensor(v, dtype=named[k].dtype) for k, v in case.values.items()}
        y = module(*x, **named)
        names = [p.name for p in signature.forward(type(op)).parameters]
        ordered = dict(
            sorted({**dict(zip(names, x, strict=False)), **named}.items(), key=lambda i: names.index(i[0]))
        )
        expected, got = flat(at(types, env)), flat(y)
        assert len(expected) == len(got), (case.id, env)
        for e, o in zip(expected, got, strict=True):
            assert [d.const for d in e.dims] == list(o.shape), (case.id, env, str(e), list(o.shape))
            assert TORCH[e.dtype] is o.dtype, (case.id, env, str(e), o.dtype)
        for opset in case.opsets:
            compare_onnx(case, op, env, opset, module, flat(list(ordered.values())), got)
    return ran


def tensors_of(named: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tensors(v) for k, v in named.items()}


def numbers(case: Case, env: Mapping[str, int]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of the op itself at the values of the symbols."""

    def value(v: Any) -> Any:
        if isinstance(v, Nested):
            return Nested(
                v.name,
                tuple(concrete(a, env) for a in v.args),
                {k: concrete(w, env) for k, w in v.kwargs.items()},
            ).layer()
        return concrete(v, env)

    return [value(a) for a in case.args], {k: value(v) for k, v in case.kwargs.items()}


def compare_state(op: Layer, module: nn.Module) -> None:
    """Names and shapes of parameters and buffers, in order."""
    ours = [
        (p.name, tuple(d.evaluate({}) if isinstance(d, Dim) else d for d in p.shape)) for p in op.params()
    ]
    theirs = [(k, tuple(v.shape)) for k, v in module.state_dict().items()]
    assert ours == theirs, (op.name, ours, theirs)
    learned = [p.name for p in op.params() if p.learned]
    assert learned == [k for k, _ in module.named_parameters()]
    dtypes = [TORCH[p.dtype] for p in op.params()]
    assert dtypes == [v.dtype for v in module.state_dict().values()]


def randomise(module: nn.Module) -> None:
    """Values that tell parameters apart which start equal."""
    for name, p in module.named_parameters():
        if p.dim() == 1 or "bias" in name:
            nn.init.uniform_(p, 0.5, 1.5)
    for b in module.buffers():
        if b.is_floating_point():
            nn.init.uniform_(b, 0.5, 1.5)


def compare_onnx(
    case: Case,
    op: Layer,
    env: Mapping[str, int],
    opset: int,
    module: nn.Module,
    inputs: list[torch.Tensor],
    wanted: list[torch.Tensor],
) -> None:
    """The graph with dynamic dims, checked strictly, against what PyTorch gives."""
    params = {k: v.numpy(force=True) for k, v in module.state_dict().items()}
    hyper = {k: v for k, v in env.items() if k in flat_text(case)}
    types = [partial_at(t, hyper) for t in tensors(list(case.inputs))]
    named = {k: partial_at(t, hyper) for k, t in tensors_of(case.named).items()}
    if case.onnx == "constant":
        types, named = at(types, env), {k: at(v, env) for k, v in named.items()}
    try:
        model = build(op, types, kwargs=named, opset=opset, params=params)
    except Unsupported:
        if case.onnx in (True, "constant"):
            raise
        return
    assert case.onnx is not False, f"{case.id}: expected no ONNX"
    proto = onnx.load_from_string(model)
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    session = onnxruntime.InferenceSession(model, quiet(), providers=["CPUExecutionProvider"])
    names = {i.name for i in session.get_inputs()}
    feed = {f"x{i}": x.numpy(force=True) for i, x in enumerate(inputs) if f"x{i}" in names}
    got = session.run(None, feed)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(
            a,
            b.numpy(force=True),
            rtol=case.tolerance,
            atol=case.tolerance,
            err_msg=f"{case.id} {env} {opset}",
        )
        assert a.dtype == b.numpy(force=True).dtype, (case.id, a.dtype)


def quiet() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return options


def flat_text(case: Case) -> set[str]:
    def walk(v: Any) -> Iterator[str]:
        if isinstance(v, str):
            yield v
        elif isinstance(v, tuple | list):
            for w in v:
                yield from walk(w)
        elif isinstance(v, Nested):
            yield from walk(list(v.args))
            yield from walk(list(v.kwargs.values()))

    return set(walk([*case.args, *case.kwargs.values()]))


def partial_at(value: Any, env: Mapping[str, int]) -> Any:
    """Types with only the hyperparameters' symbols replaced: the rest stays dynamic."""
    if isinstance(value, TensorType):
        return TensorType(value.dtype, tuple(d.substitute(env) for d in value.shape if isinstance(d, Dim)))
    if isinstance(value, tuple | list):
        return type(value)(partial_at(v, env) for v in value)
    return value


__all__ = ["Case", "Choice", "Nested", "Real", "check", "inferred"]
