"""Recurrent networks: parameters and lowering. ONNX stacks the directions and orders the gates otherwise.

Source: https://onnx.ai/onnx/operators/onnx__LSTM.html, https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spec_lang.frozen import Record
from spec_lang.ops.lowering import Graph, Value


class Kind(Record):
    """A recurrent op of ONNX, and which of PyTorch's gates stands where in it."""

    op: str
    gates: tuple[int, ...]
    states: int = 1
    attributes: tuple[tuple[str, int], ...] = ()


TANH = Kind("RNN", (0,))
RELU = Kind("RNN", (0,))
LSTM = Kind("LSTM", (0, 3, 1, 2), 2)  # i f g o becomes i o f c
GRU = Kind("GRU", (1, 0, 2), 1, (("linear_before_reset", 1),))  # r z n becomes z r h


class Stack(Record):
    """One layer of a recurrent network: its sizes, and the suffix of its parameters in each direction."""

    kind: Kind
    suffixes: tuple[str, ...]
    inputs: int
    hidden: int
    bias: bool
    activation: str = ""

    @property
    def directions(self) -> int:
        return len(self.suffixes)

    def _gathered(self, g: Graph, name: str, parameters: Sequence[str], width: tuple[int, ...]) -> Value:
        """The gates of each direction's parameters in ONNX's order, as [directions, rows, ...]."""
        parts: list[tuple[str | None, int, int]] = [
            (f"{parameter}{suffix}", gate * self.hidden, (gate + 1) * self.hidden)
            for suffix in self.suffixes
            for parameter in parameters
            for gate in self.kind.gates
        ]
        rows = len(parameters) * len(self.kind.gates) * self.hidden
        return g.rows(name, parts, [self.directions, rows, *width])

    def emit(self, g: Graph, x: Value, states: Sequence[Value | None]) -> Sequence[Value]:
        """Y as [L, directions, N, hidden], and the final states as [directions, N, hidden]."""
        tag = self.suffixes[0]
        weight = self._gathered(g, f"W{tag}", ["weight_ih"], (self.inputs,))
        recurrence = self._gathered(g, f"R{tag}", ["weight_hh"], (self.hidden,))
        bias = self._gathered(g, f"B{tag}", ["bias_ih", "bias_hh"], ()) if self.bias else None
        inputs: list[Value | None] = [x, weight, recurrence, bias, None, *states]
        while inputs[-1] is None:
            inputs.pop()
        attributes: dict[str, Any] = dict(self.kind.attributes)
        if self.directions == 2:
            attributes["direction"] = "bidirectional"
        if self.activation:
            attributes["activations"] = [self.activation] * self.directions
        emit = getattr(g, self.kind.op)
        results: Sequence[Value] = emit(
            *inputs, hidden_size=self.hidden, outputs=1 + self.kind.states, **attributes
        )
        return results
