"""Flags and floats as data: what they print, what they are made of, what values make of them."""

from __future__ import annotations

import math
from itertools import permutations
from random import Random

import pytest

from spec_lang.shapes import (
    Absent,
    Choice,
    Compared,
    Cond,
    Dim,
    Every,
    Facts,
    Flag,
    Is,
    Items,
    Real,
    Same,
    TooLarge,
    Truth,
    Undefined,
    Verdict,
    dim,
    maximum,
    opaque,
    operand,
    root,
    symbol,
)
from spec_lang.shapes.real import named_real

P, Q, D = Real("p"), Real("q"), symbol("D")
MODE = Choice("mode", ("none", "mean", "sum"))
OTHER = Choice("how", ("none", "mean", "sum"))


@pytest.mark.parametrize(
    ("flag", "text", "names"),
    [
        (Truth("training"), "training", {"training"}),
        (Truth("config.bias"), "config.bias", {"config.bias"}),
        (Absent("mask"), "mask is none", {"mask"}),
        (Is("mode", "sum"), 'mode == "sum"', {"mode"}),
        (Same(MODE, OTHER), "mode == how", {"mode", "how"}),
        (Compared(P, "<=", 1.0), "p <= 1.0", {"p"}),
        (Compared(P, "<=", dim(1)), "p <= 1", {"p"}),
        (Compared(0.5, "<", D), "0.5 < D", {"D"}),
        (Compared(D * 2 + 1, ">", P), "(2*D + 1) > p", {"D", "p"}),
        (Compared(Real("*", (P, Real("+", (Q, 1.0)))), "!=", Q), "(p * (q + 1.0)) != q", {"p", "q"}),
        (Compared(Real("-", (Real("sqrt", (P,)),)), "==", 2.0), "(-sqrt(p)) == 2.0", {"p"}),
        (Compared(Real("min", (P, D + 1, 0.5)), ">=", 0.0), "min(p, D + 1, 0.5) >= 0.0", {"p", "D"}),
        (
            Compared(Real("if", (Cond.flag(Absent("mask")) & Cond.gt(D, 2), P, 0.0)), "<", 1.0),
            "(p if mask is none and D > 2 else 0.0) < 1.0",
            {"mask", "D", "p"},
        ),
        (Compared(Real("*", (opaque("xs[0]"), P)), "<", 1.0), "(xs[0] * p) < 1.0", {"xs[0]", "p"}),
    ],
)
def test_flags_print_as_a_spec_writes_them(flag: Flag, text: str, names: set[str]) -> None:
    assert str(flag) == str(Cond.flag(flag)) == text
    assert flag.names == Cond.flag(flag).names == names
    assert Cond.flag(flag).flags == {flag}
    assert not Cond.flag(flag).symbols


def test_flags_are_equal_by_value() -> None:
    alike = [
        (Truth("a"), Truth("a")),
        (Absent("a"), Absent("a")),
        (Is("a", "b"), Is("a", "b")),
        (Compared(Real("+", (P, D)), "<", 1.0), Compared(Real("+", (Real("p"), symbol("D"))), "<", 1.0)),
    ]
    for a, b in alike:
        assert a == b
        assert hash(a) == hash(b)
        assert Facts().assume(Cond.flag(a)).decide(Cond.flag(b)) is Verdict.PROVED
        assert Facts().assume(~Cond.flag(a)).decide(Cond.flag(b)) is Verdict.REFUTED
    apart: list[Flag] = [
        Truth("a"),
        Absent("a"),
        Is("a", "b"),
        Is("a", "c"),
        Compared(P, "<", 1.0),
        Compared(P, "<", dim(1)),
        Compared(P, "<=", 1.0),
        Compared(Q, "<", 1.0),
        Compared(Real("+", (P, Q)), "<", 1.0),
        Compared(Real("-", (P, Q)), "<", 1.0),
    ]
    assert len(set(apart)) == len(apart)
    for a, b in permutations(apart, 2):
        wanted = Verdict.REFUTED if isinstance(a, Is) and isinstance(b, Is) else Verdict.OPEN
        assert Facts().assume(Cond.flag(a)).decide(Cond.flag(b)) is wanted


