"""A file's bytes to its text."""

from __future__ import annotations

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.syntax.limits import BYTES
from spec_lang.syntax.no_spec import kind_of_bytes

_MARK = "\ufeff"


def read_source(name: str, data: bytes) -> tuple[Source, list[Diagnostic]]:
    """The source under the name that messages show; a byte order mark is left out.

    What is not UTF-8 is a diagnostic, with the rest of the text readable in it.
    """
    if len(data) > BYTES:
        source = Source(name, "")
        return source, [too_large(source, len(data))]
    try:
        return Source(name, data.decode().removeprefix(_MARK)), []
    except UnicodeDecodeError as error:
        before = data[: error.start].decode().removeprefix(_MARK)
        source = Source(name, before + "\ufffd" + data[error.start + 1 :].decode(errors="replace"))
        span = Span(len(before), len(before) + 1)
        what = kind_of_bytes(data)
        message = f"this file is not UTF-8 text: byte 0x{data[error.start]:02x} cannot stand here"
        help = "save it as UTF-8"
        if what is not None:
            message = f"this file is {what}, not UTF-8 text"
            help = help if what.startswith("text") else "a spec is a text file whose name ends in `.nnspec`"
        return source, [Diagnostic("E0117", message, Label(source, span), help=help)]


def too_large(source: Source, size: int) -> Diagnostic:
    """The diagnostic for a file over the limit."""
    return Diagnostic(
        "E0118",
        f"a file of {size:,} bytes is too large",
        Label(source, Span(0, 0)),
        help=f"a spec may have up to {BYTES // 2**20} MiB",
    )
