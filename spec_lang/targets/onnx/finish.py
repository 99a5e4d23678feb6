"""From a builder to a finished model: outputs named, and nothing left that no output needs."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang import __version__
from spec_lang.ops.lowering import Value
from spec_lang.targets.onnx.attention import join_heads
from spec_lang.targets.onnx.graph import Builder
from spec_lang.targets.onnx.nodes import Const, Edge, Initializer, Input, Node, as_edge, every
from spec_lang.targets.onnx.proto import Model
from spec_lang.targets.onnx.rows import by_rows


def finish(
    g: Builder,
    results: Sequence[tuple[str, Value]],
    *,
    name: str,
    doc: str = "",
    metadata: dict[str, str] | None = None,
) -> Model:
    """The model that gives `results`, whose names the builder has reserved."""
    outputs: list[Edge] = []
    taken: set[Edge] = set()
    for wanted, value in results:
        outputs.append(_output(g, wanted, as_edge(value), taken))
    nodes = _live(join_heads(g, _live(g.nodes, outputs), outputs), outputs)
    nodes = min(nodes, _live(by_rows(g, nodes, outputs), outputs), key=len)
    used = _used(nodes)
    return Model(
        name=name,
        doc=doc,
        opset=g.opset,
        nodes=nodes,
        inputs=g.inputs,
        outputs=outputs,
        constants=[v for v in used if isinstance(v, Const)],
        initializers=[v for v in used if isinstance(v, Initializer)],
        numbers=lambda v: g.dtype(v.dtype),
        metadata=metadata or {},
        producer_version=__version__,
        domains=sorted({n.domain for n in every(nodes) if n.domain}),
    )


def _output(g: Builder, name: str, value: Edge, taken: set[Edge]) -> Edge:
    """The value under its name as a result; the same tensor twice, or one that no node made, is repeated."""
    root = value.root
    if isinstance(root, Input | Const | Initializer) or root in taken:
        source, root = root, Edge(name, value)
        g.nodes.append(Node(name, "Identity", (source,), (root,), {}, "", ""))
    taken.add(root)
    root.name = name
    if not root.is_typed or root.dtype is not value.dtype:
        root.dtype, root.shape = value.dtype, value.shape
    return root


def _live(nodes: Sequence[Node], outputs: Sequence[Edge]) -> list[Node]:
    """The nodes that an output needs; an optional result that nothing reads loses its name."""
    needed = set(outputs)
    live: list[Node] = []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            live.append(node)
            if node.body is not None:
                node.body.nodes = _live(node.body.nodes, node.body.outputs)
            needed.update(node.reads())
    live.reverse()
    for node in live:
        if len(node.outputs) > 1:
            _drop_unread(node, needed)
    return live


_OPTIONAL_RESULTS = frozenset(
    {
        "Attention",
        "BatchNormalization",
        "Dropout",
        "GRU",
        "LSTM",
        "LayerNormalization",
        "MaxPool",
        "RNN",
        "SoftmaxCrossEntropyLoss",
    }
)
"""The ops whose results may be left out."""
_FIRST_TOO = frozenset({"GRU", "LSTM", "RNN"})
"""Those among them whose first result may be, too."""


def _drop_unread(node: Node, needed: set[Edge]) -> None:
    if node.op_type not in _OPTIONAL_RESULTS:
        return
    for o in node.outputs[0 if node.op_type in _FIRST_TOO else 1 :]:
        if o not in needed:
            o.name = ""
    while not node.outputs[-1].name:
        node.outputs = node.outputs[:-1]


def _used(nodes: Sequence[Node]) -> list[Edge]:
    """Constants and weights in the order of their first use."""
    found: dict[Edge, None] = {}
    for node in nodes:
        for value in node.reads():
            if isinstance(value, Const | Initializer):
                found[value] = None
    return list(found)
