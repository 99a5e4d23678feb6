"""The body of a method or a function over tensors: one function a kind of statement, and its row in `STATEMENTS`.

Each gives the lines of its statement at an indentation; `live` are the names that are read after it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from spec_lang.ir import model as m
from spec_lang.targets.torch.calls import lends, module, runs, value
from spec_lang.targets.torch.chains import NESTED, has_chain, stages
from spec_lang.targets.torch.code import Atom, Attr, Binary, Call, Code, Tuple, flat, iterated
from spec_lang.targets.torch.collecting import collected
from spec_lang.targets.torch.conditions import chosen
from spec_lang.targets.torch.dims import sizes
from spec_lang.targets.torch.expressions import loop_target, target
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.lines import remarked, stated
from spec_lang.targets.torch.liveness import Later
from spec_lang.targets.torch.loose import Loose, loose
from spec_lang.targets.torch.names import safe
from spec_lang.targets.torch.returned import result
from spec_lang.targets.torch.routine import Draft, Routine
from spec_lang.targets.torch.text import comment
from spec_lang.targets.torch.types import annotation, shape
from spec_lang.targets.torch.walk import inside, names_in, nodes, target_names


def body(
    r: Routine, statements: Sequence[m.Stmt], live: Container[str], indent: int, *, loop: bool = False
) -> list[str]:
    """Statements in order, each with the comments above it."""
    lines: list[str] = []
    statements = collected(statements, live)
    after = Later(statements, live, loop=loop)
    for after.at, s in enumerate(statements):
        if _only_conditions(s):
            continue
        for text in s.comments:
            lines += comment(indent, text)
        if _is_returned(s, statements[after.at + 1 :]):
            return lines + _return_assigned(r, s, after, indent)
        lines += STATEMENTS[type(s)](r, s, after, indent)
    return lines


def _indented(
    r: Routine, statements: Sequence[m.Stmt], live: Container[str], indent: int, *, loop: bool = False
) -> list[str]:
    """The body of a loop or a branch, `indent` being that of its head."""
    lines = body(r, statements, live, indent + 4, loop=loop)
    if all(line.lstrip().startswith("#") for line in lines):
        lines.append(" " * (indent + 4) + "pass")
    return lines


def _only_conditions(s: m.Statement) -> bool:
    """Whether nothing is left of a statement: the model checks its caller's values first."""
    return isinstance(s, m.Require) or (hasattr(s, "body") and all(map(_only_conditions, inside(s))))


# --- Statements that are one expression -----------------------------------------------------------


class _Simple(NamedTuple):
    """A statement of one line where that fits: a prefix, and what `finish` makes of a value.

    `into` is the local that it is assigned to where the way to it may use that, `trailing` the author's remark, `shown` a shape
    for a comment, `left` what is assigned to.
    """

    prefix: str
    value: m.Expr
    finish: Callable[[Code], Code] = lambda code: code
    into: str | None = None
    trailing: str | None = None
    shown: str | None = None
    left: Code | None = None


def _simple(r: Routine, s: _Simple, live: Container[str], indent: int) -> list[str]:
    """The line, or where it is too long the statements that its chains become."""
    mark = r.effects.mark()
    code, ahead, lines = _attempt(r, s, live, indent, hoisting=False)
    if len(lines) > 1 and has_chain(s.value):
        r.effects.undo(mark)
        code, ahead, lines = _attempt(r, s, live, indent, hoisting=True)
    trailing = s.trailing
    if trailing and ahead:
        ahead, trailing = [*comment(indent, trailing), *ahead], None
    if s.prefix == f"{flat(code)} = ":
        return ahead
    if s.left is not None:
        r.assign(s.left, code, indent)
    return [*ahead, *remarked(lines, trailing or s.shown, indent, s.prefix.removesuffix(" = "))]


def _attempt(
    r: Routine, s: _Simple, live: Container[str], indent: int, *, hoisting: bool
) -> tuple[Code, list[str], list[str]]:
    """One way to write a statement: its expression, the lines ahead of it, and its own lines."""
    w = Draft(r, indent, rhs=s.value, into=s.into, live=live, hoisting=hoisting)
    code = s.finish(value(w, s.value))
    prefix = s.prefix
    if isinstance(s.left, Atom) and prefix == f"{s.left.text} = " and code != s.left:
        prefix = f"{r.binding(s.left.text)} = "
    return code, w.ahead, statement(indent, prefix, code)


def _bare(code: Code) -> Code:
    return Tuple(code.items, bare=True) if isinstance(code, Tuple) and code.items else code


def _unbound(code: Code) -> Code:
    """The parts of a tensor along its first dim, to be unpacked."""
    return Call(Attr(code, "unbind"), (Atom("0"),))


