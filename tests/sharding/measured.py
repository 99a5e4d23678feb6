"""What a training step on one device of a mesh really takes, by PyTorch on its fake process group: nothing is sent.

`python measured.py FOLDER CASES`, where FOLDER has the generated modules and CASES is JSON; it prints JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from functools import partial
from math import prod
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed._functional_collectives import AsyncCollectiveTensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import flop_registry

KINDS = {
    "all_reduce": "all-reduce",
    "allreduce_": "all-reduce",
    "all_gather_into_tensor": "all-gather",
    "all_gather_into_tensor_out": "all-gather",
    "_allgather_base_": "all-gather",
    "reduce_scatter_tensor": "reduce-scatter",
    "_reduce_scatter_base_": "reduce-scatter",
}


def local(t: Tensor) -> Tensor:
    t = t._local_tensor if isinstance(t, DTensor) else t
    return t.elem if isinstance(t, AsyncCollectiveTensor) else t


class Sent(TorchDispatchMode):
    """Counts collectives: by kind and number of devices, how often, and the bytes of the larger side; and FLOPs."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0
        self.found: dict[str, list[int]] = {}
        self.others: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(t is DTensor for t in types):
            return NotImplemented
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=result)
        if func.namespace in ("c10d", "_c10d_functional"):
            self.note(func.overloadpacket.__name__, [*tree_leaves(args), *tree_leaves(result)], args)
        return result

    def note(self, name: str, values: list[Any], args: Any) -> None:
        how = KINDS.get(name)
        if how is None:
            self.others.add(name)
            return
        tensors = [t for t in values if isinstance(t, Tensor)]
        whole = max(t.numel() * t.element_size() for t in tensors)
        names = [a for a in args if isinstance(a, str) and a not in ("sum", "avg")]
        if names:
            count = dist.get_world_size(dist.distributed_c10d._resolve_process_group(names[-1]))
        else:
            sides = sorted(t.numel() for t in tensors)
            count = sides[-1] // sides[0]
        entry = self.found.setdefault(f"{how} {count}", [0, 0])
        entry[0] += 1
        entry[1] += whole


class Kept:
    """Counts the bytes of what autograd saves, but for parameters."""

    def __init__(self, model: nn.Module) -> None:
        self.seen: list[Tensor] = []
        self.own: list[Tensor] = []
        for module in model.modules():
            module.register_forward_pre_hook(self.parameters)

    def parameters(self, module: nn.Module, _: Any) -> None:
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        self.own += [local(p.detach()) for p in own]

    def recomputing(self, model: nn.Module) -> None:
        """Let blocks run once more, and count what they are given, which is kept for that."""
        for child in model.children():
            for block in child if isinstance(child, nn.ModuleList) else ():
                block.register_forward_pre_hook(self.taken)
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)

    def taken(self, module: nn.Module, given: Any) -> None:
        self.seen += [local(t.detach()) for t in tree_leaves(given) if isinstance(t, Tensor)]

    def pack(self, t: Tensor) -> Tensor:
        self.seen.append(local(t.detach()))
        return t

    @property
    def size(self) -> int:
        own = {t.untyped_storage()._cdata for t in self.own}
        storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in self.seen}
        return sum(n for key, n in storages.items() if key not in own)


def flops(model: nn.Module, inputs: list[Tensor]) -> int:
    """Those of a step, with attention made of its products."""
    counted = Sent()
    with counted, sdpa_kernel(SDPBackend.MATH):
        model(*inputs).sum().backward()
    return counted.flops


def shapes(case: dict[str, Any]) -> dict[str, Any]:
    """What one device holds of a model of any size: nothing is allocated."""
    module = importlib.import_module(case["module"])
    cutting = importlib.import_module(case["module"] + "_parallel")
    sizes = case["mesh"]
    mesh = init_device_mesh("cpu", tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    with torch.device("meta"):
        model = getattr(module, case["model"])(**case["hypers"])
    getattr(cutting, case["function"])(model, mesh)
    return {"parameters": {n: list(local(p).shape) for n, p in model.named_parameters()}}


def step(case: dict[str, Any]) -> dict[str, Any]:
    module = importlib.import_module(case["module"])
    cutting = importlib.import_module(case["module"] + "_parallel")
    sizes = case["mesh"]
    mesh = init_device_mesh("cpu", tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    model = getattr(module, case["model"])(**case["hypers"])
    if hasattr(cutting, "Equal"):  # asks the other devices, which are not there
        cutting.Equal.__call__ = lambda *_: None
    cut = getattr(cutting, case["function"])
    cut(model, mesh)
    inputs = [torch.zeros(shape, dtype=getattr(torch, d)) for shape, d in case["inputs"]]
    optimiser = torch.optim.AdamW(model.parameters())
    kept, sent = Kept(model), Sent()
    if case.get("recompute"):
        kept.recomputing(model)
    with sent, torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda t: t):
        result = model(*inputs)
    size = kept.size
    with sent:
        result.sum().backward()
    optimiser.step()
    parameters = {n: list(local(p).shape) for n, p in model.named_parameters()}
    states = [
        local(v).numel() * v.element_size()
        for s in optimiser.state.values()
        for k, v in s.items()
        if k != "step"
    ]
    return {
        "flops": flops(model, inputs) if case.get("flops") else None,
        "parameters": parameters,
        "held": sum(prod(s) for s in parameters.values()),
        "gradients": sum(local(p.grad).numel() for p in model.parameters() if p.grad is not None),
        "states": sum(states),
        "kept": size,
        "sent": sent.found,
        "others": sorted(sent.others),
    }


def main() -> None:
    folder, cases = sys.argv[1:]
    sys.path.insert(0, folder)
    torch.set_num_threads(1)
    found: list[Any] = []
    for case in json.loads(cases):
        count, rank = prod(case["mesh"].values()), case.get("rank", 0)
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=count)
        found.append(shapes(case) if case.get("meta") else step(case))
        dist.destroy_process_group()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
