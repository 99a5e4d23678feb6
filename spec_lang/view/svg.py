"""A graph as an SVG: the page's own layout and drawing, run without a browser."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from spec_lang.view.assets import asset, layout_library
from spec_lang.view.closed import opened
from spec_lang.view.graph import Graph
from spec_lang.view.to_json import as_json

_SURROUNDINGS = """
globalThis.self = globalThis;
globalThis.setTimeout = (run) => { run(); return 0; };
globalThis.clearTimeout = () => {};
"""
_RUN = """
globalThis.drawn = null;
globalThis.failed = null;
SpeccDraw.layout(new ELK(), %s, new Set(%s), { names: %s })
  .then((laid) => { drawn = SpeccDraw.svg(laid, { style: %s, title: %s }); })
  .catch((error) => { failed = String(error); });
"""


def svg(graph: Graph, depth: int | None = 1, *, names: bool = False) -> str:
    """The picture, with so many levels of boxes open; light or dark as its reader is.

    With `names`, shapes stand in the names of the blocks that they are in instead of the model's values.

    Raises:
        ModuleNotFoundError: the extra `view` is not installed.
        Unbuilt: the layout library is not there.
        RuntimeError: the layout fails.
    """
    engine = _engine()
    title = f"{graph.model}.{graph.method}"
    parts = (as_json(graph), sorted(opened(graph, depth)), names, asset("picture.css"), title)
    engine.eval(_RUN % tuple(map(json.dumps, parts)))
    if failed := engine.eval("failed"):
        raise RuntimeError(f"the layout failed: {failed}")
    return str(engine.eval("drawn"))


@cache
def _engine() -> Any:
    """V8 with the layout library and the drawing, which take longer to start than most pictures to draw."""
    from py_mini_racer import MiniRacer

    engine: Any = MiniRacer()
    engine.eval(_SURROUNDINGS)
    engine.eval(layout_library())
    engine.eval(f"{asset('draw.js')}\nglobalThis.SpeccDraw = SpeccDraw;")
    return engine
