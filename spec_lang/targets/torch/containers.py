"""Layers and their containers as expressions; lists along which dims change become loops before them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeGuard

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import Attributes
from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Call,
    Code,
    Comprehension,
    Dict,
    For,
    IfExp,
    Index,
    List,
    Spread,
    Tuple,
    flat,
    iterated,
    name,
    spliced,
)
from spec_lang.targets.torch.conditions import chosen, negated
from spec_lang.targets.torch.expressions import (
    CALLS,
    EXPRESSIONS,
    builtin_call,
    comprehension,
    loop_target,
    make,
    named,
    spelled,
)
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.lines import stated
from spec_lang.targets.torch.names import Scope
from spec_lang.targets.torch.operations import operation
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.text import identifier, quoted
from spec_lang.targets.torch.walk import names_in, nodes
from spec_lang.targets.torch.writer import Rules, Writer


class Build(Writer):
    """Writes one statement of `__init__`; those of one `__init__` share what they know of running dims.

    Attributes:
        naming: The layer that is made, after which a list of its items may be called.
        carried: The variables of the running dims.
        current: What each of these holds by now, as text, where it is known.
    """

    __slots__ = ("attributes", "carried", "current", "naming")

    def __init__(
        self,
        attributes: Attributes,
        imports: Imports,
        scope: Scope,
        indent: int,
        naming: str,
        carried: dict[str, str],
        current: dict[str, str],
    ) -> None:
        super().__init__(INIT, imports, scope, indent)
        self.attributes = attributes
        self.naming = naming
        self.carried = carried
        self.current = current

    def at(self, indent: int, naming: str | None = None) -> Build:
        """A writer for another statement."""
        return Build(
            self.attributes,
            self.imports,
            self.scope,
            indent,
            naming or self.naming,
            self.carried,
            self.current,
        )

    def within(self, carried: dict[str, str]) -> Build:
        """A writer for the statements of a loop along which some dims run."""
        inner = self.at(self.indent)
        inner.carried = self.carried | carried
        return inner


def begin(attributes: Attributes, imports: Imports) -> Build:
    """The first writer of an `__init__`."""
    given = [*attributes.hypers, *attributes.block.dims]
    scope = Scope(attributes.imported, given, attributes.statics)
    return Build(attributes, imports, scope, 8, "layers", {}, {})


def _name(w: Build, e: m.Name) -> Code:
    if e.ref == "carry" and e.id in w.carried:
        return Atom(w.carried[e.id])
    return named(w, e)


def _comprehension(w: Build, e: m.Comprehension) -> Code:
    """A comprehension of modules; where dims run along it or inside, the variable that a loop fills."""
    if carries(e):
        return _loop(w, e)
    if isinstance(e.value, m.Star):
        return _flat(w, e, e.value)
    return comprehension(w, e, lambda value: module(w, value))


def _flat(w: Build, e: m.Comprehension, star: m.Star) -> Code:
    """A comprehension of which each item is several modules."""
    variable = Atom(w.scope.fresh("layer", "child", "module"))
    spread: list[Code] = []
    if isinstance(star.value, m.Dict):
        entries = star.value
        name_ = Atom(w.scope.fresh("name", "key"))

        def named_(value: m.Expr) -> Code:
            spread.append(Call(Attr(_dict(w, entries), "items")))
            return variable

        outer = comprehension(w, e, named_)
        assert isinstance(outer, Comprehension)
        both = For(Tuple((name_, variable), bare=True), spread[0], ())
        return outer._replace(fors=(*outer.fors, both), key=name_, brackets="{}")

    def made(value: m.Expr) -> Code:
        spread.append(iterated(_listed(w, star.value)))
        return variable

    outer = comprehension(w, e, made)
    assert isinstance(outer, Comprehension)
    return outer._replace(fors=(*outer.fors, For(variable, spread[0], ())))


def module(w: Build, e: m.Expr) -> Code:
    """What a layer is made of: lists and dicts become PyTorch's containers."""
    match e:
        case m.Comprehension(key=None) | m.List():
            return _container(w, "ModuleList", _listed(w, e))
        case m.Binary(op="+"):
            return _container(
                w, "ModuleList", List((*spliced(_listed(w, e.left)), *spliced(_listed(w, e.right))))
            )
        case m.Comprehension():
            return _container(w, "ModuleDict", _comprehension(w, e))
        case m.Dict():
            return _container(w, "ModuleDict", _dict(w, e))
        case m.IfExp() if carries((e.body, e.orelse)):
            return _either(w, e, module, "{nn}.Module")
        case m.IfExp():
            return chosen(w.expr(e.test), module(w, e.body), module(w, e.orelse))
        case _:
            return w.expr(e)


