"""The bodies of methods and tensor functions."""

from __future__ import annotations

from collections.abc import Iterator

from spec_lang.ir.from_ast.expressions.conversions import condition
from spec_lang.ir.from_ast.expressions.joining import Different, Ends, common_type, join
from spec_lang.ir.from_ast.expressions.trails import trail
from spec_lang.ir.from_ast.names.unreached import unreached
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.types.agreeing import fits, same_type
from spec_lang.ir.from_ast.uses.obligations import owe, time
from spec_lang.ir.from_ast.values.kinds import has_tensor, is_module
from spec_lang.ir.from_ast.values.substitution import item_at, substitute
from spec_lang.ir.from_ast.values.texts import type_symbols, type_text
from spec_lang.ir.from_ast.values.value import POISON, Mapped, Maybe, Value
from spec_lang.shapes import Absent, Cond, Dim, TensorType, dim, symbol
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk


def require_statement(c: Check, at: Place, node: ast.Require) -> bool:
    require(c, at, node)
    return False


def require(c: Check, at: Place, node: ast.Require) -> None:
    """A condition of the author's: a fact from here on, owed by every use where it is not proved."""
    cond = condition(c, at, c.ev(at, node.test), node.test)
    if cond is POISON:
        return
    assert isinstance(cond, bool | Cond)
    known = at.decide(cond)
    message = node.message.value if node.message is not None else str(cond)
    early = not at.path and _is_outermost(c, node) and _is_early(c, at, node.test)
    if known is False:
        shown = c.source.at(node.test.span)
        notes = () if isinstance(cond, bool) or cond == Cond.FALSE else (f"it is `{cond}`",)
        c.error("E0602", f"`{shown}` never holds", node.test, notes=notes, built=early)
    when = time(c, cond) if isinstance(cond, Cond) and not at.path else "init" if early else "call"
    c.effects.note(c.notes.required, node.number, (known, when))
    if known is None and isinstance(cond, Cond):
        place = c.label(node.test, "required here")
        at.assume(cond)
        owe(c, at, cond, message, place, True)


def _is_outermost(c: Check, node: ast.Require) -> bool:
    """Whether a condition stands in no branch and no loop, so that the constructor checks it as it is written."""
    parts = getattr(c.definition.node, "parts", ())
    return any(s is node for p in parts for s in (p, *(p.body if isinstance(p, ast.Method) else ())))


def _is_early(c: Check, at: Place, test: ast.Expr) -> bool:
    """Whether construction knows all that a condition names."""

    def late(size: Value) -> bool:
        names = size.symbols if isinstance(size, Dim) else frozenset()
        return any(n in c.block.dims and n not in c.effects.needed for n in names)

    names = {n.id for n in walk(test) if isinstance(n, ast.Name)}
    if names & (at.locals.keys() | at.bound.keys() | c.block.members.keys()):
        return False
    return not any(late(c.block.dims.get(n)) or late(c.block.lets.get(n)) for n in names)


def return_(c: Check, at: Place, node: ast.Return) -> bool:
    value = c.ev(at, node.value)
    at.frame.returned = True
    c.told(value, node.value)
    if value is POISON:
        at.frame.value = POISON
        return True
    if at.frame.declared is None:
        _inferred_result(c, at, value, node)
        return True
    declared = at.frame.declared
    if len(declared) == 1 and not at.frame.is_tuple:
        same_type(c, at, declared[0], value, node.value, "the result's type", at.frame.nodes[0])
        _take_wild(c, at, declared[0], value, node.value, at.frame.nodes[0])
        return True
    if not isinstance(value, tuple | list) or len(value) != len(declared):
        n = len(value) if isinstance(value, tuple | list) else 1
        if len(declared) == n:
            message = "the results are a tuple of one, as their parentheses say, but no tuple is returned"
            given = c.source.at(node.value.span)
            hint = f"return a tuple, `({given},)`, or write the result's type without parentheses and a name"
        else:
            found = f"{n} {'is' if n == 1 else 'are'} returned"
            message = f"{len(declared)} {'result is' if len(declared) == 1 else 'results are'} declared, but {found}"
            hint = None
        c.error(
            "E0309", message, node.value, labels=(c.label(at.frame.nodes[0], "declared here"),), help=hint
        )
        return True
    nodes = node.value.items if isinstance(node.value, ast.Tuple) else [node.value] * len(declared)
    for d, v, n_, t in zip(declared, value, nodes, at.frame.nodes, strict=False):
        same_type(c, at, d, v, n_, "the result's type", t)
        _take_wild(c, at, d, v, n_, t)
    return True


def _take_wild(c: Check, at: Place, declared: Value, value: Value, node: ast.Expr, type: ast.Type) -> None:
    """What `_` in a result's type stands for: what every return gives; in a list's, a function of the list's index."""
    for name, size in _wild_sizes(at, declared, value):
        known = at.frame.wild_values.setdefault(name, size)
        if not at.facts.equal(known, size):
            of_items = isinstance(declared, Mapped) and isinstance(value, list)
            c.error(
                "E0308",
                "`_` in the result's type is one size, and the items of this list differ"
                if of_items
                else f"`_` in the result's type is {known} elsewhere, and {size} here",
                node,
                labels=(c.label(type, "declared here"),),
                help="one `_` is one size: write the size out where it depends on more than the inputs",
            )
            return


