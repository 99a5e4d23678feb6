"""`specc plan`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, finish, model_name, sizes_of

if TYPE_CHECKING:
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.ir.model import Program
    from spec_lang.sharding.costs import Cost, Setting
    from spec_lang.sharding.fit import Fit, Machine

ASK = "E0903"  # a branch or a loop depends on a size that a call brings
DTYPES = ("f64", "f32", "bf16", "f16")


@click.command("plan")
@FILE
@click.option(
    "--mesh",
    "axes",
    default="",
    metavar="dp=8,tp=4",
    help="The devices: over replicate, samples; over dp, samples and parameters; over tp, what is derived.",
)
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The size of a dim of the inputs, of all devices together, as --dim N=16; may be repeated.",
)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="f32",
    show_default=True,
    help="Of parameters, gradients and the optimizer's states.",
)
@click.option(
    "--compute",
    type=click.Choice(DTYPES),
    help="What parameters are gathered as and activations are (param_dtype of the policy).  [default: --dtype]",
)
@click.option(
    "--optimizer",
    type=click.Choice(["adam", "adamw", "sgd", "momentum"]),
    default="adam",
    show_default=True,
    help="Whose states are counted.",
)
@click.option(
    "--fit",
    "memory",
    metavar="80GiB",
    help="Search the meshes of --devices for those that need no more on each.",
)
@click.option("--devices", "count", type=click.IntRange(1), help="For --fit: how many devices there are.")
@click.option("--flops", "speed", metavar="400T", help="For --fit: the FLOPs that one does in a second.")
@click.option("--bandwidth", metavar="100G", help="For --fit: the bytes that one sends in a second.")
@click.option(
    "--recompute",
    is_flag=True,
    help="Blocks of lists keep their inputs alone, and run once more for their gradients.",
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@SET
@MODEL
def command(
    path: Path,
    axes: str,
    dims: tuple[str, ...],
    dtype: str,
    compute: str | None,
    optimizer: str,
    memory: str | None,
    count: int | None,
    speed: str | None,
    bandwidth: str | None,
    recompute: bool,
    style: str,
    sets: tuple[str, ...],
    model: str | None,
) -> None:
    """Say how a model is cut over several devices, and what each of them holds, sends and computes in a training step.

    What is cut over tp is derived from the dataflow, for all values of the hyperparameters: which axes of which weights, what each
    of their sizes must be divisible by, and why others stay whole.

    Examples:

    \b
      specc plan models/llama.nnspec
      specc plan models/llama.nnspec --model Llama70B --mesh dp=8,tp=8 --compute bf16 --dim N=16 --dim T=8192
      specc plan models/gpt2.nnspec --fit 24GB --devices 8 --dim N=64 --dim T=1024
    """
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.sharding.costs import Setting, cost_of
    from spec_lang.sharding.plan import AXES, plan_of
    from spec_lang.sharding.text import fits_shown, shown

    mesh = sizes_of("--mesh", tuple(a for a in axes.split(",") if a))
    for name, size in mesh.items():
        if name not in AXES:
            raise click.UsageError(f"--mesh has the axes {', '.join(AXES[:-1])} and {AXES[-1]}, not {name}")
        if size < 1:
            raise click.UsageError(f"--mesh: {name} is at least 1")
    if "replicate" in mesh and "dp" not in mesh:
        raise click.UsageError(
            "--mesh: over replicate is copied what dp cuts; for samples alone, give dp=1 too"
        )
    machine = _machine(memory, count, speed, bandwidth, mesh)
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    program = result.checked()
    name = model_name(path, program, model)
    sizes = sizes_of("--dim", dims)
    setting = Setting(dtype=dtype, compute=compute, optimizer=optimizer, recompute=recompute, dims=sizes)
    cost: Cost | EvaluationError
    try:
        if machine is not None:
            click.echo(fits_shown(name, machine, _fits(program, name, machine, setting), setting, style))
            return
        plan = plan_of(program, name, {}, mesh)
        plan.check()
        try:
            cost = cost_of(program, name, plan, setting)
        except EvaluationError as error:
            if error.code != ASK or sizes:
                raise
            cost = error
    except EvaluationError as error:
        if error.code == ASK and error.help is None:
            error.help = "--dim gives the dims of the inputs sizes, such as --dim N=1"
        finish([error.diagnostic(program, result.sources)], "text")
        return
    unknown = [] if isinstance(cost, EvaluationError) else sorted(sizes.keys() - cost.run.dims)
    if unknown:
        raise click.UsageError(f"no input of forward has a dim {unknown[0]}")
    click.echo(shown(name, program, plan, setting, cost, style))


PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _quantity(option: str, text: str, like: str) -> float:
    """`80GiB`, `400T` as a number.

    Raises:
        click.UsageError: it is none.
    """
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?) ?([kMGTP]|[KMGT]i)?B?", text)
    if match is None or not float(match[1]):
        raise click.UsageError(f"{option} takes a number and a prefix, such as {like}, not {text!r}")
    return float(match[1]) * (PREFIXES | BINARY)[match[2] or ""]


def _machine(
    memory: str | None, count: int | None, speed: str | None, bandwidth: str | None, mesh: Mapping[str, int]
) -> Machine | None:
    """The devices that --fit speaks of.

    Raises:
        click.UsageError: an option is missing, or there for nothing.
    """
    from spec_lang.sharding.fit import Machine

    if memory is None:
        for option, value in (("--devices", count), ("--flops", speed), ("--bandwidth", bandwidth)):
            if value is not None:
                raise click.UsageError(f"{option} is for --fit")
        return None
    if mesh:
        raise click.UsageError("--fit searches the meshes, and --mesh gives one")
    if count is None:
        raise click.UsageError("--fit needs --devices, such as --devices 64")
    if (speed is None) != (bandwidth is None):
        raise click.UsageError("--flops and --bandwidth are given together")
    return Machine(
        count,
        int(_quantity("--fit", memory, "80GiB")),
        None if speed is None else _quantity("--flops", speed, "400T"),
        None if bandwidth is None else _quantity("--bandwidth", bandwidth, "100G"),
    )


def _fits(program: Program, name: str, machine: Machine, setting: Setting) -> list[Fit]:
    """The meshes that are searched.

    Raises:
        click.UsageError: a size is missing.
    """
    from spec_lang.sharding.fit import fits_of

    try:
        return fits_of(program, name, machine, setting)
    except ValueError as error:
        raise click.UsageError(f"--fit needs the sizes of the inputs, such as --dim N=16: {error}") from None
