"""One open spec and what it imports, checked again after every change."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from spec_lang.accounting.counts import Count
from spec_lang.compiler import loaded
from spec_lang.diagnostics import Diagnostic, Source, SpecError
from spec_lang.ir.from_ast import LoadedModule, emitted
from spec_lang.ir.from_ast.definitions.again import Rechecked
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.model import Program
from spec_lang.lsp.pieces import Text
from spec_lang.syntax import ast

Find = Callable[[str], Source | None]


class Analysis:
    """What is known of one entry file.

    Attributes:
        texts: The files that it was read with, itself first, by the names of their sources.
        checked: By definition, what its check came to; what cannot be read now keeps what is known of the rest.
        diagnostics: What is wrong, as a check of the same files from scratch would say.
    """

    def __init__(self, name: str, place: Callable[[str], str]) -> None:
        self.name = name
        self.place = place
        self.texts: dict[str, Text] = {}
        self.modules: list[LoadedModule] = []
        self.checked: dict[ast.Definition, Checked] = {}
        self.diagnostics: list[Diagnostic] = []
        self.tested = False
        """Whether what only the whole program shows is among the mistakes: `expect`, and sizes that no class has."""
        self._definitions = Rechecked()
        self._program: Program | None = None
        self._counted: dict[str, tuple[int, Count] | None] = {}

    @property
    def made(self) -> int:
        """How many checks the last update made anew."""
        return self._definitions.memory.made

    def update(self, source: Source, find: Find) -> None:
        """Read and check the files as they are now, all but what `test` does.

        What was read of a file whose text is the same stays.
        """
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._update(source, find)
        finally:
            if collecting:
                gc.enable()

    def _update(self, source: Source, find: Find) -> None:
        texts: dict[str, Text] = {}

        def read(source: Source) -> tuple[ast.Module | None, list[Diagnostic]]:
            before = self.texts.get(source.name)
            same = before is not None and before.source.text == source.text
            text = texts[source.name] = before if same and before is not None else Text(source, before)
            return text.readable, text.wrong

        self.tested = True
        self._program = None
        self._counted = {}
        try:
            modules, wrong = loaded({self.name: source}, find, self.place, read)
        except SpecError as error:
            self.texts |= texts
            self.diagnostics = list(error.diagnostics)
            return
        self.texts = texts
        present = {node for text in texts.values() for node in text.definitions()}
        if any(d.severity == "error" for d in wrong):
            self.diagnostics = wrong
        else:
            self.modules = modules
            self.diagnostics = wrong + self._definitions.check(modules)
            self.checked |= checks(self._definitions)
            self.tested = bool(self.diagnostics)
        self.checked = {node: found for node, found in self.checked.items() if node in present}

    def test(self) -> None:
        """Find the mistakes that only the whole program shows, where no others are."""
        if not self.tested:
            _, self.diagnostics = emitted(self._definitions, self.modules)
            self.tested = True

    def costs(self, name: str) -> tuple[int, Count] | None:
        """The parameters and FLOPs of a model; none are known while there are mistakes."""
        if self.diagnostics or not self.tested:
            return None
        from spec_lang.ir.from_ast.emission.emit import emit
        from spec_lang.lsp.lenses import costs

        if self._program is None:
            self._program = emit(self._definitions.known)
        if name not in self._counted:
            self._counted[name] = costs(self._program, name)
        return self._counted[name]


def checks(definitions: Rechecked) -> Mapping[ast.Definition, Checked]:
    """The check of each definition that says what holds for all its values."""
    known = definitions.known
    found = {d.node: c for d, c in known.outside.items()}
    found |= {d.node: cs[0] for d, cs in known.by_definition.items() if cs}
    return found
