"""Specs that import each other, in packages and beside each other: the same from every folder and by every way in."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import spec_lang
from tests.commands import python, specc

BLOCKS = """
block Double(n: int):
    layers:
        fc = Linear(n, n)

    forward(x: float[N, n]) -> float[N, n]:
        return fc(x) * 2.0
"""
COMMON = """
fn shifted(x: float[*B]) -> float[*B]:
    return x + 1.0
"""
NET = """
{imports}

model Net(n: int = 4):
    layers:
        d = Double(n)

    forward(x: float[N, n]) -> float[N, n]:
        return shifted(d(x))
"""
IMPORTS = {
    "beside": "from blocks import Double\nfrom ..common import shifted",
    "relative": "from .blocks import Double\nfrom ..common import shifted",
    "from the root": "from myocr.nets.blocks import Double\nfrom myocr.common import shifted",
}


def package(folder: Path, imports: str, init: bool = True) -> Path:
    """A package with specs; gives the path of the one that imports."""
    nets = folder / "myocr" / "nets"
    nets.mkdir(parents=True)
    if init:
        (folder / "myocr" / "__init__.py").write_text("")
        (nets / "__init__.py").write_text("")
    (nets / "blocks.nnspec").write_text(BLOCKS)
    (folder / "myocr" / "common.nnspec").write_text(COMMON)
    (nets / "net.nnspec").write_text(NET.format(imports=imports))
    return nets / "net.nnspec"


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    spec_lang.install()
    yield tmp_path
    spec_lang.uninstall()
    for name in [m for m in sys.modules if m.partition(".")[0] == "myocr"]:
        del sys.modules[name]


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
@pytest.mark.parametrize("where", [".", "myocr", "myocr/nets", ".."])
def test_commands_find_them_from_every_folder(imports: str, where: str, tmp_path: Path) -> None:
    root = tmp_path / "project"
    spec = package(root, imports)
    cwd = (root / where).resolve()
    path = Path("project/myocr/nets/net.nnspec") if where == ".." else spec.relative_to(cwd)
    assert specc("check", path, cwd=cwd).returncode == 0
    done = specc("compile", path, cwd=cwd)
    assert done.returncode == 0, done.stderr
    written = sorted(str(p.relative_to(root)) for p in tmp_path.rglob("*.py") if p.name != "__init__.py")
    assert written == ["myocr/common.py", "myocr/nets/blocks.py", "myocr/nets/net.py"]
    text = (root / "myocr/nets/net.py").read_text()
    assert "\nfrom ..common import shifted\nfrom .blocks import Double\n" in text
    code = "import torch; from myocr.nets.net import Net; print(list(Net()(torch.ones(2, 4)).shape))"
    run = python(code, root)
    assert run.stdout == "[2, 4]\n", run.stderr


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
def test_python_finds_them(imports: str, hook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = package(hook, imports)
    for folder in (hook, spec.parent):
        monkeypatch.chdir(folder)
        assert spec_lang.check_file(spec) == []
        assert spec_lang.load(spec).Net()(torch.ones(2, 4)).shape == (2, 4)
        assert spec_lang.load(spec.relative_to(folder)) is spec_lang.load(spec)
    net = importlib.import_module("myocr.nets.net")
    blocks = importlib.import_module("myocr.nets.blocks")
    assert isinstance(net.Net().d, blocks.Double)
    out = hook / "out"
    found = spec_lang.compile_file(spec, out)
    assert sorted(str(p.relative_to(out)) for p in found) == [
        "myocr/common.py",
        "myocr/nets/blocks.py",
        "myocr/nets/net.py",
    ]


def test_generated_imports_are_in_the_linters_order(tmp_path: Path) -> None:
    package(tmp_path, "from blocks import Double\nfrom ..common import shifted")
    assert specc("compile", ".", "-o", "out", cwd=tmp_path).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--select", "I,F,E", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_what_is_only_imported_is_written_where_it_changed(tmp_path: Path) -> None:
    spec = package(tmp_path, IMPORTS["relative"])
    assert specc("compile", spec, cwd=tmp_path).stderr.count("wrote") == 3
    before = (spec.parent / "blocks.py").stat().st_mtime_ns
    said = specc("compile", spec, cwd=tmp_path).stderr
    assert said == f"wrote {tmp_path}/myocr/nets/net.py\n"
    assert (spec.parent / "blocks.py").stat().st_mtime_ns == before
    (spec.parent / "blocks.nnspec").write_text(BLOCKS.replace("2.0", "3.0"))
    assert specc("compile", spec, cwd=tmp_path).stderr.count("wrote") == 2
    assert "* 3.0" in (spec.parent / "blocks.py").read_text()
    all_of = specc("compile", ".", cwd=tmp_path).stderr.splitlines()
    assert len(all_of) == len(set(all_of)) == 3


def test_a_root_may_be_given_or_stated(tmp_path: Path) -> None:
    spec = package(tmp_path / "src", IMPORTS["from the root"], init=False)
    nets = tmp_path / "src/myocr/nets"
    done = specc("check", "src/myocr/nets/net.nnspec", cwd=tmp_path)
    assert done.returncode == 1
    assert "looked for src/myocr/nets/myocr/nets/blocks.nnspec" in done.stderr
    assert specc("check", spec, "--root", "src", cwd=tmp_path).returncode == 0
    assert specc("check", spec, "--root", nets, cwd=tmp_path).returncode == 1
    assert specc("check", spec, "--root", "src/myocr/nets/../../..", cwd=tmp_path).returncode == 1
    (tmp_path / "pyproject.toml").write_text('[tool.specc]\nroot = "src"\noutput = "build"\n')
    for cwd in (tmp_path, nets):
        assert specc("check", spec, cwd=cwd).returncode == 0
        done = specc("check", cwd=cwd)
        assert (done.returncode, done.stderr) == (0, "3 specs checked, no errors\n")
    assert spec_lang.load(spec).Net()(torch.ones(1, 4)).shape == (1, 4)
    assert specc("compile", cwd=nets).returncode == 0
    assert (tmp_path / "build/myocr/nets/net.py").is_file()
    assert not list((tmp_path / "src").rglob("*.py"))


def test_where_it_was_looked_for_is_said(tmp_path: Path) -> None:
    spec = package(tmp_path, "from gone import Double\nfrom ..common import shifted")
    done = specc("check", "myocr/nets/net.nnspec", cwd=tmp_path)
    assert "error[E0704]: there is no file `gone.nnspec` to import from" in done.stderr
    assert "looked for myocr/nets/gone.nnspec and gone.nnspec" in done.stderr
    spec.write_text(NET.format(imports="from ....blocks import Double\nfrom ..common import shifted"))
    assert "`....` leads above the folder that imports start from" in specc("check", spec).stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.specc]\nroots = 3\n", "has no `roots`; it has:"),
        ('[tool.specc]\nroot = "nowhere"\n', "`root` is no folder: nowhere"),
        ("[tool.specc]\nroot = 3\n", "`root` is the name of a folder"),
        ("[tool]\nspecc = 3\n", "[tool.specc] is a table"),
        ("[tool.specc\n", "cannot be read"),
        ("[tool.specc]\nline-length = 5\n", "`line-length` goes from 88 to 320"),
        ('[tool.specc.onnx]\nopset = "x"\n', "`opset` in [tool.specc.onnx] is int"),
    ],
)
def test_settings_that_are_not_understood(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(BLOCKS)
    (tmp_path / "pyproject.toml").write_text(text)
    done = specc("check", "net.nnspec", cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stderr.startswith("error: ")


def test_without_a_project_a_path_is_needed(tmp_path: Path) -> None:
    done = specc("check", cwd=tmp_path)
    assert done.returncode == 2
    assert "no pyproject.toml here or above has a [tool.specc]" in done.stderr


def test_generated_lines_have_the_length_that_the_project_says(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text((Path(__file__).parents[1] / "models" / "vit.nnspec").read_text())
    longest = {}
    for length in (88, 100, 140):
        (tmp_path / "pyproject.toml").write_text(f"[tool.specc]\nline-length = {length}\n")
        out = tmp_path / str(length)
        assert specc("compile", spec, "-o", out).returncode == 0
        text = (out / "net.py").read_text()
        longest[length] = max(len(line) for line in text.splitlines() if "type: ignore" not in line)
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            "format",
            "--isolated",
            "--no-cache",
            "--line-length",
            str(length),
        ]
        done = subprocess.run([*ruff, "--check", str(out)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert spec_lang.compile_file(spec, out) == [out / "net.py"]
        assert (out / "net.py").read_text() == text
    assert longest[88] <= 88 < longest[100] <= 100 < longest[140] <= 140


def test_options_of_a_target_are_what_the_project_says(tmp_path: Path) -> None:
    import onnx

    (tmp_path / "net.nnspec").write_text(BLOCKS.replace("block", "model").replace("n: int", "n: int = 4"))
    (tmp_path / "pyproject.toml").write_text('[tool.specc.onnx]\ndtype = "f16"\nopset = 19\nembed = true\n')
    command = ["compile", "net.nnspec", "--target", "onnx", "--set", "n=64", "--seed", "0"]
    for options, opset, number in (([], 19, 10), (["--dtype", "f32", "--opset", "21"], 21, 1)):
        done = specc(*command, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        found = onnx.load(tmp_path / "net.onnx")
        assert found.opset_import[0].version == opset
        assert {i.data_type for i in found.graph.initializer} == {number}
        assert not (tmp_path / "net.onnx.data").exists()
    assert specc("compile", "net.nnspec", "-o", "out", cwd=tmp_path).returncode == 0
