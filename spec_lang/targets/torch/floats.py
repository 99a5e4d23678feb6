"""What PyTorch makes floats of its default dtype of: the model's own are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Attr, Call, Code
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.writer import Writer


def turns_to_floats(e: m.Node) -> bool:
    """Whether an operation makes the model's floats of tensors that hold none: `ints / 2`, `where(truths, 1.0, 0.0)`."""
    if not (isinstance(e, m.Binary) or (isinstance(e, m.Call) and e.to == "op" and not _is_told(e))):
        return False
    if not (isinstance(e.type, m.TensorType) and e.type.dtype == "float"):
        return False
    given = [t.dtype for t in _tensors(*_operands(e))]
    return bool(given) and "float" not in given


def as_floats(w: Writer, e: m.Node, code: Code) -> Code:
    """The code of an operation, its result in the model's float dtype."""
    if not turns_to_floats(e):
        return code
    dtype = w.float_dtype()
    return code if dtype is None else Call(Attr(code, "to"), (dtype,))


def _is_told(e: m.Call) -> bool:
    """Whether a call says which dtype it gives."""
    given = (*e.args, *(k.value for k in e.kwargs))
    named = any(isinstance(a, m.Name) and a.ref == "builtin" and a.id == "float" for a in given)
    return named or getattr(op_class(e.name), "creates", False)


def _operands(e: m.Node) -> tuple[m.Expr, ...]:
    if isinstance(e, m.Binary):
        return e.left, e.right
    return (*e.args, *(k.value for k in e.kwargs)) if isinstance(e, m.Call) else ()


def _tensors(*operands: m.Expr) -> Iterator[m.TensorType]:
    """The types of the tensors among operands, those of lists included."""
    for e in operands:
        if isinstance(e, m.Tuple | m.List):
            yield from _tensors(*e.items)
        elif isinstance(e, m.Comprehension):
            yield from _tensors(e.value)
        else:
            yield from _inside(e.type)


def _inside(kind: m.Type | None) -> Iterator[m.TensorType]:
    if isinstance(kind, m.TensorType):
        yield kind
    elif isinstance(kind, m.TupleType):
        for item in kind.items:
            yield from _inside(item)
    elif isinstance(kind, m.ListType):
        yield from _inside(kind.item)
    elif isinstance(kind, m.OptionalType):
        yield from _inside(kind.base)
