"""Blocks and models as classes."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.ir import model as m
from spec_lang.targets.torch.attributes import Attributes
from spec_lang.targets.torch.code import Atom, Call, Code, Kw, flat
from spec_lang.targets.torch.construction import init_lines
from spec_lang.targets.torch.containers import maker
from spec_lang.targets.torch.expressions import PLAIN, keyword
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import statement
from spec_lang.targets.torch.methods import method_lines
from spec_lang.targets.torch.names import USED, Scope
from spec_lang.targets.torch.settled import settled
from spec_lang.targets.torch.signature import Parameter, define, hyperparameter
from spec_lang.targets.torch.text import attribute, docstring
from spec_lang.targets.torch.ties import hook, loading
from spec_lang.targets.torch.told import Told
from spec_lang.targets.torch.writer import Writer


def block_class(
    block: m.Block, imports: Imports, functions: Mapping[str, Told], tied: frozenset[str]
) -> list[str]:
    """The class of a block: `__init__`, `forward`, and the other methods in the author's order."""
    block = settled(block)
    attributes = Attributes(block)
    written = [method_lines(method, attributes, imports, functions) for method in block.methods]
    methods = [lines for lines, _ in written]
    read = {name for _, names in written for name in names}
    init = init_lines(attributes, imports, read)
    parts = [part for part in (init, *methods) if part]
    if block.ties:
        parts.append(hook(block.ties, imports))
    if f"{imports.here}.{block.name}" in tied:
        parts.append(loading(imports))
    base = "nn.Module"
    imports.use("nn")
    if isinstance(block.body, m.Call):
        base = flat(maker(imports, block.body.name))
    fields = [
        f"    {attribute(p.name)}: {imports.use('Tensor')}"
        for p in block.members
        if isinstance(p, m.Param) and p.kind == "buffer"
    ]
    if attributes.like in read:
        fields.append(f"    {attributes.like}: {imports.use('Tensor')}")
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
    scope = Scope(USED, [h.name for h in base.hypers])
    w = Writer(PLAIN, imports, scope)
    of_base = Writer(PLAIN, imports.reading(variant.base), scope)
    positional = dict(zip([h.name for h in base.hypers], variant.args, strict=False))
    fixed: dict[str, m.Expr] = positional | {k.name: k.value for k in variant.kwargs if k.name}
    lines = [f"class {imports.definition(variant.name)}({imports.definition(variant.base)}):"]
    lines += docstring(4, variant.doc or "")
    if not fixed:
        return lines if len(lines) > 1 else [*lines, "    pass"]
    parameters = [Parameter("self")]
    args: list[Code] = list(map(w.expr, variant.args))
    args += [keyword(w, k, variant.base) for k in variant.kwargs]
    late_lines: list[str] = []
    for h in base.hypers:
        if h.name in fixed:
            continue
        parameter, late = hyperparameter(of_base, h)
        parameters.append(parameter)
        args.append(Kw(parameter.name, Atom(parameter.name)))
        if late is not None:
            late_lines += late.lines(8)
    if len(lines) > 1:
        lines.append("")
    call = Call(Atom("super().__init__"), tuple(args))
    return [*lines, *define(4, "__init__", parameters, "None"), *late_lines, *statement(8, "", call)]
