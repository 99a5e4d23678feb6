"""`specc compile`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spec_lang import workspace
from spec_lang.cli.shared import FORMAT, MODEL, PATHS, SET, fail, finish, gather, keep, write

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation


@click.command("compile")
@PATHS
@click.option(
    "--target",
    type=click.Choice(["torch", "onnx"]),
    default="torch",
    help="PyTorch source, or an ONNX graph.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the results; beside each spec by default.",
)
@SET
@MODEL
@FORMAT
@click.option(
    "--weights",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="ONNX: safetensors, an index of them, or a PyTorch checkpoint.",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="ONNX: names in the weights file that differ; may be repeated.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    help="ONNX: draw the weights as torch.manual_seed(SEED) and the module would.  [default: 0]",
)
@click.option("--no-weights", is_flag=True, help="ONNX: the graph alone; its weights are inputs.")
@click.option("--copy", is_flag=True, help="ONNX: copy all weights into one file beside the model.")
@click.option("--embed", is_flag=True, help="ONNX: put the weights into the model's file.")
@click.option(
    "--dtype",
    type=click.Choice(["f32", "f16", "bf16"]),
    default="f32",
    help="ONNX: what `float` is.",
    show_default=True,
)
@click.option("--opset", type=int, help="ONNX: the version of the standard operators.")
@click.option("--method", default="forward", help="ONNX: which method is exported.", show_default=True)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME",
    help="ONNX: an optional input that the graph shall have; may be repeated.",
)
@click.option("--with", "with_loss", type=click.Choice(["loss"]), help="ONNX: compute the loss too.")
def command(
    paths: tuple[Path, ...],
    target: str,
    folder: Path | None,
    sets: tuple[str, ...],
    model: str | None,
    style: str,
    **onnx: object,
) -> None:
    """Check specs and write what they compile to.

    PATH is a .nnspec file, or a folder of them. Nothing is written unless all of them check.
    """
    results = gather(paths, sets, model)
    finish([d for _, _, result in results for d in result.diagnostics], style)
    specs = [Path(name) for _, _, result in results for name in result.sources]
    if target == "torch":
        _only_for_onnx(onnx)
        files = _torch(results, folder)
        keep(specs, files)
        write(files)
        return
    from spec_lang.cli.onnx_output import Request, export

    request = Request.of(onnx)
    outputs = _onnx(results, folder)
    keep(specs, [p for output in outputs for p in (output, Path(f"{output}.data"))])
    for output, (path, result) in outputs.items():
        export(path, output, result, model, request, style)


def _torch(results: list[tuple[Path, Path, Compilation]], folder: Path | None) -> dict[Path, str | bytes]:
    """The files of the PyTorch target: a module for each spec, imports included."""
    files: dict[Path, str | bytes] = {}
    for path, root, result in results:
        for relative, text in result.torch_sources().items():
            target = (folder or root) / relative
            if files.setdefault(target, text) != text:
                fail(f"{path} and another spec both become {target}; rename one")
    return files


def _onnx(
    results: list[tuple[Path, Path, Compilation]], folder: Path | None
) -> dict[Path, tuple[Path, Compilation]]:
    """What each model's file is made of, imports not."""
    outputs: dict[Path, tuple[Path, Compilation]] = {}
    for path, root, result in results:
        target = (folder or root) / path.relative_to(root).parent / f"{path.stem}.onnx"
        first, _ = outputs.setdefault(target, (path, result))
        if workspace.place(first) != workspace.place(path):
            fail(f"{path} and {first} both become {target}; rename one")
    return outputs


def _only_for_onnx(given: dict[str, object]) -> None:
    """Refuse options that say nothing to the PyTorch target."""
    defaults = {"dtype": "f32", "method": "forward"}
    names = {"renames": "rename", "inputs": "input", "with_loss": "with"}
    for key, value in given.items():
        if value and value != defaults.get(key):
            option = names.get(key, key).replace("_", "-")
            raise click.UsageError(f"--{option} is for --target onnx")
