"""The pipeline on one screen: sources, syntax trees, a checked program, one of the targets.

Nothing here touches the file system: imports are found through a function that the caller gives.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from spec_lang.diagnostics import Diagnostic, Source, SpecError
from spec_lang.ir.from_ast import LoadedModule, Options, check
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse

if TYPE_CHECKING:
    from spec_lang.ir.model import Program

DEPTH = 20_000
"""The recursion that the deepest tree needs: 1,000 chained operators, each a few calls deep."""

Find = Callable[[str], Source | None]
"""Gives the source of a module by its dotted name, or None where there is none."""


class Compilation:
    """What came of some sources: the syntax trees, the program where it checks, and every diagnostic."""

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self.modules: list[LoadedModule] = []
        self.program: Program | None = None
        self.diagnostics = list(diagnostics)

    @property
    def sources(self) -> dict[str, Source]:
        """The sources by the names under which they were read."""
        return {m.tree.source.name: m.tree.source for m in self.modules}

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    def checked(self) -> Program:
        """The program.

        Raises:
            SpecError: there were errors.
        """
        if self.program is None or self.errors:
            raise SpecError(tuple(self.errors))
        return self.program

    def imports_first(self) -> str | None:
        """The source that imports the first module, where one does."""
        first = self.modules[0].name
        return next((m.tree.source.name for m in self.modules[1:] if first in m.imports.values()), None)

    def torch_sources(self, line_length: int | None = None, *, checks: bool = True) -> dict[str, str]:
        """The PyTorch target's files by relative path, in lines of 88 columns or so many.

        Without `checks`, methods check nothing of their inputs.

        Raises:
            SpecError: the program does not check.
        """
        from spec_lang.targets.torch import emit

        program = self.checked()
        if line_length is None:
            return emit(program, checks=checks)
        return emit(program, line_length, checks=checks)


def compile_sources(
    sources: Mapping[str, Source],
    find: Find = lambda _: None,
    options: Options | None = None,
    place: Callable[[str], str] = lambda module: f"{module.replace('.', '/')}.nnspec",
) -> Compilation:
    """Parse the sources and all that they import, and check them together.

    Args:
        sources: The sources to compile by their modules' dotted names.
        find: Finds what they import.
        options: Values that replace hyperparameters' defaults, and for which model.
        place: Where a module would be, for messages.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), DEPTH))
    collecting = gc.isenabled()
    gc.disable()  # a pass between parsing and checking would walk all trees, and free nothing
    try:
        return _compiled(sources, find, options or Options(), place)
    finally:
        if collecting:
            gc.enable()


def _compiled(
    sources: Mapping[str, Source], find: Find, options: Options, place: Callable[[str], str]
) -> Compilation:
    result = Compilation()
    result.modules, result.diagnostics = loaded(sources, find, place)
    if not result.errors:
        result.program, found_wrong = check(result.modules, options)
        result.diagnostics += found_wrong
    return result


def loaded(
    sources: Mapping[str, Source],
    find: Find,
    place: Callable[[str], str],
    read: Callable[[Source], tuple[ast.Module | None, list[Diagnostic]]] = parse,
) -> tuple[list[LoadedModule], list[Diagnostic]]:
    """The trees of sources and of all that they import, as far as they can be read, and their mistakes of syntax."""
    modules: list[LoadedModule] = []
    wrong: list[Diagnostic] = []
    waiting = list(sources.items())
    seen = set(sources)
    while waiting:
        name, source = waiting.pop(0)
        module, diagnostics = read(source)
        wrong += diagnostics
        if module is None:
            continue
        imports: dict[str, str] = {}
        looked: dict[str, list[str]] = {}
        for node in _imports(module):
            for wanted in meant(name, node):
                if wanted not in seen and (found := find(wanted)) is not None:
                    seen.add(wanted)
                    waiting.append((wanted, found))
                if wanted in seen:
                    imports[node.written] = wanted
                    break
            else:
                looked[node.written] = [place(wanted) for wanted in meant(name, node)]
        modules.append(LoadedModule(name, module, imports, looked))
    return modules, wrong


def _imports(module: ast.Module) -> Sequence[ast.Import]:
    return [d for d in module.definitions if isinstance(d, ast.Import)]


def meant(module: str, node: ast.Import) -> list[str]:
    """The modules that an import in a module may mean, the first that is there counts: one beside it, then one from the root."""
    *package, _ = module.split(".")
    name = ".".join(part.id for part in node.module)
    if node.level > len(package) + 1:
        return []
    base = package[: len(package) + 1 - node.level] if node.level else package
    near = ".".join([*base, name])
    return [m for m in dict.fromkeys([near] if node.level else [near, name]) if m != module]
