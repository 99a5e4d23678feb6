"""What layers and functions that somebody wrote in Python say they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.binding import bind_dims
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, Evaluator
from spec_lang.shapes import Dim, DType, TensorType, dim


def declared(
    e: Evaluator,
    definition: model.Extern,
    values: Mapping[str, Host],
    args: Sequence[Host],
    kwargs: Mapping[str, Host],
) -> tuple[dict[str, Host], Host]:
    """What a call was given, by the names of the inputs, and the types of what it gives, nested as it gives them.

    Raises:
        HostError: E0903, something that it gives is neither a tensor nor a tuple of them.
    """
    method = definition.forward
    given = dict(zip((i.name for i in method.inputs), args, strict=False)) | dict(kwargs)
    env = Env(definition.file, dict(values), {i.name: given.get(i.name) for i in method.inputs})
    bind_dims(e, method.dims, env, method.inputs)
    types = tuple(_type(r.type, env) for r in method.results)
    return given, types if method.results_tuple or len(types) > 1 else types[0]


def _type(type: model.Type, env: Env) -> Host:
    if isinstance(type, model.TupleType):
        return tuple(_type(t, env) for t in type.items)
    if not isinstance(type, model.TensorType):
        raise HostError(
            "what an extern gives is known only where it is tensors or tuples of them", code="E0903"
        )
    dtype = DType.named(type.dtype)
    assert dtype is not None
    shape: list[Dim] = []
    for text in type.dims:
        if text.startswith("*"):
            shape += map(dim, env.values[text])
        else:
            shape.append(dim(size(text, env.values)))
    return TensorType(dtype, tuple(shape))
