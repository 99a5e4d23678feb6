"""`specc compile`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from spec_lang import workspace
from spec_lang.cli.shared import (
    FORMAT,
    MODEL,
    PATHS,
    ROOT,
    SET,
    examples,
    export_options,
    fail,
    finish,
    gather,
    keep,
    project,
    say,
    would_write,
    write,
)
from spec_lang.cli.watching import WATCH, folders, watch
from spec_lang.generated import foreign, torch_files
from spec_lang.settings import settings

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation

_STUBS: Final = ("pyrefly", "jaxtyping")


class _Command(click.Command):
    """Reads `--stubs` alone, in front of a path too, as `--stubs=pyrefly`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = [
            f"{arg}=pyrefly" if arg == "--stubs" and behind not in _STUBS else arg
            for arg, behind in zip_longest(args, args[1:])
        ]
        return super().parse_args(ctx, given)


@click.command(
    "compile",
    cls=_Command,
    epilog=examples(
        "specc compile net.nnspec",
        "specc compile . --check",
        "specc compile net.nnspec --stubs",
        "specc compile net.nnspec --target onnx --weights w.safetensors -o net.onnx",
    ),
)
@PATHS
@ROOT
@click.option(
    "--target",
    type=click.Choice(["torch", "onnx"]),
    default="torch",
    help="PyTorch source, or an ONNX graph.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A folder for the results, or the file of one: x/net.py, x/net.onnx; beside each spec by default.",
)
@click.option(
    "--check", "only_check", is_flag=True, help="Write nothing; exit with 1 if a file would change."
)
@click.option("--force", is_flag=True, help="Replace files that specc did not write, too.")
@click.option(
    "--no-checks",
    is_flag=True,
    help="PyTorch: Leave out what the methods of models check of their inputs' sizes.",
)
@click.option(
    "--parallel",
    is_flag=True,
    help="PyTorch: Write MODULE_parallel.py too, which cuts the models over several devices.",
)
@click.option(
    "--stubs",
    type=click.Choice(_STUBS),
    metavar="[pyrefly|jaxtyping]",
    help="PyTorch: Write MODULE.pyi too, whose types have the shapes, in the form that Pyrefly or jaxtyping reads.  "
    "[default: pyrefly]",
)
@SET
@MODEL
@FORMAT
@export_options("ONNX: ")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="ONNX: Draw the weights as torch.manual_seed(SEED) and the module would.  [default: 0]",
)
@click.option("--no-weights", is_flag=True, help="ONNX: The graph alone; its weights are inputs.")
@click.option(
    "--zero-copy",
    is_flag=True,
    help="ONNX: Point into the weights file, which must stay as it is, instead of copying from it.",
)
@click.option("--embed", is_flag=True, help="ONNX: Put the weights into the model's file.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME",
    help="ONNX: An optional input that the graph shall have; may be repeated.",
)
@click.option("--with", "with_loss", type=click.Choice(["loss"]), help="ONNX: Compute the loss too.")
@WATCH
def command(
    paths: tuple[Path, ...],
    root: Path | None,
    target: str,
    output: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    style: str,
    only_check: bool,
    force: bool,
    no_checks: bool,
    watch_: bool,
    parallel: bool,
    stubs: str | None,
    **onnx: object,
) -> None:
    """Check specs and write what they compile to.

    PATH is a .nnspec file, or a folder of them. Nothing is written unless all of them check, and no file is replaced that specc did
    not write.
    """
    paths = project(paths)

    def run() -> None:
        _compile(
            paths,
            root,
            target,
            output,
            sets,
            model,
            style,
            only_check,
            force,
            no_checks,
            parallel,
            stubs,
            dict(onnx),
        )

    if watch_:
        if only_check:
            raise click.UsageError("--watch writes, and --check does not: choose one")
        watch(folders(paths, root), run)
    else:
        run()


