"""Train a small Llama on Python's own reference manual, on one process or on several, and draw the losses.

python examples/pretrain.py                                                    # one process
torchrun --nproc-per-node 4 examples/pretrain.py --dp 2 --tp 2 --bf16           # four that share the work
torchrun --nproc-per-node 2 examples/pretrain.py --tp 2 --resume dp2-tp2-bf16    # two that go on from there

On GPUs a process takes one of its own. On several machines, tell torchrun of them (`--nnodes`, `--rdzv-endpoint`); the
folder of `--out` is one that they share.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import pydoc_data.topics
import sys
import warnings
from pathlib import Path

import spec_lang

SPEC = Path(__file__).parent.parent / "models" / "llama.nnspec"
SIZES = {"vocab": 256, "dim": 128, "depth": 4, "heads": 8, "kv_heads": 4, "head_dim": 16, "hidden": 384}
LENGTH, SAMPLES, RATE, WARM = 128, 16, 3e-3, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dp", type=int, default=1, help="processes that share the samples")
    parser.add_argument("--tp", type=int, default=1, help="processes that share each layer")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16; weights stay float32")
    parser.add_argument("--recompute", action="store_true", help="keep less for backward")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--until", type=int, help="the step to save at, where that is not the last")
    parser.add_argument("--resume", metavar="RUN", help="go on from what this run saved")
    parser.add_argument("--out", type=Path, default=Path("build/pretrain"))
    args = parser.parse_args()

    first = int(os.environ.get("RANK", "0")) == 0
    if first:
        print("importing PyTorch", flush=True)
    import torch
    import torch.distributed as dist
    import torch.nn.functional as F
    from safetensors.torch import save_file
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy
    from torch.distributed.tensor import DTensor
    from tqdm import tqdm

    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")  # nothing here writes to a result
    warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # on one process it is
    several = "RANK" in os.environ
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if several:
        dist.init_process_group()
        if dist.get_world_size() != args.dp * args.tp:
            parser.error(f"dp x tp is {args.dp * args.tp}, and there are {dist.get_world_size()} processes")
        if SAMPLES % args.dp:
            parser.error(f"dp must divide {SAMPLES} samples")
    elif args.dp * args.tp > 1 or args.bf16:
        parser.error("--dp, --tp and --bf16 are for processes that torchrun starts")

    if first:  # the module, what cuts it, and weights to start from, which every mesh reads
        spec_lang.compile_file(SPEC, args.out, parallel=True)
    if several:
        dist.barrier()
    sys.path.insert(0, str(args.out))
    llama, cutting = importlib.import_module("llama"), importlib.import_module("llama_parallel")
    if first:
        torch.manual_seed(0)
        (args.out / "start").mkdir(exist_ok=True)
        save_file(llama.Llama(**SIZES).state_dict(), args.out / "start" / "model.safetensors")
    if several:
        dist.barrier()

    with cutting.on_meta():
        model = llama.Llama(**SIZES)
    part, samples = slice(None), None
    if several:
        mesh = init_device_mesh(device, (args.dp, args.tp), mesh_dim_names=("dp", "tp"))
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, output_dtype=torch.float32)
        cutting.parallelize(model, mesh, policy if args.bf16 else None, recompute=args.recompute)
        samples = mesh["dp"]
        share = SAMPLES // args.dp
        part = slice(samples.get_local_rank() * share, (samples.get_local_rank() + 1) * share)
    cutting.materialize(model, device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1)

    name = args.resume or ("alone" if not several else f"dp{args.dp}-tp{args.tp}" + "-bf16" * args.bf16)
    losses: list[float] = []
    if args.resume is None:
        cutting.load(model, str(args.out / "start"))
    else:
        cutting.load(model, str(args.out / args.resume), optimizer)
        losses = json.loads((args.out / f"{args.resume}.json").read_text())
        name = f"{args.resume}-then-dp{args.dp}-tp{args.tp}"

    text = "".join(pydoc_data.topics.topics.values())
    data = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    stop = min(args.until or args.steps, args.steps)
    with tqdm(total=args.steps, initial=len(losses), unit="step", desc=name, disable=not first) as bar:
        for step in range(len(losses), stop):
            places = torch.randint(
                len(data) - LENGTH - 1, (SAMPLES, 1), generator=torch.Generator().manual_seed(step)
            )
            batch = data[places + torch.arange(LENGTH + 1)].long()[part].to(device)
            for group in optimizer.param_groups:
                falling = (1 + math.cos(math.pi * step / args.steps)) / 2
                group["lr"] = RATE * min((step + 1) / WARM, falling)
            scores = model(batch[:, :-1])
            loss = F.cross_entropy(scores.flatten(0, 1), batch[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            mean = loss.detach()
            if samples is not None:
                dist.all_reduce(mean, dist.ReduceOp.SUM, samples.get_group())
                mean = mean / args.dp
            losses.append(mean.item())
            bar.set_postfix(loss=f"{losses[-1]:.3f}")
            bar.update()

    cutting.save(model, str(args.out / name), optimizer)
    if first:
        (args.out / f"{name}.json").write_text(json.dumps(losses))
        picture = drawn(args.out)
        held = sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in model.parameters())
        print(f"a loss of {losses[-1]:.3f} after {len(losses)} steps, saved in {args.out / name}")
        print(f"{held:,} parameters on each process; losses of all runs in {picture}")
    if several:
        dist.destroy_process_group()


def drawn(folder: Path) -> Path:
    """A picture of the losses of all runs that are in a folder."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for path in sorted(folder.glob("*.json")):
        axes.plot(json.loads(path.read_text()), label=path.stem, linewidth=1)
    axes.set(xlabel="step", ylabel="cross entropy per byte")
    axes.legend()
    figure.savefig(folder / "losses.png", dpi=150, bbox_inches="tight")
    return folder / "losses.png"


if __name__ == "__main__":
    main()
