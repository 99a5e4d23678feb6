"""What the dim algebra refuses."""

from __future__ import annotations


class TooLarge(ArithmeticError):
    """A size that does not fit int64, or an expression over the limits on terms and degree."""


class Undefined(ZeroDivisionError):
    """A division by zero, or a negative power: no integer is meant."""


class ParseError(ValueError):
    """Text that is no dim expression."""
