"""Diagnostics as text and as JSON."""

from __future__ import annotations

import json

from spec_lang.diagnostics import Diagnostic, Label, Source, Span
from spec_lang.diagnostics.render import ordered, render, summary
from spec_lang.diagnostics.suggest import closest
from spec_lang.diagnostics.to_json import to_json

TEXT = """model LeNet5(classes: int = 10):
    layers:
        fc1 = Linear(400, 120)

    forward(image: float[N, 1, 32, 32]) -> float[N, classes]:
        return image -> flatten(1) -> fc1 -> relu
"""
SOURCE = Source("lenet5.nnspec", TEXT)


def at(part: str, nth: int = 0, source: Source = SOURCE) -> Span:
    start = -1
    for _ in range(nth + 1):
        start = source.text.index(part, start + 1)
    return Span(start, start + len(part))


MISMATCH = Diagnostic(
    "E0301",
    "fc1 takes 400 input features, but 1024 flow in",
    Label(SOURCE, at("fc1", 1)),
    (Label(SOURCE, at("400"), "400 declared here"),),
    (
        "how it got there: image [N, 1, 32, 32] -> conv1 [N, 6, 28, 28] -> max_pool2d [N, 6, 14, 14] -> flatten [N, 1024]",
    ),
    "`Linear(_, 120)` infers it",
)


def test_labels_notes_and_help() -> None:
    assert (
        render([MISMATCH])
        == """\
error[E0301]: fc1 takes 400 input features, but 1024 flow in
 --> lenet5.nnspec:6:39
  |
3 |         fc1 = Linear(400, 120)
  |                      --- 400 declared here
6 |         return image -> flatten(1) -> fc1 -> relu
  |                                       ^^^
  = how it got there: image [N, 1, 32, 32] -> conv1 [N, 6, 28, 28] -> max_pool2d [N, 6, 14, 14]
    -> flatten [N, 1024]
  = help: `Linear(_, 120)` infers it

1 error
"""
    )


def test_labels_on_one_line() -> None:
    labels = (Label(SOURCE, at("relu"), "that"), Label(SOURCE, at("image", 1), "from here"))
    shown = render([Diagnostic("E0301", "m", Label(SOURCE, at("flatten"), "this"), labels)])
    assert shown.splitlines()[3:-2] == [
        "6 |         return image -> flatten(1) -> fc1 -> relu",
        "  |                -----    ^^^^^^^              ---- that",
        "  |                |        this",
        "  |                from here",
    ]


def test_span_of_several_lines() -> None:
    shown = render(
        [Diagnostic("E0301", "m", Label(SOURCE, Span(at("layers")[0], at("120")[1]), "all of it"))]
    )
    assert shown.splitlines()[3:-2] == [
        "2 |     layers:",
        "  |     ^^^^^^^",
        "3 |         fc1 = Linear(400, 120)",
        "  |         ^^^^^^^^^^^^^^^^^^^^^ all of it",
    ]


def test_other_files_come_after() -> None:
    other = Source("other.nnspec", "block B():\n")
    shown = render([Diagnostic("E0301", "m", Label(SOURCE, at("fc1")), (Label(other, Span(6, 7), "here"),))])
    assert " ::: other.nnspec:1:7" in shown.splitlines()


def test_wide_characters_tabs_and_escapes() -> None:
    source = Source("a", 'x\t= "日本語" + \x1b[31my\n')
    shown = render([Diagnostic("E0301", "bad \x1b[2J", Label(source, at("y", 0, source)))])
    assert "\x1b" not in shown
    line, caret = shown.splitlines()[3:5]
    before = line[: line.index("y")]
    assert caret.index("^") == len(before) + 3  # three characters are two columns wide


def test_long_lines_are_cut_around_the_place() -> None:
    source = Source("a", "a + " * 500 + "here + " + "b + " * 500 + "c\n")
    shown = render([Diagnostic("E0301", "m", Label(source, at("here", 0, source)))])
    line, caret = shown.splitlines()[3:5]
    assert len(line) <= 100
    assert line[caret.index("^") :].startswith("here")


def test_long_places_are_cut() -> None:
    source = Source("a", "x = " + "9" * 5000 + "\n")
    shown = render([Diagnostic("E0301", "m", Label(source, Span(4, 5004)))])
    assert max(map(len, shown.splitlines())) <= 100


def test_order_and_duplicates() -> None:
    late = Diagnostic("E0301", "late", Label(SOURCE, Span(9, 10)))
    early = Diagnostic("E0302", "early", Label(SOURCE, Span(1, 2)))
    again = Diagnostic("E0301", "late", Label(SOURCE, Span(9, 10)))
    assert [d.message for d in ordered([late, early, again])] == ["early", "late"]
    warning = Diagnostic("E0301", "w", Label(SOURCE, Span(0, 1)), severity="warning")
    assert summary([late, early, warning]) == "2 errors, 1 warning"
    assert render([]) == ""


def test_colour_only_adds_escapes() -> None:
    import re

    plain, coloured = render([MISMATCH]), render([MISMATCH], colour=True)
    assert coloured != plain
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_json() -> None:
    [found] = [json.loads(line) for line in to_json([MISMATCH]).splitlines()]
    assert (found["code"], found["line"], found["column"], found["endColumn"]) == ("E0301", 6, 39, 42)
    assert found["labels"][0]["text"] == "400 declared here"
    assert found["help"] == "`Linear(_, 120)` infers it"


def test_suggestions() -> None:
    layers = ["Linear", "Conv2d", "BatchNorm2d", "ReLU", "LayerNorm"]
    assert closest("linear", layers) == "Linear"
    assert closest("Conv2D", layers) == "Conv2d"
    assert closest("BatchNom2d", layers) == "BatchNorm2d"
    assert closest("Dense", layers, {"Dense": "Linear"}) == "Linear"
    assert closest("Transformer", layers) is None
