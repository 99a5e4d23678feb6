"""Stubs beside modules: what they say, and where they are written."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spec_lang import load, workspace
from spec_lang.targets.stubs import DIALECTS, stubs

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
LENET = ROOT / "models" / "lenet5.nnspec"


def written(path: Path, dialect: str) -> str:
    result = workspace.compiled(path)
    return stubs(result.checked(), result.torch_sources(), DIALECTS[dialect])[f"{path.stem}.pyi"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_golden(dialect: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"net_{dialect}.pyi", written(GOLDEN / "net.nnspec", dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stub_has_the_signatures_of_the_module(dialect: str) -> None:
    path = ROOT / "models" / "llama.nnspec"
    module = load(path)
    space: dict[str, object] = {}
    text = written(path, dialect)
    for old, new in (
        ("MYPY = False", "MYPY = True"),
        ("Callable[[_T], _T]: ...", "Callable[[_T], _T]: return lambda made: made"),
        (f"\nfrom {DIALECTS[dialect].module} import", "\nif not MYPY: from x import"),
    ):
        text = text.replace(old, new)
    exec("from __future__ import annotations\n" + text, space)
    found = 0
    for name, cls in vars(module).items():
        if isinstance(cls, type) and cls.__module__ == module.__name__:
            for method in ("__init__", "forward", "decode"):
                if method in vars(cls):
                    real, said = (inspect.signature(getattr(c, method)) for c in (cls, space[name]))
                    assert [(p.name, p.kind, p.default) for p in real.parameters.values()] == [
                        (p.name, p.kind, p.default) for p in said.parameters.values()
                    ]
                    found += 1
    assert found > 8


def specc(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spec_lang", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_written_beside_the_module(tmp_path: Path) -> None:
    done = specc("compile", "--stubs", LENET, "-o", "x/net.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["net.py", "net.pyi"]
    stub = (tmp_path / "x" / "net.pyi").read_text()
    assert stub.startswith("# Generated from lenet5.nnspec by specc ")
    assert 'Shaped[Tensor, "[N, 1, 32, 32]"]' in stub


def test_the_dialect_is_said(tmp_path: Path) -> None:
    assert specc("compile", LENET, "-o", tmp_path, "--stubs", "jaxtyping", cwd=tmp_path).returncode == 0
    assert 'Float[Tensor, "N 1 32 32"]' in (tmp_path / "lenet5.pyi").read_text()
    same = specc("compile", LENET, "-o", tmp_path, "--stubs=jaxtyping", "--check", cwd=tmp_path)
    other = specc("compile", LENET, "-o", tmp_path, "--stubs", "--check", cwd=tmp_path)
    assert (same.returncode, other.returncode) == (0, 1)
    wrong = specc("compile", LENET, "--stubs=mypy", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "'mypy' is not one of 'pyrefly', 'jaxtyping'" in wrong.stderr


def test_what_specc_did_not_write_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lenet5.pyi").write_text("mine\n")
    done = specc("compile", LENET, "-o", tmp_path, "--stubs", cwd=tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "lenet5.pyi").read_text() == "mine\n"
    assert not (tmp_path / "lenet5.py").exists()


def test_graphs_have_no_stubs(tmp_path: Path) -> None:
    done = specc("compile", LENET, "--target", "onnx", "--stubs", cwd=tmp_path)
    assert done.returncode == 2
    assert "--stubs is for --target torch" in done.stderr
