"""`specc plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, finish, model_name, sizes_of

if TYPE_CHECKING:
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.sharding.costs import Cost

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
    """
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.sharding.costs import Setting, cost_of
    from spec_lang.sharding.plan import AXES, plan_of
    from spec_lang.sharding.text import shown

    mesh = sizes_of("--mesh", tuple(a for a in axes.split(",") if a))
    for name, count in mesh.items():
        if name not in AXES:
            raise click.UsageError(f"--mesh has the axes {', '.join(AXES[:-1])} and {AXES[-1]}, not {name}")
        if count < 1:
            raise click.UsageError(f"--mesh: {name} is at least 1")
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    program = result.checked()
    name = model_name(path, program, model)
    sizes = sizes_of("--dim", dims)
    setting = Setting(dtype=dtype, compute=compute, optimizer=optimizer, dims=sizes)
    cost: Cost | EvaluationError
    try:
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
