"""`specc check`."""

from __future__ import annotations

from pathlib import Path

import click

from spec_lang.cli.shared import FORMAT, MODEL, PATHS, SET, finish, gather


@click.command("check")
@PATHS
@SET
@MODEL
@FORMAT
def command(paths: tuple[Path, ...], sets: tuple[str, ...], model: str | None, style: str) -> None:
    """Check specs: every name, type, shape and expectation, for all sizes at once."""
    results = gather(paths, sets, model, emit=False)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    if style == "text":
        count = len(results)
        click.echo(f"{count} spec{'s' if count != 1 else ''} checked, no errors", err=True)
