"""Layers and their containers as expressions; lists along which dims change become loops before them."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Call,
    Code,
    Dict,
    IfExp,
    List,
    Spread,
    Tuple,
    flat,
    name,
    spliced,
)
from spec_lang.targets.torch.expressions import chosen, negated
from spec_lang.targets.torch.lines import Lines
from spec_lang.targets.torch.names import Scope, imported
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.state import State
from spec_lang.targets.torch.text import identifier, quoted
from spec_lang.targets.torch.walk import names_in, nodes


class Containers(Lines):
    """Writes what stands in `layers:`."""

    def __init__(self, state: State) -> None:
        scope = Scope(imported(state.block), [*state.hypers, *state.block.dims], state.statics)
        super().__init__(state.imports, scope, indent=8)
        self.state = state
        self.naming = "layers"
        self.carried: dict[str, str] = {}
        self.current: dict[str, str] = {}
        self.late_lets: dict[str, m.Let] = {}

    def member(self, name: str) -> Code:
        return Attr(Atom("self"), self.state.attribute(name))

    def name(self, e: m.Name) -> Code:
        if e.ref == "carry":
            return Atom(self.carried.get(e.id) or self.scope.local(e.id))
        return super().name(e)

    def module(self, e: m.Expr) -> Code:
        """What a layer is made of: lists and dicts become PyTorch's containers."""
        match e:
            case m.Comprehension(key=None) | m.List():
                return self.container("ModuleList", self.listed(e))
            case m.Binary(op="+"):
                return self.container(
                    "ModuleList", List((*spliced(self.listed(e.left)), *spliced(self.listed(e.right))))
                )
            case m.Comprehension():
                return self.container("ModuleDict", self.comprehension(e))
            case m.Dict():
                return self.container("ModuleDict", self.dict(e))
            case m.IfExp():
                return chosen(self.condition(e.test), self.module(e.body), self.module(e.orelse))
            case _:
                return self.expr(e)

    def container(self, kind: str, inside: Code) -> Code:
        return Call(name(f"{self.imports.use('nn')}.{kind}"), (inside,))

    def item(self, e: m.Expr) -> Code:
        return self.module(e)

    def listed(self, e: m.Expr) -> Code:
        """A plain list of modules."""
        match e:
            case m.List(items=items):
                return List(self.children(items))
            case m.Comprehension(key=None) if carries(e):
                return self.loop(e)
            case m.Comprehension(key=None):
                return self.comprehension(e)
            case m.IfExp(test=test, body=body, orelse=orelse):
                return chosen(self.condition(test), self.listed(body), self.listed(orelse))
            case _:
                return self.expr(e)

    def dict(self, e: m.Dict) -> Code:
        items: list[tuple[Code | None, Code]] = []
        for key, value in zip(e.keys, e.values, strict=True):
            if key is None:
                items.append((None, self.mapped(value)))
            else:
                items.append(self.entry(self.expr(key), value))
        return Dict(tuple(i for i in items if i[1] != Atom("None")))

    def entry(self, key: Code, value: m.Expr) -> tuple[Code | None, Code]:
        """One named child; one that may be none is splatted."""
        if isinstance(value, m.IfExp) and (is_none(value.body) or is_none(value.orelse)):
            test = self.condition(value.test)
            if is_none(value.body):
                test, value = (
                    negated(test),
                    m.make(m.IfExp, test=value.test, body=value.orelse, orelse=value.body),
                )
            return None, IfExp(Dict(((key, self.module(value.body)),)), test, Dict(()))
        return key, self.module(value)

    def mapped(self, e: m.Expr) -> Code:
        """A plain dict of modules."""
        match e:
            case m.Dict():
                return self.dict(e)
            case m.Comprehension():
                return self.comprehension(e)
            case _:
                return self.expr(e)

    def children(self, items: Sequence[m.Expr]) -> tuple[Code, ...]:
        """The modules of a container; those that are none are left out."""
        found: list[Code] = []
        for e in items:
            if is_none(e):
                continue
            if isinstance(e, m.Star):
                found += spliced(self.listed(e.value))
            elif isinstance(e, m.IfExp) and (is_none(e.body) or is_none(e.orelse)):
                test, child = self.condition(e.test), e.body
                if is_none(child):
                    test, child = negated(test), e.orelse
                found.append(Spread(IfExp(List((self.module(child),)), test, List(()))))
            else:
                found.append(self.module(e))
        return tuple(found)

    def make(self, e: m.Call) -> Code:
        if e.name != "Sequential":
            return super().make(e)
        return Call(self.maker(e.name), self.sequence(e))

    def maker(self, layer: str) -> Code:
        """The class of a library layer or of Sequential."""
        torch = "nn.Sequential" if layer == "Sequential" else op_class(layer).torch
        return self.spelled(torch, layer)

    def sequence(self, e: m.Call) -> tuple[Code, ...]:
        """The arguments of Sequential: its children, or an ordered dict where they are named."""
        if not e.kwargs:
            return self.children(e.args)
        items: list[tuple[Code | None, Code]] = []
        for i, arg in enumerate(e.args):
            items.append(self.entry(Atom(f'"{i}"'), arg))
        for k in e.kwargs:
            if k.name is None:
                items.append((None, self.mapped(k.value)))
            elif not is_none(k.value):
                items.append(self.entry(Atom(quoted(k.name)), k.value))
        return (Call(Atom(self.imports.use("OrderedDict")), (Dict(tuple(items)),)),)

    def loop(self, e: m.Comprehension) -> Code:
        """A comprehension as a loop, with running dims."""
        wanted = "layers" if self.naming in self.scope.taken else identifier(self.naming)
        items = self.scope.fresh(wanted, "layers", "modules")
        outer_loops, outer_carried = dict(self.loops), dict(self.carried)
        start = [(c, self.expr(c.start)) for c in e.carry]
        for c, value in start:
            self.carried[c.name] = self.running(c, e)
            variable = self.carried[c.name]
            if flat(value) not in (variable, self.current.get(variable)):
                self.emit(f"{self.carried[c.name]} = ", value)
        self.lines.append(" " * self.indent + f"{items}: list[{self.imports.use('nn')}.Module] = []")
        indent = self.indent
        later = [e.value, *(c.next for c in e.carry)]
        for i, g in enumerate(e.generators):
            iterable = self.expr(g.iterable)
            read = names_in(*later, *g.tests, *(o.iterable for o in e.generators[i + 1 :]))
            target = self.loop_target(g.target, read)
            self.emit(f"for {flat(target)} in ", iterable, ":")
            self.indent += 4
            for test in g.tests:
                self.emit("if ", self.condition(test), ":")
                self.indent += 4
        self.emit("", Call(Attr(Atom(items), "append"), (self.module(e.value),)))
        self.advance(e.carry)
        self.indent = indent
        self.loops = outer_loops
        self.carried = {**outer_carried, **{c.name: self.carried[c.name] for c in e.carry}}
        return Atom(items)

    def advance(self, carry: Sequence[m.Carry]) -> None:
        """The running dims after one layer."""
        targets = [Atom(self.carried[c.name]) for c in carry]
        values = [self.expr(c.next) for c in carry]
        self.current = {t.text: flat(v) for t, v in zip(targets, values, strict=True)}
        if len(carry) == 1:
            self.emit(f"{targets[0].text} = ", values[0])
        elif carry:
            left = flat(Tuple(tuple(targets), bare=True))
            self.emit(f"{left} = ", Tuple(tuple(values), bare=True))

    def running(self, c: m.Carry, e: m.Comprehension) -> str:
        """The variable of a running dim: its own name unless something later needs what has it now."""
        if c.name in self.carried:
            return self.carried[c.name]
        if c.name not in self.state.statics:
            return self.scope.local(c.name)
        block = self.state.block
        at = next((i for i, p in enumerate(block.members) if e in nodes(p)), 0)
        later = [n for p in (*block.members[at:], *block.ties, *block.inits) for n in nodes(p)]
        if any(
            isinstance(n, m.Name) and n.id == c.name and n.ref in ("hyper", "dim", "let")
            for n in later
            if n is not c.start
        ):
            return self.scope.fresh(f"{c.name}_in", f"{c.name}_run")
        return self.scope.local(c.name)


def is_none(e: m.Expr) -> bool:
    """Whether no layer stands here."""
    return isinstance(e, m.Literal_) and e.value is None


def carries(e: m.Expr) -> bool:
    """Whether a dim runs along a list inside, so that a loop must make it."""
    return any(isinstance(n, m.Comprehension) and n.carry for n in nodes(e))
