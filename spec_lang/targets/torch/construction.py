"""`__init__`: conditions, attributes, layers in their order, parameters, ties and initialisers."""

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
    Kw,
    List,
    Spread,
    Tuple,
    flat,
    name,
)
from spec_lang.targets.torch.expressions import chosen, negated
from spec_lang.targets.torch.initialising import initialise, rules
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.names import Scope, imported
from spec_lang.targets.torch.operations import Operations
from spec_lang.targets.torch.raising import raise_lines
from spec_lang.targets.torch.registry import op_class
from spec_lang.targets.torch.signature import Parameter, define, hyperparameter
from spec_lang.targets.torch.state import State
from spec_lang.targets.torch.text import attribute, comment, comment_text, identifier, quoted
from spec_lang.targets.torch.walk import names_in, nodes

FILLS = {"zeros": "zeros", "ones": "ones", "constant": "full"}
CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})


class Construction(Operations):
    """Writes `__init__` of one block."""

    def __init__(self, state: State) -> None:
        super().__init__(
            state.imports, Scope(imported(state.block), [*state.hypers, *state.block.dims], state.statics)
        )
        self.state = state
        self.indent = 8
        self.lines: list[str] = []
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

    def emit(self, prefix: str, code: Code, suffix: str = "", note: str | None = None) -> None:
        lines = statement(self.indent, prefix, code, suffix)
        if note:
            text = comment_text(note)
            if len(lines[-1]) + 2 + len(text) <= WIDTH:
                lines[-1] += f"  {text}"
            else:
                lines = [*comment(self.indent, note), *lines]
        self.lines += lines

    # --- The whole of it ------------------------------------------------------------------------

    def lines_of(self) -> list[str]:
        """`__init__`, or nothing where the inherited one serves."""
        block = self.state.block
        parameters = self.signature()
        self.conditions()
        before = self.lines
        self.lines = []
        if block.body is not None:
            self.inherit(block.body)
        else:
            self.lines.append("        super().__init__()")
            self.lines += before
            before = []
        self.attributes()
        for member in block.members:
            self.member_lines(member)
        self.ties()
        self.lines += rules(block.inits, self)
        body = [*before, *self.lines]
        if body == ["        super().__init__()"] and len(parameters) == 1:
            return []
        return [*define(4, "__init__", parameters, "None"), *body]

    def signature(self) -> list[Parameter]:
        """The hyperparameters, then the implicit dims by keyword."""
        parameters = [Parameter("self")]
        for h in self.state.block.hypers:
            parameter, late = hyperparameter(h, self.scope.local(h.name), self, self.imports)
            parameters.append(parameter)
            if late is not None:
                self.lines.append(f"        if {late.name} is None:")
                self.lines += statement(12, f"{late.name} = ", late.value)
        if self.state.block.dims:
            parameters.append(Parameter("*"))
            parameters += [Parameter(self.scope.local(d), "int") for d in self.state.block.dims]
        return parameters

    def conditions(self) -> None:
        """Conditions on the hyperparameters, with the `let`s that they need before them."""
        block = self.state.block
        lets = {let.name: let for let in block.lets if let.at == "init"}
        for r in self.requires():
            self.let_lines(names_in(r.test), lets)
            self.lines += statement(8, "if ", negated(self.expr(r.test)), ":")
            self.lines += raise_lines(12, r.message, r.test, self.expr)
        parts = (*block.members, *block.ties, *block.inits, *([block.body] if block.body else []))
        texts = " ".join(d for p in block.members if isinstance(p, m.Param) for d in p.type.dims)
        self.let_lines(names_in(*parts) | {n for n in lets if n in texts}, lets)
        self.let_lines({n for let in lets.values() for n in names_in(let.value)}, lets)
        self.late_lets = lets

    def requires(self) -> list[m.Require]:
        """The block's own conditions, and those of its methods that construction can decide."""
        block = self.state.block
        inner = [s for method in block.methods for s in method.body if isinstance(s, m.Require)]
        return [r for r in (*block.requires, *inner) if r.open and r.at == "init"]

    def let_lines(self, wanted: set[str], lets: dict[str, m.Let]) -> None:
        for key in [k for k in lets if k in wanted]:
            let = lets.pop(key, None)
            if let is not None:
                self.let_lines(names_in(let.value), lets)
                self.emit(f"{self.scope.local(let.name)} = ", self.expr(let.value))

    def attributes(self) -> None:
        """What the methods read."""
        for static in self.state.statics:
            if static in self.state.read_by_methods:
                let = self.late_lets.pop(static, None)
                value = Atom(self.scope.local(static)) if let is None else self.expr(let.value)
                self.emit(f"self.{self.state.stored(static)} = ", value)

    def inherit(self, body: m.Expr) -> None:
        """A block that is its container hands the children to it."""
        assert isinstance(body, m.Call)
        code = self.make(body)
        assert isinstance(code, Call)
        self.emit("", Call(Attr(Call(Atom("super")), "__init__"), code.args))

    # --- Layers -----------------------------------------------------------------------------------

    def member_lines(self, member: m.Layer | m.Param) -> None:
        for text in member.comments:
            self.lines += comment(self.indent, text)
        if member.trailing and "`_`" in member.trailing:  # speaks of what is not in the output
            member = member.model_copy(update={"trailing": None})
        if isinstance(member, m.Layer):
            self.naming = member.name
            self.layer(member)
        elif member.kind == "param":
            self.parameter_lines(member)
        else:
            self.buffer(member)

    def layer(self, layer: m.Layer) -> None:
        target = f"self.{self.state.attribute(layer.name)}"
        value = layer.value
        if isinstance(value, m.IfExp) and not _carries(value):
            code = self.module(value)
            if len(f"        {target} = {flat(code)}") <= WIDTH:
                self.emit(f"{target} = ", code, note=layer.trailing)
                return
        if isinstance(value, m.IfExp):
            self.alternatives(target, value)
        else:
            self.emit(f"{target} = ", self.module(value), note=layer.trailing)

    def alternatives(self, target: str, value: m.IfExp) -> None:
        """`if test: self.x = A` `else: self.x = B`; without the else where one side is none."""
        test, body, orelse = self.condition(value.test), value.body, value.orelse
        if _is_none(body):
            test, body, orelse = negated(test), orelse, body
        module = f"{self.imports.use('nn')}.Module"
        if _is_none(orelse):
            self.lines.append(" " * self.indent + f"{target}: {module} | None = None")
            self.emit("if ", test, ":")
            self.indented(target, body)
            return
        self.emit("if ", test, ":")
        self.indented(f"{target}: {module}", body)
        while isinstance(orelse, m.IfExp):
            self.emit("elif ", self.condition(orelse.test), ":")
            self.indented(target, orelse.body)
            orelse = orelse.orelse
        self.lines.append(" " * self.indent + "else:")
        self.indented(target, orelse)

    def indented(self, target: str, value: m.Expr) -> None:
        self.indent += 4
        self.emit(f"{target} = ", self.module(value))
        self.indent -= 4

    def module(self, e: m.Expr) -> Code:
        """What a layer is made of: lists and dicts become PyTorch's containers."""
        match e:
            case m.Comprehension(key=None) | m.List():
                return self.container("ModuleList", self.listed(e))
            case m.Binary(op="+"):
                return self.container(
                    "ModuleList", List((*_spread(self.listed(e.left)), *_spread(self.listed(e.right))))
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
            case m.Comprehension(key=None) if _carries(e):
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
        if isinstance(value, m.IfExp) and (_is_none(value.body) or _is_none(value.orelse)):
            test = self.condition(value.test)
            if _is_none(value.body):
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
            if _is_none(e):
                continue
            if isinstance(e, m.Star):
                found += _spread(self.listed(e.value))
            elif isinstance(e, m.IfExp) and (_is_none(e.body) or _is_none(e.orelse)):
                test, child = self.condition(e.test), e.body
                if _is_none(child):
                    test, child = negated(test), e.orelse
                found.append(Spread(IfExp(List((self.module(child),)), test, List(()))))
            else:
                found.append(self.module(e))
        return tuple(found)

    def make(self, e: m.Call) -> Code:
        if e.name not in CONTAINERS:
            return super().make(e)
        func = self.maker(e.name)
        if e.name == "Sequential":
            return Call(func, self.sequence(e))
        return Call(func, (self.listed(e.args[0]) if e.name == "ModuleList" else self.mapped(e.args[0]),))

    def maker(self, layer: str) -> Code:
        """The class of a library layer or container."""
        if layer in CONTAINERS:
            return name(f"{self.imports.use('nn')}.{layer}")
        return self.spelled(op_class(layer).torch, layer)

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
            elif not _is_none(k.value):
                items.append(self.entry(Atom(quoted(k.name)), k.value))
        return (Call(Atom(self.imports.use("OrderedDict")), (Dict(tuple(items)),)),)

    # --- Lists along which dims change ------------------------------------------------------------

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

    # --- Params, buffers and ties -------------------------------------------------------------------

    def parameter_lines(self, p: m.Param) -> None:
        value, after = self.initial(p)
        nn = self.imports.use("nn")
        self.emit(f"self.{attribute(p.name)} = ", Call(name(f"{nn}.Parameter"), (value,)), note=p.trailing)
        if after is not None:
            self.lines += initialise(after, Attr(Atom("self"), p.name), self)

    def buffer(self, p: m.Param) -> None:
        value, after = self.initial(p)
        if after is not None:
            nn = self.imports.use("nn")
            value = Call(name(f"{nn}.init.{after.name}_"), (value, *self.arguments(after)))
        persistent = () if p.persistent else (Kw("persistent", Atom("False")),)
        args = (Atom(quoted(attribute(p.name))), value, *persistent)
        self.emit("", Call(name("self.register_buffer"), args), note=p.trailing)

    def initial(self, p: m.Param) -> tuple[Code, m.Call | None]:
        """The tensor that a param or buffer starts as, and the initialiser to run on it, if one is needed."""
        if not (isinstance(p.value, m.Call) and p.value.to == "init"):
            return self.expr(p.value), None
        torch = self.imports.use("torch")
        sizes: tuple[Code, ...] = tuple(map(self.dim, p.type.dims))
        dtype = () if p.type.dtype == "float" else (Kw("dtype", self.builtin(p.type.dtype)),)
        fill = FILLS.get(p.value.name, "empty")
        if fill == "full":
            return Call(name(f"{torch}.full"), (Tuple(sizes), self.arguments(p.value)[0], *dtype)), None
        if not sizes:
            sizes = (Tuple(()),)
        made = Call(name(f"{torch}.{fill}"), (*sizes, *dtype))
        return made, None if fill != "empty" else p.value

    def ties(self) -> None:
        for tie in self.state.block.ties:
            self.emit(f"{flat(self.expr(tie.left))} = ", self.expr(tie.right))
        if self.state.block.ties:
            call = "self.register_load_state_dict_pre_hook(self._fill_in_tied)"
            self.lines.append(f"        {call}  # type: ignore[no-untyped-call]")


def _is_none(e: m.Expr) -> bool:
    return isinstance(e, m.Literal_) and e.value is None


def _spread(code: Code) -> tuple[Code, ...]:
    return code.items if isinstance(code, List) else (Spread(code),)


def _carries(e: m.Expr) -> bool:
    return any(isinstance(n, m.Comprehension) and n.carry for n in nodes(e))
