"""`specc ir`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spec_lang.cli.shared import FORMAT, MODEL, SET, checked, examples


@click.command("ir", epilog=examples("specc ir net.nnspec"))
@click.argument(
    "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", required=False
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the IR instead.")
@SET
@MODEL
@FORMAT
def command(path: Path | None, schema: bool, sets: tuple[str, ...], model: str | None, style: str) -> None:
    """Print a spec's checked intermediate representation as JSON."""
    from spec_lang.ir.model import Program

    if schema:
        click.echo(json.dumps(Program.model_json_schema(), indent=2))
        return
    if path is None:
        raise click.UsageError("name a FILE, or ask for the --schema")
    click.echo(checked(path, sets, model, style).model_dump_json(indent=2))
