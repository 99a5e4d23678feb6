"""What `verify`, `bench`, `ops` and `check` say for tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spec_lang.cli.bench_command import two_digits
from tests.commands import specc

SPEC = "model Net:\n    layers:\n        fc = Linear(3, 2)\n\n    forward(x: float[N, 3]) -> float[N, 2]:\n        return fc(x)\n"


def test_verify_and_bench_give_one_object(tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(SPEC)
    done = specc("verify", "net.nnspec", "--size", "N=4", "--format", "json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert (done.returncode, result["model"], result["agrees"], result["unable"]) == (0, "Net", True, {})
    (trial,) = result["trials"]
    assert (trial["runtime"], trial["sizes"]) == ("onnxruntime", {"N": 4})
    assert [(o["output"], o["agrees"]) for o in trial["outputs"]] == [("output", True)]
    done = specc("bench", "net.nnspec", "--size", "N=4", "--runs", "2", "--format", "json", cwd=tmp_path)
    result = json.loads(done.stdout)
    assert (result["sizes"], result["runs"], result["notes"]) == ({"N": 4}, 2, [])
    assert [r["runtime"] for r in result["runtimes"]] == ["torch", "onnxruntime"]
    assert all(r["low"] <= r["median"] <= r["high"] for r in result["runtimes"])


def test_mistakes_are_objects_too(tmp_path: Path) -> None:
    (tmp_path / "net.nnspec").write_text(SPEC.replace("Linear(3", "Linear(4"))
    for command in ("verify", "check", "bench"):
        done = specc(command, "net.nnspec", "--format", "json", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")
        assert [json.loads(line)["code"] for line in done.stdout.splitlines()] == ["E0301"]


def test_ops_are_listed(tmp_path: Path) -> None:
    (row,) = map(json.loads, specc("ops", "relu", "--format", "json", cwd=tmp_path).stdout.splitlines())
    assert (row["name"], row["kind"], row["torch"]) == ("relu", "function", "F.relu")
    every = specc("ops", "--format", "json", cwd=tmp_path).stdout.splitlines()
    assert len(every) > 300
    assert specc("ops", "relluu", "--format", "json", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0042, "0.0042"),
        (0.0996, "0.10"),
        (0.42, "0.42"),
        (0.996, "1.0"),
        (4.25, "4.2"),
        (9.96, "10"),
        (123.4, "123"),
    ],
)
def test_ratios_have_two_digits_that_matter(value: float, text: str) -> None:
    assert two_digits(value) == text