def _container(w: Build, kind: str, inside: Code) -> Code:
    return Call(name(f"{w.imports.use('nn')}.{kind}"), (inside,))


def _listed(w: Build, e: m.Expr) -> Code:
    """A plain list of modules."""
    match e:
        case m.List(items=items):
            made = _children(w, items)
            return made[0].value if len(made) == 1 and _is_variable(made[0]) else List(made)
        case m.Comprehension(key=None):
            return _comprehension(w, e)
        case m.IfExp() if carries((e.body, e.orelse)):
            return _either(w, e, _listed, "list[{nn}.Module]")
        case m.IfExp(test=test, body=body, orelse=orelse):
            return chosen(w.expr(test), _listed(w, body), _listed(w, orelse))
        case _:
            return w.expr(e)


def _either(w: Build, e: m.IfExp, write: Callable[[Build, m.Expr], Code], kind: str) -> Code:
    """A choice along a side of which dims run, as a statement ahead; gives the variable that it leaves."""
    variable = w.scope.fresh("chosen", "either")
    test = w.expr(e.test)
    margin = " " * w.indent
    lines = [f"{margin}{variable}: {kind.format(nn=w.imports.use('nn'))}"]
    for head, side in ((statement(w.indent, "if ", test, ":"), e.body), ([f"{margin}else:"], e.orelse)):
        inner = w.at(w.indent + 4)
        w.current.clear()
        lines += [*head, *stated(inner, f"{variable} = ", write(inner, side))]
    w.current.clear()
    w.ahead += lines
    return Atom(variable)


def _dict(w: Build, e: m.Dict) -> Code:
    return _entries(w, [(None if k is None else w.expr(k), v) for k, v in zip(e.keys, e.values, strict=True)])


def _entries(w: Build, entries: Sequence[tuple[Code | None, m.Expr]]) -> Code:
    """Named children, and dicts of them where there is no name; those that are none are left out."""
    entries = [(key, value) for key, value in entries if not is_none(value)]
    if any(carries(value) for _, value in entries[1:]):
        return _named_one_by_one(w, entries)
    items = [(None, _mapped(w, v)) if key is None else _entry(w, key, v) for key, v in entries]
    return Dict(tuple(items))


def _named_one_by_one(w: Build, entries: Sequence[tuple[Code | None, m.Expr]]) -> Code:
    """Named children, made in their order ahead, where dims run along some of them; gives the dict."""
    variable = _list_variable(w)
    first = next(i for i, (_, value) in enumerate(entries) if carries(value))
    begun = f"{variable}: dict[str, {w.imports.use('nn')}.Module] = "
    w.ahead += statement(w.indent, begun, _entries(w, entries[:first]))
    for key, value in entries[first:]:
        if key is None and isinstance(value, m.Comprehension) and carries(value):
            _loop(w, value, variable)
            continue
        if key is None:
            w.ahead += statement(w.indent, "", Call(Attr(Atom(variable), "update"), (_mapped(w, value),)))
        else:
            w.ahead += _named(w.at(w.indent), variable, key, value)
    return Atom(variable)


