"""Compile LeNet-5 from its spec, train it on real handwritten digits, and save its weights.

    python examples/digits.py [--epochs 40] [--out build/digits]

The digits are scikit-learn's copy of the UCI test set (1,797 scans of 8x8 pixels), scaled to LeNet's 32x32.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from tqdm import tqdm

import spec_lang

SPEC = Path(__file__).parent.parent / "models" / "lenet5.nnspec"


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("build/digits"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    started = time.perf_counter()
    for path in spec_lang.compile_file(SPEC, args.out):
        print(f"compiled {SPEC.name} to {path} in {time.perf_counter() - started:.2f} s")
    sys.path.insert(0, str(args.out))
    lenet5 = importlib.import_module("lenet5")

    torch.manual_seed(args.seed)
    model = lenet5.LeNet5(classes=10)
    print(model)
    train_images, train_labels, test_images, test_labels = digits(args.seed)
    train(model, train_images, train_labels, args.epochs)

    right = accuracy(model, test_images, test_labels)
    weights = args.out / "lenet5.safetensors"
    save_file(model.state_dict(), weights)
    print(f"test accuracy {right:.2%} on {len(test_labels)} digits that it has not seen")
    print(f"weights in {weights}, {time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
