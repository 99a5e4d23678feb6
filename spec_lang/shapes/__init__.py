"""Symbolic shapes: dims and what is proved of them, broadcasting, dtypes, tensor types."""

from typing import TYPE_CHECKING, Any

from spec_lang.shapes.broadcasting import BroadcastError, broadcast
from spec_lang.shapes.cond import Cond
from spec_lang.shapes.dim import (
    Dim,
    Items,
    Tree,
    conditional,
    dim,
    exact_div,
    maximum,
    minimum,
    opaque,
    root,
    symbol,
)
from spec_lang.shapes.dtype import DType, MixedPrecision, promote, promote_scalar
from spec_lang.shapes.errors import ParseError, TooLarge, Undefined
from spec_lang.shapes.facts import Facts, Verdict
from spec_lang.shapes.flags import Absent, Choice, Compared, Every, Flag, Is, Same, Truth
from spec_lang.shapes.ranges import range_of, whole_range
from spec_lang.shapes.real import Real, operand, template
from spec_lang.shapes.tensor import MAX_DIMS, Pack, Shape, TensorType

if TYPE_CHECKING:
    from spec_lang.shapes.parsing import parse, read
else:

    def __getattr__(name: str) -> Any:
        """`parse` and `read`, imported when they are first asked for: a check needs neither."""
        if name not in ("parse", "read"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from spec_lang.shapes import parsing

        return getattr(parsing, name)


__all__ = [
    "MAX_DIMS",
    "Absent",
    "BroadcastError",
    "Choice",
    "Compared",
    "Cond",
    "DType",
    "Dim",
    "Every",
    "Facts",
    "Flag",
    "Is",
    "Items",
    "MixedPrecision",
    "Pack",
    "ParseError",
    "Real",
    "Same",
    "Shape",
    "TensorType",
    "TooLarge",
    "Tree",
    "Truth",
    "Undefined",
    "Verdict",
    "broadcast",
    "conditional",
    "dim",
    "exact_div",
    "maximum",
    "minimum",
    "opaque",
    "operand",
    "parse",
    "promote",
    "promote_scalar",
    "range_of",
    "read",
    "root",
    "symbol",
    "template",
    "whole_range",
]
