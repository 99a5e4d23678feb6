"""Finds the first layer at which an exported model departs from PyTorch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spec_lang.runtimes import OnnxRuntime, Prepared, Torch

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


def first_difference(prepared: Prepared, torch: Torch, inputs: Mapping[str, Any]) -> str | None:
    """The path of the first layer, in the order in which PyTorch finishes them, whose result ONNX Runtime does not have.

    A layer's result is looked for among the values of the nodes that its path names; a layer whose nodes have no value of
    that shape and dtype (they were fused, or it runs several times) is passed over.
    """
    from spec_lang.runtimes.verify import TOLERANCES, difference

    theirs = _intermediate(prepared, inputs)
    tolerance = TOLERANCES[prepared.request.dtype]
    for path, results in _hooked(torch, inputs):
        below = [v for name, v in theirs.items() if name.startswith(f"{path}.")]
        for want in results:
            like = [shaped for v in below if (shaped := _as_whole(v, want)) is not None]
            if like and not any(difference(path, want, v, tolerance).agrees for v in like):
                return path
    return None


def _as_whole(value: Array, want: Array) -> Array | None:
    """A value that may be a layer's result; a graph may hold the rows of one, [R, K] for [..., K]."""
    if value.dtype != want.dtype or value.size != want.size:
        return None
    if value.shape == want.shape or (value.ndim == 2 and value.shape[-1:] == want.shape[-1:]):
        return value.reshape(want.shape)
    return None


def _hooked(torch: Torch, inputs: Mapping[str, Any]) -> list[tuple[str, list[Array]]]:
    """The tensors that every layer gives, inner layers before outer ones."""
    seen: list[tuple[str, list[Array]]] = []

    def hook(path: str) -> Any:
        def keep(module: Any, args: Any, result: Any) -> None:
            results = result if isinstance(result, list | tuple) else [result]
            tensors = [r for r in results if isinstance(r, torch.torch.Tensor)]
            seen.append((path, [t.detach().clone().numpy() for t in tensors]))

        return keep

    handles = [m.register_forward_hook(hook(path)) for path, m in torch.module.named_modules() if path]
    try:
        torch.call(torch.tensors(inputs))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _intermediate(prepared: Prepared, inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Every value in the graph, by its node's name and its place among the node's results."""
    import onnx

    proto = onnx.load(prepared.path, load_external_data=False)
    there = {o.name for o in proto.graph.output}
    for node in proto.graph.node:
        proto.graph.output.extend(onnx.ValueInfoProto(name=n) for n in node.output if n and n not in there)
    path = os.path.join(os.path.dirname(prepared.path), ".values.onnx")
    try:
        onnx.save(proto, path)
        results = OnnxRuntime(prepared, path=path)(inputs)
    finally:
        if os.path.exists(path):
            os.unlink(path)
    return {
        f"{node.name}:{i}": results[value]
        for node in proto.graph.node
        for i, value in enumerate(node.output)
        if value in results
    }
