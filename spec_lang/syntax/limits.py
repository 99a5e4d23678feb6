"""How much of everything a spec may have, so that reading a stranger's file is bounded."""

from __future__ import annotations

BYTES = 64 * 2**20
BRACKETS = 100
BLOCKS = 100
CHAIN = 1_000  # operators, arrows and attributes one after the other, and `elif`s of one `if`
DIGITS = 1_000
ERRORS = 100  # syntax errors shown of one file
