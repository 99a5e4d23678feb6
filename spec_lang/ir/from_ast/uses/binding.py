"""What a call's arguments make of the callee's dims."""

from __future__ import annotations

from collections.abc import Iterable

from spec_lang.ir.from_ast.expressions.lists import parts_of
from spec_lang.ir.from_ast.expressions.trails import trail
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.fitting import fit
from spec_lang.ir.from_ast.types.hyper_types import is_host, type_words
from spec_lang.ir.from_ast.types.hypers import bindings
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args, stage
from spec_lang.ir.from_ast.values.kinds import is_tensor
from spec_lang.ir.from_ast.values.substitution import first_items, item_at, substitute, substitute_dim
from spec_lang.ir.from_ast.values.texts import found_text, type_symbols, type_text
from spec_lang.ir.from_ast.values.value import POISON, Env, InputSummary, Mapped, Maybe, MethodSummary, Value
from spec_lang.ops.kinds import Choice, Real
from spec_lang.shapes import Absent, Cond, Dim, DType, Pack, Shape, TensorType, dim, exact_div, symbol
from spec_lang.shapes.linear import linear, symbol_in
from spec_lang.syntax import ast


class Pair:
    """A size that a callee declares, and the one that it gets."""

    __slots__ = ("actual", "axis", "formal", "input", "type", "within")

    def __init__(self, formal: Dim, actual: Dim | Pack, input: str, axis: int, type: TensorType) -> None:
        self.formal = formal
        self.actual = actual
        self.input = input
        self.axis = axis
        self.type = type
        self.within: Cond | None = None
        """What holds of the index of a list's item, of which it is a size."""


class _Call:
    """One call while its inputs are bound: what the callee's names stand for so far, and what is still to be compared."""

    __slots__ = ("env", "indices", "label", "node", "pairs")

    def __init__(self, env: Env, node: ast.Expr, label: str) -> None:
        self.env = env
        self.node = node
        self.label = label
        self.pairs: list[Pair] = []
        self.indices: dict[str, str] = {}
        """The symbols of indices of lists that are passed, each with its input's name."""


def bind_inputs(
    c: Check, at: Place, callee: MethodSummary, args: Args, env: Env, node: ast.Expr, label: str
) -> bool:
    """What a call's arguments make of a callee's dims, in `env`; mistakes are reported."""
    given = _matched(c, callee, args, node, label)
    if given is None:
        return False
    call = _Call(env, node, label)
    for item in callee.inputs:
        early = item.name in given or item.value is None
        if early and not _pair(c, at, callee, item, given.get(item.name), call):
            return False
    if not _solve(c, at, callee, call):
        return False
    for item in callee.inputs:
        if item.name not in given and item.value is not None:
            value = _default_of(callee, item, given, env)
            if not (_pair(c, at, callee, item, value, call) and _solve(c, at, callee, call)):
                return False
    _absent_dims(callee, callee.dims, env)
    if not (_solve(c, at, callee, call) and _alike(c, callee, call)):
        return False
    return _absent_together(c, at, callee, call)


def _default_of(callee: MethodSummary, item: InputSummary, given: dict[str, Value], env: Env) -> Value:
    """What an input that is left out is."""
    if isinstance(item.default, ast.Name) and item.default.id in given:
        return given[item.default.id]
    _absent_dims(callee, type_symbols(item.value) & callee.dims.keys(), env)
    return substitute(item.value, env)


def _absent_dims(callee: MethodSummary, names: Iterable[str], env: Env) -> None:
    """The dims that only absent inputs tell are 0."""
    for name in names:
        d = callee.dims[name]
        env.setdefault(f"*{name}" if isinstance(d, Pack) else name, () if isinstance(d, Pack) else dim(0))


def _absent_together(c: Check, at: Place, callee: MethodSummary, call: _Call) -> bool:
    """A callee assumes that a dim which only optional inputs tell is 0 where one of them is absent, and where one is
    there of which it is a size, at least 1.

    The former is owed where another input or the result has the dim, too.
    """
    resulting = type_symbols(callee.result)
    for item in callee.inputs:
        absent = call.env.get(Absent(item.name), False)  # left out, it is what its default is
        for name in callee.absent.get(item.name, ()):
            others = [i.name for i in callee.inputs if i is not item and name in type_symbols(i.type)]
            value = call.env[name]
            assert isinstance(absent, Cond | bool)
            assert isinstance(value, Dim)
            some = Cond.ge(value, 1)
            alone = not others and name not in resulting
            fits = alone or absent is False or at.under(absent).decide(Cond.eq(value, 0)) is True
            present = at.branch(host.negation(absent))
            counts = name in callee.present.get(item.name, ())
            known = absent is True or not counts or present.decide(some)
            if known is None:
                owe(c, present, some, f"{call.label} needs {some}", call.node, False)
            if fits and known is not False:
                continue
            c.error(
                "E0406",
                f"{call.label} takes {name} to be 0 {'exactly ' * counts}where its {item.name} is absent, but here it is {value}",
                stage(call.node),
                help=f"pass {' and '.join([item.name, *others])}, or none of them" if others else None,
            )
            return False
    return True


