"""Containers: named and conditional children, splices, dicts, blocks that are their
container.
"""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn


class ConvBN(nn.Sequential):
    def __init__(
        self, out: int, kernel: int = 3, p: float = 0.0, *, in_channels: int
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(out),
            *([nn.Dropout2d(p)] if p > 0 else []),
            nn.ReLU(),
        )


class Named(nn.Sequential):
    def __init__(self, out: int, *, in_channels: int) -> None:
        super().__init__(
            OrderedDict({"conv": nn.Conv2d(in_channels, out, 1), "act": nn.ReLU()})
        )


class Net(nn.Module):
    def __init__(
        self,
        width: int = 8,
        depth: int = 2,
        norm: Callable[..., nn.Module] = nn.BatchNorm2d,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.depth = depth
        self.stem = ConvBN(width, in_channels=3)  # the first convolution
        self.body = nn.Sequential(
            *[ConvBN(width, p=0.1, in_channels=width) for _ in range(depth)],
            Named(width, in_channels=width),
        )
        # Each branch sees the same input.
        self.branch = nn.ModuleDict(
            {
                f"branch_{i}": nn.Conv2d(width, width, 2 * i + 1, padding=i)
                for i in range(depth)
            },
        )
        self.norms = nn.ModuleList([norm(width) for _ in range(2)])
        self.pair = nn.ModuleList(
            [
                nn.Conv2d(width, width, 1, bias=bias),
                nn.Conv2d(width, 2 * width, 1)
                if bias
                else nn.Conv2d(width, 2 * width, 3, padding=1),
            ],
        )

    def forward(self, x: Tensor) -> Tensor:  # x: [N, 3, H, W] -> [N, 2*width, H, W]
        x = self.stem(x)  # [N, width, H, W]
        x = self.body(x)
        for layer in self.norms:
            x = layer(x)
        for i in range(self.depth):
            x = x + self.branch[f"branch_{i}"](x)
        for layer in self.pair:
            x = layer(x)
        return x
