"""Values as conditions and numbers, and arithmetic on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spec_lang.ir.arithmetic import NoValue
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.choices import join_case
from spec_lang.ir.from_ast.values.kinds import is_tensor
from spec_lang.ir.from_ast.values.value import POISON, Case, Maybe, Template, Value
from spec_lang.ops.kinds import Choice
from spec_lang.shapes import Absent, Cond, Dim, TooLarge, Undefined
from spec_lang.syntax import ast


def operate(
    c: Check, at: Place, op: Callable[[Place, Value, Value], Value], a: Value, b: Value, node: ast.Expr
) -> Value:
    """A binary host operator, through cases: each is computed where its condition holds."""
    a, b = number_of(c, at, a, node), number_of(c, at, b, node)
    if a is POISON or b is POISON:
        return POISON
    if isinstance(a, Case):
        return cased(c, at, a, lambda there, x: operate(c, there, op, x, b, node), node)
    if isinstance(b, Case):
        return cased(c, at, b, lambda there, y: operate(c, there, op, a, y, node), node)
    return computed(c, at, lambda: op(at, a, b), node)


def cased(c: Check, at: Place, case: Case, f: Callable[[Place, Value], Value], node: ast.Expr) -> Value:
    """What a function makes of one of two values, each where it is that one."""
    there, other = at.branch(case.cond), at.branch(~case.cond)
    yes = computed(c, there, lambda: f(there, case.yes), node)
    no = computed(c, other, lambda: f(other, case.no), node)
    return POISON if POISON in (yes, no) else join_case(case.cond, yes, no)


def condition(c: Check, at: Place, value: Value, node: ast.Expr) -> Value:
    """A value as a condition that is known without the data."""
    value = at.resolve(value)
    if value is POISON or isinstance(value, bool | Cond):
        return value
    if isinstance(value, Case):
        yes, no = condition(c, at, value.yes, node), condition(c, at, value.no, node)
        if isinstance(yes, bool | Cond) and isinstance(no, bool | Cond):
            return host.disjunction(host.conjunction(value.cond, yes), host.conjunction(~value.cond, no))
        return POISON
    if is_tensor(value) and not isinstance(value, Maybe):
        return c.error(
            "E0405",
            "a condition must be known without the data, and this is a tensor",
            node,
            help="`where(condition, a, b)` chooses element by element; `&`, `|` and `~` join tensors of truths",
        )
    if isinstance(value, Maybe) or value is None:
        return c.error("E0405", "whether it is there is asked by `is none` and `is not none`", node)
    if isinstance(value, Dim):
        return c.error("E0405", f"a condition compares: `{value} != 0`", node)
    return c.error("E0405", f"a condition is true or false, not {host.kind_of(value)}", node)


def text_of(parts: Sequence[Value]) -> Value:
    """The text that values make, one behind the other."""
    flat = [p for part in parts for p in (part.parts if isinstance(part, Template) else (part,))]
    if all(isinstance(p, str | int) or (isinstance(p, Dim) and p.const is not None) for p in flat):
        return "".join(map(str, flat))
    if all(isinstance(p, str | Dim) for p in flat):
        return Template(tuple(p for p in flat if isinstance(p, str | Dim)))
    return Choice("".join(p if isinstance(p, str) else f"{{{p}}}" for p in flat), ())


def number_of(c: Check, at: Place, value: Value, node: ast.Expr) -> Value:
    value = at.resolve(value)
    if isinstance(value, Maybe) and not is_tensor(value):
        return present(c, value, node)
    return value


def present(c: Check, value: Maybe, node: ast.Expr) -> Value:
    """What must be there."""
    return c.error(
        "E0406",
        f"`{c.source.at(node.span)}` may be none here",
        node,
        help=f"use it where it is there: `... if {_present(value.absent)} else ...`",
    )


def computed(c: Check, at: Place, run: Callable[[], Value], node: ast.Expr) -> Value:
    """A host computation; what it has no value for is reported at the expression."""
    try:
        return at.resolve(run())
    except NoValue as error:
        return c.error(error.code, error.message, node, help=error.help)
    except TooLarge as error:
        return c.error("E0801", f"this is {error}", node)
    except Undefined as error:
        return c.error("E0803", f"this has no value: a {error}", node)


def _present(absent: Cond) -> str:
    """How a spec asks that something is there."""
    return f"{absent.said.name} is not none" if isinstance(absent.said, Absent) else f"not ({absent})"
