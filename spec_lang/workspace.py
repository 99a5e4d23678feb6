"""Files: finding specs, reading them as sources, and writing results so that a failure leaves what was there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from spec_lang.diagnostics import Diagnostic, Label, Source, Span, SpecError

SUFFIX = ".nnspec"
MAX_BYTES = 64 * 2**20


def specs_under(paths: tuple[Path, ...]) -> Iterator[tuple[Path, Path]]:
    """Each spec named by the paths, with the folder that its imports start from: its own, or the one given."""
    for path in paths:
        if path.is_dir():
            for found in sorted(path.rglob(f"*{SUFFIX}")):
                yield found, path
        else:
            yield path, path.parent


def module_name(path: Path, root: Path) -> str:
    """The dotted name by which other specs import this one."""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def read(path: Path, shown: str | None = None) -> Source:
    """One spec's text.

    Raises:
        SpecError: the file cannot be read, is too large, or is not UTF-8.
    """
    name = shown or str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _unreadable(name, "E0801", f"{name} has {size:,} bytes; a spec has at most {MAX_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(name, "E0109", f"{name} cannot be read: {error.strerror}") from None
    return decode(name, data)


def decode(name: str, data: bytes) -> Source:
    """Bytes as a source: UTF-8, with or without a byte order mark.

    Raises:
        SpecError: they are not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(
            name, "E0109", f"{name} is not UTF-8 text: byte {error.start}, line {line}"
        ) from None
    return Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))


def write_all(files: Mapping[Path, str | bytes]) -> None:
    """Write each file whole or not at all: beside its place first, then renamed over it.

    Raises:
        OSError: a file cannot be written; those renamed before stay.
    """
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
            staged.append((temporary, path))
            data = content.encode() if isinstance(content, str) else content
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(temporary, _mode(path))
        while staged:
            temporary, path = staged[0]
            os.replace(temporary, path)
            staged.pop(0)
    finally:
        for temporary, _ in staged:
            with suppress(FileNotFoundError):
                os.unlink(temporary)


def _mode(path: Path) -> int:
    """The permissions of the file that is replaced, or those that a new file gets."""
    with suppress(FileNotFoundError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _unreadable(name: str, code: str, message: str) -> SpecError:
    return SpecError((Diagnostic(code, message, Label(Source(name, ""), Span(0, 0))),))


def finder(folders: tuple[Path, ...]) -> Callable[[str], Source | None]:
    """Finds an imported module's source in the first folder that has it.

    The function raises SpecError where the file is there but cannot be read.
    """

    def find(module: str) -> Source | None:
        relative = Path(*module.split(".")).with_suffix(SUFFIX)
        for folder in folders:
            if (folder / relative).is_file():
                return read(folder / relative)
        return None

    return find
