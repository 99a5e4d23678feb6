"""`__init__`: conditions, attributes, layers in their order, parameters, ties and initialisers."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import (
    Atom,
    Attr,
    Call,
    Code,
    Kw,
    Tuple,
    flat,
    name,
)
from spec_lang.targets.torch.containers import Containers, carries, is_none
from spec_lang.targets.torch.expressions import negated
from spec_lang.targets.torch.initialising import initialise, rules
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.raising import raise_lines
from spec_lang.targets.torch.signature import Parameter, define, hyperparameter
from spec_lang.targets.torch.text import attribute, comment, quoted
from spec_lang.targets.torch.walk import names_in

FILLS = {"zeros": "zeros", "ones": "ones", "constant": "full"}


class Construction(Containers):
    """Writes `__init__` of one block."""

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
                self.lines += late.lines(8)
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
        if isinstance(value, m.IfExp) and not carries(value):
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
        if is_none(body):
            test, body, orelse = negated(test), orelse, body
        module = f"{self.imports.use('nn')}.Module"
        if is_none(orelse):
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
