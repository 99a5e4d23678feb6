"""A 70-billion-parameter model is exported against sharded weights in seconds and little memory; its tensors are not even there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from math import prod
from pathlib import Path

import onnx

from spec_lang import workspace
from spec_lang.compiler import compile_sources
from spec_lang.targets.onnx.export import emit

ROOT = Path(__file__).parents[2] / "models"
SHARDS = 30
SCRIPT = """
import sys
from spec_lang.cli import cli
cli.main(sys.argv[1:], standalone_mode=False)
status = open("/proc/self/status").read()
print("peak", int(status.split("VmHWM:")[1].split()[0]) >> 10)
"""


def sparse(folder: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """Shards of bf16 tensors that take no room on the disk, and their index."""
    places = {key: f"m-{i * SHARDS // len(shapes)}.safetensors" for i, key in enumerate(shapes)}
    for shard in set(places.values()):
        header, at = {}, 0
        for key in (k for k, v in places.items() if v == shard):
            end = at + 2 * prod(shapes[key])
            header[key] = {"dtype": "BF16", "shape": shapes[key], "data_offsets": [at, end]}
            at = end
        data = json.dumps(header).encode()
        (folder / shard).write_bytes(len(data).to_bytes(8, "little") + data)
        os.truncate(folder / shard, 8 + len(data) + at)
    path = folder / "m.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": places}))
    return path


def test_it_takes_seconds_and_little_memory(tmp_path: Path) -> None:
    source = workspace.read(ROOT / "llama.nnspec")
    program = compile_sources({"llama": source}, workspace.finder((ROOT,))).checked()
    entries = emit(program, "Llama70B").state.entries
    shapes = {e.key: e.shape for e in entries if e.shared is None}
    assert sum(map(prod, shapes.values())) > 68e9
    index = sparse(tmp_path, shapes)
    command = ["compile", str(ROOT / "llama.nnspec"), "--model", "Llama70B", "--target", "onnx"]
    command += ["--dtype", "bf16", "--weights", str(index), "--zero-copy", "-o", str(tmp_path)]
    start = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *command], capture_output=True, text=True, check=False
    )
    took = time.perf_counter() - start
    assert run.returncode == 0, run.stderr
    assert took < 20
    assert int(run.stdout.split()[-1]) < 90
    (path,) = tmp_path.glob("*.onnx")
    assert not list(tmp_path.glob("*.data"))
    proto = onnx.load(path, load_external_data=False)
    places = {e.key: e.value for t in proto.graph.initializer for e in t.external_data if e.key == "location"}
    assert places["location"].startswith("m-")
    held = {t.name for t in proto.graph.initializer if t.external_data}
    assert held == set(shapes)
