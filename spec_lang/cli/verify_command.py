"""`specc verify`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.running import done, model_options, progress, request, table
from spec_lang.cli.shared import QUIET, RESULT_FORMAT, echo_json, examples, sizes_of

if TYPE_CHECKING:
    from spec_lang.runtimes.verify import Difference, Trial, Verification


def _finite(context: click.Context, option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no tolerance", context, option)
    return value


@click.command(
    "verify",
    epilog=examples(
        "specc verify net.nnspec",
        "specc verify net.nnspec --weights w.safetensors --size N=4",
        "specc verify net.nnspec --runtime openvino --format json",
    ),
)
@model_options
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    type=click.Choice(["onnxruntime", "openvino"]),
    help="Held against PyTorch; onnxruntime by default; may be repeated.",
)
@click.option(
    "--samples", type=click.IntRange(min=1), default=5, show_default=True, help="How many choices of sizes."
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=NUMBER",
    help="One size of a dim variable, instead of several; may be repeated.",
)
@click.option(
    "--rtol",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="The tolerance relative to each number; by default that of the precision (1e-4 in f32).",
)
@click.option(
    "--atol",
    type=click.FloatRange(min=0),
    callback=_finite,
    help="The tolerance relative to an output's root mean square; by default that of the precision (1e-5 in f32).",
)
@RESULT_FORMAT
@QUIET
def command(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    runtimes: tuple[str, ...],
    samples: int,
    sizes: tuple[str, ...],
    rtol: float | None,
    atol: float | None,
    style: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Run PyTorch and ONNX Runtime on the same weights and inputs, and compare.

    At several sizes of every dynamic dim, with and without optional inputs. Prints the worst difference of each output; where one is
    beyond the tolerance, PyTorch runs in float64 and both are measured by their distance to that; where the runtime's is the larger by
    far, the first layer that differs. Exits with 1 then.
    """
    with request(path, sets, model, style=style, **options) as wanted:
        from spec_lang.runtimes.verify import TOLERANCES, Tolerance, verify

        default = TOLERANCES[wanted.dtype]
        tolerance = Tolerance(
            default.relative if rtol is None else rtol, default.absolute if atol is None else atol
        )
        result = verify(
            wanted,
            runtimes=runtimes or ("onnxruntime",),
            samples=samples,
            sizes=sizes_of("--size", sizes) or None,
            tolerance=tolerance if (rtol, atol) != (None, None) else None,
            progress=progress,
        )
    done()
    if style == "json":
        echo_json(_object(result))
        raise SystemExit(0 if result.agrees else 1)
    if quiet and result.agrees:
        return
    rows = [
        (
            d.output,
            runtime,
            f"{d.absolute:.1e}",
            f"{d.relative:.1e}",
            ("ok" if d.agrees else d.note or "DIFFERS") + _own(d),
        )
        for runtime, d in result.worst()
    ]
    click.echo(table(("output", "runtime", "absolute", "relative", ""), rows))
    for t in result.trials:
        if not t.agrees:
            given = f", given {', '.join(t.given)}" if t.given else ""
            click.echo(f"at {t.sizes}{given}: {t.runtime} differs{_where(t)}")
    for runtime, reason in result.unable.items():
        click.echo(f"{runtime} cannot run it: {reason}")
    tried = {str(t.sizes) for t in result.trials}
    wrong = {str(t.sizes) for t in result.trials if not t.agrees}
    where = "agrees at" if result.agrees else f"DIFFERS at {len(wrong)} of"
    click.echo(f"{result.name}: {where} {len(tried)} choices of sizes")
    raise SystemExit(0 if result.agrees else 1)


def _object(result: Verification) -> dict[str, object]:
    """A verification as JSON has it."""
    return {
        "model": result.name,
        "agrees": result.agrees,
        "trials": [
            {
                "runtime": t.runtime,
                "sizes": t.sizes.values,
                "given": t.given,
                "agrees": t.agrees,
                "first": t.first,
                "fresh": t.fresh,
                "outputs": [vars(d) for d in t.differences],
            }
            for t in result.trials
        ],
        "unable": result.unable,
    }


def _own(found: Difference) -> str:
    """What the distances of a row are to, where it is not to PyTorch."""
    return "" if found.own is None else f", to float64 (PyTorch {found.own:.1e})"


def _where(trial: Trial) -> str:
    """What is known of where a runtime departs from PyTorch."""
    if trial.fresh:
        return ", but agrees in a new session: what it keeps from the sizes before is at fault, not the model"
    return f", first in {trial.first}" if trial.first else ""
