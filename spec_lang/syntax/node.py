"""The base of syntax nodes."""

from __future__ import annotations

from spec_lang.diagnostics import Span
from spec_lang.frozen import Frozen


class Node(Frozen):
    """A node of the tree; `span` is where it was written."""

    span: Span
