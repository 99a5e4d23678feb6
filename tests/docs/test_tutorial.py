"""The tutorial, typed from its first line to its last in an empty folder: with the working tree, and with the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.docs.environments import environment, working_tree
from tests.docs.fences import ROOT
from tests.docs.following import follow

TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.mark.long
def test_with_the_working_tree(tmp_path: Path) -> None:
    ran = follow(TUTORIAL, tmp_path, working_tree())
    assert {"digits.onnx", "digits.onnx.data", "digits.safetensors"} <= set(os.listdir(tmp_path))
    assert len(ran) >= 12


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executables of a new environment in which the wheel is installed, beside the packages of this one."""
    folder = tmp_path_factory.mktemp("wheel")
    built = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*built, "-w", folder, ROOT], check=True)
    [wheel] = folder.glob("spec_lang-*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    executables = folder / "venv" / "bin"
    packages = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
    (Path(packages) / "beside.pth").write_text(sysconfig.get_path("purelib"))
    target = [sys.executable, "-m", "pip", "--python", str(executables / "python"), "install", "-q"]
    subprocess.run([*target, "--no-deps", "--no-index", "--force-reinstall", wheel], check=True)
    return executables


@pytest.mark.long
def test_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    outside = environment(installed)
    outside.pop("PYTHONPATH", None)
    where = "import spec_lang; print(spec_lang.__file__)"
    found = subprocess.run(
        ["python", "-c", where], cwd=tmp_path, env=outside, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(installed.parent))
    follow(TUTORIAL, tmp_path, outside)
