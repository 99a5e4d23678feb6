"""`specc`: the command line. It reads files, writes files and prints; what it calls does neither."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from spec_lang import __version__, workspace
from spec_lang.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.ir.from_ast import Options

PATHS = click.argument(
    "paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH..."
)
FORMAT = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How diagnostics are written: for people, or one JSON object a line on stdout.",
)
SET = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another default for a model's hyperparameter, such as --set depth=24; may be repeated.",
)
MODEL = click.option("--model", metavar="NAME", help="Which model, where a file has several.")


class Group(click.Group):
    """Commands in the order in which they are used, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specc")
def cli() -> None:
    """Neural networks as specs: check every shape, compile to PyTorch or ONNX."""


# --- Diagnostics ----------------------------------------------------------------------------


def report(diagnostics: Iterable[Diagnostic], style: str) -> None:
    """Print diagnostics: text to stderr, JSON to stdout."""
    from spec_lang.diagnostics import render

    found = list(diagnostics)
    if style == "json":
        for line in render.json_lines(found):
            click.echo(line)
    elif found:
        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        click.echo(render.text(found, colour=colour), err=True, nl=False, color=colour)


# --- Reading --------------------------------------------------------------------------------


def compile_path(path: Path, root: Path, sets: tuple[str, ...] = (), model: str | None = None) -> Compilation:
    """Read, parse and check one spec and all that it imports, from its own folder or from `root`."""
    from spec_lang.compiler import Compilation, compile_sources

    folders = tuple(dict.fromkeys((path.parent, root)))
    try:
        source = workspace.read(path)
        return compile_sources(
            {workspace.module_name(path, root): source}, workspace.finder(folders), options(sets, model)
        )
    except SpecError as error:
        return Compilation(diagnostics=list(error.diagnostics))


def options(sets: tuple[str, ...], model: str | None) -> Options:
    """The checker's options from the command line's.

    Raises:
        click.UsageError: a `--set` is not `name=value`.
    """
    from spec_lang.ir.from_ast import Options
    from spec_lang.syntax.from_text import parse_expr

    overrides = {}
    for text in sets:
        name, equals, value = text.partition("=")
        expression = parse_expr(value.strip()) if equals else None
        if not name.strip().isidentifier() or expression is None:
            raise click.UsageError(f"--set takes name=value, such as --set depth=24, not {text!r}")
        overrides[name.strip()] = expression
    return Options(overrides=overrides, model=model)


def gather(
    paths: tuple[Path, ...], sets: tuple[str, ...], model: str | None
) -> list[tuple[Path, Path, Compilation]]:
    """Every spec under the paths, compiled."""
    found = list(workspace.specs_under(paths))
    if not found:
        raise click.UsageError(f"there is no {workspace.SUFFIX} file in {', '.join(map(str, paths))}")
    return [(path, root, compile_path(path, root, sets, model)) for path, root in found]


def finish(diagnostics: list[Diagnostic], style: str) -> None:
    """Report, and exit with 1 where there were errors."""
    report(diagnostics, style)
    if any(d.severity == "error" for d in diagnostics):
        raise SystemExit(1)


# --- Commands -------------------------------------------------------------------------------


@cli.command()
@PATHS
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the results go; beside each spec by default.",
)
@SET
@MODEL
@FORMAT
def compile(
    paths: tuple[Path, ...], folder: Path | None, sets: tuple[str, ...], model: str | None, style: str
) -> None:
    """Check specs and write what they compile to.

    PATH is a .nnspec file, or a folder of them. Nothing is written unless all of them check.
    """
    results = gather(paths, sets, model)
    diagnostics = [d for _, _, result in results for d in result.diagnostics]
    files: dict[Path, str | bytes] = {}
    if not any(d.severity == "error" for d in diagnostics):
        for _, root, result in results:
            for relative, text in result.torch_sources().items():
                files[(folder or root) / relative] = text
    finish(diagnostics, style)
    write(files)


def write(files: dict[Path, str | bytes]) -> None:
    """Write the files, and say which."""
    try:
        workspace.write_all(files)
    except OSError as error:
        fail(f"{error.filename or 'the output'} cannot be written: {error.strerror}")
    for path in files:
        click.echo(f"wrote {path}", err=True)


def fail(message: str) -> NoReturn:
    """Say what went wrong outside any spec, and exit with 1."""
    click.echo(f"error: {message}", err=True)
    raise SystemExit(1)


@cli.command()
@PATHS
@SET
@MODEL
@FORMAT
def check(paths: tuple[Path, ...], sets: tuple[str, ...], model: str | None, style: str) -> None:
    """Check specs: every name, type, shape and expectation, for all sizes at once."""
    results = gather(paths, sets, model)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    if style == "text":
        count = len(results)
        click.echo(f"{count} spec{'s' if count != 1 else ''} checked, no errors", err=True)


@cli.command()
@PATHS
@click.option(
    "--check", "only_check", is_flag=True, help="Change nothing; exit with 1 if a file would change."
)
@FORMAT
def fmt(paths: tuple[Path, ...], only_check: bool, style: str) -> None:
    """Lay specs out canonically; comments and meaning are kept. `-` formats stdin to stdout."""
    from spec_lang.syntax.from_text import parse
    from spec_lang.syntax.to_text import format_module

    diagnostics: list[Diagnostic] = []
    changed: dict[Path, str | bytes] = {}
    for path, _ in workspace.specs_under(paths):
        try:
            source = workspace.read(path)
        except SpecError as error:
            diagnostics += error.diagnostics
            continue
        module, found = parse(source)
        diagnostics += found
        if module is not None and not found and (text := format_module(module)) != source.text:
            changed[path] = text
    finish(diagnostics, style)
    if only_check:
        for path in changed:
            click.echo(f"would reformat {path}", err=True)
        raise SystemExit(1 if changed else 0)
    write(changed)


@cli.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the IR instead.")
@SET
@MODEL
@FORMAT
def ir(path: Path, schema: bool, sets: tuple[str, ...], model: str | None, style: str) -> None:
    """Print a spec's checked intermediate representation as JSON."""
    result = compile_path(path, path.parent, sets, model)
    finish(result.diagnostics, style)
    click.echo(result.checked().model_dump_json(indent=2, exclude_defaults=False))


@cli.command()
@click.argument("name", required=False)
def ops(name: str | None) -> None:
    """List the layers and functions there are, or show one: its signature, what it does, its source."""
    from spec_lang.ops import pages

    if name is None:
        click.echo(pages.index(), nl=False)
        return
    page = pages.page(name)
    if page is None:
        near = pages.similar(name)
        fail(f"there is no layer or function `{name}`" + (f"; did you mean {near}?" if near else ""))
    click.echo(page, nl=False)


@cli.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Say more about an error code; without one, list them all."""
    from spec_lang.diagnostics import codes

    if code is None:
        for key, entry in sorted(codes.CODES.items()):
            click.echo(f"{key}  {entry.title}")
        return
    entry = codes.CODES.get(code.upper())
    if entry is None:
        fail(f"there is no error code {code}; `specc explain` lists them")
    click.echo(codes.page(code.upper()), nl=False)


def main() -> NoReturn:
    """The entry point: whatever happens, a message and an exit status, never a traceback."""
    try:
        cli.main(standalone_mode=True)
    except SpecError as error:
        report(error.diagnostics, "text")
        sys.exit(1)
    except RecursionError:
        fail("this spec nests too deeply")
    except MemoryError:
        fail("this spec needs more memory than there is")
    sys.exit(0)


if __name__ == "__main__":
    main()
