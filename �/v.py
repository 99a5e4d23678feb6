from torch import Tensor, nn


class M(nn.Module):
    def forward(self, x: Tensor, i: Tensor, j: Tensor) -> Tensor:
        # x: [N, L, D], i: [K], j: [K] -> [N, K]
        return x[:, i, j]
