"""One of several processes: trains a model that is cut over a mesh, and holds it to the whole model.

`torchrun ... worker.py FOLDER CASES`, where each case is `module:Class:{hypers}:dp:tp`, and FOLDER has the modules.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

VOCAB, SAMPLES, LENGTH, STEPS = 48, 4, 6, 5


def whole(x: Tensor) -> Tensor:
    return x.full_tensor() if isinstance(x, DTensor) else x


def batch(kind: str, step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    if kind == "tokens":
        x = torch.randint(0, VOCAB, (SAMPLES, LENGTH + 1), generator=generator)
        return x[:, :-1], x[:, 1:]
    size = {"features": (SAMPLES, 100), "images": (SAMPLES, 3, 64, 64)}[kind]
    x = torch.randn(size, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, 10, (SAMPLES,), generator=generator)


def train(model: nn.Module, kind: str, part: slice, group: Any = None) -> list[tuple[float, float]]:
    """The loss and the norm of the gradients of each step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for step in range(STEPS):
        x, y = (t[part] for t in batch(kind, step))
        scores = model(x)
        loss = F.cross_entropy(scores.reshape(-1, scores.size(-1)), y.reshape(-1))
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        mean = loss.detach().clone()
        if group is not None:
            dist.all_reduce(mean, group=group)
            mean /= dist.get_world_size(group)
        found.append((float(mean), float(whole(norm))))
    return found


def run(case: dict[str, Any]) -> None:
    module = importlib.import_module(case["module"])
    cutting = importlib.import_module(case["module"] + "_parallel")

    def made() -> nn.Module:
        torch.manual_seed(0)
        model: nn.Module = getattr(module, case["model"])(**case["hypers"]).to(torch.float64)
        return model

    mesh = init_device_mesh("cpu", (case["dp"], case["tp"]), mesh_dim_names=("dp", "tp"))
    if not case["cut"]:
        mesh = mesh["dp"]
    alone = train(made(), case["kind"], slice(None))
    expected = made().state_dict()
    model = getattr(cutting, case["function"])(made(), mesh)
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
    size = SAMPLES // case["dp"]
    first = mesh["dp"].get_local_rank() * size
    several = train(model, case["kind"], slice(first, first + size), mesh["dp"].get_group())
    for a, b in zip(alone, several, strict=True):
        assert abs(a[0] - b[0]) <= 1e-12 * max(1, abs(a[0])), (case, alone, several)
        assert abs(a[1] - b[1]) <= 1e-10 * max(1, abs(a[1])), (case, alone, several)


def main() -> None:
    folder, cases = sys.argv[1:]
    sys.path.insert(0, folder)
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for case in json.loads(cases):
        run(case)
        dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
