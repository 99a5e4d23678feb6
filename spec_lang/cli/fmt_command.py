"""`specc fmt`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from spec_lang import workspace
from spec_lang.cli.shared import FORMAT, QUIET, examples, finish, write
from spec_lang.diagnostics import Diagnostic, Source, SpecError


@click.command(
    "fmt", epilog=examples("specc fmt net.nnspec", "specc fmt --check .", "specc fmt --diff net.nnspec")
)
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
@click.option(
    "--diff", is_flag=True, help="Change nothing; print what would change, and exit with 1 if anything would."
)
@click.option(
    "--fix", is_flag=True, help="Mend what keeps a file from being read, where only one thing can be meant."
)
@FORMAT
@QUIET
def command(
    paths: tuple[Path, ...], only_check: bool, diff: bool, fix: bool, style: str, quiet: bool
) -> None:
    """Lay specs out canonically; comments and meaning are kept.

    `-` formats stdin to stdout.
    """
    if paths == (Path("-"),):
        _stdin(style, fix)
        return
    diagnostics: list[Diagnostic] = []
    changed: dict[Path, str | bytes] = {}
    differences: list[str] = []
    for path, _ in workspace.specs_under(paths):
        try:
            source = workspace.read(path)
            text = _formatted(source, fix)
        except SpecError as error:
            diagnostics += error.diagnostics
            continue
        if text != source.text:
            changed[path] = text
            differences += _difference(path, source.text, text) if diff else ()
    if diff:
        click.echo("".join(differences), nl=False)
    finish(diagnostics, style)
    if not only_check and not diff:
        write(changed, quiet)
        return
    for path in changed if not quiet and not diff else ():
        click.echo(f"would reformat {path}", err=True)
    raise SystemExit(1 if changed else 0)


def _difference(path: Path, before: str, after: str) -> Iterator[str]:
    """A unified diff, whose last line may lack its end."""
    from difflib import unified_diff

    from spec_lang.diagnostics.excerpt import printable

    name = printable(str(path))
    for line in unified_diff(before.splitlines(True), after.splitlines(True), name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _stdin(style: str, fix: bool) -> None:
    try:
        source = workspace.decode("<stdin>", sys.stdin.buffer.read())
        click.echo(_formatted(source, fix), nl=False)
    except SpecError as error:
        finish(list(error.diagnostics), style)


def _formatted(source: Source, fix: bool = False) -> str:
    from spec_lang.syntax.from_text import parse
    from spec_lang.syntax.to_text import format_module

    if fix:
        from spec_lang.mending import mended

        source, _ = mended(source, lambda text: parse(text)[1])
    module, diagnostics = parse(source)
    if module is None or diagnostics:
        raise SpecError(tuple(diagnostics))
    return format_module(module)
