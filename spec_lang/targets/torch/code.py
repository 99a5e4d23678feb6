"""Python expressions as data, and their one-line text with no needless parentheses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias


class Atom(NamedTuple):
    """A name, a number or a string, as text."""

    text: str


class Attr(NamedTuple):
    value: Code
    name: str


class Kw(NamedTuple):
    """`name=value`, or `**value` where the name is None."""

    name: str | None
    value: Code


class Spread(NamedTuple):
    """`*value`."""

    value: Code


class Call(NamedTuple):
    func: Code
    args: tuple[Code, ...] = ()


class Index(NamedTuple):
    value: Code
    items: tuple[Code, ...]


class Slice(NamedTuple):
    start: Code | None
    stop: Code | None
    step: Code | None


class Unary(NamedTuple):
    """op is `-`, `+`, `~` or `not`."""

    op: str
    operand: Code


class Binary(NamedTuple):
    """An operator on numbers or tensors, or `and`, `or`."""

    op: str
    left: Code
    right: Code


class Compare(NamedTuple):
    first: Code
    rest: tuple[tuple[str, Code], ...]


class IfExp(NamedTuple):
    body: Code
    test: Code
    orelse: Code


class Tuple(NamedTuple):
    """`bare` where no parentheses are needed: after `return` or `=`, and between brackets."""

    items: tuple[Code, ...]
    bare: bool = False


class List(NamedTuple):
    items: tuple[Code, ...]


class Dict(NamedTuple):
    """A None key marks `**value`."""

    items: tuple[tuple[Code | None, Code], ...]


class For(NamedTuple):
    """`for target in iterable if test`, in a comprehension."""

    target: Code
    iterable: Code
    tests: tuple[Code, ...] = ()


class Comprehension(NamedTuple):
    """`[value for ...]`; brackets are `[]`, `{}` or `` (a generator as the only argument of a call)."""

    value: Code
    fors: tuple[For, ...]
    key: Code | None = None
    brackets: str = "[]"


Code: TypeAlias = (
    Atom
    | Attr
    | Kw
    | Spread
    | Call
    | Index
    | Slice
    | Unary
    | Binary
    | Compare
    | IfExp
    | Tuple
    | List
    | Dict
    | Comprehension
)


def atoms(code: object) -> set[str]:
    """The texts of all names, numbers and strings inside."""
    if isinstance(code, Atom):
        return {code.text}
    return {text for part in code for text in atoms(part)} if isinstance(code, tuple) else set()


OPERATORS = {
    "or": 2,
    "and": 3,
    "|": 6,
    "^": 7,
    "&": 8,
    "<<": 9,
    ">>": 9,
    "+": 10,
    "-": 10,
    "*": 11,
    "/": 11,
    "//": 11,
    "%": 11,
    "@": 11,
    "**": 13,
}
_IF, _OR, _NOT, _COMPARE, _UNARY, _PRIMARY = 1, 2, 4, 5, 12, 15


def name(text: str) -> Code:
    """A name, with or without dots."""
    head, *rest = text.split(".")
    code: Code = Atom(head)
    for part in rest:
        code = Attr(code, part)
    return code


def spliced(code: Code) -> tuple[Code, ...]:
    """What a list adds to another one: its items, or `*` of it where they are not written out."""
    return code.items if isinstance(code, List) else (Spread(code),)


def listed(iterator: Call) -> Code:
    """A list of what an iterator gives, which can be gone through again."""
    return List((Spread(iterator),))


def iterated(code: Code) -> Code:
    """What a `for` goes through once: of a list made of an iterator, that."""
    match code:
        case List((Spread(Call(Atom("zip" | "enumerate" | "reversed")) as iterator),)):
            return iterator
    return code


def precedence(code: Code) -> int:
    """How tightly an expression binds; primaries most."""
    match code:
        case IfExp():
            return _IF
        case Binary(op):
            return OPERATORS[op]
        case Unary(op):
            return _NOT if op == "not" else _UNARY
        case Compare():
            return _COMPARE
        case Tuple(bare=True):
            return 0
        case _:
            return _PRIMARY


def wrapped(code: Code, least: int) -> str:
    """The flat text, in parentheses where it binds less tightly than `least`."""
    text = flat(code)
    return f"({text})" if precedence(code) < least else text


def operand_levels(op: str) -> tuple[int, int]:
    """What the left and the right operand must bind at least as tightly as."""
    level = OPERATORS[op]
    return (level + 1, _UNARY) if op == "**" else (level, level + 1)


def flat(code: Code) -> str:
    """The text on one line."""
    match code:
        case Atom(text):
            return text
        case Attr(value, attr):
            return f"{receiver(value)}.{attr}"
        case Kw(key, value):
            return f"**{wrapped(value, _IF)}" if key is None else f"{key}={wrapped(value, _IF)}"
        case Spread(value):
            return f"*{wrapped(value, 6)}"
        case Call(func, args):
            return f"{receiver(func)}({', '.join(wrapped(a, _IF) for a in args)})"
        case Index(value, items):
            return f"{receiver(value)}[{', '.join(map(flat, items))}]"
        case Slice():
            return _slice(code)
        case Unary(op, operand):
            return f"not {wrapped(operand, _NOT)}" if op == "not" else op + wrapped(operand, _UNARY)
        case Binary(op, left, right):
            least, most = operand_levels(op)
            gap = "" if op == "**" and _power_operand(left) and _power_operand(right) else " "
            return f"{wrapped(left, least)}{gap}{op}{gap}{wrapped(right, most)}"
        case Compare(first, rest):
            tail = "".join(f" {op} {wrapped(x, _COMPARE + 1)}" for op, x in rest)
            return wrapped(first, _COMPARE + 1) + tail
        case IfExp(body, test, orelse):
            return f"{wrapped(body, _OR)} if {wrapped(test, _OR)} else {wrapped(orelse, _IF)}"
        case Tuple(items, bare):
            inside = ", ".join(wrapped(x, _IF) for x in items) + ("," if len(items) == 1 else "")
            return inside if bare and items else f"({inside})"
        case List(items):
            return f"[{', '.join(wrapped(x, _IF) for x in items)}]"
        case Dict(items):
            return "{" + ", ".join(map(entry, items)) + "}"
        case Comprehension(brackets=brackets):
            return brackets[:1] + " ".join(clauses(code)) + brackets[1:]


def entry(item: tuple[Code | None, Code]) -> str:
    """One item of a dict."""
    key, value = item
    return f"**{wrapped(value, _OR)}" if key is None else f"{flat(key)}: {wrapped(value, _IF)}"


def clauses(code: Comprehension) -> Iterator[str]:
    """The value and the `for` and `if` clauses of a comprehension."""
    yield flat(code.value) if code.key is None else f"{flat(code.key)}: {flat(code.value)}"
    for clause in code.fors:
        yield f"for {flat(clause.target)} in {wrapped(clause.iterable, _OR)}"
        for test in clause.tests:
            yield f"if {wrapped(test, _OR)}"


def receiver(code: Code) -> str:
    """What stands before a dot, a call or an index."""
    text = wrapped(code, _PRIMARY)
    return f"({text})" if isinstance(code, Atom) and text[:1].isdigit() else text


def _slice(code: Slice) -> str:
    parts = (code.start, code.stop, code.step)
    space = "" if all(p is None or _slice_operand(p) for p in parts) else " "
    text = flat(code.start) + space + ":" if code.start is not None else ":"
    if code.stop is not None:
        text += space + flat(code.stop)
    if code.step is not None:
        text += (space if code.stop is not None else "") + ":" + space + flat(code.step)
    return text


def _slice_operand(code: Code) -> bool:
    return isinstance(code, Atom) or (
        isinstance(code, Unary) and code.op != "not" and _slice_operand(code.operand)
    )


def _power_operand(code: Code) -> bool:
    match code:
        case Atom():
            return True
        case Attr(value):
            return not isinstance(value, Call | Index) and _power_operand(value)
        case Unary(op, Atom(text)):
            return op != "not" and text[0].isdigit()
        case _:
            return False
