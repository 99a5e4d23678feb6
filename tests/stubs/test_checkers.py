"""What type checkers find by the stubs: planted mistakes that PyTorch refuses, and nothing in scripts that run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from spec_lang import workspace
from spec_lang.generated import torch_files
from tests.stubs.scripts import HEAD, SCRIPTS, Script

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("SPECC_STUBS_PYTHON", ROOT / ".venv-stubs" / "bin" / "python"))
"""Python of an environment with the extra `stubs`, which is none that mypy runs in: it cannot read the stubs of torch."""

needs_pyrefly = pytest.mark.skipif(
    not PYTHON.exists(), reason="no environment with the extra `stubs`: make .venv-stubs as .ci/run does"
)


def pyrefly(folder: Path, pattern: str) -> Iterator[tuple[str, int, str]]:
    """Pyrefly's errors in some files of a folder: file, line, message.

    Its configuration is named: where it is found instead, Pyrefly refuses `SGD(nn.Linear(3, 3).parameters())` in some environments.
    """
    (folder / "pyrefly.toml").write_text(f'python-interpreter-path = "{PYTHON}"\n')
    command = [
        PYTHON,
        "-m",
        "pyrefly",
        "check",
        "-c",
        "pyrefly.toml",
        "--output-format",
        "min-text",
        "--summary=none",
    ]
    command += sorted(folder.glob(pattern))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PATH"] = f"{PYTHON.parent}{os.pathsep}{environment.get('PATH', '')}"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, 1), done.stderr
    for line in done.stdout.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "ERROR":
            path, number, message = rest.split(":", 2)
            yield Path(path).name, int(number), message
        else:
            assert kind in ("INFO", "WARN", ""), line


def planted(script: Script) -> Iterator[tuple[str, int]]:
    """The script with each of its mistakes, and the line of it."""
    for old, new in script.mistakes:
        lines = (HEAD + script.text).split("\n")
        assert lines.count(old) == 1, old
        at = lines.index(old)
        lines[at] = new
        yield "\n".join(lines), at + 1


def write_models(folder: Path, dialect: str) -> None:
    for script in SCRIPTS:
        compilation = workspace.compiled(ROOT / "models" / f"{script.spec}.nnspec")
        for name, text in torch_files(compilation, stubs=dialect).items():
            (folder / name).write_text(text)


@pytest.mark.long
@needs_pyrefly
def test_pyrefly_finds_every_planted_mistake_and_no_other(tmp_path: Path) -> None:
    write_models(tmp_path, "pyrefly")
    wrong = {}
    for script in SCRIPTS:
        (tmp_path / f"use_{script.spec}.py").write_text(HEAD + script.text)
        for i, (text, line) in enumerate(planted(script)):
            (tmp_path / f"wrong_{script.spec}_{i}.py").write_text(text)
            wrong[f"wrong_{script.spec}_{i}.py"] = line
    found: dict[str, list[tuple[int, str]]] = {}
    for name, line, message in pyrefly(tmp_path, "*_*.py"):
        found.setdefault(name, []).append((line, message))
    assert found.keys() == wrong.keys(), found
    for name, line in wrong.items():
        assert min(found[name])[0] >= line, (name, found[name])


@pytest.mark.long
@needs_pyrefly
def test_stubs_of_all_models_are_right_to_pyrefly(tmp_path: Path) -> None:
    for path in (ROOT / "models").glob("*.nnspec"):
        for name, text in torch_files(workspace.compiled(path), stubs="pyrefly").items():
            (tmp_path / name).write_text(text) if name.endswith("i") else None
    assert not list(pyrefly(tmp_path, "*.pyi"))


@pytest.mark.long
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.spec)
def test_pytorch_runs_the_scripts_and_refuses_the_mistakes(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{script.spec}.py").write_text(
        workspace.compiled(ROOT / "models" / f"{script.spec}.nnspec").torch_sources()[f"{script.spec}.py"]
    )
    monkeypatch.syspath_prepend(tmp_path)
    torch.manual_seed(0)
    try:
        exec(compile(HEAD + script.text, script.spec, "exec"), {})
        for text, line in planted(script):
            with pytest.raises((RuntimeError, ValueError, IndexError)):
                exec(compile(text, f"line {line}", "exec"), {})
    finally:
        sys.modules.pop(script.spec, None)


@pytest.mark.long
@pytest.mark.parametrize("dialect", ["pyrefly", "jaxtyping"])
def test_mypy_reads_plain_types_without_the_tools(dialect: str, tmp_path: Path) -> None:
    write_models(tmp_path, dialect)
    for script in SCRIPTS:
        (tmp_path / f"use_{script.spec}.py").write_text(HEAD + script.text)
    (tmp_path / "wrong.py").write_text(
        "from lenet5 import LeNet5\n\nnet = LeNet5(clases=3)\nnet.forward(3)\nnet(1, 2)\nx: int = net.fc1\n"
    )
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nwarn_return_any = false\nuntyped_calls_exclude = torch\n[mypy-shape_extensions,jaxtyping]\nfollow_imports = skip\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "generated"), "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[:2] for line in lines] == [["wrong.py", str(n)] for n in (3, 4, 5, 5, 6)], (
        done.stdout
    )
