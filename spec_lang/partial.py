"""Files that are written under other names and renamed when they are whole; what a killed run left of them is removed by the next one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

try:
    import fcntl
except ImportError:  # a system without locks, where nothing tells a file in use from one that was left
    fcntl = None  # type: ignore[assignment]

SUFFIX: Final = ".specc-tmp"


def begin(final: str) -> tuple[str, int]:
    """A new file beside `final`, and its descriptor; it is nobody else's as long as that is open.

    Raises:
        OSError: it cannot be made.
    """
    folder, name = os.path.split(final)
    while True:
        path = os.path.join(folder, f"{_head(name)}{os.urandom(6).hex()}{SUFFIX}")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
        if fcntl is None:
            return path, fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)  # goes with the process, however that ends
        except OSError:
            os.close(fd)
            os.unlink(path)
            raise
        if os.fstat(fd).st_nlink:
            return path, fd
        os.close(fd)  # another run took it for one that was left, before it was locked


def clean(finals: Iterable[str]) -> None:
    """Remove what killed runs left of these files.

    Raises:
        OSError: a folder cannot be read.
    """
    if fcntl is None:
        return
    heads: dict[str, list[str]] = {}
    for final in finals:
        folder, name = os.path.split(final)
        heads.setdefault(folder or ".", []).append(_head(name))
    for folder, starts in heads.items():
        for name in os.listdir(folder):
            if name.endswith(SUFFIX) and name.startswith(tuple(starts)):
                _remove(os.path.join(folder, name))


def _remove(path: str) -> None:
    """Remove a file that no process holds."""
    with suppress(OSError):
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(fd)


def _head(name: str) -> str:
    """How the names of a file's partial ones begin: as much of its own as leaves room for the rest."""
    while len(os.fsencode(name)) > 200:
        name = name[:-1]
    return f".{name}."
