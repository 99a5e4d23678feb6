"""Patterns over any number of dims, and ties whose index depends on how many layers there are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from tests.mutation.trial import runs_as_declared

PATTERNS = [
    ("float[*B, T, h*k]", "float[*B, h, T, k]", 'rearrange(x, "... t (h k) -> ... h t k", h=h)'),
    ("float[*B, T, U]", "float[*B, U, T]", 'rearrange(x, "... t u -> ... u t")'),
    ("float[N, *B, T]", "float[N, T, *B]", 'rearrange(x, "n ... t -> n t ...")'),
    ("float[N, *B, T]", "float[T, *B, N]", 'rearrange(x, "n ... t -> t ... n")'),
    ("float[*B, T, U, V]", "float[*B, V, T, U]", 'rearrange(x, "... t u v -> ... v t u")'),
    ("float[*B, T, U, V]", "float[*B, T*U, V]", 'rearrange(x, "... t u v -> ... (t u) v")'),
    ("float[N, M, *B, T, U]", "float[N*M, *B, T*U]", 'rearrange(x, "n m ... t u -> (n m) ... (t u)")'),
    ("float[*B, T, U]", "float[*B, 1, T*U, 1]", 'rearrange(x, "... t u -> ... 1 (t u) 1")'),
    ("float[*B, 1, T, 1]", "float[*B, T]", 'rearrange(x, "... 1 t 1 -> ... t")'),
    ("float[*B, T, U]", "float[*B, T]", 'reduce(x, "... t u -> ... t", "mean")'),
    ("float[N, *B, T, U]", "float[*B, T]", 'reduce(x, "n ... t u -> ... t", "prod")'),
    ("float[N, *B, T, U]", "float[*B, U]", 'reduce(x, "n ... t u -> ... u", "max")'),
    (
        "float[N, *B, 2*T, 2*U]",
        "float[N, *B, T, U]",
        'reduce(x, "n ... (t p) (u q) -> n ... t u", "sum", p=2, q=2)',
    ),
    ("float[*B, T, U]", "float[*B, T, 3, U]", 'repeat(x, "... t u -> ... t r u", r=3)'),
    ("float[*B, T, U]", "float[*B, 3*T, U, 2]", 'repeat(x, "... t u -> ... (r t) u s", r=3, s=2)'),
    ("float[*B, T, U]", "float[3, *B, U, T]", 'repeat(x, "... t u -> r ... u t", r=3)'),
]


def _forward(text: str) -> Any:
    result = compile_sources({"net": Source("net.nnspec", text)})
    assert not result.errors, result.errors[0].message
    names: dict[str, Any] = {}
    exec(result.torch_sources()["net.py"], names)
    return names["M"]


@pytest.mark.parametrize(("given", "result", "call"), PATTERNS)
def test_any_number_of_dims_is_as_a_known_number(given: str, result: str, call: str) -> None:
    hypers = "(h: int = 2)" if "h=h" in call else ""
    text = f"model M{hypers}:\n    forward(x: {given}) -> {result}:\n        return {call}\n"
    open_ = compile_sources({"net": Source("net.nnspec", text)})
    assert not runs_as_declared("net", open_, lambda _: [{}], 2)
    for dims in ("", "P, ", "P, Q, "):
        known = text.replace("*B, ", dims).replace(", *B", f", {dims}"[:-2] if dims else "")
        sizes = given.removeprefix("float[").removesuffix("]").split(", ")
        hidden = [2, 3][: dims.count(",")]
        shape = [n for s in sizes for n in (hidden if s == "*B" else [1 if s == "1" else 4])]
        x = torch.randn(shape)
        torch.testing.assert_close(_forward(text)()(x), _forward(known)()(x))


TIE = """model M(d: int = 4, n: int = 2):
    layers:
        a = [Linear(d, d) for i in range(n)]
        b = Linear(d, d)
    tie {}
    forward(x: float[N, d]) -> float[N, d]:
        return x -> a -> b
"""


@pytest.mark.parametrize(
    "tie", ["a[-1].weight = b.weight", "a[n - 1].weight = b.weight", "b.weight = a[-1].weight"]
)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_tie_by_an_index_that_depends_on_the_length(tie: str, n: int) -> None:
    model = _forward(TIE.format(tie))
    first = model(n=n)
    assert first.a[-1].weight is first.b.weight
    for stored in ("b.weight", f"a.{n - 1}.weight"):
        state = dict(first.state_dict())
        state.pop(stored)
        second = model(n=n)
        second.load_state_dict(state)
        assert torch.equal(second.b.weight, first.b.weight)
        assert second.a[-1].weight is second.b.weight


@pytest.mark.parametrize("kind", ["param", "buffer"])
@pytest.mark.parametrize(
    "value", ["zeros(d).expand(3, d)", "zeros(d, 3).transpose(0, 1).expand(3, d) + 0", "e(d)"]
)
def test_what_a_member_starts_as_can_be_loaded_into(kind: str, value: str) -> None:
    model = _forward(
        "fn e(d: int) -> float[3, d]:\n    return zeros(d).expand(3, d)\n\nmodel M(d: int = 4):\n    layers:\n"
        f"        {kind} w: float[3, d] = {value}\n    forward(x: float[N, d]) -> float[N, d]:\n        return x + w.sum(0)\n"
    )()
    model.load_state_dict({"w": torch.arange(12.0).reshape(3, 4)})
    assert torch.equal(model(torch.zeros(1, 4))[0], torch.tensor([12.0, 15.0, 18.0, 21.0]))
