"""`specc plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, fail, finish, model_name, size_text, sizes_of

if TYPE_CHECKING:
    from spec_lang.ir.model import Program
    from spec_lang.sharding.factors import Reason
    from spec_lang.sharding.plan import Plan

DTYPES = ("f64", "f32", "bf16", "f16")


@click.command("plan")
@FILE
@click.option(
    "--mesh",
    "axes",
    default="",
    metavar="dp=8,tp=4",
    help="The devices: over dp, samples and fully sharded parameters; over tp, what is derived.",
)
@click.option("--dtype", type=click.Choice(DTYPES), default="f32", help="Of parameters and gradients.")
@click.option(
    "--optimizer",
    type=click.Choice(["adamw", "sgd", "momentum"]),
    default="adamw",
    help="Whose states are counted, in f32.",
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text")
@SET
@MODEL
def command(
    path: Path,
    axes: str,
    dtype: str,
    optimizer: str,
    style: str,
    sets: tuple[str, ...],
    model: str | None,
) -> None:
    """Say how a model is cut over several devices, and what each of them holds.

    What is cut over tp is derived from the dataflow, for all values of the hyperparameters: which axes of which weights, what each
    of their sizes must be divisible by, and why others stay whole.

    Examples:

    \b
      specc plan models/llama.nnspec
      specc plan models/llama.nnspec --model Llama70B --mesh dp=8,tp=8 --dtype bf16
    """
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.sharding.plan import AXES, plan_of

    mesh = sizes_of("--mesh", tuple(a for a in axes.split(",") if a))
    for name, count in mesh.items():
        if name not in AXES:
            raise click.UsageError(f"--mesh has the axes dp and tp, not {name}")
        if count < 1:
            raise click.UsageError(f"--mesh: {name} is at least 1")
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    program = result.checked()
    name = model_name(path, program, model)
    try:
        plan = plan_of(program, name, {}, mesh)
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], "text")
        raise
    for broken in plan.broken:
        fits = [
            n
            for n in range(1, mesh["tp"])
            if not any(d.value % n for d in plan.divisors if not d.cut.gathered)
        ]
        fail(
            f"{broken.cut.name} = {broken.value} does not divide by tp = {mesh['tp']}: "
            f"tp may be {', '.join(map(str, fits))}"
            if len(fits) > 1
            else f"{broken.cut.name} = {broken.value} does not divide by tp = {mesh['tp']}"
        )
    if style == "json":
        import json

        click.echo(json.dumps(_data(name, plan, dtype, optimizer), indent=2))
        return
    click.echo("\n".join(_text(name, program, plan, dtype, optimizer)))


def _text(name: str, program: Program, plan: Plan, dtype: str, optimizer: str) -> list[str]:
    """The plan for people."""
    lines = [name if not plan.mesh else f"{name} on {_mesh(plan)}", ""]
    if plan.cuts.refused is not None:
        lines += ["over tp: nothing", f"  {_why(plan.cuts.refused, program)}", ""]
    elif plan.cuts.cuts:
        lines.append("over tp:")
        for cut in plan.cuts.cuts:
            values = sorted({d.value for d in plan.divisors if d.cut is cut})
            odd = cut.gathered and any(v % plan.mesh.get("tp", 1) for v in values)
            size = f" = {', '.join(map(str, values))}" if values else ""
            lines.append(f"  {cut.name}{size}{', which stays whole: tp does not divide it' if odd else ''}")
            for role in ("columns", "sum", "rows"):
                where = [u for u in cut.uses if u.role == role and len(u.parameter.axes) > 1]
                for u in where:
                    said = {"columns": "columns", "sum": "rows, summed", "rows": "rows, looked up"}[role]
                    after = ", gathered" if cut.gathered and role == "columns" else ""
                    order = ", regrouped" if u.inner else ""
                    lines.append(f"    {'.'.join(u.parameter.key)}: {said}{order}{after}")
        lines.append("")
    else:
        lines += ["over tp: nothing that its weights hold can be cut", ""]
    if plan.cuts.kept:
        lines.append("whole:")
        for kept in plan.cuts.kept:
            lines += [f"  {kept.name}: {_why(r, program)}" for r in kept.reasons[:1]]
        lines.append("")
    if plan.cuts.batch:
        lines.append("over dp: samples, but these are not known to keep them apart:")
        lines += [f"  {_why(r, program)}" for r in plan.cuts.batch]
    else:
        lines.append("over dp: samples")
    numbers = _numbers(plan, dtype, optimizer)
    lines += ["", f"{plan.parameters:,} parameters"]
    if plan.mesh:
        lines.append(f"a device holds {plan.held:,} of them at most:")
    lines += [f"  {what:<18} {size_text(count):>9}" for what, count in numbers.items()]
    lines.append(f"  {'together':<18} {size_text(sum(numbers.values())):>9}")
    return lines


def _mesh(plan: Plan) -> str:
    from math import prod

    count = prod(plan.mesh.values())
    axes = " x ".join(f"{n} {s}" for n, s in plan.mesh.items())
    return f"{count:,} device{'s' * (count != 1)}: {axes}"


def _numbers(plan: Plan, dtype: str, optimizer: str) -> dict[str, int]:
    """The bytes that one device holds."""
    from spec_lang.sharding.plan import BYTES, STATES

    return {
        "parameters": plan.held * BYTES[dtype],
        "gradients": plan.held * BYTES[dtype],
        "optimiser states": plan.held * STATES[optimizer] * 4,
    }


def _why(reason: Reason, program: Program) -> str:
    file = program.files[reason.file]
    place = f" ({file.path}:{file.line(reason.span[0])})" if reason.span is not None else ""
    return f"{reason.what}{place}"


def _data(name: str, plan: Plan, dtype: str, optimizer: str) -> dict[str, object]:
    """The plan as JSON."""
    return {
        "model": name,
        "mesh": dict(plan.mesh),
        "cuts": [
            {
                "name": c.name,
                "sizes": sorted({d.value for d in plan.divisors if d.cut is c}),
                "gathered": c.gathered,
                "uses": [
                    {
                        "parameter": ".".join(u.parameter.key),
                        "axis": u.axis,
                        "role": u.role,
                        "regrouped": u.inner,
                    }
                    for u in c.uses
                ],
            }
            for c in plan.cuts.cuts
        ],
        "refused": None if plan.cuts.refused is None else plan.cuts.refused.what,
        "batch": [r.what for r in plan.cuts.batch],
        "parameters": plan.parameters,
        "held": plan.held,
        "bytes": _numbers(plan, dtype, optimizer),
        "tensors": [
            {"name": t.key, "shape": t.shape, "axis": t.axis, "local": t.local} for t in plan.tensors
        ],
    }
