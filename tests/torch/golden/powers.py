"""Sizes that are formulas in the index along a list: powers and multiples, written
out on both sides.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Hourglass(nn.Module):
    def __init__(self, C: int = 4, n: int = 2, growth: int = 3) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [nn.Conv2d(C * 2**i, C * 2 ** (i + 1), 3, padding=1) for i in range(n)]
        )
        self.grown = nn.ModuleList(
            [
                nn.Conv2d(C * 2**n * growth**i, C * 2**n * growth ** (i + 1), 1)
                for i in range(n)
            ],
        )
        self.shrunk = nn.Conv2d(C * 2**n * growth**n, C * 2**n, 1)
        self.up = nn.ModuleList(
            [
                nn.Conv2d(C * 2 ** (n - i), C * 2 ** (n - i - 1), 3, padding=1)
                for i in range(n)
            ],
        )
        self.more = nn.ModuleList(
            [nn.Linear(C * (i + 1), C * (i + 2)) for i in range(n)]
        )

    def forward(self, x: Tensor) -> Tensor:  # x: [N, C, H, W] -> [N, H, W, C + C*n]
        for module in self.down:
            x = module(x)
        for module in self.grown:
            x = module(x)
        x = self.shrunk(x)  # [N, C*2**n, H, W]
        for module in self.up:
            x = module(x)
        x = x.permute(0, 2, 3, 1)  # [N, H, W, C]
        for layer in self.more:
            x = F.relu(layer(x))
        return x


class Halving(nn.Module):
    def __init__(self, depth: int = 3) -> None:
        super().__init__()
        self.halves = nn.ModuleList(
            [nn.Linear(2 ** (depth - i), 2 ** (depth - i - 1)) for i in range(depth)]
        )

    def forward(self, x: Tensor) -> Tensor:  # x: [N, 2**depth] -> [N, 1]
        for layer in self.halves:
            x = layer(x)
        return x
