"""Names that Python, PyTorch or the generated file have plans for."""

import torch.nn.functional as F
from torch import Tensor, nn


def F_(x: Tensor) -> Tensor:  # x: [*B] -> [*B]
    return F.relu(x)


class nn_(nn.Module):
    def __init__(self, out: int, *, I_: int) -> None:
        super().__init__()
        self.math = nn.Linear(I_, out)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, I] -> [N, out]
        out: Tensor = self.math(x)
        return out


class Tensor_(nn.Module):
    def __init__(self, lambda_: int = 3, l_: int = 4, range_: int = 5) -> None:
        super().__init__()
        self.layers = nn_(range_, I_=l_)
        self.model = nn.ModuleList([nn_(l_, I_=l_), nn_(l_, I_=l_)])
        self.super = nn.Linear(l_, lambda_)

    def forward(self, input: Tensor) -> Tensor:  # input: [N, l] -> [N, lambda_]
        torch_ = self.layers(input)  # [N, range]
        nn_ = F_(torch_)
        math_ = nn_.sum(dim=1, keepdim=True)  # [N, 1]
        x = F_(input * math_)
        for layer in self.model:
            x = layer(x)
        out: Tensor = self.super(x)
        return out
