"""`specc summary`: what a model takes: parameters, FLOPs, memory, by layer and in all."""

from __future__ import annotations

from pathlib import Path

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, finish, model_name, sizes_of

ASK = "E0903"  # a branch or a loop depends on a size that a call brings


@click.command("summary")
@FILE
@MODEL
@SET
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The size of a dim of the inputs, such as --dim N=1; may be repeated. Without it, numbers are expressions.",
)
@click.option("--method", default="forward", show_default=True, help="Which method is run.")
@click.option(
    "--depth", type=click.IntRange(0), default=3, show_default=True, help="How deep layers are shown."
)
@click.option(
    "--dtype",
    type=click.Choice(["f32", "f16", "bf16"]),
    default="f32",
    show_default=True,
    help="What `float` is, for memory.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json", "markdown"]),
    default="table",
    show_default=True,
    help="How it is written.",
)
def command(
    path: Path,
    model: str | None,
    sets: tuple[str, ...],
    dims: tuple[str, ...],
    method: str,
    depth: int,
    dtype: str,
    style: str,
) -> None:
    """Show a model's layers with their shapes, parameters, multiply-adds and memory, and what it takes in all."""
    from spec_lang.accounting.summary import summarise
    from spec_lang.accounting.text import shown
    from spec_lang.accounting.trace import Options
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.shapes import DType

    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    program = result.checked()
    name = model_name(path, program, model)
    sizes = sizes_of("--dim", dims)
    options = Options(method=method, dims=sizes, precision=DType(dtype))
    try:
        summary = summarise(program, name, options=options)
    except EvaluationError as error:
        if error.code == ASK and error.help is None:
            error.help = "--dim gives the dims of the inputs sizes, such as --dim N=1"
        finish([error.diagnostic(program, result.sources)], "text")
        return
    unknown = sorted(sizes.keys() - summary.run.dims)
    if unknown:
        known = ", ".join(sorted(summary.run.dims)) or "none"
        raise click.UsageError(f"no input of {method} has a dim {unknown[0]}; its dims are: {known}")
    click.echo(shown(summary, style, depth), nl=False)
