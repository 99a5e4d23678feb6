"""`specc check --fix` and `specc fmt --fix`: what is safe is written, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Diagnostic, Source
from spec_lang.mending import mended
from spec_lang.syntax.from_text import parse
from tests.commands import specc

WRONG = """model Net(d: int = 8)  # keep me
    layers:
        fcs = nn.ModuleList([nn.Linear(d, d) for _ in range(3)])
        self.fc = nn.Linear(d, d)  # and me

    forward(x: torch.float32[N, d]) -> torch.float32[N, d]:
        x = x -> fc + x
        for one in fcs:
            x *= one(x) + 1
        return x
"""
RIGHT = """model Net(d: int = 8):  # keep me
    layers:
        fcs = [Linear(d, d) for _ in range(3)]
        fc = Linear(d, d)  # and me

    forward(x: float[N, d]) -> float[N, d]:
        x = (x -> fc) + x
        for one in fcs:
            x = x * (one(x) + 1)
        return x
"""


def body(line: str) -> str:
    return f"model Net(d: int = 8):\n    forward(a: float[N, d], b: float[N, d]) -> float[N, d]:\n        {line}\n"


def test_check_fixes_what_is_safe_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "net.nnspec"
    file.write_text(WRONG)
    done = specc("check", "--fix", "net.nnspec", cwd=tmp_path)
    assert (done.returncode, file.read_text()) == (0, RIGHT)
    assert "net.nnspec:7: write `(x -> fc) + x`" in done.stderr.splitlines()
    assert [p.name for p in tmp_path.iterdir()] == ["net.nnspec"]
    again = specc("check", "--fix", "--quiet", "net.nnspec", cwd=tmp_path)
    assert (again.returncode, again.stdout + again.stderr) == (0, "")


def test_what_two_things_may_be_meant_by_is_left(tmp_path: Path) -> None:
    file = tmp_path / "net.nnspec"
    file.write_text(body("return a * b -> relu"))
    for command in ("check", "fmt"):
        done = specc(command, "--fix", "net.nnspec", cwd=tmp_path)
        assert done.returncode == 1
        assert "write `a * (b -> relu)`, or write `(a * b) -> relu`" in done.stderr
        assert file.read_text() == body("return a * b -> relu")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("return a -> relu + b", "return (a -> relu) + b"),
        ("return a * 2 -> relu", "return (a * 2) -> relu"),
        ("return a – b", "return a - b"),
        ("a -= b\n        return a", "a = a - b\n        return a"),
        ("return a -> chunk(1, dim=1)[0]", "return (a -> chunk(1, dim=1))[0]"),
    ],
)
def test_syntax_is_mended(wrong: str, right: str) -> None:
    after, _ = mended(Source("net.nnspec", body(wrong)), lambda source: parse(source)[1])
    assert after.text == body(right)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("a += b * 2\n        return a", "a = a + (b * 2)\n        return a"),
        ("return a.view(a.size(0), a.size(-1))", "return a.view(N, d)"),
        ("return torch.relu(a) | ReLU", None),
        ("return a + np.array(b)", None),
    ],
)
def test_meaning_is_mended(wrong: str, right: str | None) -> None:
    def diagnose(source: Source) -> list[Diagnostic]:
        return compile_sources({"net": source}).diagnostics

    after, _ = mended(Source("net.nnspec", body(wrong)), diagnose)
    assert (after.text == body(right)) if right is not None else diagnose(after)


def test_an_initialiser_and_a_type_are_mended() -> None:
    text = body("return a").replace("float[N, d], b", "float(N, d), b")
    text = text.replace(
        "    forward", "    init:\n        nn.init.normal_(self.fc.weight, std=0.02)\n\n    forward"
    )
    after, _ = mended(Source("net.nnspec", text), lambda source: parse(source)[1])
    assert "    fc.weight = normal(std=0.02)\n" in after.text
    assert "forward(a: float[N, d], b" in after.text


def test_a_name_that_is_only_near_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "net.nnspec"
    file.write_text(body("return a + b -> relu").replace("-> relu", "").replace("a + b", "rellu(a) + b"))
    before = file.read_text()
    done = specc("check", "--fix", "net.nnspec", cwd=tmp_path)
    assert (done.returncode, file.read_text()) == (1, before)
    assert "did you mean `relu`?" in done.stderr


def test_fmt_shows_a_difference_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "net.nnspec"
    file.write_text(body("return a+b"))
    done = specc("fmt", "--diff", "net.nnspec", cwd=tmp_path)
    assert done.returncode == 1
    assert "-        return a+b\n+        return a + b\n" in done.stdout
    assert file.read_text() == body("return a+b")
    assert specc("fmt", "--quiet", "net.nnspec", cwd=tmp_path).stderr == ""
    clean = specc("fmt", "--diff", "net.nnspec", cwd=tmp_path)
    assert (clean.returncode, clean.stdout, clean.stderr) == (0, "", "")
