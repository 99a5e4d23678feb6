"""Models that are cut over processes train as the whole model does: losses, norms of gradients, state_dicts.

In float64, so that what differs is a mistake and not rounding: sums of another order differ by some 1e-15.
"""

from __future__ import annotations

import json
import os
import socket
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


def case(module: str, model: str, hypers: dict[str, Any], dp: int, tp: int, kind: str, **more: Any) -> Any:
    named = {"module": module, "model": model, "hypers": hypers, "dp": dp, "tp": tp, "kind": kind}
    return {**named, "function": "parallelize", "cut": True, **more}


def train(folder: Path, cases: list[Any]) -> None:
    """Compile what the cases need, and run them all on as many processes as each of them wants."""
    (folder / "encoder.nnspec").write_text(BERT)
    for module in sorted({c["module"] for c in cases}):
        spec = folder / f"{module}.nnspec"
        path = spec if spec.exists() else ROOT / "models" / spec.name
        done = CliRunner().invoke(cli, ["compile", str(path), "--parallel", "-o", str(folder)])
        assert done.exit_code == 0, done.output
    (count,) = {c["dp"] * c["tp"] for c in cases}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
    }
    command = [sys.executable, str(WORKER), str(folder), json.dumps(cases)]
    processes = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        outputs = [p.communicate(timeout=300)[0] for p in processes]
    finally:
        for p in processes:
            p.kill()
    for p, output in zip(processes, outputs, strict=True):
        assert p.returncode == 0, output[-3000:]


def test_two_devices_cut_heads_hidden_and_vocab(tmp_path: Path) -> None:
    train(
        tmp_path, [case("gpt2", "GPT2", GPT2, 1, 2, "tokens"), case("llama", "Llama", LLAMA, 1, 2, "tokens")]
    )


@pytest.mark.long
def test_two_devices_share_samples(tmp_path: Path) -> None:
    train(
        tmp_path,
        [
            case("gpt2", "GPT2", GPT2, 2, 1, "tokens"),
            case("llama", "Llama", LLAMA, 2, 1, "tokens"),
            case("encoder", "Encoder", {}, 1, 2, "tokens"),
            case("tiny_model", "TinyModel", {}, 1, 2, "features"),
        ],
    )


@pytest.mark.long
def test_four_devices(tmp_path: Path) -> None:
    odd = {**GPT2, "vocab": 49}  # which no tp but 1 and 7 divides: it stays whole
    train(
        tmp_path,
        [
            case("gpt2", "GPT2", GPT2, 2, 2, "tokens"),
            case("gpt2", "GPT2", odd, 2, 2, "tokens"),
            case("llama", "Llama", LLAMA, 2, 2, "tokens"),
            case("llama", "Llama", LLAMA, 1, 4, "tokens"),
            case("encoder", "Encoder", {}, 2, 2, "tokens"),
        ],
    )
