"""Bad specs with their exact output beside them; `--record` writes it anew, and the diff is reviewed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.diagnostics.render import ordered, render
from tests.errors.test_codes import COMPLETE

BAD = Path(__file__).with_name("bad")
FILES = sorted([*BAD.glob("*.nnspec"), *(p for p in BAD.iterdir() if p.is_dir())])
SEVERAL = {"several_errors", "idiom_module_list"}
"""The specs with more mistakes than one."""


def diagnose(path: Path) -> list[Diagnostic]:
    """The mistakes in a file, or in a folder whose entry is `main.nnspec`."""
    if path.is_file():
        return compile_sources({path.stem: Source(path.name, path.read_text())}).diagnostics

    def find(module: str) -> Source | None:
        file = path / f"{module.replace('.', '/')}.nnspec"
        return Source(file.name, file.read_text()) if file.is_file() else None

    main = find("main")
    assert main is not None
    return compile_sources({"main": main}, find).diagnostics


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_output(path: Path, golden: Callable[[Path, str], None]) -> None:
    start = process_time()
    found = diagnose(path)
    assert process_time() - start < 1
    assert found, "this spec should be refused"
    golden(path.with_suffix(".txt"), render(found))


def test_one_mistake_is_one_report() -> None:
    for path in FILES:
        if path.stem not in SEVERAL:
            assert len(ordered(diagnose(path))) == 1, path.stem


def test_every_code_of_the_checker_has_a_spec() -> None:
    raised = {d.code for path in FILES for d in diagnose(path)}
    assert raised >= set(COMPLETE), sorted(set(COMPLETE) - raised)


@pytest.mark.parametrize("name", ["list_too_long", "power_of_powers", "known_list_too_long"])
def test_hostile_sizes_take_little_memory(name: str) -> None:
    check = [sys.executable, "-m", "spec_lang", "check", str(BAD / f"{name}.nnspec")]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -v "$1"; shift; exec "$@"', "sh", str(512 << 10), *check],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "error[E08" in done.stderr
