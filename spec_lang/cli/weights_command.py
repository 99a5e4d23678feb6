"""`specc weights`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang.cli.onnx_output import Progress
from spec_lang.cli.shared import (
    SET,
    compile_path,
    examples,
    fail,
    finish,
    ignore_option,
    model_name,
    rename_option,
    say,
    size_text,
    weights_file,
)

if TYPE_CHECKING:
    from spec_lang.weights.state import Entry


@click.command("weights", epilog=examples("specc weights net.nnspec"))
@click.argument("path", metavar="FILE[:NAME]", callback=weights_file)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    help="A table, or one JSON object a line.",
)
@click.option(
    "--to",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.safetensors",
    help="Write the tensors there.",
)
@rename_option("With --to: ")
@ignore_option("With --to: ")
@click.option(
    "--model",
    "spec",
    metavar="SPEC[:NAME]",
    callback=weights_file,
    help="With --to: The model that the tensors are for: all of its state_dict, and nothing else.",
)
@SET
@click.option("--force", is_flag=True, help="With --to: Replace a file that is there.")
def command(
    path: str,
    style: str,
    output: Path | None,
    renames: tuple[str, ...],
    ignores: tuple[str, ...],
    spec: str | None,
    sets: tuple[str, ...],
    force: bool,
) -> None:
    """List the tensors of a weights file, or convert it to safetensors; torch is not needed.

    FILE is safetensors, a PyTorch checkpoint (FILE:NAME: one of its state_dicts), an index of such files, or an ONNX model.
    """
    if output is None:
        given = {"--rename": renames, "--ignore": ignores, "--model": spec, "--set": sets, "--force": force}
        for option, value in given.items():
            if value:
                raise click.UsageError(f"{option} goes with --to OUT.safetensors")
        _list(path, style)
        return
    if output.suffix != ".safetensors":
        raise click.UsageError(
            f"--to writes safetensors: name a file that ends in .safetensors, not {output}"
        )
    if sets and spec is None:
        raise click.UsageError("--set goes with --model SPEC")
    if output.exists() and not force:
        fail(f"{output} is there already; --force replaces it")
    from spec_lang.weights.saving import save

    entries = None if spec is None else _entries(spec, sets)
    with Progress() as progress:
        notes = save(path, str(output), renames=renames, ignores=ignores, entries=entries, progress=progress)
    for note in notes:
        say(note)
    say(f"wrote {output} ({size_text(os.path.getsize(output))})")


def _list(path: str, style: str) -> None:
    """Print every tensor of the file."""
    from spec_lang.weights.listing import listed

    rows, notes = listed(path)
    if style == "json":
        import json

        for r in rows:
            about = {"name": r.name, "dtype": r.dtype, "shape": r.shape, "bytes": r.size}
            click.echo(json.dumps(about))
        return
    from spec_lang.cli.running import table
    from spec_lang.diagnostics.excerpt import printable

    lines = [
        (printable(r.name), printable(r.dtype), str(list(r.shape)), "?" if r.size is None else f"{r.size:,}")
        for r in rows
    ]
    if lines:
        click.echo(table(("name", "dtype", "shape", "bytes"), lines))
    for note in notes:
        say(note)
    total = sum(r.size or 0 for r in rows)
    click.echo(f"{len(rows):,} tensor{'s' * (len(rows) != 1)}, {size_text(total)}")


def _entries(text: str, sets: tuple[str, ...]) -> tuple[Entry, ...]:
    """The state of the model that is named."""
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.ir.instantiate import Constructions
    from spec_lang.ir.state import State
    from spec_lang.weights.named import named
    from spec_lang.weights.state import Entry

    file, name = named(text)
    path = Path(file)
    result = compile_path(path, None, sets, name)
    finish(result.diagnostics, "text")
    program = result.checked()
    chosen = model_name(path, program, name)
    try:
        tensors = State(program, Constructions(program).entry(chosen, {})).tensors
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], "text")
        raise
    return tuple(
        Entry(t.key, t.shape, t.dtype, t.shared, optional=t.optional) for t in tensors if t.persistent
    )
