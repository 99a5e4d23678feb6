"""What an op's placement rule says of the axes of its inputs, its parameters and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spec_lang.ops import signature
from spec_lang.ops.base import Cx, Op, OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import Cond, Dim, DType, Facts, Pack, TensorType, dim, exact_div, symbol
from spec_lang.sharding.factors import Axis, Factor, Reason, flat, regroup, shared_out, unify, whole
from spec_lang.sharding.notation import Operand, Rule, read
from spec_lang.sharding.values import UNKNOWN, Items, Parameter, Source, Traced

Sizes = Sequence["Dim | Pack | None"]


class _Lenient(Cx):
    """Asks nothing of sizes: the checker did."""

    def __init__(self, name: str) -> None:
        super().__init__(Facts(), name)

    def require(self, cond: Cond, message: str, **_: Any) -> None:
        pass


class Place:
    """One call of an op: whose axes they are, and why they stay whole where it says so."""

    def __init__(self, op: type[Op], scope: str, reason: Reason) -> None:
        self.op = op
        self.scope = scope
        self.reason = reason
        self.rule = read(op.placement) if op.placement else None


def tensors_in(value: Any) -> list[Traced]:
    """The tensors of a value."""
    if isinstance(value, Traced):
        return [value]
    if isinstance(value, Items):
        return tensors_in(value.item)
    if isinstance(value, tuple | list):
        return [t for v in value for t in tensors_in(v)]
    if isinstance(value, Mapping):
        return [t for v in value.values() for t in tensors_in(v)]
    return []


def come_from(value: Any, source: Source) -> Any:
    """The same value, its tensors computed of these."""
    if isinstance(value, Traced):
        return Traced(value.axes, value.dims, source)
    if isinstance(value, Items):
        return Items(come_from(value.item, source))
    if isinstance(value, tuple):
        return tuple(come_from(v, source) for v in value)
    if isinstance(value, list):
        return [come_from(v, source) for v in value]
    return value


def keep_whole(value: Any, reason: Reason) -> None:
    """Say that something needs all axes of all tensors of a value."""
    for t in tensors_in(value):
        whole(t.axes, reason)


def function(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    """The result of a function; `values` are its arguments by name, `result` is a new value of its type."""
    rule = place.rule
    if rule is None:
        keep_whole(values, place.reason)
        keep_whole(result, place.reason)
        return result
    if not all(_is_one(values.get(name)) for name in rule.one):
        return _lost(place, tensors_in(values), result)
    if rule.kind == "named":
        return named(place, _operands(place, rule, values), {}, result)
    return _KINDS[rule.kind](place, values, result)


def layer(
    place: Place, inputs: Sequence[Any], values: Mapping[str, Any], made: Mapping[str, Parameter], result: Any
) -> Any:
    """The result of a layer; `values` are the arguments of its construction, `made` its parameters."""
    rule = place.rule
    first = inputs[0] if inputs else None
    if rule is not None and isinstance(first, Traced):
        if rule.kind == "batch":
            return _batch(place, {**values, "input": list(inputs)}, result)
        if len(tensors_in(inputs)) == 1 and all(_is_one(values.get(name)) for name in rule.one):
            if rule.kind == "named":
                return named(place, [(rule.operands[0], first)], made, result)
            return _KINDS[rule.kind](place, {**values, "input": first}, result)
    keep_whole([list(inputs), result, [Traced(p.axes, ()) for p in made.values()]], place.reason)
    return result


def _is_one(value: Any) -> bool:
    """Whether an argument is one size, or a list of one."""
    if isinstance(value, tuple | list):
        return len(value) == 1
    return isinstance(value, Dim | int)


def _operands(place: Place, rule: Rule, values: Mapping[str, Any]) -> list[tuple[Operand, Traced]]:
    given = iter(v for v in values.values() if isinstance(v, Traced))
    found = []
    for operand in rule.operands:
        value = values.get(operand.name) if operand.name else next(given, None)
        if isinstance(value, Traced):
            found.append((operand, value))
    return found


def named(
    place: Place, given: Sequence[tuple[Operand, Traced]], made: Mapping[str, Parameter], result: Any
) -> Any:
    """The result by a rule that names axes: what has one name is cut alike."""
    rule = place.rule
    assert rule is not None
    known: dict[str, Any] = {}
    parameters = [(o, made[o.name]) for o in rule.operands if o.name in made]
    for operand, axes in [*((o, t.axes) for o, t in given), *((o, p.axes) for o, p in parameters)]:
        bound = _bound(operand.axes, axes)
        if bound is None:
            keep_whole([t for _, t in given], place.reason)
            keep_whole(result, place.reason)
            for _, p in parameters:
                whole(p.axes, place.reason)
            return result
        for name, found in bound.items():
            known[name] = _matched(known[name], found, place.reason) if name in known else found
    for large, small in rule.groups:
        _grouped(known, large, small, place)
    for many, front, last in rule.on:
        _matched(known.get(f"*{many}", []), [*known[f"*{front}"], *known[last]], place.reason)
    for name in rule.whole:
        whole(known.get(name, ()), place.reason)
    for operand, parameter in parameters:
        for i, name in enumerate(operand.axes):
            new = name in rule.result and all(name not in o.axes for o, _ in given)
            parameter.role[i] = (
                "sum" if name in rule.sums else "rows" if name in rule.rows else "columns" if new else ""
            )
    if not isinstance(result, Traced):
        return result
    given_axes = [a for name in rule.result for a in known.get(name, [()])]
    if len(given_axes) != len(result.axes):
        return _lost(place, [t for _, t in given], result)
    return Traced(given_axes, result.dims)


def _bound(names: Sequence[str], axes: Sequence[Axis]) -> dict[str, list[Axis]] | None:
    """The axes behind the names, `*B` for those in front; None where there are fewer."""
    stars = bool(names) and names[0].startswith("*")
    fixed = names[1:] if stars else names
    if len(axes) < len(fixed) or (not stars and len(axes) != len(fixed)):
        return None
    split = len(axes) - len(fixed)
    bound = {n: [a] for n, a in zip(fixed, axes[split:], strict=True)}
    return {names[0]: list(axes[:split]), **bound} if stars else bound


def _matched(a: list[Axis], b: list[Axis], reason: Reason) -> list[Axis]:
    """Axes cut alike; those of the longer one, where one has fewer in front."""
    for left, right in zip(reversed(a), reversed(b), strict=False):
        if left and right:
            unify(left, right, reason)
    return a if len(a) >= len(b) else b


def _grouped(known: dict[str, Any], large: str, small: str, place: Place) -> None:
    """`heads` are some groups of each of `kv_heads`."""
    (a,), (b,) = known[large], known[small]
    many, few = flat(a), flat(b)
    if many == few or not few or (len(many) == 1 and len(few) == 1 and _equal(many[0], few[0])):
        unify(a, b, place.reason)
    elif len(many) == len(few) == 1:
        ratios = {}
        for scope in many[0].sizes.keys() & few[0].sizes.keys():
            ratios[scope] = exact_div(many[0].sizes[scope], few[0].sizes[scope])
        unify(a, (*few, Factor(ratios)), place.reason)
    elif many[: len(few)] != few:
        whole((a, b), place.reason)


def _equal(a: Factor, b: Factor) -> bool:
    return any(a.sizes[s] == b.sizes[s] for s in a.sizes.keys() & b.sizes.keys())


# --- Rules without names ------------------------------------------------------------------------


def _said_whole(place: Place, values: Mapping[str, Any], x: Traced) -> None:
    """The axes that the rule calls whole by the arguments that say which they are."""
    assert place.rule is not None
    for name in place.rule.whole:
        at = values.get(name, getattr(place.op, name, UNKNOWN))
        for i in at if isinstance(at, tuple | list) else (at,):
            if isinstance(i, int) and -len(x.axes) <= i < len(x.axes):
                whole((x.axes[i],), place.reason)
            else:
                whole(x.axes, place.reason)


def _each(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    given = [v for v in values.values() if isinstance(v, Traced)]
    for x in given:
        _said_whole(place, values, x)
    if not isinstance(result, Traced):
        keep_whole(given, place.reason)
        return result
    axes: list[Axis] = [()] * len(result.axes)
    for x in given:
        for i, a in enumerate(reversed(x.axes), 1):
            if i > len(axes) or not a:
                continue
            if axes[-i]:
                unify(axes[-i], a, place.reason)
            else:
                axes[-i] = a
    return Traced(axes, result.dims)


def _batch(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    assert place.rule is not None
    given = tensors_in(values)
    x = given[0]
    at = 0
    for name in place.rule.first:
        at = 0 if values.get(name, getattr(place.op, name)) is True else 1
    samples = x.axes[at] if len(x.axes) > 2 or not place.rule.first else ()
    for t in (*given, *tensors_in(result)):
        like = len(t.axes) == len(x.axes) and bool(samples) and bool(t.axes[at])
        whole((a for i, a in enumerate(t.axes) if not (like and i == at)), place.reason)
        if like:
            unify(samples, t.axes[at], place.reason)
    return result


def _new(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    reason = place.reason
    keep_whole(
        result, Reason(f"{reason.what}, made in its whole size", reason.file, reason.span, by_size=True)
    )
    return result


def _axes(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    given = tensors_in(values)
    rank = len(given[0].axes)
    if any(len(x.axes) != rank for x in given) or any(isinstance(d, Pack) for x in given for d in x.dims):
        return _lost(place, given, result)
    letters = [dim(1) if x == () else symbol(f"axis {i}") for i, x in enumerate(given[0].axes)]
    types = _inferred(place, values, letters)
    if types is None:
        at = values.get("dim", getattr(place.op, "dim", None))
        size = given[0].dims[at] if isinstance(at, int) and -rank <= at < rank else None
        if not isinstance(size, Dim):
            return _lost(place, given, result)
        letters[at] = size
        types = _inferred(place, values, letters)
        if types is None:
            return _lost(place, given, result)
        letters[at] = symbol(f"axis {at % rank}")  # nothing comes out as this one
    for x in given:
        _said_whole(place, values, x)
    shapes = _shapes(types)
    made = tensors_in(result)
    kept: set[int] = set()
    made_new: list[Axis] = []
    parts: list[Traced] = []
    for at, r in enumerate(made):
        shape = shapes[min(at, len(shapes) - 1)]
        if len(shape) != len(r.axes):
            return _lost(place, given, result)
        axes = []
        for size, new in zip(shape, r.axes, strict=True):
            i = letters.index(size) if size in letters and size != dim(1) else None
            if i is not None:
                kept.add(i)
                axes.append(given[0].axes[i])
            else:
                made_new.append(new)
                axes.append(new)
        parts.append(Traced(axes, r.dims))
    lost = any(x.axes[i] for x in given for i in range(rank) if i not in kept)
    reason = place.reason
    whole(made_new, reason if lost else Reason(reason.what, reason.file, reason.span, by_size=True))
    for i in range(rank):
        for x in given:
            if i in kept and x.axes[i]:
                unify(given[0].axes[i], x.axes[i], place.reason)
            elif i not in kept:
                whole((x.axes[i],), place.reason)
    left = iter(parts)
    return _rebuilt(result, lambda: next(left))


def _inferred(place: Place, values: Mapping[str, Any], letters: Sequence[Dim]) -> Any:
    """The types of the result for inputs of these sizes, or None where the shape rule needs to know more of them."""
    like = TensorType(DType.F32, tuple(letters))
    try:
        op: Any = signature.bind(
            place.op, (), {n: _with(v, like) for n, v in values.items() if v is not UNKNOWN}
        )
        return op.infer(_Lenient(place.op.name))
    except (OpError, signature.NeedsCase):
        return None


def _lost(place: Place, given: Sequence[Traced], result: Any) -> Any:
    keep_whole(list(given), place.reason)
    keep_whole(result, place.reason)
    return result


def _with(value: Any, like: TensorType) -> Any:
    """An argument with tensors of lettered axes in place of tensors, and slices as an op takes them."""
    if isinstance(value, slice):
        return SliceOf(value.start, value.stop, value.step)
    if isinstance(value, tuple):
        return tuple(_with(v, like) for v in value)
    if isinstance(value, Traced):
        return like
    if isinstance(value, Items):
        return [like, like]
    if isinstance(value, list) and any(isinstance(v, Traced) for v in value):
        return [like if isinstance(v, Traced) else v for v in value]
    return value


def _shapes(types: Any) -> list[Sequence[Any]]:
    if isinstance(types, TensorType):
        return [types.shape]
    return [s for t in types for s in _shapes(t)] if isinstance(types, tuple | list) else [()]


def _rebuilt(result: Any, one: Callable[[], Traced]) -> Any:
    if isinstance(result, Traced):
        return one()
    if isinstance(result, Items):
        return Items(_rebuilt(result.item, one))
    if isinstance(result, tuple | list):
        return tuple(_rebuilt(v, one) for v in result)
    return result


def _view(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    x = next(iter(tensors_in(values)))
    if isinstance(result, Traced):
        before, after = _behind_pack(x, result)
        if before is not None and after is not None:
            front = len(x.axes) - len(before)
            axes = regroup(x.axes[front:], before, after, place.scope)
            if axes is not None:
                return Traced([*x.axes[:front], *axes], result.dims)
    return _lost(place, [x], result)


def _behind_pack(x: Traced, result: Traced) -> tuple[list[Dim] | None, list[Dim] | None]:
    """The sizes of both, but for a pack that stays in front."""
    before, after = list(x.dims), list(result.dims)
    if before and after and isinstance(before[0], Pack) and before[0] == after[0]:
        before, after = before[1:], after[1:]
    return _all(before), _all(after)


def _all(sizes: Sizes) -> list[Dim] | None:
    known = [d for d in sizes if isinstance(d, Dim)]
    return known if len(known) == len(sizes) else None


def _pattern(place: Place, values: Mapping[str, Any], result: Any) -> Any:
    x = values.get("tensor")
    if not isinstance(x, Traced) or not isinstance(result, Traced) or None in x.dims:
        return _lost(place, tensors_in(values), result)
    try:
        known = {n: v for n, v in values.items() if v is not UNKNOWN}
        type_ = TensorType(DType.F32, tuple(d for d in x.dims if d is not None))
        op: Any = signature.bind(place.op, (), {**known, "tensor": type_})
        plan = op.plan(_Lenient(place.op.name))
    except (OpError, signature.NeedsCase):
        return _lost(place, [x], result)
    pieces: dict[str, Axis] = {}
    left, right = plan.pattern.left, plan.pattern.right
    rest = len(x.axes) - len(left.groups)
    at = 0
    for i, group in enumerate([*left.groups, ()]):
        if i == left.dots:
            pieces.update((f"...{j}", x.axes[at + j]) for j in range(rest))
            at += rest
        if i < len(left.groups):
            if not _taken_apart(pieces, group, x, at, plan, place):
                return _lost(place, [x], result)
            at += 1
    axes: list[Axis] = []
    for i, group in enumerate([*right.groups, ()]):
        if i == right.dots:
            axes += [pieces[f"...{j}"] for j in range(rest)]
        if i < len(right.groups):
            axes.append(tuple(f for n in group for f in pieces.get(n, ())))
    return Traced(axes, result.dims) if len(axes) == len(result.axes) else _lost(place, [x], result)


def _taken_apart(
    pieces: dict[str, Axis], group: Sequence[str], x: Traced, at: int, plan: Any, place: Place
) -> bool:
    if len(group) == 1:
        pieces[group[0]] = x.axes[at]
        return True
    if not x.axes[at]:
        return False
    axes = shared_out(flat(x.axes[at]), [plan.matched.sizes[n] for n in group], place.scope)
    if axes is None:
        return False
    pieces.update(zip(group, axes, strict=True))
    return True


_KINDS: Mapping[str, Callable[[Place, Mapping[str, Any], Any], Any]] = {
    "each": _each,
    "axes": _axes,
    "view": _view,
    "batch": _batch,
    "new": _new,
    "pattern": _pattern,
}
