"""A page for each error code: what `specc explain` says."""

from __future__ import annotations

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
        parts = [f"# {key}", f"**{code.title[:1].upper()}{code.title[1:]}.**", code.explanation]
        for title, kind, example in (("Wrong", "failure", code.bad), ("Right", "success", code.good)):
            if example:
                fenced = ["```nnspec", *example.strip("\n").split("\n"), "```"]
                parts.append(
                    "\n".join([f'!!! {kind} "{title}"', "", *(f"    {line}".rstrip() for line in fenced)])
                )
        parts.append(f"On the command line: `specc explain {key}`.")
        found[f"codes/{key}.md"] = "\n\n".join(parts) + "\n"
    return found


def _index() -> str:
    lines = ["# Error codes", "", "Every mistake that specc reports has a code.", ""]
    for group, keys in groupby(sorted(CODES), key=lambda key: key[:3]):
        lines += [f"## {group}xx: {GROUPS[group]}", ""]
        lines += [f"- [{key}]({key}.md) {CODES[key].title}" for key in keys]
        lines.append("")
    return "\n".join(lines)
