"""Externs: nodes of the custom domain that the spec names for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.binding import bind_dims
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, Evaluator
from spec_lang.ops.lowering import Unsupported
from spec_lang.shapes import DType, TensorType, dim
from spec_lang.targets.onnx.emitter import Emitter
from spec_lang.targets.onnx.nodes import Edge, edges_in


def emit(
    e: Evaluator,
    g: Emitter,
    definition: model.Extern,
    values: Mapping[str, Host],
    args: Sequence[Host],
    kwargs: Mapping[str, Host],
) -> Host:
    """One node: its inputs are the tensors, its attributes the hyperparameters.

    Raises:
        Unsupported: the spec names no domain.
    """
    if definition.domain is None:
        raise Unsupported(
            f'it is Python code from {definition.module}; `as "some.domain"` makes it an op of that domain'
        )
    method = definition.forward
    given = dict(zip((i.name for i in method.inputs), args, strict=False)) | dict(kwargs)
    env = Env(definition.file, dict(values), {i.name: given.get(i.name) for i in method.inputs})
    bind_dims(e, method.dims, env, method.inputs)
    inputs: list[Edge | None] = []
    for i in method.inputs:
        inputs += edges_in(env.locals[i.name]) or [None]
    types = [_type(r.type, env) for r in method.results]
    made: Any = g.emit(
        definition.name,
        inputs,
        {k: v for k, v in values.items() if v is not None},
        outputs=len(types),
        domain=definition.domain,
    )
    results = (made,) if isinstance(made, Edge) else made
    typed = tuple(g.typed(v, t.dtype, t.shape) for v, t in zip(results, types, strict=True))
    return typed if method.results_tuple or len(typed) > 1 else typed[0]


def _type(type: model.Type, env: Env) -> TensorType:
    if not isinstance(type, model.TensorType):
        raise Unsupported("a node of a custom domain gives tensors, each on its own")
    dtype = DType.named(type.dtype)
    assert dtype is not None
    return TensorType(dtype, tuple(dim(size(d, env.values)) for d in type.dims))
