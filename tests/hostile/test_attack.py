"""Whatever the command line is given, it answers with a result or a message, soon and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("seed", "count"),
    [("0", 30), pytest.param("1", int(os.environ.get("SPECC_LONG", "2000")), marks=pytest.mark.long)],
)
def test_hostile_inputs_are_answered(seed: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.attack", seed, str(count)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert not found, "\n".join(
        f"attack {seed}:{f['n']} 1: {f['wrong']}: {f['command']}\n{f['output']}" for f in found
    )
