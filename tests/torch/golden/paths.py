"""Paths into layers: items of lists and dicts, methods and parameters of blocks,
layers as arguments.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Cell(nn.Module):
    def __init__(self, hidden: int, *, D: int) -> None:
        super().__init__()
        wide = 2 * hidden
        self.D = D
        self.fc1 = nn.Linear(D, wide)
        self.fc2 = nn.Linear(wide, D)
        self.gain = nn.Parameter(torch.ones(D))

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        # x: [N, D], state: [N, D] -> out: [N, D], state: [N, D]
        state = state + self.fc2(F.relu(self.fc1(x)))
        return state * self.gain, state

    def forward(self, x: Tensor) -> Tensor:  # x: [N, D] -> [N, D]
        N = x.size(0)
        out, _ = self.step(x, torch.zeros(N, self.D, device=x.device, dtype=x.dtype))
        return out


class Conv(nn.Module):
    def __init__(
        self,
        out: int,
        act: Callable[..., nn.Module] = nn.ReLU,
        norm: Callable[..., nn.Module] = nn.BatchNorm2d,
        stride: int = 1,
        *,
        C: int,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(C, out, 3, padding=1, stride=stride)
        self.bn = norm(out)
        self.act_ = act()
        self.skip = nn.Conv2d(C, out, 1, stride=stride) if stride != 1 else None

    def forward(self, x: Tensor) -> Tensor:
        # x: [N, C, H, W] -> [N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]
        # y: [N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]
        y: Tensor = self.act_(self.bn(self.conv(x)))
        if self.skip is not None:
            y = y + self.skip(x)
        return y


class Net(nn.Module):
    def __init__(
        self, dim: int = 6, depth: int = 2, act: Literal["relu", "gelu"] = "gelu"
    ) -> None:
        super().__init__()
        self.dim = dim
        self.depth = depth
        self.act = act
        self.cells = nn.ModuleList([Cell(dim, D=dim) for _ in range(depth)])
        self.named = nn.ModuleDict(
            {"left": Cell(dim, D=dim), "right": Cell(dim, D=dim)}
        )
        self.single = Cell(dim, D=dim)
        self.fc = nn.Linear(dim, dim)
        nn.init.eye_(self.fc.weight)
        for module in self.modules():
            if isinstance(module, Cell):
                for parameter in module.parameters(recurse=False):
                    nn.init.normal_(parameter, std=0.1)

    def forward(
        self, x: Tensor, start: Tensor | None = None, other: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        # x: [N, dim], start: [N, dim], other: [N, dim] -> [N, dim], [N, dim]
        if other is None:
            other = x
        N = x.size(0)
        state = (
            start
            if start is not None
            else torch.zeros(N, self.dim, device=x.device, dtype=x.dtype)
        )
        for cell in self.cells:
            x, state = cast(Cell, cell).step(x, state)
        for i, cell in enumerate(self.cells):
            x = cell(x) * (i + 1)
        x, _ = cast(Cell, self.named["right"]).step(self.named["left"](x), other)
        x = (
            x
            + cast(Cell, self.cells[0]).fc1.bias.sum()
            + cast(Cell, self.named["left"]).fc2.bias.sum()
        )
        x = self.single(self.cells[-1](self.fc(x @ self.fc.weight)))
        if self.act == "relu":
            x = F.relu(x)
        elif self.act == "gelu" and self.depth > 1:
            x = F.gelu(x)
        else:
            x = torch.tanh(x)
            x = x * 2
        return x, state


class Images(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.first = Conv(width, C=3)
        self.second = Conv(
            2 * width, nn.GELU, partial(nn.BatchNorm2d, eps=1e-3), stride=2, C=width
        )

    def forward(self, x: Tensor) -> Tensor:
        # x: [N, 3, H, W] -> [N, 2*width, (H - 1)//2 + 1, (W - 1)//2 + 1]
        out: Tensor = self.second(self.first(x))
        return out
