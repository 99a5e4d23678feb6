"""Check a text, or several files."""

from __future__ import annotations

from textwrap import dedent

from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.ir.from_ast import LoadedModule, Options, check
from spec_lang.ir.model import Block, Program
from spec_lang.syntax.from_text import parse


def check_text(
    text: str, options: Options | None = None, **others: str
) -> tuple[Program | None, list[Diagnostic]]:
    """The program and the diagnostics of a text; `others` are files that it may import, by module."""
    modules = []
    for name, source in [("main", text), *others.items()]:
        tree, diagnostics = parse(Source(f"{name}.nnspec", dedent(source)))
        if tree is None or diagnostics:
            return None, diagnostics
        modules.append(LoadedModule(name, tree))
    return check(modules, options)


def checked(text: str, **others: str) -> Program:
    """The program of a text without mistakes."""
    program, diagnostics = check_text(text, **others)
    assert program is not None, [f"{d.code} {d.message}" for d in diagnostics]
    assert not diagnostics
    return program


def block(program: Program, name: str) -> Block:
    """A block of a program by its name."""
    found = next(d for d in program.definitions if d.name == name)
    assert isinstance(found, Block)
    return found


def codes(text: str, **others: str) -> list[str]:
    """The codes of a text's mistakes, in order."""
    return [d.code for d in check_text(text, **others)[1]]


def messages(text: str, **others: str) -> list[str]:
    """The messages of a text's mistakes, in order."""
    return [d.message for d in check_text(text, **others)[1]]


def in_forward(body: str, inputs: str = "x: float[N, 8]", results: str = "float[N, 4]") -> str:
    """A model with one layer `fc = Linear(_, 4)` and this body."""
    lines = "\n".join(f"        {line}" for line in dedent(body).strip().splitlines())
    return (
        f"model M:\n    layers:\n        fc = Linear(_, 4)\n\n    forward({inputs}) -> {results}:\n{lines}\n"
    )
