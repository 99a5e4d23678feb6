"""The README: its two commands, the code that it shows, and its picture."""

from __future__ import annotations

import runpy

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from tests.docs.fences import ROOT, fences

FENCES = fences(ROOT / "README.md")


def test_two_commands() -> None:
    """Both begin with the same two steps, and stand behind the marks that continuous integration looks for."""
    text = (ROOT / "README.md").read_text()
    commands = [f for f in FENCES if f.language == "sh"]
    assert len(commands) == 2
    for mark, command in zip(("<!-- main job -->", "<!-- tests -->"), commands, strict=True):
        assert text.split(mark)[1].lstrip().startswith("```sh")
        assert command.text.startswith(
            "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e "
        )
        assert command.text.count("\n") == 1


def test_code_is_what_the_spec_becomes() -> None:
    [spec] = [f for f in FENCES if f.language == "nnspec"]
    [shown] = [f for f in FENCES if f.language == "python"]
    name = spec.words["file"].removesuffix(".nnspec")
    result = compile_sources({name: Source(spec.words["file"], spec.text)})
    assert shown.text in result.torch_sources()[f"{name}.py"]


def test_picture_is_what_specc_prints() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "images" / "error.py"))
    assert made["picture"]() == (ROOT / "docs" / "images" / "error.svg").read_text(encoding="utf-8")
