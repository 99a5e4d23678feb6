"""What an op's ONNX lowering is written against; `spec_lang.targets.onnx.graph` is the builder behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from spec_lang.shapes import Dim, DType, Shape, TensorType


class Value(TensorType):
    """A tensor in an ONNX graph: its name there, and its type.

    What a lowering's own nodes give has no known shape or dtype unless the lowering says so with
    `Graph.typed`; the types of an op's inputs and of what it returns are always known.
    """

    def __init__(self, name: str, dtype: DType, shape: Shape) -> None:
        super().__init__(dtype, shape)
        self.name = name


class Unsupported(Exception):
    """ONNX cannot express this op with these arguments; the message says what and why."""


Step: TypeAlias = Callable[[Sequence[Value], Sequence[Value]], tuple[Sequence[Value], Sequence[Value]]]
"""One step of a recurrence: states and rows to the next states and the rows of the results."""


class Graph(Protocol):
    """Emits nodes into the graph under the path of the op that is being lowered.

    `g.Conv(x, w, b, strides=[1, 1])` emits a standard op by ONNX's own name: positional arguments are inputs (None
    for an absent optional one), keywords are attributes (`outputs=2` for several results, then a tuple).
    """

    opset: int

    def __getattr__(self, op_type: str) -> Callable[..., Any]:
        """The emitter of a standard op."""

    def param(self, name: str) -> Value:
        """A parameter or buffer of the layer that is being lowered, by its state_dict name below it."""

    def const(self, value: Any, dtype: DType) -> Value:
        """A constant tensor from a Python number or nested lists; equal constants are stored once."""

    def ints(self, values: Sequence[int]) -> Value:
        """A constant 1-d i64 tensor, as axes, pads and sizes take it."""

    def dim(self, size: Dim | int) -> Value:
        """A size as an i64 scalar: a constant where it is known, else computed from the inputs' shapes."""

    def dims(self, sizes: Sequence[Dim | int]) -> Value:
        """Sizes as a 1-d i64 tensor, with shape arithmetic only where a size is not known."""

    def reshape(self, x: Value, sizes: Sequence[Dim | int]) -> Value:
        """`x` in another shape; uses a constant shape with 0 and -1 where that suffices. Gives a typed value."""

    def scalar(self, value: Any, dtype: DType) -> Value:
        """A rank-0 constant, or a symbolic Dim cast to `dtype`."""

    def cast(self, x: Value, dtype: DType) -> Value:
        """`x` as `dtype`; `x` itself where it is already. Gives a typed value."""

    def typed(self, x: Value, dtype: DType, shape: Shape) -> Value:
        """The same value with its type said, for lowerings that hand it to other helpers."""

    def scan(
        self,
        step: Step,
        states: Sequence[Value],
        sequences: Sequence[Value],
        *,
        axis: int = 0,
        reverse: bool = False,
    ) -> tuple[Sequence[Value], Sequence[Value]]:
        """A recurrence along one axis of typed `sequences`: the final states, and the rows stacked along that axis.

        `step` emits nodes as ever, and may use any value. The states keep their types; it types the rows that it gives.
        """

    def dtype(self, dtype: DType) -> int:
        """ONNX's number for a dtype; FLOAT is the precision that the model is exported in."""
