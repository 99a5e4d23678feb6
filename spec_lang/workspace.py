"""Files: finding specs, reading them as sources, and writing results so that a failure leaves what was there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from spec_lang.diagnostics import Diagnostic, Label, Source, Span, SpecError
from spec_lang.syntax import limits
from spec_lang.syntax.from_bytes import read_source, too_large

SUFFIX = ".nnspec"


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


def read(path: Path) -> Source:
    """One spec's text.

    Raises:
        SpecError: the file cannot be read, is too large, or is not UTF-8.
    """
    name = str(path)
    try:
        size = path.stat().st_size
        if size > limits.BYTES:
            raise SpecError((too_large(Source(name, ""), size),))
        return decode(name, path.read_bytes())
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise SpecError((Diagnostic("E0709", message, Label(Source(name, ""), Span(0, 0))),)) from None


def decode(name: str, data: bytes) -> Source:
    """Bytes as a source.

    Raises:
        SpecError: they are too many, or not UTF-8.
    """
    source, wrong = read_source(name, data)
    if wrong:
        raise SpecError(tuple(wrong))
    return source


def write_all(files: Mapping[Path, str | bytes]) -> None:
    """Write each file whole or not at all: beside its place first, then renamed over it.

    Raises:
        OSError: a file cannot be written; those renamed before stay.
    """
    staged: list[tuple[str, Path]] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = str(path.with_name(f".{path.name}.{os.getpid()}.tmp"))
            with open(temporary, "xb") as out:
                staged.append((temporary, path))
                out.write(content.encode() if isinstance(content, str) else content)
                out.flush()
                os.fsync(out.fileno())
            if path.exists():
                os.chmod(temporary, path.stat().st_mode & 0o777)
        while staged:
            temporary, path = staged[0]
            os.replace(temporary, path)
            staged.pop(0)
    finally:
        for temporary, _ in staged:
            with suppress(FileNotFoundError):
                os.unlink(temporary)


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
