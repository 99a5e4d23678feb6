"""Signature help: the arguments of the call that one is in, and which of them is next."""

from __future__ import annotations

import inspect

from lsprotocol import types

from spec_lang.frozen import Frozen
from spec_lang.ir.from_ast.values.value import BlockModule, OpModule, Value
from spec_lang.lsp.context import Call, context
from spec_lang.lsp.names import Names
from spec_lang.lsp.view import View
from spec_lang.ops import base, signature
from spec_lang.ops.signature import Parameter, written
from spec_lang.syntax import ast


class Argument(Frozen):
    """One argument of what is called: its name, how it is shown, what may be written for it."""

    name: str
    shown: str
    takes: str


class Callee(Frozen):
    """What is called."""

    name: str
    arguments: tuple[Argument, ...]
    doc: str = ""


def callee(view: View | None, names: Names | None, owner: str, call: Call) -> Callee | None:
    """What an open call calls: a layer, a function, a definition of the program, a layer of this block, a method."""
    first, _, rest = call.name.rpartition(".")
    checked = None if view is None else view.named(owner)
    if checked is not None and not first:
        member = checked.members.get(call.name)
        if member is not None:
            return _member(call.name, member)
        method = checked.summary.methods.get(call.name)
        if method is not None and isinstance(method.node, ast.Method):
            source = checked.definition.source
            inputs = tuple(_input(source.at(i.span), i.name.id) for i in method.node.inputs)
            return Callee(call.name, inputs)
    name = rest or call.name
    if names is not None and not first and (symbol := names.globals.get(name)) is not None:
        node = names.defined.get(symbol)
        if node is not None and node.source is not None:
            doc = getattr(node, "doc", None)
            rows = [*(getattr(node, "hypers", None) or ()), *getattr(node, "fields", ())]
            rows += getattr(node, "inputs", ())
            shown = tuple(_input(node.source.at(r.span), r.name.id) for r in rows)
            return Callee(name, shown, "" if doc is None else inspect.cleandoc(doc.value))
    op = base.LAYERS.get(name) if not first else None
    op = op or base.FUNCTIONS.get(name)  # type: ignore[assignment]  # either is an op
    if op is None:
        return None
    parameters = tuple(_argument(p) for p in signature.of(op).parameters)
    if first:
        parameters = parameters[1:]  # a tensor's method
    return Callee(name, parameters, inspect.getdoc(op) or "")


def _member(name: str, member: Value) -> Callee | None:
    if isinstance(member, OpModule):
        parameters = signature.forward(type(member.layer)).parameters
        return Callee(name, tuple(map(_argument, parameters)), inspect.getdoc(type(member.layer)) or "")
    if isinstance(member, BlockModule) and (forward := member.summary.methods.get("forward")) is not None:
        source = member.summary.definition.source
        return Callee(name, tuple(_input(source.at(i.node.span), i.name) for i in forward.inputs))
    return None


def _argument(parameter: Parameter) -> Argument:
    default = "" if parameter.required else f"={written(parameter.default)}"
    return Argument(parameter.name, f"{parameter.name}{default}", parameter.takes)


def _input(text: str, name: str) -> Argument:
    text = " ".join(text.split())
    return Argument(name, text, text.partition(":")[2].strip())


def help_at(view: View | None, names: Names | None, text: str, offset: int) -> types.SignatureHelp | None:
    """The signature of the call that is open at an offset of a text."""
    here = context(text, offset)
    if here.call is None or here.call.bracket != "(" or not here.call.name:
        return None
    found = callee(view, names, here.owner, here.call)
    if found is None:
        return None
    parameters = [types.ParameterInformation(a.shown, documentation=a.takes) for a in found.arguments]
    label = f"{found.name}({', '.join(a.shown for a in found.arguments)})"
    named = [i for i, a in enumerate(found.arguments) if a.name == here.call.keyword]
    active = named[0] if named else here.call.position + here.call.piped
    information = types.SignatureInformation(
        label,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, found.doc) if found.doc else None,
        parameters=parameters,
    )
    return types.SignatureHelp([information], 0, active if active < len(parameters) else None)
