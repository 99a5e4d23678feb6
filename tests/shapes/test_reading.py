"""Text and trees: `read` against Python's own parser, and as the inverse of `render`."""

from __future__ import annotations

import ast
import time
from random import Random

import pytest

from spec_lang.shapes import (
    Cond,
    Dim,
    ParseError,
    TooLarge,
    Tree,
    dim,
    maximum,
    minimum,
    opaque,
    parse,
    read,
    symbol,
)
from spec_lang.shapes.printing import COMPARISONS, PREFIXES, SIGNS, render

N, T, i = symbol("N"), symbol("T"), symbol("i", 0)
KINDS = {
    "Add": "add", "Sub": "sub", "Mult": "mul", "Div": "div", "FloorDiv": "floordiv", "Mod": "mod", "Pow": "pow",
    "BitAnd": "bitand", "BitOr": "bitor", "BitXor": "bitxor", "LShift": "lshift", "RShift": "rshift", "And": "and",
    "Or": "or", "Not": "not", "USub": "neg", "UAdd": "pos", "Invert": "invert", "Eq": "==", "NotEq": "!=", "Lt": "<",
    "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not", "In": "in", "NotIn": "not in",
}  # fmt: skip
WORDS = {"none": None, "true": True, "false": False}


def pythons(node: ast.expr | None) -> Tree | None:
    """The tree that Python's parse of a text stands for."""

    def kind(op: ast.AST) -> str:
        return KINDS[type(op).__name__]

    match node:
        case None:
            return None
        case ast.Constant(value=value):
            return "const", value
        case ast.Name(id=id_):
            return ("const", WORDS[id_]) if id_ in WORDS else ("symbol", id_)
        case ast.BinOp(left=left, op=op, right=right):
            return kind(op), pythons(left), pythons(right)
        case ast.BoolOp(op=op, values=values):
            result = pythons(values[0])
            for value in values[1:]:
                result = (kind(op), result, pythons(value))
            return result
        case ast.UnaryOp(op=op, operand=operand):
            return kind(op), pythons(operand)
        case ast.Compare(left=left, ops=ops, comparators=rest):
            pairs = zip(ops, rest, strict=True)
            return ("compare", pythons(left), *(x for op, side in pairs for x in (kind(op), pythons(side))))
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return "if", pythons(test), pythons(body), pythons(orelse)
        case ast.Attribute(value=value, attr=attr):
            return "attribute", pythons(value), attr
        case ast.Subscript(value=value, slice=ast.Tuple(elts=items)):
            return ("index", pythons(value), *map(pythons, items))
        case ast.Subscript(value=value, slice=index):
            return "index", pythons(value), pythons(index)
        case ast.Slice(lower=a, upper=b, step=c):
            return "slice", pythons(a), pythons(b), pythons(c)
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=args):
            return (name, *map(pythons, args))
        case ast.Call(func=ast.Name(id=name), args=args):
            return ("call", name, *map(pythons, args))
        case ast.Tuple(elts=items):
            return ("tuple", *map(pythons, items))
        case ast.List(elts=items):
            return ("list", *map(pythons, items))
    raise AssertionError(ast.dump(node))