def _named(w: Build, items: str, key: Code, value: m.Expr) -> list[str]:
    """Statements that put one named child into a dict, unless it is none."""
    entry = f"{flat(Index(Atom(items), (key,)))} = "
    if _may_be_none(value) and not carries(value):
        test, child = _if_there(w, value)
        inner = w.at(w.indent + 4)
        return [*stated(w, "if ", test, ":"), *stated(inner, entry, module(inner, child))]
    found, made = _entry(w, key, value)
    if found is None:
        return stated(w, "", Call(Attr(Atom(items), "update"), (made,)))
    return stated(w, entry, made)


def _may_be_none(e: m.Expr) -> TypeGuard[m.IfExp]:
    """Whether a child is a layer or none, by a condition."""
    return isinstance(e, m.IfExp) and (is_none(e.body) or is_none(e.orelse))


def _if_there(w: Build, e: m.IfExp) -> tuple[Code, m.Expr]:
    """When a child that may be none is a layer, and which one."""
    test = w.expr(e.test)
    return (negated(test), e.orelse) if is_none(e.body) else (test, e.body)


def _entry(w: Build, key: Code, value: m.Expr) -> tuple[Code | None, Code]:
    """One named child; one that may be none is splatted."""
    if _may_be_none(value):
        if carries(value):

            def entry(inner: Build, side: m.Expr) -> Code:
                return Dict(() if is_none(side) else ((key, module(inner, side)),))

            return None, _either(w, value, entry, "dict[str, {nn}.Module]")
        test, child = _if_there(w, value)
        return None, IfExp(Dict(((key, module(w, child)),)), test, Dict(()))
    return key, module(w, value)


def _mapped(w: Build, e: m.Expr) -> Code:
    """A plain dict of modules."""
    match e:
        case m.Dict():
            return _dict(w, e)
        case m.Comprehension():
            return _comprehension(w, e)
        case _:
            return w.expr(e)


def _children(w: Build, items: Sequence[m.Expr]) -> tuple[Code, ...]:
    """The modules of a container; those that are none are left out."""
    items = [e for e in items if not is_none(e)]
    if any(carries(e) for e in items[1:]):
        return (Spread(_one_by_one(w, items)),)
    found: list[Code] = []
    for e in items:
        if isinstance(e, m.Star):
            found += spliced(_listed(w, e.value))
        elif _may_be_none(e):
            if carries(e):
                body, orelse = (m.make(m.List, items=() if is_none(x) else (x,)) for x in (e.body, e.orelse))
                found += spliced(_listed(w, m.make(m.IfExp, test=e.test, body=body, orelse=orelse)))
                continue
            test, child = _if_there(w, e)
            found.append(Spread(IfExp(List((module(w, child),)), test, List(()))))
        else:
            found.append(module(w, e))
    return tuple(found)


def _is_variable(code: Code) -> TypeGuard[Spread]:
    """Whether a container's children are those of one list that was made ahead."""
    return isinstance(code, Spread) and isinstance(code.value, Atom)


def _one_by_one(w: Build, items: Sequence[m.Expr]) -> Code:
    """The modules of a container, made in their order ahead, where dims run along some of them; gives the list."""
    variable = _list_variable(w)
    first = next(i for i, e in enumerate(items) if carries(e))
    begun = List(_children(w, items[:first]))
    w.ahead += statement(w.indent, f"{variable}: list[{w.imports.use('nn')}.Module] = ", begun)
    _filled(w, items[first:], variable)
    return Atom(variable)


def _filled(w: Build, items: Sequence[m.Expr], variable: str) -> None:
    """Statements ahead that add modules to a list in their order."""
    for e in items:
        value = e.value if isinstance(e, m.Star) else None
        if isinstance(value, m.Comprehension) and value.key is None and carries(value):
            _loop(w, value, variable)
            continue
        if is_none(e):
            continue
        if _may_be_none(e) and not carries(e):
            at, inner = w.at(w.indent), w.at(w.indent + 4)
            test, child = _if_there(at, e)
            w.ahead += stated(at, "if ", test, ":")
            w.ahead += stated(inner, "", Call(Attr(Atom(variable), "append"), (module(inner, child),)))
            continue
        made = _children(w, (e,))
        if len(made) == 1 and not isinstance(made[0], Spread):
            w.ahead += statement(w.indent, "", Call(Attr(Atom(variable), "append"), made))
        else:
            more = made[0].value if len(made) == 1 and isinstance(made[0], Spread) else iterated(List(made))
            w.ahead += statement(w.indent, f"{variable} += ", more)


