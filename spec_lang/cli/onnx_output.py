"""Writing one model's ONNX file and its weights, for `specc compile --target onnx`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.shared import finish, model_name, say
from spec_lang.frozen import Frozen
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.shapes import DType

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.weights.export import Mode


class Request(Frozen):
    """The ONNX options of the command line."""

    weights: Path | None
    renames: tuple[str, ...]
    seed: int | None
    mode: Mode
    dtype: DType
    opset: int | None
    method: str
    inputs: tuple[str, ...]
    with_loss: bool

    @staticmethod
    def of(given: dict[str, Any]) -> Request:
        """The options as they were given.

        Raises:
            click.UsageError: two of them contradict each other.
        """
        kinds: tuple[tuple[Mode, str], ...] = (("none", "no_weights"), ("copy", "copy"), ("embed", "embed"))
        modes = [mode for mode, option in kinds if given[option]]
        if len(modes) > 1:
            raise click.UsageError("--no-weights, --copy and --embed exclude each other")
        if given["weights"] and given["seed"] is not None:
            raise click.UsageError("--weights and --seed exclude each other")
        if given["renames"] and not given["weights"]:
            raise click.UsageError("--rename goes with --weights")
        return Request(
            weights=given["weights"],
            renames=given["renames"],
            seed=given["seed"],
            mode=modes[0] if modes else "auto",
            dtype=DType(given["dtype"]),
            opset=given["opset"],
            method=given["method"],
            inputs=given["inputs"],
            with_loss=bool(given["with_loss"]),
        )


def export(
    path: Path, output: Path, result: Compilation, model: str | None, request: Request, style: str
) -> None:
    """Write one spec's model, and say what was written."""
    from spec_lang.targets.onnx import proto
    from spec_lang.targets.onnx.export import Options, emit
    from spec_lang.weights import export as weights

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
    )
    try:
        exported = emit(program, name, {}, options)
        state = exported.state
    except EvaluationError as error:
        finish([error.diagnostic(program, result.sources)], style)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        _Progress() as progress,
        weights.export(
            state,
            exported.needed,
            str(output),
            weights=str(request.weights) if request.weights else None,
            seed=request.seed or 0,
            mode=request.mode,
            renames=request.renames,
            precision=request.dtype,
            progress=progress,
        ) as job,
    ):
        job.commit(exported.chunks(job.data, job.metadata))
    for note in job.notes:
        say(note)
    say(f"wrote {output}")


class _Progress:
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
