"""Blocks for others to import."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

SCALE = 0.5


class Residual(nn.Module):
    def __init__(self, hidden: int, *, D: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(D, hidden)
        self.fc2 = nn.Linear(hidden, D)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, D] -> [N, D]
        out: Tensor = x + self.fc2(F.relu(self.fc1(x))) * SCALE
        return out


WIDTH = 12


class Tower(nn.Module):
    def __init__(
        self,
        part: Callable[..., nn.Module] = Residual,
        hidden: int = WIDTH,
        depth: int = 1,
    ) -> None:
        super().__init__()
        self.parts = nn.ModuleList([part(hidden, D=6) for _ in range(depth)])

    def forward(self, x: Tensor) -> Tensor:  # x: [N, 6] -> [N, 6]
        for layer in self.parts:
            x = layer(x)
        return x
