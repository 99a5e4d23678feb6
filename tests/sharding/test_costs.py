"""What a plan says of memory, of what is sent and of FLOPs is what PyTorch takes on its fake process group."""

from __future__ import annotations

import json
import os
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
from tests.check.checking import checked as accepted
from tests.onnx.exporting import model_file
from tests.sharding.test_plans import ROOT
from tests.sharding.test_training import BERT, GPT2, LLAMA
from tests.summary.test_command import CHOOSES

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
    return plan, cost_of(
        program, c["model"], plan, Setting(dims=c["dims"], recompute=c.get("recompute", False)), c["hypers"]
    )


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
        *(case("llama", "Llama", LLAMA, mesh, flops=mesh == {"tp": 2}) for mesh in MESHES),
        *(case("gpt2", "GPT2", h, {"dp": 2, "tp": 2}, flops=True) for h in (GPT2, odd)),
        *(case("encoder", "Encoder", {}, mesh) for mesh in MESHES[1:3]),
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
def test_steps_that_recompute(tmp_path: Path) -> None:
    """By PyTorch's own checkpoints around each block."""
    cases = [
        case(module, name, hypers, mesh, recompute=True, flops=True, within=0)
        for mesh in ({"dp": 2, "tp": 2}, {"tp": 2})
        for module, name, hypers in (("gpt2", "GPT2", GPT2), ("llama", "Llama", LLAMA))
    ]
    for c, real in zip(cases, measured(tmp_path, cases), strict=True):
        held_to(c, real)


@pytest.mark.long
def test_405_billion_parameters_on_16384_devices(tmp_path: Path) -> None:
    mesh = {"replicate": 16, "dp": 128, "tp": 8}
    first = case("llama", "Llama", LLAMA_405B, mesh, dims={"N": 2048, "T": 8192}, meta=True)
    before = os.times()
    (real,) = measured(tmp_path, [first], seconds=500)
    after = os.times()
    assert after.children_user - before.children_user < 60
    plan = plan_of(model_file("llama"), "Llama", LLAMA_405B, mesh)
    assert {t.key: list(t.local) for t in plan.tensors} == real["parameters"]
    assert plan.held == sum(map(prod, real["parameters"].values()))
    assert plan.parameters == 405_853_388_800


def test_units_are_the_lists_without_shared_parameters() -> None:
    text = """
model Net:
    layers:
        tied  = [Linear(4, 4) for i in range(2)]
        free  = [Linear(4, 4) for i in range(2)]
        named = {f"a{i}": Linear(4, 4) for i in range(2)}
        out   = Linear(4, 4)

    tie out.weight = tied[0].weight

    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> tied -> free -> named["a0"] -> out
"""
    (net,) = accepted(text).definitions
    assert isinstance(net, model.Block)
    assert units(net) == ["free"]


LLAMA_8B = {
    "vocab": 128_256,
    "dim": 4096,
    "depth": 32,
    "heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "hidden": 14_336,
}


def states(hypers: dict[str, Any], mesh: dict[str, int], file: str = "llama", name: str = "Llama") -> int:
    """The bytes of parameters, gradients and Adam's states that a device holds."""
    plan = plan_of(model_file(file), name, hypers, mesh)
    return 16 * plan.held


def test_zero_stage_three() -> None:
    """7.5 billion parameters take 120 GB alone and 1.9 GB on each of 64. Source: https://arxiv.org/abs/1910.02054"""
    hypers = {"depth": 36, "dim": 4096, "heads": 32}
    alone, on_64 = (states(hypers, {"dp": n}, "gpt2", "GPT2") for n in (1, 64))
    assert alone / 1e9 == pytest.approx(120, rel=0.01)
    assert on_64 / 1e9 == pytest.approx(1.875, rel=0.01)


def test_torchtitan_8b() -> None:
    """From 8 to 128 devices, 14.0 GiB less. Source: https://arxiv.org/abs/2410.06511"""
    saved = states(LLAMA_8B, {"dp": 8}) - states(LLAMA_8B, {"dp": 128})
    assert saved / 2**30 == pytest.approx(14.0, abs=0.05)


def test_llama_3s_flops() -> None:
    """3.8e25 for 15.6 T tokens, and but for attention six for each weight of a product. Source: https://arxiv.org/abs/2407.21783"""
    plan, cost = planned(case("llama", "Llama", LLAMA_405B, {}, dims={"N": 1, "T": 1}))
    table, norms = 128_256 * 16_384, (2 * 126 + 1) * 16_384
    attention = 126 * 12 * 128 * 128
    assert cost.flops == 6 * (plan.parameters - table - norms) + attention
    assert 15.6e12 * cost.flops == pytest.approx(3.8e25, rel=0.01)


def specc(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["plan", *args])
    return done.exit_code, done.output


FIT = ["--fit", "24GB", "--devices", "16", "--dim", "N=64", "--dim", "T=1024", "--format", "json"]
SPEED = ["--flops", "100T", "--bandwidth", "20G"]
GPT2_FILE = str(ROOT / "models" / "gpt2.nnspec")


