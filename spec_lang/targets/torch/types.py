"""Annotations for the types of the language."""

from __future__ import annotations

import re

from spec_lang.ir import model as m
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.text import escape, quoted


def annotation(kind: m.Type | None, imports: Imports) -> str:
    """The Python annotation of a value of this type."""
    match kind:
        case m.TensorType():
            return imports.use("Tensor")
        case m.ScalarType(name="layer"):
            return f"{imports.use('Callable')}[..., {imports.use('nn')}.Module]"
        case m.ScalarType(name=name):
            return name
        case m.ChoiceType(values=values, types=types):
            texts = [f"{imports.use('Literal')}[{', '.join(map(quoted, values))}]"] if values else []
            return " | ".join(texts + [annotation(t, imports) for t in types])
        case m.RecordType(name=name):
            return imports.definition(name)
        case m.TupleType(items=()):
            return "tuple[()]"
        case m.TupleType(items=items):
            return f"tuple[{', '.join(annotation(t, imports) for t in items)}]"
        case m.ListType(item=item) if holds_tensors(item):
            return f"list[{annotation(item, imports)}]"
        case m.ListType(item=item):
            return f"{imports.use('Sequence')}[{annotation(item, imports)}]"
        case m.OptionalType(base=base):
            text = annotation(base, imports)
            return text if text.endswith("| None") else f"{text} | None"
        case m.ModuleType():
            return f"{imports.use('nn')}.Module"
        case _:
            return imports.use("Any")


def holds_tensors(kind: m.Type | None) -> bool:
    """Whether there are tensors in values of this type."""
    match kind:
        case m.TensorType():
            return True
        case m.TupleType(items=items):
            return any(map(holds_tensors, items))
        case m.ListType(item=item):
            return holds_tensors(item)
        case m.OptionalType(base=base):
            return holds_tensors(base)
        case _:
            return False


_FROM_END = re.compile(r"\b([A-Za-z_][\w.]*)\[(?:len\(\1\)|\(len\(\1\)\)) - (\d+)\]")
"""An item of a list by its place from the end."""


def from_end(text: str) -> str:
    """A size's text, items of lists by their places from the end where they are told by those."""
    return _FROM_END.sub(r"\1[-\2]", text)


def shape(kind: m.Type | None) -> str | None:
    """A shape for a comment: `[N, T, D]`, `([N, D], [N, D])`; None where there is none to show."""
    match kind:
        case m.TensorType(dims=dims):
            return from_end(escape(f"[{', '.join(dims)}]", ""))
        case m.TupleType(items=items):
            shapes = [shape(t) for t in items]
            return None if None in shapes else f"({', '.join(map(str, shapes))})"
        case m.ListType(item=item, index=index, length=length) if holds_tensors(item):
            inner = shape(item)
            if inner is None:
                return None
            text = f"[{inner} for {index or '_'} in range({length})]" if length else f"{inner}, ..."
            return escape(text, "")
        case m.OptionalType(base=base):
            return shape(base)
        case _:
            return None


__all__ = ["annotation", "from_end", "holds_tensors", "shape"]
