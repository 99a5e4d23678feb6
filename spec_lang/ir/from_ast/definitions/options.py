"""What a check is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.frozen import Frozen
from spec_lang.syntax import ast


class Options(Frozen):
    """Values that replace the defaults of a model's hyperparameters, and for which model."""

    overrides: Mapping[str, ast.Expr] = {}
    model: str | None = None
    emit: bool = True
    """Whether the IR is wanted; without it, a check that has no expectations makes none."""
