"""What is wrong with a spec, as data; rendering is in `render`."""

from spec_lang.diagnostics.diagnostic import Diagnostic, Label, SpecError
from spec_lang.diagnostics.fix import Edit, Fix
from spec_lang.diagnostics.source import Position, Source, Span

__all__ = ["Diagnostic", "Edit", "Fix", "Label", "Position", "Source", "Span", "SpecError"]
