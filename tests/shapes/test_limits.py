"""Hostile sizes are refused at once, and memory stays bounded."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from spec_lang.shapes import (
    Cond,
    Dim,
    Facts,
    TooLarge,
    Undefined,
    Verdict,
    dim,
    maximum,
    minimum,
    opaque,
    parse,
    symbol,
)
from spec_lang.shapes import atom as atoms
from spec_lang.shapes.power import absorbing

x, y, i = symbol("x"), symbol("y"), symbol("i", 0)
z = symbol("z", None)


def nested() -> Dim:
    d = x
    for _ in range(10_000):
        d = d // z + d % z
    return d


def many_terms() -> Dim:
    d = dim(1)
    for k in range(20):
        d = d * (symbol(f"a{k}") + symbol(f"b{k}"))
    return d


def chained() -> Dim:
    d = x
    for k in range(10_000):
        d = minimum(d * y, symbol(f"c{k}")) % (maximum(d, y) + 1)
    return d


@pytest.mark.parametrize(
    "make",
    [
        lambda: dim(2) ** 10**9,
        lambda: dim(10) ** 10**9,
        lambda: dim(2) ** 64,
        lambda: x**10**9,
        lambda: (x + y) ** 17,
        lambda: dim(2**62) * 4,
        lambda: x * 2**62 * 4,
        lambda: x * dim(2**63),
        lambda: dim(-(2**63) - 5),
        lambda: parse("9" * 1000),
        lambda: parse("10**10**9"),
        lambda: parse("(" * 100_000 + "x"),
        lambda: parse("2**" * 100_000 + "x"),
        lambda: (2**i).evaluate({"i": 10**9}),
        lambda: (2**i).substitute({"i": 10**9}),
        nested,
        many_terms,
        chained,
    ],
)
def test_too_large(make: Callable[[], object]) -> None:
    start = time.process_time()
    with pytest.raises(TooLarge):
        make()
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: x // 0,
        lambda: x % 0,
        lambda: x**-1,
        lambda: Cond.divides(0, x),
        lambda: (x // z).evaluate({"x": 1, "z": 0}),
        lambda: (x % z).evaluate({"x": 1, "z": 0}),
        lambda: (2**z).evaluate({"z": -1}),
        lambda: (x // (z + 1)).substitute({"z": -1}),
    ],
)
def test_undefined(make: Callable[[], object]) -> None:
    with pytest.raises(Undefined):
        make()


def test_the_largest_size_fits() -> None:
    assert dim(2**63 - 1).const == 2**63 - 1
    assert dim(2) ** 62 == 2**62
    assert parse(str(2**63 - 1)).const == 2**63 - 1


def test_a_power_that_may_be_negative_is_kept() -> None:
    power = 2 ** symbol("e", -2)
    assert power.evaluate({"e": 3}) == 8
    assert power.bounds == (None, None)
    assert str(power) == "2**e"


def test_factors_go_into_exponents_that_might_be_negative() -> None:
    i, c = symbol("i", 0), symbol("C")
    before = {"i": i - 1}
    for base in (dim(2), dim(4), symbol("g")):
        after = c * base ** (i + 1) + base
        assert absorbing(after.substitute(before)) == c * base**i + base
    assert absorbing(dim(3) * 2 ** (i - 1)).evaluate({"i": 3}) == 12


def test_long_minus_signs_are_read() -> None:
    assert parse("-" * 100_000 + "x") == x


def test_out_of_budget_is_open_and_quick() -> None:
    facts = Facts()
    names = [symbol(f"s{k}") for k in range(12)]
    for a, b, c in zip(names, names[1:], names[2:], strict=False):
        facts = (
            facts.assume(Cond.ge(a * b, c)).assume(Cond.ne(a // b, c)).assume(Cond.eq(a, 1) | Cond.eq(b, 2))
        )
    goal = Cond.eq(
        sum((a // b + minimum(a, c) for a, b, c in zip(names, names[1:], names[2:], strict=False)), dim(0)), x
    )
    start = time.process_time()
    assert facts.decide(goal) is Verdict.OPEN
    assert time.process_time() - start < 1


def test_memory_stays_bounded() -> None:
    def layers(start: int, count: int) -> None:
        for k in range(start, start + count):
            n = symbol(f"n{k}")
            d = (n - 1) // 2 + opaque(f"depths[{k}]", low=1) // 3
            assert Facts().decide(Cond.ge(d, 0)) is Verdict.PROVED
            str(d)

    gc.collect()
    before = len(atoms._atoms)
    layers(0, 9_000)  # four atoms each
    gc.collect()
    assert len(atoms._atoms) - before < 16_000
