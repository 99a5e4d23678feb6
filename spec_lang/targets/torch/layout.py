"""Where lines break: statements of at most 88 columns, laid out as `ruff format` lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Final

from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Binary,
    Call,
    Code,
    Compare,
    Comprehension,
    Dict,
    IfExp,
    Index,
    Kw,
    List,
    Spread,
    Tuple,
    Unary,
    clauses,
    flat,
    operand_levels,
    precedence,
    receiver,
    wrapped,
)

WIDTH: Final = 88
"""Columns of a line, unless `of_width` says another number."""
INDENT = 4

_width: Final = ContextVar("width", default=WIDTH)


def line_width() -> int:
    """The columns that a line may have."""
    return _width.get()


@contextmanager
def of_width(columns: int) -> Iterator[None]:
    """Lines that are laid out inside have so many columns."""
    before = _width.set(columns)
    try:
        yield
    finally:
        _width.reset(before)


def fits(text: str) -> bool:
    """Whether a line is short enough."""
    return len(text) <= line_width()


def statement(indent: int, prefix: str, value: Code, suffix: str = "") -> list[str]:
    """The lines of `prefix value suffix` at an indentation.

    Prefixes are such as `x = `, `return `, `if `; suffixes `:` or nothing.
    """
    margin = " " * indent
    line = f"{margin}{prefix}{flat(value)}{suffix}"
    if fits(line):
        return [line]
    if isinstance(value, Binary | Compare | IfExp | Unary) or _is_fluent(value):
        if _may_omit_parentheses(value):
            lines = _hug(indent, prefix, value, suffix)
            if all(map(fits, lines)):
                return lines
        return [f"{margin}{prefix}(", *_inner(indent + INDENT, "", value, ""), f"{margin}){suffix}"]
    if isinstance(value, Atom):
        short = [f"{margin}{prefix}(", f"{margin}    {value.text}", f"{margin}){suffix}"]
        return short if fits(short[1]) else [line]
    if isinstance(value, Tuple):
        value = Tuple(value.items)
    return _hug(indent, prefix, value, suffix)


def _inner(indent: int, prefix: str, code: Code, suffix: str) -> list[str]:
    """The lines of an expression that stands between brackets, so that it may break anywhere."""
    line = " " * indent + prefix + flat(code) + suffix
    if fits(line):
        return [line]
    match code:
        case Kw(name, value):
            return _inner(indent, prefix + ("**" if name is None else f"{name}="), value, suffix)
        case Spread(value):
            return _spread(indent, f"{prefix}*", value, suffix)
        case Binary() | Compare():
            return _operands(indent, prefix, _split(code), suffix)
        case IfExp(body, test, orelse):
            return _operands(indent, prefix, [("", body, 2), ("if ", test, 2), ("else ", orelse, 1)], suffix)
        case _ if _is_fluent(code):
            return _fluent(indent, prefix, code, suffix)
        case _:
            return _hug(indent, prefix, code, suffix)


def _operands(indent: int, prefix: str, parts: list[tuple[str, Code, int]], suffix: str) -> list[str]:
    lines: list[str] = []
    for i, (op, operand, least) in enumerate(parts):
        before = (prefix if i == 0 else "") + op
        after = suffix if i == len(parts) - 1 else ""
        if precedence(operand) >= least:
            lines += _inner(indent, before, operand, after)
        elif fits(line := " " * indent + f"{before}({flat(operand)}){after}"):
            lines.append(line)
        else:
            margin = " " * indent
            lines += [f"{margin}{before}(", *_inner(indent + INDENT, "", operand, ""), f"{margin}){after}"]
    return lines


def _split(code: Binary | Compare) -> list[tuple[str, Code, int]]:
    """The operands at the loosest level, each with the operator before it."""
    if isinstance(code, Compare):
        return [("", code.first, 6), *((f"{op} ", x, 6) for op, x in code.rest)]
    left_least, right_least = operand_levels(code.op)
    same = isinstance(code.left, Binary) and precedence(code.left) == precedence(code)
    if same and code.op != "**":
        assert isinstance(code.left, Binary)
        left = _split(code.left)
    else:
        left = [("", code.left, left_least)]
    return [*left, (f"{code.op} ", code.right, right_least)]


def _hug(indent: int, prefix: str, code: Code, suffix: str) -> list[str]:
    """Break inside the last brackets, the rest staying on their line."""
    margin = " " * indent
    match code:
        case Call(func, args) if args:
            return _last_brackets(indent, prefix, func, ("(", ")"), args, suffix)
        case Call(func):
            return _hug(indent, prefix, func, f"(){suffix}")
        case Attr(value, name):
            return _operand(indent, prefix, value, 15, f".{name}{suffix}")
        case Index(value, items):
            return _last_brackets(indent, prefix, value, ("[", "]"), items, suffix)
        case Tuple(items) if items:
            return [f"{margin}{prefix}(", *_one_a_line(indent + INDENT, items), f"{margin}){suffix}"]
        case List(items) if items:
            return [f"{margin}{prefix}[", *_one_a_line(indent + INDENT, items), f"{margin}]{suffix}"]
        case Dict(items) if items:
            body = chain.from_iterable(_entry(indent + INDENT, key, value) for key, value in items)
            return [f"{margin}{prefix}{{", *body, f"{margin}}}{suffix}"]
        case Comprehension():
            return _comprehension(indent, prefix, code, suffix)
        case Unary(op, operand):
            sign = "not " if op == "not" else op
            return _operand(indent, prefix + sign, operand, precedence(code), suffix)
        case Binary() | Compare():
            *before, (op, last, least) = _split(code)
            head = "".join(o + wrapped(x, w) + " " for o, x, w in before)
            lines = _operand(indent, prefix + head + op, last, least, suffix)
            if (
                precedence(last) < least
                or fits(lines[0])
                or len(before) != 1
                or precedence(before[0][1]) < before[0][2]
            ):
                return lines
            *opened, closing = _hug(indent, prefix, before[0][1], f" {op.strip()}")
            line = f"{closing} {flat(last)}{suffix}"
            return [*opened, *([line] if fits(line) else _hug(indent, closing.strip() + " ", last, suffix))]
        case IfExp(body, test, orelse):
            head = f"{wrapped(body, 2)} if {wrapped(test, 2)} else "
            return _hug(indent, prefix + head, orelse, suffix)
        case _:
            return [margin + prefix + flat(code) + suffix]


def _operand(indent: int, prefix: str, code: Code, least: int, suffix: str) -> list[str]:
    """As `_hug`, in parentheses where it binds less tightly than `least`."""
    if precedence(code) >= least:
        return _hug(indent, prefix, code, suffix)
    margin = " " * indent
    return [f"{margin}{prefix}(", *_inner(indent + INDENT, "", code, ""), f"{margin}){suffix}"]


def _last_brackets(
    indent: int, prefix: str, head: Code, brackets: tuple[str, str], items: tuple[Code, ...], suffix: str
) -> list[str]:
    """Break inside the last brackets; where what stands before them is too long, inside earlier ones."""
    margin = " " * indent
    opening, closing = brackets
    line = f"{margin}{prefix}{receiver(head)}{opening}"
    opened: list[str] = []
    if not fits(line) and (base := _base(head)) is not None:
        value, name = base
        *opened, end = _operand(indent, prefix, value, 15, name)
        whole = f"{end}{opening}{', '.join(map(flat, items))}{closing}{suffix}"
        if fits(whole):
            return [*opened, whole]
        line = f"{end}{opening}"
    return [*opened, line, *_arguments(indent + INDENT, items), f"{margin}{closing}{suffix}"]


def _base(head: Code) -> tuple[Code, str] | None:
    """What ends in brackets at the start of `f(x).name`, and the names behind it."""
    match head:
        case Attr(value, name):
            if (base := _base(value)) is not None:
                return base[0], f"{base[1]}.{name}"
            return (value, f".{name}") if precedence(value) < 15 else None
        case Call(_, args) if args:
            return head, ""
        case Index():
            return head, ""
        case _:
            return None


def _arguments(indent: int, args: tuple[Code, ...]) -> list[str]:
    line = " " * indent + ", ".join(map(flat, args))
    if fits(line):
        return [line]
    if len(args) == 1 and isinstance(args[0], Comprehension) and not args[0].brackets:
        return [" " * indent + clause for clause in clauses(args[0])]
    return _one_a_line(indent, args)


def _one_a_line(indent: int, items: tuple[Code, ...]) -> list[str]:
    return [line for item in items for line in _inner(indent, "", item, ",")]


def _entry(indent: int, key: Code | None, value: Code) -> list[str]:
    if key is None:
        return _spread(indent, "**", value, ",")
    return _inner(indent, f"{flat(key)}: ", value, ",")


def _spread(indent: int, prefix: str, value: Code, suffix: str) -> list[str]:
    """As `_inner`, behind stars, which bind more tightly than `if`."""
    if isinstance(value, IfExp):
        return _operand(indent, prefix, value, precedence(value) + 1, suffix)
    return _inner(indent, prefix, value, suffix)


def _comprehension(indent: int, prefix: str, code: Comprehension, suffix: str) -> list[str]:
    margin = " " * indent
    inside = " ".join(clauses(code))
    body = [f"{margin}    {inside}"]
    if not fits(body[0]):
        first = "" if code.key is None else f"{flat(code.key)}: "
        rest = list(clauses(code))[1:]
        body = [*_inner(indent + INDENT, first, code.value, ""), *(f"{margin}    {c}" for c in rest)]
    return [f"{margin}{prefix}{code.brackets[:1]}", *body, f"{margin}{code.brackets[1:]}{suffix}"]


# --- Method chains ------------------------------------------------------------------------------


def _links(code: Code) -> int:
    """How many attributes stand behind a call or an index along a chain."""
    count = 0
    while True:
        match code:
            case Attr(value):
                count += isinstance(value, Call | Index) or precedence(value) < 15
                code = value
            case Call(func):
                code = func
            case Index(value):
                code = value
            case _:
                return count


def _is_fluent(code: Code) -> bool:
    return isinstance(code, Call | Attr | Index) and _links(code) >= 2


def _fluent(indent: int, prefix: str, code: Code, suffix: str) -> list[str]:
    """A chain of methods, one link a line."""
    links: list[tuple[str, Code]] = []
    while _links(code) >= 1:
        attr, base = _last_link(code)
        links.append(attr)
        code = base
    lines = (
        _inner(indent, prefix, code, "") if precedence(code) == 15 else _parenthesized(indent, prefix, code)
    )
    for i, (text, part) in enumerate(reversed(links)):
        end = suffix if i == len(links) - 1 else ""
        line = " " * indent + text + end
        lines += [line] if fits(line) else _hug(indent, "", part, end)
    return lines


def _parenthesized(indent: int, prefix: str, code: Code) -> list[str]:
    line = " " * indent + f"{prefix}({flat(code)})"
    if fits(line):
        return [line]
    margin = " " * indent
    return [f"{margin}{prefix}(", *_inner(indent + INDENT, "", code, ""), f"{margin})"]


def _last_link(code: Code) -> tuple[tuple[str, Code], Code]:
    """The last `.name(...)` behind a call, as text and as an expression without its base; and the base."""
    match code:
        case Attr(value, name) if isinstance(value, Call | Index) or precedence(value) < 15:
            return (f".{name}", Atom(f".{name}")), value
        case Attr(value, name):
            (text, part), base = _last_link(value)
            return (f"{text}.{name}", Attr(part, name)), base
        case Call(func, args):
            (text, part), base = _last_link(func)
            call = Call(part, args)
            return (flat(call), call), base
        case Index(value, items):
            (text, part), base = _last_link(value)
            index = Index(part, items)
            return (flat(index), index), base
        case _:
            raise AssertionError("a chain has a link")


# --- Optional parentheses ------------------------------------------------------------------------


def _may_omit_parentheses(code: Code) -> bool:
    """Whether breaking inside the last brackets may do instead of parentheses around the whole."""
    if isinstance(code, IfExp) or _loosest(code) > 1:
        return False
    last = _edge(code, -1)
    first = _edge(code, 0)
    ends = isinstance(last, Call | List | Tuple | Dict | Comprehension) and _is_open(last)
    starts = isinstance(first, List | Tuple | Dict | Comprehension) and _is_open(first)
    return ends or starts


def _is_open(code: Code) -> bool:
    match code:
        case Call(_, args):
            return bool(args)
        case List(items) | Tuple(items) | Dict(items):
            return bool(items)
        case _:
            return True


def _loosest(code: Code) -> int:
    """How often the loosest operator outside brackets occurs."""
    found: dict[int, int] = {}

    def visit(code: Code, least: int) -> None:
        if precedence(code) < least:
            return
        match code:
            case Binary(op, left, right):
                a, b = operand_levels(op)
                rank = 20 - precedence(code)
                found[rank] = found.get(rank, 0) + 1
                visit(left, a)
                visit(right, b)
            case Compare(first, rest):
                found[15] = found.get(15, 0) + len(rest)
                for part in (first, *(x for _, x in rest)):
                    visit(part, 6)
            case IfExp(body, test, orelse):
                found[19] = found.get(19, 0) + 1
                visit(body, 2)
                visit(test, 2)
                visit(orelse, 1)
            case Unary(op, operand):
                if op == "not":
                    found[16] = found.get(16, 0) + 1
                visit(operand, precedence(code))
            case Attr(value):
                visit(value, 15)
                if isinstance(value, Call | Index):
                    found[1] = found.get(1, 0) + 1
            case Call(func):
                visit(func, 15)
            case Index(value):
                visit(value, 15)
            case _:
                pass

    visit(code, 0)
    return found.get(max(found, default=0), 0)


def _edge(code: Code, side: int) -> Code:
    """The operand at the start (0) or the end (-1) of an expression, through operators."""
    match code:
        case Binary(op, left, right):
            part, least = (left, operand_levels(op)[0]) if side == 0 else (right, operand_levels(op)[1])
        case Compare(first, rest):
            part, least = (first, 6) if side == 0 else (rest[-1][1], 6)
        case IfExp(body, _, orelse):
            part, least = (body, 2) if side == 0 else (orelse, 1)
        case Unary(_, operand) if side == -1:
            part, least = operand, precedence(code)
        case _:
            return code
    return Tuple((part,)) if precedence(part) < least else _edge(part, side)
