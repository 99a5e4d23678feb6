"""`specc bench`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from spec_lang.cli.running import RUNTIMES, done, model_options, progress, request, table
from spec_lang.cli.shared import QUIET, RESULT_FORMAT, echo_json, examples, say, sizes_of


@click.command(
    "bench",
    epilog=examples(
        "specc bench net.nnspec --size N=8",
        "specc bench net.nnspec --runtime torch --runtime openvino --dim N=1",
        "specc bench net.nnspec --format json",
    ),
)
@model_options
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    type=click.Choice(RUNTIMES),
    help="Torch and onnxruntime by default; may be repeated.",
)
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="NAME=NUMBER",
    help="The size of a dim variable; may be repeated.",
)
@click.option(
    "--runs", type=click.IntRange(min=1), default=30, show_default=True, help="How often each is measured."
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Threads of each runtime."
)
@RESULT_FORMAT
@QUIET
def command(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    runtimes: tuple[str, ...],
    sizes: tuple[str, ...],
    runs: int,
    threads: int,
    style: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Compare the latencies of the runtimes on the same inputs, in interleaved runs."""
    with request(path, sets, model, style=style, **options) as wanted:
        from spec_lang.runtimes.bench import bench

        result = bench(
            wanted,
            runtimes=runtimes or ("torch", "onnxruntime"),
            sizes=sizes_of("--size", sizes) or None,
            runs=runs,
            threads=threads,
            progress=progress,
        )
    done()
    for note in result.notes if not quiet else ():
        say(f"warning: {note}")
    if style == "json":
        rows_of = [{**vars(r), "ratio_quartiles": [r.ratio_low, r.ratio_high]} for r in result.rows]
        echo_json(
            {
                "sizes": result.sizes.values,
                "threads": result.threads,
                "runs": runs,
                "runtimes": [
                    {k: v for k, v in row.items() if k not in ("ratio_low", "ratio_high")} for row in rows_of
                ],
                "notes": result.notes,
            }
        )
        return
    rows = [
        (
            r.runtime,
            f"{r.median * 1e3:.3f}",
            f"{r.low * 1e3:.3f}",
            f"{r.high * 1e3:.3f}",
            two_digits(r.ratio),
            f"{two_digits(r.ratio_low)}-{two_digits(r.ratio_high)}",
        )
        for r in result.rows
    ]
    click.echo(table(("runtime", "median ms", "10%", "90%", "ratio", "quartiles"), rows))
    click.echo(f"at {result.sizes}, {result.threads} threads, {runs} runs")


def two_digits(value: float) -> str:
    """A ratio with two digits that matter, as `0.0042`, `0.42`, `4.2` and `42`; all of those before the point."""
    if value >= 9.95:
        return f"{value:.0f}"
    if value <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(value))
    if round(value, digits) >= 10.0 ** (2 - digits):  # 0.0996 is 0.10
        digits -= 1
    return f"{value:.{digits}f}"
