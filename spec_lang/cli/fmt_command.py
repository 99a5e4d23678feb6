"""`specc fmt`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from spec_lang import workspace
from spec_lang.cli.shared import FORMAT, finish, write
from spec_lang.diagnostics import Diagnostic, Source, SpecError


@click.command("fmt")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
    metavar="PATH...",
)
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; exit with 1 if a file would change."
)
@FORMAT
def command(paths: tuple[Path, ...], only_check: bool, style: str) -> None:
    """Lay specs out canonically; comments and meaning are kept.

    `-` formats stdin to stdout.
    """
    if paths == (Path("-"),):
        _stdin(style)
        return
    diagnostics: list[Diagnostic] = []
    changed: dict[Path, str | bytes] = {}
    for path, _ in workspace.specs_under(paths):
        try:
            source = workspace.read(path)
            text = _formatted(source)
        except SpecError as error:
            diagnostics += error.diagnostics
            continue
        if text != source.text:
            changed[path] = text
    finish(diagnostics, style)
    if not only_check:
        write(changed)
        return
    for path in changed:
        click.echo(f"would reformat {path}", err=True)
    raise SystemExit(1 if changed else 0)


def _stdin(style: str) -> None:
    try:
        source = workspace.decode("<stdin>", sys.stdin.buffer.read())
        click.echo(_formatted(source), nl=False)
    except SpecError as error:
        finish(list(error.diagnostics), style)


def _formatted(source: Source) -> str:
    from spec_lang.syntax.from_text import parse
    from spec_lang.syntax.to_text import format_module

    module, diagnostics = parse(source)
    if module is None or diagnostics:
        raise SpecError(tuple(diagnostics))
    return format_module(module)
