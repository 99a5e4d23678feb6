"""Recurrent networks over sequences: inputs and states in, outputs and final states out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from spec_lang.ops.base import Cx, Hole, Layer, Param, Tensor
from spec_lang.ops.init import UniformFan
from spec_lang.ops.kinds import Dim, Number
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import LEARNED, Product, Products, flops_of
from spec_lang.ops.rules.arguments import (
    at_least,
    few,
    known,
    known_count,
    model_float,
    probability,
    same_shape,
)
from spec_lang.ops.rules.projected import Projected, zeros
from spec_lang.ops.rules.recurrent import GRU as GRU_GATES
from spec_lang.ops.rules.recurrent import LSTM as LSTM_GATES
from spec_lang.ops.rules.recurrent import RELU, TANH, Kind, Stack
from spec_lang.shapes import Cond, DType, dim


class _Recurrent(Layer):
    """Layers of a recurrence over [L, N, input_size], [N, L, input_size] or [L, input_size]."""

    input_size: Dim
    hidden_size: Dim
    num_layers: Dim
    bias: bool
    batch_first: bool
    dropout: Number
    bidirectional: bool

    holes = {"input_size": Hole(-1, "input features")}
    ranks = (2, 3)
    always = ("weight_ih_l0", "weight_hh_l0")
    absent = True

    gates = 1

    placement = "batch; first batch_first"

    @property
    def projection(self) -> Dim:
        """The size of the projected hidden state; 0 for none."""
        return getattr(self, "proj_size", dim(0))

    @property
    def output_size(self) -> Dim:
        """What one direction gives."""
        return self.hidden_size if self.projection == 0 else self.projection

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def kind(self) -> Kind:
        raise NotImplementedError

    def check(self, cx: Cx) -> None:
        at_least(cx, 1, input_size=self.input_size, hidden_size=self.hidden_size, num_layers=self.num_layers)
        few(self.num_layers, "num_layers")
        probability(cx, dropout=self.dropout)

    # --- types ---

    def outputs(self, input: Tensor) -> Tensor:
        """[L, N, directions * output_size], laid out as the input is."""
        return input.with_shape((*input.shape[:-1], self.directions * self.output_size))

    def state(self, input: Tensor, size: Dim) -> Tensor:
        """[directions * num_layers, N, size]."""
        batch = input.dims[int(not self.batch_first) : -1][:1] if len(input.dims) == 3 else ()
        return input.with_shape((self.num_layers * self.directions, *batch, size))

    def check_state(self, cx: Cx, given: Tensor | None, wanted: Tensor, what: str) -> None:
        if given is not None:
            model_float(cx, given, what)
            same_shape(cx, given, wanted.shape, what)

    # --- products ---

    def products(self, input: Tensor, hidden: Tensor | None) -> Products:
        """Those of each layer and direction; the state before the first step is zeros where it is not given."""
        width = self.gates * self.hidden_size
        *rows, _ = input.dims
        first = [*rows[:1], *rows[2:]] if self.batch_first and len(rows) == 2 else rows[1:]
        start = () if hidden is None else (hidden,)
        for layer in range(known_count(self.num_layers, "num_layers")):
            features = self.input_size if layer == 0 else self.output_size * self.directions
            below = (input,) if layer == 0 else (LEARNED,)
            for _ in range(self.directions):
                yield Product(flops_of((*rows, features, width)), below, (LEARNED,))
                once = flops_of((*first, self.output_size, width))
                yield Product(once, start, (LEARNED,))
                yield Product(flops_of((*rows, self.output_size, width)) - once, (LEARNED,), (LEARNED,))
                if self.projection != 0:
                    sizes = (*rows, self.hidden_size, self.projection)
                    yield Product(flops_of(sizes), (LEARNED,), (LEARNED,))

    # --- parameters ---

    def suffixes(self, layer: int) -> tuple[str, ...]:
        """What the names of one layer's parameters end in, for each direction."""
        return (f"_l{layer}", f"_l{layer}_reverse")[: self.directions]

    def params(self) -> Iterator[Param]:
        init = UniformFan(self.hidden_size)
        width = self.hidden_size * self.gates
        for layer in range(known_count(self.num_layers, "num_layers")):
            inputs = self.input_size if layer == 0 else self.output_size * self.directions
            for suffix in self.suffixes(layer):
                yield Param(f"weight_ih{suffix}", (width, inputs), init)
                yield Param(f"weight_hh{suffix}", (width, self.output_size), init)
                if self.bias:
                    yield Param(f"bias_ih{suffix}", (width,), init)
                    yield Param(f"bias_hh{suffix}", (width,), init)
                if self.projection != 0:
                    yield Param(f"weight_hr{suffix}", (self.projection, self.hidden_size), init)

    # --- ONNX ---

    def lowered(self, g: Graph, input: Value, states: Sequence[Value | None]) -> list[Value]:
        """The output and the final states."""
        layers = known([self.num_layers], "num_layers")[0]
        batched = len(input.dims) == 3
        x: Value = input
        if not batched:
            x = g.Unsqueeze(x, g.ints([1]))
        elif self.batch_first:
            x = g.Transpose(x, perm=[1, 0, 2])
        starts = [self._by_layer(g, s, layers, batched) for s in states]
        finals: list[Sequence[Value]] = []
        for layer in range(layers):
            y, *final = self._stack(layer).emit(g, x, [s[layer] for s in starts])
            finals.append(final)
            if layer < layers - 1:
                x = self._joined(g, y)
        joined = [f[0] if layers == 1 else g.Concat(*f, axis=0) for f in zip(*finals, strict=True)]
        if not batched:
            joined = [g.Squeeze(f, g.ints([1])) for f in joined]
        return [self._output(g, y, batched), *joined]

    def _stack(self, layer: int) -> Stack:
        hidden, inputs = known([self.hidden_size, self.input_size], "hidden_size")
        relu = self.kind is RELU
        return Stack(
            self.kind,
            self.suffixes(layer),
            inputs if layer == 0 else hidden * self.directions,
            hidden,
            self.bias,
            "Relu" if relu else "",
        )

    def _by_layer(self, g: Graph, state: Value | None, layers: int, batched: bool) -> Sequence[Value | None]:
        if state is None:
            return [None] * layers
        if not batched:
            state = g.Unsqueeze(state, g.ints([1]))
        if layers == 1:
            return [state]
        parts: Sequence[Value] = g.Split(state, g.ints([self.directions] * layers), axis=0, outputs=layers)
        return parts

    def _joined(self, g: Graph, y: Value) -> Value:
        """[L, directions, N, H] as [L, N, directions * H]."""
        if self.directions == 1:
            return g.Squeeze(y, g.ints([1]))
        return g.Reshape(g.Transpose(y, perm=[0, 2, 1, 3]), g.ints([0, 0, -1]))

    def _output(self, g: Graph, y: Value, batched: bool) -> Value:
        if not batched and self.directions == 1:
            return g.Squeeze(y, g.ints([1, 2]))
        if not batched:
            return g.Reshape(y, g.ints([0, -1]))
        if not self.batch_first:
            return self._joined(g, y)
        if self.directions == 1:
            return g.Transpose(g.Squeeze(y, g.ints([1])), perm=[1, 0, 2])
        return g.Reshape(g.Transpose(y, perm=[2, 0, 1, 3]), g.ints([0, 0, -1]))


