"""Symbolic shapes: dims and what is proved of them, broadcasting, dtypes, tensor types."""

from spec_lang.shapes.broadcasting import BroadcastError, broadcast
from spec_lang.shapes.cond import Cond
from spec_lang.shapes.dim import Dim, Items, Tree, dim, exact_div, maximum, minimum, opaque, root, symbol
from spec_lang.shapes.dtype import DType, MixedPrecision, promote, promote_scalar
from spec_lang.shapes.errors import ParseError, TooLarge, Undefined
from spec_lang.shapes.facts import Facts, Verdict
from spec_lang.shapes.flags import Absent, Choice, Compared, Flag, Is, Same, Truth
from spec_lang.shapes.parsing import parse, read
from spec_lang.shapes.real import Real, operand
from spec_lang.shapes.tensor import Pack, Shape, TensorType

__all__ = [
    "Absent",
    "BroadcastError",
    "Choice",
    "Compared",
    "Cond",
    "DType",
    "Dim",
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
    "dim",
    "exact_div",
    "maximum",
    "minimum",
    "opaque",
    "operand",
    "parse",
    "promote",
    "promote_scalar",
    "read",
    "root",
    "symbol",
]
