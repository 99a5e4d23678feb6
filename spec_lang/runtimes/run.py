"""One run of one runtime, on inputs that the caller has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from spec_lang.ir import model
from spec_lang.runtimes.onnx import OnnxRuntime, OpenVino
from spec_lang.runtimes.prepared import Prepared, prepare
from spec_lang.runtimes.pytorch import Torch
from spec_lang.runtimes.request import NUMPY, CannotRun, Progress, Request
from spec_lang.shapes.dtype import DType

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


class Runtime(Protocol):
    """Runs a prepared model: nested arrays by the method's own names in, arrays by the graph's names out."""

    name: str

    def __call__(self, inputs: Mapping[str, Any]) -> dict[str, Array]: ...

    def ready(self, inputs: Mapping[str, Any]) -> Callable[[], object]:
        """A run on these inputs, with all conversion done: what a benchmark times."""


RUNTIMES: Final[dict[str, Callable[[Prepared, int | None], Runtime]]] = {
    "torch": Torch,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
"""How each runtime is made, given a prepared model and a number of threads."""


def run(
    request: Request,
    inputs: Mapping[str, Array],
    runtime: str = "onnxruntime",
    progress: Progress = lambda text: None,
) -> dict[str, Array]:
    """What one runtime gives for inputs by the graph's names (`states_0` for the first of `states`).

    Raises:
        CannotRun: the runtime is not there, or the inputs are not those of the model.
    """
    with prepare(request, progress) as prepared:
        nested = nest(prepared, inputs)
        progress(f"running {runtime}")
        loaded = RUNTIMES[runtime](prepared, None)
        try:
            return loaded(nested)
        except (ValueError, IndexError, RuntimeError) as error:
            raise CannotRun(f"{runtime} refuses these inputs: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def nest(prepared: Prepared, inputs: Mapping[str, Array]) -> dict[str, Any]:
    """Arrays by the graph's names as the method takes them.

    Raises:
        CannotRun: one is missing, too much, or of another rank or dtype.
    """
    expected = {i.name: i for i in prepared.exported.model.inputs}
    problems = [f"`{name}` is missing" for name in expected if name not in inputs]
    problems += [f"there is no input `{name}`" for name in inputs if name not in expected]
    for name, array in inputs.items():
        if name in expected:
            type = expected[name]
            dtype = NUMPY[prepared.request.dtype if type.dtype is DType.FLOAT else type.dtype]
            sizes = [d.const for d in type.dims]
            fits = array.ndim == len(sizes) and all(
                s in (None, n) for s, n in zip(sizes, array.shape, strict=True)
            )
            if not fits:
                problems.append(f"`{name}` is {list(array.shape)}, but the model takes {type}")
            elif array.dtype.name != dtype:
                problems.append(f"`{name}` is {array.dtype.name}, but the model takes {dtype}")
    if problems:
        raise CannotRun(
            f"{'; '.join(problems)} (the model takes {', '.join(map(_described, expected.values()))})"
        )
    return {
        i.name: _nested(i.name, i.type, inputs) for i in prepared.method.inputs if _present(i.name, expected)
    }


def _described(value: Any) -> str:
    return f"{value.name}: {value}"


def _present(name: str, expected: Collection[str]) -> bool:
    return name in expected or f"{name}_0" in expected


def _nested(name: str, type: model.Type, inputs: Mapping[str, Array]) -> Any:
    if isinstance(type, model.OptionalType):
        return _nested(name, type.base, inputs)
    if isinstance(type, model.TupleType):
        return tuple(_nested(f"{name}_{n}", t, inputs) for n, t in enumerate(type.items))
    if isinstance(type, model.ListType):
        items: list[Any] = []
        while _present(f"{name}_{len(items)}", inputs):
            items.append(_nested(f"{name}_{len(items)}", type.item, inputs))
        return items
    return inputs[name]
