"""Sizes read from the inputs: `N, T, D = x.shape` or `T = tokens.size(1)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Binary,
    Call,
    Code,
    Compare,
    IfExp,
    Index,
    Slice,
    Unary,
    flat,
)
from spec_lang.targets.torch.expressions import dim
from spec_lang.targets.torch.writer import Writer


def sizes(w: Writer, bindings: Sequence[m.DimBinding], inputs: Mapping[str, m.Input]) -> list[str]:
    """The lines that read some dims off their tensors, those of one tensor together where each is an axis."""
    lines: list[str] = []
    done: set[str] = set()
    for binding in bindings:
        if binding.name in done:
            continue
        together = [b for b in bindings if b.tensor == binding.tensor and _is_axis(b)]
        root = _root(binding.tensor)
        rank = _rank(binding.tensor, inputs)
        optional = root is not None and root in inputs and inputs[root].optional
        if len(together) > 1 and binding in together and rank is not None and not optional:
            names = ["_"] * rank
            for b in together:
                names[b.axis % rank] = w.scope.local(b.name)
            lines.append(f"{', '.join(names)} = {flat(w.expr(binding.tensor))}.shape")
            done |= {b.name for b in together}
        else:
            value = _size(w, binding, _type(binding.tensor, inputs))
            if optional and root is not None:
                absent = Compare(Atom(w.scope.local(root)), (("is", Atom("None")),))
                value = IfExp(Atom("0"), absent, value)
            lines.append(f"{w.scope.local(binding.name.lstrip('*'))} = {flat(value)}")
            done.add(binding.name)
    return lines


def _is_axis(b: m.DimBinding) -> bool:
    return b.scale == "1" and b.offset == "0" and not b.name.startswith("*")


def _rank(tensor: m.Expr, inputs: Mapping[str, m.Input]) -> int | None:
    kind = _type(tensor, inputs)
    if kind is None or any(d.startswith("*") for d in kind.dims):
        return None
    return len(kind.dims)


def _type(tensor: m.Expr, inputs: Mapping[str, m.Input]) -> m.TensorType | None:
    """The type of an input, or of a part of one."""
    kind = tensor.type
    if kind is None and isinstance(tensor, m.Name) and tensor.id in inputs:
        kind = inputs[tensor.id].type
    return kind if isinstance(kind, m.TensorType) else None


def _root(tensor: m.Expr) -> str | None:
    while isinstance(tensor, m.Subscript):
        tensor = tensor.value
    return tensor.id if isinstance(tensor, m.Name) else None


def _size(w: Writer, b: m.DimBinding, kind: m.TensorType | None) -> Code:
    tensor = w.expr(b.tensor)
    if b.name.startswith("*"):
        return _pack(b, tensor, kind)
    axis: Code = Atom(str(b.axis)) if b.axis >= 0 else Unary("-", Atom(str(-b.axis)))
    code: Code = Call(Attr(tensor, "size"), (axis,))
    if b.offset.startswith("-") and b.offset[1:].isdigit():
        code = Binary("+", code, Atom(b.offset[1:]))
    elif b.offset != "0":
        code = Binary("-", code, dim(w, b.offset))
    if b.scale == "-1":
        return Unary("-", code)
    return code if b.scale == "1" else Binary("//", code, dim(w, b.scale))


def _pack(b: m.DimBinding, tensor: Code, kind: m.TensorType | None) -> Code:
    """The leading dims that `*B` stands for, as a slice of the shape."""
    dims = (b.name,) if kind is None else kind.dims
    behind = len(dims) - 1 - next((i for i, d in enumerate(dims) if d.startswith("*")), 0)
    start = Atom(str(b.axis)) if b.axis else None
    stop = Unary("-", Atom(str(behind))) if behind else None
    shape = Attr(tensor, "shape")
    return Index(shape, (Slice(start, stop, None),)) if start or stop else shape
