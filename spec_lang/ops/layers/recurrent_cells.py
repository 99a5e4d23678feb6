"""One step of a recurrent network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.init import UniformFan
from spec_lang.ops.kinds import Dim
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import LEARNED, Product, Products, flops_of
from spec_lang.ops.rules.arguments import at_least, known, model_float, same_shape
from spec_lang.ops.rules.recurrent import GRU as GRU_GATES
from spec_lang.ops.rules.recurrent import LSTM as LSTM_GATES
from spec_lang.ops.rules.recurrent import RELU, TANH, Kind, Stack


class _Cell(Layer):
    """One step over [N, input_size] or [input_size]."""

    input_size: Dim
    hidden_size: Dim
    bias: bool

    holes = {"input_size": Hole(-1, "input features")}
    ranks = (1, 2)
    always = ("weight_ih", "weight_hh")

    gates = 1

    @property
    def kind(self) -> Kind:
        raise NotImplementedError

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, input_size=self.input_size, hidden_size=self.hidden_size)

    def state(self, cx: Cx, input: Tensor, states: Sequence[Tensor | None]) -> Tensor:
        """[N, hidden_size], which the given states must be."""
        model_float(cx, input)
        state = input.with_shape((*input.shape[:-1], self.hidden_size))
        for given in states:
            if given is not None:
                model_float(cx, given, "its state")
                same_shape(cx, given, state.shape, "a state")
        return state

    def products(self, input: Tensor, hidden: Tensor | None) -> Products:
        """The products of the input and of the hidden state, which is zeros where it is not given."""
        state = input.with_shape((*input.shape[:-1], self.hidden_size))
        width = self.gates * self.hidden_size
        yield Product(flops_of((*input.dims, width)), (input,), (LEARNED,))
        yield Product(flops_of((*state.dims, width)), () if hidden is None else (hidden,), (LEARNED,))

    def params(self) -> Iterator[Param]:
        width, init = self.hidden_size * self.gates, UniformFan(self.hidden_size)
        yield Param("weight_ih", (width, self.input_size), init)
        yield Param("weight_hh", (width, self.hidden_size), init)
        if self.bias:
            yield Param("bias_ih", (width,), init)
            yield Param("bias_hh", (width,), init)

    def step(self, g: Graph, input: Value, states: Sequence[Value | None]) -> Sequence[Value]:
        """A sequence of one step; the final states in the input's layout."""
        new = [0] if len(input.dims) == 2 else [0, 1]
        hidden, inputs = known([self.hidden_size, self.input_size], "hidden_size")
        activation = "Relu" if self.kind is RELU else ""
        stack = Stack(self.kind, ("",), inputs, hidden, self.bias, activation)
        starts = [None if s is None else g.Unsqueeze(s, g.ints(new)) for s in states]
        _, *finals = stack.emit(g, g.Unsqueeze(input, g.ints(new)), starts)
        return [g.Squeeze(f, g.ints(new)) for f in finals]


class RNNCell(_Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or ReLU for tanh."""

    input_size: Dim
    hidden_size: Dim
    bias: bool = True
    nonlinearity: Literal["tanh", "relu"] = "tanh"

    torch = "nn.RNNCell"

    @property
    def kind(self) -> Kind:
        return TANH if self.nonlinearity == "tanh" else RELU

    def infer(self, cx: Cx, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self.state(cx, input, [hx])

    def flops(self, out: Tensor, input: Tensor, hx: Tensor | None = None) -> Products:
        return self.products(input, hx)

    def onnx(self, g: Graph, input: Value, hx: Value | None = None) -> Value:
        return self.step(g, input, [hx])[0]


class GRUCell(_Cell):
    """h' = (1 - z) ⊙ n + z ⊙ h, with reset, update and new gates r, z, n."""

    input_size: Dim
    hidden_size: Dim
    bias: bool = True

    torch = "nn.GRUCell"
    gates = 3

    @property
    def kind(self) -> Kind:
        return GRU_GATES

    def infer(self, cx: Cx, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self.state(cx, input, [hx])

    def flops(self, out: Tensor, input: Tensor, hx: Tensor | None = None) -> Products:
        return self.products(input, hx)

    def onnx(self, g: Graph, input: Value, hx: Value | None = None) -> Value:
        return self.step(g, input, [hx])[0]


class LSTMCell(_Cell):
    """c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c'), with input, forget, cell and output gates."""

    input_size: Dim
    hidden_size: Dim
    bias: bool = True

    torch = "nn.LSTMCell"
    gates = 4

    @property
    def kind(self) -> Kind:
        return LSTM_GATES

    def flops(self, out: Any, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Products:
        return self.products(input, hx and hx[0])

    def infer(self, cx: Cx, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        state = self.state(cx, input, hx or ())
        return state, state

    def onnx(self, g: Graph, input: Value, hx: tuple[Value, Value] | None = None) -> Any:
        hidden, cell = self.step(g, input, hx or (None, None))
        return hidden, cell
