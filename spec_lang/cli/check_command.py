"""`specc check`."""

from __future__ import annotations

from pathlib import Path

import click

from spec_lang.cli.shared import FORMAT, MODEL, PATHS, ROOT, SET, finish, gather, project
from spec_lang.cli.watching import WATCH, folders, watch


@click.command("check")
@PATHS
@ROOT
@SET
@MODEL
@FORMAT
@WATCH
def command(
    paths: tuple[Path, ...],
    root: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    style: str,
    watch_: bool,
) -> None:
    """Check specs: every name, type, shape and expectation, for all sizes at once.

    Without a PATH: those of the project, whose pyproject.toml has a [tool.specc].
    """
    found = project(paths)
    if watch_:
        watch(folders(found, root), lambda: _check(found, root, sets, model, style))
    else:
        _check(found, root, sets, model, style)


def _check(
    paths: tuple[Path, ...], root: Path | None, sets: tuple[str, ...], model: str | None, style: str
) -> None:
    results = gather(paths, sets, model, emit=False, root=root)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    if style == "text":
        count = len(results)
        click.echo(f"{count} spec{'s' if count != 1 else ''} checked, no errors", err=True)
