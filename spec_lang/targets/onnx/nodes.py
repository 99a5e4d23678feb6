"""The parts of an ONNX graph under construction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from spec_lang.ops.lowering import Value
from spec_lang.shapes import Dim, DType, Shape, TensorType

Rows: TypeAlias = tuple[tuple[str | None, int, int], ...]
"""Row ranges `(key, start, stop)` of stored tensors along axis 0; for key None, `stop - start` rows of zeros."""


def known(dims: tuple[Dim, ...]) -> tuple[int, ...]:
    """Sizes that are all constant.

    Raises:
        ValueError: one is not.
    """
    sizes = []
    for d in dims:
        if d.const is None:
            raise ValueError(f"the size {d} is not known")
        sizes.append(d.const)
    return tuple(sizes)


class Edge(Value):
    """A value in the graph; before its type is said, only its name is there.

    An alias has another type than `root`, the value that nodes see (`to(f32)` of a `float` exported as f32).

    Attributes:
        body: The subgraph that gives it, of a value that the graph itself does not.
        number: ONNX's number of its dtype, where it is known.
    """

    named_at_birth = False
    body: Body | None = None
    number: int | None = None

    def __init__(self, name: str, type: TensorType | None = None) -> None:
        self.name = name
        self.is_named = self.named_at_birth
        self.alias_of: Edge | None = None
        if type is not None:
            self.dtype = type.dtype
            self.shape = type.shape

    def __getattr__(self, name: str) -> object:
        if name in ("dtype", "shape"):
            raise AttributeError(f"{self.name} has no type yet: say it with Graph.typed")
        raise AttributeError(name)

    @property
    def is_typed(self) -> bool:
        return "dtype" in self.__dict__ and "shape" in self.__dict__

    def rename(self, name: str) -> None:
        """Give it the author's name for it; the first one stays."""
        root = self.root
        if not root.is_named:
            root.name = name
            root.is_named = True

    @property
    def root(self) -> Edge:
        """The value that nodes see."""
        return self.alias_of or self

    def alias(self, dtype: DType, shape: Shape) -> Edge:
        """The same value under another type."""
        other = Edge(self.name, TensorType(dtype, shape))
        other.alias_of = self.root
        return other

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def as_edge(value: Value) -> Edge:
    """A value that this builder made, as what it is."""
    assert isinstance(value, Edge)
    return value


def edges_in(result: Any) -> list[Edge]:
    """The tensors in a result, in order."""
    if result is None:
        return []
    if isinstance(result, tuple | list):
        return [e for r in result for e in edges_in(r)]
    return [as_edge(result)]


class Input(Edge):
    """An input of the graph."""

    named_at_birth = True


class Const(Edge):
    """A tensor that the graph itself defines, by its bytes."""

    named_at_birth = True
    number: int

    def __init__(self, name: str, type: TensorType, number: int, raw: bytes) -> None:
        super().__init__(name, type)
        self.number = number
        self.raw = raw
        self.sizes = known(type.dims)


class Initializer(Edge):
    """A tensor of the model's weights.

    Attributes:
        key: The entry of the state_dict, or a name below the layer for a derived tensor.
        number: ONNX's number of its dtype.
        sizes: Its shape.
        rows: For a derived tensor, what to concatenate along axis 0 and reshape to `sizes`.
    """

    named_at_birth = True
    number: int

    def __init__(self, key: str, type: TensorType, number: int, rows: Rows | None = None) -> None:
        super().__init__(key, type)
        self.key = key
        self.number = number
        self.sizes = known(type.dims)
        self.rows = rows


class Node:
    """One node; `attributes` are written already, by name, but for the body of one that has a subgraph."""

    __slots__ = ("attributes", "body", "domain", "inputs", "name", "op_type", "outputs", "source")

    def __init__(
        self,
        name: str,
        op_type: str,
        inputs: tuple[Edge | None, ...],
        outputs: tuple[Edge, ...],
        attributes: Mapping[str, bytes],
        source: str,
        domain: str,
        body: Body | None = None,
    ) -> None:
        self.name = name
        self.op_type = op_type
        self.inputs = inputs
        self.outputs = outputs
        self.attributes = attributes
        self.source = source
        self.domain = domain
        self.body = body

    def reads(self) -> list[Edge]:
        """Its inputs, and what its body reads from around it."""
        read = [i for i in self.inputs if i is not None]
        if self.body is not None:
            read += self.body.captured()
        return read


class Body:
    """The subgraph of a node. A node stands in the innermost body that gives one of its inputs.

    Attributes:
        depth: How many bodies it is in, itself among them.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.inputs: Sequence[Edge] = ()
        self.outputs: Sequence[Edge] = ()
        self.nodes: list[Node] = []

    def captured(self) -> Iterator[Edge]:
        """The values from around it that its nodes read."""
        return (e for n in self.nodes for e in n.reads() if e.body is not self)


def every(nodes: Sequence[Node]) -> Iterator[Node]:
    """The nodes, and those of their bodies."""
    for node in nodes:
        yield node
        if node.body is not None:
            yield from every(node.body.nodes)


def innermost(edges: Sequence[Edge | None]) -> Body | None:
    """The deepest body that gives one of the values; None where the graph itself gives all."""
    bodies = [e.body for e in edges if e is not None and e.body is not None]
    return max(bodies, key=lambda b: b.depth, default=None)
