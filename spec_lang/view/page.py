"""The page of a model: one file that needs nothing else, or one that a local server keeps up to date."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.ir import model
from spec_lang.view.assets import asset, layout_library
from spec_lang.view.graph import Graph
from spec_lang.view.to_json import as_json


def data(
    graphs: Sequence[Graph], files: Sequence[model.File], sources: Mapping[str, Source]
) -> dict[str, Any]:
    """What the page shows: a model's methods, and the texts of its files in the order of the program."""
    texts = [{"path": f.path, "text": sources[f.path].text} for f in files]
    return {"graphs": [as_json(g) for g in graphs], "files": texts, "problems": []}


def problems(found: Sequence[Diagnostic]) -> list[dict[str, Any]]:
    """Diagnostics as the page shows them: in words, and by their lines in the files."""
    from spec_lang.diagnostics.render import render

    return [
        {
            "code": d.code,
            "severity": d.severity,
            "message": d.message,
            "text": render([d]).rpartition("\n1 ")[0].rstrip(),
            "path": d.primary.source.name,
            "line": d.primary.source.position(d.primary.span.start).line,
        }
        for d in found
    ]


def page(title: str, content: Mapping[str, Any], *, live: bool = False) -> str:
    """The whole page; a `live` one asks its server for what is new.

    Raises:
        Unbuilt: the layout library is not there.
    """
    parts = {
        "TITLE": html.escape(title),
        "CONNECT": "'self'" if live else "'none'",
        "STYLE": asset("picture.css") + asset("page.css"),
        "DATA": json.dumps({**content, "live": live}, separators=(",", ":")).replace("<", "\\u003c"),
        "LIBRARY": layout_library().replace("</script", "<\\/script"),
        "SCRIPT": asset("draw.js") + asset("page.js"),
    }
    whole = asset("page.html")
    pieces = whole.split("@@")  # every second one is a name
    return "".join(p if i % 2 == 0 else parts[p] for i, p in enumerate(pieces))
