"""`--watch` as it is used: a process that goes on while files are saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOOD = """model Net(n: int = 2):
    layers:
        fc = Linear(3, n)

    forward(x: float[N, 3]) -> float[N, n]:
        return fc(x)
"""


class Watched:
    """A command that watches, and what it has said so far."""

    def __init__(self, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.log = log
        self.process = process

    def says(self, words: str, times: int = 1) -> str:
        """What it has said, once it has said some words so many times."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            text = self.log.read_text()
            if text.count(words) >= times:
                return text
            assert self.process.poll() is None, text
            time.sleep(0.05)
        raise AssertionError(f"{words!r} is not said {times} times in {self.log.read_text()!r}")


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watched]:
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "spec_lang", *arguments, "--watch"],
            cwd=folder,
            stdout=out,
            stderr=out,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        try:
            yield Watched(log, process)
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
    assert status == 130
    assert "Traceback" not in log.read_text()


def test_check_runs_again_after_each_save_and_is_quiet_between(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(GOOD)
    with watching(tmp_path, "check", "net.nnspec") as watched:
        watched.says("1 spec checked, no errors")
        spec.write_text(GOOD.replace("fc(x)", "fc(y)"))
        watched.says("E0201")
        (tmp_path / "notes.txt").write_text("no spec")
        # saved in parts, each of which is no spec: one run, when it is whole
        with spec.open("w") as file:
            for part in (GOOD[:20], GOOD[20:60], GOOD[60:]):
                file.write(part)
                file.flush()
                time.sleep(0.01)
        said = watched.says("no errors", 2)
        spec.unlink()
        spec.write_text(GOOD + "\nX = 1\n")
        said = watched.says("no errors", 3)
    assert said.count("E0201") == 1


def test_compile_writes_again_and_leaves_what_was_right_while_a_spec_is_wrong(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(GOOD)
    with watching(tmp_path, "compile", "net.nnspec") as watched:
        watched.says("wrote net.py")
        first = (tmp_path / "net.py").read_text()
        spec.write_text(GOOD.replace("fc(x)", "fc(y)"))
        watched.says("E0201")
        assert (tmp_path / "net.py").read_text() == first
        spec.write_text(GOOD.replace("Linear(3, n)", "Linear(3, n, bias=false)"))
        watched.says("wrote net.py", 2)
        assert "bias=False" in (tmp_path / "net.py").read_text()
