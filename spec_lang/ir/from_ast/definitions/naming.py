"""Names that a block may give."""

from __future__ import annotations

import keyword

from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.reserved import MODULE_ATTRIBUTES, MODULE_INTERNALS
from spec_lang.syntax import ast


def _declared(node: ast.Block, methods: list[ast.Method]) -> list[tuple[ast.Name, str]]:
    found = [(h.name, "hyperparameter") for h in node.hypers or ()]
    for part in node.parts:
        if isinstance(part, ast.LayersSection):
            found += [(i.name, "layer" if isinstance(i, ast.Layer) else i.kind) for i in part.items]
        elif isinstance(part, ast.Let):
            found.append((part.name, "let"))
    return found + [(m.name, "method") for m in methods]


def check_names(c: Check, node: ast.Block, methods: list[ast.Method]) -> None:
    """Duplicates, Python's keywords, and names that nn.Module has."""
    seen: dict[str, object] = {}
    own = {h.name for h in node.hypers or ()}
    for name, what in _declared(node, methods):
        if keyword.iskeyword(name.id) or name.id.startswith("__"):
            c.error(
                "E0207",
                f"`{name.id}` is a word of Python's own, so nothing can be called that",
                name,
                help=f"write `{name.id}_`",
            )
        elif (
            what != "hyperparameter"
            and name.id in MODULE_ATTRIBUTES | MODULE_INTERNALS
            and name.id != "forward"
        ):
            c.error(
                "E0207",
                f"a {what} called `{name.id}` would hide nn.Module's own `{name.id}`",
                name,
                help="use another name",
            )
        earlier = seen.get(name.id)
        if what == "layer" and isinstance(earlier, ast.Name) and earlier in own:
            seen[name.id] = name  # `norm = norm(out)`: methods mean the layer
        elif earlier is not None:
            c.error(
                "E0205",
                f"`{name.id}` is defined twice in {node.name.id}",
                name,
                labels=(c.label(earlier, "first defined here"),),
            )
        if what != "hyperparameter" or earlier is None:
            seen.setdefault(name.id, name)


def check_module(c: Check, node: ast.Extern) -> None:
    """The name of the Python module that an extern comes from."""
    words = node.module.value.split(".")
    if all(w.isidentifier() and not keyword.iskeyword(w) and w != "__debug__" for w in words):
        return
    c.error(
        "E0207",
        f"`{node.module.value}` names no Python module",
        node.module,
        help="a module's name is written with dots, as where Python imports it: `package.module`",
    )
