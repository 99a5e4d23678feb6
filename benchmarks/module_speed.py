"""The generated modules against twins written by hand: forward and backward, eager and compiled.

    python benchmarks/module_speed.py [--compiled] [--runs 40] [--only GPT-2]

CPU time on one thread, which other work on the machine disturbs least: the kernels are the same, so that only what Python and
the compiler do around them can differ. The generated module, its twin and a second copy of the twin run in turn, with the same
weights; the copy shows the noise. The bound is 1.00 within that noise.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import torch
from timing import quotient
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
        ("GPT-2", load["gpt2"].GPT2(**GPT2), twins.GPT2(**GPT2), (torch.randint(1000, (2, 64)),)),
        ("ResNet-18", load["resnet"].ResNet18(), twins.ResNet(1, [2, 2, 2, 2]), (torch.randn(1, 3, 64, 64),)),
    ]  # fmt: skip


def step(model: Callable[..., Tensor], inputs: tuple[Tensor, ...], repeat: int) -> float:
    """CPU seconds of a forward and backward pass, the mean of some."""
    started = process_time()
    for _ in range(repeat):
        model(*inputs).square().mean().backward()
    return (process_time() - started) / repeat


def compare(models: list[Callable[..., Tensor]], inputs: tuple[Tensor, ...], runs: int) -> str:
    """The first of three against the second, and the third against it, for the noise."""
    for model in models:
        step(model, inputs, 3)
    repeat = max(1, int(0.02 / step(models[1], inputs, 1)))
    rounds = []
    for i in range(runs):
        order = [(i + k) % 3 for k in range(3)]
        found = {k: step(models[k], inputs, repeat) for k in order}
        rounds.append([found[k] for k in range(3)])
    ours, theirs, _ = (median(column) for column in zip(*rounds, strict=True))
    return (
        f"generated {ours * 1e3:8.3f} ms   by hand {theirs * 1e3:8.3f} ms   "
        f"ratio {quotient([r[0] / r[1] for r in rounds])}, "
        f"of the twin to itself {quotient([r[2] / r[1] for r in rounds])}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiled", action="store_true", help="also under torch.compile(fullgraph=True)")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--only", action="append", metavar="MODEL")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, model, twin, inputs in cases():
        if args.only and name not in args.only:
            continue
        twin.load_state_dict(model.state_dict())
        models = [model, twin, copy.deepcopy(twin)]
        print(f"{name:<14} eager     {compare(models, inputs, args.runs)}", flush=True)
        if args.compiled and name != "LSTM tagger":  # PyTorch compiles no nn.LSTM without a graph break
            compiled = [torch.compile(m, fullgraph=True) for m in models]
            print(f"{name:<14} compiled  {compare(compiled, inputs, args.runs)}", flush=True)


if __name__ == "__main__":
    main()
