"""Channels that change along a list of stages."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Stage(nn.Module):
    def __init__(self, width: int, depth: int, stride: int = 1, *, C: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(C, width, 3, stride=stride, padding=1)
        self.blocks = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1) for _ in range(depth)]
        )

    def forward(self, x: Tensor) -> Tensor:
        # x: [N, C, H, W] -> [N, width, (H - 1)//stride + 1, (W - 1)//stride + 1]
        x = F.relu(self.down(x))  # [N, width, (H - 1)//stride + 1, (W - 1)//stride + 1]
        for conv in self.blocks:
            x = x + F.relu(conv(x))
        return x


class Net(nn.Module):
    def __init__(self, widths: Sequence[int] = (8, 16, 32), classes: int = 10) -> None:
        super().__init__()
        if len(widths) < 1:
            raise ValueError("widths must have at least one item")
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        C = 4
        stages: list[nn.Module] = []
        for width in widths:
            stages.append(Stage(width, 2, C=C))
            C = width
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(C, classes)

    def forward(self, image: Tensor) -> Tensor:  # image: [N, 3, H, W] -> [N, classes]
        x = self.stem(image)  # [N, 4, H, W]
        for layer in self.stages:
            x = layer(x)
        out: Tensor = self.head(x.mean(dim=(2, 3)))
        return out
