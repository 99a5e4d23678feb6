"""`specc bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spec_lang.cli.running import RUNTIMES, done, model_options, progress, request, table
from spec_lang.cli.shared import sizes_of


@click.command("bench")
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
@click.option("--runs", type=click.IntRange(min=1), default=30, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
def command(
    path: Path,
    sets: tuple[str, ...],
    model: str | None,
    runtimes: tuple[str, ...],
    sizes: tuple[str, ...],
    runs: int,
    threads: int,
    **options: Any,
) -> None:
    """Compare the latencies of the runtimes on the same inputs, in interleaved runs."""
    with request(path, sets, model, **options) as wanted:
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
    rows = [
        (
            r.runtime,
            f"{r.median * 1e3:.3f}",
            f"{r.low * 1e3:.3f}",
            f"{r.high * 1e3:.3f}",
            f"{r.ratio:.2f}",
            f"{r.ratio_low:.2f}-{r.ratio_high:.2f}",
        )
        for r in result.rows
    ]
    click.echo(table(("runtime", "median ms", "10%", "90%", "ratio", "quartiles"), rows))
    click.echo(f"at {result.sizes}, {result.threads} threads, {runs} runs")
