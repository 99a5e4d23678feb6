"""The builder behind `ops.lowering.Graph`: nodes, constants and weights of one ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from spec_lang.ops.base import OpError
from spec_lang.ops.lowering import Step, Unsupported, Value
from spec_lang.shapes import Dim, DType, Facts, Shape, TensorType, dim
from spec_lang.targets.onnx import attributes as attribute
from spec_lang.targets.onnx import dtypes, simplify, widen
from spec_lang.targets.onnx.names import Names
from spec_lang.targets.onnx.nodes import Body, Const, Edge, Initializer, Input, Node, Rows, as_edge, innermost
from spec_lang.targets.onnx.pads import padded_by_conv
from spec_lang.targets.onnx.reshape import reshape
from spec_lang.targets.onnx.scan import scan
from spec_lang.targets.onnx.sizes import Sizes

MAX_NODES: Final = 50_000
"""Nodes of one graph: fifteen times those of a model of 70 billion parameters."""

MAX_INPUTS: Final = 10_000


class Stored(NamedTuple):
    """What the state_dict holds under a key: `key` is the first of the names that share the tensor."""

    key: str
    shape: tuple[int, ...]
    dtype: DType


Lookup = Callable[[str], "Stored | Value"]
"""Finds a parameter or buffer by its full path; a buffer that the graph computes is a Value.

Raises:
    KeyError: there is none.
