"""Writing one model's ONNX file and its weights, for `specc compile --target onnx`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.shared import fail, finish, model_name, say, size_text, sizes_of
from spec_lang.frozen import Frozen
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.shapes import DType

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.weights.export import Mode
    from spec_lang.weights.place import TensorData


LISTED = 4
"""Files that one message names."""


class Request(Frozen):
    """The ONNX options of the command line."""

    weights: str | None
    renames: tuple[str, ...]
    ignores: tuple[str, ...]
    seed: int | None
    mode: Mode
    dtype: DType
    opset: int | None
    method: str
    inputs: tuple[str, ...]
    with_loss: bool
    dims: Mapping[str, int]

    @staticmethod
    def of(given: dict[str, Any]) -> Request:
        """The options as they were given.

        Raises:
            click.UsageError: two of them contradict each other.
        """
        kinds: tuple[tuple[Mode, str], ...] = (
            ("none", "no_weights"),
            ("point", "zero_copy"),
            ("embed", "embed"),
        )
        modes = [mode for mode, option in kinds if given[option]]
        if len(modes) > 1:
            raise click.UsageError("--no-weights, --zero-copy and --embed exclude each other")
        if given["weights"] and given["seed"] is not None:
            raise click.UsageError("--weights and --seed exclude each other")
        if given["no_weights"] and (given["weights"] or given["seed"] is not None):
            raise click.UsageError("--no-weights excludes --weights and --seed")
        if given["zero_copy"] and not given["weights"]:
            raise click.UsageError("--zero-copy goes with --weights: it points into that file")
        for name in ("rename", "ignore"):
            if given[f"{name}s"] and not given["weights"]:
                raise click.UsageError(f"--{name} goes with --weights")
        return Request(
            weights=given["weights"],
            renames=given["renames"],
            ignores=given["ignores"],
            seed=given["seed"],
            mode=modes[0] if modes else "copy",
            dtype=DType(given["dtype"]),
            opset=given["opset"],
            method=given["method"],
            inputs=given["inputs"],
            with_loss=bool(given["with_loss"]),
            dims=sizes_of("--dim", given["dims"]),
        )


def export(
    path: Path,
    output: Path,
    result: Compilation,
    model: str | None,
    request: Request,
    style: str,
    only_check: bool = False,
) -> tuple[str, ...]:
    """Write one spec's model, and say what was written; with `only_check`, gives the files that would change instead."""
    from spec_lang import exporting
    from spec_lang.targets.onnx import proto
    from spec_lang.targets.onnx.export import Options

    program = result.checked()
    name = model_name(path, program, model)
    if request.opset is not None and not proto.OLDEST_OPSET <= request.opset <= proto.NEWEST_OPSET:
        raise click.UsageError(f"--opset goes from {proto.OLDEST_OPSET} to {proto.NEWEST_OPSET}")
    options = Options(
        opset=request.opset or proto.DEFAULT_OPSET,
        dtype=request.dtype,
        method=request.method,
        inputs=frozenset(request.inputs),
        with_loss=request.with_loss,
        dims=request.dims,
    )
    try:
        with Progress() as progress:
            written = exporting.export(
                program,
                name,
                output,
                options,
                weights=request.weights,
                seed=request.seed,
                mode=request.mode,
                renames=request.renames,
                ignores=request.ignores,
                force=True,  # what may be replaced was decided for all outputs together
                only_check=only_check,
                progress=progress,
            )
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], style)
        return ()
    except FileExistsError as error:
        fail(str(error))
    if only_check:
        return written.changed
    for note in written.notes:
        say(note)
    say(f"wrote {output}{_weights_of(written.data, request.mode, f'{output.name}.data')}")
    if written.drawn:
        say(
            "its weights are random, drawn from seed 0: --weights takes them from a file, --seed draws others"
        )
    return ()


def _weights_of(data: Mapping[str, TensorData], mode: Mode, own: str) -> str:
    """Where a model's weights are: what must stay beside it; `own` is the file that is written for it alone."""
    from spec_lang.weights.place import External, Streamed

    if mode == "none":
        return " (without weights: they are its inputs)"
    inside = 0
    beside: dict[str, int] = {}
    for place in data.values():
        if isinstance(place, External):
            beside[place.location] = beside.get(place.location, 0) + place.length
        else:
            inside += place.length if isinstance(place, Streamed) else len(place)
    files = [f"in {name}, {size_text(count)}" for name, count in sorted(beside.items())]
    if len(files) > LISTED:
        rest = sorted(beside.items())[LISTED - 1 :]
        files[LISTED - 1 :] = [f"in {len(rest)} more files, {size_text(sum(n for _, n in rest))}"]
    if inside:
        files.append(f"inside, {size_text(inside)}")
    if not files:
        return ""
    theirs = [name for name in beside if name != own]
    keep = (
        f"; it reads {'those files' if len(theirs) > 1 else theirs[0]} as long as it lives" if theirs else ""
    )
    return f" (weights {', and '.join(files)}{keep})"


class Progress:
    """A bar on the terminal once the work has gone on for a second; nothing where there is no terminal."""

    def __enter__(self) -> Callable[[int, int], None]:
        self._bar: Any = None
        self._context: Any = None
        return self._step if sys.stderr.isatty() else lambda done, total: None

    def __exit__(self, *error: object) -> None:
        if self._context is not None:
            self._context.__exit__(*error)

    def _step(self, done: int, total: int) -> None:
        if self._bar is None:
            self._context = click.progressbar(length=total, label="weights", file=sys.stderr)
            self._bar = self._context.__enter__()
            self._done = 0
        self._bar.update(done - self._done)
        self._done = done
