"""Lines break where `ruff format` breaks them, and parentheses stand where Python needs them."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Binary,
    Call,
    Code,
    Compare,
    Comprehension,
    Dict,
    For,
    IfExp,
    Index,
    Kw,
    List,
    Slice,
    Spread,
    Tuple,
    Unary,
    flat,
    name,
)
from spec_lang.targets.torch.layout import statement

NAMES = ["x", "heads", "width", "hidden_size", "number_of_layers", "expansion", "D", "T"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "@", "**"]


def leaf(r: random.Random) -> Code:
    text = r.choice(NAMES)
    return r.choice([Atom(text), Atom(text), Attr(Atom("self"), text), Atom(str(r.randint(0, 99)))])


def arithmetic(r: random.Random, depth: int) -> Code:
    """Numbers only, so that values can be compared."""
    if depth == 0:
        return Atom(str(r.randint(1, 5)))
    kind = r.randint(0, 5)
    if kind <= 2:
        return Binary(
            r.choice(["+", "-", "*", "//", "%"]), arithmetic(r, depth - 1), arithmetic(r, depth - 1)
        )
    if kind == 3:
        return Unary("-", arithmetic(r, depth - 1))
    if kind == 4:
        test = Compare(arithmetic(r, depth - 1), (("<", arithmetic(r, depth - 1)),))
        return IfExp(arithmetic(r, depth - 1), test, arithmetic(r, depth - 1))
    return Binary("**", arithmetic(r, depth - 1), Atom(str(r.randint(0, 2))))


def value(code: Code) -> int:
    match code:
        case Atom(text):
            return int(text)
        case Unary(_, operand):
            return -value(operand)
        case IfExp(body, Compare(first, ((_, other),)), orelse):
            return value(body) if value(first) < value(other) else value(orelse)
        case Binary(op, left, right):
            a, b = value(left), value(right)
            match op:
                case "+":
                    return a + b
                case "-":
                    return a - b
                case "*":
                    return a * b
                case "//":
                    return a // b
                case "%":
                    return a % b
                case _:
                    return int(a**b)
    raise AssertionError(code)


@pytest.mark.parametrize("seed", range(200))
def test_parentheses_keep_the_value(seed: int) -> None:
    code = arithmetic(random.Random(seed), 4)
    try:
        expected = value(code)
    except ZeroDivisionError:
        return
    assert eval(flat(code)) == expected


def call(r: random.Random, depth: int) -> Code:
    func = r.choice(["nn.Conv2d", "F.relu", "self.conv", "torch.cat"])
    args = [expression(r, depth - 1) for _ in range(r.randint(1, 4))]
    args += [Kw(f"{r.choice('abc')}{i}", expression(r, depth - 1)) for i in range(r.randint(0, 2))]
    return Call(name(func), tuple(args))


def expression(r: random.Random, depth: int) -> Code:
    if depth <= 0:
        return leaf(r)
    inner = lambda: expression(r, r.randint(0, depth - 1))  # noqa: E731 # one word for the cases below
    match r.randint(0, 9):
        case 0 | 1 | 2 | 3:
            return call(r, depth)
        case 4:
            return Binary(r.choice(OPERATORS), leaf(r), leaf(r))
        case 5:
            return Compare(leaf(r), ((r.choice(["==", "<"]), leaf(r)),))
        case 6:
            return List(tuple(inner() for _ in range(r.randint(1, 4))))
        case 7:
            return Comprehension(inner(), (For(Atom("i"), Call(Atom("range"), (leaf(r),))),))
        case 8:
            chain = Call(Attr(Call(name("self.c_attn"), (inner(),)), "unflatten"), (leaf(r), leaf(r)))
            return Call(Attr(chain, "permute"), (leaf(r), leaf(r), leaf(r)))
        case _:
            return Dict(tuple((Atom(f'"k{i}"'), inner()) for i in range(2)))


def statements(seed: int) -> list[str]:
    r = random.Random(seed)
    lines = ["def f(self):"]
    for _ in range(120):
        prefix = r.choice(["x = ", "self.conv1 = ", "return "])
        broken = statement(4, prefix, expression(r, r.randint(1, 3)))
        if max(map(len, broken)) <= 88:
            lines += broken
    for _ in range(60):  # sums and choices of what people add and choose between
        prefix = r.choice(["x = ", "return "])
        parts = Binary("+", call(r, 1), call(r, 1))
        choice = IfExp(call(r, 1), Compare(leaf(r), (("==", leaf(r)),)), Atom("None"))
        broken = statement(4, prefix, r.choice([parts, choice]))
        if max(map(len, broken)) <= 88:
            lines += broken
    return lines


def test_lines_break_as_ruff_breaks_them(tmp_path: Path) -> None:
    for seed in range(8):
        source = "\n".join(statements(seed)) + "\n"
        ast.parse(source)
        (tmp_path / f"s{seed}.py").write_text(source)
    ruff = [Path(sys.executable).parent / "ruff", "format", "--isolated", "--no-cache", "--diff", tmp_path]
    result = subprocess.run(list(map(str, ruff)), capture_output=True, text=True, check=False)
    assert result.stdout == ""
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ((Slice(None, Atom("n"), None),), "x[:n]"),
        ((Slice(Unary("-", Atom("1")), None, None),), "x[-1:]"),
        ((Slice(None, Binary("//", Atom("n"), Atom("2")), None),), "x[: n // 2]"),
        ((Slice(Attr(Atom("self"), "n"), None, None), Atom("0")), "x[self.n :, 0]"),
        ((Slice(Atom("a"), Atom("b"), Atom("2")),), "x[a:b:2]"),
        ((Tuple((Atom("0"), Atom("1"))),), "x[(0, 1)]"),
    ],
)
def test_slices(items: tuple[Code, ...], expected: str) -> None:
    assert flat(Index(Atom("x"), items)) == expected


def anything(r: random.Random, depth: int) -> Code:
    """Operators, methods and indices behind each other in any order."""
    if depth <= 0:
        return leaf(r)
    inner = lambda: anything(r, r.randint(0, depth - 1))  # noqa: E731 # one word for the cases below
    match r.randint(0, 7):
        case 0 | 1:
            return Binary(r.choice(OPERATORS), inner(), inner())
        case 2:
            numberless = inner()
            if isinstance(numberless, Atom) and numberless.text.isdigit():
                numberless = Atom("x")
            return Call(Attr(numberless, "flatten"), tuple(inner() for _ in range(r.randint(0, 2))))
        case 3:
            return Index(inner(), (inner(), Slice(None, leaf(r), None)))
        case 4:
            return Unary(r.choice(["-", "not"]), inner())
        case 5:
            return Compare(inner(), ((r.choice(["==", "<"]), inner()),))
        case 6:
            return IfExp(inner(), inner(), inner())
        case _:
            return call(r, depth)


@pytest.mark.parametrize("seed", range(20))
def test_breaking_lines_keeps_the_meaning(seed: int) -> None:
    r = random.Random(seed)
    for _ in range(150):
        code = anything(r, 5)
        flat_one = ast.parse(f"x = {flat(code)}")
        broken = "\n".join(statement(0, "x = ", code))
        assert ast.dump(ast.parse(broken)) == ast.dump(flat_one), broken


@pytest.mark.parametrize("spread", [lambda v: List((Spread(v),)), lambda v: Dict(((None, v),))])
def test_a_spread_choice_that_breaks_stands_in_parentheses(spread: Callable[[Code], Code]) -> None:
    long = Call(Atom("first" * 6), (Atom("second" * 6),))
    code = spread(IfExp(List((long,)), Atom("test"), List(())))
    ast.parse("\n".join(statement(0, "x = ", code)))
