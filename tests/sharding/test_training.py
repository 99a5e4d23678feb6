"""Models that are cut over processes train as the whole model does: losses, norms of gradients, state_dicts.

In float64, so that what differs is a mistake and not rounding: sums of another order differ by some 1e-15.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from spec_lang.cli import cli

ROOT = Path(__file__).parents[2]
WORKER = Path(__file__).with_name("worker.py")
LLAMA = {"vocab": 48, "dim": 16, "depth": 2, "heads": 8, "kv_heads": 4, "head_dim": 4, "hidden": 24}
GPT2 = {"vocab": 48, "context": 16, "dim": 16, "depth": 2, "heads": 4, "p": 0.0}
BERT = '''\
"""An encoder of own blocks, without dropout."""

block Attention(heads: int, head_dim: int):
    layers:
        query  = Linear(_, heads * head_dim)
        key    = Linear(_, heads * head_dim)
        value  = Linear(_, heads * head_dim)
        output = Linear(_, D)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        q = x -> query -> rearrange("n t (h d) -> n h t d", d=head_dim)
        k = x -> key -> rearrange("n t (h d) -> n h t d", d=head_dim)
        v = x -> value -> rearrange("n t (h d) -> n h t d", d=head_dim)
        y = scaled_dot_product_attention(q, k, v)
        return y -> rearrange("n h t d -> n t (h d)") -> output

block Layer(heads: int, head_dim: int, hidden: int):
    layers:
        attention = Attention(heads, head_dim)
        norm1     = LayerNorm(_)
        up        = Linear(_, hidden)
        down      = Linear(_, D)
        norm2     = LayerNorm(_)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        x = norm1(x + attention(x))
        return norm2(x + down(gelu(up(x))))

model Encoder(vocab: int = 48, dim: int = 16, depth: int = 2, heads: int = 4, head_dim: int = 4, hidden: int = 24):
    layers:
        words  = Embedding(vocab, dim)
        layer  = [Layer(heads, head_dim, hidden) for i in range(depth)]
        scores = Linear(_, vocab)

    forward(tokens: int[N, T]) -> float[N, T, vocab]:
        return tokens -> words -> layer -> scores
'''

EXPERTS = '''\
"""A decoder whose experts stand whole on every device of `dp`, each cut over `tp`."""

block Expert(hidden: int):
    layers:
        up   = Linear(_, hidden, bias=false)
        down = Linear(_, D, bias=false)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        return x -> up -> silu -> down

block Layer(count: int, taken: int, hidden: int):
    require taken <= count

    layers:
        norm    = RMSNorm(_)
        router  = Linear(_, count, bias=false)
        experts = [Expert(hidden) for i in range(count)]

    forward(x: float[N, T, D]) -> float[N, T, D]:
        h = norm(x)
        gates = h -> router -> softmax(dim=-1)
        best, _ = topk(gates, taken)
        gates = where(gates >= best[:, :, -1:], gates, 0.0)
        y = sum([expert(h) * gates[:, :, i, none] for i, expert in enumerate(experts)])
        return x + y

model Experts(vocab: int = 48, dim: int = 16, depth: int = 2, count: int = 4, taken: int = 2, hidden: int = 24):
    require taken <= count

    layers:
        words  = Embedding(vocab, dim)
        layer  = [Layer(count, taken, hidden) for i in range(depth)]
        scores = Linear(_, vocab)

    forward(tokens: int[N, T]) -> float[N, T, vocab]:
        return tokens -> words -> layer -> scores
'''


STEPS = '''\
"""Layers around a list that is cut along the steps: one gives all of them, one shares them out."""

block MLP(hidden: int):
    layers:
        norm = RMSNorm(_)
        up   = Linear(_, hidden)
        down = Linear(_, D)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        return x + (x -> norm -> up -> gelu -> down)

model Steps(vocab: int = 48, dim: int = 16, depth: int = 2, hidden: int = 24, out: int = 48):
    layers:
        words  = Embedding(vocab, dim)
        mix    = Linear(_, dim)
        layer  = [MLP(hidden) for i in range(depth)]
        scores = Linear(_, out)

    forward(tokens: int[N, T]) -> float[N, T, out]:
        x = tokens -> words
        x = x -> cumsum(1) -> mix
        return (x -> layer -> scores) * 2
'''


def case(module: str, model: str, hypers: dict[str, Any], run: str = "same_as_whole", **mesh: int) -> Any:
    kind = {"resnet": "images", "tiny_model": "features"}.get(module, "tokens")
    said = {"module": module, "model": model, "hypers": hypers, "kind": kind, "mesh": mesh, "run": run}
    return {**said, "function": "parallelize", "options": {}, "training": True, "steps": 5}


def run(folder: Path, cases: list[Any]) -> None:
    """Compile what the cases need, and run them, each on as many processes as its mesh has devices.

    A case has 60 s, and so has each wait for another process.
    """
    (folder / "encoder.nnspec").write_text(BERT)
    (folder / "experts.nnspec").write_text(EXPERTS)
    (folder / "steps.nnspec").write_text(STEPS)
    for module in sorted({c["module"] for c in cases}):
        spec = folder / f"{module}.nnspec"
        path = spec if spec.exists() else ROOT / "models" / spec.name
        done = CliRunner().invoke(cli, ["compile", str(path), "--parallel", "-o", str(folder)])
        assert done.exit_code == 0, done.output
    command = [sys.executable, str(WORKER), str(folder), json.dumps(cases)]
    worker = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        output = worker.communicate(timeout=60 * len(cases))[0]
    finally:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)  # with its processes, which wait for each other
    assert worker.returncode == 0, output[-4000:]


def test_two_devices_cut_heads_hidden_and_vocab(tmp_path: Path) -> None:
    run(
        tmp_path,
        [
            case("gpt2", "GPT2", GPT2, tp=2),
            case("gpt2", "GPT2", GPT2, "saved", tp=2),
            case("gpt2", "GPT2", GPT2, "resumed", dp=2),
            case("llama", "Llama", LLAMA, tp=2),
            case("gpt2", "GPT2", GPT2, "resumed_alone"),
        ],
    )


@pytest.mark.long
def test_two_devices_share_samples(tmp_path: Path) -> None:
    run(
        tmp_path,
        [
            case("gpt2", "GPT2", GPT2, dp=2, tp=1),
            case("llama", "Llama", LLAMA, dp=2, tp=1),
            case("llama", "Llama", LLAMA, "decoded", dp=2),
            case("llama", "Llama", LLAMA, "decoded", tp=2),
            case("encoder", "Encoder", {}, dp=1, tp=2),
            case("tiny_model", "TinyModel", {}, dp=1, tp=2),
        ],
    )


@pytest.mark.long
def test_four_devices(tmp_path: Path) -> None:
    odd = {**GPT2, "vocab": 49}  # which no tp but 1 and 7 divides: it stays whole
    steps = {"sequence_parallel": True}
    run(
        tmp_path,
        [
            case("gpt2", "GPT2", GPT2, dp=2, tp=2),
            {**case("gpt2", "GPT2", odd, dp=2, tp=2), "options": steps},
            {**case("llama", "Llama", LLAMA, dp=2, tp=2), "options": steps},
            case("llama", "Llama", LLAMA, dp=1, tp=4),
            case("llama", "Llama", LLAMA, replicate=2, dp=2),
            case("llama", "Llama", LLAMA, replicate=2, dp=1, tp=2),
            case("encoder", "Encoder", {}, dp=2, tp=2),
        ],
    )


@pytest.mark.long
def test_losses_and_recomputation(tmp_path: Path) -> None:
    both = {"recompute": True, "loss_parallel": True, "sequence_parallel": True}
    cases = [
        case("gpt2", "GPT2", GPT2, tp=2),
        case("llama", "Llama", LLAMA, dp=1, tp=2),
        case("encoder", "Encoder", {}, tp=2),
        case("steps", "Steps", {}, tp=2),
        case("experts", "Experts", {}, dp=1, tp=2),
        case("experts", "Experts", {}, dp=2),
        {**case("resnet", "ResNet18", {}, dp=2), "training": False, "steps": 2},
        case("resnet", "ResNet18", {}, "own_statistics", dp=2),
    ]
    for c, options in zip(
        cases, (both, both, both, {"sequence_parallel": True}, {}, {"recompute": True}, {}, {}), strict=True
    ):
        c["options"] = options
    run(tmp_path, cases)


@pytest.mark.long
def test_pipelines(tmp_path: Path) -> None:
    deep = {**LLAMA, "depth": 4}
    gpipe = case("llama", "Llama", deep, "pipelined", pp=2)
    uneven = case("llama", "Llama", {**LLAMA, "depth": 3}, "pipelined", pp=2)
    interleaved = case("encoder", "Encoder", {"depth": 4}, "pipelined", pp=2)
    skipping = case("llama", "Llama", deep, "no_stages", pp=2)
    tied = case("gpt2", "GPT2", GPT2, "no_stages", pp=2)
    short = case("llama", "Llama", {**LLAMA, "depth": 1}, "no_stages", pp=2)
    run(
        tmp_path,
        [
            {**gpipe, "schedule": "ScheduleGPipe", "each": 1},
            {**uneven, "schedule": "Schedule1F1B", "each": 1},
            {**interleaved, "schedule": "ScheduleInterleaved1F1B", "each": 2},
            {**skipping, "each": 2, "message": "a stage needs what is not of the one before"},
            {**tied, "message": "stages cannot share wte.weight, which is lm_head.weight too"},
            {**short, "message": "layers has 1 blocks, for 2 stages"},
        ],
    )


@pytest.mark.long
def test_what_is_saved_on_one_mesh_goes_on_on_others(tmp_path: Path) -> None:
    for module, model, hypers in (("gpt2", "GPT2", GPT2), ("llama", "Llama", LLAMA)):
        run(
            tmp_path,
            [
                case(module, model, hypers, "saved", dp=2, tp=2),
                case(module, model, hypers, "resumed", dp=1, tp=2),
                case(module, model, hypers, "resumed", dp=2),
                case(module, model, hypers, "resumed_alone"),
            ],
        )


@pytest.mark.long
def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    odd = {"heads": 3, "kv_heads": 3}
    unfit = {
        **case("llama", "Llama", {**LLAMA, **odd}, "refused", dp=1, tp=2),
        "message": "tp must divide kv_heads (kv_heads=3, tp=2)",
    }
    hidden = {
        **case("llama", "Llama", {**LLAMA, "hidden": 25}, "refused", dp=1, tp=2),
        "message": "hidden=25",
    }
    heads = {**case("gpt2", "GPT2", {**GPT2, "heads": 1}, "refused", dp=1, tp=2), "message": "heads=1"}
    uneven = {
        **case("llama", "Llama", LLAMA, "refused", dp=2, tp=1),
        "message": "N differs over the devices: [1, 2]",
    }
    odd_steps = {
        **case("llama", "Llama", LLAMA, "refused", dp=1, tp=2),
        "options": {"sequence_parallel": True},
        "length": 5,
        "message": "tp must divide T (T=5, tp=2)",
    }
    run(tmp_path, [unfit, hidden, heads, uneven, odd_steps])
