"""The conditions of generated code: none that others imply, and none left out that nothing implies."""

from __future__ import annotations

from itertools import product
from textwrap import dedent
from typing import Any

import pytest
import torch

from spec_lang.ir import model as ir
from spec_lang.loading import from_program
from tests.fuzz.held import compiled


def checks(text: str, name: str = "M") -> list[str]:
    program = compiled(dedent(text)).checked()
    block = next(d for d in program.definitions if isinstance(d, ir.Block) and d.name == name)
    return [r.message for m in block.methods if m.name == "forward" for r in m.checks]


def requires(text: str, name: str = "M") -> list[str]:
    program = compiled(dedent(text)).checked()
    block = next(d for d in program.definitions if isinstance(d, ir.Block) and d.name == name)
    return [r.message for r in block.requires]


POOLS = """
    model M(big: bool = true):
        layers:
            a = Conv2d(3, 4, 7)

        forward(x: float[N, 3, H, W]) -> float[N, 4]:
            x = x -> a -> max_pool2d(2)
            if big:
                return x -> max_pool2d(2) -> max_pool2d(3, stride=2) -> mean(dim=(2, 3))
            return x -> max_pool2d(3, stride=2) -> mean(dim=(2, 3))
"""


def test_a_chain_of_pools_is_one_bound_in_each_branch() -> None:
    assert checks(POOLS) == [
        "max_pool2d needs H >= 18",
        "max_pool2d needs W >= 18",
        "max_pool2d needs H >= 12",
        "max_pool2d needs W >= 12",
    ]


@pytest.mark.parametrize("big", [True, False])
def test_the_bounds_are_pytorchs_own(big: bool) -> None:
    program = compiled(dedent(POOLS)).checked()
    model, bare = (from_program(program, f"pools_{c}", checks=c).M(big) for c in (True, False))
    for h, w in product([5, 7, 8, 11, 12, 13, 17, 18, 19], repeat=2):
        try:
            bare(torch.zeros(1, 3, h, w))
        except RuntimeError:
            with pytest.raises(ValueError, match="needs"):
                model(torch.zeros(1, 3, h, w))
        else:
            model(torch.zeros(1, 3, h, w))


def test_the_author_s_own_message_stays() -> None:
    text = """
        model M:
            forward(x: float[N, C, H, W]) -> float[N, C, _, _]:
                require H >= 3, "so high"
                require W >= 2
                return x -> max_pool2d(5)
    """
    assert checks(text) == ["so high", "max_pool2d needs H >= 5", "max_pool2d needs W >= 5"]


WORDS: list[tuple[str, str, str]] = [
    ("n: int = 4, m: int = 5", "n <= m", "n must be at most m"),
    ("n: int = 4, m: int = 5", "n != m", "n must not be m"),
    ("n: int = 4, m: int = 5", "n < m and m % n == 1", "n must be less than m and m % n must be 1"),
    ("n: int = 4, m: int = 8", "m % n == 0", "m must be divisible by n"),
    ("n: int = 4", "2 <= n", "n must be at least 2"),
    ("ws: list[int] = [4]", "len(ws) >= 1", "ws must have at least one item"),
    (
        "ws: list[int] = [4], vs: list[int] = [3]",
        "len(ws) == len(vs)",
        "ws and vs must have the same number of items",
    ),
    ("ws: list[int] = [4, 8]", "len(ws) == 2", "ws must have 2 items"),
    ("ws: list[int] = [4, 8]", "all([w % 4 == 0 for w in ws])", "w must be divisible by 4 for each w in ws"),
    ("n: int = 4, flag: bool = true", "flag or n > 3", "flag or n > 3"),
    ("n: int = 4", "1 <= n <= 7", "1 <= n <= 7"),
]


@pytest.mark.parametrize(("hypers", "condition", "words"), WORDS)
def test_plain_words(hypers: str, condition: str, words: str) -> None:
    text = f"""
        model M({hypers}):
            require {condition}
            forward(x: float[N, 4]) -> float[N, 4]:
                return x
    """
    assert requires(text) == [words]


def test_a_condition_that_may_have_no_value_proves_nothing() -> None:
    """`H // k >= 3` implies `H >= 3` only where k is not 0: without that check a division fails in its place."""
    text = """
        model M(k: int >= 0 = 1):
            forward(x: float[N, H]) -> float[N, H]:
                require H >= 3
                require H // k >= 3
                return x
    """
    module = from_program(compiled(dedent(text)).checked(), "no_value")
    with pytest.raises(ValueError, match="k must not be 0"):
        module.M(0)
    for k, h in product([1, 2], [1, 2, 3, 6]):
        run: Any = module.M(k)
        if h < 3:
            with pytest.raises(ValueError, match="H must be at least 3"):
                run(torch.zeros(1, h))


def test_what_a_constructor_checks_is_not_checked_at_a_call() -> None:
    text = """
        model M(n: int = 4, context: int = 9):
            require n <= context
            forward(x: float[N, T]) -> float[N, T]:
                require T <= n
                require T <= context
                return x
    """
    assert checks(text) == ["T must be at most n"]
