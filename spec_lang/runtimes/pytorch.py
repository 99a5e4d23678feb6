"""The generated module in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from spec_lang.runtimes.prepared import Prepared
from spec_lang.runtimes.request import CannotRun, LacksOperator, needs
from spec_lang.shapes.dtype import DType
from spec_lang.targets.torch.names import parameters, safe

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


class Torch:
    """The generated module in PyTorch, on the CPU, in evaluation mode.

    Args:
        fast: Whether `nn.TransformerEncoder` may take its fast path, which gives zeros where a mask hides the input and the
            other path gives numbers.
        double: Whether floats are f64, whatever the model's precision: the same numbers, with roundings that do not matter.
    """

    name = "torch"

    def __init__(
        self, prepared: Prepared, threads: int | None = None, *, fast: bool = True, double: bool = False
    ) -> None:
        needs("torch")
        import torch

        self.torch = torch
        self.fast = fast
        self.dtype = prepared.request.dtype
        if threads is not None:
            torch.set_num_threads(threads)
        self.outputs = prepared.outputs
        self.double = double
        self.module = _torch_module(prepared)
        if double:
            self.module.double()
        self.method = getattr(self.module, prepared.request.method)
        self.names = parameters(i.name for i in prepared.method.inputs)
        if prepared.request.method == "forward":
            self.method = self.module  # hooks run when the module itself is called

    def tensors(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs as PyTorch takes them."""
        return {self.names[name]: self._tensor(value) for name, value in inputs.items()}

    def _tensor(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(map(self._tensor, value))
        tensor = self.torch.from_numpy(value)
        return tensor.double() if self.double and tensor.is_floating_point() else tensor

    def call(self, tensors: Mapping[str, Any]) -> Any:
        """What the method gives for tensors."""
        mha = self.torch.backends.mha
        before = mha.get_fastpath_enabled()
        mha.set_fastpath_enabled(self.fast)
        precision = self.torch.get_default_dtype()
        if self.double:  # tensors that the method makes are of the default dtype
            self.torch.set_default_dtype(self.torch.float64)
        try:
            with self.torch.inference_mode():
                return self.method(**tensors)
        except NotImplementedError as error:  # a precision that an operator lacks
            raise LacksOperator(f"PyTorch on the CPU: {error}") from None
        except RuntimeError as error:
            if self.dtype is DType.F32:
                raise
            # A number of the spec that is too large for a short precision, which PyTorch notices as it runs.
            first, _, _ = str(error).partition("\n")
            raise CannotRun(f"PyTorch cannot run it in {self.dtype}: {first}") from None
        finally:
            self.torch.set_default_dtype(precision)
            mha.set_fastpath_enabled(before)

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        tensors = self.tensors(inputs)
        return lambda: self.call(tensors)

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]:
        results = _leaves(self.call(self.tensors(inputs)))
        return dict(zip(self.outputs, map(_array, results), strict=True))


def _torch_module(prepared: Prepared) -> Any:
    """The generated module with the prepared model's weights."""
    import torch

    from spec_lang.loading import from_program

    request = prepared.request
    source = from_program(request.program, f"specc_{request.name}", allow_extern=request.allow_extern)
    # What construction draws is overwritten, every tensor of it.
    names = parameters(h.name for h in prepared.definition.hypers)
    given = {names[k]: v for k, v in request.overrides.items()}
    module = getattr(source, safe(request.name))(**given).eval()
    module.to({DType.F16: torch.float16, DType.F32: torch.float32, DType.BF16: torch.bfloat16}[request.dtype])
    state = {
        key: torch.from_numpy(values).view(torch.bfloat16)
        if dtype is DType.BF16
        else torch.from_numpy(values)
        for key, values, dtype in prepared.tensors()
    }
    module.load_state_dict(state, strict=True)
    return module


def _leaves(value: Any) -> list[Any]:
    """The tensors of a result, in order; what is none has no output."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _array(tensor: Any) -> Array:
    import torch

    if tensor.dtype is torch.bfloat16:
        tensor = tensor.float()
    result: Array = tensor.detach().numpy()
    return result
