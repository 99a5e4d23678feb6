"""`specc summary` as one runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from spec_lang.cli import cli

LLAMA_405B = [
    "--set=dim=16384",
    "--set=depth=126",
    "--set=heads=128",
    "--set=kv_heads=8",
    "--set=head_dim=128",
    "--set=hidden=53248",
    "--set=vocab=128256",
]


def summary(*args: str) -> Result:
    return CliRunner().invoke(cli, ["summary", *args])


def as_json(*args: str) -> dict[str, object]:
    result = summary(*args, "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def spec(tmp_path: Path, text: str) -> str:
    path = tmp_path / "net.nnspec"
    path.write_text(text)
    return str(path)


def test_sizes_that_are_not_given_are_symbols() -> None:
    found = as_json("models/gpt2.nnspec")
    assert found["flops"] == "247064064*N*T + 36864*N*T**2"
    assert found["parameters"] == {"f32": 124_439_808}
    assert found["dims"] == {"N": None, "T": None}


def test_a_llama_of_405_billion_parameters() -> None:
    found = as_json("models/llama.nnspec", "--model", "Llama", *LLAMA_405B, "--dim", "N=1", "--dim", "T=8")
    assert found["parameters"] == {"f32": 405_853_388_800}
    cache = {"method": "decode", "input": "past", "bytes_per_token": 2 * 126 * 8 * 128 * 4}
    assert found["cache"] == cache
    (layers,) = (r for r in found["layers"]["layers"] if r["name"] == "layers")  # type: ignore[index]
    assert [(r["name"], r["count"]) for r in layers["layers"]] == [("0-125", 126)]


DEEP = """
model Deep(depth: int = {depth}):
    layers:
        fcs = [Linear(8, 8) for i in range(depth)]

    forward(x: float[N, 8]) -> float[N, 8]:
        return x -> fcs
"""


def test_a_list_of_equal_layers_is_one_row_whatever_its_length(tmp_path: Path) -> None:
    found = as_json(spec(tmp_path, DEEP.format(depth=5_000_000)))
    assert (found["flops"], found["parameters"]) == ("640000000*N", {"f32": 72 * 5_000_000})
    (fcs,) = found["layers"]["layers"]  # type: ignore[index]
    assert sum(r["count"] for r in fcs["layers"]) == 5_000_000
    assert len(fcs["layers"]) <= 3


CHOOSES = """
model Chooses:
    layers:
        fc = Linear(4, 4)

    forward(x: float[N, T, 4]) -> float[N, T, 4]:
        if T > 8:
            return x
        return fc(x)
"""


def test_a_branch_by_a_size_asks_for_it(tmp_path: Path) -> None:
    path = spec(tmp_path, CHOOSES)
    result = summary(path)
    assert result.exit_code == 1
    assert "E0903" in result.output
    assert "--dim" in result.output
    assert f"{Path(path).name}:7" in result.output
    assert as_json(path, "--dim", "T=9", "--dim", "N=1")["flops"] == 0
    assert as_json(path, "--dim", "T=8", "--dim", "N=1")["flops"] == 2 * 8 * 4 * 4


LOOPS = """
model Loops:
    layers:
        fc = Linear(4, 4)

    forward(x: float[N, T, 4]) -> float[N, 4]:
        h = zeros(N, 4)
        for t in range(T):
            h = tanh(fc(h) + x[:, t])
        return h
"""


def test_a_loop_over_a_size_is_counted_by_its_steps(tmp_path: Path) -> None:
    path = spec(tmp_path, LOOPS)
    assert as_json(path)["flops"] == "32*N*T"
    assert as_json(path, "--dim", "T=5", "--dim", "N=2")["flops"] == 32 * 2 * 5


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["models/gpt2.nnspec", "--dim", "Q=1"], 2, "its dims are: N, T"),
        (["models/gpt2.nnspec", "--dim", "T=2000"], 1, "E0601"),
        (["models/llama.nnspec"], 2, "choose one with --model"),
        (["models/gpt2.nnspec", "--method", "nothing"], 1, "E0905"),
    ],
)
def test_what_is_wrong_is_said(args: list[str], status: int, says: str) -> None:
    result = summary(*args)
    assert (result.exit_code, says in result.output) == (status, True), result.output


def test_formats_show_the_same_rows() -> None:
    table = summary("models/lenet5.nnspec").output
    markdown = summary("models/lenet5.nnspec", "--format", "markdown").output
    rows = [line.split()[0] for line in table.split("\n\n")[0].splitlines()[2:]]
    assert rows == [
        line.split("|")[1].replace("&nbsp;", "").strip()
        for line in markdown.split("\n\n")[0].splitlines()[2:]
    ]