def _compile(
    paths: tuple[Path, ...],
    root: Path | None,
    target: str,
    output: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    style: str,
    only_check: bool,
    force: bool,
    no_checks: bool,
    parallel: bool,
    stubs: str | None,
    onnx: dict[str, object],
) -> None:
    said = settings(paths[0] if paths[0].is_dir() else paths[0].parent)
    file, folder = _places(output or said.output)
    kind = {"torch": ".py", "onnx": ".onnx"}[target]
    if file is not None and file.suffix != kind:
        other = "add --target onnx" if file.suffix == ".onnx" else "it writes .onnx files"
        raise click.UsageError(f"-o {file} is no file for --target {target}: {other}, or name a folder")
    results = gather(paths, sets, model, root=root)
    if file is not None and len(results) > 1:
        raise click.UsageError(
            f"-o {file} holds one model, and there are {len(results)} specs: name a folder"
        )
    finish([d for _, _, result in results for d in result.diagnostics], style)
    specs = [Path(name) for _, _, result in results for name in result.sources]
    if target == "torch":
        _only_for_onnx(onnx)
        if parallel and file is not None:
            raise click.UsageError("--parallel writes two files: -o names a folder")
        files, own = _torch(results, file, folder, said.line_length, not no_checks, parallel, stubs)
        files = {p: text for p, text in files.items() if p in own or not _holds(p, text)}
        keep(specs, files)
        if only_check:
            would_write([path for path, content in files.items() if not _holds(path, content)])
        if not force:
            _leave_alone(files)
        write(files)
        return
    if no_checks:
        raise click.UsageError("--no-checks is for --target torch")
    if parallel:
        raise click.UsageError("--parallel is for --target torch")
    if stubs:
        raise click.UsageError("--stubs is for --target torch")
    from spec_lang.cli.onnx_output import Request, export

    context = click.get_current_context()
    for name, value in said.onnx.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.DEFAULT:
            onnx[name] = value
    request = Request.of(onnx)
    outputs = _onnx(paths, results, file, folder)
    keep(specs, [p for output in outputs for p in (output, Path(f"{output}.data"))])
    if not force and not only_check:
        _leave_alone(outputs)
    changed = [
        Path(changed)
        for output, (path, result) in outputs.items()
        for changed in export(path, output, result, model, request, style, only_check)
    ]
    if only_check:
        would_write(changed)


def _leave_alone(files: Iterable[Path]) -> None:
    """End the command where it would replace what is not its own."""
    theirs = foreign(files)
    for path in theirs:
        say(f"error: {path} is there, and specc did not write it; --force replaces it")
    if theirs:
        raise SystemExit(1)


def _holds(path: Path, content: str | bytes) -> bool:
    """Whether a file has this content."""
    wanted = content.encode() if isinstance(content, str) else content
    return path.is_file() and path.stat().st_size == len(wanted) and path.read_bytes() == wanted


def _places(output: Path | None) -> tuple[Path | None, Path | None]:
    """What `-o` names: a result's file, or a folder."""
    if output is None or output.is_dir():
        return None, output
    if output.suffix in (".py", ".onnx"):
        return output, None
    if output.exists():
        raise click.UsageError(f"-o {output} is a file: name a folder, or a file that ends in .py or .onnx")
    return None, output


def _torch(
    results: list[tuple[Path, Path, Compilation]],
    file: Path | None,
    folder: Path | None,
    line_length: int | None,
    checks: bool,
    parallel: bool,
    stubs: str | None,
) -> tuple[dict[Path, str | bytes], set[Path]]:
    """The files of the PyTorch target: a module for each spec, imports included, and which of them are of specs that are named.

    `file` is for the only spec that is named; what it imports goes where it finds it from there.
    """
    from spec_lang.targets.parallel import NotCut

    files: dict[Path, str | bytes] = {}
    named: set[Path] = set()
    for path, root, result in results:
        own = f"{result.checked().files[0].module.replace('.', '/')}.py"
        if file is not None and file.name != Path(own).name and (other := result.imports_first()):
            fail(f"{other} imports {path.name}, so -o may name another folder, but not another file")
        try:
            made = torch_files(result, line_length, checks=checks, parallel=parallel, stubs=stubs)
        except NotCut as error:
            fail(f"{path} cannot be cut over several devices: {error}")
        for relative, text in made.items():
            target = (folder or root) / relative
            if file is not None and relative in (own, f"{own}i"):
                target = file.with_suffix(Path(relative).suffix)
            elif file is not None:
                beside = os.path.relpath(relative, os.path.dirname(own))
                if beside.startswith(os.pardir):
                    fail(
                        f"{path} imports {relative} from a folder above its own, so -o may name a folder, but not a file"
                    )
                target = file.parent / beside
            if relative in (own, f"{own}i", own.replace(".py", "_parallel.py")):
                named.add(target)
            if files.setdefault(target, text) != text:
                fail(f"{path} and another spec both become {target}; rename one")
    return files, named


def _onnx(
    paths: tuple[Path, ...],
    results: list[tuple[Path, Path, Compilation]],
    file: Path | None,
    folder: Path | None,
) -> dict[Path, tuple[Path, Compilation]]:
    """What each model's file is made of, imports not."""
    outputs: dict[Path, tuple[Path, Compilation]] = {}
    for path, _, result in results:
        given = next((p for p in paths if p.is_dir() and path.is_relative_to(p)), path.parent)
        target = file or (folder or given) / path.relative_to(given).parent / f"{path.stem}.onnx"
        first, _ = outputs.setdefault(target, (path, result))
        if workspace.place(first) != workspace.place(path):
            fail(f"{path} and {first} both become {target}; rename one")
    return outputs


def _only_for_onnx(given: dict[str, object]) -> None:
    """Refuse options that say nothing to the PyTorch target."""
    defaults = {"dtype": "f32", "method": "forward"}
    names = {"renames": "rename", "ignores": "ignore", "inputs": "input", "with_loss": "with", "dims": "dim"}
    for key, value in given.items():
        if value and value != defaults.get(key):
            option = names.get(key, key).replace("_", "-")
            raise click.UsageError(f"--{option} is for --target onnx")
