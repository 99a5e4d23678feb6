"""`specc check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang import workspace
from spec_lang.cli.shared import (
    FORMAT,
    MODEL,
    PATHS,
    QUIET,
    ROOT,
    SET,
    examples,
    finish,
    gather,
    options,
    project,
    say,
    write,
)
from spec_lang.cli.watching import WATCH, folders, watch

if TYPE_CHECKING:
    from spec_lang.diagnostics import Diagnostic, Source


@click.command(
    "check",
    epilog=examples("specc check net.nnspec", "specc check --fix net.nnspec", "specc check --format json ."),
)
@PATHS
@ROOT
@SET
@MODEL
@click.option(
    "--fix", is_flag=True, help="Apply the fixes that are safe, where fewer mistakes are left then."
)
@FORMAT
@QUIET
@WATCH
def command(
    paths: tuple[Path, ...],
    root: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    fix: bool,
    style: str,
    quiet: bool,
    watch_: bool,
) -> None:
    """Check specs: every name, type, shape and expectation, for all sizes at once.

    Without a PATH: those of the project, whose pyproject.toml has a [tool.specc].
    """
    found = project(paths)
    if not watch_:
        _check(found, root, sets, model, fix, style, quiet)
        return
    if fix:
        raise click.UsageError("--watch only reads: --fix goes without it")
    watch(folders(found, root), lambda: _check(found, root, sets, model, False, style, quiet))


def _check(
    paths: tuple[Path, ...],
    root: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    fix: bool,
    style: str,
    quiet: bool,
) -> None:
    """Check once, and report."""
    results = gather(paths, sets, model, emit=False, root=root)
    if fix and any(result.diagnostics for _, _, result in results):
        changed = _mended(
            [(path, above) for path, above, result in results if result.diagnostics], sets, model, quiet
        )
        write(changed, quiet)
        if changed:
            results = gather(paths, sets, model, emit=False, root=root)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    if style == "text" and not quiet:
        count = len(results)
        click.echo(f"{count} spec{'s' if count != 1 else ''} checked, no errors", err=True)


def _mended(
    places: list[tuple[Path, Path]], sets: tuple[str, ...], model: str | None, quiet: bool
) -> dict[Path, str | bytes]:
    """The files that change, each with what it holds then."""
    from spec_lang.diagnostics import SpecError
    from spec_lang.mending import mended

    changed: dict[Path, str | bytes] = {}
    for path, root in places:

        def diagnose(source: Source, path: Path = path, root: Path = root) -> list[Diagnostic]:
            return workspace.compiled(path, root, options(sets, model, False), source).diagnostics

        try:
            source = workspace.read(path)
        except SpecError:
            continue  # it is reported as before
        after, done = mended(source, diagnose)
        if done:
            changed[path] = workspace.as_before(path, after.text)
            if not quiet:
                for one in done:
                    line = one.edits[0].source.position(one.edits[0].span.start).line
                    say(f"{path}:{line}: {one.title}")
    return changed
