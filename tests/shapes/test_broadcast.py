"""Broadcasting against torch.broadcast_shapes at random sizes."""

from __future__ import annotations

from random import Random

import pytest
import torch

from spec_lang.shapes import BroadcastError, Cond, Dim, Facts, Pack, Shape, broadcast, dim, symbol

N, T, M = symbol("N"), symbol("T"), symbol("M")
B, C = Pack("B"), Pack("C")
NONE = Facts()


def at(shape: Shape, sizes: dict[str, int], packs: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The shape at some sizes."""
    result: list[int] = []
    for d in shape:
        result += [d.evaluate(sizes)] if isinstance(d, Dim) else packs[d.name]
    return tuple(result)


def random_shape(rng: Random) -> Shape:
    entries: list[Dim] = [dim(1), dim(1), dim(5), N, T, N * T, N + 1]
    shape = tuple(rng.choice(entries) for _ in range(rng.randint(0, 3)))
    return (B, *shape) if rng.random() < 0.3 else shape


@pytest.mark.parametrize("facts", [NONE, NONE.assume(Cond.eq(N, T)), NONE.assume(Cond.eq(N, 1))])
def test_what_is_accepted_is_what_torch_does(facts: Facts) -> None:
    rng = Random(0)
    accepted = 0
    for _ in range(700):
        shapes = [random_shape(rng) for _ in range(rng.randint(1, 3))]
        try:
            result = broadcast(facts, *shapes)
        except BroadcastError:
            continue
        accepted += 1
        for n, t in ((1, 1), (1, 7), (2, 3), (4, 4), (5, 1)):
            sizes = {"N": n, "T": t}
            if not all(c.evaluate(sizes) for c in facts.given):
                continue
            for pack in ((), (1,), (3,), (2, 4)):
                instances = [at(s, sizes, {"B": pack}) for s in shapes]
                assert torch.broadcast_shapes(*instances) == at(result, sizes, {"B": pack}), (shapes, sizes)
    assert accepted > 70


@pytest.mark.parametrize(
    ("shapes", "result"),
    [
        ([(N, T), (N, T)], (N, T)),
        ([(N, T), (T,)], (N, T)),
        ([(N, dim(1)), (T,)], (N, T)),
        ([(N,), (dim(1),)], (N,)),
        ([(), (N,)], (N,)),
        ([(B, T), (T,)], (B, T)),
        ([(T,), (B, T)], (B, T)),
        ([(B, T), (B, dim(1))], (B, T)),
        ([(N, B, T), (B, T)], (N, B, T)),
        ([(dim(1), T), (N, dim(1)), (M, dim(1), dim(1))], (M, N, T)),
        ([], ()),
    ],
)
def test_accepted(shapes: list[Shape], result: Shape) -> None:
    assert broadcast(NONE, *shapes) == result


@pytest.mark.parametrize(
    ("shapes", "axis", "sizes"),
    [
        ([(N,), (T,)], -1, (N, T)),
        ([(N, T), (T, T)], -2, (N, T)),
        ([(N,), (dim(5),)], -1, (N, dim(5))),
        ([(B, T), (N, T)], -2, (B, N)),
        ([(B,), (C,)], -1, (B, C)),
        ([(B, T), (dim(1), T)], -2, (B, dim(1))),
        ([(T,), (N, T), (M, T)], -2, (N, M)),
    ],
)
def test_refused(shapes: list[Shape], axis: int, sizes: tuple[Dim | Pack, Dim | Pack]) -> None:
    with pytest.raises(BroadcastError) as caught:
        broadcast(NONE, *shapes)
    assert (caught.value.axis, caught.value.sizes) == (axis, sizes)


def test_facts_count() -> None:
    divides = NONE.assume(Cond.divides(T, N))
    assert broadcast(divides, (N,), (T * (N // T),)) == (N,)
    assert broadcast(NONE.assume(Cond.eq(N, 1)), (N, T), (M, T)) == (M, T)
