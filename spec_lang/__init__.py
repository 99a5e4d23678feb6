"""specc: neural networks as specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spec_lang.loading import install, load, uninstall

__version__ = "0.1.0"
__all__ = ["__version__", "install", "load", "uninstall"]


def __getattr__(name: str) -> object:
    """Import what loads specs only when it is asked for: the command line does without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from spec_lang import loading

    return getattr(loading, name)
