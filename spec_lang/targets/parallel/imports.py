"""What a generated `model_parallel.py` imports of Python and of torch: the names that stand in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

COLUMNS = 88
PLAIN: Mapping[str, str] = {
    "torch": "torch",
    "dist": "torch.distributed as dist",
}
FROM: Mapping[str, str] = {
    "Iterator": "collections.abc",
    "MutableMapping": "collections.abc",
    "contextmanager": "contextlib",
    "replace": "dataclasses",
    "Path": "pathlib",
    "Any": "typing",
    "WeakKeyDictionary": "weakref",
    "Tensor": "torch",
    "fx": "torch",
    "nn": "torch",
    "state_dict_loader": "torch.distributed.checkpoint",
    "state_dict_saver": "torch.distributed.checkpoint",
    "FileSystemReader": "torch.distributed.checkpoint.filesystem",
    "HuggingFaceStorageReader": "torch.distributed.checkpoint.hf_storage",
    "StateDictOptions": "torch.distributed.checkpoint.state_dict",
    "get_optimizer_state_dict": "torch.distributed.checkpoint.state_dict",
    "set_optimizer_state_dict": "torch.distributed.checkpoint.state_dict",
    "DeviceMesh": "torch.distributed.device_mesh",
    "MixedPrecisionPolicy": "torch.distributed.fsdp",
    "fully_shard": "torch.distributed.fsdp",
    "register_fsdp_forward_method": "torch.distributed.fsdp",
    "Pipe": "torch.distributed.pipelining",
    "SplitPoint": "torch.distributed.pipelining",
    "pipeline": "torch.distributed.pipelining",
    "_PipelineStageBase": "torch.distributed.pipelining.stage",
    "DTensor": "torch.distributed.tensor",
    "Placement": "torch.distributed.tensor",
    "Replicate": "torch.distributed.tensor",
    "Shard": "torch.distributed.tensor",
    "distribute_module": "torch.distributed.tensor",
    "distribute_tensor": "torch.distributed.tensor",
    "ColwiseParallel": "torch.distributed.tensor.parallel",
    "ParallelStyle": "torch.distributed.tensor.parallel",
    "RowwiseParallel": "torch.distributed.tensor.parallel",
    "parallelize_module": "torch.distributed.tensor.parallel",
    "register_module_parameter_registration_hook": "torch.nn.modules.module",
    "Optimizer": "torch.optim",
    "checkpoint": "torch.utils.checkpoint",
}
"""Names by the module that has them, the standard library's first, as `ruff` sorts them."""


def imported(body: str) -> list[str]:
    """The lines that import what a file's body uses."""
    used = {n.id for n in ast.walk(ast.parse(body)) if isinstance(n, ast.Name)}
    homes: dict[str, list[str]] = {}
    for name, home in FROM.items():
        if name in used:
            homes.setdefault(home, []).append(name)
    ours = [line for home, names in homes.items() if not _torch(home) for line in _lines(home, names)]
    theirs = [f"import {what}" for name, what in PLAIN.items() if name in used]
    theirs += [line for home, names in homes.items() if _torch(home) for line in _lines(home, names)]
    return [*ours, "", *theirs] if ours else theirs


def _torch(home: str) -> bool:
    return home.partition(".")[0] == "torch"


def _lines(home: str, names: list[str]) -> Iterator[str]:
    line = f"from {home} import {', '.join(names)}"
    if len(line) <= COLUMNS:
        yield line
    else:
        yield from (f"from {home} import (", *(f"    {n}," for n in names), ")")


OWN = (
    *(
        "Whole",
        "Gathered",
        "Scores",
        "Table",
        "Regrouped",
        "STORED",
        "regroup",
        "regrouped",
        "styles",
        "sizes",
    ),
    *(
        "parallelize",
        "stages",
        "skips",
        "recomputed",
        "Equal",
        "on_meta",
        "materialize",
        "save",
        "load",
        "states",
    ),
    *("reorder", "ties", "tie", *PLAIN, *FROM),
)
"""What a file's own names are: those of models are written with their module where they are the same."""
