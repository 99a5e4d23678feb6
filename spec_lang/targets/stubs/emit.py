"""The stubs of a program's generated modules.

Signatures, defaults and attributes are read off the generated source, so that a stub says of a module what is there;
the shapes are the program's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from spec_lang.ir import model as m
from spec_lang.targets.stubs.annotations import written
from spec_lang.targets.stubs.classes import Class, subclass
from spec_lang.targets.stubs.dialects import Dialect
from spec_lang.targets.stubs.imports import imported
from spec_lang.targets.stubs.signatures import routine, signature
from spec_lang.targets.torch.layout import WIDTH, of_width
from spec_lang.targets.torch.modules import qualified
from spec_lang.targets.torch.names import safe
from spec_lang.targets.torch.text import module_name

_LINTERS = "# ruff: noqa"
"""Shapes are strings that a linter takes for Python."""


def stubs(
    program: m.Program, sources: Mapping[str, str], dialect: Dialect, columns: int = WIDTH
) -> dict[str, str]:
    """The stubs by path (`pkg/name.pyi`).

    Args:
        program: The checked program.
        sources: What the PyTorch target makes of it.
        dialect: How shapes are written.
        columns: The longest line.
    """
    trees = {path: ast.parse(text) for path, text in sources.items()}
    paths = [module_name(f.module).replace(".", "/") + ".py" for f in program.files]
    with of_width(columns):
        classes = {
            qualified(program, d): Class(d, _class(trees[paths[d.file]], d.name), dialect, _classes(trees))
            for d in program.definitions
            if isinstance(d, m.Block)
        }
        found = {}
        for index, path in enumerate(paths):
            own = {safe(d.name): d for d in program.definitions if d.file == index}
            body = list(_body(program, trees[path], own, classes, dialect))
            head = imported(trees[path], body, dialect)
            lines = [_LINTERS, "", *head, *(line for part in body for line in part)]
            found[f"{path}i"] = "\n".join(lines).strip("\n") + "\n"
    return found


def _class(tree: ast.Module, name: str) -> ast.ClassDef:
    return next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == safe(name))


def _classes(trees: Mapping[str, ast.Module]) -> frozenset[str]:
    """The classes of all modules by their names."""
    return frozenset(n.name for tree in trees.values() for n in tree.body if isinstance(n, ast.ClassDef))


def _body(
    program: m.Program,
    tree: ast.Module,
    own: Mapping[str, m.AnyDefinition],
    classes: Mapping[str, Class],
    dialect: Dialect,
) -> Iterator[list[str]]:
    """The parts of a module, in the order of the source; what it keeps for itself is left out."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name()]):
                yield [ast.unparse(node)]
            case ast.FunctionDef(name=name) if isinstance(d := own.get(name), m.TensorFunction):
                yield ["", *routine(node, d.method, dialect, 0)]
            case ast.FunctionDef(name=name) if name in own:
                yield ["", *signature(node, 0)]
            case ast.ClassDef(name=name):
                match own.get(name):
                    case m.Block() as d:
                        yield ["", *classes[qualified(program, d)].lines()]
                    case m.Variant() as d:
                        module = program.files[d.file].module
                        base = d.base if "." in d.base else f"{module}.{d.base}"
                        yield ["", *subclass(d, node, classes[base], dialect)]
                    case m.Record():
                        yield ["", *record(node)]
                    case _:  # a class of the generated file's own, such as a layer that PyTorch lacks
                        yield ["", *helper(node)]


def helper(node: ast.ClassDef) -> list[str]:
    """A class that is none of the program's: its signatures as they stand, `forward`'s where it inherits none."""
    routines = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    inherited = list(map(written, node.bases)) != ["nn.Module"]
    shown = [n for n in routines if n.name == "__init__" or not n.name.startswith("_")]
    lines = [line for n in shown if n.name != "forward" or not inherited for line in signature(n, 4)]
    return [f"class {node.name}({', '.join(map(written, node.bases))}):", *(lines or ["    pass"])]


def record(node: ast.ClassDef) -> list[str]:
    """A dataclass as it stands, without its docstring."""
    fields: list[ast.stmt] = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    plain = ast.ClassDef(
        name=node.name,
        bases=node.bases,
        keywords=[],
        decorator_list=node.decorator_list,
        body=fields or [ast.Pass()],
    )
    return ast.unparse(plain).split("\n")
