"""What a picture says of layers that are run more than once and of parameters that are one tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spec_lang.ir import model
from spec_lang.ir.state import State
from spec_lang.ir.templates import Instance
from spec_lang.view.graph import Graph


def note_shared(
    program: model.Program, root: Instance, graph: Graph, calls: Mapping[str, Sequence[int]]
) -> None:
    """Say at each node of a shared layer how often it runs, and at each tied parameter's layer what it is tied to.

    Raises:
        EvaluationError: the model ties parameters, and has too many modules to list.
    """
    for path, ids in calls.items():
        drawn = [graph.nodes[i] for i in ids if i in graph.nodes]
        if len(drawn) > 1:
            for node in drawn:
                node.notes.append(f"shared: {path} runs {len(drawn)} times")
    if not any(isinstance(d, model.Block) and d.ties for d in program.definitions):
        return
    by_path: dict[str, list[str]] = {}
    for t in State(program, root).tensors:
        if t.shared is not None:
            for own, other in ((t.key, t.shared), (t.shared, t.key)):
                path, _, name = own.rpartition(".")
                by_path.setdefault(path, []).append(f"tied: {name} is {other}")
                by_path.setdefault(own, []).append(f"tied: it is {other}")
    for node in graph.nodes.values():
        node.notes += by_path.get(node.path, []) if node.path else []
