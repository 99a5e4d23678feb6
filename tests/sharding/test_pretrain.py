"""The example that trains on several processes: it learns, and goes on elsewhere as one process would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "pretrain.py"


def run(folder: Path, processes: int, *options: str) -> list[float]:
    """The losses of a run, whose file is the newest of the folder's."""
    started = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(started if processes > 1 else ()), str(EXAMPLE), "--out", str(folder)]
    done = subprocess.run(
        [*command, "--steps", "4", *options], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    newest = max(folder.glob("*.json"), key=lambda p: p.stat().st_mtime)
    losses: list[float] = json.loads(newest.read_text())
    return losses


@pytest.mark.long
def test_several_processes_and_then_one(tmp_path: Path) -> None:
    alone = run(tmp_path, 1)
    assert alone[-1] < alone[0] - 0.1
    shared = run(tmp_path, 4, "--dp", "2", "--tp", "2", "--until", "2", "--recompute")
    assert shared == pytest.approx(alone[:2], abs=1e-5)
    assert run(tmp_path, 1, "--resume", "dp2-tp2") == pytest.approx(alone, abs=1e-5)
    assert (tmp_path / "losses.png").read_bytes()[:4] == b"\x89PNG"
