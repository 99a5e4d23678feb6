"""`FILE:NAME`: how the command line names one of the state_dicts of a checkpoint."""

from __future__ import annotations

import os


def named(path: str) -> tuple[str, str | None]:
    """`FILE:NAME` as the file and the name of a state_dict in it; a file whose own name has a colon is that file."""
    file, colon, name = path.rpartition(":")
    return (file, name) if colon and not os.path.exists(path) and os.path.exists(file) else (path, None)
