"""How dims and conditions read, and what is no dim."""

from __future__ import annotations

import pytest

from spec_lang.shapes import (
    Absent,
    Cond,
    Dim,
    ParseError,
    Truth,
    exact_div,
    maximum,
    minimum,
    opaque,
    parse,
    symbol,
)

D, H, N, T, heads, h = (symbol(n) for n in ("D", "H", "N", "T", "heads", "h"))
i = symbol("i", 0)
depth = opaque("depths", 0, low=1)


@pytest.mark.parametrize(
    ("d", "text"),
    [
        (4 * D, "4*D"),
        (16 * h, "16*h"),
        ((H + 2 - 2 - 1) // 2 + 1, "(H - 1)//2 + 1"),
        ((H - 1) // heads + 1, "(H - 1)//heads + 1"),
        (D // heads, "D//heads"),
        (exact_div(D, heads), "D//heads"),
        (D // (2 * heads), "D//(2*heads)"),
        (D // heads // 2, "D//(2*heads)"),
        (heads * (D // heads), "heads*(D//heads)"),
        (N * T, "N*T"),
        (-1 + H, "H - 1"),
        (1 - H, "1 - H"),
        (-H - 1, "-H - 1"),
        (-(H // 2), "-(H//2)"),
        (T * -1 + H, "H - T"),
        (minimum(N, T), "min(N, T)"),
        (maximum(N, T * 2) + 1, "max(2*T, N) + 1"),
        (2**i, "2**i"),
        (2 ** (i + 2) * D, "4*D*2**i"),
        (2 ** symbol("k"), "2**k"),
        (2 ** (symbol("k") - 1), "2**(k - 1)"),
        (D**2, "D**2"),
        ((D + 1) ** 2, "D + D + D**2 + 1".replace("D + D", "2*D")),
        (D % heads, "D % heads"),
        (2 * (D % heads), "2*(D % heads)"),
        (D % heads + 1, "D % heads + 1"),
        (depth + 1, "depths[0] + 1"),
        (opaque("round", D, text="round({} * 0.5)"), "round(D * 0.5)"),
        (opaque("len(xs)") * 2, "2*len(xs)"),
        (D * heads - heads * (D // heads), "D*heads - heads*(D//heads)"),
    ],
)
def test_reads_as_written(d: Dim, text: str) -> None:
    assert str(d) == text
    assert parse(text, {"i": i}) == d


@pytest.mark.parametrize(
    ("cond", "text"),
    [
        (Cond.divides(heads, D), "D % heads == 0"),
        (Cond.divides(heads, D + 1), "(D + 1) % heads == 0"),
        (Cond.divides(2 * heads, 3 * D), "3*D % (2*heads) == 0"),
        (~Cond.divides(heads, D), "D % heads != 0"),
        (Cond.le(T, symbol("context")), "T <= context"),
        (~Cond.le(T, symbol("context")), "T > context"),
        (Cond.flag(Truth("norm_first")), "norm_first"),
        (~Cond.flag(Truth("norm_first")), "not norm_first"),
        (~Cond.flag(Absent("mask")), "not (mask is none)"),
        (Cond.eq(N, T) & (Cond.eq(D, 1) | Cond.flag(Truth("a"))), "N == T and (D == 1 or a)"),
        (Cond.TRUE, "true"),
    ],
)
def test_conditions_read_as_written(cond: Cond, text: str) -> None:
    assert str(cond) == text


def test_trees_mirror_the_text() -> None:
    assert ((H - 1) // 2 + 1).tree() == (
        "add",
        ("floordiv", ("sub", ("symbol", "H"), ("const", 1)), ("const", 2)),
        ("const", 1),
    )
    assert minimum(D, heads).tree() == ("min", ("symbol", "D"), ("symbol", "heads"))
    assert (-D).tree() == ("neg", ("symbol", "D"))
    assert (2**i * depth).tree() == (
        "mul",
        ("pow", ("const", 2), ("symbol", "i")),
        ("opaque", "depths[0]"),
    )


@pytest.mark.parametrize(
    "text", ["", "a +", "(a", "a)", "1.5", "a b", "a @ b", "a / b", "f(", "min()", "a..b", "0x1"]
)
def test_no_dim(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_parsing_follows_python() -> None:
    assert parse("-2**2") == -4
    assert parse("2**3**2") == 512
    assert parse("-7//2") == -4
    assert parse("7 % -3") == -2
    assert parse("1_000") == 1000
    assert parse("8//2//2") == 2
    assert parse("8//2*2") == 8


def test_substitution_reaches_uninterpreted_terms() -> None:
    stage = opaque("depths", i, low=1)
    assert str(stage) == "depths[i]"
    assert stage.symbols == {"i"}
    assert stage.substitute({"i": 3}) == opaque("depths[3]", low=1)
    assert stage.substitute({"i": i + 1}).bounds == (1, None)
    assert stage.substitute({"depths[i]": 5}) == 5
    assert depth.evaluate({"depths[0]": 2}) == 2
    assert stage.evaluate({"i": 1, "depths[1]": 7}) == 7
    half = opaque("round", D, text="round({} * 0.5)")
    assert str(half.substitute({"D": D + 1})) == "round((D + 1) * 0.5)"
    assert opaque("{x}") == parse("f(1)", {"f(1)": opaque("{x}")})


def test_symbols_are_equal_by_name() -> None:
    assert symbol("n", 0) == symbol("n")
    assert hash(symbol("n", 0) + 1) == hash(symbol("n") + 1)
    assert symbol("n") != symbol("m")
    assert symbol("n") - symbol("n") == 0


def test_conditions_substitute_and_evaluate() -> None:
    cond = Cond.divides(heads, D) & Cond.flag(Truth("wide"))
    assert cond.symbols == {"D", "heads"}
    assert cond.substitute({"heads": 4, "D": 8, "wide": Cond.TRUE}) is Cond.TRUE
    assert cond.substitute({"heads": 4, "D": 6}) is Cond.FALSE
    assert cond.evaluate({"heads": 3, "D": 6, "wide": True})
    assert not cond.evaluate({"heads": 3, "D": 6, "wide": False})
    assert Cond.lt(N, T).is_bound
    assert (Cond.lt(N, T) & Cond.ge(D, 2)).is_bound
    assert not cond.is_bound
    assert not Cond.eq(N, T).is_bound
