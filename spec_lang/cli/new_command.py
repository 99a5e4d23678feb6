"""`specc new`."""

from __future__ import annotations

from pathlib import Path

import click

from spec_lang import workspace
from spec_lang.cli.shared import examples, fail, write
from spec_lang.resources import models


@click.command("new", epilog=examples("specc new", "specc new gpt2"))
@click.argument("name", required=False)
@click.option(
    "-o", "--output", "path", type=click.Path(path_type=Path), help="Where it goes; ./NAME.nnspec by default."
)
def command(name: str | None, path: Path | None) -> None:
    """Start from a model that is shipped; without a name, list them."""
    shipped = {p.stem: p for p in sorted(models().glob(f"*{workspace.SUFFIX}"))}
    if name is None:
        for stem, spec in shipped.items():
            first = spec.read_text("utf-8").splitlines()[0].strip('"')
            click.echo(f"{stem:<14} {first}")
        return
    if name not in shipped:
        fail(f"there is no model `{name}`; `specc new` lists them")
    target = path or Path(f"{name}{workspace.SUFFIX}")
    if target.exists():
        fail(f"{target} is there already")
    write({target: shipped[name].read_bytes()})
