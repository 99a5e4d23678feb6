"""What has to be proved, refuted and left open: the arithmetic of known architectures."""

from __future__ import annotations

import pytest

from spec_lang.shapes import Cond, Dim, Facts, Truth, Verdict, dim, parse, symbol

NAMES: dict[str, Dim] = {"i": symbol("i", 0), "P": symbol("P", 0), "z": symbol("z", None)}
SIGNS = {"==": Cond.eq, "!=": Cond.ne, "<=": Cond.le, ">=": Cond.ge, "<": Cond.lt, ">": Cond.gt}


def cond(text: str) -> Cond:
    """`a == b`, `a >= b`, ..., `a | b` (divides), joined by `or` or `and`; anything else is a flag."""
    for word, join in ((" or ", Cond.__or__), (" and ", Cond.__and__)):
        if word in text:
            left, right = text.split(word, 1)
            return join(cond(left), cond(right))
    if text.startswith("not "):
        return ~cond(text[4:])
    if " | " in text:
        a, b = text.split(" | ")
        return Cond.divides(parse(a, NAMES), parse(b, NAMES))
    for sign, make in SIGNS.items():
        if f" {sign} " in text and '"' not in text:
            a, b = text.split(f" {sign} ")
            return make(parse(a, NAMES), parse(b, NAMES))
    return Cond.flag(Truth(text))


def facts(text: str) -> Facts:
    result = Facts()
    for part in filter(None, text.split("; ")):
        result = result.assume(cond(part))
    return result


PROVED = [
    # a ResNet's shortcut
    ("stride == 1; C == width*expansion", "(H - 1)//stride + 1 == H"),
    ("stride == 1; C == width*expansion", "C == expansion*width"),
    ("stride == 1 and C == width*expansion", "C*((W - 1)//stride + 1) == width*W*expansion"),
    ("", "(H + 2*1 - 1*(3 - 1) - 1)//1 + 1 == H"),
    ("", "(H + 2*1 - 1*(3 - 1) - 1)//stride + 1 == (H - 1)//stride + 1"),
    ("H == 8*h", "((((H + 2 - 3)//2 + 1) + 2 - 3)//2 + 1 + 2 - 3)//2 + 1 == h"),
    ("", "((H - 1)//2 + 1 - 1)//2 + 1 == (H - 1)//4 + 1"),
    # a U-Net
    ("", "16*h//2 == 8*h"),
    ("", "(16*h)//2//2*2 == 8*h"),
    ("", "(16*h - 2)//2 + 1 == 8*h"),
    ("", "(8*h - 1)*2 - 2*0 + 1*(2 - 1) + 0 + 1 == 16*h"),
    # attention
    ("heads | D", "heads*(D//heads) == D"),
    ("heads | D", "N*T*heads*(D//heads) == N*T*D"),
    ("heads | D", "(3*D)//heads == 3*(D//heads)"),
    ("D % heads == 0", "D//heads*heads == D"),
    ("D == heads*(D//heads)", "heads | D"),
    ("D == heads*hd", "heads*(D//heads) == D"),
    ("D == heads*hd", "heads | D"),
    ("kv | heads; heads | D", "kv*(heads//kv)*(D//heads) == D"),
    ("heads | D; kv | heads", "kv*(heads//kv)*(D//heads) == D"),
    ("heads | D; kv | heads", "kv | D"),
    ("heads | D; 64 | D", "heads*(D//heads) == 64*(D//64)"),
    ("2 | D", "D//2 + D//2 == D"),
    ("2 | D; heads | D", "D//2*2 == heads*(D//heads)"),
    # windows, patches, groups
    ("w | H; w | W", "(H//w)*(W//w)*w*w == H*W"),
    ("g | H*W", "g*(H*W//g) == H*W"),
    ("g | 2*C", "g*(2*C*k//g) == 2*C*k"),
    ("", "(N*T)//T == N"),
    ("", "(a*b)//b == a"),
    ("", "x//1 == x"),
    ("", "N*H*W//(H*W) == N"),
    ("", "H*N//(W*N) == H//W"),
    # growth and halving along a list of stages
    ("", "C + i*g + g == C + (i + 1)*g"),
    ("", "2**i*2 == 2**(i + 1)"),
    ("", "C*2**i*2 == C*2**(i + 1)"),
    ("", "H//2**i//2 == H//2**(i + 1)"),
    ("", "4**i == 2**i*2**i"),
    # bounds
    ("w >= 8", "w//8 >= 1"),
    ("w//8 >= 1", "w >= 8"),
    ("", "(H - 1)//2 + 1 >= 1"),
    ("", "(H - 1)//stride + 1 >= 1"),
    ("", "N + P >= 1"),
    ("", "N*T >= T"),
    ("T <= context", "context - T >= 0"),
    ("T <= context", "N*T <= N*context"),
    ("T <= context; context <= 1024", "T <= 1024"),
    ("T <= context; T >= context", "T == context"),
    ("a <= b; b <= c", "a <= c"),
    ("H >= 2*K", "H//2 >= K"),
    ("H*W >= g", "N*H*W >= g"),
    ("", "2*(H//2) <= H"),
    ("", "H//2*2 >= H - 1"),
    ("", "H % w < w"),
    ("", "H % 4 + 4*(H//4) == H"),
    ("H % 4 == 3", "(H + 1)//4*4 == H + 1"),
    ("N != 1", "N >= 2"),
    ("T == S + 1", "T >= 2"),
    ("K == 1", "K <= 1"),
    # minimum and maximum
    ("", "max(H - 1, 0) + 1 == H"),
    ("a >= b", "max(a, b) == a"),
    ("", "min(a, b) <= a"),
    ("", "min(a + 1, b + 1) - 1 == min(a, b)"),
    ("min(a, b) >= 4", "b >= 4"),
    # equalities that no symbol solves
    ("H*W == T", "N*H*W == N*T"),
    ("H*W == S*T", "N*H*W == N*S*T"),
    ("N*H == N*W", "H == W"),
    # cases
    ("s == 1 or s == 2", "s <= 2"),
    ("s == 1 or s == 2; s != 1", "s == 2"),
    ("norm_first or s == 2; not norm_first", "s == 2"),
    ("norm_first", "norm_first"),
    ('mode == "sum"', 'mode == "sum" or N == T'),
    ("", "N >= 2 or N == 1"),
    ("", "2*H != 2*W + 1"),
    # what was assumed
    ("D + N > 4", "D + N > 4"),
    ("N*T >= 3", "N*T >= 3"),
    ("N*T >= 3", "2*N*T >= 6"),
    ("3 | 2*N + 1", "3 | 2*N + 1"),
    ("3 | 2*N + 1", "3 | N - 1"),
]