def _list_variable(w: Build) -> str:
    """A variable for a list of modules, called as the layer that is made, where that is free."""
    wanted = "layers" if w.naming in w.scope.taken else identifier(w.naming)
    return w.scope.fresh(wanted, "layers", "modules")


def _make(w: Build, e: m.Call, first: Code | None = None) -> Call:
    """The constructor call of a library layer or of Sequential."""
    return Call(maker(w.imports, e.name), _sequence(w, e)) if e.name == "Sequential" else make(w, e)


def maker(imports: Imports, layer: str) -> Code:
    """The class of a library layer or of Sequential."""
    torch = "nn.Sequential" if layer == "Sequential" else op_class(layer).torch
    return spelled(imports, torch, layer)


def _sequence(w: Build, e: m.Call) -> tuple[Code, ...]:
    """The arguments of Sequential: its children, or an ordered dict where they are named."""
    if not e.kwargs:
        return _children(w, e.args)
    named: list[tuple[Code | None, m.Expr]] = [(Atom(f'"{i}"'), arg) for i, arg in enumerate(e.args)]
    named += [(None if k.name is None else Atom(quoted(k.name)), k.value) for k in e.kwargs]
    children = _entries(w, named)
    if isinstance(children, Dict) and len(children.items) == 1 and children.items[0][0] is None:
        children = children.items[0][1]
    return (Call(Atom(w.imports.use("OrderedDict")), (children,)),)


# --- Lists along which dims change --------------------------------------------------------------


def _loop(w: Build, e: m.Comprehension, into: str | None = None) -> Code:
    """A comprehension as a loop ahead, with running dims; gives the list or the dict that it fills: `into`, or a new one."""
    items = into or _list_variable(w)
    lines: list[str] = []
    starts = [(c, w.expr(c.start)) for c in e.carry]
    carried = {}
    for c, start in starts:
        variable = carried[c.name] = _running(w, c, e)
        if flat(start) not in (variable, w.current.get(variable)):
            lines += statement(w.indent, f"{variable} = ", start)
    begun = "list[{}.Module] = []" if not e.keyed else "dict[str, {}.Module] = {{}}"
    if into is None:
        lines.append(" " * w.indent + f"{items}: {begun.format(w.imports.use('nn'))}")
    inner = w.within(carried)
    later = [e.value, *([e.key] if e.key is not None else []), *(c.next for c in e.carry)]
    for i, g in enumerate(e.generators):
        iterable = iterated(inner.expr(g.iterable))
        read = names_in(*later, *g.tests, *(o.iterable for o in e.generators[i + 1 :]))
        variables = loop_target(inner, g.target, read)
        lines += stated(inner, f"for {flat(variables)} in ", iterable, ":")
        inner = inner.at(inner.indent + 4)
        for test in g.tests:
            lines += stated(inner, "if ", inner.expr(test), ":")
            inner = inner.at(inner.indent + 4)
    if isinstance(e.value, m.Star) and isinstance(e.value.value, m.Dict):
        for key, value in zip(e.value.value.keys, e.value.value.values, strict=True):
            assert key is not None
            if is_none(value):
                continue
            inner = inner.at(inner.indent)
            lines += _named(inner, items, inner.expr(key), value)
    elif isinstance(e.value, m.Star):
        inner = inner.at(inner.indent)
        each = e.value.value
        _filled(inner, each.items if isinstance(each, m.List) else (e.value,), items)
        lines += inner.ahead
        inner.ahead = []
    elif e.key is None:
        made = module(inner, e.value)
        lines += stated(inner, "", Call(Attr(Atom(items), "append"), (made,)))
    else:
        entry = Index(Atom(items), (inner.expr(e.key),))
        lines += stated(inner, f"{flat(entry)} = ", module(inner, e.value))
    lines += _advance(inner.at(inner.indent), e.carry)
    w.ahead += lines
    w.carried.update(carried)
    return Atom(items)


