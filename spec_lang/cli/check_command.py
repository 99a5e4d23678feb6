"""`specc check`."""

from __future__ import annotations

from pathlib import Path

import click

from spec_lang.cli.shared import FORMAT, MODEL, PATHS, ROOT, SET, finish, gather, project


@click.command("check")
@PATHS
@ROOT
@SET
@MODEL
@FORMAT
def command(
    paths: tuple[Path, ...], root: Path | None, sets: tuple[str, ...], model: str | None, style: str
) -> None:
    """Check specs: every name, type, shape and expectation, for all sizes at once.

    Without a PATH: those of the project, whose pyproject.toml has a [tool.specc].
    """
    results = gather(project(paths), sets, model, emit=False, root=root)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    if style == "text":
        count = len(results)
        click.echo(f"{count} spec{'s' if count != 1 else ''} checked, no errors", err=True)