def _matched(
    c: Check, callee: MethodSummary, args: Args, node: ast.Expr, label: str
) -> dict[str, Value] | None:
    names = [i.name for i in callee.inputs]
    if len(args.values) > len(names):
        takes = f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})" if names else "no inputs"
        c.error("E0510", f"{label} takes {takes}, but gets {len(args.values)}", stage(node))
        return None
    given = dict(zip(names, args.values, strict=False))
    for key, value in args.kwargs.items():
        given_at = args.named.get(key, node)
        place = c.program.keywords.get(given_at, given_at)
        if key not in names:
            hint = c.suggestion(key, names) or f"its inputs are {', '.join(names)}"
            c.error("E0512", f"{label} has no input `{key}`", place, help=hint)
            return None
        if key in given:
            c.error("E0513", f"{label} gets `{key}` twice", place)
            return None
        given[key] = value
    missing = [
        i.name
        for i in callee.inputs
        if i.name not in given and i.default is None and (not i.optional or is_host(i.node.type))
    ]
    if missing:
        c.error("E0511", f"{label} needs {' and '.join(f'`{m}`' for m in missing)}", stage(node))
        return None
    return given


def _pair(c: Check, at: Place, callee: MethodSummary, item: InputSummary, value: Value, call: _Call) -> bool:
    value = at.resolve(value)
    formal = item.type.value if isinstance(item.type, Maybe) else item.type
    if item.optional:
        call.env[Absent(item.name)] = value.absent if isinstance(value, Maybe) else value is None
    if value is None and item.optional:
        return True
    if isinstance(value, Maybe):
        if not item.optional:
            c.error(
                "E0406",
                f"{call.label}'s {item.name} must be there, and this may be none",
                call.node,
                help="pass it where `is not none` is known",
            )
            return False
        value = value.value
    if isinstance(formal, Dim | Real | Cond | Choice):
        return _pair_numbers(c, at, formal, value, item, call)
    if is_host(item.node.type):
        return _pair_host(c, at, callee, value, item, call)
    return _pair_types(c, at, formal, value, item.name, call)


def _pair_host(
    c: Check, at: Place, callee: MethodSummary, value: Value, item: InputSummary, call: _Call
) -> bool:
    """An input that is a list, a tuple or a record of numbers."""
    type = item.node.type.base if isinstance(item.node.type, ast.OptionalType) else item.node.type
    fitted = fit(c, at.within(callee.scope), value, type, item.name, stage(call.node))
    if fitted is POISON:
        return False
    bindings(item.name, fitted, type, call.env)
    return True


def _pair_numbers(
    c: Check, at: Place, formal: Dim | Real | Cond | Choice, value: Value, item: InputSummary, call: _Call
) -> bool:
    """An input that is no tensor: an int, a float, a truth or a choice."""
    if isinstance(formal, Dim):
        good = isinstance(value, Dim)
    elif isinstance(formal, Real):
        good = isinstance(value, Dim | float | Real)
    elif isinstance(formal, Cond):
        good = isinstance(value, bool | Cond)
    else:
        options = (value,) if isinstance(value, str) else value.options if isinstance(value, Choice) else ()
        good = bool(options) and set(options or ()) <= set(formal.options or ())
    if not good:
        type = item.node.type
        c.error(
            "E0505",
            f"{call.label}'s {item.name} is {type_words(type)}, not {found_text(value)}",
            stage(call.node),
        )
        return False
    if isinstance(formal, Dim) and isinstance(value, Dim) and not _within(c, at, formal, value, item, call):
        return False
    call.env[item.name] = value
    return True


def _within(c: Check, at: Place, formal: Dim, value: Dim, item: InputSummary, call: _Call) -> bool:
    """An int must lie within the bounds of its input's type."""
    low, high = formal.bounds
    for cond, limit in (
        (Cond.TRUE if low is None else Cond.ge(value, low), f"at least {low}"),
        (Cond.TRUE if high is None else Cond.le(value, high), f"at most {high}"),
    ):
        known = at.decide(cond)
        if known is False:
            c.error("E0507", f"{call.label}'s {item.name} is {limit}, but gets {value}", stage(call.node))
            return False
        if known is None:
            owe(c, at, cond, f"{call.label} needs {cond}", call.node, False)
    return True


