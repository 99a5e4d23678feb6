"""`init:` rules and the initialisers of params, as torch.nn.init's calls."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from spec_lang.ir import model as m
from spec_lang.ops.base import LAYERS
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Compare, flat, name
from spec_lang.targets.torch.expressions import arguments, spelled
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.text import BadProgram, identifier
from spec_lang.targets.torch.writer import Writer


def initialise(w: Writer, value: m.Expr, tensor: Code, indent: int = 8) -> list[str]:
    """`nn.init.normal_(tensor, std=0.02)`."""
    if not (isinstance(value, m.Call) and value.to == "init"):
        raise BadProgram("a rule's value is an initialiser")
    func = name(f"{w.imports.use('nn')}.init.{identifier(value.name)}_")
    return statement(indent, "", Call(func, (tensor, *arguments(w, value))))


def rules(w: Writer, inits: Sequence[m.InitRule]) -> list[str]:
    """The rules in order; those by layer type that follow each other share one walk over the modules."""
    lines: list[str] = []
    for by_type, group in groupby(inits, key=lambda rule: rule.layer is not None):
        if by_type:
            lines += _by_type(w, list(group))
        else:
            for rule in group:
                lines += _by_path(w, rule)
    return lines


def _by_path(w: Writer, rule: m.InitRule) -> list[str]:
    assert rule.path is not None
    target = w.expr(rule.path)
    if rule.parameter is not None:
        return initialise(w, rule.value, Attr(target, identifier(rule.parameter)))
    if isinstance(rule.path.type, m.ModuleType):
        parameters = flat(Call(Attr(target, "parameters")))
        return [
            f"        for parameter in {parameters}:",
            *initialise(w, rule.value, Atom("parameter"), 12),
        ]
    return initialise(w, rule.value, target)


def _by_type(w: Writer, group: list[m.InitRule]) -> list[str]:
    module = w.scope.fresh("module", "m")
    lines = [f"        for {module} in self.modules():"]
    word = "if"
    for layer, same in groupby(group, key=lambda rule: rule.layer):
        assert layer is not None
        body = [_on_module(w, rule, module, layer) for rule in same]
        test = f"isinstance({module}, {flat(_class(w, layer))})"
        if len(body) == 1 and body[0][0] is not None:
            lines += [f"            {word} {test} and {body[0][0]}:", *body[0][1]]
        else:
            lines.append(f"            {word} {test}:")
            for condition, inner in body:
                if condition is not None:
                    lines.append(f"                if {condition}:")
                    inner = [f"    {line}" for line in inner]
                lines += inner
        word = "elif" if layer in LAYERS else "if"
    return lines


def _on_module(w: Writer, rule: m.InitRule, module: str, layer: str) -> tuple[str | None, list[str]]:
    """The condition under which a rule applies to a module of its type, and its statements."""
    cls = LAYERS.get(layer)
    if rule.parameter is None and cls is not None and cls.sole:
        rule = rule.model_copy(update={"parameter": cls.always[0]})
    if rule.parameter is None:
        inner = initialise(w, rule.value, Atom("parameter"), 20)
        return None, [f"                for parameter in {module}.parameters(recurse=False):", *inner]
    tensor = Attr(Atom(module), identifier(rule.parameter))
    lines = initialise(w, rule.value, tensor, 16)
    if cls is not None and cls.absent and rule.parameter not in cls.always:
        return f'hasattr({module}, "{rule.parameter}")', lines
    if cls is None or rule.parameter not in cls.always:
        return flat(Compare(tensor, (("is not", Atom("None")),))), lines
    return None, lines


def _class(w: Writer, layer: str) -> Code:
    if layer in LAYERS:
        return spelled(w.imports, LAYERS[layer].torch, layer)
    return Atom(w.imports.definition(layer))
