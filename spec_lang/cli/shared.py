"""What the commands share: their common options, reading specs, reporting diagnostics, writing files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from spec_lang import workspace
from spec_lang.diagnostics import Diagnostic, SpecError
from spec_lang.settings import settings

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.ir.from_ast import Options
    from spec_lang.ir.model import Program

PATHS = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[PATH...]")
FILE = click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
FORMAT = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How diagnostics are written: for people, or one JSON object a line on stdout.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="Say nothing but mistakes.")
RESULT_FORMAT = click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    help="How the result is written: for people, or as JSON objects on stdout, one a line.",
)
SET = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Another default for a model's hyperparameter, such as --set depth=24; may be repeated.",
)
ROOT = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The folder that imports start from.  [default: root in pyproject.toml, or the folder above the outermost package]",
)
MODEL = click.option("--model", metavar="NAME", help="Which model, where a file has several.")


UNITS = ("bytes", "kB", "MB", "GB", "TB")

Command = TypeVar("Command", bound=Callable[..., Any])


def all_of(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one, in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def examples(*lines: str) -> str:
    """What stands under a command's help: how it is called."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def echo_json(value: object) -> None:
    """One JSON object on stdout; numbers that JSON has not are null."""
    import json
    import math

    def plain(item: Any) -> Any:
        if isinstance(item, float):
            return item if math.isfinite(item) else None
        if isinstance(item, Mapping):
            return {str(k): plain(v) for k, v in item.items()}
        return [plain(v) for v in item] if isinstance(item, list | tuple) else item

    click.echo(json.dumps(plain(value), ensure_ascii=False))


