"""What PyTorch counts: the FLOPs of a call, and of its gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

aten = torch.ops.aten


def _convolution_backward(
    grad: Any, x: Any, weight: Any, *args: Any, out_val: Any = None, **kwargs: Any
) -> int:
    """As PyTorch's formula, but for the weight of a grouped convolution, whose gradient that counts as if there were one
    group: each gradient is a convolution of as many products as the one forward."""
    transposed, mask = args[4], args[7]
    forward = conv_flop_count(list(x.shape), list(weight.shape), list(grad.shape), transposed=transposed)
    return forward * (mask[0] + mask[1])


_convolution_backward._get_raw = True  # type: ignore[attr-defined]  # the counter then hands over tensors


def counted(run: Callable[..., object], given: Sequence[Any], *, gradients: bool = False) -> int:
    """The FLOPs of a call, and of the gradients of all that it gives; attention is made of its products."""
    mapping = {aten.convolution_backward: _convolution_backward}
    with (
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=mapping) as counter,
    ):
        results = differentiable(run(*given))
        if gradients and results:
            torch.stack([t.sum() for t in results]).sum().backward()
    return counter.get_total_flops()


def differentiable(value: object) -> list[torch.Tensor]:
    """The tensors in a result of which gradients can be taken."""
    if isinstance(value, tuple | list):
        return [t for v in value for t in differentiable(v)]
    return [value] if isinstance(value, torch.Tensor) and value.requires_grad else []
