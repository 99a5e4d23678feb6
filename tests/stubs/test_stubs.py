"""Stubs say of a module what is there, and of sizes what can be said."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.testing import CliRunner

from spec_lang.__main__ import main
from spec_lang.cli import cli
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.targets.stubs import DIALECTS, stubs

SPEC = '''
record Shape:
    width: int = 8
    names: list[str] = ["a"]

fn twice(n: int) = 2 * n

fn joined(x: float[*B, D], y: float[*B, D]) -> float[*B, 2*D]:
    return cat([x, y], dim=-1)

block Inner(heads: int):
    require D % heads == 0
    let K = D // heads

    layers:
        q = Linear(D, D)

    forward(x: float[N, T, D]) -> float[N, T, heads, K]:
        return x -> q -> unflatten(-1, (heads, K))

model Net(dim: int = 12, widths: list[int] = [3, 4], extra: int? = none, act: layer = ReLU):
    layers:
        param scale: float[dim] = ones()
        buffer steps: float[2, dim] = zeros(2, dim)
        inner = Inner(3)
        last  = none if extra is none else Linear(dim, extra)
        outs  = [Linear(dim, w) for w in widths]
        acts  = act()

    forward(x: float[N, 4*h, dim], past: float[N, P, dim]? = none) -> (
        whole: float[N, h, 4*dim],
        heads: float[N, 4*h, 3, dim//3],
        parts: [float[N, 4*h, w] for w in widths],
        more: float[_, _, _],
    ):
        y = x * scale + steps[0] -> acts
        more = y if past is none else cat([past, y], dim=1)
        if last is not none:
            more = more[:, :, :1] + last(more).sum(dim=-1, keepdim=true)
        return y.reshape(N, h, 4*dim), inner(y), [out(y) for out in outs], more

    encode(x: float[N, dim % 5], k: int >= 1 = 2) -> float[N, k]:
        return zeros(N, k) + x.sum()

model Small = Net(dim=9)
'''


def written(dialect: str, text: str = SPEC) -> str:
    result = compile_sources({"net": Source("net.nnspec", text)})
    assert not result.errors, [d.message for d in result.diagnostics]
    return stubs(result.checked(), result.torch_sources(), DIALECTS[dialect])["net.pyi"]


def test_stub() -> None:
    assert written("pyrefly") == ""
