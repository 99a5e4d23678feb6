"""What facts share: the same conclusions, those of other bounds never, and no memory without end."""

from __future__ import annotations

from spec_lang.shapes import Cond, Facts, Verdict, dim, symbol
from spec_lang.shapes import facts as module


def test_the_same_fact_makes_the_same_facts() -> None:
    heads, width = symbol("heads"), symbol("D")
    known = Facts.NONE.assume(Cond.divides(heads, width))
    assert Facts.NONE.assume(Cond.divides(heads, width)) is known
    assert known.assume(Cond.divides(heads, width)) is known
    assert Facts.NONE.decide(Cond.divides(heads, width)) is Verdict.OPEN


def test_symbols_of_one_name_with_other_bounds_are_not_mistaken_for_each_other() -> None:
    positive, any_ = symbol("n", 1), symbol("n", None)
    other = Cond.ge(symbol("m"), 2)
    for kind in (Cond.__and__, Cond.__or__):
        test = [kind(Cond.ge(n, 1), Cond.ge(n, 0)) for n in (positive, any_)]
        assert [Facts.NONE.decide(t) for t in test] == [Verdict.PROVED, Verdict.OPEN]
    wide = Facts.NONE.assume(other | Cond.ge(any_, 5))
    assert Facts.NONE.assume(other | Cond.ge(positive, 5)) is not wide
    assert wide.assume(Cond.lt(symbol("m"), 2)).decide(Cond.ge(any_, 5)) is Verdict.PROVED


def test_another_substitution_leaves_what_was_reduced_before() -> None:
    a, b, c = symbol("a"), symbol("b"), symbol("c")
    first = Facts.NONE.assume(Cond.eq(a, 2 * b))
    assert first.equal(a // 2, b)
    second = first.assume(Cond.eq(b, 3 * c))
    assert second.equal(a, 6 * c)
    assert first.decide(Cond.eq(a, 6 * c)) is Verdict.OPEN
    assert first.simplify(a + b) == 3 * b


def test_what_is_kept_is_bounded() -> None:
    n = symbol("n")
    for k in range(3000):
        assert Facts.NONE.assume(Cond.eq(n, dim(k + 1))).equal(n * 2, 2 * k + 2)
    assert len(module._assumed) <= module._ASSUMED
