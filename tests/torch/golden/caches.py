"""Lists of tensors go in and come out, and tell a size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, *, D: int) -> None:
        super().__init__()
        self.key = nn.Linear(D, D)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        # x: [N, T, D], past: [N, P, D] -> [N, T, D], [N, P + T, D]
        keys = torch.cat([past, self.key(x)], dim=1)  # [N, P + T, D]
        return x + keys.mean(dim=1, keepdim=True), keys


class Decoder(nn.Module):
    def __init__(self, dim: int = 8, depth: int = 2, context: int = 32) -> None:
        super().__init__()
        self.context = context
        self.layers = nn.ModuleList([Layer(D=dim) for _ in range(depth)])
        self.place = nn.Embedding(context, dim)

    def forward(self, x: Tensor, pasts: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        # x: [N, T, dim], pasts: [[N, P, dim] for i in range(depth)]
        # -> last: [N, dim], keys: [[N, P + T, dim] for i in range(depth)]
        T = x.size(1)
        P = pasts[0].size(1)
        if (
            not torch.compiler.is_compiling()
            and isinstance(T, int)
            and self.context < P + T
        ):
            raise ValueError(
                f"P + T must be at most context (P={P}, T={T}, context={self.context})"
            )
        x = x + self.place(torch.arange(P, P + T, device=x.device))
        keys: list[Tensor] = []
        for layer, past in zip(self.layers, pasts, strict=False):
            x, key = layer(x, past)
            keys.append(key)
        return x[:, -1], keys


class Scales(nn.Module):
    """Pairs of tensors, of another size at each step."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [nn.Conv2d(width, width, 3, padding=1) for _ in range(2)]
        )

    def forward(self, x: Tensor) -> Tensor:
        # x: [N, width, 4*h, 4*w] -> [N, width, h, w]
        kept: list[tuple[Tensor, Tensor]] = []
        for conv in self.down:
            kept.append((x, conv(x)))
            x = F.max_pool2d(conv(x), 2)
        before, after = kept[1]
        return x + F.max_pool2d(before + after, 2)
