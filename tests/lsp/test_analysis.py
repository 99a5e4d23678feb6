"""What is known after each edit is what a check of the same text from scratch says."""

from __future__ import annotations

import os
import random
import re
import sys
from pathlib import Path

import pytest

from spec_lang.compiler import DEPTH, compile_sources
from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.ir.from_ast import Options
from spec_lang.lsp.analysis import Analysis
from spec_lang.lsp.pieces import Text
from spec_lang.workspace import finder

sys.setrecursionlimit(max(sys.getrecursionlimit(), DEPTH))
MODELS = Path(__file__).parents[2] / "models"
FIND = finder((MODELS,))
QUICK = ("lenet5", "mlp", "gpt2", "tagger", "transformer", "fpn")


def said(diagnostics: list[Diagnostic], texts: dict[str, Text]) -> list[object]:
    """All that diagnostics say, with places in whole files."""
    starts = {source: start for text in texts.values() for source, start in text.starts.items()}
    found: list[object] = []
    for d in diagnostics:
        labels = [(k.text, k.source.name, starts.get(k.source, 0) + k.span.start) for k in d.labels]
        start = starts.get(d.primary.source, 0)
        place = d.primary.source.name, start + d.primary.span.start, start + d.primary.span.end
        found.append((place, d.code, d.message, d.help or "", d.notes, labels))
    return sorted(found, key=repr)


def edited(r: random.Random, text: str) -> str:
    """A text after something that people do while they type."""
    lines = text.split("\n")
    at = r.randrange(len(text) + 1)
    kind = r.randrange(8)
    if kind == 0 and (numbers := list(re.finditer(r"\d+", text))):
        m = r.choice(numbers)
        return text[: m.start()] + r.choice("0123") + text[m.end() :]
    if kind <= 2 and (words := list(re.finditer(r"[A-Za-z_]\w*", text))):
        m, n = r.choice(words), r.choice(words)
        return text[: m.start()] + n.group() + text[m.end() :]
    if kind == 3:
        del lines[r.randrange(len(lines))]
        return "\n".join(lines)
    if kind == 4:
        lines.insert(r.randrange(len(lines)), r.choice(lines))
        return "\n".join(lines)
    if kind == 5:
        return text[:at] + r.choice('()[]:,=->"\n #x1') + text[at:]
    if kind == 6:
        return text[:at] + text[at + 1 :]
    lines.insert(r.randrange(len(lines)), "# a remark")
    return "\n".join(lines)


def hold(name: str, seed: int, steps: int) -> tuple[int, int]:
    """Edit a model; gives how many definitions were checked anew, and how many there were."""
    r = random.Random(f"{name} {seed}")
    original = text = (MODELS / f"{name}.nnspec").read_text()
    analysis = Analysis("m", str)
    made = there = 0
    for step in range(steps):
        analysis.update(Source("m.nnspec", text), FIND)
        analysis.test()
        made += analysis.made
        there += len(list(analysis.texts["m.nnspec"].definitions()))
        full = compile_sources({"m": Source("m.nnspec", text)}, FIND, Options(emit=False), str)
        assert said(analysis.diagnostics, analysis.texts) == said(full.diagnostics, {}), (
            name,
            seed,
            step,
            text,
        )
        text = original if r.random() < 0.3 else edited(r, text)
    return made, there


@pytest.mark.parametrize("name", QUICK)
def test_edits_say_what_a_full_check_says(name: str) -> None:
    hold(name, seed=0, steps=6)


@pytest.mark.long
def test_many_edits_say_what_full_checks_say() -> None:
    count = int(os.environ.get("SPECC_LONG", "100"))
    names = sorted(p.stem for p in MODELS.glob("*.nnspec"))
    for seed in range(count):
        hold(names[seed % len(names)], seed, steps=5)