def test_values_decide_and_rename() -> None:
    bias, absent, low = (
        Cond.flag(Truth("bias")),
        Cond.flag(Absent("mask")),
        Cond.flag(Compared(P, "<=", dim(1))),
    )
    assert bias.substitute({"bias": True}) == Cond.TRUE
    assert (~bias).substitute({"bias": Cond.flag(Truth("wide"))}) == ~Cond.flag(Truth("wide"))
    assert absent.substitute({Absent("mask"): False}) == Cond.FALSE
    assert absent.substitute({Absent("mask"): Cond.flag(Absent("memory"))}) == Cond.flag(Absent("memory"))
    assert absent.substitute({"mask": 3.0}) == absent
    assert low.substitute({"p": 0.5}) == Cond.TRUE
    assert low.substitute({"p": dim(2)}) == Cond.FALSE
    assert str(low.substitute({"p": Real("+", (Q, D))})) == "(q + D) <= 1"
    assert str(low.substitute({"p": Real("rate")}) & bias) == "rate <= 1 and bias"
    one = Real("if", (bias, P, 2.0))
    assert Cond.flag(Compared(one, "<", 1.0)).substitute({"bias": False}) == Cond.FALSE
    assert str(Cond.flag(Compared(one, "<", Q)).substitute({"bias": True})) == "p < q"
    size = Cond.flag(Compared(Real("/", (opaque("xs[0]"), D)), ">", 0.5))
    assert size.substitute({"xs[0]": dim(3), "D": 2}) == Cond.TRUE
    assert str(size.substitute({"D": symbol("E") + 1})) == "(xs[0] / (E + 1)) > 0.5"


def test_what_has_no_value_stays_open() -> None:
    for left in (Real("/", (1.0, P)), Real("log", (P,)), Real("**", (P, -1.0))):
        cond = Cond.flag(Compared(left, "<", 1.0)).substitute({"p": 0.0})
        assert cond.op == "flag"
        assert Facts().decide(cond) is Verdict.OPEN
        with pytest.raises(Undefined):
            left.evaluate({"p": 0.0})
    with pytest.raises(Undefined):
        Real("**", (P, 0.5)).evaluate({"p": -2.0})
    for big in (Real("exp", (P,)), Real("**", (dim(10), D)), Real("*", (P, P))):
        try:
            assert big.evaluate({"p": 1e200, "D": 10**9}) == math.inf
        except TooLarge:
            assert Cond.flag(Compared(big, "<", 1.0)).substitute({"p": 1e200, "D": 10**9}).op == "flag"


def test_choices() -> None:
    assert Cond.chosen(MODE, "sum") == ~Cond.flag(Is("mode", "none")) & ~Cond.flag(Is("mode", "mean"))
    assert Cond.chosen(MODE, "max") == Cond.FALSE
    assert Cond.chosen(Choice("mode", ("sum",)), "sum") == Cond.TRUE
    options = MODE.options or ()
    for option in options:
        for other in options:
            assert Cond.chosen(MODE, option).substitute({"mode": other}) == Cond.of(option == other)
            assert Cond.chosen(MODE, option).evaluate({"mode": option})
    renamed = Cond.flag(Is("mode", "mean")).substitute({"mode": Choice("how", ("none", "mean"))})
    assert renamed == ~Cond.flag(Is("how", "none"))
    same = Cond.flag(Same(MODE, OTHER))
    assert same.substitute({"mode": "mean"}) == Cond.flag(Is("how", "mean"))
    assert same.substitute({"mode": "mean", "how": "none"}) == Cond.FALSE
    assert same.substitute({"mode": OTHER}) == Cond.TRUE
    assert same.evaluate({"mode": "sum", "how": "sum"})


def test_choices_of_lists() -> None:
    i, j = symbol("i", 0), symbol("j", 0)
    item = Choice("acts[{}]", ("relu", "tanh"), (i,))
    relu = Cond.chosen(item, "relu")
    assert str(relu) == 'acts[i] == "relu"'
    assert relu.symbols == {"i"}
    assert relu.names == {"i", "acts[i]"}
    assert str(relu.substitute({"i": j + 1})) == 'acts[j + 1] == "relu"'
    assert relu.substitute({"i": 1, "acts[1]": "tanh"}) == Cond.FALSE
    assert relu.substitute({"i": 1}) == Cond.flag(Is("acts[1]", "relu"))
    assert str(relu.substitute({"acts": Items("stages[{}].acts", (), (j,))})) == 'stages[j].acts[i] == "relu"'
    assert relu.substitute({"acts[i]": Choice("a", None)}) == Cond.flag(Is("a", "relu"))
    facts = Facts().assume(relu)
    assert facts.decide(relu) is Verdict.PROVED
    assert facts.decide(Cond.chosen(item, "tanh")) is Verdict.REFUTED
    assert facts.decide(Cond.chosen(Choice("acts[{}]", ("relu", "tanh"), (j,)), "relu")) is Verdict.OPEN
    same = Cond.same(item, Choice("acts[{}]", ("relu", "tanh"), (j,)))
    assert same.symbols == {"i", "j"}
    assert same.substitute({"i": j}) == Cond.TRUE


