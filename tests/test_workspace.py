"""Files that a stranger's folder may hold: none is waited for, read without end, or read from outside the folder."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from spec_lang import workspace
from spec_lang.diagnostics import SpecError

SPEC = "model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x * 2.0\n"


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        workspace.read(path)
    assert [d.code for d in caught.value.diagnostics] == ["E0123"]
    return caught.value.diagnostics[0].message


def test_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.nnspec")
    assert "no regular file" in refused(tmp_path / "pipe.nnspec")
    (tmp_path / "zero.nnspec").symlink_to("/dev/zero")
    assert "no regular file" in refused(tmp_path / "zero.nnspec")


def test_a_missing_spec_and_a_name_that_is_no_text(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "gone.nnspec")
    assert "not UTF-8" in refused(Path(os.fsdecode(b"l\xff.nnspec")))


def test_folders_called_like_specs_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "inner.nnspec").mkdir()
    (tmp_path / "inner.nnspec" / "m.nnspec").write_text(SPEC)
    assert [p.name for p, _ in workspace.specs_under((tmp_path,))] == ["m.nnspec"]


def test_imports_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "parts.nnspec").write_text(SPEC)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "near.nnspec").write_text(SPEC)
    (tmp_path / "mine" / "alias.nnspec").symlink_to("near.nnspec")
    (tmp_path / "mine" / "lib").symlink_to(tmp_path / "other")
    find = workspace.finder((tmp_path / "mine",))
    assert find("alias") is not None
    assert find("gone") is None
    assert find("g" * 300) is None
    with pytest.raises(SpecError, match="a link leads out"):
        find("lib.parts")


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("net", "net"),
        ("my-net", "my_net"),
        ("1a", "_1a"),
        ("class", "class_"),
        ("a.b", "a_b"),
        ("x y", "x_y"),
    ],
)
def test_every_file_name_gives_a_module(name: str, module: str) -> None:
    assert workspace.module_name(Path(f"folder/{name}.nnspec"), Path("folder")) == module


def test_a_folder_on_the_way_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(SpecError, match="Permission denied"):
        workspace.finder((Path("folder"),))("parts")


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".net.py.{os.getpid()}.tmp").write_text("half")
    workspace.write_all({tmp_path / "net.py": "whole", tmp_path / ("n" * 250): "long"})
    assert (tmp_path / "net.py").read_text() == "whole"
    assert (tmp_path / ("n" * 250)).read_text() == "long"
