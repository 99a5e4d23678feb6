"""Multi-head attention with an optional mask and a key/value cache."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Scaled dot-product attention over the last but one dim.

    Args:
        D: Size of `x` [N, T, D] along dim 2.
    """

    def __init__(self, heads: int, p: float = 0.0, *, D: int) -> None:
        super().__init__()
        if D % heads != 0:
            raise ValueError(
                f"heads must divide the model width (D={D}, heads={heads})"
            )
        self.heads = heads
        self.p = p
        self.c_attn = nn.Linear(D, 3 * D)
        self.c_proj = nn.Linear(D, D)
        self.dropout = nn.Dropout(p)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        # x: [N, T, D], mask: [N, 1, T, T] -> [N, T, D]
        q, k, v = (
            self.c_attn(x)
            .unflatten(2, (3, self.heads, -1))
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )  # each [N, heads, T, D//heads]
        y = F.scaled_dot_product_attention(
            q, k, v, mask, dropout_p=self.p if self.training else 0.0
        )
        out: Tensor = self.dropout(self.c_proj(y.transpose(1, 2).flatten(2)))
        return out


class Cached(nn.Module):
    def __init__(self, dim: int = 8) -> None:
        super().__init__()
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)

    def forward(
        self, x: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """The keys and values so far."""
        # x: [N, T, dim], past: ([N, P, dim], [N, P, dim])
        # -> keys: [N, P + T, dim], values: [N, P + T, dim]
        k = self.key(x)
        v = self.value(x)
        if past is not None:
            k = torch.cat([past[0], k], dim=1)  # [N, P + T, dim]
            v = torch.cat([past[1], v], dim=1)  # [N, P + T, dim]
        return k, v
