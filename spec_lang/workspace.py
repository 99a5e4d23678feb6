"""Files: finding specs, reading them as sources, and writing results so that a failure leaves what was there."""

from __future__ import annotations

import errno
import keyword
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from spec_lang import partial
from spec_lang.diagnostics import Diagnostic, Label, Source, Span, SpecError
from spec_lang.settings import settings
from spec_lang.syntax import limits
from spec_lang.syntax.from_bytes import read_source, too_large

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.ir.from_ast import Options

SUFFIX = ".nnspec"
HELD = 500
"""Files that are kept open until all are in place, so that another run does not take them for left ones: a process may have 1,024."""


def specs_under(paths: tuple[Path, ...], root: Path | None = None) -> Iterator[tuple[Path, Path]]:
    """Each spec named by the paths, with the folder that imports start from: `root`, or what `root_of` says."""
    seen: set[Path] = set()
    for path in paths:
        folder = path if path.is_dir() else None
        for found in [path] if folder is None else sorted(path.rglob(f"*{SUFFIX}")):
            if found not in seen and not (folder is not None and found.is_dir()):
                seen.add(found)
                yield found, root or root_of(found, folder)


def root_of(path: Path, folder: Path | None = None) -> Path:
    """The folder that a spec's imports start from, written as the path is.

    It is what `root` in the nearest `pyproject.toml` with a `[tool.specc]` names, else the folder above the outermost package that the
    spec is in, else `folder`, else its own.
    """
    own = path.parent
    levels = 0
    here = own.absolute()
    while (here / "__init__.py").is_file() and here != here.parent:
        here = here.parent
        levels += 1
    stated = settings(own).root
    if stated is not None and own.resolve().is_relative_to(stated):
        return _as_written(own, len(own.resolve().relative_to(stated).parts), stated)
    if levels:
        return _as_written(own, levels, here)
    return folder or own


def _as_written(own: Path, levels: int, root: Path) -> Path:
    """The folder so many levels above: by the path's own words where those reach so far."""
    parts = own.parts
    if levels <= len(parts) and ".." not in parts:
        found = Path(*parts[: len(parts) - levels])
        if found.resolve() == root.resolve():
            return found
    return root


def module_name(path: Path, root: Path) -> str:
    """The dotted name by which other specs import this one; `my-net.nnspec`, which none can, becomes `my_net`."""
    for form in (str, os.path.abspath, os.path.realpath):
        own, above = Path(form(path)), Path(form(root))
        if own.is_relative_to(above):
            return ".".join(map(_identifier, own.relative_to(above).with_suffix("").parts))
    raise ValueError(f"{path} is not in {root}")


def _identifier(name: str) -> str:
    """A file's name as that of a Python module."""
    if not name.isascii():
        from unicodedata import normalize  # a file with a plain name starts sooner

        name = normalize("NFKC", name)
    word = "".join(c if f"_{c}".isidentifier() else "_" for c in name)
    word = word if word.isidentifier() else f"_{word}"
    return f"{word}_" if keyword.iskeyword(word) else word


def read(path: Path) -> Source:
    """One spec's text.

    Raises:
        SpecError: the file cannot be read, is too large, or is not UTF-8.
    """
    name = str(path)
    if not _is_text(name):
        raise _unreadable(name, "its name is not UTF-8")
    try:
        # A pipe is not waited for; a device has no size, and no end.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(fd, "rb") as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise _unreadable(name, "it is no regular file")
            if about.st_size > limits.BYTES:
                raise SpecError((too_large(Source(name, ""), about.st_size),))
            return decode(name, file.read(limits.BYTES + 1))
    except OSError as error:
        raise _unreadable(name, error.strerror or "no reason given") from None


def _is_text(name: str) -> bool:
    """Whether a path is UTF-8, as everything that mentions it is."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(name: str, why: str) -> SpecError:
    name = name.encode(errors="replace").decode()
    message = f"{name} cannot be read: {why}"
    return SpecError((Diagnostic("E0123", message, Label(Source(name, ""), Span(0, 0))),))


def decode(name: str, data: bytes) -> Source:
    """Bytes as a source.

    Raises:
        SpecError: they are too many, or not UTF-8.
    """
    source, wrong = read_source(name, data)
    if wrong:
        raise SpecError(tuple(wrong))
    return source


def from_text(text: str) -> Source:
    """A text as a source that is no file.

    Raises:
        SpecError: it is too long, or holds what UTF-8 cannot.
    """
    return decode("<text>", text.encode(errors="surrogatepass"))


def as_before(path: Path, text: str) -> str:
    """A file's new text, with the byte order mark that it begins with."""
    with open(path, "rb") as file:
        return "\ufeff" + text if file.read(3) == b"\xef\xbb\xbf" else text


def place(path: Path) -> Path:
    """Where writing to a path puts the file: the same for all paths to that place, and a link counts as itself."""
    return path.parent.resolve() / path.name


def write_all(files: Mapping[Path, str | bytes]) -> None:
    """Write each file whole or not at all: beside its place first, then renamed over it.

    Raises:
        OSError: a file cannot be written; those renamed before stay.
    """
    staged: list[tuple[str, Path]] = []
    with ExitStack() as held:
        held.callback(_unstage, staged)
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
        partial.clean(map(str, files))
        for path, content in files.items():
            temporary, fd = partial.begin(str(path))
            staged.append((temporary, path))
            with ExitStack() as here:
                out = (held if len(staged) <= HELD else here).enter_context(open(fd, "wb"))
                out.write(content.encode() if isinstance(content, str) else content)
                out.flush()
                os.fsync(fd)
            if path.exists():
                os.chmod(temporary, path.stat().st_mode & 0o777)
        while staged:
            temporary, path = staged[0]
            os.replace(temporary, path)
            staged.pop(0)


def _unstage(staged: list[tuple[str, Path]]) -> None:
    """Remove what was written and not put in place."""
    for temporary, _ in staged:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def finder(folders: tuple[Path, ...]) -> Callable[[str], Source | None]:
    """Finds a module's source in the first folder that has it.

    The function raises SpecError where the file is there but cannot be read, or a link leads to it from outside the folders.
    """
    inside = tuple(folder.resolve() for folder in folders)

    def find(module: str) -> Source | None:
        for folder in folders:
            path = place_of(folder, module)
            if _is_file(path):
                if not any(path.resolve().is_relative_to(root) for root in inside):
                    raise _unreadable(str(path), "a link leads out of the folder that imports start from")
                return read(path)
        return None

    return find


def place_of(root: Path, module: str) -> Path:
    """Where a module's spec is below the folder that imports start from."""
    return root / Path(*module.split(".")).with_suffix(SUFFIX)


def compiled(
    path: Path, root: Path | None = None, options: Options | None = None, source: Source | None = None
) -> Compilation:
    """Read, parse and check one spec and all that it imports, from `root` or what `root_of` says.

    `source` stands for what the file holds.

    Raises:
        SpecError: a file cannot be read.
    """
    from spec_lang.compiler import compile_sources

    root = root or root_of(path)
    source = source or read(path)
    return compile_sources(
        {module_name(path, root): source}, finder((root,)), options, lambda m: str(place_of(root, m))
    )


def _is_file(path: Path) -> bool:
    """Whether there is such a file; one whose name is too long cannot be there."""
    try:
        return path.is_file()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise _unreadable(str(path), error.strerror or "no reason given") from None