class _OneState(_Recurrent):
    """Carries one state from step to step."""

    def infer(self, cx: Cx, input: Tensor, hx: Tensor | None = None) -> Any:
        model_float(cx, input)
        state = self.state(input, self.hidden_size)
        self.check_state(cx, hx, state, "an initial state")
        return self.outputs(input), state

    def flops(self, out: Any, input: Tensor, hx: Tensor | None = None) -> Products:
        return self.products(input, hx)

    def onnx(self, g: Graph, input: Value, hx: Value | None = None) -> Any:
        return tuple(self.lowered(g, input, [hx]))


class RNN(_OneState):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or ReLU for tanh."""

    input_size: Dim
    hidden_size: Dim
    num_layers: Dim = 1
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    bias: bool = True
    batch_first: bool = False
    dropout: Number = 0.0
    bidirectional: bool = False

    torch = "nn.RNN"

    @property
    def kind(self) -> Kind:
        return TANH if self.nonlinearity == "tanh" else RELU


class GRU(_OneState):
    """h_t = (1 - z) ⊙ n + z ⊙ h_(t-1), with reset, update and new gates r, z, n.

    Source: https://arxiv.org/abs/1406.1078
    """

    input_size: Dim
    hidden_size: Dim
    num_layers: Dim = 1
    bias: bool = True
    batch_first: bool = False
    dropout: Number = 0.0
    bidirectional: bool = False

    torch = "nn.GRU"
    gates = 3

    @property
    def kind(self) -> Kind:
        return GRU_GATES


class LSTM(_Recurrent):
    """c_t = f ⊙ c_(t-1) + i ⊙ g, h_t = o ⊙ tanh(c_t), with input, forget, cell and output gates.

    Source: https://www.bioinf.jku.at/publications/older/2604.pdf
    """

    input_size: Dim
    hidden_size: Dim
    num_layers: Dim = 1
    bias: bool = True
    batch_first: bool = False
    dropout: Number = 0.0
    bidirectional: bool = False
    proj_size: Dim = 0

    torch = "nn.LSTM"
    gates = 4

    @property
    def kind(self) -> Kind:
        return LSTM_GATES

    def check(self, cx: Cx) -> None:
        super().check(cx)
        at_least(cx, 0, proj_size=self.proj_size)
        cx.require(
            Cond.lt(self.proj_size, self.hidden_size),
            f"{cx.name} projects to fewer than {self.hidden_size} features, but proj_size is {self.proj_size}",
            code="E0502",
            arg="proj_size",
        )

    def infer(self, cx: Cx, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Any:
        model_float(cx, input)
        hidden, cell = self.state(input, self.output_size), self.state(input, self.hidden_size)
        if hx is not None:
            self.check_state(cx, hx[0], hidden, "an initial hidden state")
            self.check_state(cx, hx[1], cell, "an initial cell state")
        return self.outputs(input), (hidden, cell)

    def flops(self, out: Any, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Products:
        return self.products(input, hx and hx[0])

    def onnx(self, g: Graph, input: Value, hx: tuple[Value, Value] | None = None) -> Any:
        if self.projection != 0:
            return self._projected(g, input, hx)
        y, hidden, cell = self.lowered(g, input, hx if hx is not None else (None, None))
        return y, (hidden, cell)

    def _projected(self, g: Graph, x: Value, hx: tuple[Value, Value] | None) -> Any:
        """The layers one after another, the directions of each side by side."""
        axis = int(self.batch_first and len(x.dims) == 3)
        wanted = self.state(x, self.output_size), self.state(x, self.hidden_size)
        finals: list[tuple[Value, Value]] = []
        for layer in range(known([self.num_layers], "num_layers")[0]):
            parts: list[Value] = []
            for suffix in self.suffixes(layer):
                hidden, cell = (self._start(g, w, hx and hx[i], len(finals)) for i, w in enumerate(wanted))
                y, *final = Projected(suffix, self.bias, axis, len(parts) == 1).emit(g, x, hidden, cell)
                parts.append(y)
                finals.append((final[0], final[1]))
            y = parts[0] if len(parts) == 1 else g.Concat(*parts, axis=-1)
            x = g.typed(y, x.dtype, (*x.shape[:-1], self.directions * self.output_size))
        new = g.ints([0])
        states = (
            g.Concat(*(g.Unsqueeze(f, new) for f in each), axis=0) for each in zip(*finals, strict=True)
        )
        return x, tuple(states)

    def _start(self, g: Graph, wanted: Tensor, given: Value | None, at: int) -> Value:
        """The state before the first step of one direction of one layer."""
        one = wanted.with_shape(wanted.shape[1:])
        if given is None:
            return zeros(g, one)
        return g.typed(g.Gather(given, g.const(at, DType.I64)), one.dtype, one.shape)
