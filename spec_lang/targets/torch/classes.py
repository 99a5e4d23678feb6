"""Blocks and models as classes."""

from __future__ import annotations

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Atom, Call, Code, Kw, flat
from spec_lang.targets.torch.construction import Construction
from spec_lang.targets.torch.expressions import Expressions
from spec_lang.targets.torch.forwards import Forward
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.names import USED, Scope
from spec_lang.targets.torch.signature import Parameter, define, hyperparameter
from spec_lang.targets.torch.state import State
from spec_lang.targets.torch.text import attribute, docstring
from spec_lang.targets.torch.ties import hook


def block_class(block: m.Block, imports: Imports, training_functions: frozenset[str]) -> list[str]:
    """The class of a block: `__init__`, `forward`, and the other methods in the author's order."""
    state = State(block, imports, training_functions)
    methods = [Forward(state, method).lines_of() for method in block.methods]
    construction = Construction(state)
    init = construction.lines_of()
    parts = [part for part in (init, *methods) if part]
    if block.ties:
        parts.append(hook(block.ties, imports))
    base = "nn.Module"
    imports.use("nn")
    if isinstance(block.body, m.Call):
        base = flat(construction.maker(block.body.name))
    fields = [
        f"    {attribute(p.name)}: {imports.use('Tensor')}"
        for p in block.members
        if isinstance(p, m.Param) and p.kind == "buffer"
    ]
    lines = [f"class {imports.definition(block.name)}({base}):", *docstring(4, _doc(block))]
    if fields:
        parts.insert(0, fields)
    if len(lines) > 1 and parts:
        lines.append("")
    for i, part in enumerate(parts):
        lines += ["", *part] if i else part
    if not parts and len(lines) == 1:
        lines.append("    pass")
    return lines


def _doc(block: m.Block) -> str:
    """The author's docstring, and where the implicit dims are found."""
    text = (block.doc or "").strip()
    if not block.dims:
        return text
    arguments = "\n".join(f"    {d}: {_origin(block, d)}" for d in block.dims)
    return f"{text}\n\nArgs:\n{arguments}".strip() if text else ""


def _origin(block: m.Block, dim: str) -> str:
    for method in block.methods:
        for i in method.inputs:
            if isinstance(i.type, m.TensorType) and dim in i.type.dims:
                dims = i.type.dims
                axis = dims.index(dim) - (len(dims) if any(d.startswith("*") for d in dims) else 0)
                return f"Size of `{i.name}` [{', '.join(dims)}] along dim {axis}."
    return "A size of the input."


def variant_class(variant: m.Variant, base: m.Block, imports: Imports) -> list[str]:
    """`model ResNet50 = ResNet(...)`: a subclass that fixes some hyperparameters."""
    writer = Expressions(imports, Scope(USED, [h.name for h in base.hypers]))
    positional = dict(zip([h.name for h in base.hypers], variant.args, strict=False))
    fixed: dict[str, m.Expr] = positional | {k.name: k.value for k in variant.kwargs if k.name}
    defaults = Expressions(imports.reading(variant.base), writer.scope)
    lines = [f"class {imports.definition(variant.name)}({imports.definition(variant.base)}):"]
    lines += docstring(4, variant.doc or "")
    parameters = [Parameter("self")]
    args: list[Code] = list(map(writer.expr, variant.args))
    args += [writer.keyword(k, variant.base) for k in variant.kwargs]
    late_lines: list[str] = []
    for h in base.hypers:
        if h.name in fixed:
            continue
        python = writer.scope.local(h.name)
        parameter, late = hyperparameter(h, python, defaults, defaults.imports)
        parameters.append(parameter)
        args.append(Kw(python, Atom(python)))
        if late is not None:
            late_lines += late.lines(8)
    if len(lines) > 1:
        lines.append("")
    call = Call(Atom("super().__init__"), tuple(args))
    return [*lines, *define(4, "__init__", parameters, "None"), *late_lines, *statement(8, "", call)]
