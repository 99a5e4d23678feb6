"""The site of the docs: what is made at build, and that no link leads nowhere."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spec_lang.diagnostics.codes import CODES
from spec_lang.ops.base import FUNCTIONS, LAYERS

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None,
    reason="the extra `site` is not installed",
)
def test_the_site_builds_strictly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for folder, names in (
        ("layers", LAYERS),
        ("functions", FUNCTIONS),
        ("codes", CODES),
        ("models", [p.stem for p in (ROOT / "models").glob("*.nnspec")]),
    ):
        missing = [name for name in names if not (tmp_path / folder / name / "index.html").is_file()]
        assert not missing, f"no pages of {folder}: {missing}"
    assert "float[N, 6, H - 2, W - 2]" in (tmp_path / "layers" / "Conv2d" / "index.html").read_text()
    picture = tmp_path / "models" / "gpt2.GPT2.svg"
    page = (tmp_path / "models" / "gpt2" / "index.html").read_text()
    assert (picture.is_file() and picture.name in page) or 'class="mermaid"' in page
