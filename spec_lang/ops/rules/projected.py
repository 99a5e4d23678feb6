"""An LSTM whose hidden state is projected; ONNX's has no projection, so the recurrence is spelled out.

Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.frozen import Record
from spec_lang.ops.lowering import Graph, Value
from spec_lang.shapes import TensorType


class Projected(Record):
    """One direction of one layer: h_t = W_hr (o ⊙ tanh(c_t)).

    Attributes:
        axis: The axis of time in the input.
    """

    suffix: str
    bias: bool
    axis: int
    reverse: bool

    def emit(self, g: Graph, x: Value, hidden: Value, cell: Value) -> tuple[Value, Value, Value]:
        """The hidden state at every step, and the final states."""
        gates = self._product(g, x, "weight_ih")
        if self.bias:
            gates = g.Add(gates, g.Add(self._param(g, "bias_ih"), self._param(g, "bias_hh")))
        gates = g.typed(gates, x.dtype, (*x.shape[:-1], 4 * cell.dims[-1]))

        def step(states: Sequence[Value], rows: Sequence[Value]) -> tuple[list[Value], list[Value]]:
            h, c = states
            each = g.Add(*rows, self._product(g, h, "weight_hh"))
            i, f, new, o = g.Split(each, **self._quarters(g), axis=-1, outputs=4)
            c = g.Add(g.Mul(g.Sigmoid(f), c), g.Mul(g.Sigmoid(i), g.Tanh(new)))
            h = g.typed(
                self._product(g, g.Mul(g.Sigmoid(o), g.Tanh(c)), "weight_hr"), hidden.dtype, hidden.shape
            )
            return [h, c], [h]

        (h, c), (y,) = g.scan(step, [hidden, cell], [gates], axis=self.axis, reverse=self.reverse)
        return y, h, c

    def _param(self, g: Graph, name: str) -> Value:
        return g.param(f"{name}{self.suffix}")

    def _product(self, g: Graph, x: Value, name: str) -> Value:
        """x Wᵀ."""
        return g.MatMul(x, g.Transpose(self._param(g, name), perm=[1, 0]))

    def _quarters(self, g: Graph) -> dict[str, int]:
        return {"num_outputs": 4} if g.opset >= 18 else {}


def zeros(g: Graph, type: TensorType) -> Value:
    """The state before the first step."""
    return g.typed(g.Expand(g.const(0.0, type.dtype), g.dims(type.dims)), type.dtype, type.shape)
