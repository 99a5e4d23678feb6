"""Dims and conditions as IR expressions say what their text says."""

from __future__ import annotations

from random import Random

import pytest

from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.emission.emit_dims import from_cond, from_dim
from spec_lang.ir.model import make
from spec_lang.shapes import Cond, Dim, TooLarge, Undefined, opaque, symbol
from tests.shapes.programs import BOUNDS, built, random_cond, random_tree

N, i = symbol("N"), symbol("i", 0)


def resolve(name: str) -> ir.Expr:
    return make(ir.Name, id=name, ref="dim", type=None, span=None)


def of_text(text: str) -> ir.Expr:
    """The expression of a text, which is what a flag is."""
    return from_cond(Cond.flag(text), resolve)


@pytest.mark.parametrize(
    ("d", "text"),
    [
        (-3 * N * i, "(-3)*N*i"),
        (-N, "-N"),
        (-(N // 2), "-(N//2)"),
        (-(N**2) * i, "-(N**2)*i"),
        (N - 3 * i - 1, "N - 3*i - 1"),
        (N - N - 3, "-3"),
        (opaque("item", i, text="(64, 128)[{}]") // 2, "(64, 128)[i]//2"),
        (opaque("round", N, text="round({} * 0.5)") + opaque("config.dim"), "config.dim + round(N * 0.5)"),
    ],
)
def test_dims_are_what_they_read_as(d: Dim, text: str) -> None:
    assert from_dim(d, resolve) == of_text(str(d)) == of_text(text)


def test_random_dims_and_conditions_are_what_they_read_as() -> None:
    dice = Random(3)
    made = 0
    for _ in range(3_000):
        names = dice.sample(list(BOUNDS), 4)
        try:
            d = built(random_tree(dice, 4, names))
            _, cond = random_cond(dice, 3, names)
        except (TooLarge, Undefined):
            continue
        made += 1
        assert from_dim(d, resolve) == of_text(str(d))
        assert from_cond(cond, resolve) == of_text(str(cond))
    assert made > 2_000


def test_what_stands_in_brackets() -> None:
    e = of_text('sum(depths[1:])/2 < cfg.dim and mode in ["a", none]')
    assert isinstance(e, ir.Binary)
    assert isinstance(e.left, ir.Compare)
    assert isinstance(e.left.first, ir.Binary)
    call = e.left.first.left
    assert isinstance(call, ir.Call)
    assert (call.to, call.name) == ("builtin", "sum")
    (items,) = call.args
    assert isinstance(items, ir.Subscript)
    assert isinstance(items.index[0], ir.Slice)
    assert isinstance(e.right, ir.Compare)
    assert isinstance(e.right.rest[0], ir.List)
