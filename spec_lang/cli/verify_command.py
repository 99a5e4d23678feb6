"""`specc verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spec_lang.cli.running import done, model_options, progress, request, sizes_of, table

if TYPE_CHECKING:
    from spec_lang.runtimes.verify import Trial


@click.command("verify")
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
def command(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    runtimes: tuple[str, ...],
    samples: int,
    sizes: tuple[str, ...],
    **options: Any,
) -> None:
    """Run PyTorch and ONNX Runtime on the same weights and inputs, and compare.

    At several sizes of every dynamic dim, with and without optional inputs. Prints the worst difference of each output; where one is
    beyond the tolerance, the first layer that differs. Exits with 1 then.
    """
    with request(path, sets, model, **options) as wanted:
        from spec_lang.runtimes.verify import verify

        result = verify(
            wanted,
            runtimes=runtimes or ("onnxruntime",),
            samples=samples,
            sizes=sizes_of(sizes),
            progress=progress,
        )
    done()
    rows = [
        (
            d.output,
            runtime,
            f"{d.absolute:.1e}",
            f"{d.relative:.1e}",
            "ok" if d.agrees else d.note or "DIFFERS",
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


def _where(trial: Trial) -> str:
    """What is known of where a runtime departs from PyTorch."""
    if trial.fresh:
        return ", but agrees in a new session: what it keeps from the sizes before is at fault, not the model"
    return f", first in {trial.first}" if trial.first else ""
