"""What the build of the site adds to `docs/`: pages made of declarations, error codes and models; the README as its home."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import code_pages
import model_pages
import op_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks": "benchmarks.md",
    "models": "models/index.md",
}
"""What the site has of the files beside `docs/`, and where."""
_LINK = re.compile(r"(\]\(|src=\"|href=\")([^)\s#\"]+)(#[^)\s\"]*)?(?=[)\"\s])")
_FENCE = re.compile(r"^(```|~~~)(\w+).*$", re.M)
_SPEC = re.compile(r"models/(\w+)\.nnspec$")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the generated pages in the navigation, each section by its index."""
    pages = _generated(ROOT)
    config.nav = [_listed(item, pages) for item in config.nav or []]
    config.extra["pages"] = pages
    return config


def _listed(item: Any, pages: dict[str, str | bytes]) -> Any:
    ((title, folder),) = item.items()
    if not (isinstance(folder, str) and folder.endswith("/")):
        return item
    if folder in ("layers/", "functions/"):
        return {title: [f"{folder}index.md", *op_pages.sections(folder[:-1])]}
    if folder == "codes/":
        return {title: [f"{folder}index.md", *code_pages.sections()]}
    names = sorted((n for n in pages if n.startswith(folder) and n.endswith(".md")), key=str.lower)
    return {title: [f"{folder}index.md", *(n for n in names if n != f"{folder}index.md")]}


def _generated(root: Path) -> dict[str, str | bytes]:
    """The pages by their paths, and the pictures that they show."""
    pages: dict[str, str | bytes] = {
        there: (root / here).read_text() for here, there in ELSEWHERE.items() if here.endswith(".md")
    }
    pages["site.css"] = (root / "website" / "site.css").read_bytes()
    for made in (op_pages.pages(), code_pages.pages(), model_pages.pages(root / "models")):
        pages |= made
    return pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated."""
    for name, content in config.extra["pages"].items():
        files.append(File.generated(config, name, content=content))
    return files


def _opening(match: re.Match[str]) -> str:
    """A fence's first line without what the tests read there."""
    return match[1] + ("python" if match[2] == "nnspec" else match[2])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files beside `docs/` into links to their pages, and give specs the colours of Python."""
    here = page.file.src_uri
    sources = {there: place for place, there in ELSEWHERE.items() if place.endswith(".md")}
    base = posixpath.dirname(f"../{sources[here]}" if here in sources else here)

    def target(match: re.Match[str]) -> str:
        opening, link, anchor = match[1], match[2], match[3] or ""
        if "://" in link or link.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join("docs", base, link))
        spec = _SPEC.match(path)
        found = (
            path.removeprefix("docs/")
            if path.startswith("docs/")
            else f"models/{spec[1]}.md"
            if spec
            else ELSEWHERE.get(path)
        )
        if found is None:
            return match[0]
        return f"{opening}{posixpath.relpath(found, posixpath.dirname(here) or '.')}{anchor}"

    parts = re.split(r"(^(?:```|~~~)[^\n]*\n.*?^(?:```|~~~)\s*$)", markdown, flags=re.M | re.S)
    return "".join(
        _FENCE.sub(_opening, part, count=1) if part.startswith(("```", "~~~")) else _LINK.sub(target, part)
        for part in parts
    )
