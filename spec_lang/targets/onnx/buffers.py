"""What buffers and parameters start as where an expression says so, computed while the model is exported."""

from __future__ import annotations

from spec_lang.ir import model
from spec_lang.ir.evaluate import FUEL, EvaluationError
from spec_lang.ir.state import State, Tensor
from spec_lang.ops.lowering import Value
from spec_lang.shapes import DType
from spec_lang.targets.onnx import proto, reference
from spec_lang.targets.onnx.elaborate import Elaborator
from spec_lang.targets.onnx.graph import Builder, Stored
from spec_lang.targets.onnx.nodes import Const, as_edge


class Buffers:
    """Computes the starts of one model's tensors, each once."""

    def __init__(self, program: model.Program, state: State, g: Builder, fuel: int = FUEL) -> None:
        self._program = program
        self._state = state
        self._g = g
        self._fuel = fuel
        self._constants: dict[str, Value] = {}

    def constant(self, tensor: Tensor) -> Value:
        """A tensor that the state_dict does not have, as a constant of the graph."""
        found = self._constants.get(tensor.key)
        if found is None:
            raw = self._computed(tensor, self._g.precision)
            found = self._constants[tensor.key] = self._g.constant(
                raw, tensor.dtype, tensor.shape, name=tensor.key
            )
        return found

    def start(self, tensor: Tensor) -> bytes:
        """What a tensor of the state_dict starts as; of f32 where it is a `float`."""
        return self._computed(tensor, DType.F32)

    def _computed(self, tensor: Tensor, precision: DType) -> bytes:
        assert tensor.value is not None
        node, env = tensor.value

        def lookup(key: str) -> Stored | Value:
            other = self._state.by_key[key]
            return Buffers(self._program, self._state, g).constant(other)

        g = Builder(opset=proto.DEFAULT_OPSET, precision=precision, lookup=lookup)
        value = Elaborator(self._program, g, self._fuel).value(node, env)
        if isinstance(value, Value):
            found = as_edge(g.cast(value, tensor.dtype)).root
            if isinstance(found, Const) and found.sizes == tensor.shape:
                return found.raw
            raw = reference.computed(g, value, tensor.dtype, tensor.shape)
            if raw is not None:
                return raw
        message = f"what {tensor.key} starts as cannot be computed without running the model"
        raise EvaluationError("E0906", message, env.file, node.span)
