"""How calls learn their dims, and what the inputs of the graph are."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, plain
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, Evaluator
from spec_lang.shapes import Dim, TensorType, dim, exact_div


def bind_dims(e: Evaluator, bindings: Sequence[model.DimBinding], env: Env) -> None:
    """Give the dims of a call their values: `size(axis) == scale * name + offset`; 0 where the tensor is absent."""
    for b in bindings:
        tensor = e.value(b.tensor, env)
        if b.name.startswith("*"):
            _bind_pack(b, tensor, env)
        elif isinstance(tensor, TensorType):
            found = tensor.shape[b.axis]
            assert isinstance(found, Dim)
            scale, offset = size(b.scale, env.values), size(b.offset, env.values)
            value = found - offset
            env.values[b.name] = plain(value if scale == 1 else exact_div(value, dim(scale)))
        else:
            env.values.setdefault(b.name, 0)


def _bind_pack(b: model.DimBinding, tensor: Host, env: Env) -> None:
    """The leading dims `*B`: those that the type's other dims leave."""
    dims: tuple[Host, ...] = ()
    if isinstance(tensor, TensorType):
        others = _others(b)
        dims = tuple(map(plain, tensor.dims[b.axis : len(tensor.shape) - (others - b.axis)]))
    env.values[b.name] = env.values[b.name[1:]] = dims


def _others(b: model.DimBinding) -> int:
    """How many dims the tensor's type has beside the pack."""
    type = b.tensor.type
    while isinstance(type, model.OptionalType):
        type = type.base
    assert isinstance(type, model.TensorType)
    return len(type.dims) - 1
