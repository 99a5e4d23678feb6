"""`specc view`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.shared import FILE, MODEL, SET, compile_path, fail, finish, keep, model_name, write

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.view.graph import Graph

SUFFIXES = {".html": "html", ".htm": "html", ".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid"}
"""The forms that files' names ask for."""


@click.command("view")
@FILE
@MODEL
@SET
@click.option("--method", help="The only method to draw.  [default: all in a page, else forward]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "svg", "mermaid"]),
    help="What is written: by -o's name, else svg and mermaid to stdout; without either, a page is served.",
)
@click.option(
    "--depth",
    metavar="LEVELS",
    default="1",
    show_default=True,
    help="svg, mermaid: How many levels of blocks are open, or `all`.",
)
@click.option("--names", is_flag=True, help="svg: Shapes in the names of their blocks, not the model's values.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def command(
    path: Path,
    model: str | None,
    sets: tuple[str, ...],
    method: str | None,
    form: str | None,
    depth: str,
    names: bool,
    output: Path | None,
) -> None:
    """Draw a model: its blocks, what flows between them, the shapes.

    With -o model.html, a page that needs no network; with --format svg or mermaid, a picture for a README.
    """
    levels = _levels(depth)
    form = form or _form(output)
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    name = model_name(path, result.checked(), model)
    graphs = _graphs(result, name, method or (None if form == "html" else "forward"))
    text = _drawn(graphs, result, form, levels, names)
    if output is None:
        click.echo(text, nl=False)
        return
    keep([Path(source) for source in result.sources], [output])
    write({output: text})


def _graphs(result: Compilation, name: str, method: str | None) -> list[Graph]:
    """The graphs of a method or of all; where one cannot be drawn, that is reported and the command ends."""
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.view.trace import trace, traced

    program = result.checked()
    try:
        if method is None:
            return traced(program, name, result.sources)
        return [trace(program, name, result.sources, method)]
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], "text")
        fail("it cannot be drawn")


def _drawn(
    graphs: list[Graph], result: Compilation, form: str | None, levels: int | None, names: bool
) -> str:
    from spec_lang.view.assets import Unbuilt

    try:
        if form == "mermaid":
            from spec_lang.view.mermaid import mermaid

            return mermaid(graphs[0], levels)
        if form == "svg":
            from spec_lang.view.svg import svg

            return svg(graphs[0], levels, names=names)
        from spec_lang.view.page import data, page

        return page(graphs[0].model, data(graphs, result.checked().files, result.sources))
    except Unbuilt as error:
        fail(str(error))


def _form(output: Path | None) -> str | None:
    """What a file's name asks for.

    Raises:
        click.UsageError: nothing that can be written.
    """
    if output is None:
        return None
    form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(f"-o {output}: its name ends in .html, .svg or .mmd, or --format says what it is")
    return form


def _levels(depth: str) -> int | None:
    if depth == "all":
        return None
    if not (depth.isascii() and depth.isdigit() and len(depth) < 4):
        raise click.UsageError(f"--depth takes a number of levels or `all`, not {depth!r}")
    return int(depth)
