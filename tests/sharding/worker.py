"""Several processes that train a model cut over a mesh, and hold it to the whole model.

`python worker.py FOLDER CASES`, where FOLDER has the modules. The processes of a case are forks of this one, which has
imported torch.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed import pipelining
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import loss_parallel
from torch.multiprocessing.spawn import start_processes as start
from torch.optim import AdamW, Optimizer

VOCAB, SAMPLES, LENGTH, STEPS = 48, 4, 6, 5
AXES = ("replicate", "dp", "tp", "pp")
Case = dict[str, Any]


def whole(x: Tensor) -> Tensor:
    return x.full_tensor() if isinstance(x, DTensor) else x


def batch(kind: str, step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    if kind == "tokens":
        x = torch.randint(0, VOCAB, (SAMPLES, LENGTH + 1), generator=generator)
        return x[:, :-1], x[:, 1:]
    size = {"features": (SAMPLES, 100), "images": (SAMPLES, 3, 32, 32)}[kind]
    x = torch.randn(size, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 10, (SAMPLES,), generator=generator)


class Samples:
    """A device's part of each batch, and the mean over the devices."""

    def __init__(self, mesh: DeviceMesh | None) -> None:
        axes = () if mesh is None else tuple(a for a in mesh.mesh_dim_names or () if a != "tp")
        self.mesh = mesh[axes] if mesh is not None and axes else None
        self.count = 1 if self.mesh is None else self.mesh.size()

    def part(self, x: Tensor) -> Tensor:
        if self.mesh is None:
            return x
        at = 0
        for axis in range(self.mesh.ndim):
            at = at * self.mesh.size(axis) + self.mesh.get_local_rank(axis)
        return x.chunk(self.count)[at]

    def mean(self, x: Tensor) -> float:
        x = x.detach().clone()
        for axis in range(0 if self.mesh is None else self.mesh.ndim):
            assert self.mesh is not None
            dist.all_reduce(x, group=self.mesh.get_group(axis))
        return float(x) / self.count


def train(
    case: Case, model: nn.Module, samples: Samples, optimizer: Optimizer, steps: range
) -> list[tuple[float, float]]:
    """The loss and the norm of the gradients of each step."""
    found = []
    for step in steps:
        x, y = map(samples.part, batch(case["kind"], step))
        scores = model(x)
        if isinstance(scores, DTensor):
            with loss_parallel():
                loss = F.cross_entropy(scores.flatten(0, 1), y.flatten())
                optimizer.zero_grad()
                torch.autograd.backward(loss)
            loss = whole(loss)
        else:
            loss = F.cross_entropy(scores.reshape(-1, scores.size(-1)), y.reshape(-1))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append((samples.mean(loss), float(whole(norm))))
    return found


def close(a: list[tuple[float, float]], b: list[tuple[float, float]]) -> bool:
    return all(
        abs(x - y) <= 1e-12 * max(1, abs(x)) and abs(n - m) <= 1e-10 * max(1, abs(n))
        for (x, n), (y, m) in zip(a, b, strict=True)
    )


def adam(model: nn.Module) -> Optimizer:
    return AdamW(model.parameters(), lr=1e-2)


def made(case: Case) -> nn.Module:
    torch.manual_seed(0)
    model: nn.Module = getattr(importlib.import_module(case["module"]), case["model"])(**case["hypers"])
    return model.to(torch.float64).train(case["training"])


def cutting(case: Case) -> Any:
    return importlib.import_module(case["module"] + "_parallel")


def mesh_of(case: Case) -> DeviceMesh:
    axes = [a for a in AXES if a in case["mesh"]]
    return init_device_mesh("cpu", tuple(case["mesh"][a] for a in axes), mesh_dim_names=tuple(axes))


def parallelized(case: Case, mesh: DeviceMesh) -> nn.Module:
    model: nn.Module = getattr(cutting(case), case["function"])(made(case), mesh, **case["options"])
    return model


