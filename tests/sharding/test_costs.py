"""What a plan says of memory, of what is sent and of FLOPs is what PyTorch takes on its fake process group."""

from __future__ import annotations

import json
import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spec_lang.cli import cli
from spec_lang.ir import model
from spec_lang.sharding.costs import Cost, Setting, cost_of
from spec_lang.sharding.plan import Plan, plan_of
from spec_lang.sharding.units import units
from spec_lang.targets.parallel import pieces
from tests.check.checking import checked as accepted
from tests.onnx.exporting import model_file
from tests.sharding.test_plans import FILES, ROOT
from tests.sharding.test_training import BERT, GPT2, LLAMA

WORKER = Path(__file__).with_name("measured.py")
LLAMA_405B = {
    "vocab": 128_256,
    "dim": 16_384,
    "depth": 126,
    "heads": 128,
    "kv_heads": 8,
    "head_dim": 128,
    "hidden": 53_248,
}
MESHES: list[dict[str, int]] = [{"tp": 2}, {"dp": 2}, {"dp": 2, "tp": 2}, {"tp": 4}, {"dp": 4}]


def case(module: str, name: str, hypers: dict[str, Any], mesh: dict[str, int], **more: Any) -> dict[str, Any]:
    dims = more.pop("dims", {"N": 4, "T": 6})
    n = next(iter(dims.values())) // mesh.get("dp", 1)
    shape = more.pop("shape", None) or [n, dims["T"]]
    inputs = [[[n, *shape[1:]], more.pop("dtype", "int64")]]
    named = {"module": module, "model": name, "hypers": hypers, "mesh": mesh, "function": "parallelize"}
    return {**named, "inputs": inputs, "dims": dims, **more}


def measured(folder: Path, cases: list[dict[str, Any]], seconds: float = 200) -> list[Any]:
    """What PyTorch takes for each case."""
    (folder / "encoder.nnspec").write_text(BERT)
    for module in sorted({c["module"] for c in cases}):
        spec = folder / f"{module}.nnspec"
        path = spec if spec.exists() else ROOT / "models" / spec.name
        done = CliRunner().invoke(cli, ["compile", str(path), "--parallel", "-o", str(folder)])
        assert done.exit_code == 0, done.output
    command = [sys.executable, str(WORKER), str(folder), json.dumps(cases)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    assert ran.returncode == 0, ran.stderr[-3000:]
    found: list[Any] = json.loads(ran.stdout)
    return found


def program_of(module: str) -> model.Program:
    return accepted(BERT) if module == "encoder" else model_file(module)


def planned(c: dict[str, Any]) -> tuple[Plan, Cost]:
    program = program_of(c["module"])
    plan = plan_of(program, c["model"], c["hypers"], c["mesh"])
    return plan, cost_of(program, c["model"], plan, Setting(dims=c["dims"]), c["hypers"])


def held_to(c: dict[str, Any], real: dict[str, Any]) -> None:
    """Hold the plan of a case to what was measured: all to the byte, activations within a tenth."""
    plan, cost = planned(c)
    memory = cost.memory
    assert {t.key: list(t.local) for t in plan.tensors} == real["parameters"]
    assert memory.parameters == 4 * real["held"]
    assert memory.gradients == 4 * real["gradients"]
    assert memory.states == real["states"]
    sent: dict[str, list[int]] = {}
    for s in cost.sendings:
        entry = sent.setdefault(f"{s.how} {c['mesh'][s.axis]}", [0, 0])
        assert isinstance(s.often, int)
        assert isinstance(s.whole, int)
        entry[0] += s.often
        entry[1] += s.whole
    assert sent == real["sent"], c
    assert isinstance(memory.activations, int)
    assert abs(memory.activations / real["kept"] - 1) <= c.get("within", 0.1), (c, memory.activations, real)
    if real["flops"] is not None:
        assert cost.flops == real["flops"]


def test_a_step_on_two_by_two_devices(tmp_path: Path) -> None:
    mesh = {"dp": 2, "tp": 2}
    cases = [case("llama", "Llama", LLAMA, mesh, within=0), case("gpt2", "GPT2", GPT2, mesh, within=0)]
    for c, real in zip(cases, measured(tmp_path, cases), strict=True):
        held_to(c, real)


@pytest.mark.long
def test_steps_on_meshes(tmp_path: Path) -> None:
    odd = {**GPT2, "vocab": 49}
    cases = [
        *(case("llama", "Llama", LLAMA, mesh, flops=True) for mesh in MESHES),
        *(case("gpt2", "GPT2", h, mesh, flops=True) for mesh in MESHES for h in (GPT2, odd)),
        *(case("encoder", "Encoder", {}, mesh, flops=True) for mesh in MESHES),
        case(
            "tiny_model", "TinyModel", {}, {"dp": 2, "tp": 2}, dims={"B": 4}, shape=[4, 100], dtype="float32"
        ),
        case(
            "resnet",
            "ResNet",
            {},
            {"dp": 2},
            dims={"N": 4, "H": 64, "W": 64},
            shape=[4, 3, 64, 64],
            dtype="float32",
        ),
    ]
    for c, real in zip(cases, measured(tmp_path, cases), strict=True):
        held_to(c, real)


@pytest.mark.long
def test_405_billion_parameters_on_16384_devices(tmp_path: Path) -> None:
    """Of the first device, and of the last, which may hold less: at most what the plan says."""
    mesh = {"dp": 2048, "tp": 8}
    first = case("llama", "Llama", LLAMA_405B, mesh, dims={"N": 2048, "T": 8192}, meta=True)
    (real,) = measured(tmp_path, [first], seconds=60)
    plan = plan_of(model_file("llama"), "Llama", LLAMA_405B, mesh)
    assert {t.key: list(t.local) for t in plan.tensors} == real["parameters"]
    assert plan.held == sum(map(prod, real["parameters"].values()))
    assert plan.parameters == 405_853_388_800


@pytest.mark.parametrize("name", FILES)
def test_units_are_those_of_the_generated_code(name: str) -> None:
    for d in model_file(name).definitions:
        if isinstance(d, model.Block) and d.entry:
            assert units(d) == pieces.units(d)
