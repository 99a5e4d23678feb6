"""ONNX Runtime's latency on our graphs against those of `torch.onnx.export(dynamo=True)`, plain and through onnxslim.

    python benchmarks/onnx_latency.py [--runs 12] [--only GPT-2]

The exporter makes each model twice: with the dims dynamic that ours has so (`torch.export.Dim.AUTO`: it may still freeze
one), and as it does by default, with every size frozen to the example's. Two threads, batch 1, some processes in each of
which all graphs run in turn; prints the median ratio to the better of the plain graph and the slimmed one, for both kinds,
with the interval that holds the middle half of the processes, and the number of nodes of each graph. The bound is 1.00
within noise, and 0.70 for the small GPT-2. Against the dynamic graph ours is once as it is made, with a copy of the weights,
and once made with `--zero-copy`: in the weights file small tensors lie between large ones, which many narrow layers feel.
Against the frozen graph ours is made with `--dim` for each of its dims, so that both know the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from onnx_cases import CASES, EXPORT, PREPARE, ROOT, SMALL_GPT2, Case, specc
from timing import process, quotient

ALL = CASES | {"GPT-2, 4 layers of 64": SMALL_GPT2}
INPUTS = "import torch, sys; torch.manual_seed(1); torch.save({inputs}, sys.argv[1])"


def graphs(case: Case, folder: Path) -> dict[str, Path]:
    """Our graph, and the exporter's: with dynamic dims and without, plain and through onnxslim."""
    weights = folder / "weights.safetensors"
    ours = folder / f"{case.spec}.onnx"
    process([sys.executable, "-c", PREPARE.format(twin=case.twin), str(weights)])
    process(specc(case, sys.executable, folder, weights))
    pointing = folder / "pointing.onnx"
    process([*specc(case, sys.executable, folder, weights), "-o", str(pointing), "--zero-copy"])
    inputs = folder / "inputs.pt"
    process([sys.executable, "-c", INPUTS.format(inputs=case.inputs), str(inputs)])
    static = folder / "static.onnx"
    fixed = [part for name, n in sizes(ours, inputs).items() for part in ("--dim", f"{name}={n}")]
    process([*specc(case, sys.executable, folder, weights), "-o", str(static), *fixed])
    paths = {"ours": ours, "pointing": pointing, "static": static}
    for kind, dynamic in (("dynamic", dynamic_dims(ours)), ("frozen", None)):
        plain, slim = folder / f"{kind}.onnx", folder / f"{kind}-slim.onnx"
        script = EXPORT.format(twin=case.twin, inputs=case.inputs, dynamic=dynamic)
        process([sys.executable, "-c", script, str(weights), str(plain)])
        process([sys.executable, "-m", "onnxslim", str(plain), str(slim)])
        paths |= {kind: plain, f"{kind}, slim": slim}
    return paths


def dynamic_dims(path: Path) -> str:
    """The dims that our graph has dynamic, as an expression for the exporter."""
    import onnx

    axes = [
        ", ".join(
            f"{i}: torch.export.Dim.AUTO" for i, d in enumerate(v.type.tensor_type.shape.dim) if d.dim_param
        )
        for v in onnx.load(path, load_external_data=False).graph.input
    ]
    return "(" + "".join(f"{{{a}}}, " for a in axes) + ")"


def sizes(path: Path, inputs: Path) -> dict[str, int]:
    """The size of each dim that our graph has dynamic, for the example inputs."""
    import onnx
    import torch

    from spec_lang.shapes import parse
    from spec_lang.shapes.linear import linear

    found: dict[str, int] = {}
    graph = onnx.load(path, load_external_data=False).graph
    for value, tensor in zip(graph.input, torch.load(inputs), strict=True):
        for d, n in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=True):
            if d.dim_param:
                whole = parse(d.dim_param)
                [name] = whole.symbols
                scale = linear(whole, name)
                assert scale is not None
                factor, offset = (part.const for part in scale)
                assert factor is not None
                assert offset is not None
                found[name] = (n - offset) // factor
    return found


def race(inputs: str, paths: Sequence[str]) -> dict[str, float]:
    """The median seconds of a run of each graph, the sessions made and run in random order.

    A session that is made first has another part of the memory than one made last, worth 8% on the MLP; and the threads of
    one go on looking for work for a while when another has its turn, so that first runs do not count.
    """
    import torch

    tensors = [t.numpy() for t in torch.load(inputs)]
    sessions = {p: session(p) for p in random.sample(paths, len(paths))}
    feeds = {
        p: dict(zip((i.name for i in s.get_inputs()), tensors, strict=True)) for p, s in sessions.items()
    }
    times: dict[str, list[float]] = {p: [] for p in paths}
    for _ in range(3):
        for p in random.sample(paths, len(paths)):
            burst(sessions[p], feeds[p], 0.01)
            times[p].append(median(burst(sessions[p], feeds[p], 0.05)))
    return {p: median(t) for p, t in times.items()}


def session(path: str) -> Any:
    """An ONNX Runtime session with two threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def burst(runner: Any, feeds: dict[str, Any], seconds: float) -> list[float]:
    """The seconds of each of some runs that take so long together."""
    end = time.perf_counter() + seconds
    times = []
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        runner.run(None, feeds)
        times.append(time.perf_counter() - started)
    return times


def measure(name: str, case: Case, runs: int, folder: Path) -> None:
    """Print a model's figures."""
    import onnx

    paths = graphs(case, folder)
    command = [sys.executable, __file__, "--race", *map(str, (folder / "inputs.pt", *paths.values()))]
    rounds = []
    for _ in range(runs):
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        rounds.append({k: found[str(p)] for k, p in paths.items()})
    nodes = {k: len(onnx.load(p, load_external_data=False).graph.node) for k, p in paths.items()}
    middle = {k: median(r[k] for r in rounds) for k in paths}
    print(f"{name}: {middle['ours'] * 1e3:.3f} ms, {nodes['ours']} nodes", flush=True)
    for kind, mine in (
        ("dynamic", {"ours": "", "pointing": "with --zero-copy "}),
        ("frozen", {"static": "with --dim "}),
    ):
        best = min(kind, f"{kind}, slim", key=lambda k: middle[k])
        found = ", ".join(f"{how}{quotient([r[k] / r[best] for r in rounds])}" for k, how in mine.items())
        first = next(iter(mine))
        print(
            f"    against torch, {best}: {middle[best] * 1e3:.3f} ms, {nodes[best]} nodes; "
            f"latency {found}; nodes {nodes[first] / nodes[best]:.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--only", choices=ALL, action="append")
    parser.add_argument("--race", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.race:
        inputs, *paths = options.race
        print(json.dumps(race(inputs, paths)))
        return
    os.environ["PYTHONPATH"] = str(ROOT)
    for name in options.only or ALL:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            measure(name, ALL[name], options.runs, Path(folder))


if __name__ == "__main__":
    main()
