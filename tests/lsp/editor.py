"""An editor for tests: a client that opens a spec, types in it and reads what the server says."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lsprotocol import types
from pytest_lsp import LanguageClient

ROUNDS = 300
"""How often an answer is waited for, 50 ms each."""


class Editor:
    """One open document."""

    def __init__(self, client: LanguageClient, path: Path, text: str) -> None:
        self.client = client
        self.uri = path.as_uri()
        self.text = text
        self.version = 1
        client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(self.uri, "nnspec", 1, text))
        )

    def type(self, text: str) -> None:
        """Replace the text, as one edit of what differs."""
        old, first = self.text, 0
        while first < min(len(old), len(text)) and old[first] == text[first]:
            first += 1
        last = 0
        while last < min(len(old), len(text)) - first and old[-1 - last] == text[-1 - last]:
            last += 1
        self.version += 1
        where = types.Range(position(old, first), position(old, len(old) - last))
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(self.version, self.uri),
                [types.TextDocumentContentChangePartial(where, text[first : len(text) - last])],
            )
        )
        self.text = text

    def replace(self, old: str, new: str) -> None:
        assert old in self.text
        self.type(self.text.replace(old, new, 1))

    async def diagnostics(self, codes: list[str]) -> list[types.Diagnostic]:
        """The diagnostics once they have these codes; else what they are in the end."""
        found: list[types.Diagnostic] = []
        for _ in range(ROUNDS):
            found = self.client.diagnostics.get(self.uri, [])
            if self.uri in self.client.diagnostics and sorted(str(d.code) for d in found) == sorted(codes):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"expected {codes}, found {[(d.code, d.message) for d in found]}")

    @property
    def document(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    def at(self, words: str, inside: int = 0) -> types.Position:
        """The position of some words, and so many characters on."""
        assert self.text.count(words) >= 1, words
        return position(self.text, self.text.index(words) + inside)

    def text_at(self, where: types.Range) -> str:
        lines = self.text.split("\n")
        assert where.start.line == where.end.line
        return lines[where.start.line][where.start.character : where.end.character]


def position(text: str, offset: int) -> types.Position:
    """A position in UTF-16 units."""
    before = text[:offset]
    line = before.rpartition("\n")[2]
    return types.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)
