"""Sizes that methods read: packs, multiples, optional inputs, lets and annotations."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def noisy(x: Tensor, p: float, *, training: bool) -> Tensor:  # x: [*B] -> [*B]
    return F.dropout(x, p, training=training)


def twice(x: Tensor, *, training: bool) -> Tensor:  # x: [*B] -> [*B]
    return noisy(noisy(x, 0.1, training=training), 0.2, training=training)


class Packs(nn.Module):
    def __init__(self, dim: int = 4) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # x: [*B, T, dim] -> [*B, T, dim], [T]
        T = x.size(-2)
        y = x + torch.zeros_like(x)
        return y, torch.arange(T, dtype=x.dtype, device=x.device)


class Multiples(nn.Module):
    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.dim = dim
        self.fc = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, 2*h, w + 1, dim] -> [N, h, dim]
        h = x.size(1) // 2
        w = x.size(2) - 1
        y = torch.narrow(x, 2, 0, w // 2 + 1)  # [N, 2*h, w//2 + 1, dim]
        K = y.size(2)
        y = (
            y.sum(dim=2)
            + torch.ones(2 * h, self.dim, device=x.device, dtype=x.dtype) * K
        )  # [N, 2*h, dim]
        a, b = y.chunk(2, dim=1)
        return twice(self.fc(a + b), training=self.training)


class Cache(nn.Module):
    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.key = nn.Linear(dim, dim)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None = None) -> Tensor:
        # x: [N, T, dim], past: ([N, P, dim], [N, P, dim]) -> [N, T, dim]
        T = x.size(1)
        P = 0 if past is None else past[0].size(1)
        positions = torch.arange(P, P + T, device=x.device)  # [T]
        out: Tensor = self.key(x) + positions[:, None]
        return out


class Wide(nn.Module):
    def __init__(
        self, dim: int = 4, factor: float = 1.5, sizes: Sequence[int] = (1, 2, 3)
    ) -> None:
        super().__init__()
        if int(dim * factor) < 1:
            raise ValueError(
                "first_projection_of_the_input needs int(dim * factor) >= 1 "
                f"(dim={dim}, factor={factor})"
            )
        inner = int(dim * factor)
        self.dim = dim
        self.sizes = sizes
        self.inner = inner
        self.first_projection_of_the_input = nn.Linear(dim, inner)
        self.second_projection_of_it = nn.Linear(inner, dim)
        self.scales = nn.ModuleList(
            [
                nn.Linear(dim, dim, bias=(size + i) % 2 == 0)
                for i, size in enumerate(sizes)
            ],
        )

    def forward(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        # skip: [N, int(dim * factor)]
        skip = F.leaky_relu(self.first_projection_of_the_input(x), negative_slope=0.2)
        skip = self.second_projection_of_it(skip)
        y = F.relu(self.first_projection_of_the_input(x))  # [N, int(dim * factor)]
        x = x + self.second_projection_of_it(y) * torch.tanh(skip)
        for scale, _ in zip(self.scales, self.sizes, strict=False):
            x = scale(x)
        for _ in range(2):
            x = x + skip
        return x / max(self.inner, self.dim)
