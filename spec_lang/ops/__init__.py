"""Every layer and function, one family a file, each declared once.

`load` registers them all; `base.LAYERS` and `base.FUNCTIONS` then hold them by name.
"""

from __future__ import annotations


def load() -> None:
    """Import every family, once."""
    from spec_lang.ops import activations, functions, layers, losses  # noqa: F401 # imported for their registration
