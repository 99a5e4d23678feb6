"""A page for each error code: what `specc explain` says."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from spec_lang.diagnostics.codes import CODES

GROUPS = {
    "E01": "Syntax",
    "E02": "Names",
    "E03": "Shapes",
    "E04": "Types",
    "E05": "Arguments",
    "E06": "Conditions",
    "E07": "Structure",
    "E08": "Resources",
    "E09": "Targets",
    "E10": "Weights",
}


def pages() -> dict[str, str | bytes]:
    """The pages by their paths."""
    found: dict[str, str | bytes] = {"codes/index.md": _index()}
    for key, code in CODES.items():
        parts = [f"# {key}: {code.title}", code.explanation]
        for title, kind, example in (("Wrong", "failure", code.bad), ("Right", "success", code.good)):
            if example:
                fenced = ["```python", *example.strip("\n").split("\n"), "```"]
                parts.append(
                    "\n".join([f'!!! {kind} "{title}"', "", *(f"    {line}".rstrip() for line in fenced)])
                )
        parts.append(f"On the command line: `specc explain {key}`.")
        found[f"codes/{key}.md"] = "\n\n".join(parts) + "\n"
    return found


def sections() -> list[dict[str, list[str]]]:
    """The pages for the navigation, by what the mistakes are about."""
    return [
        {f"{group}xx: {GROUPS[group]}": [f"codes/{key}.md" for key in keys]} for group, keys in _grouped()
    ]


def _grouped() -> Iterable[tuple[str, list[str]]]:
    for group, keys in groupby(sorted(CODES), key=lambda key: key[:3]):
        yield group, list(keys)


def _index() -> str:
    lines = ["# Error codes", "", "Every mistake that specc reports has a code.", ""]
    for group, keys in _grouped():
        lines += [f"## {group}xx: {GROUPS[group]}", ""]
        lines += [f"- [{key}]({key}.md) {CODES[key].title}" for key in keys]
        lines.append("")
    return "\n".join(lines)