def _left(r: Routine, t: m.Target, live: Container[str]) -> Code:
    """The left side of an assignment; what is unpacked and never read is `_`."""
    if t.items is None:
        return target(r.scope, t)
    items = tuple(
        Atom("_") if x.name is not None and x.name not in live else _left(r, x, live) for x in t.items
    )
    return Tuple(items, bare=True)


def _assign(r: Routine, s: m.Assign, live: Container[str], indent: int) -> list[str]:
    left, shown, bound = _left(r, s.target, live), _shape_remark(r, s), target_names(s.target)
    if len(bound) == 1 and bound[0] not in live and not s.dims:
        if not isinstance(s.value, m.Call):
            return []
        return _simple(r, _Simple("", s.value, trailing=s.trailing), live, indent)
    annotated = ""
    if s.target.name is not None and isinstance(s.value, m.List) and not s.value.items:
        annotated = f": list[{_item_annotation(r, s.target.name)}]"
    unpacked = s.target.items is not None and isinstance(s.value.type, m.TensorType)
    simple = _Simple(
        prefix=f"{flat(left)}{annotated} = ",
        value=s.value,
        finish=_unbound if unpacked else _bare,
        into=None if s.target.name is None or not lends(s.value) else r.scope.local(s.target.name),
        trailing=s.trailing,
        shown=r.brief(shown),
        left=left,
    )
    if annotated:
        r.declared[flat(left)] = None
    lines = _simple(r, simple, live, indent)
    wanted = [d for d in s.dims if d.name in live]
    return lines + [" " * indent + line for line in sizes(Draft(r, indent), wanted, {})]


def _item_annotation(r: Routine, name: str) -> str:
    """The annotation of what is appended to a list."""
    appended = [s.value for s in nodes(r.method.body) if isinstance(s, m.Append) and s.name == name]
    for item in appended:
        match item:
            case m.List(items=(first, *_)):
                return _annotation_of(r, first)
            case m.Expression(type=m.ListType(item=kind) | m.TupleType(items=(kind, *_))):
                return annotation(kind, r.imports)
    return r.imports.use("Tensor")


def _annotation_of(r: Routine, e: m.Expr) -> str:
    """The annotation of a value; where its type changes from step to step, it is a tensor."""
    if e.type is None and isinstance(e, m.Tuple):
        return f"tuple[{', '.join(_annotation_of(r, x) for x in e.items)}]"
    return r.imports.use("Tensor") if e.type is None else annotation(e.type, r.imports)


def _shape_remark(r: Routine, s: m.Assign) -> str | None:
    """The shape of what is assigned, where it is not that of what it is made from."""
    kind = s.value.type
    if isinstance(s.target.name, str) and isinstance(kind, m.TensorType):
        text = shape(kind) if r.knows(kind) else None
        before, r.shown[s.target.name] = r.shown.get(s.target.name), text
        if text is None or not kind.dims or before == text:
            return None
        _, calls = stages(s.value)
        last = calls[-1].args[0].type if len(calls) > NESTED else None
        known = {shape(t) for t in _tensor_types(s.value)} if last is None else {shape(last)}
        return None if known == {text} else text
    if s.target.items and isinstance(kind, m.TensorType):
        return f"each [{', '.join(kind.dims[1:])}]"
    return None


def _tensor_types(e: m.Expr) -> list[m.TensorType]:
    names = [n for n in nodes(e) if isinstance(n, m.Name) and n.ref == "local"]
    return [n.type for n in names if isinstance(n.type, m.TensorType)]


def _append(r: Routine, s: m.Append, live: Container[str], indent: int) -> list[str]:
    name = r.scope.local(s.name)
    if not (isinstance(s.value, m.List) and len(s.value.items) == 1):
        return _simple(r, _Simple(f"{name} += ", s.value, trailing=s.trailing), live, indent)

    def call(item: Code) -> Code:
        return Call(Atom(f"{name}.append"), (item,))

    return _simple(r, _Simple("", s.value.items[0], call, trailing=s.trailing), live, indent)


def _return(r: Routine, s: m.Return, live: Container[str], indent: int) -> list[str]:
    return _returned(r, _Simple("return ", s.value, _bare, trailing=s.trailing), live, indent, ())


def _is_returned(s: m.Stmt, others: Sequence[m.Stmt]) -> TypeGuard[m.Assign]:
    """Whether an assignment is all but the return of what it assigns."""
    return (
        isinstance(s, m.Assign)
        and s.target.name is not None
        and not s.dims
        and len(others) == 1
        and isinstance(others[0], m.Return)
        and isinstance(others[0].value, m.Name)
        and others[0].value.id == s.target.name
        and not (others[0].comments or others[0].trailing)
    )


