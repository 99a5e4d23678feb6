"""Linear maps of [..., K] as `Gemm` on the rows [R, K], which takes the stored weight and the bias as they are.

    MatMul(x, Transpose(W)) + b    becomes    Reshape [-1, K] -> Gemm(W, b, transB=1) -> Reshape [..., M]

The reshapes move: what works on each row alone (elementwise ops, norms over the last axis) works on the rows, so that between
two linear maps none is left. A graph that would not get smaller by that stays as it is.

Source: https://onnx.ai/onnx/operators/onnx__Gemm.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

from spec_lang.shapes import Dim, DType, Shape, TensorType, dim
from spec_lang.targets.onnx import attributes
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.nodes import Edge, Initializer, Node
from spec_lang.targets.onnx.reshape import reshape_target
from spec_lang.targets.onnx.uses import Uses


def _ops(names: str) -> frozenset[str]:
    return frozenset(names.split())


_ACTIVATIONS = _ops(
    "Celu Elu Gelu HardSigmoid HardSwish LeakyRelu Mish Relu Selu Sigmoid Softplus Softsign Swish Tanh ThresholdedRelu"
)
_UNARY = _ACTIVATIONS | _ops("Abs Cast Erf Exp IsNaN Log Neg Not Reciprocal Sign Sqrt")
_ARITHMETIC = _ops("Add Clip Div Max Min Mod Mul PRelu Pow Sub")
_BROADCASTING = _ARITHMETIC | _ops("And Equal Greater GreaterOrEqual Less LessOrEqual Or Where Xor")
_KEEPS_TYPE = _ARITHMETIC | _UNARY - {"Cast", "IsNaN"}
_NORMS = _ops("LayerNormalization RMSNormalization")
"""Over the last axis where they have no `axis`; their other inputs are vectors."""

_SWAPPED = attributes.write({"perm": [1, 0]})
_FLOATS = frozenset({DType.FLOAT, DType.F64, DType.F32, DType.F16, DType.BF16})


def by_rows(g: Builder, nodes: Sequence[Node], outputs: Sequence[Edge]) -> list[Node]:
    """The nodes, with linear maps on rows if that makes them fewer; those that nothing reads are still among them."""
    nodes = list(nodes)
    if not any(n.op_type == "MatMul" for n in nodes):
        return nodes
    return _Pass(g, nodes, outputs).run()


class _Linear(NamedTuple):
    """x weightᵀ + bias, or x weight where `transposed` is 0."""

    x: Edge
    weight: Edge
    bias: Edge | None
    transposed: int
    result: Edge


class _Pass:
    def __init__(self, g: Builder, nodes: Sequence[Node], outputs: Sequence[Edge]) -> None:
        self.g = g
        self.nodes = nodes
        self.outputs = outputs
        self.uses = Uses(nodes, outputs)
        self.linears: dict[Node, _Linear] = {}
        self.biases: set[Node] = set()
        self.wanted: set[Edge] = set()
        self.rows: dict[Edge, Edge] = {}
        self.unmade: set[Edge] = set()
        self.result: list[Node] = []

    def run(self) -> list[Node]:
        for node in self.nodes:
            self._type(node)
        self.linears = {n: found for n in self.nodes if (found := self._linear(n)) is not None}
        self._want()
        for node in self.nodes:
            if node not in self.biases:
                self._node(node)
        for o in self.outputs:
            self._whole(o)
        return _in_order(self.result, self.g.nodes)

    def _type(self, node: Node) -> None:
        """Say the type of an intermediate value of a lowering, where it is that of the operands."""
        y = node.outputs[0]
        if y.is_typed or node.op_type not in _KEEPS_TYPE:
            return
        whole = [i for i in node.inputs if i is not None and not _along_rows(i)]
        if not whole or not all(_same_shape(i, whole[0]) for i in whole):
            return
        vectors = [i.shape for i in node.inputs if i is not None and i.is_typed and len(i.shape) == 1]
        if all(v == whole[0].shape[-1:] for v in vectors):
            self.g.typed(y, whole[0].dtype, whole[0].shape)

    # --- What can be done on rows ---------------------------------------------------------------

    def _linear(self, node: Node) -> _Linear | None:
        """A product with a matrix, with the bias that is added to it."""
        if node.op_type != "MatMul":
            return None
        x, weight = node.inputs
        if x is None or weight is None or not x.is_typed or len(x.shape) < 3 or x.dtype not in _FLOATS:
            return None
        transpose = self.uses.producer(weight, "Transpose")
        transposed = transpose is not None and transpose.attributes == _SWAPPED
        stored = transpose.inputs[0] if transpose is not None and transposed else weight
        if not isinstance(stored, Initializer) or len(stored.sizes) != 2:
            return None
        width = stored.sizes[0 if transposed else 1]
        product = node.outputs[0]
        add = self.uses.only_reader(product, "Add")
        bias = None if add is None else _other(add, product)
        result = product
        if add is not None and isinstance(bias, Initializer) and bias.sizes == (width,):
            result = add.outputs[0]
        else:
            bias = None
        self.g.typed(result, x.dtype, (*x.shape[:-1], dim(width)))
        return _Linear(x, stored, bias, int(transposed), result)

    def _want(self) -> None:
        """Find the values that a linear map takes as rows, itself or behind ops on each row."""
        for node in reversed(self.nodes):
            linear = self.linears.get(node)
            if linear is not None:
                self.wanted.add(linear.x)
            elif node.outputs[0] in self.wanted and node.op_type in _UNARY | _NORMS:
                x = node.inputs[0]
                if x is not None and self._operands(node) is not None:
                    self.wanted.add(x)

    def _operands(self, node: Node) -> list[bool] | None:
        """Which inputs of an op on each row are themselves rows; None where it is no such op."""
        y = node.outputs[0]
        if len(node.outputs) > 1 or node.domain or not _splits(y):
            return None
        if node.op_type in _UNARY:
            return [True] if _same_shape(node.inputs[0], y) else None
        if node.op_type in _NORMS:
            if "axis" in node.attributes or not _same_shape(node.inputs[0], y):
                return None
            return [True, *(False for _ in node.inputs[1:])]
        if node.op_type not in _BROADCASTING:
            return None
        if any(i is not None and not _same_shape(i, y) and not _along_rows(i) for i in node.inputs):
            return None
        return [_same_shape(i, y) for i in node.inputs]

    # --- Rewriting ------------------------------------------------------------------------------

    def _node(self, node: Node) -> None:
        linear = self.linears.get(node)
        if linear is not None:
            self._gemm(node, linear)
            return
        if node.op_type == "Reshape" and node.inputs[0] in self.unmade and node.outputs[0].is_typed:
            self._reshape(node.inputs[0], node.outputs[0], node)
            return
        on_rows = self._operands(node)
        if on_rows is not None and self._gains(node, on_rows):
            inputs = [
                self._rows(i, node) if i is not None and rows else i
                for i, rows in zip(node.inputs, on_rows, strict=True)
            ]
            self._emit(node.op_type, node.name, inputs, node.attributes, node, node.outputs[0])
            return
        for i in node.reads():
            self._whole(i)
        self.result.append(node)

    def _gains(self, node: Node, on_rows: list[bool]) -> bool:
        """Whether rows are there already, or wanted of an op whose only operand they would be."""
        return any(i in self.rows for i, rows in zip(node.inputs, on_rows, strict=True) if rows) or (
            node.outputs[0] in self.wanted and on_rows.count(True) == 1
        )

    def _gemm(self, node: Node, linear: _Linear) -> None:
        """The product on rows; the addition of its bias is part of it."""
        inputs = [self._rows(linear.x, node), linear.weight]
        if linear.bias is not None:
            inputs.append(linear.bias)
            self.biases.update(self.uses.readers[node.outputs[0]])
        written = attributes.write({"transB": 1} if linear.transposed else {})
        self._emit(
            "Gemm", self.g.node_names.take(_beside(node, "Gemm")), inputs, written, node, linear.result
        )

    def _emit(
        self,
        op_type: str,
        name: str,
        inputs: Sequence[Edge | None],
        written: Mapping[str, bytes],
        like: Node,
        whole: Edge,
    ) -> None:
        """Append a node that gives the rows of `whole`."""
        rows = self.rows[whole] = self._named(whole)
        self.unmade.add(whole)
        self.result.append(Node(name, op_type, tuple(inputs), (rows,), written, like.source, ""))

    def _named(self, whole: Edge) -> Edge:
        return Edge(self.g.values.take(f"{whole.name}.rows"), TensorType(whole.dtype, _rows_of(whole.shape)))

    def _rows(self, whole: Edge, reader: Node) -> Edge:
        """A value as rows."""
        rows = self.rows.get(whole)
        if rows is None:
            rows = self.rows[whole] = self._named(whole)
            made = self.uses.producer(whole, "Reshape")
            self._reshape((made and made.inputs[0]) or whole, rows, reader)
        return rows

    def _whole(self, edge: Edge) -> None:
        """Make a value of which only the rows are there."""
        if edge in self.unmade:
            self.unmade.remove(edge)
            self._reshape(self.rows[edge], edge, self.uses.producers[edge])

    def _reshape(self, x: Edge, y: Edge, like: Node) -> None:
        x = self.rows[x] if x in self.unmade else x
        target = reshape_target(self.g, x.shape if x.is_typed else (), y.dims)
        written = attributes.write({"allowzero": target.allowzero})
        name = self.g.node_names.take(_beside(like, "Reshape"))
        self.result.append(Node(name, "Reshape", (x, target.sizes), (y,), written, like.source, ""))


def _other(node: Node, operand: Edge) -> Edge | None:
    """The other operand of two."""
    first, second = node.inputs
    return second if first is operand else first


def _splits(x: Edge) -> bool:
    """Whether a value has rows: three axes or more, the last one of a known size."""
    return x.is_typed and len(x.shape) > 2 and _width(x.shape) is not None


def _width(shape: Shape) -> int | None:
    last = shape[-1]
    return last.const if isinstance(last, Dim) else None


def _rows_of(shape: Shape) -> tuple[Dim, Dim]:
    """[..., K] as [R, K]."""
    *lead, last = (d for d in shape if isinstance(d, Dim))
    return prod(lead, start=dim(1)), last


def _same_shape(x: Edge | None, y: Edge) -> bool:
    return x is not None and x.is_typed and x.shape == y.shape


def _along_rows(x: Edge) -> bool:
    """Whether a value broadcasts along rows: it has no axis but the last."""
    return x.is_typed and len(x.shape) < 2


def _beside(node: Node, op_type: str) -> str:
    """The name of an op in the module of another node."""
    path = node.name.rpartition(".")[0]
    return f"{path}.{op_type}" if path else op_type


def _in_order(nodes: Sequence[Node], others: Sequence[Node]) -> list[Node]:
    """The nodes, each behind those that it reads; those of `others` that are read come in."""
    producers = {o: n for n in (*others, *nodes) for o in n.outputs}
    placed: dict[Node, None] = {}
    waiting = list(reversed(nodes))
    while waiting:
        node = waiting[-1]
        before = [producers[i] for i in node.reads() if i in producers]
        missing = [n for n in before if n not in placed]
        if missing and node not in placed:
            waiting += missing
        else:
            placed.setdefault(waiting.pop())
    return list(placed)