def hold_files(seed: int, steps: int) -> None:
    """Edit a file and the one that it imports, by turns."""
    r = random.Random(seed)
    cut = TWO.index("model One")
    originals = {"m": "from part import Part\n\n" + TWO[cut:], "part": TWO[:cut]}
    texts = dict(originals)

    def find(module: str) -> Source | None:
        return Source(f"{module}.nnspec", texts[module]) if module in texts else None

    analysis = Analysis("m", str)
    for step in range(steps):
        analysis.update(Source("m.nnspec", texts["m"]), find)
        analysis.test()
        full = compile_sources({"m": Source("m.nnspec", texts["m"])}, find, Options(emit=False), str)
        assert said(analysis.diagnostics, analysis.texts) == said(full.diagnostics, {}), (seed, step, texts)
        name = r.choice(sorted(texts))
        texts[name] = originals[name] if r.random() < 0.4 else edited(r, texts[name])


def test_edits_of_two_files_say_what_a_full_check_says() -> None:
    hold_files(seed=0, steps=12)


@pytest.mark.long
def test_many_edits_of_two_files_say_what_full_checks_say() -> None:
    for seed in range(int(os.environ.get("SPECC_LONG", "100"))):
        hold_files(seed + 1, steps=8)


TWO = """block Part(n: int):
    layers:
        fc = Linear(_, n)

    forward(x: float[N, D]) -> float[N, n]:
        return fc(x)


model One(n: int = 2):
    layers:
        part = Part(n)

    forward(x: float[N, 3]) -> float[N, n]:
        return part(x)


model Other(n: int = 2):
    layers:
        fc = Linear(3, n)

    forward(x: float[N, 3]) -> float[N, n]:
        return fc(x)
"""


def made_by(before: str, after: str) -> int:
    analysis = Analysis("m", str)
    analysis.update(Source("m", before), FIND)
    analysis.update(Source("m", after), FIND)
    assert not analysis.diagnostics
    return analysis.made


def test_what_a_change_does_not_reach_is_not_checked_again() -> None:
    assert made_by(TWO, TWO) == 0
    assert made_by(TWO, "# a remark\n\n" + TWO) <= 3  # the first definition alone, and who uses it
    alone = made_by(TWO, TWO.replace("fc = Linear(3, n)", "fc = Linear(3, n, bias=false)"))
    assert alone == 2  # the model, and its default
    assert made_by(TWO, TWO.replace("Linear(_, n)", "Linear(_, n, bias=false)")) < made_by("X = 1\n", TWO)


def test_a_name_that_another_file_brings_is_another_name(tmp_path: Path) -> None:
    (tmp_path / "part.nnspec").write_text(TWO[: TWO.index("model One")])
    find = finder((tmp_path,))
    entry = "from part import Part\n\n" + TWO[TWO.index("model One") : TWO.index("model Other")]
    analysis = Analysis("m", str)
    analysis.update(Source("m", entry), find)
    assert not analysis.diagnostics
    (tmp_path / "part.nnspec").write_text(
        TWO[: TWO.index("model One")].replace("float[N, D]", "float[N, D, D]")
    )
    analysis.update(Source("m", entry), find)
    assert [d.code for d in analysis.diagnostics] == [
        d.code for d in compile_sources({"m": Source("m", entry)}, find, Options(emit=False), str).diagnostics
    ]
    assert analysis.diagnostics


@pytest.mark.parametrize(
    "text",
    [
        '"""Doc."""\nX = 1\n',
        "X = (\n1\n)\n",
        "X = (\na\n)\n",
        'fn f(n: int) = n\nX = """\nmodel A:\n"""\n',
        "X = 1 # '''\nY = 2\n",
        "",
        "    layers:\n        a = 1\n",
        "fn f(n: int) = n\nX = f(2\nY = f(3)\nZ = 1 1\n",
        "# nothing\n",
        'X = "a\nY = 2\n',
        "X = 1\n\tY = 2\n",
        "X = (1\nY = 2\n",
        "model A:\nmodel B:\n    layers:\n",
        "X = 1\r\nY = X\r\n",
    ],
)
def test_texts_in_pieces_are_read_as_whole_ones(text: str) -> None:
    analysis = Analysis("m", str)
    analysis.update(Source("m", text), FIND)
    analysis.test()
    full = compile_sources({"m": Source("m", text)}, FIND, Options(emit=False), str)
    assert said(analysis.diagnostics, analysis.texts) == said(full.diagnostics, {})
