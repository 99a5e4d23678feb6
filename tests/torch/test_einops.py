"""The patterns of einops as tensor methods: equal to einops itself."""

from __future__ import annotations

import einops
import pytest
import torch

from spec_lang.targets.torch import einops as ours
from spec_lang.targets.torch.code import Atom, flat
from spec_lang.targets.torch.text import BadProgram

REARRANGE = [
    ((2, 3, 24), "n t (three h d) -> three n h t d", {"three": 3, "h": 4}),
    ((2, 4, 3, 5), "n h t d -> n t (h d)", {}),
    ((2, 3, 8, 12), "n c (h p) (w q) -> n (h w) (p q c)", {"p": 4, "q": 3}),
    ((2, 3, 4), "a b c -> c b a", {}),
    ((2, 3, 4), "a b c -> (a b c)", {}),
    ((2, 3, 4), "a b c -> a (b c)", {}),
    ((2, 3, 4), "a b c -> (a b) c", {}),
    ((2, 1, 4), "a 1 c -> a c", {}),
    ((2, 1, 4), "a () c -> c a", {}),
    ((2, 4), "a c -> a 1 c", {}),
    ((2, 4), "a c -> 1 (a c) ()", {}),
    ((2, 3, 4, 5), "... a b -> ... b a", {}),
    ((2, 3, 4, 5), "... (a b) -> ... b a", {"b": 5}),
    ((6, 4, 5), "(a b) ... -> b ... a", {"a": 2}),
    ((2, 3, 4), "a ... -> a (...)", {}),
    ((2, 12), "n (a b c) -> n c b a", {"a": 2, "b": 3}),
]
REDUCE = [((2, 3, 4, 5), "n c h w -> n c", how, {}) for how in ("mean", "sum", "max", "min", "prod")] + [
    ((2, 3, 4, 6), "n c (h p) (w q) -> n c h w", "max", {"p": 2, "q": 3}),
    ((2, 3, 4), "a b c -> c a", "mean", {}),
    ((2, 3, 4), "a b c -> a 1 c", "sum", {}),
    ((2, 3, 4), "a b c -> c b a", "sum", {}),
]
REPEAT = [
    ((4,), "d -> n d", {"n": 3}),
    ((2, 4), "n d -> n t d", {"t": 3}),
    ((2, 4), "h w -> (h a) (w b)", {"a": 2, "b": 3}),
    ((2, 4), "a b -> b c a", {"c": 2}),
]


def run(code: str, x: torch.Tensor) -> torch.Tensor:
    return eval(code, {"x": x})


def atoms(sizes: dict[str, int]) -> dict[str, Atom]:
    return {k: Atom(str(v)) for k, v in sizes.items()}


@pytest.mark.parametrize(("shape", "pattern", "sizes"), REARRANGE)
def test_rearrange(shape: tuple[int, ...], pattern: str, sizes: dict[str, int]) -> None:
    x = torch.randn(shape)
    code = flat(ours.rearrange(Atom("x"), x.dim(), pattern, atoms(sizes)))
    assert torch.equal(run(code, x), einops.rearrange(x, pattern, **sizes)), code


@pytest.mark.parametrize(("shape", "pattern", "how", "sizes"), REDUCE)
def test_reduce(shape: tuple[int, ...], pattern: str, how: str, sizes: dict[str, int]) -> None:
    x = torch.randn(shape)
    code = flat(ours.reduce(Atom("x"), x.dim(), pattern, how, atoms(sizes)))
    torch.testing.assert_close(run(code, x), einops.reduce(x, pattern, how, **sizes))


@pytest.mark.parametrize(("shape", "pattern", "sizes"), REPEAT)
def test_repeat(shape: tuple[int, ...], pattern: str, sizes: dict[str, int]) -> None:
    x = torch.randn(shape)
    code = flat(ours.repeat(Atom("x"), x.dim(), pattern, atoms(sizes)))
    assert torch.equal(run(code, x), einops.repeat(x, pattern, **sizes)), code


def test_attention_reads_as_people_write_it() -> None:
    code = ours.rearrange(Atom("y"), 4, "n h t d -> n t (h d)", {})
    assert flat(code) == "y.transpose(1, 2).flatten(2)"


def test_unknown_sizes_are_refused() -> None:
    with pytest.raises(BadProgram):
        ours.rearrange(Atom("x"), 1, "(a b) -> a b", {})
