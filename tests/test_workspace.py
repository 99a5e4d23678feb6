"""Files that a stranger's folder may hold: none is waited for, read without end, or read from outside the folder."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spec_lang import partial, workspace
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


LEAVES = """
import os, signal
from pathlib import Path
from spec_lang import partial, workspace
made = partial.begin
def begin(final):
    path, fd = made(final)
    os.write(fd, b"half")
    if final.endswith("b.py"):
        os.kill(os.getpid(), signal.SIGKILL)
    return path, fd
partial.begin = begin
workspace.write_all({Path("a.py"): "whole", Path("b.py"): "whole"})
"""


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", LEAVES], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    left = sorted(p.name for p in tmp_path.iterdir())
    assert [name[:6] for name in left] == [".a.py.", ".b.py."]
    in_use, fd = partial.begin(str(tmp_path / "a.py"))
    workspace.write_all({tmp_path / "a.py": "whole", tmp_path / ("é" * 120): "long"})
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [left[1], "a.py", "é" * 120, os.path.basename(in_use)]
    )
    os.close(fd)
    workspace.write_all({tmp_path / "a.py": "whole", tmp_path / "b.py": "whole"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.py", "b.py", "é" * 120]