def _return_assigned(r: Routine, s: m.Assign, live: Container[str], indent: int) -> list[str]:
    """An assignment and the return of what it assigns, as one statement; a local of the author's name where one is needed."""
    assert s.target.name is not None
    local = r.scope.local(s.target.name)
    names = () if local in r.declared or r.is_assigned(local) else (local,)
    return _returned(r, _Simple("return ", s.value, _bare, trailing=s.trailing), live, indent, names)


def _returned(r: Routine, s: _Simple, live: Container[str], indent: int, names: tuple[str, ...]) -> list[str]:
    """A return; through a local that says its type where type checkers take it for Any.

    `names` are those for the local that are better than a new one.
    """
    mark = r.effects.mark()
    code, _, _ = _attempt(r, s, live, indent, hoisting=False)
    known = loose(r, code) is not Loose.ALL
    r.effects.undo(mark)
    if not known and isinstance(code, Atom) and not r.is_assigned(code.text):
        known = True
        r.typed[code.text] = s.value.type
    if known:
        return _simple(r, s, live, indent)
    local = next(iter(names), None) or r.scope.fresh(*_result_names(r), "out", "result", "y")
    r.declared[local] = None
    lines = _simple(r, s._replace(prefix=f"{local}: {result(r)} = "), live, indent)
    return [*lines, " " * indent + f"return {local}"]


def _result_names(r: Routine) -> tuple[str, ...]:
    """What the author calls the only result."""
    return tuple(safe(x.name) for x in r.method.results if x.name) if len(r.method.results) == 1 else ()


# --- Loops and branches ---------------------------------------------------------------------------


def _for(r: Routine, s: m.For, live: Container[str], indent: int) -> list[str]:
    w = Draft(r, indent, rhs=s.iterable, live=live)
    iterable = iterated(module(w, s.iterable))
    variables = loop_target(w, s.target, names_in(*s.body))
    r.enter(s)
    r.iterate(variables, iterable, indent)
    head = stated(w, f"for {flat(variables)} in ", iterable, ":", s.trailing)
    return head + _indented(r, s.body, live, indent, loop=True)


def _if(r: Routine, s: m.If, live: Container[str], indent: int) -> list[str]:
    w = Draft(r, indent, rhs=s.test, live=live)
    test, inner = w.expr(s.test), s.body
    while (
        not s.orelse
        and len(inner) == 1
        and isinstance(inner[0], m.If)
        and not inner[0].orelse
        and not runs(inner[0].test)
    ):
        test = Binary("and", test, w.expr(inner[0].test))
        inner = inner[0].body
    mark = r.effects.mark()
    if (line := _choice(w, s, test)) is not None:
        return line
    r.effects.undo(mark)
    lines = stated(w, "if ", test, ":", s.trailing) + _indented(r, inner, live, indent)
    orelse = s.orelse
    while (
        len(orelse) == 1
        and isinstance(orelse[0], m.If)
        and not orelse[0].comments
        and not runs(orelse[0].test)  # whose lines cannot stand between the branches
    ):
        w = Draft(r, indent, rhs=orelse[0].test, live=live)
        lines += stated(w, "elif ", w.expr(orelse[0].test), ":", orelse[0].trailing)
        lines += _indented(r, orelse[0].body, live, indent)
        orelse = orelse[0].orelse
    if orelse:
        lines += [" " * indent + "else:", *_indented(r, orelse, live, indent)]
    return lines


def _choice(w: Draft, s: m.If, test: Code) -> list[str] | None:
    """Two assignments of one variable as one line, where they are that and it fits."""
    if len(s.body) != 1 or len(s.orelse) != 1:
        return None
    a, b = s.body[0], s.orelse[0]
    if not (isinstance(a, m.Assign) and isinstance(b, m.Assign) and a.target.name == b.target.name):
        return None
    if a.target.name is None or a.dims or b.dims or runs(a.value) or runs(b.value):
        return None
    code = chosen(test, w.expr(a.value), w.expr(b.value))
    remarks = [*a.comments, *filter(None, [a.trailing]), *b.comments, *filter(None, [b.trailing])]
    name = w.scope.local(a.target.name)
    line = " " * w.indent + f"{name} = {flat(code)}"
    if len(line) > line_width():
        return None
    w.routine.assign(Atom(name), code, w.indent)
    return [*w.ahead, *(text for remark in remarks for text in comment(w.indent, remark)), line]


def _require(r: Routine, s: m.Require, live: Container[str], indent: int) -> list[str]:
    """Nothing: the model checks its caller's values before the body."""
    return []


STATEMENTS: Mapping[type[m.Statement], Callable[[Routine, Any, Container[str], int], list[str]]] = {
    m.Assign: _assign,
    m.Append: _append,
    m.Return: _return,
    m.Require: _require,
    m.For: _for,
    m.If: _if,
}
