"""torchvision's own models, to hold specs to: only its Python is used, so that any build of it will do."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
for _name in ("nms", "qnms"):  # what its import takes for granted, and no model here runs
    if not hasattr(torch.ops.torchvision, _name):
        OPERATORS.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torchvision import models, ops  # noqa: E402
from torchvision.models.convnext import CNBlockConfig as convnext  # noqa: E402

__all__ = ["convnext", "models", "network", "ops"]


def network(name: str, **options: Any) -> nn.Module:
    """A model by its name there, with random weights."""
    return models.get_model(name, weights=None, **options)