def test_any_string() -> None:
    text = Choice("mode", None)
    assert Cond.chosen(text, "max") == Cond.flag(Is("mode", "max"))
    both = Facts().assume(Cond.chosen(text, "a"))
    assert both.decide(Cond.chosen(text, "b")) is Verdict.REFUTED
    neither = Facts().assume(~Cond.chosen(text, "a")).assume(~Cond.chosen(text, "b"))
    assert not neither.contradictory
    assert neither.decide(Cond.chosen(text, "c")) is Verdict.OPEN


def test_roots() -> None:
    for name in ("xs", "xs[0]", "xs[0][1]", "xs.dim", "xs.dims[0]", "len(xs)", "len(xs[0])", "xs[i + 1]"):
        assert root(name) == "xs"


def test_expressions_are_limited() -> None:
    x = y = P
    for _ in range(10):
        x = Real("+", (x, x))
    assert x.evaluate({"p": 1.0}) == 1024.0
    with pytest.raises(TooLarge):
        Real("+", (x, x))
    for _ in range(200):
        y = Real("+", (y, 0.5))
    assert y.evaluate({"p": 1.0}) == 101.0
    assert Cond.flag(Compared(y, ">", 101.0)).substitute({"p": 1.0}) == Cond.FALSE
    assert str(y).count("0.5") == 200


def random_number(rng: Random, depth: int) -> Real | Dim | float:
    """A number over `p`, `q` and `D`."""
    kind = rng.choice(["float", "name", "size", "+", "-", "*", "/", "neg", "min", "abs", "if"])
    if depth == 0 or kind in ("float", "name", "size"):
        return rng.choice([P, Q, P, Q, D, D * 2 - 1, dim(3), rng.choice([0.0, 0.5, -1.5, 2.0])])
    a, b = random_number(rng, depth - 1), random_number(rng, depth - 1)
    if kind == "if":
        return Real("if", (random_cond(rng, depth - 1), a, b))
    if kind in ("neg", "abs"):
        return Real("-" if kind == "neg" else kind, (a,))
    return Real(kind, (a, b))


def random_cond(rng: Random, depth: int) -> Cond:
    """A condition with flags over `p`, `q`, `D`, `wide`, `mask` and `mode`."""
    kind = rng.choice(["and", "or", "not", "compared", "compared", "flag", "size"])
    if depth and kind in ("and", "or"):
        a, b = random_cond(rng, depth - 1), random_cond(rng, depth - 1)
        return a & b if kind == "and" else a | b
    if kind == "size":
        return Cond.gt(D, rng.randint(1, 3))
    if kind == "flag":
        return rng.choice([Cond.flag(Truth("wide")), Cond.flag(Absent("mask")), Cond.chosen(MODE, "mean")])
    cond = Cond.flag(
        Compared(random_number(rng, depth), rng.choice(["<", "<=", "==", "!="]), random_number(rng, depth))
    )
    return ~cond if kind == "not" else cond


def outcome(cond: Cond, env: dict[object, object]) -> bool | None:
    """The truth, None where a division by zero leaves none."""
    try:
        return cond.evaluate(env)
    except (Undefined, TooLarge):
        return None


def test_substitution_keeps_the_truth() -> None:
    rng = Random(11)
    for _ in range(3_000):
        cond = random_cond(rng, 3)
        env: dict[object, object] = {
            "p": rng.choice([0.0, 0.5, 1.0, -2.0]),
            "q": rng.choice([0.25, 3.0]),
            "D": rng.randint(1, 4),
            "wide": rng.random() < 0.5,
            "mask": None if rng.random() < 0.5 else "a mask",
            "mode": rng.choice(MODE.options),
        }
        truth = outcome(cond, env)
        known = {**env, Absent("mask"): env["mask"] is None}
        decided = cond.substitute(known)
        if truth is not None and decided.op in ("true", "false"):
            assert decided == Cond.of(truth), (str(cond), env)
        # A part without a value may stay open; where every part has one, all of it is decided.
        assert decided.op in ("true", "false") or outcome(decided, {}) == truth, (str(cond), env)
        some = {k: v for k, v in known.items() if rng.random() < 0.5}
        part = cond.substitute(some)
        assert part.names <= cond.names
        assert not part.names & {"p", "q", "D", "wide", "mode"} & set(some), (str(cond), str(part), some)
        if truth is not None and outcome(part, env) is not None:
            assert outcome(part, env) == truth, (str(cond), str(part), env)
        renamed = cond.substitute({"p": Real("r"), "q": Real("*", (Real("r"), 2.0)), "D": symbol("E") + 1})
        again = {**env, "r": 0.5, "E": 3}
        assert not renamed.names & {"p", "q", "D"}
        assert outcome(renamed, again) == outcome(cond, {**env, "p": 0.5, "q": 1.0, "D": 4}), str(cond)


