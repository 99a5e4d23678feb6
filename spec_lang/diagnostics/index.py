"""The index of errors, `docs/errors.md`, from the table of codes."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.diagnostics.code import Code

_FAMILIES = {
    "E01": "Syntax",
    "E02": "Names",
    "E03": "Shapes",
    "E04": "Types and dtypes",
    "E05": "Hyperparameters and arguments",
    "E06": "Conditions and expectations",
    "E07": "Structure",
    "E08": "Resources",
    "E09": "Targets",
    "E10": "Weights",
}


def markdown(codes: Mapping[str, Code]) -> str:
    """A page with every code: what it means, a spec that has it, and the same without it."""
    parts = [
        "# Errors",
        "Every error has a code. `specc explain E0301` prints what this page says of it. A mistake is reported once, "
        "where it is made; all mistakes of a file are reported in one run.",
    ]
    family = ""
    for key in sorted(codes):
        if key[:3] != family:
            family = key[:3]
            parts.append(f"## {family}xx: {_FAMILIES[family]}")
        parts.append(_section(key, codes[key]))
    return "\n\n".join(parts) + "\n"


def _section(key: str, code: Code) -> str:
    parts = [f"### {key}: {code.title}", code.explanation]
    for title, example in (("Wrong:", code.bad), ("Right:", code.good)):
        if example:
            fence = "~~~" if "```" in example else "```"
            parts.append(f"{title}\n\n{fence}\n{example.strip(chr(10))}\n{fence}")
    return "\n\n".join(parts)
