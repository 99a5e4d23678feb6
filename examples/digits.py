"""Compile LeNet-5 from its spec, train it on real handwritten digits, and save its weights.

python examples/digits.py [--epochs 40] [--out build/digits]
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import spec_lang

SPEC = Path(__file__).parent.parent / "models" / "lenet5.nnspec"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("build/digits"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    started = time.perf_counter()
    for path in spec_lang.compile_file(SPEC, args.out):
        print(f"compiled {SPEC.name} to {path} in {time.perf_counter() - started:.2f} s", flush=True)
    sys.path.insert(0, str(args.out))

    print(
        "importing PyTorch", flush=True
    )  # which takes seconds, so that it stands below what needs none of it
    import torch
    from safetensors.torch import save_file
    from training import accuracy, digits, train

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
