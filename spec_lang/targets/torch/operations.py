"""Calls of library functions."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir import model as m
from spec_lang.ir import operators
from spec_lang.ops.base import Function
from spec_lang.targets.torch import einops
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, IfExp, Kw, flat
from spec_lang.targets.torch.expressions import arguments, elementwise, spelled
from spec_lang.targets.torch.floats import as_floats
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.text import BadProgram
from spec_lang.targets.torch.writer import Writer

_CONVERSIONS = frozenset({"to", "type_as"})
"""The functions that are told a dtype."""
COMPARISONS = {name: op for op, name in operators.COMPARISONS.items()}
"""The functions that take a number on the left as operators only."""


def operation(w: Writer, e: m.Call, first: Code | None) -> Code:
    """A call of a library function."""
    return as_floats(w, e, _operation(w, e, first))


def _operation(w: Writer, e: m.Call, first: Code | None) -> Code:
    if e.name in einops.NAMES:
        return _einops(w, e, first)
    if e.name in COMPARISONS and first is None and not _on_tensor(e):
        return elementwise(w, COMPARISONS[e.name], *(w.expr(a) for a in _pair(e)))
    cls = op_class(e.name)
    args = arguments(w, e, first)
    torch = cls.torch or e.name
    if isinstance(cls, type) and issubclass(cls, Function):
        if (at := dropped(e, cls)) is not None:
            args = (*args[:at], _in_training(w, args[at]), *args[at + 1 :])
        args = _tensors_of_lists(w, e, cls, args)
        args += tuple(_extras(w, e, cls))
        if _as_method(e, cls):
            torch = "." + torch.removeprefix("torch.")
    if e.name == "float" and (dtype := w.float_dtype()) is not None:
        return Call(Attr(args[0], "to"), (dtype,))
    if torch.startswith("."):
        return Call(Attr(args[0], torch[1:]), args[1:])
    return Call(spelled(w.imports, torch, e.name), args)


def _tensors_of_lists(w: Writer, e: m.Call, cls: type[Function], args: tuple[Code, ...]) -> tuple[Code, ...]:
    """The arguments, with those that are lists where PyTorch's annotations have a tensor as tensors."""
    if not cls.lists:
        return args

    def made(name: str, given: m.Expr, code: Code) -> Code:
        if name not in cls.lists or isinstance(given.type, m.TensorType):
            return code
        value = code.value if isinstance(code, Kw) else code
        tensor = Call(spelled(w.imports, "torch.tensor", "tensor"), (value,))
        return Kw(code.name, tensor) if isinstance(code, Kw) else tensor

    named = [(k.name or "", k.value) for k in e.kwargs]
    given = [*zip(cls.arguments, e.args, strict=False), *named]
    return tuple(made(name, arg, code) for (name, arg), code in zip(given, args, strict=True))


def _extras(w: Writer, e: m.Call, cls: type[Function]) -> Iterator[Code]:
    """The arguments that the mode, the device and the dtype decide."""
    given = {k.name for k in e.kwargs}
    if cls.trains and "training" not in given:
        yield Kw("training", w.training())
    if not cls.creates:
        return
    if "device" not in given and (device := w.device()) is not None:
        yield Kw("device", device)
    is_float = isinstance(e.type, m.TensorType) and e.type.dtype == "float"
    if is_float and "dtype" not in given and (dtype := w.float_dtype()) is not None:
        yield Kw("dtype", dtype)


def _in_training(w: Writer, arg: Code) -> Code:
    """A probability that counts in training only."""
    p = arg.value if isinstance(arg, Kw) else arg
    if flat(p) in ("0", "0.0"):
        return arg
    p = IfExp(p, w.training(), Atom("0.0"))
    return Kw(arg.name, p) if isinstance(arg, Kw) else p


def _einops(w: Writer, e: m.Call, first: Code | None) -> Code:
    x = w.expr(e.args[0]) if first is None else first
    kind = e.args[0].type
    dims = kind.dims if isinstance(kind, m.TensorType) else ()
    rank = None if any(d.startswith("*") for d in dims) else len(dims)
    rest = list(e.args[1:])
    named = {k.name: k.value for k in e.kwargs if k.name}
    pattern = _text(rest.pop(0) if rest else named.pop("pattern"))

    def unflatten() -> Code:
        return spelled(w.imports, "torch.unflatten", "unflatten")

    splitter = None if _is_any(e.args[0]) else unflatten
    if e.name == "reduce":
        how = _text(rest.pop(0) if rest else named.pop("reduction"))
        sizes = {k: w.expr(v) for k, v in named.items()}
        return einops.reduce(x, rank, pattern, how, sizes, splitter)
    sizes = {k: w.expr(v) for k, v in named.items()}
    rule = einops.rearrange if e.name == "rearrange" else einops.repeat
    return rule(x, rank, pattern, sizes, splitter)


def dropped(e: m.Call, cls: type[Function]) -> int | None:
    """Where the argument `cls.drops` stands in a call, the named ones behind the others; None where it is left out."""
    if not cls.drops:
        return None
    at, named = cls.arguments.index(cls.drops), [k.name for k in e.kwargs]
    if at < len(e.args):
        return at
    return len(e.args) + named.index(cls.drops) if cls.drops in named else None


def _text(e: m.Expr) -> str:
    if isinstance(e, m.Literal_) and isinstance(e.value, str):
        return e.value
    raise BadProgram("a pattern is a string literal")


def _on_tensor(e: m.Call) -> bool:
    return isinstance(_pair(e)[0].type, m.TensorType)


def _pair(e: m.Call) -> tuple[m.Expr, m.Expr]:
    """The two sides of a comparison that is written as a function."""
    named = {k.name: k.value for k in e.kwargs}
    sides = [*e.args, *(named[n] for n in ("input", "other") if n in named)]
    return sides[0], sides[1]


def _as_method(e: m.Call, cls: type[Function]) -> bool:
    """Whether `torch.sum(x)` is to be `x.sum()`: where the author wrote so, or the shape is what it is about."""
    renamed = any(k.name in cls.renames for k in e.kwargs)
    if not cls.torch.startswith("torch.") or cls.method is False or e.style == "call" or renamed:
        return False
    if cls.untyped and not _is_any(e.args[0]):
        return False
    return isinstance(e.args[0].type, m.TensorType) and (e.style == "method" or cls.method is True)


def _is_any(e: m.Expr) -> bool:
    """Whether mypy knows nothing of a value: what a module gives is `Any`."""
    return isinstance(e, m.Call) and e.to == "apply"
