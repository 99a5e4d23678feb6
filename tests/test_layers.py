"""The package's layers: imports point one way, and nothing loads a heavy library at import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "spec_lang"

# Each part may import from those named beside it (and from itself).
MAY_IMPORT = {
    "diagnostics": {"frozen"},
    "shapes": {"frozen", "diagnostics"},
    "syntax": {"frozen", "diagnostics", "resources"},
    "ops": {"frozen", "shapes", "diagnostics"},
    "ir": {"frozen", "syntax", "ops", "shapes", "diagnostics"},
    "weights": {"frozen", "ops", "shapes", "diagnostics"},
    "targets": {"frozen", "weights", "ir", "ops", "shapes", "diagnostics"},
    "compiler": {"frozen", "targets", "ir", "syntax", "diagnostics"},
}
HEAVY = {"torch", "numpy", "onnx", "onnxruntime", "openvino", "safetensors", "sklearn"}


def imported(path: Path) -> set[str]:
    """The parts of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [node.module] if node.module != "spec_lang" else [f"spec_lang.{a.name}" for a in node.names]
            )
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("spec_lang.")}
    return found - {"__version__"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    for path in files:
        wrong = imported(path) - MAY_IMPORT[part] - {part}
        assert not wrong, f"{path.relative_to(PACKAGE)} imports {sorted(wrong)}"


@pytest.mark.parametrize(
    "command",
    [
        ["check", "models/bert.nnspec"],
        ["compile", "models/bert.nnspec", "-o", "OUT"],
        ["fmt", "--check", "models"],
        ["ir", "models/lenet5.nnspec"],
        ["ops", "Conv2d"],
        ["explain", "E0301"],
    ],
    ids=lambda c: c[0],
)
def test_commands_need_no_heavy_library(command: list[str], tmp_path: Path) -> None:
    command = [str(tmp_path) if c == "OUT" else c for c in command]
    code = (
        "import sys\n"
        "from spec_lang.cli import cli\n"
        f"try: cli.main({command!r}, standalone_mode=False)\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