def _pair_types(c: Check, at: Place, formal: Value, value: Value, name: str, call: _Call) -> bool:
    if isinstance(formal, TensorType) and isinstance(value, TensorType):
        return _pair_tensors(c, at, formal, value, name, call)
    if isinstance(formal, tuple | list) and isinstance(value, tuple | list) and len(formal) == len(value):
        parts = zip(formal, value, strict=True)
        return all(_pair_types(c, at, f, v, name, call) for f, v in parts)
    if isinstance(formal, Mapped):
        return _pair_lists(c, at, formal, value, name, call)
    if isinstance(formal, list) and isinstance(value, Mapped):
        n = len(formal)
        if at.decide(Cond.eq(value.length, n)):
            return _pair_types(c, at, formal, first_items(value, n), name, call)
    if not is_tensor(formal) and not isinstance(formal, tuple | list | Mapped):
        return True
    c.error(
        "E0403",
        f"{call.label}'s {name} is {type_text(formal)}, but gets {found_text(value)}",
        stage(call.node),
    )
    return False


def _other_than_list(value: Value) -> str:
    """What stands where a list of tensors is taken."""
    found = found_text(value)
    return "a list of something else" if found == "a list" else found


def _pair_lists(c: Check, at: Place, formal: Mapped, value: Value, name: str, call: _Call) -> bool:
    parts = parts_of(list(value) if isinstance(value, tuple) else value)
    if parts is None:
        c.error(
            "E0403",
            f"{call.label}'s {name} is a list of tensors, not {_other_than_list(value)}",
            stage(call.node),
        )
        return False
    start = dim(0)
    for part in parts:
        if isinstance(part, Mapped):
            index = c.fresh(f"{name}_index", 0)
            call.indices[str(index)] = name
            if at.decide(Cond.ge(part.length, 1)):  # the first item binds dims
                first = item_at(formal, start), item_at(part, dim(0))
                if not _pair_types(c, at, *first, name, call):
                    return False
            before = len(call.pairs)
            if not _pair_types(c, at, item_at(formal, start + index), item_at(part, index), name, call):
                return False
            for pair in call.pairs[before:]:
                pair.within = Cond.lt(index, part.length)
            start = start + part.length
        else:
            for k, v in enumerate(part):
                if not _pair_types(c, at, item_at(formal, start + k), v, name, call):
                    return False
            start = start + len(part)
    call.pairs.append(Pair(formal.length, start, name, -1, TensorType(DType.I64, ())))
    return True


def _alike(c: Check, callee: MethodSummary, call: _Call) -> bool:
    """A dim has one value for all items of a list."""
    for name, d in callee.dims.items():
        value = call.env.get(f"*{name}" if isinstance(d, Pack) else name)
        for size in value if isinstance(value, tuple) else (value,):
            own = size.symbols & set(call.indices) if isinstance(size, Dim) else ()
            for index in own:
                c.error(
                    "E0301",
                    f"{call.label}'s {call.indices[index]} has one {name} for all its items, but here it is {size}",
                    stage(call.node),
                )
                return False
    return True


def _pair_tensors(
    c: Check, at: Place, formal: TensorType, actual: TensorType, name: str, call: _Call
) -> bool:
    if formal.dtype is not actual.dtype:
        convert = f"`to({formal.dtype})` converts"
        c.error(
            "E0401",
            f"{call.label}'s {name} is {formal.dtype}, but {actual.dtype} flows in",
            stage(call.node),
            notes=trail(c, actual),
            help=convert,
        )
        return False
    matched = _axes(at, formal.shape, actual.shape, call)
    if matched is None:
        shown = substitute(formal, {k: v for k, v in call.env.items() if not isinstance(v, tuple)})
        c.error(
            "E0302",
            f"{call.label}'s {name} is {shown}, but {actual} flows in",
            stage(call.node),
            notes=trail(c, actual),
        )
        return False
    for axis, f, a in matched:
        assert isinstance(f, Dim)
        call.pairs.append(Pair(f, a, name, axis, actual))
    return True


