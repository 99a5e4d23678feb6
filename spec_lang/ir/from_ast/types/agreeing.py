"""Whether a value has the type that is declared."""

from __future__ import annotations

from itertools import combinations

from spec_lang.diagnostics import Edit, Fix
from spec_lang.ir.from_ast.expressions.trails import trails
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import has_tensor
from spec_lang.ir.from_ast.values.substitution import first_items, item_at
from spec_lang.ir.from_ast.values.texts import type_symbols, type_text
from spec_lang.ir.from_ast.values.value import POISON, Mapped, Maybe, Parts, Value
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim
from spec_lang.syntax import ast


def same_type(
    c: Check, at: Place, declared: Value, value: Value, node: object, what: str, type: ast.Type | None = None
) -> bool:
    """Whether a value has a declared type, reporting where not; `_` in it takes what is there."""
    value = at.resolve(value)
    if value is POISON or declared is POISON:
        return False
    if fits(at, declared, value):
        return True
    notes = trails(c, [value])
    found = type_text(value) if has_tensor(value) else host.kind_of(value)
    code, hint = "E0308", None
    first = value[0] if isinstance(value, tuple) and not isinstance(node, ast.Tuple) else None
    if isinstance(declared, TensorType) and isinstance(first, TensorType) and fits(at, declared, first):
        hint = "the first of them fits: `y, _ = ...` takes it"
    if isinstance(declared, TensorType) and isinstance(value, TensorType):
        code, hint = _difference(c, at, declared, value)
        hint = _from_tuple(at, node) or hint
    ways: tuple[Fix, ...] = ()
    if hint is None and type is not None and isinstance(value, TensorType) and _sayable(c, value):
        hint = f"if that is what is meant, its type is `{found}`"
        ways = (Fix(f"write `{found}`", (Edit(c.source, type.span, found),)),)
    c.error(
        code,
        f"{what} says {type_text(declared)}, but this is {found}",
        node,
        labels=() if type is None else (c.label(type, "declared here"),),
        notes=notes,
        help=hint,
        ways=ways,
    )
    return False


def _sayable(c: Check, value: TensorType) -> bool:
    """Whether an author can write a type: every name in it is an input's, a hyperparameter or a `let`."""
    known = c.block.dims.keys() | c.block.hypers.keys() | c.block.lets.keys()
    sizes = [d for d in value.shape if isinstance(d, Dim)]
    return len(sizes) == len(value.shape) and all(d.symbols <= known for d in sizes)


def _from_tuple(at: Place, node: object) -> str | None:
    """Where one of a tuple of states was taken for a part of a state."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    held = at.locals.get(node.value.id)
    if not isinstance(held, tuple) or not all(isinstance(v, TensorType) for v in held):
        return None
    names = ", ".join("hcdefg"[k] if k < 6 else "_" for k in range(len(held)))
    return f"`{node.value.id}` is a tuple of {len(held)} tensors, and this is one of them: unpack it, `{names} = {node.value.id}`"


def _difference(c: Check, at: Place, declared: TensorType, value: TensorType) -> tuple[str, str | None]:
    if declared.dtype is not value.dtype:
        return "E0401", f"`to({declared.dtype})` converts"
    if len(declared.shape) != len(value.shape):
        return "E0302", _other_rank(c, at, declared, value)
    if (swapped := _swapped(at, declared, value)) is not None:
        return "E0308", _by_batch(c, value) or swapped
    for k, (a, b) in enumerate(zip(declared.shape, value.shape, strict=True)):
        if isinstance(a, Dim) and isinstance(b, Dim) and not at.facts.equal(a, b):
            cond = Cond.eq(b, a)
            if at.decide(cond) is None and not (a.symbols | b.symbols) & c.block.symbols.dynamic:
                other = f"dim {k} is `{b}`, where the type says `{a}`, and nothing says that they are equal"
                return "E0308", _by_batch(c, value) or c.stated(cond) or f"{other}; `_` takes what is there"
    return "E0308", None


def _other_rank(c: Check, at: Place, declared: TensorType, value: TensorType) -> str | None:
    """What takes a dim too many away."""
    _, before, name = c.notes.came.get(id(value), (None, None, ""))
    if name == "stack" and len(value.shape) == len(declared.shape) + 1:
        return "`stack` makes a new dim; `cat` joins tensors along one that they have"
    if isinstance(before, TensorType) and name == "indexing":
        return None
    for k, size in enumerate(value.shape):
        if size == dim(1) and fits(at, declared, value.with_shape((*value.shape[:k], *value.shape[k + 1 :]))):
            return f"`squeeze({k})` takes the dim of size 1 away"
    return None


def _swapped(at: Place, declared: TensorType, value: TensorType) -> str | None:
    """The two dims that stand in each other's place."""
    for i, j in combinations(range(len(value.shape)), 2):
        shape = list(value.shape)
        shape[i], shape[j] = shape[j], shape[i]
        if shape != list(value.shape) and fits(at, declared, value.with_shape(tuple(shape))):
            return f"`transpose({i}, {j})` puts them in this order"
    return None