def random_tree(dice: Random, depth: int) -> Tree:
    """A tree such as `read` gives: no negative constant, and no product under a minus, which stands in its factor."""

    def some(low: int) -> list[Tree]:
        return [random_tree(dice, depth - 1) for _ in range(dice.randint(low, 3))]

    def part() -> Tree:
        return random_tree(dice, depth - 1)

    def index() -> Tree:
        if dice.random() < 0.7:
            return part()
        return ("slice", *[part() if dice.random() < 0.5 else None for _ in range(2)], None)

    if depth == 0 or dice.random() < 0.15:
        values = (0, 1, 12, 0.5, 1e-05, 2.5e300, None, True, False, "sum", 'a"b', "x y\\")
        return dice.choice(
            [("symbol", dice.choice(["N", "depths", "i", "é"])), ("const", dice.choice(values))]
        )
    match dice.randrange(10):
        case 0 | 1 | 2 | 3:
            return dice.choice(list(SIGNS)), part(), part()
        case 4:
            kind, operand = dice.choice(list(PREFIXES)), part()
            return operand if kind == "neg" and operand[0] == "mul" else (kind, operand)
        case 5:
            rest = [x for _ in range(dice.randint(1, 2)) for x in (dice.choice(COMPARISONS), part())]
            return ("compare", part(), *rest)
        case 6:
            return "if", part(), part(), part()
        case 7:
            return dice.choice(
                [("attribute", part(), "dim"), ("index", part(), index(), *[index()][: dice.randrange(2)])]
            )
        case 8:
            return (
                (dice.choice(["min", "max"]), *some(1)) if dice.random() < 0.5 else ("call", "len", *some(0))
            )
    return (dice.choice(["tuple", "list"]), *some(0))


def test_reading_is_the_inverse_of_rendering_and_as_python_reads() -> None:
    dice = Random(8)
    for _ in range(4_000):
        tree = random_tree(dice, dice.randint(1, 4))
        text = render(tree)
        assert read(text) == tree, text
        if "\\" not in text and "x[(" not in text:
            assert flat(tree) == pythons(ast.parse(text, mode="eval").body), text


def flat(tree: Tree) -> Tree:
    """A tree with a tuple as its one index as Python has it, which cannot tell it from several."""
    parts = [flat(part) if isinstance(part, tuple) else part for part in tree]
    if parts[0] == "index" and len(parts) == 3 and parts[2][0] == "tuple":
        parts[2:] = parts[2][1:]
    return tuple(parts)


@pytest.mark.parametrize(
    "text",
    [
        "growth*depths[0]//2 + 4",
        "(H - 1)//(4, 2)[0] + 1 >= (8, 4)[0]",
        "(out[0], out[1])[i]",
        "high[len(high) - 1]",
        "sum(depths[:i]) + sum(depths[i:]) + xs[::2][0]",
        "2*cfg.window[1]",
        "int(cfg.dim * cfg.ratio) >= 1",
        "not training or ((rate * i) / depth) >= 0",
        "not (mask is none) or p >= 0",
        'not (norm == "group") or N > 1',
        "hidden is None or F == (T - 3)//stride + 1",
        "a if b else c if d else e",
        "(a if b else c) if (d if e else f) else g",
        "a < b <= c == d",
        "(a < b) < c",
        "a < (b < c)",
        "not not a and not b == c",
        "a or b and c or d",
        "-2**-x**2 + ~-+x",
        "-3*x*y - -x//2 % 3",
        "8//2//2*2/4",
        "2**3**2",
        "a | b ^ c & d << 1 + 2 >> 3",
        "(a & 3)*2",
        "1_000 + 1.5e-3 + .5 + 1. + 2E+3",
        "x not in (1, 2, ) and y is not none",
        "f(a, b, ) + g() + min(x) + max(a, (b, c), [d], [])",
        " (  (x)\n+ y )\t",
        "() == (a,)",
        "x[0, 1:2, :][a]",
    ],
)
def test_texts_read_as_python_reads_them(text: str) -> None:
    tree = read(text)
    assert tree == pythons(ast.parse(text.strip(), mode="eval").body)
    assert read(render(tree)) == tree


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a +", "+", "(a", "a)", "a b", "a @ b", "f(", "f(,)", "min()", "a..b", ".b", "a.", "0x1", "1x", "1__0", "1_", "[", "a[]",
        "a[1", "a[1:2:3:4]", "a if b", "a if b else", "if", "a not b", "a is", "in", "not", "a + not b", "a not", '"a', "'a\"", "a = b",
        "a ? b", "f(x for x in y)", "f(x=1)", "f(*x)", "lambda: 0", "x.y(z)", "f(x)(y)", "{a}", "a := b", "a;b", "#", "a if b else c else d",
        "(a,", "(,)", "x[a,]", "\0", "f (x) y", "a <> b", "!a", "a.1",
    ],
)  # fmt: skip
def test_what_cannot_be_read(text: str) -> None:
    for reader in (read, parse):
        with pytest.raises(ParseError):
            reader(text)


