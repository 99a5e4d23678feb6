"""Golden files: `pytest --record` writes what the program says now; the diff is reviewed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # a job in the background starts with it ignored, and its children
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of hundreds of processes would compile specc anew
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tensors are tiny: threads would wait for each other


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the expected output of golden tests anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Hold a text to a file beside the test's input."""
    record = request.config.getoption("--record")

    def hold(path: Path, text: str) -> None:
        if record:
            path.write_text(text, encoding="utf-8", newline="")
        assert path.exists(), f"{path.name} is missing: run with --record and review it"
        assert text == path.read_bytes().decode()

    return hold
