"""The generated modules against twins written by hand: forward and backward, eager and compiled, two threads.

    python benchmarks/module_speed.py [--compiled]

Runs are interleaved; 1.00 within noise is the bound.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from timing import ratio, seconds
from torch import Tensor, nn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import spec_lang  # noqa: E402 - the checkout first
from tests.models import twins  # noqa: E402

GPT2 = {"vocab": 1000, "context": 128, "dim": 128, "depth": 4, "heads": 4, "p": 0.0}


def cases() -> list[tuple[str, nn.Module, nn.Module, tuple[Tensor, ...]]]:
    """Name, generated module, twin, inputs."""
    load = {
        f: spec_lang.load(ROOT / "models" / f"{f}.nnspec") for f in ("lenet5", "gpt2", "resnet", "tagger")
    }
    tagger = {"vocab": 1000, "tags": 17, "embedding": 64, "hidden": 128}
    return [
        ("LeNet-5", load["lenet5"].LeNet5(), twins.LeNet5(), (torch.randn(8, 1, 32, 32),)),
        ("LSTM tagger", load["tagger"].LSTMTagger(**tagger), twins.Tagger("lstm", **tagger), (torch.randint(1000, (4, 32)),)),
        ("GPT-2, 4x128", load["gpt2"].GPT2(**GPT2), twins.GPT2(**GPT2), (torch.randint(1000, (2, 64)),)),
        ("ResNet-18", load["resnet"].ResNet18(), twins.ResNet(1, [2, 2, 2, 2]), (torch.randn(1, 3, 64, 64),)),
    ]  # fmt: skip


def step(model: Callable[..., Tensor], inputs: tuple[Tensor, ...], repeat: int) -> float:
    """Seconds of some forward and backward passes."""

    def run() -> None:
        for _ in range(repeat):
            model(*inputs).square().mean().backward()

    return seconds(run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiled", action="store_true", help="also under torch.compile(fullgraph=True)")
    args = parser.parse_args()
    torch.set_num_threads(2)
    for name, model, twin, inputs in cases():
        twin.load_state_dict(model.state_dict())
        kinds = [("eager", model, twin)]
        if args.compiled:
            kinds.append(
                ("compiled", torch.compile(model, fullgraph=True), torch.compile(twin, fullgraph=True))
            )
        for kind, a, b in kinds:
            repeat = max(1, int(0.05 / step(b, inputs, 1)))
            ours, theirs, found = ratio(
                partial(step, a, inputs, repeat), partial(step, b, inputs, repeat), 20
            )
            print(
                f"{name:<14} {kind:<9} generated {ours / repeat * 1e3:8.2f} ms   "
                f"by hand {theirs / repeat * 1e3:8.2f} ms   ratio {found}"
            )


if __name__ == "__main__":
    main()
