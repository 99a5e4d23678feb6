"""Orders in their plain form hold for the same integers; what has a value everywhere is told from what has not."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from spec_lang.shapes import Cond, Dim, Undefined, maximum, minimum, opaque, parse, symbol
from spec_lang.shapes.orders import plain, total

NAMES = ("H", "W")


def size(random: Random, depth: int) -> Dim:
    """A size with quotients, remainders and negative terms."""
    if depth == 0:
        return symbol(random.choice(NAMES), None) * random.choice([-3, -1, 1, 1, 2]) + random.randint(-5, 5)
    d = size(random, depth - 1)
    match random.randrange(6):
        case 0:
            return d + size(random, depth - 1)
        case 1:
            return minimum(d, size(random, depth - 1))
        case 2:
            return maximum(d, size(random, depth - 1)) % random.randint(2, 5)
        case _:
            return (d + random.randint(-3, 3)) // random.randint(2, 5) * random.choice([-2, 1, 1, 3])


@pytest.mark.parametrize("seed", range(300))
def test_the_plain_form_holds_for_the_same_sizes(seed: int) -> None:
    random = Random(seed)
    cond = Cond.compared(
        random.choice(["<", "<=", ">", ">="]), size(random, 3), size(random, random.randint(0, 2))
    )
    if seed % 3 == 0:
        cond = cond | Cond.ge(size(random, 2), random.randint(-4, 4))
    same = plain(cond)
    for values in product(range(-13, 14, 2), range(-9, 30, 5)):
        env = dict(zip(NAMES, values, strict=True))
        assert cond.evaluate(env) == same.evaluate(env), (cond, same, env)
    assert plain(same) == same


def test_chains_of_quotients_are_one_bound() -> None:
    H = symbol("H")
    assert str(plain(Cond.ge((H + 1) // 16 - 1, 3))) == "H >= 63"
    assert str(plain(Cond.lt(7 - (H - 1) // 2 * 3, 2))) == "H >= 5"
    assert str(plain(Cond.ge(opaque("len(rows)") - 1, 0))) == "len(rows) >= 1"
    assert str(plain(Cond.le(H, symbol("context")))) == "H <= context"
    assert str(plain(Cond.lt(H, 16))) == "H < 16"


@pytest.mark.parametrize("op", ["<", "<=", ">", ">="])
@pytest.mark.parametrize("text", ["(H + 3) // (4*2**n)", "7 - (H - 2) // s", "(H - 1) // (s*k) - 2"])
def test_quotients_by_sizes_are_solved_for_all_sizes(text: str, op: str) -> None:
    d = parse(text).substitute({n: symbol(n, 1) for n in ("s", "k")})
    for least in range(-3, 4):
        cond = Cond.compared(op, d, least)
        same = plain(cond)
        assert "//" not in str(same)
        for H, n, s, k in product(range(-5, 40, 2), (1, 2, 3), (1, 3), (1, 4)):
            env = {"H": H, "n": n, "s": s, "k": k}
            assert cond.evaluate(env) == same.evaluate(env), (cond, same, env)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("H // 4", True),
        ("H % 3", True),
        ("max(H, W)", True),
        ("H // W", False),
        ("2**H", False),
        ("rows[2]", False),
        ("len(rows)", True),
    ],
)
def test_what_has_a_value_everywhere(text: str, value: bool) -> None:
    assert total(Cond.ge(parse(text), 3)) == value


def test_a_division_by_what_may_be_nothing_has_no_value() -> None:
    cond = Cond.ge(symbol("H") // symbol("k", 0), 3)
    assert not total(cond)
    with pytest.raises(Undefined):
        cond.evaluate({"H": 4, "k": 0})
