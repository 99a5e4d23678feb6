"""`.pyi` stubs beside generated modules: their signatures, with symbolic shapes for those who read them."""

from spec_lang.targets.stubs.dialects import DIALECTS
from spec_lang.targets.stubs.emit import stubs

__all__ = ["DIALECTS", "stubs"]
