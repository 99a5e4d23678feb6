"""Graphs of models: golden Mermaid texts; shapes and parameters as PyTorch has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import spec_lang
from spec_lang.accounting import trace as accounting
from spec_lang.cli.shared import compile_path
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.view.closed import closed, opened
from spec_lang.view.costs import short
from spec_lang.view.diff import compared, listed
from spec_lang.view.graph import Graph
from spec_lang.view.mermaid import mermaid
from spec_lang.view.trace import Options, trace, traced

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "models"
WAYS = HERE / "golden" / "ways.nnspec"


def graph(path: Path, model: str, method: str = "forward") -> Graph:
    result = compile_path(path, None)
    return trace(result.checked(), model, result.sources, method)


def checked(tmp_path: Path, text: str, name: str = "spec") -> Graph:
    path = tmp_path / f"{name}.nnspec"
    path.write_text(text)
    return graph(path, "Net")


@pytest.mark.parametrize(
    ("path", "model", "depth"),
    [
        (MODELS / "gpt2.nnspec", "GPT2", None),
        (MODELS / "resnet.nnspec", "ResNet50", 1),
        (MODELS / "unet.nnspec", "UNet", 1),
        (WAYS, "Ways", None),
    ],
    ids=lambda v: str(getattr(v, "stem", v)),
)
def test_mermaid(path: Path, model: str, depth: int | None, golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "golden" / f"{path.stem}.mmd", mermaid(graph(path, model), depth))


SIZES = {
    ("lenet5", "LeNet5"): {"N": 2},
    ("resnet", "ResNet18"): {"N": 2, "H": 65, "W": 96},
    ("unet", "UNet"): {"N": 1, "h": 2, "w": 3},
    ("gpt2", "GPT2"): {"N": 2, "T": 5},
    ("mobilenet_v2", "MobileNetV2"): {"N": 1, "H": 64, "W": 65},
}


@pytest.mark.parametrize(("stem", "model"), SIZES, ids=lambda v: v)
def test_shapes_and_parameters_are_those_of_pytorch(stem: str, model: str) -> None:
    """Of every layer that is drawn: what it gives, and how much it learns."""
    torch = pytest.importorskip("torch")
    drawn = graph(MODELS / f"{stem}.nnspec", model)
    sizes = SIZES[stem, model]
    with torch.device("meta"):
        module = getattr(spec_lang.load(MODELS / f"{stem}.nnspec"), model)().eval()
    given: dict[str, tuple[int, ...]] = {}

    def note(path: str, y: object) -> None:
        given.setdefault(path, tuple(getattr(y, "shape", ())))

    for path, part in module.named_modules():
        part.register_forward_hook(lambda _, __, y, path=path: note(path, y))
    types = {e.source: e.type for e in drawn.edges}
    first = next(n for n in drawn.nodes.values() if n.kind == "input")
    shape = dims(types[first.id], sizes)
    dtype = torch.long if types[first.id].startswith("int") else torch.float
    module(torch.zeros(shape, dtype=dtype, device="meta"))
    layers = [n for n in drawn.nodes.values() if n.kind == "layer"]
    assert layers
    for n in layers:
        assert dims(types[n.id], sizes) == given[n.path], n.path
    for n in drawn.nodes.values():
        if n.path and n.kind != "tensor":
            part = module.get_submodule(n.path)
            assert n.parameters == sum(p.numel() for p in part.parameters()), n.path


@pytest.mark.parametrize(("stem", "model"), [("gpt2", "GPT2"), ("resnet", "ResNet18"), ("swin", "SwinTiny")])
def test_flops_and_parameters_are_those_of_the_summary(stem: str, model: str) -> None:
    """Both are held to PyTorch's counter in tests of the summary; loops and lists that are drawn once count as often as they run."""
    given = {"N": 2, "T": 5, "H": 64, "W": 64}
    result = compile_path(MODELS / f"{stem}.nnspec", None)
    program = result.checked()
    drawn = trace(program, model, result.sources, options=Options(dims=given))
    counted = accounting.trace(program, model, options=accounting.Options(dims=given))
    assert drawn.flops == counted.flops > 0
    assert drawn.parameters == counted.state.parameters


def test_flops_as_text(tmp_path: Path) -> None:
    drawn = graph(MODELS / "gpt2.nnspec", "GPT2")
    assert short(next(n for n in drawn.nodes.values() if n.title == "h").flops) == "14.2M·N·T + 3.07K·N·T²"
    layer = "        a = Linear(4, 4)\n\n    forward(x: float[N, 4], how: bool[N]? = none) -> float[N, 4]:\n"
    ways = checked(
        tmp_path,
        f"model Net:\n    layers:\n{layer}        if how is not none:\n            x = a(x)\n        return x\n",
    )
    assert ways.flops is None  # a call may run the layer, or not
    assert short(ways.flops) == ""
    loop = checked(
        tmp_path,
        f"model Net:\n    layers:\n{layer.replace(', how: bool[N]? = none', '')}        for i in range(N):\n"
        "            x = a(x)\n        return x\n",
        "loop",
    )
    assert short(loop.flops) == "32·N²"


