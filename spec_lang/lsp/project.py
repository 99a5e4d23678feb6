"""The files of one root: open buffers before what is on disk, and how they import each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spec_lang.compiler import meant
from spec_lang.diagnostics import Source, SpecError
from spec_lang.lsp.names import Names
from spec_lang.lsp.pieces import Text
from spec_lang.syntax import ast
from spec_lang.workspace import SUFFIX, decode, finder, module_name, place_of, read

MANY = 2_000
"""Files of a project that are looked through for references."""


class Buffers:
    """The texts of open files by their paths, unsaved changes included."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def source(self, path: Path) -> Source:
        """A file's text.

        Raises:
            SpecError: it cannot be read.
        """
        text = self.texts.get(str(path))
        return read(path) if text is None else decode(str(path), text.encode(errors="surrogatepass"))

    def find(self, root: Path, module: str) -> Source | None:
        """The source of a module that is imported."""
        path = place_of(root, module)
        return self.source(path) if str(path) in self.texts else finder((root,))(module)


def imported(text: Text, module: str, root: Path, texts: dict[str, Text]) -> dict[str, Text]:
    """The files that a file's imports mean, by what is written."""
    found: dict[str, Text] = {}
    for node in text.definitions():
        if isinstance(node, ast.Import):
            places = (str(place_of(root, wanted)) for wanted in meant(module, node))
            there = next((texts[place] for place in places if place in texts), None)
            if there is not None:
                found[node.written] = there
    return found


def names_of(text: Text, root: Path, texts: dict[str, Text]) -> Names:
    """What the names of a file stand for."""
    path = Path(text.source.name)
    module = module_name(path, root) if path.is_absolute() and path.is_relative_to(root) else path.stem
    return Names(text, imported(text, module, root, texts))


def all_texts(root: Path, buffers: Buffers, known: dict[str, Text], word: str) -> Iterator[Text]:
    """Every file of a project in which a word stands; those that cannot be read are left out."""
    yielded: set[str] = set()
    for name, text in known.items():
        yielded.add(name)
        if word in text.source.text:
            yield text
    for count, path in enumerate(sorted(root.rglob(f"*{SUFFIX}"))):
        if count >= MANY:
            return
        if str(path) in yielded:
            continue
        try:
            source = buffers.source(path)
        except SpecError:
            continue
        if word in source.text:
            yield Text(source)