def weights_file(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A file that exists, or `FILE:NAME` with one that does."""
    from spec_lang.weights.named import named

    if value is not None:
        click.Path(exists=True, dir_okay=False).convert(named(value)[0], option, context)
    return value


def rename_option(only: str = "") -> Callable[[Command], Command]:
    """`--rename`; `only` says before its help what it is for."""
    return click.option(
        "--rename",
        "renames",
        multiple=True,
        metavar="OLD=NEW",
        help=f"{only}Names in the weights file that differ, as 'module.*=*' or '_orig_mod.*=*'; may be repeated.",
    )


def ignore_option(only: str = "") -> Callable[[Command], Command]:
    """`--ignore`; `only` says before its help what it is for."""
    return click.option(
        "--ignore",
        "ignores",
        multiple=True,
        metavar="PATTERN",
        help=f"{only}Tensors of the weights file to leave out, as 'loss.*'; may be repeated.",
    )


def export_options(only: str = "") -> Callable[[Command], Command]:
    """The options for what a model is exported with; `only` says before each what it is for, where that is not all."""
    return all_of(
        click.option(
            "--weights",
            metavar="FILE[:NAME]",
            callback=weights_file,
            help=f"{only}Safetensors, a PyTorch checkpoint (FILE:NAME: one of its state_dicts), or an index of them.",
        ),
        rename_option(only),
        ignore_option(only),
        click.option(
            "--dtype",
            type=click.Choice(["f32", "f16", "bf16"]),
            default="f32",
            show_default=True,
            help=f"{only}What `float` is.",
        ),
        click.option("--opset", type=int, help=f"{only}The version of the standard operators."),
        click.option("--method", default="forward", show_default=True, help=f"{only}Which method."),
        click.option(
            "--dim",
            "dims",
            multiple=True,
            metavar="NAME=NUMBER",
            help=f"{only}A dim that the graph has fixed, as N=1; may be repeated.",
        ),
    )


def sizes_of(option: str, texts: tuple[str, ...]) -> dict[str, int]:
    """The `N=2` of an option as sizes of dims.

    Raises:
        click.UsageError: one is no name and number, or a name has two.
    """
    sizes: dict[str, int] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name.isidentifier() or not (value.isascii() and value.isdigit() and int(value[:19]) < 1 << 31):
            raise click.UsageError(f"{option} takes NAME=NUMBER, such as {option} N=2, not {text!r}")
        if sizes.setdefault(name, int(value)) != int(value):
            raise click.UsageError(f"{option} gives {name} two sizes: {sizes[name]} and {int(value)}")
    return sizes


def compile_path(
    path: Path, root: Path | None, sets: tuple[str, ...] = (), model: str | None = None, emit: bool = True
) -> Compilation:
    """Read, parse and check one spec and all that it imports, from `root` or where it is found.

    Without `emit` there is no program where nothing in the spec needs one: only the diagnostics are wanted.
    """
    from spec_lang.compiler import Compilation

    try:
        return workspace.compiled(path, root, options(sets, model, emit))
    except SpecError as error:
        return Compilation(error.diagnostics)


def options(sets: tuple[str, ...], model: str | None, emit: bool = True) -> Options:
    """The checker's options from the command line's.

    Raises:
        click.UsageError: a `--set` is not `name=value`.
    """
    from spec_lang.ir.from_ast import Options
    from spec_lang.syntax.from_text import parse_expr

    overrides = {}
    for text in sets:
        name, equals, value = text.partition("=")
        expression, _ = parse_expr(value.strip()) if equals else (None, [])
        if not name.strip().isidentifier() or expression is None:
            raise click.UsageError(f"--set takes name=value, such as --set depth=24, not {text!r}")
        overrides[name.strip()] = expression
    return Options(overrides=overrides, model=model, emit=emit)


def gather(
    paths: tuple[Path, ...],
    sets: tuple[str, ...],
    model: str | None,
    emit: bool = True,
    root: Path | None = None,
) -> list[tuple[Path, Path, Compilation]]:
    """Every spec under the paths with the folder that its imports start from, compiled."""
    found = list(workspace.specs_under(paths, root))
    if root is not None:
        for path, _ in found:
            if not path.resolve().is_relative_to(root.resolve()):
                raise click.UsageError(f"{path} is not in --root {root}")
    if not found:
        raise click.UsageError(f"there is no {workspace.SUFFIX} file in {', '.join(map(str, paths))}")
    return [(path, root, compile_path(path, root, sets, model, emit)) for path, root in found]


def project(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths that were given, or the folder of the project's specs.

    Raises:
        click.UsageError: none was given, and there is no project.
    """
    if paths:
        return paths
    said = settings(Path())
    folder = said.root or said.folder
    if folder is None:
        raise click.UsageError(
            "name a spec or a folder of specs: no pyproject.toml here or above has a [tool.specc]"
        )
    here = Path().resolve()
    return (folder.relative_to(here) if folder.is_relative_to(here) else folder,)


def checked(path: Path, sets: tuple[str, ...], model: str | None, style: str = "text") -> Program:
    """One spec's program; where it does not check, its errors are reported and the command ends."""
    result = compile_path(path, None, sets, model)
    finish(result.diagnostics, style)
    return result.checked()


def model_name(path: Path, program: Program, wanted: str | None) -> str:
    """The model that is meant: the one named, or the only one.

    Raises:
        click.UsageError: there are several, and none is named.
    """
    from spec_lang.generated import models

    names = models(program)
    if wanted in names:
        return str(wanted)
    if wanted is None and len(names) == 1:
        return names[0]
    listed = ", ".join(names) or "none"
    if wanted is None:
        raise click.UsageError(f"{path} has several models; choose one with --model: {listed}")
    raise click.UsageError(f"{path} has no model {wanted}; it has: {listed}")


def report(diagnostics: Iterable[Diagnostic], style: str) -> None:
    """Print diagnostics: text to stderr, JSON to stdout."""
    found = list(diagnostics)
    if style == "json":
        from spec_lang.diagnostics.to_json import to_json

        click.echo(to_json(found), nl=False)
    elif found:
        from spec_lang.diagnostics.render import render

        colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        click.echo(render(found, colour=colour), err=True, nl=False, color=colour)


def finish(diagnostics: list[Diagnostic], style: str) -> None:
    """Report, and exit with 1 where there were errors."""
    report(diagnostics, style)
    if any(d.severity == "error" for d in diagnostics):
        raise SystemExit(1)


def write(files: Mapping[Path, str | bytes], quiet: bool = False) -> None:
    """Write the files, and say which unless `quiet`."""
    try:
        workspace.write_all(files)
    except OSError as error:
        fail(f"{error.filename or 'the output'} cannot be written: {error.strerror}")
    for path in files if not quiet else ():
        say(f"wrote {path}")


def would_write(changed: Iterable[Path]) -> NoReturn:
    """Say which files a command would write, and exit with 1 if there are any."""
    paths = list(changed)
    for path in paths:
        say(f"would write {path}")
    raise SystemExit(1 if paths else 0)


def keep(read: Iterable[Path], written: Iterable[Path]) -> None:
    """End the command where it would write over a file that it reads."""
    places = set(map(workspace.place, read))
    for path in written:
        if workspace.place(path) in places:
            fail(f"{path} is read, and would be overwritten; -o names another folder")


def fail(message: str) -> NoReturn:
    """Say what went wrong outside any spec, and exit with 1."""
    say(f"error: {message}")
    raise SystemExit(1)


def say(message: str) -> None:
    """One message on stderr; names of files in it may hold anything."""
    from spec_lang.diagnostics.excerpt import brief, printable

    click.echo(brief(printable(message)), err=True)


def size_text(count: int) -> str:
    """Bytes for people, in decimal units."""
    if count < 1000:
        return f"{count} bytes" if count != 1 else "1 byte"
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if value < 9.95 else f"{value:.0f} {UNITS[unit]}"
