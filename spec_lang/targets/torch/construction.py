"""`__init__`: conditions, attributes, layers in their order, parameters, ties and initialisers."""

from __future__ import annotations

from collections.abc import Collection

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import Attributes
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Kw, Tuple, flat, name
from spec_lang.targets.torch.conditions import negated
from spec_lang.targets.torch.containers import Build, begin, carries, is_none, module
from spec_lang.targets.torch.effects import Effects
from spec_lang.targets.torch.expressions import arguments, builtin, dim
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.initialising import initialise, rules
from spec_lang.targets.torch.layout import line_width, statement
from spec_lang.targets.torch.lines import stated
from spec_lang.targets.torch.raising import raise_lines
from spec_lang.targets.torch.signature import Parameter, define, hyperparameter
from spec_lang.targets.torch.text import attribute, comment, quoted
from spec_lang.targets.torch.ties import key as tied_key
from spec_lang.targets.torch.ties import listed as listed_ties
from spec_lang.targets.torch.walk import names_in, nodes

FILLS = {"zeros": "zeros", "ones": "ones", "constant": "full"}


def init_lines(attributes: Attributes, imports: Imports, read: Collection[str]) -> list[str]:
    """`__init__`, or nothing where the inherited one serves; `read` are the names that the methods read from `self`."""
    block = attributes.block
    w = begin(attributes, imports)
    parameters, late = _signature(w)
    lets = {let.name: let for let in block.lets if let.at == "init"}
    before = [*late, *_conditions(w, lets)]
    if block.body is not None:
        lines = [*before, *_inherit(w.at(8), block.body)]
    else:
        lines = ["        super().__init__()", *before]
    lines += _attributes(w, read, lets)
    if attributes.like in read:
        empty = Call(name(f"{imports.use('torch')}.empty"), (Atom("0"),))
        args = Atom(quoted(attributes.like)), empty, Kw("persistent", Atom("False"))
        lines += statement(8, "", Call(name("self.register_buffer"), args))
    for member in block.members:
        lines += _member(w, member)
    lines += _ties(w)
    lines += rules(w, block.inits)
    if lines == ["        super().__init__()"] and len(parameters) == 1:
        return []
    return [*define(4, "__init__", parameters, "None"), *lines]


def _signature(w: Build) -> tuple[list[Parameter], list[str]]:
    """The hyperparameters, then the implicit dims by keyword; and the lines that compute defaults."""
    block = w.attributes.block
    parameters, lines = [Parameter("self")], []
    for h in block.hypers:
        parameter, late = hyperparameter(w, h)
        parameters.append(parameter)
        if late is not None:
            lines += late.lines(8)
    if block.dims:
        parameters.append(Parameter("*"))
        parameters += [Parameter(w.scope.local(d), "int") for d in block.dims]
    return parameters, lines


# --- Conditions, `let`s and attributes ------------------------------------------------------------


def _conditions(w: Build, lets: dict[str, m.Let]) -> list[str]:
    """Conditions on the hyperparameters, with the `let`s that they need before them.

    Those that are written leave `lets`.
    """
    block = w.attributes.block
    lines: list[str] = []
    for r in block.constructing:
        lines += _lets(w, names_in(r.test), lets)
        lines += statement(8, "if ", negated(w.expr(r.test)), ":")
        lines += raise_lines(12, r.message, r.test, w.expr)
    parts = (*block.members, *block.ties, *block.inits, *([block.body] if block.body else []))
    texts = " ".join(d for p in block.members if isinstance(p, m.Param) for d in p.type.dims)
    lines += _lets(w, names_in(*parts) | {n for n in lets if n in texts}, lets)
    return lines + _lets(w, {n for let in lets.values() for n in names_in(let.value)}, lets)


def _lets(w: Build, wanted: set[str], lets: dict[str, m.Let]) -> list[str]:
    """The `let`s of these names, those that they need first; they leave `lets`."""
    lines: list[str] = []
    for key in [k for k in lets if k in wanted]:
        let = lets.pop(key, None)
        if let is not None:
            lines += _lets(w, names_in(let.value), lets)
            s = w.at(8)
            lines += stated(s, f"{w.scope.local(let.name)} = ", s.expr(let.value))
    return lines


def _attributes(w: Build, read: Collection[str], lets: dict[str, m.Let]) -> list[str]:
    """What the methods read."""
    lines: list[str] = []
    for static in w.attributes.statics:
        if static in read:
            let = lets.pop(static, None)
            s = w.at(8)
            value = Atom(w.scope.local(static)) if let is None else s.expr(let.value)
            lines += stated(s, f"self.{w.attributes.stored(static)} = ", value)
    return lines


def _inherit(w: Build, body: m.Expr) -> list[str]:
    """A block that is its container hands the children to it."""
    assert isinstance(body, m.Call)
    code = w.call(body)
    assert isinstance(code, Call)
    return stated(w, "", Call(Attr(Call(Atom("super")), "__init__"), code.args))


# --- Layers -----------------------------------------------------------------------------------------


def _member(w: Build, member: m.Layer | m.Param) -> list[str]:
    lines = [line for text in member.comments for line in comment(8, text)]
    if member.trailing and "`_`" in member.trailing:  # speaks of what is not in the output
        member = member.model_copy(update={"trailing": None})
    if isinstance(member, m.Layer):
        return lines + _layer(w.at(8, naming=member.name), member)
    return lines + (_parameter if member.kind == "param" else _buffer)(w.at(8), member)


