"""Which definition a name means in which file: definitions, imports, duplicates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Frozen
from spec_lang.ir.from_ast.names.habits import NAMESPACES
from spec_lang.syntax import ast


class LoadedModule(Frozen):
    """A parsed file under its dotted name.

    Attributes:
        imports: The names of the modules that its imports mean, by what is written.
        looked: Where a module was looked for that is not there, by what is written.
    """

    name: str
    tree: ast.Module
    imports: Mapping[str, str] = {}
    looked: Mapping[str, Sequence[str]] = {}

    def source_of(self, node: ast.Definition) -> Source:
        """The text that a definition's places are in."""
        return node.source or self.tree.source


class Def:
    """A definition, the file that it stands in, and that file's names."""

    __slots__ = ("file", "name", "node", "scope")

    def __init__(self, node: ast.Definition, name: str, scope: Scope, file: int) -> None:
        self.node = node
        self.name = name
        self.scope = scope
        self.file = file

    @property
    def source(self) -> Source:
        return self.scope.module.source_of(self.node)


class Scope:
    """The names of one file."""

    __slots__ = ("broken", "file", "module", "names")

    def __init__(self, module: LoadedModule, file: int) -> None:
        self.module = module
        self.file = file
        self.names: dict[str, Def] = {}
        self.broken: set[str] = set()
        """Names that a failed import would have given: a use of one is no second mistake."""

    def path(self, definition: Def) -> str:
        """How this file's IR refers to a definition: plain at home, behind its module's name elsewhere."""
        if definition.scope is self:
            return definition.name
        return f"{definition.scope.module.name}.{definition.name}"


class Makes:
    """Makes scopes and definitions; who checks a program again gives those that it had."""

    def scope(self, module: LoadedModule, file: int) -> Scope:
        return Scope(module, file)

    def definition(self, node: ast.Definition, name: str, scope: Scope) -> Def:
        return Def(node, name, scope, scope.file)


def scopes(
    modules: Sequence[LoadedModule], makes: Makes | None = None
) -> tuple[list[Scope], list[tuple[int, Diagnostic]]]:
    """The scope of each file, and what is wrong with their definitions' and imports' names."""
    makes = makes or Makes()
    found = [makes.scope(m, i) for i, m in enumerate(modules)]
    wrong: list[tuple[int, Diagnostic]] = []
    for scope in found:
        for node in scope.module.tree.definitions:
            if not isinstance(node, ast.Import):
                _define(scope, node, makes, wrong)
    by_name = {m.name: s for m, s in zip(modules, found, strict=True)}
    for scope in found:
        for node in scope.module.tree.definitions:
            if isinstance(node, ast.Import):
                _import(scope, node, by_name, wrong)
    return found, wrong


def _define(scope: Scope, node: ast.Definition, makes: Makes, wrong: list[tuple[int, Diagnostic]]) -> None:
    assert not isinstance(node, ast.Import)
    name = node.name.id
    earlier = scope.names.get(name)
    if earlier is not None:
        wrong.append((scope.file, _twice(scope.module.source_of(node), name, node.name.span, earlier)))
        return
    scope.names[name] = makes.definition(node, name, scope)


def _twice(source: Source, name: str, span: Span, earlier: Def) -> Diagnostic:
    node = earlier.node
    assert not isinstance(node, ast.Import)
    labels = (Label(earlier.source, node.name.span, "first defined here"),)
    return Diagnostic(
        "E0205", f"`{name}` is defined twice", Label(source, span), labels, help="rename one of them"
    )


def _looked(places: Sequence[str], node: ast.Import) -> tuple[str, ...]:
    """Where a module was looked for, unless its name says that already."""
    if not places and node.level:
        return (f"`{'.' * node.level}` leads above the folder that imports start from",)
    plain = "/".join(p.id for p in node.module) + ".nnspec"
    return () if list(places) in ([], [plain]) else (f"looked for {' and '.join(places)}",)


def _import(
    scope: Scope, node: ast.Import, by_name: dict[str, Scope], wrong: list[tuple[int, Diagnostic]]
) -> None:
    source = scope.module.source_of(node)
    dotted = node.written
    target = by_name.get(scope.module.imports.get(dotted, dotted))
    if target is None:
        span = node.module[0].span.to(node.module[-1].span)
        help: str | None = did_you_mean(dotted, by_name)
        if node.module[0].id in NAMESPACES and not node.level:
            help = "the library's layers and functions need no import"
        wrong.append(
            (
                scope.file,
                Diagnostic(
                    "E0704",
                    f"there is no file `{'/'.join(p.id for p in node.module)}.nnspec` to import from",
                    Label(source, span),
                    notes=_looked(scope.module.looked.get(dotted, ()), node),
                    help=help,
                ),
            )
        )
        scope.broken.update((n.alias or n.name).id for n in node.names)
        return
    for item in node.names:
        local = item.alias or item.name
        found = target.names.get(item.name.id)
        if found is None or found.scope is not target:
            own = [n for n, d in target.names.items() if d.scope is target]
            wrong.append(
                (
                    scope.file,
                    Diagnostic(
                        "E0208",
                        f"`{dotted}` does not define `{item.name.id}`",
                        Label(source, item.name.span),
                        help=did_you_mean(item.name.id, own),
                    ),
                )
            )
            scope.broken.add(local.id)
        elif local.id in scope.names:
            wrong.append((scope.file, _twice(source, local.id, local.span, scope.names[local.id])))
        else:
            scope.names[local.id] = found
