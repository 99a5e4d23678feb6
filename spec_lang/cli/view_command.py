"""`specc view`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.shared import (
    FILE,
    MODEL,
    SET,
    compile_path,
    fail,
    finish,
    keep,
    model_name,
    say,
    sizes_of,
    write,
)

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.view.graph import Graph

SUFFIXES = {".html": "html", ".htm": "html", ".svg": "svg", ".mmd": "mermaid", ".mermaid": "mermaid"}
"""The forms that files' names ask for."""


@click.command("view")
@FILE
@MODEL
@SET
@click.option(
    "--dim",
    "dims",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The size of a dim of the inputs, such as --dim N=1; may be repeated. Without it, shapes and FLOPs have its name.",
)
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
@click.option(
    "--names", is_flag=True, help="svg: Shapes in the names of their blocks, not the model's values."
)
@click.option(
    "--diff",
    "old",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="OLD",
    help="Compare with the same model in this file: as text, or as a picture with -o or --format.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The server's port; a free one by default."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def command(
    path: Path,
    model: str | None,
    sets: tuple[str, ...],
    dims: tuple[str, ...],
    method: str | None,
    form: str | None,
    depth: str,
    names: bool,
    old: Path | None,
    port: int,
    output: Path | None,
) -> None:
    """Draw a model: its blocks, what flows between them, the shapes.

    With -o model.html, a page that needs no network; with --format svg or mermaid, a picture for a README; else a
    page at a local address that follows the spec and shows what is wrong with it.
    """
    levels = _levels(depth)
    form = form or _form(output)
    if form is None and old is None:
        _serve(path, model, sets, dims, method, port)
        return
    wanted = method or (None if form == "html" and old is None else "forward")
    result, graphs = _checked(path, sets, dims, model, wanted)
    if old is not None:
        from spec_lang.view.diff import compared, listed

        graphs = [compared(_checked(old, sets, dims, model, wanted)[1][0], graphs[0])]
        if form is None:
            click.echo("".join(f"{line}\n" for line in listed(graphs[0])), nl=False)
            return
    text = _drawn(graphs, result, form, levels, names)
    if output is None:
        click.echo(text, nl=False)
        return
    keep([*map(Path, result.sources), *filter(None, [old])], [output])
    write({output: text})


def _serve(
    path: Path,
    model: str | None,
    sets: tuple[str, ...],
    dims: tuple[str, ...],
    method: str | None,
    port: int,
) -> None:
    """Serve a page that follows the spec, until it is interrupted."""
    import threading
    from contextlib import suppress

    from spec_lang.view.assets import Unbuilt, layout_library
    from spec_lang.view.live import LOOPBACK, Live, follow, server

    sizes = sizes_of("--dim", dims)
    result = compile_path(path, None, sets, model)
    if not result.errors:
        model = model_name(path, result.checked(), model)
    read = [path]

    def content(result: Compilation) -> dict[str, Any]:
        read[:] = {path, *path.parent.glob("*.nnspec"), *map(Path, result.sources)}
        return _content(path, result, model, sizes, method)

    try:
        layout_library()
    except Unbuilt as error:
        fail(str(error))
    live = Live(model or path.stem, content(result))
    serving = server(live, port)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    say(f"{path} is shown at http://{LOOPBACK}:{serving.server_port}/ until Ctrl-C")
    with suppress(KeyboardInterrupt):
        follow(live, lambda: content(compile_path(path, None, sets, model)), lambda: read)
    serving.server_close()


def _content(
    path: Path, result: Compilation, model: str | None, sizes: Mapping[str, int], method: str | None
) -> dict[str, Any]:
    """What a page shows of a spec, be it right or wrong."""
    from spec_lang.generated import models
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.view.page import data, problems
    from spec_lang.view.trace import Options, trace, traced

    found = list(result.errors)
    if not found:
        program = result.checked()
        there = models(program)
        name = model if model in there else there[0] if len(there) == 1 else None
        try:
            if name is None:
                listed = ", ".join(there) or "none"
                raise EvaluationError(
                    "E0905", f"there is no model {model} here; there are: {listed}", 0, None
                )
            options = Options(dims=sizes)
            if method is None:
                graphs = traced(program, name, result.sources, options)
            else:
                graphs = [trace(program, name, result.sources, method, options)]
            return data(graphs, program.files, result.sources)
        except EvaluationError as error:
            found = [error.diagnostic(program, result.sources)]
    texts = [{"path": name, "text": source.text} for name, source in result.sources.items()]
    if not texts:
        texts = [
            {"path": s.name, "text": s.text}
            for s in {d.primary.source.name: d.primary.source for d in found}.values()
        ]
    return {"graphs": [], "files": texts, "problems": problems(found)}


def _checked(
    path: Path, sets: tuple[str, ...], dims: tuple[str, ...], model: str | None, method: str | None
) -> tuple[Compilation, list[Graph]]:
    """A file that checks, and the graphs of its model.

    Raises:
        click.UsageError: a size is given for a dim that no input has.
    """
    sizes = sizes_of("--dim", dims)
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, "text")
    graphs = _graphs(result, model_name(path, result.checked(), model), sizes, method)
    there = {d for g in graphs for d in g.dims}
    if unknown := sorted(sizes.keys() - there):
        known = ", ".join(sorted(there)) or "none"
        raise click.UsageError(f"no input has a dim {unknown[0]}; the inputs' dims are: {known}")
    return result, graphs


def _graphs(result: Compilation, name: str, sizes: Mapping[str, int], method: str | None) -> list[Graph]:
    """The graphs of a method or of all; where one cannot be drawn, that is reported and the command ends."""
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.view.trace import Options, trace, traced

    program = result.checked()
    options = Options(dims=sizes)
    try:
        if method is None:
            return traced(program, name, result.sources, options)
        return [trace(program, name, result.sources, method, options)]
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
        raise click.UsageError(
            f"-o {output}: its name ends in .html, .svg or .mmd, or --format says what it is"
        )
    return form


def _levels(depth: str) -> int | None:
    if depth == "all":
        return None
    if not (depth.isascii() and depth.isdigit() and len(depth) < 4):
        raise click.UsageError(f"--depth takes a number of levels or `all`, not {depth!r}")
    return int(depth)
