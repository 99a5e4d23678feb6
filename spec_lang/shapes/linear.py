"""Dims that are linear in one name: `2*h + 1`, whose size tells that of `h`."""

from __future__ import annotations

from spec_lang.shapes.dim import Dim
from spec_lang.shapes.errors import Undefined


def linear(d: Dim, name: str) -> tuple[Dim, Dim] | None:
    """`d` as `scale * name + offset`, if it is."""
    if name not in d.symbols:
        return None
    try:
        offset = d.substitute({name: 0})
        scale = d.substitute({name: 1}) - offset
    except (Undefined, ArithmeticError):
        return None
    if name in scale.symbols or name in offset.symbols:
        return None
    unknown = symbol_in(d, name)
    if unknown is None or scale * unknown + offset != d:
        return None
    return scale, offset


def symbol_in(d: Dim, name: str) -> Dim | None:
    """A symbol of a polynomial by its name, with the bounds that it has there; not one inside another atom."""
    return next((Dim({(a,): 1}) for m in d.terms for a in m if a.kind == "symbol" and a.name == name), None)