REFUTED = [
    ("", "2*H == 2*W + 1"),
    ("", "400 == 576"),
    ("", "N == 0"),
    ("", "N*T <= 0"),
    ("", "4 | 2*H + 1"),
    ("", "H % 4 == 4"),
    ("T <= 5", "T >= 10"),
    ("s == 2", "s == 1"),
    ("s != 1", "s == 1"),
    ("norm_first", "not norm_first"),
    ("D == heads*hd", "not heads | D"),
    ("", "N >= 1 and N == 0"),
    ("", "N == 1 and N == 2"),
]

OPEN = [
    ("", "N == T"),
    ("", "N == 1"),
    ("", "w//8 >= 1"),
    ("T >= 1", "T - 1 >= 1"),
    ("", "heads*(D//heads) == D"),
    ("", "h//8 == 2*(h//16)"),
    ("", "T <= context"),
    ("", "H//2*2 == H"),
    ("", "z//z == 1"),
    ("", "z | 2*z"),
    ("", "norm_first"),
    ("a or b", "a"),
    ("2 | D", "4 | D"),
    ("a <= b", "a < b"),
    ("N*T == S*H", "N == S"),
    ("", "N*z >= z"),
    ("H*W >= g", "z*H*W >= z*g"),
]


@pytest.mark.parametrize(("given", "goal"), PROVED)
def test_proved(given: str, goal: str) -> None:
    assert facts(given).decide(cond(goal)) is Verdict.PROVED
    assert facts(given).decide(~cond(goal)) is not Verdict.PROVED
    assert not facts(given).contradictory


