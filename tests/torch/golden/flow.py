"""Control flow over what is known without the data, lists of tensors, created
tensors, several methods.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    def __init__(
        self,
        width: int = 4,
        residual: bool = True,
        mode: Literal["nearest", "bilinear"] = "nearest",
    ) -> None:
        super().__init__()
        self.residual = residual
        self.mode = mode
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.down = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        )
        self.up = nn.ModuleList(
            [nn.Conv2d(2 * width, width, 3, padding=1) for _ in range(3)]
        )
        self.head = nn.Conv2d(width, 1, 1)

    def encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Every scale, the coarsest apart."""
        # x: [N, 1, 8*h, 8*w]
        # -> [N, width, h, w],
        # ([N, width, 8*h, 8*w], [N, width, 4*h, 4*w], [N, width, 2*h, 2*w])
        skips: list[Tensor] = []
        x = F.relu(self.stem(x))  # [N, width, 8*h, 8*w]
        for conv in self.down:
            skips.append(x)
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return x, skips

    def forward(self, x: Tensor) -> Tensor:  # x: [N, 1, 8*h, 8*w] -> [N, 1, 8*h, 8*w]
        y, skips = self.encode(x)
        for i in range(3):
            y = F.interpolate(y, scale_factor=2, mode=self.mode)
            y = F.relu(self.up[i](torch.cat([y, skips[2 - i]], dim=1)))
        y = self.head(y)  # [N, 1, 8*h, 8*w]
        y = y + x if self.residual else y * 0.5
        out: Tensor = y
        return out


class Positions(nn.Module):
    def __init__(self, dim: int = 6, context: int = 12) -> None:
        super().__init__()
        self.dim = dim
        self.context = context
        self.embed = nn.Embedding(context, dim)

    def forward(self, tokens: Tensor) -> Tensor:  # tokens: [N, T] -> [N, T, dim]
        N, T = tokens.shape
        if (
            not torch.compiler.is_compiling()
            and isinstance(T, int)
            and self.context < T
        ):
            raise ValueError(
                f"T must be at most context (T={T}, context={self.context})"
            )
        dtype = self.embed.weight.dtype
        x = self.embed(tokens)  # [N, T, dim]
        x = x + torch.arange(T, dtype=dtype, device=tokens.device)[:, None] / self.dim
        if self.training:
            x = x + 0.1 * torch.ones(T, self.dim, device=tokens.device, dtype=dtype)
        keep = tokens != 0
        return torch.where(
            keep[:, :, None],
            x,
            torch.zeros(N, T, self.dim, device=tokens.device, dtype=dtype),
        )