def _by_batch(c: Check, value: TensorType) -> str | None:
    """Where a layer took the first dim for the time: it does so unless it is told that the batch comes first."""
    seen: set[int] = set()
    here: Value = value
    while id(here) in c.notes.came and id(here) not in seen:
        seen.add(id(here))
        _, before, name = c.notes.came[id(here)]
        layer = getattr(c.block.members.get(name), "layer", None)
        if (
            getattr(layer, "batch_first", None) is False
            and isinstance(before, TensorType)
            and len(before.shape) == 3
        ):
            time, batch = before.shape[:2]
            return f"{name} takes {time} for the time and {batch} for the batch: `batch_first=true` makes it the other way"
        here = before
    return None


def fits(at: Place, declared: Value, value: Value) -> bool:
    if isinstance(declared, TensorType):
        if not isinstance(value, TensorType) or declared.dtype is not value.dtype:
            return False
        return len(declared.shape) == len(value.shape) and all(
            _fits_size(at, d, v) for d, v in zip(declared.shape, value.shape, strict=True)
        )
    if isinstance(declared, Maybe):
        if value is None:
            return True
        return fits(at, declared.value, value.value if isinstance(value, Maybe) else value)
    if isinstance(declared, tuple | list):
        if isinstance(value, Mapped) and at.facts.equal(value.length, len(declared)):
            value = first_items(value, len(declared))
        if not isinstance(value, tuple | list) or len(declared) != len(value):
            return False
        return all(fits(at, d, v) for d, v in zip(declared, value, strict=True))
    if isinstance(declared, Mapped):
        return _fits_list(at, declared, value)
    return declared is value or declared == value


def _fits_list(at: Place, declared: Mapped, value: Value) -> bool:
    if isinstance(value, Mapped):
        item = item_at(value, declared.index)
        under = at.under(Cond.lt(declared.index, declared.length))
        return under.facts.equal(declared.length, value.length) and fits(under, declared.item, item)
    if isinstance(value, list):
        items = first_items(declared, len(value))
        return at.facts.equal(declared.length, len(value)) and all(
            fits(at, d, v) for d, v in zip(items, value, strict=True)
        )
    if isinstance(value, Parts) and not type_symbols(declared) & at.frame.wild:
        start = dim(0)
        for part in value.parts:
            if isinstance(part, Mapped):
                under = at.under(Cond.lt(part.index, part.length))
                if not fits(under, item_at(declared, start + part.index), part.item):
                    return False
                start = start + part.length
                continue
            if not all(fits(at, item_at(declared, start + k), v) for k, v in enumerate(part)):
                return False
            start = start + len(part)
        return at.facts.equal(declared.length, start)
    return False


def _fits_size(at: Place, declared: Dim | Pack, value: Dim | Pack) -> bool:
    if isinstance(declared, Pack) or isinstance(value, Pack):
        return declared == value
    if declared == value or str(declared) in at.frame.wild:
        return True
    return at.facts.equal(declared, value)
