"""Every nnspec snippet of the README and the docs compiles, or gives the error that it is marked with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```nnspec ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Snippet(NamedTuple):
    page: str
    line: int
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets() -> list[Snippet]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [
        Snippet(page.name, text.count("\n", 0, m.start()) + 1, m[1], m[2])
        for page in pages
        for text in [page.read_text()]
        for m in FENCE.finditer(text)
    ]


@pytest.mark.parametrize("snippet", snippets(), ids=str)
def test_snippet(snippet: Snippet) -> None:
    result = compile_sources({"snippet": Source(str(snippet), snippet.text)})
    codes = [d.code for d in result.diagnostics]
    assert codes == ([snippet.code] if snippet.code else []), [d.message for d in result.diagnostics]
    if not snippet.code:
        for name, source in result.torch_sources().items():
            compile(source, name, "exec")


@pytest.mark.parametrize("snippet", [s for s in snippets() if not s.code], ids=str)
def test_snippet_is_laid_out_canonically(snippet: Snippet) -> None:
    module, _ = parse(Source(str(snippet), snippet.text))
    assert module is not None
    assert format_module(module) == snippet.text
