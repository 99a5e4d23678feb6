"""How calls learn their dims."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, plain
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, Evaluator
from spec_lang.shapes import Dim, TensorType, dim, exact_div


def bind_dims(
    e: Evaluator, bindings: Sequence[model.DimBinding], env: Env, inputs: Sequence[model.Input] = ()
) -> None:
    """Give the dims of a call their values: `size(axis) == scale * name + offset`; 0 where the tensor is absent."""
    for b in bindings:
        tensor = _there(e, b.tensor, env)
        if b.name.startswith("*"):
            _bind_pack(b, tensor, env, inputs)
        elif isinstance(tensor, TensorType):
            found = tensor.shape[b.axis]
            assert isinstance(found, Dim)
            scale, offset = size(b.scale, env.values), size(b.offset, env.values)
            value = found - offset
            env.values[b.name] = plain(value if scale == 1 else exact_div(value, dim(scale)))
        else:
            env.values.setdefault(b.name, 0)


def _there(e: Evaluator, node: model.Expression, env: Env) -> Host:
    """An input or a part of one; None where the input is absent."""
    if isinstance(node, model.Subscript) and _there(e, node.value, env) is None:
        return None
    return e.value(node, env)


def _bind_pack(b: model.DimBinding, tensor: Host, env: Env, inputs: Sequence[model.Input]) -> None:
    """The leading dims `*B`: those that the type's other dims leave."""
    dims: tuple[Host, ...] = ()
    if isinstance(tensor, TensorType):
        type = b.tensor.type or _declared(b.tensor, inputs)
        assert isinstance(type, model.TensorType)
        others = len(type.dims) - 1
        dims = tuple(map(plain, tensor.dims[b.axis : len(tensor.shape) - (others - b.axis)]))
    env.values[b.name] = env.values[b.name[1:]] = dims


def _declared(node: model.Expression, inputs: Sequence[model.Input]) -> model.Type | None:
    """The type of an input, or of a part of one."""
    type: model.Type | None = None
    if isinstance(node, model.Name):
        type = next((i.type for i in inputs if i.name == node.id), None)
    elif isinstance(node, model.Subscript) and isinstance(node.index[0], model.Literal_):
        whole = _declared(node.value, inputs)
        at = node.index[0].value
        if isinstance(whole, model.TupleType) and isinstance(at, int):
            type = whole.items[at]
        elif isinstance(whole, model.ListType):
            type = whole.item
    return type.base if isinstance(type, model.OptionalType) else type