def same_as_whole(case: Case) -> None:
    """The state_dict is the whole module's, parameters lie on the whole mesh, and training goes as on one device."""
    mesh = mesh_of(case)
    expected = made(case).state_dict()
    model = parallelized(case, mesh)
    state = {k: whole(v) for k, v in model.state_dict().items()}
    assert list(state) == list(expected)
    for name, value in expected.items():
        assert torch.equal(state[name], value), name
    for name, parameter in model.named_parameters():
        assert isinstance(parameter, DTensor), name
        assert parameter.device_mesh.ndim == mesh.ndim, name
    model.load_state_dict(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(whole(value), expected[name]), name
    alone = made(case)
    steps = range(case["steps"])
    one = train(case, alone, Samples(None), adam(alone), steps)
    several = train(case, model, Samples(mesh), adam(model), steps)
    assert close(one, several), (case, one, several)


def saved(case: Case) -> None:
    """Train some steps and save: from the meta device and a seeded file, as a large model would be."""
    mesh = mesh_of(case)
    cut = cutting(case)
    if dist.get_rank() == 0:
        whole_state = {k: v.clone() for k, v in made(case).state_dict().items()}
        from safetensors.torch import save_file

        os.makedirs("seeded", exist_ok=True)
        save_file(whole_state, "seeded/model.safetensors")
    dist.barrier()
    with cut.on_meta():
        empty = getattr(importlib.import_module(case["module"]), case["model"])(**case["hypers"])
    model = getattr(cut, case["function"])(empty.to(torch.float64), mesh, **case["options"])
    try:
        cut.load(model, "seeded")
    except ValueError as error:
        assert "`materialize` the model first" in str(error)  # noqa: PT017
    else:
        raise AssertionError
    cut.materialize(model, "cpu")
    cut.load(model, "seeded")
    for name, value in made(case).state_dict().items():
        assert torch.equal(whole(model.state_dict()[name]), value), name
    optimizer = adam(model)
    train(case, model, Samples(mesh), optimizer, range(2))
    cut.save(model, "half", optimizer)


def resumed(case: Case) -> None:
    """Go on from what `saved` left, on another mesh, as one device would."""
    alone = made(case)
    optimizer = adam(alone)
    expected = train(case, alone, Samples(None), optimizer, range(STEPS))[2:]
    mesh = mesh_of(case)
    model = parallelized(case, mesh)
    optimizer = adam(model)
    cutting(case).load(model, "half", optimizer)
    found = train(case, model, Samples(mesh), optimizer, range(2, STEPS))
    assert close(expected, found), (case, expected, found)


def resumed_alone(case: Case) -> None:
    """Go on from what `saved` left on one device, with what is saved read by torch alone."""
    alone = made(case)
    optimizer = adam(alone)
    expected = train(case, alone, Samples(None), optimizer, range(STEPS))[2:]
    model = made(case)
    optimizer = adam(model)
    cutting(case).load(model, "half", optimizer)
    found = train(case, model, Samples(None), optimizer, range(2, STEPS))
    assert close(expected, found), (expected, found)


def own_statistics(case: Case) -> None:
    """A `BatchNorm` normalises by the samples of its own device: as if each were alone with them."""
    mesh = mesh_of(case)
    samples = Samples(mesh)
    x, _ = batch(case["kind"], 0)
    mine = samples.part(x)
    found = parallelized(case, mesh)(mine)
    assert torch.allclose(found, made(case)(mine), rtol=1e-10, atol=1e-12)
    assert not torch.allclose(found, samples.part(made(case)(x)), rtol=1e-3)


def pipelined(case: Case) -> None:
    """Stages of a pipeline, under a schedule: the loss and the gradients are those of one device."""
    schedule = getattr(pipelining, case["schedule"])
    microbatches, each = 2, case["each"]
    mesh = mesh_of(case)
    x, y = batch(case["kind"], 0)
    alone = made(case)
    expected = loss_of(alone(x), y)
    torch.autograd.backward(expected)
    gradients: dict[str, Any] = {name: p.grad for name, p in alone.named_parameters()}
    stages = cutting(case).stages(made(case), mesh, x[: SAMPLES // microbatches], each=each)
    assert len(stages) == each
    run = schedule(stages if each > 1 else stages[0], n_microbatches=microbatches, loss_fn=loss_of)
    losses: list[Tensor] = []
    last = mesh.get_local_rank() == mesh.size() - 1
    first = {"args": (x,)} if mesh.get_local_rank() == 0 else {"args": ()}
    run.step(*first["args"], **({"target": y, "losses": losses} if last else {}))
    if last:
        assert abs(float(sum(losses)) / microbatches - float(expected)) < 1e-12
    names = [name for stage in stages for name, _ in stage.submod.named_parameters()]
    for stage in stages:
        for name, p in stage.submod.named_parameters():
            assert torch.allclose(p.grad, gradients[name], rtol=1e-10, atol=1e-13), name
    everywhere: list[Any] = [None] * mesh.size()
    dist.all_gather_object(everywhere, names)
    assert sorted(n for each in everywhere for n in each) == sorted(gradients)


def loss_of(scores: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(scores.flatten(0, 1), y.flatten())


def no_stages(case: Case) -> None:
    """A model that cannot be a pipeline is refused on every device."""
    x, _ = batch(case["kind"], 0)
    try:
        cutting(case).stages(made(case), mesh_of(case), x, each=case.get("each", 1))
    except ValueError as error:
        assert case["message"] in str(error), error  # noqa: PT017
    else:
        raise AssertionError("nothing was refused")


def decoded(case: Case) -> None:
    """Another method than `forward`, called by itself, computes what it does on one device."""
    model: Any = parallelized(case, mesh_of(case))
    alone: Any = made(case)
    x, _ = batch(case["kind"], 0)
    with torch.no_grad():
        expected, past = alone.decode(x[:, :-1])
        found, mine = model.decode(x[:, :-1])
        assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)
        found, _ = model.decode(x[:, -1:], mine)
        assert torch.allclose(found, alone.decode(x[:, -1:], past)[0], rtol=1e-10, atol=1e-12)


def refused(case: Case) -> None:
    """A mesh or a batch that does not fit is refused on every device, before any of them waits."""
    mesh = mesh_of(case)
    try:
        model = parallelized(case, mesh)
        x, _ = batch(case["kind"], 0)
        model(x[: 1 + mesh.get_local_rank(0), : case.get("length", LENGTH)])
    except ValueError as error:
        assert case["message"] in str(error), error  # noqa: PT017
    else:
        raise AssertionError("nothing was refused")


RUNS: dict[str, Callable[[Case], None]] = {
    f.__name__: f
    for f in (
        same_as_whole,
        saved,
        resumed,
        resumed_alone,
        own_statistics,
        decoded,
        refused,
        pipelined,
        no_stages,
    )
}


def size(case: Case) -> int:
    count = 1
    for n in case["mesh"].values():
        count *= n
    return count


def process(rank: int, port: int, cases: list[Case]) -> None:
    torch.set_num_threads(1)
    if cases[0]["mesh"]:
        address = f"tcp://127.0.0.1:{port}"
        waited = timedelta(seconds=60)
        dist.init_process_group("gloo", address, waited, size(cases[0]), rank)
    for case in cases:
        RUNS[case["run"]](case)
        if case["mesh"]:
            dist.barrier()
    if cases[0]["mesh"]:
        dist.destroy_process_group()


def main() -> None:
    folder, text = sys.argv[1:]
    sys.path.insert(0, folder)
    os.chdir(folder)
    left = json.loads(text)
    for case in left:
        cutting(case)
    while left:
        count = size(left[0])
        taken = next((i for i, c in enumerate(left) if size(c) != count), len(left))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        start(process, (port, left[:taken]), nprocs=count, start_method="fork")  # type: ignore[no-untyped-call]
        left = left[taken:]


if __name__ == "__main__":
    main()