def _wild_sizes(at: Place, declared: Value, value: Value) -> Iterator[tuple[str, Dim]]:
    """The sizes that stand where a type has `_`."""
    if isinstance(declared, Maybe):
        declared, value = declared.value, value.value if isinstance(value, Maybe) else value
    if isinstance(declared, TensorType) and isinstance(value, TensorType):
        for d, v in zip(declared.shape, value.shape, strict=False):
            if isinstance(d, Dim) and str(d) in at.frame.wild and isinstance(v, Dim):
                yield str(d), v
    elif isinstance(declared, Mapped) and isinstance(value, Mapped):
        yield from _wild_sizes(at, declared.item, item_at(value, declared.index))
    elif isinstance(declared, Mapped) and isinstance(value, list):
        for each in value:
            yield from _wild_sizes(at, declared.item, each)
    elif isinstance(declared, tuple | list) and isinstance(value, tuple | list):
        for d_, v_ in zip(declared, value, strict=False):
            yield from _wild_sizes(at, d_, v_)


def _inferred_result(c: Check, at: Place, value: Value, node: ast.Return) -> None:
    if at.frame.value is None:
        at.frame.value = value
    elif at.frame.value is not POISON and not fits(at, at.frame.value, value):
        c.error(
            "E0308",
            f"one return gives {type_text(at.frame.value)}, this one {type_text(value)}",
            node.value,
        )


def if_(c: Check, at: Place, node: ast.If) -> bool:
    test = condition(c, at, c.ev(at, node.test), node.test)
    if test is POISON:
        ends = [_unreached(c, at, body) for body in (node.body, node.orelse)]
        at.locals = {**{n: POISON for end in ends for n in end.locals}, **at.locals}
        return False
    assert isinstance(test, bool | Cond)
    if isinstance(test, bool):
        live, dead = (node.body, node.orelse) if test else (node.orelse, node.body)
        _unreached(c, at, dead)
        return c.body(at, live)
    return _branches(c, at, test, node)


def _unreached(c: Check, at: Place, body: tuple[ast.Statement, ...]) -> Place:
    """Go through a branch that is never taken."""
    return unreached(c, at, body, lambda p: c.body(p, body))


def _branches(c: Check, at: Place, test: Cond, node: ast.If) -> bool:
    then, other = at.branch(test).fork(), at.branch(~test).fork()
    first = c.body(then, node.body)
    second = c.body(other, node.orelse)
    at.partial |= then.partial | other.partial
    at.looped |= then.looped | other.looped
    if first and second:
        return True
    if first or second:
        at.locals = other.locals if first else then.locals
        rest = ~test if first else test
        at.assume(rest)
        at.path = (*at.path, rest)
        return False
    at.partial |= then.locals.keys() ^ other.locals.keys()
    at.locals = _joined_locals(c, at, test, then, other, node)
    return False


def _joined_locals(
    c: Check, at: Place, test: Cond, then: Place, other: Place, node: ast.If
) -> dict[str, Value]:
    result: dict[str, Value] = {}
    ends = then.facts, other.facts
    for name, a in then.locals.items():
        if name not in other.locals:
            continue
        b = other.locals[name]
        if a is b:
            result[name] = a
        elif a is POISON or b is POISON:
            result[name] = POISON
        else:
            joined = _joined(c, at, test, a, b, ends)
            if isinstance(joined, Different):
                c.error(
                    "E0308",
                    f"`{name}` is {type_text(a)} where {test}, and {type_text(b)} elsewhere",
                    node.test,
                    notes=(*trail(c, a), *trail(c, b)),
                    help=_nothing_added(c, test, a, b)
                    or "give it one type in both branches, or another name in one",
                )
                joined = POISON
            result[name] = joined
    return result


def _nothing_added(c: Check, test: Cond, a: Value, b: Value) -> str | None:
    """What to state where two types are the same if a dim is 0 that an optional input has: `past` adds `P` to them."""
    inside = test.parts[0] if test.op == "not" else test
    if not (isinstance(inside.said, Absent) and isinstance(a, TensorType) and isinstance(b, TensorType)):
        return None
    there = f"{inside.said.name} is not none"
    for name in sorted(type_symbols(a) | type_symbols(b)):
        may_be_none = name in c.block.dims and c.block.dims[name] == symbol(name, 0)
        if may_be_none and substitute(a, {name: dim(0)}) == substitute(b, {name: dim(0)}):
            return f"say that nothing is added where it is absent: `require {there} or {name} == 0`"
    return None


def _joined(c: Check, at: Place, test: Cond, a: Value, b: Value, ends: Ends) -> Value | Different:
    if is_module(a) or is_module(b) or not (has_tensor(a) or has_tensor(b)) or a is None or b is None:
        return join(c, at, test, a, b, c.definition.node, ends)
    return common_type(c, at, test, a, b, ends)
