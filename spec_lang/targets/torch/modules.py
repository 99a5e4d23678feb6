"""A program as Python modules."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir import model as m
from spec_lang.targets.torch.classes import block_class, variant_class
from spec_lang.targets.torch.definitions import constant, function, record
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import WIDTH, of_width
from spec_lang.targets.torch.methods import function_lines
from spec_lang.targets.torch.order import in_order
from spec_lang.targets.torch.text import comment, docstring, module_name
from spec_lang.targets.torch.ties import holding_ties
from spec_lang.targets.torch.told import Told, told


def emit(program: m.Program, columns: int = WIDTH, *, checks: bool = True) -> dict[str, str]:
    """The sources by path (`pkg/name.py`): a module for each file, with the definitions of that file, in lines of so many columns.

    Args:
        program: The checked program.
        columns: The longest line.
        checks: Whether methods of models check what they are called with.

    Raises:
        BadProgram: the program holds what no checked spec can (a name that is none, a path out of its folder).
    """
    if not checks:
        program = program.model_copy(update={"definitions": tuple(map(_unchecked, program.definitions))})
    definitions = {qualified(program, d): d for d in program.definitions}
    functions = told(program.files, definitions)
    tied = holding_ties(program, definitions)
    sources = {}
    with of_width(columns):
        for index, file in enumerate(program.files):
            path = module_name(file.module).replace(".", "/") + ".py"
            sources[path] = "\n".join(_module(index, file, program, definitions, functions, tied)) + "\n"
    return sources


def _unchecked(d: m.AnyDefinition) -> m.AnyDefinition:
    """A definition whose methods check nothing of their inputs."""
    if not isinstance(d, m.Block):
        return d
    methods = tuple(method.model_copy(update={"checks": ()}) for method in d.methods)
    return d.model_copy(update={"methods": methods})


def qualified(program: m.Program, d: m.Definition) -> str:
    """The module and name of a definition."""
    return f"{program.files[d.file].module}.{d.name}"


def _module(
    index: int,
    file: m.File,
    program: m.Program,
    definitions: Mapping[str, m.Definition],
    functions: Mapping[str, Told],
    tied: frozenset[str],
) -> list[str]:
    own = in_order([d for d in program.definitions if d.file == index and not isinstance(d, m.Extern)])
    imports = Imports(file.module, [d.name for d in own], definitions)
    bodies = [(d, _definition(d, imports, functions, tied)) for d in own]
    head = docstring(0, file.doc or "")
    if block := imports.lines():
        head += ["", *block] if head else block
    lines = head
    previous: m.AnyDefinition | None = None
    for source in imports.helpers.values():
        lines += ["", "", *source.strip("\n").split("\n")]
    for d, body in bodies:
        lines += [""] * _gap(d, previous, bool(imports.helpers)) if lines else []
        lines += [line for text in d.comments for line in comment(0, text)]
        lines += body
        previous = d
    return lines


def _gap(d: m.AnyDefinition, previous: m.AnyDefinition | None, helpers: bool) -> int:
    """The blank lines before a definition: two around classes and functions, none between constants."""
    if not isinstance(d, m.Constant) or (previous is None and helpers):
        return 2
    if previous is None:
        return 1
    return int(bool(d.comments)) if isinstance(previous, m.Constant) else 2


def _definition(
    d: m.AnyDefinition, imports: Imports, functions: Mapping[str, Told], tied: frozenset[str]
) -> list[str]:
    match d:
        case m.Constant():
            return constant(d, imports)
        case m.Record():
            return record(d, imports)
        case m.Function():
            return function(d, imports)
        case m.TensorFunction():
            return function_lines(d, imports, functions)
        case m.Block():
            return block_class(d, imports, functions, tied)
        case m.Variant():
            base = imports.defined(d.base)
            assert isinstance(base, m.Block)
            return variant_class(d, base, imports)
        case m.Extern():
            return []