def _axes(
    at: Place, formal: Shape, actual: Shape, call: _Call
) -> list[tuple[int, Dim | Pack, Dim | Pack]] | None:
    """The sizes that belong together, by axis; a pack takes what the others leave. None where that does not fit."""
    first = next((i for i, d in enumerate(formal) if isinstance(d, Pack)), None)
    if first is None:
        fits = len(actual) == len(formal) and not any(isinstance(d, Pack) for d in actual)
        return list(zip(range(len(actual)), formal, actual, strict=True)) if fits else None
    after = len(formal) - first - 1
    end = len(actual) - after
    if end < first or any(isinstance(d, Pack) for d in (*actual[:first], *actual[end:])):
        return None
    pack, inner = formal[first], actual[first:end]
    assert isinstance(pack, Pack)
    known = call.env.setdefault(f"*{pack.name}", inner)
    assert isinstance(known, tuple)
    if len(known) != len(inner) or not all(_same_size(at, a, b) for a, b in zip(known, inner, strict=True)):
        return None
    axes = (*range(first), *range(-after, 0))
    return list(
        zip(axes, (*formal[:first], *formal[first + 1 :]), (*actual[:first], *actual[end:]), strict=True)
    )


def _same_size(at: Place, a: Value, b: Dim | Pack) -> bool:
    return a == b or (isinstance(a, Dim) and isinstance(b, Dim) and at.facts.equal(a, b))


def _solve(c: Check, at: Place, callee: MethodSummary, call: _Call) -> bool:
    """Bind each dim by an entry linear in it, and prove the other entries."""
    waiting, call.pairs = call.pairs, []
    while waiting:
        rest: list[Pair] = []
        for p in waiting:
            there = at if p.within is None else at.under(p.within)
            unknown = [n for n in sorted(p.formal.symbols) if n in callee.dims and n not in call.env]
            if len(unknown) > 1:
                rest.append(p)
            elif unknown:
                if not _bind(c, at, p, unknown[0], call, rest):
                    return False
            elif not _equal(c, there, p, call):
                return False
        if len(rest) == len(waiting):
            call.pairs = rest
            break
        waiting = rest
    return True


def _bind(c: Check, at: Place, p: Pair, name: str, call: _Call, rest: list[Pair]) -> bool:
    assert isinstance(p.actual, Dim)
    if p.formal == symbol(name):
        call.env[name] = p.actual
        return _large_enough(c, at, p, p.formal, name, p.actual, call)
    formal = substitute_dim(p.formal, call.env)
    parts = linear(formal, name)
    if parts is None:
        rest.append(p)
        return True
    scale, offset = parts
    target = p.actual - offset
    if scale == 1:
        call.env[name] = target
    else:
        divides = Cond.divides(scale, target)
        known = at.decide(divides)
        if not known:
            c.error(
                "E0306",
                f"{call.label} takes {p.formal} for axis {p.axis} of {p.input}, but {p.actual} flows in",
                stage(call.node),
                notes=(
                    f"{target} is not a multiple of {scale}"
                    if known is False
                    else f"`{divides}` is not known to hold",
                    *trail(c, p.type),
                ),
                state=divides if known is None else None,
            )
            return False
        call.env[name] = exact_div(target, scale)
    value, declared = call.env[name], symbol_in(p.formal, name)
    assert isinstance(value, Dim)
    assert declared is not None
    return _large_enough(c, at, p, declared, name, value, call)


def _large_enough(c: Check, at: Place, p: Pair, formal: Dim, name: str, value: Dim, call: _Call) -> bool:
    """A callee's dims are at least 1 (0 where only an optional input tells them)."""
    least = formal.bounds[0]
    known = value.bounds[0]
    if least is None or (known is not None and known >= least):
        return True
    low = Cond.ge(value, least)
    verdict = at.decide(low)
    if verdict is False:
        c.error(
            "E0304",
            f"{call.label}'s {name} would be {value}",
            stage(call.node),
            help=f"a dim that may be 0 is an int of its own: `{name}: int >= 0` before the tensors"
            if value == 0
            else None,
            notes=trail(c, p.type),
        )
        return False
    if verdict is None:
        owe(c, at, low, f"{call.label} needs {low}", call.node, False)
    return True


def _equal(c: Check, at: Place, p: Pair, call: _Call) -> bool:
    formal = substitute_dim(p.formal, call.env)
    if isinstance(p.actual, Dim) and (formal == p.actual or at.facts.equal(formal, p.actual)):
        return True
    is_known = isinstance(p.actual, Dim) and formal.const is not None and p.actual.const is not None
    shown = f"{formal}" if formal == p.formal else f"{p.formal} = {formal}"
    where = "the length of" if p.axis == -1 and not p.type.shape else f"axis {p.axis} of"
    c.error(
        "E0301",
        f"{call.label} takes {shown} for {where} {p.input}, but {p.actual} flows in",
        stage(call.node),
        notes=trail(c, p.type),
        state=Cond.eq(p.actual, formal) if isinstance(p.actual, Dim) and not is_known else None,
    )
    return False
