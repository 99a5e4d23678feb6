"""Llama decodes piece by piece, with what it keeps of earlier pieces, as it reads a whole sequence at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxslim
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from spec_lang.runtimes import Request
from spec_lang.runtimes.verify import verify
from tests.commands import specc
from tests.models import twins
from tests.models.test_twins import LLAMA, MODELS, loaded
from tests.onnx.exporting import checked, model_file

PIECES = [[1] * 9, [5, 1, 1, 1, 1], [3, 4, 2], [9]]


def close(found: Tensor, wanted: Tensor) -> None:
    """Equal but for the order of sums of up to 40 products: some hundred roundings of 2^-24, relative to the logits' size."""
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * wanted.square().mean().sqrt().item())


@pytest.fixture(scope="module")
def model() -> Any:
    """The generated module, with weights large enough for every position to count."""
    torch.manual_seed(0)
    made = loaded("llama").Llama(**LLAMA).eval()
    with torch.no_grad():
        for layer in made.layers:
            layer.self_attn.q_proj.weight.mul_(5)
            layer.self_attn.k_proj.weight.mul_(5)
    return made


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    return torch.randint(LLAMA["vocab"], (3, 9), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def wanted(model: Any, tokens: Tensor) -> Tensor:
    """The logits of the whole sequence, by the twin that knows no pieces."""
    twin = twins.Llama(LLAMA)
    twin.load_state_dict(model.state_dict())
    with torch.no_grad():
        return twin(tokens)


@torch.no_grad()
@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_pytorch(pieces: list[int], model: Any, tokens: Tensor, wanted: Tensor) -> None:
    past, logits = None, []
    for piece in tokens.split(pieces, dim=1):
        scores, past = model.decode(piece, past)
        logits.append(scores)
    close(torch.cat(logits, dim=1), wanted)
    close(torch.cat(logits, dim=1), model(tokens))
    assert [[t.shape for t in pair] for pair in past] == [[(3, 2, 9, 6)] * 2] * LLAMA["depth"]


def test_a_step_compiles_whole(model: Any, tokens: Tensor) -> None:
    step = torch.compile(model.decode, fullgraph=True, backend="eager")
    with torch.no_grad():
        _, past = step(tokens[:, :4])
        close(step(tokens[:, 4:5], past)[0], model(tokens[:, :5])[:, -1:])


def test_positions_are_exact_in_half_precision(model: Any) -> None:
    """bf16 has no 257: computed in it, neighbouring positions would turn by one angle."""
    past = [(torch.zeros(1, 2, 256, 6), torch.zeros(1, 2, 256, 6))] * LLAMA["depth"]
    half = loaded("llama").Llama(**LLAMA).bfloat16()
    half.load_state_dict(model.state_dict())
    seen: list[Tensor] = []
    hook = half.layers[0].register_forward_pre_hook(lambda layer, given: seen.append(given[1]))
    with torch.no_grad():
        half.decode(torch.zeros(1, 2, dtype=torch.int64), [(k.bfloat16(), v.bfloat16()) for k, v in past])
    hook.remove()
    torch.testing.assert_close(seen[0][:, 0].float(), torch.tensor([256.0, 257.0]).cos(), rtol=2**-8, atol=0)


class Graphs:
    """The graph for what comes first and the one for what follows, beside the weights file that both read."""

    def __init__(self, folder: Path, state: dict[str, Tensor]) -> None:
        self.weights = folder / "model.safetensors"
        save_file(state, self.weights)
        self.paths = {name: folder / f"{name}.onnx" for name in ("prompt", "decode")}
        sets = [f"--set={name}={value}" for name, value in LLAMA.items()]
        for name, path in self.paths.items():
            command = ["compile", MODELS / "llama.nnspec", "--model", "Llama", "--target", "onnx", *sets]
            command += ["--method", "decode", "--weights", self.weights, "--zero-copy", "-o", path]
            done = specc(*command, *(["--input", "past"] if name == "decode" else []))
            assert done.returncode == 0, done.stderr
        self.prompt, self.decode = (
            onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]) for p in self.paths.values()
        )

    def run(self, tokens: Tensor, past: dict[str, np.ndarray] | None) -> tuple[Tensor, dict[str, np.ndarray]]:
        """The logits, and the past of the next piece."""
        session = self.prompt if past is None else self.decode
        logits, *present = session.run(None, {"tokens": tokens.numpy()} | (past or {}))
        names = [o.name.replace("present", "past") for o in session.get_outputs()[1:]]
        return torch.from_numpy(logits), dict(zip(names, present, strict=True))


