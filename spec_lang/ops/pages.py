"""Reference pages of the layers and functions, from their declarations alone: `specc ops` prints them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from spec_lang.diagnostics.suggest import closest
from spec_lang.ops.base import FUNCTIONS, LAYERS, Layer, Op
from spec_lang.ops.signature import Signature, forward, of, written

PYTORCH = "https://docs.pytorch.org/docs/stable/generated/"


def index() -> str:
    """All names with their signatures' first sentence, layers first, each by its family."""
    lines: list[str] = []
    for title, registry in (("Layers", LAYERS), ("Functions", FUNCTIONS)):
        lines += [title, ""]
        names = sorted(registry, key=str.lower)
        width = min(max(map(len, names)), 28)
        lines += [f"  {name:<{width}}  {summary(registry[name])}" for name in names]
        lines.append("")
    lines.append("`specc ops NAME` shows one: its arguments, what it gives, its source.")
    return "\n".join(lines) + "\n"


def page(name: str) -> str | None:
    """The pages of the layer and the function of this name, or None where there is none."""
    found = [registry[name] for registry in (LAYERS, FUNCTIONS) if name in registry]
    return "\n".join(map(_page, found)) if found else None


def rows(name: str | None = None) -> list[dict[str, object]]:
    """The layers and functions, or those of one name, as JSON has them."""
    found = [
        (kind, registry[n])
        for kind, registry in (("layer", LAYERS), ("function", FUNCTIONS))
        for n in sorted(registry, key=str.lower)
        if name in (None, n)
    ]
    return [
        {
            "name": op.name,
            "kind": kind,
            "signature": str(of(op)),
            "summary": summary(op),
            "torch": op.torch if not op.helper else None,
            "source": source(op),
        }
        for kind, op in found
    ]


def similar(name: str) -> str | None:
    """The nearest name there is."""
    return closest(name, [*LAYERS, *FUNCTIONS])


def summary(op: type[Op]) -> str:
    """The first line of its documentation."""
    return (inspect.getdoc(op) or "").partition("\n")[0]


def _page(op: type[Op]) -> str:
    signature = of(op)
    lines = [
        str(signature),
        "",
        *(f"  {line}".rstrip() for line in (inspect.getdoc(op) or "").splitlines()),
        "",
    ]
    lines += _arguments(signature)
    if issubclass(op, Layer):
        lines += ["  Run on:", "", *_arguments(forward(op), indent=4)]
    lines += [f"  PyTorch: {op.torch}" if not op.helper else "  PyTorch has none; generated code carries it"]
    lines += [f"  Source:  {source(op)}"]
    return "\n".join(lines) + "\n"


def source(op: type[Op]) -> str:
    """Where the op is defined: a paper or a page."""
    if op.source:
        return op.source
    spelled = op.torch.replace("nn.", "torch.nn.").replace("F.", "torch.nn.functional.")
    if spelled.startswith("."):
        spelled = f"torch.Tensor{spelled}"
    return f"{PYTORCH}{spelled}.html"


def _arguments(signature: Signature, indent: int = 2) -> Iterable[str]:
    if not signature.parameters:
        return []
    width = max(len(p.name) for p in signature.parameters)
    lines = []
    for p in signature.parameters:
        said = p.takes
        if p.name in signature.holes:
            said += "; `_` infers it"
        if not p.required:
            said += f" (default {written(p.default)})"
        lines.append(f"{' ' * indent}{p.name:<{width}}  {said}")
    return [*lines, ""]
