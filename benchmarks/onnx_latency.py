"""ONNX Runtime's latency on our graphs against those of `torch.onnx.export(dynamo=True)`, plain and through onnxslim.

    python benchmarks/onnx_latency.py [--runs 30] [--only GPT-2]

The exporter makes each model twice: with the dims dynamic that ours has so (`torch.export.Dim.AUTO`: it may still freeze
one), and as it does by default, with every size frozen to the example's. Two threads, batch 1, the sessions in turn;
prints the median ratio to the better of the plain graph and the slimmed one, for both kinds, with the interval that holds
the middle half, and the number of nodes of each graph. The bound is 1.00 within noise, and 0.70 for the small GPT-2.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
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
    paths = {"ours": ours}
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


def session(path: Path) -> Any:
    """An ONNX Runtime session with two threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def once(runner: Any, feeds: dict[str, Any]) -> float:
    """The seconds of one run."""
    started = time.perf_counter()
    runner.run(None, feeds)
    return time.perf_counter() - started


def measure(name: str, case: Case, runs: int, folder: Path) -> None:
    """Print a model's figures."""
    import onnx
    import torch

    paths = graphs(case, folder)
    process([sys.executable, "-c", INPUTS.format(inputs=case.inputs), str(folder / "inputs.pt")])
    tensors = [t.numpy() for t in torch.load(folder / "inputs.pt")]
    sessions = {k: session(p) for k, p in paths.items()}
    feeds = {
        k: dict(zip((i.name for i in s.get_inputs()), tensors, strict=True)) for k, s in sessions.items()
    }
    for k, s in sessions.items():
        for _ in range(3):
            once(s, feeds[k])
    repeat = max(1, int(0.02 / max(once(sessions["ours"], feeds["ours"]), 1e-6)))
    rounds = [
        {k: sum(once(s, feeds[k]) for _ in range(repeat)) / repeat for k, s in sessions.items()}
        for _ in range(runs)
    ]
    nodes = {k: len(onnx.load(p, load_external_data=False).graph.node) for k, p in paths.items()}
    middle = {k: median(r[k] for r in rounds) for k in sessions}
    print(f"{name}: {middle['ours'] * 1e3:.3f} ms, {nodes['ours']} nodes", flush=True)
    for kind in ("dynamic", "frozen"):
        best = min(kind, f"{kind}, slim", key=lambda k: middle[k])
        found = quotient([r["ours"] / r[best] for r in rounds])
        print(
            f"    against torch, {best}: {middle[best] * 1e3:.3f} ms, {nodes[best]} nodes; "
            f"latency {found}, nodes {nodes['ours'] / nodes[best]:.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--only", choices=ALL, action="append")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(ROOT)
    for name in options.only or ALL:
        with tempfile.TemporaryDirectory(dir=".") as folder:
            measure(name, ALL[name], options.runs, Path(folder))


if __name__ == "__main__":
    main()