@pytest.fixture(scope="module")
def graphs(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Graphs:
    return Graphs(tmp_path_factory.mktemp("llama"), model.state_dict())


@pytest.mark.parametrize("empty", [False, True], ids=["no past", "a past of length 0"])
@pytest.mark.parametrize("pieces", PIECES, ids=str)
def test_onnx(pieces: list[int], empty: bool, graphs: Graphs, tokens: Tensor, wanted: Tensor) -> None:
    past = None
    if empty:
        names = [i.name for i in graphs.decode.get_inputs()[1:]]
        past = {n: np.zeros((3, 2, 0, 6), np.float32) for n in names}
    logits = []
    for piece in tokens.split(pieces, dim=1):
        scores, past = graphs.run(piece, past)
        logits.append(scores)
    close(torch.cat(logits, dim=1), wanted)


def dims(values: Any) -> dict[str, list[str | int]]:
    return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}


def test_the_graph_says_what_grows(graphs: Graphs) -> None:
    graph = checked(graphs.paths["decode"]).graph
    pairs = [f"{layer}_{part}" for layer in range(LLAMA["depth"]) for part in (0, 1)]
    assert dims(graph.input) == {"tokens": ["N", "T"]} | {f"past_{p}": ["N", 2, "P", 6] for p in pairs}
    grown = {f"present_{p}": ["N", 2, "P + T", 6] for p in pairs}
    assert dims(graph.output) == {"logits": ["N", "T", 61]} | grown


def test_the_past_is_joined_and_read_and_nothing_else(graphs: Graphs) -> None:
    """Neither turned nor copied another time, and nothing is left that could be removed."""
    graph = checked(graphs.paths["decode"]).graph
    reads = Counter(n.op_type for n in graph.node for i in n.input if i.startswith(("past_", "present_")))
    sizes = reads.pop("Shape")
    assert (sizes, reads) == (1, {"Concat": 2 * LLAMA["depth"], "Attention": 2 * LLAMA["depth"]})
    for path in graphs.paths.values():
        ops = Counter(n.op_type for n in checked(path).graph.node)
        assert Counter(n.op_type for n in onnxslim.slim(onnx.load(path)).graph.node) == ops
        assert ops["Attention"] == LLAMA["depth"]


def test_the_graphs_share_one_file_of_weights(graphs: Graphs) -> None:
    files = sorted(f.name for f in graphs.weights.parent.iterdir())
    assert files == ["decode.onnx", "model.safetensors", "prompt.onnx"]
    for path in graphs.paths.values():
        stored = onnx.load(path, load_external_data=False).graph.initializer
        places = {p.value for t in stored for p in t.external_data if p.key == "location"}
        assert places == {"model.safetensors"}


@pytest.mark.parametrize("name", ["prompt", "decode"])
def test_an_exported_graph_is_verified_with_the_inputs_that_it_has(name: str, graphs: Graphs) -> None:
    path = graphs.paths[name]
    request = Request(
        model_file("llama"),
        "Llama",
        LLAMA,
        weights=str(graphs.weights),
        method="decode",
        onnx=str(path),
    )
    found = verify(request, samples=3, threads=1)
    assert found.agrees
    assert {t.given for t in found.trials} == {("past",) if name == "decode" else ()}


def test_a_graph_runs_on_files_of_its_inputs(graphs: Graphs, tokens: Tensor, tmp_path: Path) -> None:
    _, past = graphs.run(tokens[:, :4], None)
    given = {"tokens": tokens[:, 4:].numpy()} | past
    for name, array in given.items():
        np.save(tmp_path / f"{name}.npy", array)
    command = ["run", MODELS / "llama.nnspec", "--model", "Llama", "--method", "decode"]
    command += [f"--set={name}={value}" for name, value in LLAMA.items()]
    command += ["--weights", graphs.weights, "-o", tmp_path / "out"]
    done = specc(*command, *(f"--input={tmp_path / name}.npy" for name in given))
    assert done.returncode == 0, done.stderr
    wanted, _ = graphs.run(tokens[:, 4:], past)
    close(torch.from_numpy(np.load(tmp_path / "out" / "logits.npy")), wanted)
