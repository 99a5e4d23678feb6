"""LeNet-5 (LeCun et al., 1998), as in the PyTorch tutorial: 32x32 grey-scale digits,
10 classes.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 3)
        self.fc1 = nn.Linear(576, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, image: Tensor) -> Tensor:  # image: [N, 1, 32, 32] -> [N, classes]
        x = F.max_pool2d(F.relu(self.conv1(image)), 2)  # [N, 6, 14, 14]
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)  # [N, 16, 6, 6]
        x = F.relu(self.fc1(x.flatten(1)))  # [N, 120]
        x = F.relu(self.fc2(x))  # [N, 84]
        out: Tensor = self.fc3(x)
        return out

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        # logits: [N, classes], label: [N]
        return F.cross_entropy(logits, label)
