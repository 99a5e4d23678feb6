"""`specc run`."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import click

from spec_lang.cli.running import RUNTIMES, done, model_options, progress, request
from spec_lang.cli.shared import examples, fail, keep, write


@click.command("run", epilog=examples("specc run net.nnspec --weights w.safetensors --input x.npy -o out"))
@model_options
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]FILE.npy",
    help="One input; without a name, the one that the file is named after; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Where OUTPUT.npy files go.",
)
@click.option("--runtime", type=click.Choice(RUNTIMES), default="onnxruntime", show_default=True)
def command(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    inputs: tuple[str, ...],
    folder: Path,
    runtime: str,
    **options: Any,
) -> None:
    """Run a model on .npy inputs, and write each output as OUTPUT.npy."""
    with request(path, sets, model, **options) as wanted:
        from dataclasses import replace

        import numpy

        from spec_lang import runtimes
        from spec_lang.runtimes.inputs import present

        arrays = {}
        for name, file in map(_named, inputs):
            arrays[name] = _array(file)
        given = tuple(n for n in runtimes.optional_inputs(wanted) if present(n, arrays))
        results = runtimes.run(replace(wanted, given=given), arrays, runtime, progress)
        done()
        files: dict[Path, str | bytes] = {}
        for name, array in results.items():
            buffer = BytesIO()
            numpy.save(buffer, array, allow_pickle=False)
            files[folder / f"{name}.npy"] = buffer.getvalue()
        keep([Path(file) for _, file in map(_named, inputs)], files)
        write(files)


def _array(file: str) -> Any:
    """A .npy file's array in this machine's byte order; nothing in it is unpickled."""
    import numpy

    try:
        array = numpy.load(file, allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python, and lets what that raises through
        fail(f"{file} is no .npy file that can be read: {error}")
    if not isinstance(array, numpy.ndarray):
        fail(f"{file} is no .npy file, but an archive of several")
    return numpy.asarray(array, array.dtype.newbyteorder("="))


def _named(text: str) -> tuple[str, str]:
    """The input's name and the file; a file alone is the input of its own name."""
    name, equals, file = text.partition("=")
    return (name, file) if equals and name.isidentifier() else (Path(text).stem, text)
