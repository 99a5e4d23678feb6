"""Every nnspec snippet of the README and the docs compiles, or gives the error that it is marked with."""

from __future__ import annotations

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module
from tests.docs.fences import PAGES, Fence, fences

SNIPPETS = [f for page in PAGES for f in fences(page) if f.language == "nnspec"]


def beside(snippet: Fence, module: str) -> Source | None:
    """A file of the same page that a snippet imports."""
    name = f"{module}.nnspec"
    found = [s for s in SNIPPETS if s.page == snippet.page and s.words.get("file") == name]
    return Source(name, found[0].text) if found else None


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_snippet(snippet: Fence) -> None:
    result = compile_sources(
        {"snippet": Source(str(snippet), snippet.text)}, lambda module: beside(snippet, module)
    )
    codes = [d.code for d in result.diagnostics]
    assert codes == ([snippet.code] if snippet.code else []), [d.message for d in result.diagnostics]
    if not snippet.code:
        for name, source in result.torch_sources().items():
            compile(source, name, "exec")


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if not s.code], ids=str)
def test_snippet_is_laid_out_canonically(snippet: Fence) -> None:
    module, _ = parse(Source(str(snippet), snippet.text))
    assert module is not None
    assert format_module(module) == snippet.text
