"""Every layer and function, one family a file, each declared once.

`base.LAYERS` and `base.FUNCTIONS` hold them by name and import a family when one of its ops is first asked for.
"""

from __future__ import annotations


def load() -> None:
    """Import every family, as tests and reference pages need; a spec loads what it uses without it."""
    from spec_lang.ops.base import FUNCTIONS, LAYERS

    for registry in (LAYERS, FUNCTIONS):
        for name in registry:
            registry[name]
