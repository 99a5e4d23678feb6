"""What `verify`, `run` and `bench` share: their options, the request made of them, and what can go wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.shared import (
    FILE,
    MODEL,
    ROOT,
    SET,
    all_of,
    compile_path,
    export_options,
    fail,
    finish,
    model_name,
    sizes_of,
)
from spec_lang.diagnostics import SpecError
from spec_lang.extras import EXTRAS, lacking
from spec_lang.shapes import DType

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.runtimes import Request

RUNTIMES = ("torch", "onnxruntime", "openvino")

model_options = all_of(
    FILE,
    ROOT,
    SET,
    MODEL,
    export_options(),
    click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Draw the weights from it, where no file has them.",
    ),
    click.option(
        "--onnx",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="An exported model to use, instead of a new one.",
    ),
    click.option(
        "--allow-extern",
        is_flag=True,
        help="Import, and so run, the Python code that the spec declares as extern.",
    ),
)
"""The options by which a command says which model, with which weights."""


@contextmanager
def request(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    *,
    given: tuple[str, ...] = (),
    style: str = "text",
    **options: Any,
) -> Iterator[Request]:
    """The model that the options name; what goes wrong inside is reported, and ends the command with 1."""
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.loading import ExternsNotAllowed
    from spec_lang.runtimes import CannotRun, Request
    from spec_lang.runtimes.inputs import NoSizes
    from spec_lang.targets.onnx import proto

    for name in ("rename", "ignore"):
        if options[f"{name}s"] and not options["weights"]:
            raise click.UsageError(f"--{name} goes with --weights")
    if options["onnx"]:
        model, sets, options = _as_exported(path, sets, model, options, style)
    result = compile_path(path, options["root"], sets, model)
    finish(result.diagnostics, style)
    program = result.checked()
    name = model_name(path, program, model)
    try:
        yield Request(
            program,
            name,
            weights=options["weights"],
            seed=options["seed"],
            renames=options["renames"],
            ignores=options["ignores"],
            dtype=DType(options["dtype"]),
            opset=options["opset"] or proto.DEFAULT_OPSET,
            method=options["method"],
            given=given,
            dims=sizes_of("--dim", options["dims"]),
            onnx=str(options["onnx"]) if options["onnx"] else None,
            allow_extern=options["allow_extern"],
        )
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], style)
    except SpecError as error:
        finish(list(error.diagnostics), style)
    except (CannotRun, NoSizes, ExternsNotAllowed) as error:
        fail(str(error))
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            fail(lacking([error.name], "run"))
        fail(f"the spec's extern code needs {error.name}, which is not installed")


def _as_exported(
    path: Path, sets: tuple[str, ...], model: str | None, options: dict[str, Any], style: str
) -> tuple[str | None, tuple[str, ...], dict[str, Any]]:
    """The model, hyperparameters and options that an exported model states, where the command line says nothing of them.

    What both say must be the same: else a message, and the end.
    """
    from spec_lang.runtimes import CannotRun
    from spec_lang.runtimes.stated import check_values, literal, others, stated
    from spec_lang.weights.stored import shown

    onnx = str(options["onnx"])
    try:
        said = stated(onnx)
        if model is not None and said.model not in (None, model):
            raise CannotRun(f"{onnx} is no export of {model}, but of {shown(said.model or '')}")
        context = click.get_current_context()
        for option in ("method", "dtype"):
            theirs = getattr(said, option)
            if theirs is None:
                continue
            given = context.get_parameter_source(option) is not click.core.ParameterSource.DEFAULT
            if given and options[option] != theirs:
                raise CannotRun(f"{onnx} was exported with --{option} {theirs}, not {options[option]}")
            options[option] = theirs
        if options["dtype"] not in ("f16", "f32", "bf16"):
            raise CannotRun(f"{onnx} says how it was made in a way that is malformed")
        wanted = model or said.model
        result = compile_path(path, options["root"], sets, wanted)
        if model is None and wanted is not None and not _defines(result, wanted):
            wanted = None
            result = compile_path(path, options["root"], sets)
        finish(result.diagnostics, style)
        program = result.checked()
        name = model_name(path, program, wanted)
        if name != said.model:  # of whatever program: it has other hyperparameters
            return wanted, sets, options
        explicit = {text.partition("=")[0].strip() for text in sets}
        check_values(onnx, program, name, {}, said.values, explicit)
        taken = [f"{k}={literal(v)}" for k, (_, v) in others(program, name, {}, said.values).items()]
    except CannotRun as error:
        fail(str(error))
    return wanted, (*sets, *taken), options


def _defines(result: Compilation, name: str) -> bool:
    """Whether the spec itself has a definition of that name."""
    definitions = result.modules[0].tree.definitions if result.modules else ()
    return any(getattr(getattr(d, "name", None), "id", None) == name for d in definitions)


def progress(text: str) -> None:
    """One line on the terminal that says what is going on, overwritten by the next."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)


def done() -> None:
    """Take the line of `progress` away."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns under their heads: the first to the left, the others to the right."""
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)