def _advance(w: Build, carry: Sequence[m.Carry]) -> list[str]:
    """The running dims after one layer."""
    targets = [Atom(w.carried[c.name]) for c in carry]
    values = [w.expr(c.next) for c in carry]
    w.current.clear()
    w.current.update({t.text: flat(v) for t, v in zip(targets, values, strict=True)})
    if not carry:
        return []
    if len(carry) == 1:
        return stated(w, f"{targets[0].text} = ", values[0])
    return stated(w, f"{flat(Tuple(tuple(targets), bare=True))} = ", Tuple(tuple(values), bare=True))


def _running(w: Build, c: m.Carry, e: m.Comprehension) -> str:
    """The variable of a running dim: its own name unless something later needs what has it now."""
    if c.name in w.carried:
        return w.carried[c.name]
    given = _handed_on(w, c, e)
    if given is not None:
        return given
    if c.name not in w.attributes.statics:
        return w.scope.local(c.name)
    block = w.attributes.block
    at = next((i for i, p in enumerate(block.members) if e in nodes(p)), 0)
    later = [n for p in (*block.members[at:], *block.ties, *block.inits) for n in nodes(p)]
    if any(
        isinstance(n, m.Name) and n.id == c.name and n.ref in ("hyper", "dim", "let")
        for n in later
        if n is not c.start
    ):
        return w.scope.fresh(f"{c.name}_in", f"{c.name}_run")
    return w.scope.local(c.name)


def _handed_on(w: Build, c: m.Carry, e: m.Comprehension) -> str | None:
    """The variable of an implicit dim, or of an earlier list, that a running dim starts as, where nothing else reads it."""
    start, block = c.start, w.attributes.block
    if not isinstance(start, m.Name) or start.ref not in ("dim", "carry"):
        return None
    if start.ref == "carry" and start.id not in w.carried:
        return None
    parts = (*block.members, block.body, *block.ties, *block.inits)
    at = next((i for i, p in enumerate(parts) if e in nodes(p)), 0)
    inside = [n for n in nodes(parts[at]) if isinstance(n, m.Comprehension) and e in nodes(n)]
    later = [n for n in nodes(*parts[at:]) if isinstance(n, m.Name) and n.id == start.id and n is not start]
    if len(inside) > 1 or any(n.ref == start.ref for n in later) or _in_sizes(start.id, parts[at:]):
        return None
    return w.carried[start.id] if start.ref == "carry" else w.scope.local(start.id)


def _in_sizes(name: str, parts: Sequence[object]) -> bool:
    """Whether a param or a buffer has a name in its sizes, which are text."""
    texts = " ".join(d for p in parts if isinstance(p, m.Param) for d in p.type.dims)
    return re.search(rf"\b{re.escape(name)}\b", texts) is not None


def is_none(e: m.Expr) -> bool:
    """Whether no layer stands here."""
    return isinstance(e, m.Literal_) and e.value is None


def carries(e: object) -> bool:
    """Whether a dim runs along a list inside, so that a loop must make it."""
    return any(isinstance(n, m.Comprehension) and n.carry for n in nodes(e))


def _builtin(w: Build, e: m.Call, first: Code | None = None) -> Code:
    """A call of a built-in function; of lists whose lengths the constructor has compared, a strict one."""
    return builtin_call(w, e, first, strict=e.name == "zip" and w.attributes.of_one_length(e.args))


INIT = Rules(
    {**EXPRESSIONS, m.Name: _name},
    {**CALLS, "op": operation, "make": _make, "builtin": _builtin},
)
"""Expressions in `__init__`, where lists and dicts of layers become PyTorch's containers."""
