"""Lists of lists, running sizes inside running sizes, models in models, layers that
may be none.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dense(nn.Module):
    def __init__(self, growth: int, *, C: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(C, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, C, H, W] -> [N, C + growth, H, W]
        return torch.cat([x, self.conv(x)], dim=1)


class Transition(nn.Module):
    def __init__(self, p: float, *, C: int) -> None:
        super().__init__()
        if C < 2:
            raise ValueError(f"conv needs C >= 2 (C={C})")
        self.conv = nn.Conv2d(C, C // 2, 1)
        self.drop = nn.Dropout(p) if p > 0 else None

    def forward(self, x: Tensor) -> Tensor:  # x: [N, C, H, W] -> [N, C//2, H//2, W//2]
        x = F.avg_pool2d(F.relu(self.conv(x)), 2)  # [N, C//2, H//2, W//2]
        return x if self.drop is None else self.drop(x)


class DenseNet(nn.Module):
    def __init__(
        self, growth: int = 4, depths: Sequence[int] = (2, 3), p: float = 0.0
    ) -> None:
        super().__init__()
        if len(depths) != 2:
            raise ValueError(f"depths must have 2 items (depths={depths})")
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        C = 8
        first: list[nn.Module] = []
        for _ in range(depths[0]):
            first.append(Dense(growth, C=C))
            C = growth + C
        self.first = nn.Sequential(*first)
        self.middle = Transition(p, C=growth * depths[0] + 8)
        C_2 = growth * depths[0] // 2 + 4
        second: list[nn.Module] = []
        for _ in range(depths[1]):
            second.append(Dense(growth, C=C_2))
            C_2 = growth + C_2
        self.second = nn.ModuleList(second)
        self.head = nn.Linear(growth * depths[1] + growth * depths[0] // 2 + 4, 10)

    def forward(self, image: Tensor) -> Tensor:  # image: [N, 3, H, W] -> [N, 10]
        _, _, H, W = image.shape
        if not torch.compiler.is_compiling() and isinstance(H, int):
            if H < 2:
                raise ValueError(f"H must be at least 2 (H={H})")
            if W < 2:
                raise ValueError(f"W must be at least 2 (W={W})")
        x = self.stem(image)  # [N, 8, H, W]
        x = self.first(x)  # [N, growth*depths[0] + 8, H, W]
        x = self.middle(x)  # [N, growth*depths[0]//2 + 4, H//2, W//2]
        for layer in self.second:
            x = layer(x)
        out: Tensor = self.head(x.amax(dim=(2, 3)))
        return out


class Pair(nn.Module):
    def __init__(self, growth: int = 2) -> None:
        super().__init__()
        self.net = DenseNet(growth)
        self.grid = nn.ModuleList(
            [nn.ModuleList([nn.Linear(10, 10) for _ in range(i + 1)]) for i in range(2)]
        )
        self.last = nn.ModuleDict(
            {"a": nn.Linear(10, 5), **({"b": nn.Linear(10, 5)} if growth <= 1 else {})}
        )

    def forward(self, image: Tensor) -> Tensor:  # image: [N, 3, H, W] -> [N, 5]
        _, _, H, W = image.shape
        if not torch.compiler.is_compiling() and isinstance(H, int):
            if H < 2:
                raise ValueError(f"H must be at least 2 (H={H})")
            if W < 2:
                raise ValueError(f"W must be at least 2 (W={W})")
        x = self.net(image)  # [N, 10]
        for row in self.grid:
            for layer in cast(nn.ModuleList, row):
                x = layer(x)
            x = F.relu(x)
        out: Tensor = self.last["a"](x)
        return out
