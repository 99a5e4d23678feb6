"""Every code that a diagnostic can carry, for `specc explain` and the documentation."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code
from spec_lang.diagnostics.rows import (
    e01_syntax,
    e02_names,
    e03_shapes,
    e04_types,
    e05_arguments,
    e06_conditions,
    e07_structure,
    e08_resources,
    e09_targets,
    e10_weights,
)

CODES: dict[str, Code] = {
    **e01_syntax.ROWS,
    **e02_names.ROWS,
    **e03_shapes.ROWS,
    **e04_types.ROWS,
    **e05_arguments.ROWS,
    **e06_conditions.ROWS,
    **e07_structure.ROWS,
    **e08_resources.ROWS,
    **e09_targets.ROWS,
    **e10_weights.ROWS,
}

__all__ = ["CODES", "Code"]
