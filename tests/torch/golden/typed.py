"""What strict type checkers ask for: a module's result has no type of its own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Step(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.fc = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        if self.training:
            out: Tensor = x + self.fc(x)
            return out
        result: Tensor = self.fc(x)
        return result

    def pieces(self, x: Tensor) -> tuple[Tensor, ...]:  # x: [N, dim] -> ([N, dim])
        return torch.unflatten(x, 1, (1, self.dim)).unbind(1)


class Typed(nn.Module):
    def __init__(self, dim: int = 4, depth: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(dim, dim)
        self.steps = nn.ModuleList([Step(dim) for _ in range(depth)])
        self.rnn = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """What is returned is what the last layer gives."""
        # x: [N, dim] -> [N, dim]
        y = self.first(x)
        y = F.relu(y)
        y = y + x
        scores: Tensor = self.steps[0](y)
        return scores

    def assigned(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        y: Tensor = F.relu(self.first(x))
        if self.training:
            y = self.first(y)
        return y

    def listed(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        ys = [step(x) for step in self.steps]
        z: Tensor = ys[0]
        return z

    def summed(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        return torch.sum(torch.stack([step(x) for step in self.steps]), 0)

    def run(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        y: Tensor = self.first(F.relu(self.first(x)))
        for layer in self.steps:
            y = layer(y)
        return y

    def halves(self, x: Tensor) -> tuple[Tensor, ...]:  # x: [N, 4] -> [N, 2], [N, 2]
        return x.chunk(2, dim=1)

    def both(self, x: Tensor) -> tuple[Tensor, ...]:  # x: [N, 4] -> ([N, 2], [N, 2])
        return torch.split(x, 2, dim=1)

    def passed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # x: [N, T, dim] -> [N, T, dim], [1, N, dim]
        out: tuple[Tensor, Tensor] = self.rnn(x)
        return out

    def product(self, x: Tensor, w: Tensor) -> Tensor:
        # x: [N, dim], w: [dim, 3] -> [N, 3]
        out: Tensor = torch.tensordot(x, w, 1)
        return out
