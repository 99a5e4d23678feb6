"""The JSON Schema of the IR, in which a node's `kind` says what holds for it."""

from __future__ import annotations

from typing import Any


def by_kind(schema: Any) -> Any:
    """A schema in which each union that a property tells apart asks for that first.

    `oneOf` alone makes a validator try all of a union's members on each node, and on all that is inside, which takes
    time exponential in how deep that is.
    """
    if isinstance(schema, list):
        return [by_kind(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: by_kind(value) for key, value in schema.items()}
    if "oneOf" not in found or "discriminator" not in found:
        return found
    del found["oneOf"]
    name, mapping = found["discriminator"]["propertyName"], found["discriminator"]["mapping"]
    return {
        **found,
        "type": "object",
        "required": [name],
        "properties": {name: {"enum": sorted(mapping)}},
        "allOf": [
            {"if": {"properties": {name: {"const": kind}}}, "then": {"$ref": ref}}
            for kind, ref in sorted(mapping.items())
        ],
    }
