"""A structural check of IR that comes from outside: names resolve, references exist, sizes can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from pydantic import ValidationError

from spec_lang.diagnostics import Diagnostic, Label, Source, SpecError
from spec_lang.diagnostics import Span as TextSpan
from spec_lang.ir import model as ir
from spec_lang.ir.builtins import FUNCTIONS, MAKERS
from spec_lang.ir.scopes import unbound
from spec_lang.ops import base as ops
from spec_lang.ops import load
from spec_lang.shapes import DType, ParseError, TooLarge, Undefined, parse


def read(text: str, name: str = "IR") -> ir.Program:
    """A program from its JSON.

    Raises:
        SpecError: it is no JSON, no program of this version, or does not hold together.
    """
    try:
        program = ir.Program.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise _error(name, "E0710", f"this is no checked program: {place}: {_words(first['type'])}") from None
    verify(program, name)
    return program


def verify(program: ir.Program, name: str = "IR") -> None:
    """Check that a program holds together.

    Raises:
        SpecError: with every mistake found.
    """
    load()
    found = tuple(_diagnostic(name, "E0711", m) for m in Verifier(program).mistakes())
    if found:
        raise SpecError(found)


def _words(kind: str) -> str:
    """What pydantic found, in our words."""
    known = {
        "missing": "a field is missing",
        "extra_forbidden": "there is no such field",
        "json_invalid": "it is no JSON",
        "union_tag_invalid": "there is no such kind of node",
        "union_tag_not_found": "a node says no kind",
        "literal_error": "a value is none of those that are allowed",
    }
    return known.get(kind, "a value is of the wrong type")


def _diagnostic(name: str, code: str, message: str) -> Diagnostic:
    return Diagnostic(code, message, Label(Source(name, ""), TextSpan(0, 0)))


def _error(name: str, code: str, message: str) -> SpecError:
    return SpecError((_diagnostic(name, code, message),))


class Verifier:
    """Walks a program."""

    def __init__(self, program: ir.Program) -> None:
        self.program = program
        self.known = {(d.file, d.name): d for d in program.definitions}
        self.modules = {f.module: i for i, f in enumerate(program.files)}

    def mistakes(self) -> Iterator[str]:
        """Every mistake, in order."""
        for f in self.program.files:
            if f.lines[:1] != (0,) or any(a >= b for a, b in pairwise(f.lines)):
                yield f"the lines of {f.path} do not start one behind the other from 0"
        seen: set[tuple[int, str]] = set()
        for d in self.program.definitions:
            if not 0 <= d.file < len(self.program.files):
                yield f"{d.name} stands in file {d.file}, which the program has not"
                continue
            if (d.file, d.name) in seen:
                yield f"{d.name} is defined twice in {self.program.files[d.file].path}"
            seen.add((d.file, d.name))
            for mistake in self._definition(d):
                yield f"{d.name}: {mistake}"

    def _definition(self, d: ir.AnyDefinition) -> Iterator[str]:
        names = frozenset[str]()
        if isinstance(d, ir.Variant) and not isinstance(self._found(d.base, d.file), ir.Block):
            yield f"there is no `{d.base}` to be a variant of"
        if isinstance(d, ir.Block):
            members = [m.name for m in d.members]
            yield from _twice(members, "layer")
            yield from _twice([m.name for m in d.methods], "method")
            names = frozenset({*(h.name for h in d.hypers), *d.dims, *members, *(v.name for v in d.lets)})
        for given in _parameters(d):
            yield from _twice([i.name for i in given], "input")
            for first, second in pairwise(given):
                if first.default is not None and second.default is None:
                    yield f"`{second.name}` has no default, and stands behind `{first.name}`, which has one"
        yield from self._walk(d, d.file, names)
        for name, _ in unbound(d):
            yield f"`{name}` is not bound where it stands"

    def _walk(self, node: object, file: int, names: frozenset[str]) -> Iterator[str]:
        if isinstance(node, ir.Expect):
            return  # its calls mean methods, as only the checker runs them
        if isinstance(node, ir.TensorType):
            yield from _type(node)
        elif isinstance(node, ir.Call):
            yield from self._call(node, file)
        elif isinstance(node, ir.Name):
            yield from self._name(node, file, names)
        if isinstance(node, ir.Node):
            if node.span is not None and node.span[0] > node.span[1]:
                yield f"a place goes from {node.span[0]} to {node.span[1]}"
            for field in type(node).model_fields:
                yield from self._walk(getattr(node, field), file, names)
        elif isinstance(node, tuple):
            for item in node:
                yield from self._walk(item, file, names)

    def _call(self, node: ir.Call, file: int) -> Iterator[str]:
        if node.to == "op" and node.name not in ops.FUNCTIONS:
            yield f"there is no function `{node.name}`"
        elif node.to == "builtin" and node.name not in FUNCTIONS:
            yield f"there is no built-in function `{node.name}`"
        elif node.to == "make" and node.name not in ops.LAYERS and node.name not in MAKERS:
            yield f"there is no layer `{node.name}`"
        elif node.to in ("block", "fn", "record", "extern") and not self._exists(node.name, file):
            yield f"there is no definition `{node.name}`"
        elif node.to in ("apply", "run", "value") and node.callee is None:
            yield f"a call to `{node.name}` says not what it runs"

    def _name(self, node: ir.Name, file: int, names: frozenset[str]) -> Iterator[str]:
        if node.ref in ("hyper", "layer", "param") and names and node.id not in names:
            yield f"there is no {node.ref} `{node.id}`"
        elif node.ref in ("definition", "constant") and not self._exists(node.id, file):
            yield f"there is no definition `{node.id}`"
        elif node.ref == "op" and node.id not in ops.LAYERS and node.id not in ops.FUNCTIONS:
            yield f"there is no layer or function `{node.id}`"

    def _exists(self, name: str, file: int) -> bool:
        return self._found(name, file) is not None

    def _found(self, name: str, file: int) -> ir.Definition | None:
        module, _, last = name.rpartition(".")
        return self.known.get((self.modules.get(module, -1) if module else file, last))


def _parameters(d: ir.AnyDefinition) -> Iterator[Sequence[ir.Hyper | ir.Input]]:
    """What is given where a definition is used, and to each of its methods."""
    match d:
        case ir.Block():
            yield d.hypers
            for method in d.methods:
                yield method.inputs
        case ir.Extern():
            yield d.hypers
            yield d.forward.inputs
        case ir.TensorFunction():
            yield d.method.inputs
        case ir.Function():
            yield d.inputs
        case ir.Record():
            yield d.fields


def _twice(names: list[str], what: str) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"two {what}s are called `{name}`"
        seen.add(name)


def _type(node: ir.TensorType) -> Iterator[str]:
    if DType.named(node.dtype) is None:
        yield f"there is no dtype `{node.dtype}`"
    for text in node.dims:
        if text.startswith("*") and text[1:].isidentifier():
            continue
        try:
            parse(text)
        except (ParseError, TooLarge, Undefined):
            yield f"`{text}` is no dim"