def _layer(w: Build, layer: m.Layer) -> list[str]:
    target = f"self.{attribute(layer.name)}"
    value = layer.value
    if not isinstance(value, m.IfExp):
        return stated(w, f"{target} = ", module(w, value), remark=layer.trailing)
    if not carries(value):
        effects = Effects(*w.imports.tables, *w.scope.tables)
        mark = effects.mark()
        code = module(w, value)
        if len(f"        {target} = {flat(code)}") <= line_width():
            return stated(w, f"{target} = ", code, remark=layer.trailing)
        effects.undo(mark)
    return _alternatives(w.at(8), target, value)


def _alternatives(w: Build, target: str, value: m.IfExp) -> list[str]:
    """`if test: self.x = A` `else: self.x = B`; without the else where one side is none."""
    test, body, orelse = w.expr(value.test), value.body, value.orelse
    if is_none(body):
        test, body, orelse = negated(test), orelse, body
    kind = f"{w.imports.use('nn')}.Module"
    margin = " " * w.indent
    if is_none(orelse):
        absent = f"{margin}{target}: {kind} | None = None"
        return [absent, *statement(w.indent, "if ", test, ":"), *_indented(w, target, body)]
    lines = [*statement(w.indent, "if ", test, ":"), *_indented(w, f"{target}: {kind}", body)]
    while isinstance(orelse, m.IfExp):
        lines += statement(w.indent, "elif ", w.expr(orelse.test), ":")
        lines += _indented(w, target, orelse.body)
        orelse = orelse.orelse
    return [*lines, f"{margin}else:", *_indented(w, target, orelse)]


def _indented(w: Build, target: str, value: m.Expr) -> list[str]:
    inner = w.at(w.indent + 4)
    return stated(inner, f"{target} = ", module(inner, value))


# --- Params, buffers and ties -------------------------------------------------------------------------


def _parameter(w: Build, p: m.Param) -> list[str]:
    value, after = _initial(w, p)
    made = Call(name(f"{w.imports.use('nn')}.Parameter"), (value,))
    lines = stated(w, f"self.{attribute(p.name)} = ", made, remark=p.trailing)
    return lines if after is None else lines + initialise(w, after, Attr(Atom("self"), p.name))


def _buffer(w: Build, p: m.Param) -> list[str]:
    value, after = _initial(w, p)
    if after is not None:
        nn = w.imports.use("nn")
        value = Call(name(f"{nn}.init.{after.name}_"), (value, *arguments(w, after)))
    persistent = () if p.persistent else (Kw("persistent", Atom("False")),)
    args = (Atom(quoted(attribute(p.name))), value, *persistent)
    return stated(w, "", Call(name("self.register_buffer"), args), remark=p.trailing)


def _initial(w: Build, p: m.Param) -> tuple[Code, m.Call | None]:
    """The tensor that a param or buffer starts as, and the initialiser to run on it, if one is needed."""
    if not (isinstance(p.value, m.Call) and p.value.to == "init"):
        value = w.expr(p.value)
        return (Call(Attr(value, "clone"), ()) if _may_share(p.value) else value), None
    torch = w.imports.use("torch")
    sizes: tuple[Code, ...] = tuple(dim(w, d) for d in p.type.dims)
    dtype = () if p.type.dtype == "float" else (Kw("dtype", builtin(w, p.type.dtype)),)
    fill = FILLS.get(p.value.name, "empty")
    if fill == "full":
        return Call(name(f"{torch}.full"), (Tuple(sizes), arguments(w, p.value)[0], *dtype)), None
    if not sizes:
        sizes = (Tuple(()),)
    made = Call(name(f"{torch}.{fill}"), (*sizes, *dtype))
    return made, None if fill != "empty" else p.value


_SHARING = frozenset({"expand", "expand_as", "broadcast_to", "broadcast_tensors", "unfold"})
"""What gives tensors whose elements share memory, into which no checkpoint can be loaded."""


def _may_share(value: m.Expr) -> bool:
    """Whether a tensor may share memory, its elements with each other or all of it with another member."""
    if isinstance(value, m.Name | m.Subscript | m.Attribute | m.IfExp):
        return True
    return any(
        isinstance(n, m.Call)
        and (n.name in _SHARING or n.to in ("fn", "extern", "value", "apply", "run", "method"))
        for n in nodes(value)
    )


def _ties(w: Build) -> list[str]:
    ties = w.attributes.block.ties
    register = "self.register_load_state_dict_pre_hook({})  # type: ignore[no-untyped-call]"
    if not ties:
        return []
    if all(t.test is None for t in ties):
        lines = [line for t in ties for line in _tie(w, t, 8)]
        return [*lines, f"        {register.format('self._fill_in_tied')}"]
    if len(ties) == 1 and ties[0].test is not None:
        lines = statement(8, "if ", w.expr(ties[0].test), ":")
        return [*lines, *_tie(w, ties[0], 12), f"            {register.format('self._fill_in_tied')}"]
    told = listed_ties(ties)
    made = w.scope.fresh("ties", "made")
    lines = [f"        {made}: list[tuple[str, str]] = []"] if told else []
    for t in ties:
        indent = 8 if t.test is None else 12
        lines += [] if t.test is None else statement(8, "if ", w.expr(t.test), ":")
        lines += _tie(w, t, indent)
        names = tied_key(t.left), tied_key(t.right)
        if told:
            pair = Tuple(tuple(Atom(quoted(n)) for n in names if n is not None))
            lines += statement(indent, "", Call(Atom(f"{made}.append"), (pair,)))
    if not told:
        return [*lines, f"        {register.format('self._fill_in_tied')}"]
    partial = f"{w.imports.use('partial')}(self._fill_in_tied, {made})"
    return [*lines, f"        {register.format(partial)}"]


def _tie(w: Build, tie: m.Tie, indent: int) -> list[str]:
    return statement(indent, f"{flat(w.expr(tie.left))} = ", w.expr(tie.right))
