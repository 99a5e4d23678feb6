"""Names that statements bind."""

from __future__ import annotations

from spec_lang.diagnostics.fix import instead
from spec_lang.ir.from_ast.expressions.lists import joined
from spec_lang.ir.from_ast.names.names import hides_dim, meaning
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.agreeing import same_type
from spec_lang.ir.from_ast.types.tensor_types import type_of
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_tensor
from spec_lang.ir.from_ast.values.substitution import first_items
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import POISON, Grown, Mapped, Parts, Value
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast


def assign_statement(c: Check, at: Place, node: ast.Assign) -> bool:
    value = c.ev(at, node.value)
    if node.type is not None:
        value = annotated(c, at, node, value)
    assign(c, at, node.target, value, node.value)
    return False


def assign(c: Check, at: Place, target: ast.Target, value: Value, node: ast.Expr) -> None:
    c.told(value, node)
    if isinstance(target, ast.Hole):
        return
    if isinstance(target, ast.Name):
        at.locals[target.id] = value if may_name(c, at, target) else POISON
        return
    items: list[Value] | None
    if value is POISON:
        items = [POISON] * len(target.items)
    elif isinstance(value, tuple | list):
        items = list(value)
    elif isinstance(value, Mapped) and value.length.const is not None and value.length.const < 256:
        items = first_items(value, value.length.const)
    elif isinstance(value, TensorType):
        items = _unstacked(c, at, value, len(target.items), node)
    else:
        c.error("E0403", f"this is {host.kind_of(value)}, which does not unpack", node)
        items = None
    if items is not None and len(items) != len(target.items):
        c.error(
            "E0403",
            f"{len(target.items)} names on the left, but {len(items)} values on the right",
            target,
            help="what is inside has brackets of its own: `y, (h, c) = ...`"
            if any(isinstance(i, tuple | list) for i in items)
            else None,
        )
        items = None
    for t, v in zip(target.items, items or [POISON] * len(target.items), strict=True):
        assign(c, at, t, v, node)


def _unstacked(c: Check, at: Place, value: TensorType, n: int, node: ast.Expr) -> list[Value] | None:
    """`q, k, v = x`: along the first axis, as PyTorch does."""
    first = value.shape[0] if value.shape else None
    if not isinstance(first, Dim):
        c.error("E0403", f"{value} does not unpack: its first size is not known", node)
        return None
    if not at.facts.equal(first, n):
        c.error(
            "E0301",
            f"{n} names on the left, but {value} has {first} along its first axis",
            node,
            help=f"`chunk({n}, dim=-1)` splits another axis",
        )
        return None
    return [value.with_shape(value.shape[1:]) for _ in range(n)]


def may_name(c: Check, at: Place, target: ast.Name) -> bool:
    """A local may not hide a dim or the variable of a loop."""
    name = target.id
    if name in at.loops:
        c.error("E0206", f"`{name}` would hide the variable of a loop", target, help="use another name")
    elif name in c.block.dims or name in at.bound:
        hides_dim(c, target)
    elif name in c.block.lets:
        c.error("E0206", f"`{name}` would hide the `let` called `{name}`", target, help="use another name")
    else:
        return True
    return False


def annotated(c: Check, at: Place, node: ast.Assign, value: Value) -> Value:
    """`x: float[N, K] = value`: a checked assertion; a new name binds the size that is there."""
    assert node.type is not None
    if value is POISON:
        bind_poison(c, at, node.type)
        return POISON
    if isinstance(node.type, ast.TensorType) and isinstance(value, TensorType):
        _bind_new(c, at, node, node.type, value)
    declared = type_of(c, at, node.type)
    if declared is POISON:
        return POISON
    if not same_type(c, at, declared, value, node.value, "this annotation", node.type):
        return POISON
    return value


def bind_poison(c: Check, at: Place, type: ast.Type) -> None:
    """The dims that a mistaken assignment would have bound are not unknown."""
    if isinstance(type, ast.TensorType):
        for d in type.dims:
            if isinstance(d, ast.Name) and _is_new(c, at, d.id):
                at.bound[d.id] = c.unknown_size(d.id)


def _is_new(c: Check, at: Place, name: str) -> bool:
    """Whether a name in an annotation binds the size that is there, as one in an input's type would."""
    found = meaning(c, at, name)
    return found is None or found[0] == "op"


def _bind_new(c: Check, at: Place, node: ast.Assign, type: ast.TensorType, value: TensorType) -> None:
    new: list[tuple[str, tuple[int, ...], int]] = []
    rank = len(type.dims)
    for i, d in enumerate(type.dims):
        if not isinstance(d, ast.Name) or not _is_new(c, at, d.id):
            continue
        packed = any(isinstance(s, ast.Star) for s in type.dims[: i + 1])
        axis = i - rank if packed else i
        if -len(value.shape) <= axis < len(value.shape):
            size = value.shape[axis]
            if isinstance(size, Dim):
                at.bound[d.id] = size
                new.append((d.id, (), axis))
    c.effects.note(c.notes.dims_bound, node.number, new)


def append(c: Check, at: Place, node: ast.Append) -> bool:
    value = c.ev(at, node.value)
    old = at.locals.get(node.target.id)
    if old is None and node.target.id not in at.locals:
        c.error(
            "E0201",
            f"there is no list `{node.target.id}` to append to",
            node.target,
            help=f"start it with `{node.target.id} = []`",
        )
        at.locals[node.target.id] = POISON
        return False
    c.effects.note(c.notes.refs, node.target.number, "local")
    if value is POISON or old is POISON:
        at.locals[node.target.id] = POISON
    elif isinstance(old, Grown) and isinstance(value, list):
        at.locals[node.target.id] = Grown(old.base, [*old.added, *value])
    elif isinstance(old, list | Mapped | Parts) and isinstance(value, list | Mapped | Parts):
        at.locals[node.target.id] = joined(c, at, old, value)
    elif is_tensor(old):
        name, given = node.target.id, c.source.at(node.value.span)
        given = f"({given})" if isinstance(node.value, ast.Binary | ast.Arrow | ast.IfExp) else given
        hint: str = instead(f"{name} = {name} + {given}")
        if isinstance(node.value, ast.List):
            hint = "a list of tensors begins empty, under a name of its own: `ys = []`"
        shown = type_text(old)
        c.error("E0403", f"`+=` appends to a list, and `{name}` is {shown}", node, help=hint)
        at.locals[node.target.id] = POISON
    else:
        c.error("E0403", "`+=` appends a list to a list: `skips += [x]`", node)
        at.locals[node.target.id] = POISON
    return False
