"""Texts that no person types: halves of letters, lines of any length."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lsprotocol import types

from spec_lang.diagnostics import Source
from spec_lang.lsp import completion
from spec_lang.lsp.positions import Positions

LINES = (
    "x" * 300_000 + ".y.z",
    "    layers:\n        " + "a" * 30_000 + ".",
    "        x = " + "(" * 30_000,
    "    forward(x:" + " " * 300_000 + "y",
    '"' + "a." * 30_000,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_half_a_letter_has_a_column(encoding: str) -> None:
    text = "a\ud800b\udfff\ncd"
    positions = Positions(Source("net.nnspec", text), encoding)
    assert [positions.offset(positions.position(n)) for n in range(len(text) + 1)] == [*range(len(text) + 1)]
    assert positions.position(6) == types.Position(1, 1)


@pytest.mark.parametrize("line", LINES, ids=lambda t: t.strip()[:20])
def test_a_long_line_is_completed_soon(line: str) -> None:
    before = time.process_time()
    completion.complete(None, None, Path(), "model M:\n" + line, len(line) + 9)
    assert time.process_time() - before < 0.5
