"""`--watch`: a command again whenever the specs that it read have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from spec_lang.cli.shared import fail, say
from spec_lang.workspace import SUFFIX

PAUSE = 100
"""Milliseconds in which nothing may change before a run begins: what an editor saves in parts is whole by then."""

WATCH = click.option("--watch", "watch_", is_flag=True, help="Go on, and run again whenever a spec changes.")


def folders(paths: tuple[Path, ...], root: Path | None) -> list[Path]:
    """The folders whose specs a command may read."""
    found = {path if path.is_dir() else path.parent for path in paths}
    if root is not None:
        found.add(root)
    return sorted(
        p for p in found if not any(q != p and p.resolve().is_relative_to(q.resolve()) for q in found)
    )


def watch(places: list[Path], run: Callable[[], None]) -> None:
    """Run now and after each change of a spec below these folders, until it is interrupted.

    A run that ends with an error is one that told it: the next change begins another.
    """
    try:
        from watchfiles import watch as changes
    except ModuleNotFoundError as error:
        from spec_lang.extras import lacking

        if error.name != "watchfiles":
            raise
        fail(lacking(["watchfiles"], "watch"))
    # what changes during a run is seen by the next: the watcher begins first
    seen = changes(
        *places,
        watch_filter=_is_spec,
        debounce=2000,
        step=PAUSE,
        rust_timeout=50,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    try:
        next(seen)
        _once(run)
        for _ in _changed(seen):
            _once(run)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _changed(seen: Iterator[set[Any]]) -> Iterator[None]:
    for found in seen:
        if found:
            yield


def _is_spec(_: object, path: str) -> bool:
    return path.endswith((SUFFIX, "pyproject.toml"))


def _once(run: Callable[[], None]) -> None:
    """One run; what it says of errors it has said, and none of them ends the watching."""
    from spec_lang.diagnostics import SpecError

    try:
        run()
    except SystemExit as end:
        if end.code not in (0, 1):  # it was told to stop
            raise
    except click.ClickException as error:
        error.show()
    except SpecError as error:
        from spec_lang.cli.shared import report

        report(error.diagnostics, "text")
    except OSError as error:  # a file that is gone between being listed and being read
        say(f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error}")