def dims(type: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """The sizes of a type's text."""
    inner = type.partition("[")[2].removesuffix("]")
    parts, depth, start = [], 0, 0
    for i, c in enumerate(f"{inner},"):
        depth += (c in "([") - (c in ")]")
        if c == "," and not depth:
            parts.append(inner[start:i].strip())
            start = i + 1
    return tuple(size(p, dict(sizes)) for p in parts if p)  # type: ignore[misc]  # all are known


def test_every_shipped_model_and_method_is_drawn() -> None:
    for path in sorted(MODELS.glob("*.nnspec")):
        if path.stem in ("swin", "efficientnet", "densenet", "convnext"):  # the large ones; one of each below
            continue
        result = compile_path(path, None)
        program = result.checked()
        for d in program.definitions:
            if getattr(d, "entry", False):
                for g in traced(program, d.name, result.sources):
                    assert any(n.kind == "output" for n in g.nodes.values())
                    ends = set(g.nodes)
                    assert all(e.source in ends and e.target in ends for e in g.edges)


def test_equal_layers_are_drawn_once_with_their_count(tmp_path: Path) -> None:
    drawn = graph(WAYS, "Ways")
    assert [n.count for n in drawn.nodes.values() if n.title.startswith("gates")] == [3]
    steps = checked(
        tmp_path,
        "model Net(d: int = 4):\n    layers:\n        a = [Linear(d, d) for i in range(5)]\n\n"
        "    forward(x: float[N, d]) -> float[N, d]:\n        for l in a:\n            x = x + (x -> l -> tanh)\n        return x\n",
    )
    loop = next(n for n in steps.nodes.values() if n.kind == "loop")
    assert loop.count == 5
    assert [n.title for n in steps.children(loop.id)] == ["a.0", "tanh", "+"]


CHAIN = """model Net(d: int = 4):
    layers:
        a = [Linear(d, d) for i in range(6)]

    forward(x: float[N, d]) -> float[N, d]:
        y = x
        w = x
        for l in a:
            z = l(x) + {read}
            w = {older}
            y = x
            x = z
        return x
"""


def drawn_layers(drawn: Graph) -> int:
    """The layers that are run, by the counts of their boxes and of those around them."""

    def times(id: int | None) -> int:
        return 1 if id is None else drawn.nodes[id].count * times(drawn.nodes[id].parent)

    return sum(times(n.id) for n in drawn.nodes.values() if n.kind == "layer")


def test_steps_that_differ_in_what_they_take_are_all_drawn(tmp_path: Path) -> None:
    """A step that reads what the step before the last gave is not the same step; pairs of them may be the same pair."""
    pairs = checked(tmp_path, CHAIN.format(read="y", older="w"))
    assert [n.count for n in pairs.nodes.values() if n.kind == "loop"] == [3]
    assert len([n for n in pairs.nodes.values() if n.kind == "layer"]) == 2
    far = checked(tmp_path, CHAIN.format(read="w", older="y"), "far")
    assert len([n for n in far.nodes.values() if n.kind == "layer"]) == 6
    for drawn in (pairs, far):
        assert drawn_layers(drawn) == 6
        assert len([e for e in drawn.edges if drawn.nodes[e.target].kind == "output"]) == 1


def test_layers_that_alternate_are_drawn_as_a_pair() -> None:
    """Swin's windows are shifted in every second block, and its rate of dropped paths grows from block to block."""
    drawn = graph(MODELS / "swin.nnspec", "SwinTiny")
    blocks = [n for n in drawn.nodes.values() if n.detail.startswith("SwinBlock(")]
    assert len(blocks) == 8  # 2 + 2 + 6 + 2
    (pair,) = (n for n in drawn.nodes.values() if n.count > 1)
    assert (pair.title, pair.count) == ("features.5.0, 1 … 4, 5", 3)
    shifts = [n.detail for n in drawn.children(pair.id)]
    assert [d.partition("shift=")[2][0] for d in shifts] == ["0", "3"]
    assert "p=0.0727 … 0.145" in shifts[0]
    assert drawn.parameters == 28_288_354
    features = next(n for n in drawn.nodes.values() if n.title == "features")
    assert features.parameters == sum(n.count * n.parameters for n in drawn.children(features.id))


def test_layers_of_python_with_other_values_are_drawn_one_by_one(tmp_path: Path) -> None:
    text = (
        'extern layer Thing(width: int) from "mine":\n    forward(x: float[N, D]) -> float[N, D]\n\n'
        "model Net:\n    layers:\n        ts = [Thing({width}) for i in range(3)]\n\n"
        "    forward(x: float[N, 4]) -> float[N, 4]:\n        for t in ts:\n            x = t(x)\n        return x\n"
    )
    for width, counts in (("4", [3]), ("4 + i", [1, 1, 1])):
        drawn = checked(tmp_path, text.format(width=width))
        assert [n.count for n in drawn.nodes.values() if n.kind == "layer"] == counts
        assert drawn.flops is None


def test_shared_and_tied_layers_say_so() -> None:
    drawn = graph(WAYS, "Ways")
    notes = {n.title: n.notes for n in drawn.nodes.values() if n.kind == "layer"}
    assert any("shared: shared runs 2 times" in n for n in notes["shared"])
    assert "tied: weight is shared.weight" in notes["head"]


def test_conditions() -> None:
    """A decided one has its way drawn and says the other; an open one has both."""
    drawn = graph(WAYS, "Ways")
    branches = {n.title: n for n in drawn.nodes.values() if n.kind == "branch"}
    assert 'unless act == "relu"' in branches
    assert branches['unless act == "relu"'].notes == ["not taken: x = relu(x)"]
    assert {"if training", "if mask is not none"} <= branches.keys()
    choices = [n for n in drawn.nodes.values() if n.kind == "choice"]
    labels = {(e.target, e.label) for e in drawn.edges if e.label}
    assert all({(c.id, "yes"), (c.id, "no")} <= labels for c in choices)
    assert [c.title for c in choices].count("training") == 1


def test_closed_boxes_keep_what_flows_through_them() -> None:
    whole = graph(MODELS / "gpt2.nnspec", "GPT2")
    shut = closed(whole, opened(whole, 0))
    assert not any(n.parent is not None for n in shut.nodes.values())
    block = next(n for n in shut.nodes.values() if n.title == "h")
    assert [e.type for e in shut.edges if e.target == block.id] == ["float[N, T, 768]"]
    assert [e.type for e in shut.edges if e.source == block.id] == ["float[N, T, 768]"]


def test_what_cannot_be_drawn_says_where(tmp_path: Path) -> None:
    text = "model Net:\n    forward(x: float[N, 4], p: float) -> float[N, 4]:\n        return x * p\n"
    with pytest.raises(EvaluationError, match="the input p is no tensor") as error:
        checked(tmp_path, text)
    assert error.value.span is not None
    with pytest.raises(EvaluationError, match="has no method decode"):
        graph(MODELS / "gpt2.nnspec", "GPT2", "decode")


BEFORE = """model Net(d: int = 4):
    layers:
        a = Linear(8, d)
        b = Linear(d, 8)

    forward(x: float[N, 8]) -> float[N, 8]:
        return x -> a -> relu -> b
"""


ABSENT = """block Attention(p: float):
    forward(x: float[N, T, D], mask: bool[T, T]? = none) -> float[N, T, D]:
        return scaled_dot_product_attention(x, x, x, mask, dropout_p=p, is_causal=mask is none)

model Net(p: float = 0.1):
    layers:
        a = Attention(p)

    forward(x: float[N, T, 8], one: bool[T, T]? = none) -> float[N, T, 8]:
        return a(x, one)
"""


def test_a_call_that_asks_whether_an_input_is_there_is_drawn_both_ways(tmp_path: Path) -> None:
    drawn = checked(tmp_path, ABSENT)
    details = [n.detail for n in drawn.nodes.values() if n.title == "scaled_dot_product_attention"]
    assert details == ["dropout_p=0.1, is_causal=true", "dropout_p=0.1"]
    (choice,) = (n for n in drawn.nodes.values() if n.kind == "choice")
    assert {e.label for e in drawn.edges if e.target == choice.id} == {"yes", "no"}


def test_a_size_that_a_branch_requires_to_be_another_is_that_behind_it(tmp_path: Path) -> None:
    drawn = checked(
        tmp_path,
        "model Net:\n    forward(x: float[N, T], y: float[N, F]? = none) -> float[N, T]:\n        if y is not none:\n"
        "            require F == T\n            x = relu(y)\n        return x * 2\n",
    )
    (choice,) = (n for n in drawn.nodes.values() if n.kind == "choice")
    assert [e.type for e in drawn.edges if e.source == choice.id] == ["float[N, T]"]


def test_differences(tmp_path: Path) -> None:
    after = BEFORE.replace("d: int = 4", "d: int = 6").replace("relu", "tanh -> dropout(0.5)")
    old, new = checked(tmp_path, BEFORE, "old"), checked(tmp_path, after, "new")
    assert listed(compared(old, new)) == [
        "~ a  Linear(8, 6)",
        "    was Linear(8, 4)",
        "    shape: float[N, 4] → float[N, 6]",
        "- relu",
        "+ tanh",
        "+ dropout",
        "~ b  Linear(6, 8)",
        "    was Linear(4, 8)",
    ]
    assert listed(compared(old, old)) == []
    changes = {e.change for e in compared(old, new).edges}
    assert changes == {"", "added", "removed"}