def test_meshes_that_fit_are_ordered_by_their_time() -> None:
    status, output = specc(GPT2_FILE, *FIT, *SPEED)
    assert status == 0, output
    meshes = json.loads(output)["meshes"]
    assert [m["mesh"]["tp"] for m in meshes if m["fits"]] == [1, 2, 4]
    for m in meshes:
        assert m["mesh"]["dp"] * m["mesh"]["tp"] == 16
        assert m["fits"] is (m["bytes"]["peak"] <= 24e9)
        sent = {axis: sum(s["sent"] for s in m["sent"] if s["axis"] == axis) / 20e9 for axis in ("dp", "tp")}
        computing = m["flops"] / 100e12
        assert m["seconds"] == pytest.approx(computing + sent["tp"] + max(0, sent["dp"] - computing))
        assert m["limit"] == max(m["parts"], key=m["parts"].get)
    times = [m["seconds"] for m in meshes if m["fits"]]
    assert times == sorted(times)


def test_meshes_that_do_not_fit_say_so() -> None:
    status, output = specc(GPT2_FILE, "--fit", "4GB", *FIT[2:])
    assert status == 0
    meshes = json.loads(output)["meshes"]
    assert [m["fits"] for m in meshes] == sorted((m["fits"] for m in meshes), reverse=True)
    assert {m["limit"] for m in meshes if not m["fits"]} == {"memory"}
    status, output = specc(GPT2_FILE, "--fit", "1MB", *FIT[2:-2])
    assert "none of 3 meshes fit" in output


def test_many_devices() -> None:
    """More than there are rows; and a search is as long as the sizes of the model, not as the devices are many."""
    status, output = specc(GPT2_FILE, "--mesh", "dp=2000000000,tp=2", "--format", "json")
    assert status == 0
    assert {t["local"][0] for t in json.loads(output)["tensors"]} == {1}
    status, output = specc(
        GPT2_FILE, "--fit", "1GB", "--devices", "1000000000", "--dim", "N=1000000000", "--dim", "T=1"
    )
    assert status == 0
    assert "of 3 meshes fit" in output


def test_what_people_read() -> None:
    status, output = specc(GPT2_FILE, "--mesh", "replicate=2,dp=2,tp=2", "--dim", "N=8", "--dim", "T=64")
    assert status == 0
    for line in (
        "GPT2 on 8 devices: replicate 2 x dp 2 x tp 2",
        "over dp: samples (N)",
        "over replicate, all-reduce",
        "over tp, all-reduce",
        "optimiser states",
    ):
        assert line in output
    status, output = specc(str(ROOT / "models" / "bert.nnspec"), "--recompute")
    assert status == 0
    assert "not known is what is kept inside TransformerEncoder" in output


def test_a_branch_by_a_size_asks_for_it(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(CHOOSES)
    status, output = specc(str(spec), "--mesh", "dp=2")
    assert status == 0
    assert "what a step takes is not known" in output
    assert "--dim gives a size" in output
    status, output = specc(str(spec), "--mesh", "dp=2", "--dim", "N=2")
    assert status == 1
    assert "error[E0903]" in output
    status, output = specc(str(spec), "--mesh", "dp=2", "--dim", "N=2", "--dim", "T=9")
    assert "activations" in output


def test_samples_that_do_not_divide() -> None:
    status, output = specc(GPT2_FILE, "--mesh", "dp=3,tp=2", "--dim", "N=4")
    assert status == 1
    assert "error[E0921]: N = 4 does not divide by the 3 devices that share the samples" in output
    assert "--dim N=6" in output
    status, output = specc(GPT2_FILE, "--fit", "24GB", "--devices", "8", "--dim", "N=4", "--dim", "T=64")
    assert status == 0
    assert "N = 4 does not divide by the 8 devices" in output


def test_sizes_that_are_not_given_are_symbols() -> None:
    status, output = specc(GPT2_FILE, "--mesh", "dp=2,tp=2", "--set", "p=0.0", "--format", "json")
    assert status == 0
    symbolic = json.loads(output)
    assert symbolic["dims"] == {"N": None, "T": None}
    sizes = {"N": 6, "T": 5}
    dims = [f"--dim={k}={v}" for k, v in sizes.items()]
    found = json.loads(
        specc(GPT2_FILE, "--mesh", "dp=2,tp=2", "--set", "p=0.0", *dims, "--format", "json")[1]
    )

    def value(text: object) -> object:
        return eval(text, {}, dict(sizes)) if isinstance(text, str) else text

    assert {k: value(v) for k, v in symbolic["bytes"].items()} == found["bytes"]
    assert value(symbolic["flops"]) == found["flops"]
    for a, b in zip(symbolic["sent"], found["sent"], strict=True):
        assert (a["axis"], a["how"], value(a["whole"])) == (b["axis"], b["how"], b["whole"])


@pytest.mark.parametrize(
    "options",
    [
        ["--fit", "80GiB"],
        ["--fit", "lots", "--devices", "8"],
        ["--fit", "0GB", "--devices", "8"],
        ["--fit", "80GiB", "--devices", "8"],
        ["--fit", "80GiB", "--devices", "8", "--mesh", "dp=8"],
        ["--fit", "80GiB", "--devices", "8", "--flops", "1T"],
        ["--devices", "8"],
        ["--dim", "Z=8"],
        ["--mesh", "replicate=2"],
    ],
)
def test_what_is_asked_wrongly(options: list[str]) -> None:
    status, output = specc(GPT2_FILE, *options)
    assert status == 2, output
