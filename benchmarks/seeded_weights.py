"""Weights drawn from a seed and written beside a model, against numpy drawing as many numbers and writing them.

    python benchmarks/seeded_weights.py [--runs 7]

Both run from cold, in processes of their own, with the shapes of GPT-2 small (124M parameters, 498 MB): once as PyTorch's constructors
draw them where all is uniform, once with everything drawn from a normal distribution. The target is a ratio of 1.5.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from timing import Run, process, ratio

SHAPES = {
    "wte": (50_257, 768),
    "wpe": (1024, 768),
    **{
        f"h.{i}.{name}": shape
        for i in range(12)
        for name, shape in {
            "c_attn.weight": (2304, 768),
            "c_attn.bias": (2304,),
            "attn.c_proj.weight": (768, 768),
            "attn.c_proj.bias": (768,),
            "c_fc.weight": (3072, 768),
            "c_fc.bias": (3072,),
            "mlp.c_proj.weight": (768, 3072),
            "mlp.c_proj.bias": (768,),
        }.items()
    },
}

OURS = """
import json, sys
from spec_lang.ops.init import Draw, Normal, Uniform
from spec_lang.shapes import DType
from spec_lang.weights import export as weights
from spec_lang.weights.state import Entry, Needed, State
shapes, init = json.loads(sys.argv[2]), {"uniform": Uniform(-0.02, 0.02), "normal": Normal(0.0, 0.02)}[sys.argv[3]]
state = State(tuple(Entry(k, tuple(s)) for k, s in shapes.items()), tuple(Draw(k, init) for k in shapes))
needed = [Needed(k, DType.F32, tuple(s)) for k, s in shapes.items()]
with weights.export(state, needed, sys.argv[1], seed=0) as job:
    job.commit([b"model"])
"""

THEIRS = """
import json, math, sys
import numpy as np
shapes, kind = json.loads(sys.argv[2]), sys.argv[3]
source = np.random.RandomState(0)
with open(sys.argv[1], "wb") as file:
    for shape in shapes.values():
        n = math.prod(shape)
        values = source.uniform(-0.02, 0.02, n) if kind == "uniform" else source.normal(0.0, 0.02, n)
        values.astype(np.float32).tofile(file)
"""


def main() -> None:
    """Print the medians, their ratio and the peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    count = sum(map(math.prod, SHAPES.values()))
    print(f"{count:,} numbers, {4 * count / 1e6:,.0f} MB, {runs} runs in turn")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for kind in ("uniform", "normal"):
            peaks: dict[str, float] = {}

            def run(script: str, name: str, kind: str = kind, peaks: dict[str, float] = peaks) -> float:
                path = Path(folder) / name
                done: Run = process([sys.executable, "-c", script, str(path), json.dumps(SHAPES), kind])
                peaks[name] = done.megabytes
                return done.seconds

            ours, theirs, found = ratio(
                lambda run=run: run(OURS, "ours"), lambda run=run: run(THEIRS, "theirs"), runs
            )
            memory = f"{peaks['ours']:.0f} MB against {peaks['theirs']:.0f}"
            print(f"{kind:8} {ours:.2f} s against {theirs:.2f} s, ratio {found}, peak {memory}")


if __name__ == "__main__":
    main()