@pytest.mark.parametrize(("given", "goal"), REFUTED)
def test_refuted(given: str, goal: str) -> None:
    assert facts(given).decide(cond(goal)) is Verdict.REFUTED
    assert facts(given).assume(cond(goal)).contradictory


@pytest.mark.parametrize(("given", "goal"), OPEN)
def test_open(given: str, goal: str) -> None:
    assert facts(given).decide(cond(goal)) is Verdict.OPEN
    assert not facts(given).assume(cond(goal)).contradictory


@pytest.mark.parametrize(
    ("given", "before", "after"),
    [
        ("C == width*expansion", "C*H", "H*expansion*width"),
        ("stride == 1", "(H - 1)//stride + 1", "H"),
        ("heads | D", "heads*(D//heads)", "D"),
        ("heads | D", "D", "D"),
        ("heads | D", "N*(D//heads)", "N*(D//heads)"),
        ("T <= context", "context - T", "context - T"),
        ("T <= context", "max(T, context)", "context"),
        ("w >= 8", "w//8", "w//8"),
        ("w >= 8", "max(w, 4)", "w"),
        ("", "D//heads", "D//heads"),
        ("K == 3", "2**K", "8"),
    ],
)
def test_simplified_in_the_names_of_the_author(given: str, before: str, after: str) -> None:
    assert str(facts(given).simplify(parse(before, NAMES))) == after


def test_bounds_under_facts() -> None:
    known = facts("w >= 8; w <= 100; T <= context")
    assert (known.lower(parse("w//8")), known.upper(parse("w//8"))) == (1, 12)
    assert known.lower(parse("context - T")) == 0
    assert known.upper(parse("context")) is None
    assert known.lower(7) == 7


def test_both_sides_of_a_branch_join() -> None:
    """Identity where `stride == 1`, a convolution elsewhere: one result."""
    result, identity = parse("(H - 1)//stride + 1"), parse("H")
    assert facts("stride == 1").equal(identity, result)
    assert not facts("").equal(identity, result)
    assert not facts("stride != 1").equal(identity, result)


def test_facts_are_immutable() -> None:
    before = Facts()
    after = before.assume(cond("s == 2"))
    assert before.decide(cond("s == 2")) is Verdict.OPEN
    assert after.decide(cond("s == 2")) is Verdict.PROVED
    assert [str(c) for c in after.given] == ["s == 2"]


def test_contradictions_are_seen() -> None:
    for text in (
        "s == 1; s == 2",
        "2 | D; D == 2*k + 1",
        "a < b; b < a",
        "flag; not flag",
        "N == 0",
        "T <= 3; T*2 >= 8",
    ):
        assert facts(text).contradictory, text
    assert not facts("s == 1 or s == 2; s != 2; s <= 1").contradictory


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    known = facts("heads | D")
    goals = [cond(g) for _, g in PROVED[:30]]
    assert [known.decide(g) for g in goals] == [facts("heads | D").decide(g) for g in reversed(goals)][::-1]


def test_a_fact_that_is_a_case_distinction() -> None:
    known = facts("s == 1 and C == D or s == 2 and C == 2*D")
    assert known.decide(cond("C == s*D")) is Verdict.PROVED
    assert known.decide(cond("C == D")) is Verdict.OPEN


def test_constants_are_decided_when_made() -> None:
    assert Cond.eq(dim(3), 3) is Cond.TRUE
    assert Cond.lt(4, dim(3)) is Cond.FALSE
    assert Cond.divides(4, 12) is Cond.TRUE
    assert Cond.eq(symbol("N") + 1, symbol("N") + 1) is Cond.TRUE


@pytest.mark.parametrize("swapped", [False, True])
def test_multiples_of_a_dim_with_two_divisors(swapped: bool) -> None:
    d, heads = symbol("D"), symbol("heads")
    known = [Cond.divides(heads, d), Cond.divides(2, d)]
    facts = Facts()
    for fact in reversed(known) if swapped else known:
        facts = facts.assume(fact)
    assert facts.decide(Cond.divides(heads, 3 * d)) is Verdict.PROVED
    assert facts.decide(Cond.divides(3 * heads, 3 * d)) is Verdict.PROVED
    assert facts.decide(Cond.divides(3 * heads, d)) is Verdict.OPEN
