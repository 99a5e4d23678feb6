"""A model built from another file's blocks."""

from torch import Tensor, nn

from library import SCALE, Residual


class MLP(nn.Module):
    def __init__(self, hidden: int, *, D: int) -> None:
        super().__init__()
        self.inner = Residual(hidden, D=D)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, D] -> [N, D]
        out: Tensor = self.inner(x) * SCALE
        return out


class Net(nn.Module):
    def __init__(self, dim: int = 6, depth: int = 2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([MLP(2 * dim, D=dim) for _ in range(depth)])
        self.last = Residual(hidden=dim, D=dim)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        for layer in self.blocks:
            x = layer(x)
        out: Tensor = self.last(x)
        return out
