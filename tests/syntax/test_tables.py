"""The cache of the parser's tables: used, rebuilt when damaged, done without where it cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from spec_lang.diagnostics import Source
from spec_lang.syntax.from_text import parse
module, wrong = parse(Source("a", "a = 1 + 2\\n"))
assert module and not wrong
print("lark" in sys.modules)
"""


def run(cache: Path) -> str:
    env = {**os.environ, "SPECC_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_second_start_reads_the_cache(tmp_path: Path) -> None:
    assert run(tmp_path / "cache") == "True"
    assert run(tmp_path / "cache") == "False"
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".json"]


@pytest.mark.parametrize("damage", ["empty", "cut", "changed"])
def test_damaged_cache_is_rebuilt(tmp_path: Path, damage: str) -> None:
    run(tmp_path)
    [path] = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[:-100], "changed": whole.replace(b": 3", b": 4")}[damage])
    assert run(tmp_path) == "True"
    assert run(tmp_path) == "False"


def test_cache_of_another_grammar_is_rebuilt(tmp_path: Path) -> None:
    """Where two names happen to be the same."""
    run(tmp_path)
    [path] = tmp_path.iterdir()
    _, data = path.read_bytes().split(b"\n", 1)
    key, *tables = json.loads(data)
    other = json.dumps([key + "#", *tables]).encode()
    path.write_bytes(b"%08x\n%s" % (zlib.crc32(other), other))
    assert run(tmp_path) == "True"
    assert run(tmp_path) == "False"


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert run(blocked) == "True"
