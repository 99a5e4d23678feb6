"""What the parts of the builder may use of it: what lowerings have, and the graph's names, nodes and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from spec_lang.ops.lowering import Graph
from spec_lang.shapes import DType, Facts
from spec_lang.targets.onnx import dtypes
from spec_lang.targets.onnx.names import Names
from spec_lang.targets.onnx.nodes import Body, Const, Edge, Initializer, Node


class Emitter(Graph, Protocol):
    """A graph that takes nodes; `graph.Builder` is one.

    Attributes:
        path: The module that is being lowered; the names of nodes are below it.
        source: Where in the spec that is, for the metadata of nodes.
        facts: What the spec says of the sizes.
        depth: How many bodies of nodes are being built.
        values: The names of values.
        node_names: The names of nodes.
    """

    path: str
    source: str
    facts: Facts
    depth: int
    values: Names
    node_names: Names

    def emit(
        self,
        op_type: str,
        inputs: Sequence[Edge | None],
        attributes: dict[str, Any],
        outputs: int = 1,
        domain: str = "",
        body: Body | None = None,
    ) -> Any:
        """A node, or what already is its result."""

    def producer(self, edge: Edge) -> Node | None:
        """The node that gives a value; none gives inputs, constants and weights."""

    def constant(
        self,
        raw: bytes,
        dtype: DType,
        sizes: tuple[int, ...],
        flat: Sequence[dtypes.Number] = (),
        name: str = "",
    ) -> Const:
        """A constant tensor from its bytes; `flat` may give its elements, for its name where it has none."""

    def regrouped(self, tensor: Initializer, sizes: tuple[int, ...]) -> Initializer:
        """A stored tensor in another shape: the same bytes, without a node."""
