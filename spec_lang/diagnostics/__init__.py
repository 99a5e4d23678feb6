"""What is wrong with a spec, as data; rendering is in `render`."""

from spec_lang.diagnostics.diagnostic import Diagnostic, Label, SpecError
from spec_lang.diagnostics.source import Position, Source, Span

__all__ = ["Diagnostic", "Label", "Position", "Source", "Span", "SpecError"]
