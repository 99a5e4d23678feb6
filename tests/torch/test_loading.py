"""`load` and the import hook: no files, nothing stale, tracebacks that show the generated lines."""

from __future__ import annotations

import importlib
import inspect
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import spec_lang
from spec_lang.diagnostics import SpecError
from spec_lang.loading import ExternsNotAllowed
from tests.commands import python

GOLDEN = Path(__file__).parent / "golden"
SPEC = """
model Scaler(by: float = {by}, context: int = 4):
    layers:
        fc = Linear(context, context)

    forward(x: float[N, T]) -> float[N, T]:
        require T <= context
        return x * by
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    spec_lang.install()
    yield tmp_path
    spec_lang.uninstall()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, by: float) -> None:
    text = SPEC.format(by=by).replace("    layers:\n        fc = Linear(context, context)\n\n", "")
    path.write_text(text)


def test_load_reads_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "scaler.nnspec"
    for by in (2.0, 3.0):
        write(path, by)
        assert spec_lang.load(path).Scaler()(torch.ones(1, 2)).tolist() == [[by, by]]
    assert [p.name for p in tmp_path.iterdir()] == ["scaler.nnspec"]


def test_load_leaves_names_of_other_modules_alone(tmp_path: Path) -> None:
    (tmp_path / "json.nnspec").write_text(
        SPEC.format(by=1.0).replace("    layers:\n        fc = Linear(context, context)\n\n", "")
    )
    spec_lang.load(tmp_path / "json.nnspec")
    assert sys.modules["json"].__name__ == "json"
    assert hasattr(sys.modules["json"], "dumps")


def test_load_with_imports() -> None:
    module = spec_lang.load(GOLDEN / "importing.nnspec")
    assert module.Net()(torch.zeros(2, 6)).shape == (2, 6)
    assert "library" not in sys.modules


def test_tracebacks_show_generated_lines(tmp_path: Path) -> None:
    write(tmp_path / "scaler.nnspec", 2.0)
    model = spec_lang.load(tmp_path / "scaler.nnspec").Scaler()
    try:
        model(torch.ones(1, 5))
    except ValueError:
        shown = traceback.format_exc()
    assert "ValueError: T must be at most context (T=5, context=4)" in shown
    assert "raise ValueError(" in shown
    assert "generated from" in shown
    assert "scaler.nnspec" in shown


def test_without_checks(tmp_path: Path) -> None:
    write(tmp_path / "scaler.nnspec", 2.0)
    for module in (
        spec_lang.load(tmp_path / "scaler.nnspec", checks=False),
        spec_lang.load_text((tmp_path / "scaler.nnspec").read_text(), checks=False),
    ):
        assert module.Scaler()(torch.ones(1, 5)).shape == (1, 5)
    for checks in (True, False):
        [file] = spec_lang.compile_file(tmp_path / "scaler.nnspec", tmp_path, checks=checks)
        assert ("is_compiling" in file.read_text()) == checks


def test_import_hook(folder: Path) -> None:
    write(folder / "scaler_one.nnspec", 2.0)
    module = importlib.import_module("scaler_one")
    assert module.Scaler()(torch.ones(1, 1)).item() == 2.0
    write(folder / "scaler_one.nnspec", 5.0)
    assert importlib.reload(module).Scaler()(torch.ones(1, 1)).item() == 5.0
    assert [p.name for p in folder.iterdir()] == ["scaler_one.nnspec"]


def test_import_hook_finds_packages_and_imports_between_specs(folder: Path) -> None:
    package = folder / "parts_of_it"
    package.mkdir()
    (package / "blocks.nnspec").write_text((GOLDEN / "library.nnspec").read_text())
    text = (GOLDEN / "importing.nnspec").read_text().replace("from library", "from parts_of_it.blocks")
    (folder / "whole_of_it.nnspec").write_text(text)
    whole = importlib.import_module("whole_of_it")
    blocks = importlib.import_module("parts_of_it.blocks")
    assert whole.Net()(torch.zeros(2, 6)).shape == (2, 6)
    assert isinstance(whole.Net().last, blocks.Residual)


def test_python_modules_come_first(folder: Path) -> None:
    (folder / "colorsys.nnspec").write_text("not a spec")
    sys.modules.pop("colorsys", None)
    assert hasattr(importlib.import_module("colorsys"), "rgb_to_hsv")


def test_a_wrong_spec_says_so(folder: Path) -> None:
    (folder / "wrong_one.nnspec").write_text("model A:\n    layers:\n        a = Linaer(3, 4)\n")
    with pytest.raises(SpecError, match="Linaer"):
        importlib.import_module("wrong_one")
    with pytest.raises(SpecError, match="Linaer"):
        spec_lang.load(folder / "wrong_one.nnspec")
    assert "wrong_one" not in sys.modules


def test_externs_are_imported_only_when_allowed(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('ran')\n")
    text = (GOLDEN / "external.nnspec").read_text().replace("tests.torch.external", "trap")
    (tmp_path / "uses.nnspec").write_text(text)
    with pytest.raises(ExternsNotAllowed, match=r"trap\.Bias"):
        spec_lang.load(tmp_path / "uses.nnspec")
    module = spec_lang.load(GOLDEN / "external.nnspec", allow_extern=True)
    assert module.Net(4)(torch.zeros(1, 4)).tolist() == [[2.0] * 4]


def test_what_was_made_before_a_second_load_is_still_of_a_class_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "scaler.nnspec"
    write(path, 2.0)
    first = spec_lang.load(path)
    old = first.Scaler()
    assert spec_lang.load(path) is first
    write(path, 3.0)
    second = spec_lang.load(path)
    assert second is not first
    for model in (old, second.Scaler()):
        again = pickle.loads(pickle.dumps(model))
        assert type(again) is type(model)
        assert again(torch.ones(1, 1)).item() == model(torch.ones(1, 1)).item()
    write(path, 2.0)
    assert spec_lang.load(path) is first
    assert "by: float = 2.0" in inspect.getsource(first.Scaler)
    assert "by: float = 3.0" in inspect.getsource(second.Scaler.__init__)


def test_a_saved_module_is_read_where_its_spec_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "scaler.nnspec"
    write(path, 2.0)
    torch.save(spec_lang.load(path).Scaler(), tmp_path / "m.pt")
    read = "import torch; print(torch.load('m.pt', weights_only=False)(torch.ones(1, 1)).item())"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "scaler.nnspec").write_text(path.read_text())
    done = python(f"import spec_lang; spec_lang.load('elsewhere/scaler.nnspec')\n{read}", tmp_path)
    assert done.stdout == "2.0\n", done.stderr
    for code in (read, f"import spec_lang; spec_lang.install()\n{read}"):
        done = python(code, tmp_path)
        assert done.returncode == 1
        assert "made by spec_lang.load of the spec `scaler`" in done.stderr
        assert "load that spec in this process first" in done.stderr


def test_a_module_of_the_import_hook_is_saved_and_shown(folder: Path) -> None:
    write(folder / "scaler_two.nnspec", 2.0)
    module = importlib.import_module("scaler_two")
    torch.save(module.Scaler(), folder / "m.pt")
    code = (
        "import torch, spec_lang; spec_lang.install()\n"
        "print(torch.load('m.pt', weights_only=False)(torch.ones(1, 1)).item())"
    )
    done = python(code, folder)
    assert done.stdout == "2.0\n", done.stderr
    assert inspect.getsource(module.Scaler).startswith("class Scaler(nn.Module):")
    assert "return x * self.by" in inspect.getsource(module.Scaler.forward)
    try:
        module.Scaler()(torch.ones(1, 5))
    except ValueError:
        assert "ValueError: T must be at most context (T=5, context=4)" in traceback.format_exc()


def test_nothing_heavy_is_imported_for_it() -> None:
    code = "import sys, spec_lang; spec_lang.install(); print([m for m in ('torch', 'numpy', 'onnx', 'pydantic', 'lark') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=GOLDEN.parents[2]
    )
    assert result.stdout.strip() == "[]"
