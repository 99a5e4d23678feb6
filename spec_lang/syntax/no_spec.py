"""A file that is no spec at all: one mistake says what it is instead of many that say what it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.diagnostics.fix import Instead

_SIGNATURES = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a zip archive, as `torch.save` writes it"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)
_SPEC = re.compile(
    r"^(?:(?:model|block|record|fn)\s+\w|extern\s+(?:layer|fn)\b)|^[ \t]*forward\s*\(|^[ \t]+(?:layers|init|loss)\s*[:(]",
    re.M,
)
"""What only specs have: how a definition or a part of one begins."""
_TEXTS = (
    (re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[\]{\"\d-])"), "JSON"),
    (re.compile(r"\s*<(?:!doctype|\?xml|[a-z]\w*[\s>/])", re.I), "HTML or XML"),
    (re.compile(r"\s*\[[\w.-]+\]\s*$", re.M), "TOML or INI"),
    (re.compile(r"version https://git-lfs\.github\.com/"), "a pointer of Git LFS"),
)
_LIKE_SPEC = re.compile(r"^(?:from\s|\w+\s*==?\s*\S)", re.M)
"""What a spec of constants and imports alone begins with."""
_PYTHON = re.compile(r"^(?:class\s+\w.*:|[ \t]*(?:async\s+)?def\s+\w+\s*\(|@\w|if\s+__name__|print\()", re.M)
_AS_SPEC = (
    "a module is a `model` in a spec: what its `__init__` makes stands in `layers:`, what its `forward` does in "
    "`forward(x: float[N, 8]) -> float[N, 8]:`"
)
_BEGINS = "a spec has a `model`, a `block`, an `fn`, a `record` or a constant"


def kind_of_bytes(data: bytes) -> str | None:
    """What a file is by its first bytes, if that is known and no spec."""
    return next((what for begin, what in _SIGNATURES if data.startswith(begin)), None)


def instead_of(source: Source, found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The mistakes of a file that does not parse; the one mistake where it is no spec at all."""
    text = source.text
    if not found or _SPEC.search(text):
        return list(found)
    what = next((name for begin, name in _TEXTS if begin.match(text)), None)
    if what is not None:
        return [_said(source, f"this file is {what}, not a spec", _first(text), _BEGINS)]
    python = _PYTHON.search(text)
    if python is not None and len(found) > 1:
        line = text[python.start() :].partition("\n")[0]
        start = python.start() + len(line) - len(line.lstrip())
        span = Span(start, python.start() + len(line.rstrip()))
        return [_said(source, "this file is Python, not a spec", span, _AS_SPEC)]
    near = any(isinstance(d.help, Instead) for d in found)  # a definition with a misspelled word
    if len(found) > 1 and not near and not _LIKE_SPEC.search(text):
        return [_said(source, "this file is no spec: nothing in it begins like one", _first(text), _BEGINS)]
    return list(found)


def _said(source: Source, message: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic("E0124", message, Label(source, span), help=help)


def _first(text: str) -> Span:
    """The first line that is not empty."""
    start = len(text) - len(text.lstrip())
    end = text.find("\n", start)
    return Span(start, max(start + 1, len(text[: None if end == -1 else end].rstrip())))