"""


class Builder:
    """Collects the nodes of one graph.

    Attributes:
        opset: The version of the standard operators.
        precision: What FLOAT is exported as.
        path: The module that is being lowered; `param` and the names of nodes are below it.
        source: Where in the spec that is, for the metadata of nodes.
        facts: What the spec says of the sizes.
        depth: How many bodies of nodes are being built.
    """

    def __init__(
        self,
        *,
        opset: int,
        precision: DType = DType.F32,
        lookup: Lookup,
        reserved: Iterable[str] = (),
    ) -> None:
        self.opset = opset
        self.precision = precision
        self.path = ""
        self.source = ""
        self.facts = Facts.NONE
        self.depth = 0
        self.nodes: list[Node] = []
        self.inputs: list[Input] = []
        self.values = Names(reserved)
        self.sizes = Sizes(self)
        self.node_names = Names()
        self._lookup = lookup
        self._producers: dict[Edge, Node] = {}
        self._numbers = dtypes.NUMBERS | {DType.FLOAT: dtypes.NUMBERS[precision]}
        self._constants: dict[tuple[int, tuple[int, ...], bytes], Const] = {}
        self._initializers: dict[str, Initializer] = {}
        self._shared: dict[tuple[object, ...], tuple[Edge, ...]] = {}

    # --- Emitting nodes -----------------------------------------------------------------------

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        """The emitter of a standard op."""
        if not op_type[:1].isupper():
            raise AttributeError(op_type)

        def emit(*inputs: Edge | None, outputs: int = 1, **attributes: Any) -> Any:
            return self.emit(op_type, inputs, attributes, outputs)

        self.__dict__[op_type] = emit
        return emit

    def emit(
        self,
        op_type: str,
        inputs: Sequence[Edge | None],
        attributes: dict[str, Any],
        outputs: int = 1,
        domain: str = "",
        body: Body | None = None,
    ) -> Any:
        """A node, or what already is its result: an equal node's, or an input that it would only repeat."""
        operands = [None if i is None else i.root for i in inputs]
        while operands and operands[-1] is None:
            operands.pop()
        if op_type == "Conv":
            operands, attributes = padded_by_conv(self, operands, attributes)
        if not domain:
            wide = widen.widened(self, op_type, operands, attributes, outputs)
            if wide is not None:
                return wide
        if outputs == 1 and not domain and body is None:
            same = simplify.without_node(self, op_type, operands, attributes)
            if same is not None:
                return same
        written = attribute.write(attributes)
        key = (op_type, domain, outputs, id(body), *map(id, operands), *written.values())
        results = self._shared.get(key)
        if results is None:
            results = self._append(op_type, tuple(operands), outputs, written, domain, body)
            if not domain and isinstance(number := attributes.get("to", attributes.get("dtype")), int):
                results[0].number = number
            if op_type not in simplify.RANDOM:
                self._shared[key] = results
        return results[0] if outputs == 1 else results

    def _append(
        self,
        op_type: str,
        operands: tuple[Edge | None, ...],
        outputs: int,
        written: dict[str, bytes],
        domain: str,
        body: Body | None,
    ) -> tuple[Edge, ...]:
        if len(self.nodes) >= MAX_NODES:
            raise OpError(f"the graph has more than {MAX_NODES:,} nodes", code="E0802")
        name = self.node_names.take(f"{self.path}.{op_type}" if self.path else op_type)
        if outputs == 1:
            results: tuple[Edge, ...] = (Edge(self.values.take(name)),)
        else:
            results = tuple(Edge(self.values.take(f"{name}.{i}")) for i in range(outputs))
        node = Node(name, op_type, operands, results, written, self.source, domain, body)
        around = innermost(node.reads())
        for result in results:
            result.body = around
        (self.nodes if around is None else around.nodes).append(node)
        self._producers.update(dict.fromkeys(results, node))
        return results

    def producer(self, edge: Edge) -> Node | None:
        """The node that gives a value; none gives inputs, constants and weights."""
        return self._producers.get(edge.root)

    def scan(
        self,
        step: Step,
        states: Sequence[Value],
        sequences: Sequence[Value],
        *,
        axis: int = 0,
        reverse: bool = False,
    ) -> tuple[Sequence[Value], Sequence[Value]]:
        """A recurrence along one axis of typed `sequences`."""
        return scan(self, step, states, sequences, axis, reverse)

    # --- Inputs, weights and constants --------------------------------------------------------

    def input(self, name: str, type: TensorType) -> Input:
        """A new input of the graph."""
        if len(self.inputs) >= MAX_INPUTS:
            raise OpError(f"the graph has more than {MAX_INPUTS:,} inputs", code="E0802")
        value = Input(self.values.take(name), type)
        self.inputs.append(value)
        self.sizes.learn(value)
        return value

    @contextmanager
    def below(self, path: str) -> Iterator[None]:
        """Enter a submodule of the module that is being lowered."""
        outer = self.path
        self.path = f"{outer}.{path}" if outer else path
        try:
            yield
        finally:
            self.path = outer

    def _full(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def param(self, name: str) -> Value:
        """A parameter or buffer of the module that is being lowered."""
        return self.stored(self._full(name))

    def stored(self, path: str) -> Value:
        """A parameter or buffer by its full path."""
        entry = self._lookup(path)
        if isinstance(entry, Value):
            return entry
        value = self._initializers.get(entry.key)
        if value is None:
            type = TensorType(entry.dtype, tuple(map(dim, entry.shape)))
            value = Initializer(entry.key, type, self.dtype(entry.dtype))
            self._initializers[entry.key] = value
        return value

    def rows(
        self, name: str, parts: Sequence[tuple[str | None, int, int]], shape: Sequence[Dim | int]
    ) -> Value:
        """A derived initialiser: row ranges of parameters, concatenated and reshaped to `shape`."""
        full: list[tuple[str | None, int, int]] = []
        dtype = DType.FLOAT
        for param, start, stop in parts:
            if param is None:
                full.append((None, start, stop))
                continue
            entry = self._lookup(self._full(param))
            if isinstance(entry, Value):
                raise TypeError(f"{param} is computed in the graph and has no rows to derive from")
            dtype = entry.dtype
            full.append((entry.key, start, stop))
        recipe: Rows = tuple(full)
        key = self._full(name)
        value = self._initializers.get(key)
        if value is None or value.rows != recipe:
            type = TensorType(dtype, tuple(map(dim, shape)))
            value = Initializer(self.values.take(key), type, self.dtype(dtype), recipe)
            self._initializers[key] = value
        return value

    def regrouped(self, tensor: Initializer, sizes: tuple[int, ...]) -> Initializer:
        """A stored tensor in another shape: the same bytes, without a node."""
        if sizes == tensor.sizes:
            return tensor
        key = f"{tensor.key}[{','.join(map(str, sizes))}]"
        found = self._initializers.get(key)
        if found is None:
            rows = tensor.rows or ((tensor.key, 0, tensor.sizes[0] if tensor.sizes else 1),)
            type = TensorType(tensor.dtype, tuple(map(dim, sizes)))
            found = Initializer(self.values.take(key), type, tensor.number, rows)
            self._initializers[key] = found
        return found

    def const(self, value: Any, dtype: DType) -> Value:
        """A constant tensor from a Python number or nested lists.

        Raises:
            Unsupported: the precision of the export has no such number.
        """
        flat, sizes = _flatten(value)
        number = self.dtype(dtype)
        beyond = dtypes.beyond(flat, number)
        if beyond is not None:
            raise Unsupported(f"{beyond:g} is beyond the numbers of {dtypes.NAMES[number]}")
        return self.constant(dtypes.pack(flat, number), dtype, sizes, flat)

    def constant(
        self,
        raw: bytes,
        dtype: DType,
        sizes: tuple[int, ...],
        flat: Sequence[dtypes.Number] = (),
        name: str = "",
    ) -> Const:
        """A constant tensor from its bytes; `flat` may give its elements, for its name where it has none."""
        number = self.dtype(dtype)
        key = (number, sizes, raw)
        found = self._constants.get(key)
        if found is None:
            name = name or self.values.take(_constant_name(number, sizes, flat))
            found = Const(name, TensorType(dtype, tuple(map(dim, sizes))), number, raw)
            self._constants[key] = found
        return found if found.dtype is dtype else self._retyped(found, dtype)

    def _retyped(self, constant: Const, dtype: DType) -> Const:
        other = Const(constant.name, TensorType(dtype, constant.shape), constant.number, constant.raw)
        other.alias_of = constant
        return other

    def ints(self, values: Sequence[int]) -> Value:
        """A constant 1-d i64 tensor."""
        return self.const(list(values), DType.I64)

    # --- Sizes --------------------------------------------------------------------------------

    def dim(self, size: Dim | int) -> Value:
        """A size as an i64 scalar."""
        return self.sizes.scalar(dim(size))

    def dims(self, sizes: Sequence[Dim | int]) -> Value:
        """Sizes as a 1-d i64 tensor."""
        return self.sizes.vector([dim(s) for s in sizes])

    def reshape(self, x: Value, sizes: Sequence[Dim | int]) -> Value:
        """`x` in another shape."""
        return reshape(self, x, [dim(s) for s in sizes])

    def scalar(self, value: Any, dtype: DType) -> Value:
        """A rank-0 constant, or a symbolic Dim cast to `dtype`."""
        if isinstance(value, Dim):
            if value.const is None:
                return self.cast(self.dim(value), dtype)
            value = value.const
        return self.const(value, dtype)

    # --- Types --------------------------------------------------------------------------------

    def cast(self, x: Value, dtype: DType) -> Value:
        """`x` as `dtype`; `x` itself where it is already."""
        if x.dtype is dtype:
            return x
        return self.typed(self.Cast(x, to=self.dtype(dtype)), dtype, x.shape)

    def typed(self, x: Value, dtype: DType, shape: Shape) -> Value:
        """The same value with its type said."""
        x = as_edge(x)
        if not x.is_typed:
            x.dtype, x.shape = dtype, shape
            return x
        if x.dtype is dtype and x.shape == shape:
            return x
        return self._retyped(x, dtype) if isinstance(x, Const) else x.alias(dtype, shape)

    def dtype(self, dtype: DType) -> int:
        """ONNX's number for a dtype; FLOAT is the precision that the model is exported in."""
        return self._numbers[dtype]


def _flatten(value: Any) -> tuple[list[dtypes.Number], tuple[int, ...]]:
    """The elements of nested lists, and their shape."""
    if not isinstance(value, (list, tuple)):
        return [value], ()
    if not value:
        return [], (0,)
    parts = [_flatten(v) for v in value]
    if any(sizes != parts[0][1] for _, sizes in parts):
        raise ValueError("a constant's lists have different lengths")
    return [x for flat, _ in parts for x in flat], (len(value), *parts[0][1])


def _constant_name(number: int, sizes: tuple[int, ...], flat: Sequence[dtypes.Number]) -> str:
    """`f32(0.5)`, `i64[0,-1,768]`, or `f32[12x64]`."""
    dtype = dtypes.NAMES[number]
    if not sizes and len(flat) == 1:
        return f"{dtype}({_spelled(flat[0])})"
    if len(sizes) == 1 and len(flat) == sizes[0] <= 8:
        return f"{dtype}[{','.join(map(_spelled, flat))}]"
    return f"{dtype}[{'x'.join(map(str, sizes))}]"


def _spelled(x: dtypes.Number) -> str:
    return str(x).lower() if isinstance(x, bool) else f"{x:.9g}" if isinstance(x, float) else str(x)
