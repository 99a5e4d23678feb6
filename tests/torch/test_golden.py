"""Specs and what becomes of them, side by side: `pytest --record` writes the outputs anew, the diff is reviewed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from spec_lang import workspace
from spec_lang.compiler import compile_sources

GOLDEN = Path(__file__).parent / "golden"
MODELS = Path(__file__).parents[2] / "models"
GOOD = Path(__file__).parents[1] / "check" / "good"
SPECS = sorted(GOLDEN.glob("*.nnspec"))
TOOLS = Path(sys.executable).parent
CHECKED_TYPES = """
[mypy]
strict = True
[mypy-tests.*,pkg.*]
ignore_missing_imports = True
"""


@cache
def sources(spec: Path) -> dict[str, str]:
    found = compile_sources({spec.stem: workspace.read(spec)}, workspace.finder((spec.parent,)))
    return found.torch_sources()


@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_golden(spec: Path, golden: Callable[[Path, str], None]) -> None:
    golden(spec.with_suffix(".py"), sources(spec)[f"{spec.stem}.py"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the goldens, the models and the specs of the checker's tests become."""
    folder = tmp_path_factory.mktemp("written")
    for spec in (*sorted(GOOD.glob("*.nnspec")), *SPECS, *sorted(MODELS.glob("*.nnspec"))):
        for path, source in sources(spec).items():
            name = f"good_{path}" if spec.parent == GOOD else path
            (folder / name).write_text(source, encoding="utf-8")
    (folder / "mypy.ini").write_text(CHECKED_TYPES)
    return folder


def run(folder: Path, tool: str, *arguments: str) -> str:
    result = subprocess.run(
        [str(TOOLS / tool), *arguments, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    return "" if result.returncode == 0 else result.stdout + result.stderr


def test_format(written: Path) -> None:
    assert run(written, "ruff", "format", "--isolated", "--no-cache", "--diff") == ""


def test_lint(written: Path) -> None:
    rules = [
        "--select",
        "E,F,W,I,UP,B,C4,SIM,RUF,RET,PERF,PIE,PYI,FURB,ISC,FLY,RSE,TC,ARG004",
        "--ignore",
        "RUF001,RUF002,RUF003,TC006",
    ]  # × is what papers write
    assert run(written, "ruff", "check", "--isolated", "--no-cache", *rules) == ""


@pytest.mark.long
def test_types(written: Path) -> None:
    cache = Path(__file__).parents[2] / ".mypy_cache" / "generated"
    assert run(written, "mypy", "--config-file", "mypy.ini", "--cache-dir", str(cache)) == ""


def test_deterministic() -> None:
    """Another process with another hash seed writes the same bytes."""
    spec = GOLDEN / "state.nnspec"
    code = "import sys; from tests.torch.test_golden import *; sys.stdout.write(sources(GOLDEN / 'state.nnspec')['state.py'])"
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parents[2],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs == [sources(spec)["state.py"]] * 2


@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_needs_torch_alone(spec: Path) -> None:
    """Nothing but the standard library, torch and the program's own files is imported."""
    import ast

    allowed = {"collections", "dataclasses", "functools", "math", "torch", "typing"}
    allowed |= {other.stem for other in SPECS} | ({"tests"} if spec.stem == "external" else set())
    for node in ast.walk(ast.parse(sources(spec)[f"{spec.stem}.py"])):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.module.partition(".")[0] in allowed
