"""Dims that inputs bind."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.substitution import substitute
from spec_lang.ir.from_ast.values.texts import tensors, type_symbols
from spec_lang.ir.from_ast.values.value import Entry, Mapped, Maybe, MethodSummary, Value
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim, symbol
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk


def declare(c: Check, at: Place, methods: list[ast.Method]) -> None:
    """The dims that the methods' inputs bind."""
    required: set[str] = set()
    perhaps = {
        n.id
        for m in methods
        for item in m.inputs
        if isinstance(item.type, ast.OptionalType)
        for n in dim_names(item.type)
        if isinstance(n, ast.Name)
    }
    for m in methods:
        for item in m.inputs:
            optional = isinstance(item.type, ast.OptionalType)
            for name in dim_names(item.type):
                if isinstance(name, ast.Name):
                    added = name.id in perhaps and name.id not in _factors(item.type)
                    _declare(c, at, name.id, optional or added, required)
                elif isinstance(name.value, ast.Name) and name.value.id not in c.block.dims:
                    c.block.dims[name.value.id] = Pack(name.value.id)


def _factors(type: object) -> set[str]:
    """The names in a type's dims with which a size is 0: of `P` and `2*P`, but not of `P + T`."""
    if isinstance(type, ast.TupleType):
        return {n for t in type.items for n in _factors(t)}
    if isinstance(type, ast.TensorListType):
        return _factors(type.item)
    pending = list(type.dims) if isinstance(type, ast.TensorType) else []
    found: set[str] = set()
    while pending:
        d = pending.pop()
        if isinstance(d, ast.Name):
            found.add(d.id)
        elif isinstance(d, ast.Binary) and d.op == "*":
            pending += [d.left, d.right]
    return found


def _declare(c: Check, at: Place, name: str, optional: bool, required: set[str]) -> None:
    if name in c.block.hypers or name in at.loops or name in c.block.lets or _is_constant(at, name):
        return
    if any(isinstance(p, ast.Let) and p.name.id == name for p in getattr(c.definition.node, "parts", ())):
        return
    if not optional:
        required.add(name)
    if name not in c.block.dims or (not optional and isinstance(c.block.dims[name], Dim)):
        c.block.dims[name] = symbol(name, 1 if name in required else 0)


def _is_constant(at: Place, name: str) -> bool:
    found = at.scope.names.get(name)
    return found is not None and isinstance(found.node, ast.ConstantDef)


def optional_only(c: Check, name: str) -> bool:
    d = c.block.dims[name]
    return isinstance(d, Dim) and d.bounds[0] == 0


def bind_dims(c: Check, at: Place, result: MethodSummary) -> bool:
    """Which input entry tells each dim: one linear in exactly one unknown, left to right."""
    entries: list[tuple[int, tuple[int, ...], int, Dim | Pack, ast.Input]] = []
    for i, item in enumerate(result.inputs):
        inner = item.type.value if isinstance(item.type, Maybe) else item.type
        for path, t in _always_there(at, inner):
            packed = next((k for k, d in enumerate(t.shape) if isinstance(d, Pack)), len(t.shape))
            for axis, d in enumerate(t.shape):
                entries.append((i, path, axis if axis <= packed else axis - len(t.shape), d, item.node))
    unknown: dict[str, Dim | Pack] = {}
    for _, _, _, d, _ in entries:
        for name in [d.name] if isinstance(d, Pack) else sorted(d.symbols):
            if name in c.block.dims:
                unknown[name] = c.block.dims[name]
    for item in result.inputs:
        for name in sorted(symbols_in(item.type)):
            if name in c.block.dims:
                unknown.setdefault(name, c.block.dims[name])
    order = [n for n in c.block.dims if n in unknown]
    result.dims = result.dims | {n: unknown[n] for n in order}
    left = set(unknown) - {i.name for i in result.inputs if isinstance(i.type, Dim)}
    progress = True
    while left and progress:
        progress = False
        for i, path, axis, d, _ in entries:
            bound = _bound_by(d, left)
            if bound is not None:
                left.discard(bound)
                result.entries.append(Entry((i, *path), axis, d, bound))
                progress = True
    stuck = [n for n in order if n in left]
    for name in stuck:
        entry = next((e for e in entries if not isinstance(e[3], Pack) and name in e[3].symbols), None)
        if entry is None:
            _perhaps_nowhere(c, name, result)
            continue
        c.error(
            "E0307",
            f"no input tells what `{name}` is: `{entry[3]}` alone does not",
            entry[4].type,
            help=f"give `{name}` a size of its own, or make it a hyperparameter",
        )
    return not stuck


def _always_there(
    at: Place, value: Value, path: tuple[int, ...] = ()
) -> list[tuple[tuple[int, ...], TensorType]]:
    """The tensors of an input that every call has, each with its path of indices; of a list, the first."""
    if isinstance(value, Mapped):
        if not at.decide(Cond.ge(value.length, 1)):
            return []
        (index,) = value.index.symbols
        return _always_there(at, substitute(value.item, {index: dim(0)}), (*path, 0))
    if isinstance(value, tuple | list):
        return [t for i, v in enumerate(value) for t in _always_there(at, v, (*path, i))]
    return [(path, value)] if isinstance(value, TensorType) else []


def _perhaps_nowhere(c: Check, name: str, result: MethodSummary) -> None:
    """A dim that only the items of a list tell, which may have none."""
    item = next(i for i in result.inputs if name in symbols_in(i.type))
    inner = _inner(item.type)
    length = f"{inner.length}" if isinstance(inner, Mapped) else "its length"
    c.error(
        "E0307",
        f"no input tells what `{name}` is where the list `{item.name}` is empty",
        item.node.type,
        help=f"state `require {length} >= 1`, or give another input a size `{name}`",
    )


def _bound_by(d: Dim | Pack, left: set[str]) -> str | None:
    if isinstance(d, Pack):
        return d.name if d.name in left else None
    unknown = d.symbols & left
    if len(unknown) != 1:
        return None
    (name,) = unknown
    return name if linear(d, name) is not None else None


def dim_names(type: object) -> Iterator[ast.Name | ast.Star]:
    """The names in a type's dims, in order."""
    if isinstance(type, ast.TensorType):
        for d in type.dims:
            yield from _names_in(d)
    elif isinstance(type, ast.OptionalType):
        yield from dim_names(type.base)
    elif isinstance(type, ast.TupleType):
        for t in type.items:
            yield from dim_names(t)
    elif isinstance(type, ast.TensorListType):
        own = {n.id for n in walk(type.generator.target) if isinstance(n, ast.Name)}
        for name in [*dim_names(type.item), *_names_in(type.generator.iterable)]:
            if not (isinstance(name, ast.Name) and name.id in own):
                yield name


def _names_in(node: object) -> Iterator[ast.Name | ast.Star]:
    if isinstance(node, (ast.Name, ast.Star)):
        yield node
    elif isinstance(node, ast.Unary):
        yield from _names_in(node.operand)
    elif isinstance(node, ast.Binary):
        yield from _names_in(node.left)
        yield from _names_in(node.right)
    elif isinstance(node, ast.Call):
        for a in node.args:
            yield from _names_in(a.value)


def symbols_in(value: Value) -> frozenset[str]:
    names = type_symbols(value)
    packs = {d.name for _, t in tensors(_inner(value)) for d in t.shape if isinstance(d, Pack)}
    return names | packs


def _inner(value: Value) -> Value:
    return value.value if isinstance(value, Maybe) else value