def test_operands() -> None:
    assert [operand(x) for x in (D, D + 1, P, 0.5)] == ["D", "(D + 1)", "p", "0.5"]
    root_of = Real("sqrt", (P,))
    assert operand(root_of) == "sqrt(p)"
    assert operand(Real("+", (P, root_of))) == "(p + sqrt(p))"
    assert operand(D + maximum(symbol("E"), 2)) == "(D + max(E, 2))"
    assert str(Real("**", (-0.5, P))) == "(-0.5) ** p"


def test_a_condition_for_every_index() -> None:
    rate, i, n = Real("rate"), symbol("i", 0), symbol("n")
    every = Cond.flag(Every(Cond.flag(Compared(Real("*", (rate, i)), "<=", dim(1))), "i", n))
    assert str(every) == "all([(rate * i) <= 1 for i in range(n)])"
    assert every.names == {"rate", "n"}
    assert every.substitute({"rate": 0.5, "n": dim(3)}) == Cond.TRUE
    assert every.substitute({"rate": 0.5, "n": dim(4)}) == Cond.FALSE
    assert every.evaluate({"rate": 0.5, "n": 3})
    assert not every.evaluate({"rate": 0.5, "n": 4})
    assert every.substitute({"n": dim(0)}) == Cond.TRUE
    # The index is the condition's own, whatever it is called elsewhere.
    assert every.substitute({"i": dim(9)}) == every
    other = every.substitute({"rate": Real("*", (rate, i))})
    assert str(other) == "all([((rate * i) * i_) <= 1 for i_ in range(n)])"


def test_lists_stand_for_others() -> None:
    i, n = symbol("i", 0), symbol("n")
    both = opaque("f", i, text="sum([xs[each] * ys[each] for each in range({})])")
    swapped = both.substitute({"xs": Items("ys"), "ys": Items("xs")})
    assert str(swapped) == "sum([ys[each] * xs[each] for each in range(i)])"
    rows = Items("rows[{}]", args=(n,))
    assert str(opaque("xs", i).substitute({"xs": rows})) == "rows[n][i]"
    assert str(opaque("len(xs)").substitute({"xs": rows})) == "len(rows[n])"
    part = Items("ws[{}:]", (), (n,), Items("ws"), n, opaque("len(ws)", low=0) - n)
    assert str(opaque("xs", i).substitute({"xs": part})) == "ws[i + n]"
    assert opaque("sum(xs)").substitute({"xs": part}) == opaque("sum(ws)") - opaque("sum(ws[:n])")
    assert named_real("ps[{}]", (i,)).substitute({"ps": part, "i": dim(2)}) == named_real("ws[{}]", (n + 2,))
    known = {"xs": Items("", (dim(3), dim(5)))}
    assert opaque("xs", i).substitute({**known, "i": dim(1)}) == 5
    assert opaque("sum(xs)").substitute(known) == 8
    assert str(Truth("xs[{}] in ys", (i,)).substitute({"ys": part})) == "xs[i] in ws[n:]"


def test_a_condition_for_every_item() -> None:
    item = named_real("ps[{}]", (symbol("i", 0),))
    every = Cond.flag(Every(Cond.flag(Compared(item, "<=", dim(1))), "i", opaque("len(ps)")))
    assert str(every) == "all([each <= 1 for each in ps])"
    known = {"len(ps)": dim(2), "ps[0]": 0.5}
    assert every.substitute({**known, "ps[1]": 1.0}) == Cond.TRUE
    assert every.substitute({**known, "ps[1]": 1.5}) == Cond.FALSE
    assert str(every.substitute({**known, "ps[1]": Real("q")})) == "q <= 1"
    renamed = every.substitute({"len(ps)": opaque("len(rates)"), "ps": Items("rates")})
    assert str(renamed) == "all([each <= 1 for each in rates])"
