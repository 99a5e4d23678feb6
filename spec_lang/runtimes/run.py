"""One run of one runtime, on inputs that the caller has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from spec_lang.ir import model
from spec_lang.runtimes.inputs import present
from spec_lang.runtimes.onnx import OnnxRuntime, OpenVino
from spec_lang.runtimes.prepared import Prepared, prepare
from spec_lang.runtimes.pytorch import Torch
from spec_lang.runtimes.request import NUMPY, CannotRun, Progress, Request, first_line
from spec_lang.shapes.dtype import DType
from spec_lang.shapes.linear import linear

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array
    from spec_lang.shapes import Dim
    from spec_lang.targets.onnx.nodes import Edge


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
    with prepare(request, progress, torch=runtime == "torch") as prepared:
        nested = nest(prepared, inputs)
        progress(f"running {runtime}")
        loaded = RUNTIMES[runtime](prepared, None)
        try:
            return loaded(nested)
        except (ValueError, IndexError, RuntimeError) as error:
            raise CannotRun(f"{runtime} refuses these inputs: {first_line(error)}") from None


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
    problems = problems or _sizes_that_differ(expected, inputs)
    if problems:
        raise CannotRun(
            f"{'; '.join(problems)} (the model takes {', '.join(map(_described, expected.values()))})"
        )
    return {
        i.name: _nested(i.name, i.type, inputs) for i in prepared.method.inputs if present(i.name, expected)
    }


def _sizes_that_differ(expected: Mapping[str, Edge], inputs: Mapping[str, Array]) -> list[str]:
    """Inputs with a size that is no value of its dim (60 is none of `32*h`), or not the one that a name has elsewhere."""
    found: dict[str, int] = {}
    problems = []
    for name, type in expected.items():
        shape = inputs[name].shape
        for whole, n in zip(type.dims, shape, strict=True):
            d = whole.substitute(found)
            if _fits(d, n, found):
                continue
            given = ", ".join(f"{s} = {k}" for s, k in found.items() if s in whole.symbols)
            where = f", with {given}" if given else ""
            problems.append(f"`{name}` is {list(shape)}, but the model takes {type}{where}")
            break
    return problems


def _fits(d: Dim, n: int, found: dict[str, int]) -> bool:
    """Whether a dim may be `n`; where one name is unknown in it, and it is linear in that, the name's value is found."""
    if d.const is not None:
        return d.const == n
    name, *others = d.symbols
    scale = None if others or name == "_" else linear(d, name)
    if scale is None:
        return True
    factor, offset = scale
    if factor.const is None or offset.const is None:
        return True
    value, rest = divmod(n - offset.const, factor.const)
    if rest or value < 0:
        return False
    found[name] = value
    return True


def _described(value: Any) -> str:
    return f"{value.name}: {value}"


def _nested(name: str, type: model.Type, inputs: Mapping[str, Array]) -> Any:
    if isinstance(type, model.OptionalType):
        return _nested(name, type.base, inputs)
    if isinstance(type, model.TupleType):
        return tuple(_nested(f"{name}_{n}", t, inputs) for n, t in enumerate(type.items))
    if isinstance(type, model.ListType):
        items: list[Any] = []
        while present(f"{name}_{len(items)}", inputs):
            items.append(_nested(f"{name}_{len(items)}", type.item, inputs))
        return items
    return inputs[name]
