"""A whole method of a block, or a whole function over tensors: signature, shapes, sizes, checks, body."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import Attributes
from spec_lang.targets.torch.calls import ROUTINE, runs
from spec_lang.targets.torch.code import Atom, Binary, Call, Code, flat, name
from spec_lang.targets.torch.conditions import negated
from spec_lang.targets.torch.dims import sizes
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.lines import stated
from spec_lang.targets.torch.raising import raise_lines
from spec_lang.targets.torch.returned import result
from spec_lang.targets.torch.routine import Draft, Routine
from spec_lang.targets.torch.signature import Late, Parameter, define, is_plain
from spec_lang.targets.torch.statements import body
from spec_lang.targets.torch.text import attribute, docstring
from spec_lang.targets.torch.told import Told
from spec_lang.targets.torch.types import annotation
from spec_lang.targets.torch.walk import names_in


class _Head(NamedTuple):
    """How a routine is declared: its name, and the parameters before and behind its inputs."""

    name: str
    leading: Sequence[Parameter] = ()
    trailing: Sequence[Parameter] = ()


def method_lines(
    method: m.Method, owner: Attributes, imports: Imports, functions: Mapping[str, Told]
) -> tuple[list[str], Collection[str]]:
    """A method of a block, and the names of what construction fixes that it reads from `self`."""

    def begun(keeps_dtype: bool, short: Mapping[str, str]) -> Routine:
        return Routine(ROUTINE, imports, method, functions, owner, keeps_dtype=keeps_dtype, short=short)

    r, lines = _body(begun, 8)
    checks = [c for c in method.checks if c.open] if owner.block.entry else []
    return _whole(r, _Head(attribute(method.name), [Parameter("self")]), checks, lines, 8), r.read


def function_lines(d: m.TensorFunction, imports: Imports, functions: Mapping[str, Told]) -> list[str]:
    """A function over tensors; it learns from its caller what it cannot tell from its inputs."""
    method = d.method.model_copy(update={"doc": d.doc}) if d.doc and not d.method.doc else d.method

    def begun(keeps_dtype: bool, short: Mapping[str, str]) -> Routine:
        return Routine(ROUTINE, imports, method, functions, told=told, keeps_dtype=keeps_dtype, short=short)

    told = functions[f"{imports.here}.{d.name}"]
    r, lines = _body(begun, 4)
    trailing = [Parameter("training", "bool")] if told.training else []
    for given, kind in ((told.device, "device"), (told.dtype, "dtype")):
        if given is not None:
            trailing.append(Parameter(given, f"{imports.use('torch')}.{kind} | None", "None"))
    if told.dtype is not None:
        lines = [*Late(told.dtype, Call(name("torch.get_default_dtype"))).lines(4), *lines]
    if trailing:
        trailing.insert(0, Parameter("*"))
    return _whole(r, _Head(imports.definition(d.name), trailing=trailing), [], lines, 4)


def _body(begun: Callable[[bool, Mapping[str, str]], Routine], indent: int) -> tuple[Routine, list[str]]:
    """The body, and the routine that it was written in.

    `begun` begins the routine; with a local for the dtype of the parameters, where the body asks for it more than once, and with
    names for long sizes, where comments repeat them.
    """
    r = begun(False, {})
    mark = r.effects.mark()
    lines = body(r, r.method.body, (), indent)
    short = r.repeated(lines, _shapes(r) or "")
    dtype = None if r.owner is None else r.owner.a_parameter()
    keeps = dtype is not None and sum(line.count(flat(dtype)) for line in lines) >= 2
    if not keeps and not short:
        return r, lines
    r.effects.undo(mark)
    r = begun(keeps, short)
    lines = []
    if keeps:
        dtype = r.parameters_dtype()
        assert dtype is not None
        lines = statement(indent, f"{r.dtype_local} = ", dtype)
    return r, lines + body(r, r.method.body, (), indent)


def _whole(r: Routine, head: _Head, checks: Sequence[m.Require], body: list[str], indent: int) -> list[str]:
    """The routine around its body, which stands at an indentation."""
    method = r.method
    defaults = _defaults(r, indent)
    check_lines = _checks(r, checks, indent)
    size_lines = _sizes(r, indent)
    parameters = [*head.leading, *_parameters(r), *head.trailing]
    lines = define(indent - 4, head.name, parameters, result(r))
    shapes = _shapes(r)
    if (
        shapes
        and len(lines) == 1
        and not method.doc
        and not r.short
        and len(f"{lines[0]}  # {shapes}") <= line_width()
    ):
        lines = [f"{lines[0]}  # {shapes}"]
        shapes = None
    if method.doc:
        lines += docstring(indent, method.doc)
    if shapes:
        lines += _shape_comment(r, indent)
    return [*lines, *defaults, *size_lines, *check_lines, *body]


# --- Parameters and results -------------------------------------------------------------------


def _parameters(r: Routine) -> list[Parameter]:
    """The inputs as parameters; one with a computed default may be None."""
    parameters = []
    for i in r.method.inputs:
        kind = annotation(i.type, r.imports)
        python = r.scope.local(i.name)
        late = i.default is not None and not is_plain(i.default)
        if (i.optional or late) and not kind.endswith("| None"):
            kind += " | None"
        default = "" if i.default is None else "None" if late else flat(Draft(r, 0).expr(i.default))
        if i.optional and not default:
            default = "None" if _last_required(r, i) else ""
        parameters.append(Parameter(python, kind, default))
    return parameters


def _last_required(r: Routine, i: m.Input) -> bool:
    """Whether no input behind `i` must be given."""
    behind = r.method.inputs[r.method.inputs.index(i) + 1 :]
    return all(b.optional or b.default is not None for b in behind)


def _defaults(r: Routine, indent: int) -> list[str]:
    """Fill in the inputs that default to an expression over earlier ones."""
    lines: list[str] = []
    for i in r.method.inputs:
        if i.default is not None and not is_plain(i.default):
            w = Draft(r, indent + 4)
            code = w.expr(i.default)
            lines += Late(r.scope.local(i.name), code, w.ahead).lines(indent)
    return lines


# --- Sizes and checks -------------------------------------------------------------------------


def _sizes(r: Routine, indent: int) -> list[str]:
    """The dims and call-time `let`s that the routine reads."""
    lets: list[m.Let] = []
    for let in reversed(r.lets.values()):
        if let.name in r.needed:
            lets.insert(0, let)
            _need(r, names_in(let.value) & (r.call_dims.keys() | r.lets.keys()))
    for b in [b for n, b in r.call_dims.items() if n in r.needed]:
        for text in (b.scale, b.offset):
            _need(r, {n for n in r.call_dims if n in text.replace("*", " ").split()})
    bindings = [b for n, b in r.call_dims.items() if n in r.needed]
    inputs = {i.name: i for i in r.method.inputs}
    w = Draft(r, indent)
    lines = [" " * indent + line for line in sizes(w, bindings, inputs)]
    for let in lets:
        lines += statement(indent, f"{r.scope.local(let.name)} = ", w.expr(let.value))
    return lines


def _need(r: Routine, names: Collection[str]) -> None:
    r.needed.update(dict.fromkeys(names))


def _checks(r: Routine, checks: Sequence[m.Require], indent: int) -> list[str]:
    """The conditions on the caller's values, left out of graphs: of those that are compiled and exported, and of traced ones,
    whose sizes are no numbers.
    """
    if not checks:
        return []
    outside = negated(Call(name(f"{r.imports.use('torch')}.compiler.is_compiling")))
    size = _a_size(r, checks)
    if size is not None:
        _need(r, (size,))
        number = Call(Atom("isinstance"), (Atom(r.scope.local(size)), Atom("int")))
        outside = Binary("and", outside, number)
    if len(checks) == 1 and not runs(checks[0].test):
        w = Draft(r, indent)
        test = _both(outside, negated(w.expr(checks[0].test)))
        return [*statement(indent, "if ", test, ":"), *_raise(w, checks[0], indent + 4)]
    lines = statement(indent, "if ", outside, ":")
    for c in checks:
        w = Draft(r, indent + 4)
        lines += stated(w, "if ", negated(w.expr(c.test)), ":")
        lines += _raise(w, c, indent + 8)
    return lines


def _both(left: Code, right: Code) -> Code:
    """`left and right`, in a row where the right side is one too."""
    if isinstance(right, Binary) and right.op == "and":
        return Binary("and", _both(left, right.left), right.right)
    return Binary("and", left, right)


def _a_size(r: Routine, checks: Sequence[m.Require]) -> str | None:
    """A size that the conditions read, of an input that must be given where there is one."""
    read = names_in(*(c.test for c in checks))
    for let in reversed(r.lets.values()):
        if let.name in read:
            read |= names_in(let.value)
    found = [n for n, b in r.call_dims.items() if n in read and not b.name.startswith("*")]
    optional = {i.name for i in r.method.inputs if i.optional}
    given = [n for n in found if not names_in(r.call_dims[n].tensor) & optional]
    return next(iter((*given, *found)), None)


def _raise(w: Draft, c: m.Require, indent: int) -> list[str]:
    return raise_lines(indent, c.message, c.test, w.expr)


# --- Shapes -----------------------------------------------------------------------------------


def _shapes(r: Routine) -> str | None:
    """The shapes of inputs and results, for a comment."""
    given, made = _shape_lists(r)
    if not given:
        return None
    return ", ".join(given) + (f" -> {', '.join(made)}" if made else "")


def _shape_lists(r: Routine) -> tuple[list[str], list[str]]:
    """Each input's and each result's shape; those of scalars say nothing."""
    inputs = [(i.name, r.shape(i.type)) for i in r.method.inputs]
    results = [(x.name, r.shape(x.type)) for x in r.method.results]
    made = [f"{n}: {s}" if n else s for n, s in results if s]
    if all(s in ("[]", None) for _, s in results):
        made = []
    return [f"{n}: {s}" for n, s in inputs if s], made


def _shape_comment(r: Routine, indent: int) -> list[str]:
    """The shapes on lines of their own, results apart where one line does not do, and what names in them stand for."""
    text = _shapes(r)
    if text is None:
        return []
    margin = " " * indent
    lines = [text]
    if len(f"{margin}# {text}") > line_width():
        given, made = _shape_lists(r)
        lines = _packed(given, line_width() - indent - 2)
        lines += _packed([f"-> {made[0]}", *made[1:]], line_width() - indent - 2) if made else []
    named = [f"{name} = {size}" for size, name in r.short.items()]
    if named:
        lines += _packed([f"where {named[0]}", *named[1:]], line_width() - indent - 2)
    return [f"{margin}# {line}" for line in lines]


def _packed(items: list[str], width: int) -> list[str]:
    """Items joined by commas, broken between them, and inside one only where a line does not hold it."""
    lines: list[str] = []
    for text in [*(f"{item}," for item in items[:-1]), items[-1]]:
        if lines and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines += textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return lines
