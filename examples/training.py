"""The handwritten digits of `digits.py`, and how a model learns them.

The digits are scikit-learn's copy of the UCI test set (1,797 scans of 8x8 pixels), scaled to LeNet's 32x32.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from tqdm import tqdm


def digits(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images [N, 1, 32, 32] and labels [N], then those held back for the test, a fifth."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16.0
    images = F.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)
    targets = torch.tensor(labels)
    train, test = train_test_split(range(len(targets)), test_size=0.2, random_state=seed, stratify=labels)
    return images[train], targets[train], images[test], targets[test]


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images whose best-scored class is their label."""
    model.eval()
    with torch.no_grad():
        right = model(images).argmax(dim=1) == labels
    return right.float().mean().item()


def jitter(images: Tensor) -> Tensor:
    """Each image turned, scaled and moved a little, as other hands would have written it."""
    count = len(images)
    angle = (torch.rand(count) - 0.5) * 0.5
    scale = 1 + (torch.rand(count) - 0.5) * 0.2
    shift = (torch.rand(count, 2, 1) - 0.5) * 0.2
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(-1, 2, 2)
    place = torch.cat([turn * scale.view(-1, 1, 1), shift], dim=2)
    grid = F.affine_grid(place, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def train(model: nn.Module, images: Tensor, labels: Tensor, epochs: int, batch: int = 32) -> None:
    """AdamW on the spec's own loss, with the rate falling along a cosine."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    with tqdm(total=epochs, unit="epoch", desc="training") as bar:
        for _ in range(epochs):
            model.train()
            total = 0.0
            for picked in torch.randperm(len(labels)).split(batch):
                loss = model.loss(model(jitter(images[picked])), labels[picked])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(picked)
            schedule.step()
            bar.set_postfix(loss=f"{total / len(labels):.4f}")
            bar.update()
