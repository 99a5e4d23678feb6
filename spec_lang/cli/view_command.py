"""`specc view`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, fail, finish, keep, model_name, write

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.view.graph import Graph


@click.command("view")
@FILE
@MODEL
@SET
@click.option("--method", default="forward", show_default=True, help="Which method is drawn first, or alone.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid"]),
    help="Print that instead of showing a page.",
)
@click.option(
    "--depth",
    metavar="LEVELS",
    default="1",
    show_default=True,
    help="How many levels of blocks are open; `all` for all.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a file instead of serving a page.",
)
def command(
    path: Path,
    model: str | None,
    sets: tuple[str, ...],
    method: str,
    form: str | None,
    depth: str,
    output: Path | None,
) -> None:
    """Draw a model: its blocks, what flows between them, the shapes."""
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    graph = _graph(path, result, model, method)
    from spec_lang.view.mermaid import mermaid

    text = mermaid(graph, _levels(depth))
    if output is None:
        click.echo(text, nl=False)
        return
    keep([Path(name) for name in result.sources], [output])
    write({output: text})


def _graph(path: Path, result: Compilation, model: str | None, method: str) -> Graph:
    """The graph of a method; where it cannot be drawn, that is reported and the command ends."""
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.view.trace import trace

    program = result.checked()
    try:
        return trace(program, model_name(path, program, model), result.sources, method)
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], "text")
        fail("it cannot be drawn")


def _levels(depth: str) -> int | None:
    if depth == "all":
        return None
    if not (depth.isascii() and depth.isdigit() and len(depth) < 4):
        raise click.UsageError(f"--depth takes a number of levels or `all`, not {depth!r}")
    return int(depth)
