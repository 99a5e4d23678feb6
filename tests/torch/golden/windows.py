"""Windows cut out of tensors whose types mypy knows, and lines too long before their
last brackets.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaled(v: float, least: int = 8) -> int:
    return max(least, int(v + least / 2) // least * least)


class Windows(nn.Module):
    def __init__(self, window: int, *, D: int) -> None:
        super().__init__()
        if window < 2:
            raise ValueError(f"window must be at least 2 (window={window})")
        self.window = window
        self.mix = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        # x: [N, h*window, w*window, D] -> [N, h*window, w*window, D]
        h = x.size(1) // self.window
        w = x.size(2) // self.window
        y = (
            torch.unflatten(
                torch.unflatten(x, 2, (-1, self.window)), 1, (-1, self.window)
            )
            .transpose(2, 3)
            .flatten(3, 4)
            .flatten(0, 2)
        )  # [N*h*w, window**2, D]
        first, rest = torch.split(y, [1, self.window * self.window - 1], dim=1)
        y = self.mix(torch.cat([rest, first], dim=1))
        return (
            torch.unflatten(torch.unflatten(y, 1, (self.window, -1)), 0, (-1, h, w))
            .transpose(2, 3)
            .flatten(3, 4)
            .flatten(1, 2)
        )


class Distances(nn.Module):
    def __init__(self, max_distance: int) -> None:
        super().__init__()
        self.max_distance = max_distance

    def forward(self, x: Tensor) -> Tensor:  # x: [N, T, D] -> [T, T]
        T = x.size(1)
        distance = (
            torch.arange(T, device=x.device)[None, :]
            - torch.arange(T, device=x.device)[:, None]
        ).abs()  # [T, T]
        large = self.max_distance + (
            torch.log(distance.to(x.dtype) / self.max_distance)
            / math.log(128 / self.max_distance)
            * self.max_distance
        ).to(torch.int64)
        return torch.where(distance < self.max_distance, distance, large)


class Net(nn.Module):
    positions: Tensor

    def __init__(self, dim: int = 8, context: int = 32) -> None:
        super().__init__()
        if dim % 2 != 0:
            raise ValueError(f"dim must be divisible by 2 (dim={dim})")
        self.register_buffer(
            "positions",
            torch.stack(
                [
                    torch.sin(
                        torch.arange(context, dtype=torch.get_default_dtype())[:, None]
                        * torch.exp(
                            torch.arange(0, dim, 2, dtype=torch.get_default_dtype())
                            / dim,
                        ),
                    ),
                    torch.cos(
                        torch.arange(context, dtype=torch.get_default_dtype())[:, None]
                        * torch.exp(
                            torch.arange(0, dim, 2, dtype=torch.get_default_dtype())
                            / dim,
                        ),
                    ),
                ],
                dim=-1,
            ).flatten(1),
        )
        self.windows = Windows(2, D=dim)
        self.distances = Distances(16)
        self.head = nn.Linear(dim, scaled(dim / 3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # x: [N, 2*h, 2*w, dim]
        # -> [N, 2*h, 2*w, 8*max(int((dim / 3) + 4.0)//8, 1)], [h*w, h*w]
        h = x.size(1) // 2
        w = x.size(2) // 2
        y = self.windows(x)
        mask = F.relu(
            torch.full((2 * h, 2 * w), -math.inf, dtype=x.dtype, device=x.device)
            .triu(diagonal=1)
            .unsqueeze(-1),
        )  # [2*h, 2*w, 1]
        mask = torch.mul(mask, self.positions[0, 0])
        return self.head(y + mask), self.distances(y[:, 0::2, 0::2].flatten(1, 2))
