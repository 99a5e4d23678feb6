"""`%load_ext spec_lang`: cells of specs, and modules that follow their specs' changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import spec_lang
from tests.test_packages import BLOCKS

CELL = """
from blocks import Double

SIZE = 4

record Config:
    size: int = SIZE

model Net(config: Config = Config()):
    layers:
        d = Double(config.size)

    forward(x: float[N, config.size]) -> float[N, config.size]:
        return d(x)
"""


class Shell:
    """What the extension uses of an IPython shell."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        self.magics: dict[str, Callable[[str, str], None]] = {}
        self.before: list[Callable[[Any], None]] = []
        self.events = SimpleNamespace(register=lambda name, f: self.before.append(f))

    def register_magic_function(self, f: Callable[[str, str], None], kind: str, name: str) -> None:
        assert kind == "cell"
        self.magics[name] = f

    def run(self, cell: str, line: str = "") -> None:
        for f in self.before:
            f(None)
        self.magics["nnspec"](line, cell)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "blocks.nnspec").write_text(BLOCKS)
    found = Shell()
    spec_lang.load_ipython_extension(found)
    yield found
    spec_lang.uninstall()
    sys.modules.pop("blocks", None)


def test_a_cell_defines_its_names(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run(CELL)
    assert set(shell.user_ns) == {"Net", "Config", "SIZE"}
    assert shell.user_ns["Net"]()(torch.ones(2, 4)).shape == (2, 4)
    assert capsys.readouterr().out.startswith("defined ")


def test_a_mistake_is_shown_as_the_command_line_shows_it(
    shell: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run(CELL.replace("return d(x)", "return e(x)"))
    assert shell.user_ns == {}
    shown = capsys.readouterr().err
    assert "error[E0203]" in shown
    assert "14 |         return e(x)" in shown
    shell.run(CELL, "--fast")
    assert "takes --allow-extern or nothing" in capsys.readouterr().err


def test_what_is_imported_follows_its_spec(shell: Shell, tmp_path: Path) -> None:
    import blocks  # type: ignore[import-not-found]

    shell.user_ns["D"] = old = blocks.Double
    shell.before[0](None)
    assert shell.user_ns["D"] is old
    (tmp_path / "blocks.nnspec").write_text(BLOCKS.replace("* 2.0", "* 30.0"))
    shell.before[0](None)
    assert shell.user_ns["D"] is blocks.Double is not old
    (tmp_path / "blocks.nnspec").write_text("block")
    shell.before[0](None)
    assert shell.user_ns["D"] is blocks.Double


def test_an_error_is_shown_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text("model M:\n    layers:\n        a = Linaer(3, 4)\n")
    with pytest.raises(spec_lang.SpecError) as caught:
        spec_lang.load(tmp_path / "net.nnspec")
    shown = str(caught.value)
    assert f"{tmp_path}/net.nnspec:3:13" in shown
    assert "3 |         a = Linaer(3, 4)\n  |             ^^^^^^" in shown
    assert "did you mean `Linear`?" in shown