@pytest.mark.parametrize(
    "text",
    [
        "9" * 40,
        "1e999",
        "(" * 100_000,
        "((" * 101 + "x" + "))" * 101,
        "[" * 101 + "x" + "]" * 101,
        "2**" * 100_000 + "x",
        "-" * 1_000 + "x",
        "not " * 1_000 + "x",
        "+".join(["x"] * 1_000),
        "x" + "[0]" * 1_000,
        "x" + ".a" * 1_000,
        "a if b else " * 1_000 + "c",
        "-(2**(not (" * 90 + "x" + ")))" * 90,
        "x + " * 100_000 + "x",
    ],
)
def test_what_is_too_large_to_read(text: str) -> None:
    start = time.process_time()
    with pytest.raises(TooLarge):
        read(text)
    assert time.process_time() - start < 1


def test_what_is_large_but_can_be_read() -> None:
    assert read("x[" * 99 + "0" + "]" * 99)
    assert read("(" * 99 + "x" + ")" * 99) == ("symbol", "x")
    assert read(str(sum((symbol(f"s{k}") for k in range(250)), dim(0))))
    assert parse("+".join(["x"] * 10_000)) == 10_000 * symbol("x")


def test_uninterpreted_terms_are_dims_by_their_text() -> None:
    for d in (
        opaque("item", i, text="(64, 128)[{}]") * N + 1,
        opaque("bits", N, T, text="({} & {})") // 2,
        opaque("round", N, text="round({} * 0.5)") - 3 * T,
        opaque("depths", i + 1) * opaque("config.dim"),
        minimum(opaque('names["a b"]'), opaque("len(xs[1:])")),
    ):
        assert parse(str(d), {"i": i}) == d
        assert read(str(d))
    assert parse("f( x )[ 0 ] + 1") == opaque("f( x )[ 0 ]") + 1
    assert parse("xs[0]", {"xs[0]": N}) == N


@pytest.mark.parametrize(
    "text",
    [
        "a & b",
        "(a / b)",
        "a / 2",
        "1.5",
        '"a"',
        "none",
        "True",
        '"a" if b else c',
        "a < b",
        "[a]",
        "(a, b)",
        "~a",
        "not a",
    ],
)
def test_what_is_read_but_is_no_dim(text: str) -> None:
    assert read(text)
    with pytest.raises(ParseError):
        parse(text)


def test_dims_that_are_read_print_the_same() -> None:
    for d in (
        -3 * N * T,
        -(N // T),
        1 - N,
        -N - 1,
        2 ** (i + 2) * N,
        maximum(N, T * 2) + 1,
        N * (N % T) - 4,
        dim(-3),
        (-3) ** i,
    ):
        text = str(d)
        assert render(read(text)) == text
        assert parse(text, {"i": i}) == d


@pytest.mark.parametrize(
    "cond",
    [
        Cond.TRUE,
        Cond.divides(T, N + 1),
        ~Cond.divides(T, N + 1) & Cond.flag("x"),
        Cond.eq(N, T) & (Cond.lt(N, 1) | Cond.flag("a")) & ~Cond.flag("mask is none"),
        Cond.flag("a") | Cond.flag("b") | (Cond.flag("c") & Cond.le(N, 3)),
        ~Cond.flag('norm == "group"') | Cond.gt(N // 2, 1),
    ],
)
def test_trees_of_conditions_are_those_of_their_text(cond: Cond) -> None:
    def looked_into(tree: Tree) -> Tree:
        if tree[0] == "opaque":
            return read(tree[1])
        return tuple(looked_into(part) if isinstance(part, tuple) else part for part in tree)

    assert looked_into(cond.tree()) == read(str(cond))


def test_a_dim_of_text_in_quotes() -> None:
    assert read("'a\\n'") == ("const", "a\\n")
    assert isinstance(parse("N"), Dim)
