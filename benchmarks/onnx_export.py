"""Exporting to ONNX against `torch.onnx.export(dynamo=True)`: whole processes from cold, the same weights on disk.

    python benchmarks/onnx_export.py [--runs 5] [--only GPT-2]

Prints the seconds and the peak memory of both, and how many times faster ours is, by the clock (the median of the runs, and the
interval that holds their middle half) and in CPU time, which a busy machine disturbs less; each line ends in what the first must
be. A run is one of theirs between five of ours, whose median counts: one that takes a fortieth of the time varies more. Ours
points into the weights (`--zero-copy`), PyTorch's exporter copies them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

from onnx_cases import CASES, EXPORT, PREPARE, ROOT, Case, specc
from timing import Run, process, quotient

MEMORY = 80


def measure(name: str, case: Case, runs: int, folder: Path) -> bool:
    """Print one line; whether the model meets its bounds."""
    weights = folder / "weights.safetensors"
    process([sys.executable, "-c", PREPARE.format(twin=case.twin), str(weights)])
    theirs_script = EXPORT.format(twin=case.twin, inputs=case.inputs, dynamic=None)
    ours_command = [*specc(case, sys.executable, folder, weights), "--zero-copy"]
    process(ours_command)  # modules are compiled to bytecode at the first start
    ours, theirs = [], []
    for _ in range(runs):
        few = [process(ours_command) for _ in range(2)]
        theirs.append(
            process([sys.executable, "-c", theirs_script, str(weights), str(folder / "theirs.onnx")])
        )
        few += [process(ours_command) for _ in range(3)]
        ours.append(Run(*map(median, zip(*few, strict=True))))
    a, b = median(r.seconds for r in ours), median(r.seconds for r in theirs)
    memory = max(r.megabytes for r in ours)
    faster = quotient([t.seconds / o.seconds for o, t in zip(ours, theirs, strict=True)])
    cpu = quotient([t.cpu / o.cpu for o, t in zip(ours, theirs, strict=True)])
    met = faster.median >= case.faster and memory <= MEMORY
    print(
        f"{name:20} {a:6.2f} s {memory:5.0f} MB   torch {b:6.2f} s {max(r.megabytes for r in theirs):5.0f} MB   {faster} "
        f"times faster, {cpu} in CPU time (at least {case.faster}, at most {MEMORY} MB{'' if met else ': MISSED'})",
        flush=True,
    )
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=CASES, action="append")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    met = True
    for name in options.only or CASES:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            met &= measure(name, CASES[name], options.runs, Path(folder))
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
