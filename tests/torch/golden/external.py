"""A layer and a function that somebody else wrote."""

from tests.torch.external import Bias, double
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self, dim: int = 4) -> None:
        super().__init__()
        self.bias = Bias(dim)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, dim] -> [N, dim]
        out: Tensor = double(self.bias(x))
        return out
