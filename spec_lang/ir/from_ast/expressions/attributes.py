"""What stands behind a dot."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.diagnostics.fix import instead
from spec_lang.ir.from_ast.expressions.conversions import present
from spec_lang.ir.from_ast.layers.paths import module_attribute
from spec_lang.ir.from_ast.names.habits import (
    DTYPES,
    FUNCTION_HELP,
    IN_TYPES,
    LAYER_HELP,
    METHODS,
    NAMESPACES,
)
from spec_lang.ir.from_ast.names.names import meaning
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.value import POISON, Maybe, RecordValue, Value
from spec_lang.shapes import TensorType
from spec_lang.syntax import ast
from spec_lang.syntax.habits import declared


def sizes_help(x: TensorType) -> str:
    """How a spec says what `x.shape` says."""
    sizes = [str(d) for d in x.shape]
    if not sizes or any(s.startswith("*") for s in sizes):
        return METHODS["shape"]
    return f"its sizes are known, and stand for themselves: {', '.join(f'`{s}`' for s in sizes)}"


_PARTS = {
    "values": "take the first item: `[0]`, or `y, _ = ...`",
    "indices": "take the second item: `[1]`, or `_, i = ...`",
}
"""How a spec takes what PyTorch's named tuples have names for."""


def namespace(c: Check, at: Place, node: ast.Attribute) -> bool:
    """Report `torch.relu`, `nn.Linear` and `self.fc`: a spec names these things directly."""
    root: ast.Expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name) or meaning(c, at, root.id) is not None or root.id in at.scope.broken:
        return False
    first = node
    while isinstance(first.value, ast.Attribute):
        first = first.value
    span = Span(root.span.start, node.name_span.end)
    if root.id in ("self", "cls"):
        name = c.source.text[first.name_span.start : node.name_span.end]
        help: str = instead(name)
        if at.mode is Mode.LAYERS and meaning(c, at, first.name, call=True) is None:
            help = _MADE_BY_METHODS
        c.error("E0201", f"layers, parameters and methods are named without `{root.id}.`", span, help=help)
    elif root.id in NAMESPACES:
        name = DTYPES.get(node.name, node.name)
        help = _declared(c, span) or LAYER_HELP.get(name) or FUNCTION_HELP.get(name) or _spelled(c, at, name)
        c.error("E0201", f"layers, functions and dtypes are named without `{root.id}.`", span, help=help)
    else:
        return False
    return True


def _spelled(c: Check, at: Place, name: str) -> str:
    """A name of PyTorch's as the language has it, or what is near it."""
    if meaning(c, at, name, call=True) is not None or name in IN_TYPES or name in c.program.layers:
        return instead(name)
    known = (*c.program.layers, *c.program.functions)
    return c.suggestion(name, known) or f"there is no `{name}`; `specc ops` lists what there is"


_MADE_BY_METHODS = (
    "no method makes layers: what repeats is a `block`, and a list of it stands here: "
    "`stage = [Basic(64) for i in range(2)]`"
)


def _declared(c: Check, at: Span) -> str | None:
    """The declaration of a layer's line that makes a parameter, in PyTorch's words."""
    start = c.source.text.rfind("\n", 0, at.start) + 1
    found = declared(c.source.line(c.source.position(start).line).strip())
    return None if found is None else found.help


def attribute(c: Check, at: Place, node: ast.Attribute) -> Value:
    if namespace(c, at, node):
        return POISON
    base = at.resolve(c.ev(at, node.value))
    if base is POISON:
        return POISON
    if isinstance(base, Maybe):
        return present(c, base, node.value)
    if isinstance(base, RecordValue):
        if node.name in base.fields:
            return at.resolve(base.fields[node.name])
        hint = c.suggestion(node.name, list(base.fields))
        name = base.definition.name
        return c.error("E0209", f"record {name} has no field `{node.name}`", node.name_span, help=hint)
    if is_module(base):
        return module_attribute(c, at, base, node)
    if isinstance(base, TensorType):
        return _tensor_attribute(c, node, base)
    help = _PARTS.get(node.name) if isinstance(base, tuple) else None
    return c.error("E0209", f"{host.kind_of(base)} has no `{node.name}`", node.name_span, help=help)


def _tensor_attribute(c: Check, node: ast.Attribute, x: TensorType) -> Value:
    op = c.program.functions.get(node.name)
    if node.name in ("T", "mT", "H", "mH") and op is None:
        return c.error(
            "E0209",
            f"tensors have no attribute `{node.name}` in a spec",
            node.name_span,
            help="write `.transpose(-2, -1)`",
        )
    if node.name == "shape":
        hint = sizes_help(x)
    elif op is not None:
        hint = f"call it: `.{node.name}(...)`"
    else:
        hint = METHODS.get(node.name) or c.suggestion(node.name, list(c.program.functions)) or ""
    return c.error(
        "E0209", f"tensors have no attribute `{node.name}` in a spec", node.name_span, help=hint or None
    )
