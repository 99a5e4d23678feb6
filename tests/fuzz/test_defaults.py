"""A default is never a value: classes do not change with the defaults of their models, and run at all other values."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fuzz.defaults import Changed, defaults_do_not_matter
from tests.fuzz.held import compiled, hold
from tests.fuzz.programs import written

ROOT = Path(__file__).parents[2]
SPECS = [
    *sorted((ROOT / "models").glob("*.nnspec")),
    *sorted((ROOT / "tests/check/good").glob("*.nnspec")),
    *sorted((ROOT / "tests/torch/golden").glob("*.nnspec")),
]

BLOCK = """
block A(out: int, p: float = 0.0, extra: int >= 0 = 0):
    layers:
        fc = Linear(_, out)
        drop = Dropout(p)

    forward(x: float[N, D]) -> float[N, out]:
        return drop(fc(x)) + extra
"""


def net(
    hypers: str, layers: str, result: str = "x -> body -> head", requires: str = "", records: str = ""
) -> str:
    """A spec of a model with a list of blocks."""
    stated = "".join(f"    require {r}\n" for r in requires.split("; ") if r)
    lines = "".join(f"        {line}\n" for line in layers.strip().split("\n"))
    return f"""{records}{BLOCK}
model Net({hypers}):
{stated}    layers:
{lines}
    forward(x: float[N, 3]) -> float[N, _]:
        return {result}
"""


WIDTHS = "widths: list[int] = [4, 6]"
LISTS: tuple[dict[str, Any], ...] = (
    {},
    {"widths": [5]},
    {"widths": [6, 4]},
    {"widths": [2, 7, 3, 4]},
)
EVEN: tuple[dict[str, Any], ...] = ({}, {"widths": [4, 8, 2]}, {"widths": [2]})
HEAD = "\nhead = Linear(_, 3)"
STAGE = """record Stage:
    out: int = 4
    depth: int = 1
    rate: float = 0.1
    wide: bool = false
"""
STAGES = "stages: list[Stage] = [Stage(4), Stage(6, 2, 0.2, true)]"
OTHER = """
model Longer = Net(stages=[Stage(7, 3), Stage(5, 1, 0.0, true), Stage(2, 2, 0.3)])

model Shorter = Net(stages=[Stage(8, 1, 0.4, true)])
"""

HELD: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "a sum of all": (net(WIDTHS, "body = Linear(3, sum(widths))" + HEAD, requires="len(widths) >= 1"), LISTS),
    "a sum of the first ones": (
        net(WIDTHS, "body = [A(w, extra=sum(widths[:i])) for i, w in enumerate(widths)]" + HEAD),
        LISTS,
    ),
    "a sum of the others": (
        net(WIDTHS, "body = [A(w, extra=sum(widths[i + 1:])) for i, w in enumerate(widths)]" + HEAD),
        LISTS,
    ),
    "a sum by a comprehension over indices": (
        net(WIDTHS, "body = [A(w, extra=sum([widths[j] for j in range(i)])) for i, w in enumerate(widths)]" + HEAD),
        LISTS,
    ),
    "a sum of choices": (
        net(WIDTHS, "body = [A(w, extra=sum([v if j < i else 0 for j, v in enumerate(widths)])) for i, w in enumerate(widths)]" + HEAD),
        LISTS,
    ),
    "a rate by a sum": (
        net(WIDTHS + ", p: float = 0.01", "body = [A(w, p * sum(widths[:i])) for i, w in enumerate(widths)]" + HEAD),
        (*LISTS, {"p": 0.005, "widths": [3, 3, 3]}),
    ),
    "the greatest and the least": (
        net(WIDTHS, "body = [Linear(3, max(widths)), Linear(_, min(widths))]" + HEAD, requires="len(widths) >= 1"),
        LISTS,
    ),
    "a product": (net(WIDTHS, "body = Linear(3, prod(widths))" + HEAD, requires="len(widths) >= 1"), LISTS),
    "all items are even": (
        net(WIDTHS, "body = [Linear(_, w // 2 * 2) for w in widths]" + HEAD, requires="all([w % 2 == 0 for w in widths])"),
        EVEN,
    ),
    "a condition on all items serves a block's": (
        net(
            WIDTHS + ", k: int = 2",
            "body = [B(w, k) for w in widths]" + HEAD,
            requires="all([w % k == 0 for w in widths])",
            records="""block B(out: int, k: int):
    require out % k == 0

    layers:
        fc = Linear(_, out)

    forward(x: float[N, D]) -> float[N, out]:
        return fc(x) -> unflatten(1, (k, out // k)) -> flatten(1)
""",
        ),
        (*EVEN, {"k": 3, "widths": [3, 6, 9]}),
    ),
    "a condition on all items, by an index": (
        net(
            WIDTHS + ", k: int = 2",
            "body = [B(widths[i], k) for i in range(len(widths))]" + HEAD,
            requires="all([w % k == 0 for w in widths])",
            records="""block B(out: int, k: int):
    require out % k == 0

    layers:
        fc = Linear(_, out)

    forward(x: float[N, D]) -> float[N, out]:
        return fc(x) -> unflatten(1, (k, out // k)) -> flatten(1)
""",
        ),
        (*EVEN, {"k": 3, "widths": [3, 6, 9]}),
    ),
    "some item is large": (
        net(WIDTHS, "body = [Linear(_, w) for w in widths]" + HEAD, requires="any([w > 4 for w in widths])"),
        ({}, {"widths": [5]}, {"widths": [1, 2, 9]}),
    ),
    "an index among the items": (
        net("se: list[int] = [1, 2]", "body = [Linear(3, 3, bias=i in se) for i in range(4)]" + HEAD),
        ({}, {"se": []}, {"se": [3]}, {"se": [1, 2, 3]}),
    ),
    "an index that is not among them": (
        net("se: list[int] = [1, 2], n: int = 3", "body = [Linear(3, 3, bias=i + 1 not in se) for i in range(n)]" + HEAD),
        ({}, {"se": [], "n": 1}, {"se": [3], "n": 4}),
    ),
    "items of a list of tuples by an index": (
        net(
            "low: list[(int, int)] = [(4, 2), (6, 3)]",
            "body = [A(low[i][0], extra=low[i][1]) for i in range(len(low))]" + HEAD,
        ),
        ({}, {"low": [(5, 1)]}, {"low": [(2, 2), (7, 1), (3, 3)]}),
    ),
    "a list of tuples, gone through": (
        net("low: list[(int, float)] = [(4, 0.1), (6, 0.2)]", "body = [A(w, p) for w, p in low]" + HEAD),
        ({}, {"low": [(5, 0.3)]}, {"low": [(2, 0.0), (7, 0.1), (3, 0.5)]}),
    ),
    "a list of floats by an index": (
        net(
            "rates: list[float] = [0.1, 0.2], n: int = 4",
            "body = [A(n, rates[i]) for i in range(len(rates))]" + HEAD,
        ),
        ({}, {"rates": [0.5]}, {"rates": [0.1, 0.2, 0.3], "n": 5}),
    ),
    "the greatest of floats": (
        net("rates: list[float] = [0.1, 0.2]", "body = [Linear(3, 3), Dropout(max(rates))]" + HEAD, requires="len(rates) > 0"),
        ({}, {"rates": [0.5]}, {"rates": [0.1, 0.2, 0.3]}),
    ),
    "a list of truths by an index": (
        net("biases: list[bool] = [true, false]", "body = [Linear(3, 3, bias=biases[i]) for i in range(len(biases))]" + HEAD),
        ({}, {"biases": [False]}, {"biases": [True, True, False]}),
    ),
    "truths that choose layers": (
        net("wide: list[bool] = [true, false]", "body = [Linear(3, 3) if b else Sequential(Linear(3, 5), Linear(5, 3)) for b in wide]" + HEAD),
        ({}, {"wide": [False]}, {"wide": [False, True, False]}),
    ),
    "all of a list of truths": (
        net("biases: list[bool] = [true, true]", "body = Linear(3, 3, bias=all(biases))" + HEAD),
        ({}, {"biases": [False]}, {"biases": [True, True, False]}),
    ),
    "the last item": (net(WIDTHS, "body = Linear(3, widths[len(widths) - 1])" + HEAD, requires="len(widths) >= 1"), LISTS),
    "the last item, counted from the end": (
        net(WIDTHS, "body = Linear(3, widths[-1])\nhead = Linear(widths[len(widths) - 1], 3)", requires="len(widths) >= 1"),
        LISTS,
    ),
    "the last record's field": (
        net(STAGES, "body = Linear(_, stages[len(stages) - 1].out)" + HEAD, requires="len(stages) >= 1", records=STAGE) + OTHER,
        ({},),
    ),
    "records by an index": (
        net(
            STAGES,
            "body = [A(stages[i].out, stages[i].rate, stages[i].depth) for i in range(len(stages))]" + HEAD,
            records=STAGE,
        )
        + OTHER,
        ({},),
    ),
    "a sum over the fields of records": (
        net(
            STAGES,
            "body = Linear(3, sum([s.out * s.depth for s in stages]))" + HEAD,
            requires="len(stages) >= 1",
            records=STAGE,
        )
        + OTHER,
        ({},),
    ),
    "a sum over the fields of the records before": (
        net(
            STAGES,
            "body = [A(s.out, extra=sum([stages[j].depth for j in range(i)])) for i, s in enumerate(stages)]" + HEAD,
            records=STAGE,
        )
        + OTHER,
        ({},),
    ),
    "a list in a record": (
        net(
            "config: Config = Config([4, 5], [1, 2])",
            "body = [A(config.widths[i], 0.5 / sum(config.depths)) for i in range(len(config.widths))]" + HEAD,
            requires="len(config.depths) >= 1",
            records="record Config:\n    widths: list[int] = [4, 5]\n    depths: list[int] = [1, 2]\n",
        )
        + "\nmodel Longer = Net(Config([5, 3, 4], [2]))\n",
        ({},),
    ),
    "a record whose string is known, and whose list is not": (
        net(
            "config: Config = Config(\"tanh\", [4, 5])",
            "body = Sequential(Linear(3, sum(config.widths)), GELU('tanh' if config.kind == 'tanh' else 'none'))" + HEAD,
            requires="len(config.widths) >= 1",
            records="record Config:\n    kind: str = \"none\"\n    widths: list[int] = [4, 5]\n",
        )
        + "\nmodel Longer = Net(Config(\"tanh\", [5, 3, 4]))\n",
        ({},),
    ),
    "a list of lists": (
        net(
            "grid: list[list[int]] = [[2, 3], [4]]",
            "body = [A(sum(row) + 1, extra=len(row)) for row in grid]" + HEAD,
        ),
        ({}, {"grid": [[5]]}, {"grid": [[1, 2, 3], [], [2, 2]]}),
    ),
    "a list of lists by two indices": (
        net(
            "grid: list[list[int]] = [[2, 3], [4, 5]]",
            "body = [A(grid[i][0]) for i in range(len(grid))]\nhead = Linear(_, grid[0][1])",
            requires="len(grid) >= 1; len(grid[0]) >= 2; all([len(row) >= 1 for row in grid])",
        ),
        ({}, {"grid": [[5, 1]]}, {"grid": [[1, 2, 3], [6], [2, 2]]}),
    ),
    "lists in a list of records, behind another loop over them": (
        """
record S:
    dims: list[int] = [3, 4]
    p: float = 0.1
    on: bool = true

block K(out: int, p: float, on: bool):
    layers:
        fc = Linear(_, out, bias=on)
        d = Dropout(p)
    forward(x: float[N, D]) -> float[N, out]:
        if on:
            x = x + 1
        return x -> fc -> d

model Net(ss: list[S] = [S([3, 4], 0.2), S([2])], flags: list[bool] = [true, false], k: int = 1):
    require all([len(s.dims) >= 1 for s in ss])
    require len(ss) >= 1
    layers:
        b = [K(s.dims[0] + sum(s.dims), s.p, s.on) for s in ss]
        c = Linear(_, ss[len(ss) - 1].dims[0])
        d = Linear(_, max([s.dims[0] for s in ss]))
        e = [Linear(_, 3, bias=all([f or g for g in flags])) for f in flags]
        h = Linear(_, k)

    forward(x: float[N, 3]) -> float[N, _]:
        return x -> b -> c -> d -> e -> h

model Longer = Net([S([5], 0.3, false), S([1, 2, 3]), S([2, 2], on=false)], [false], 3)
""",
        ({}, {"flags": [True]}, {"flags": [False, False, True], "k": 3}),
    ),
    "sums of choices and of scaled items, and a list whose length is known": (
        """
record Cfg:
    depths: list[int] = [1, 2]

block K(cfg: Cfg):
    layers:
        fc = Linear(_, sum(cfg.depths))
    forward(x: float[N, D]) -> float[N, sum(cfg.depths)]:
        return fc(x)

model Net(w: list[int] = [4, 6], se: list[int] = [1], p: float = 0.5, v: list[int] = [2, 3], c: Cfg = Cfg([2, 2])):
    require len(v) == 2
    require len(w) >= 1
    layers:
        a = Linear(3, sum([n if i in se else 1 for i, n in enumerate(w)]))
        b = Linear(_, int(sum([n * 2 for n in w]) * p) + 1)
        d = Linear(_, sum(v))
        e = K(c)
        f = K(Cfg([3, 4]))
        g = Linear(_, 2)

    forward(x: float[N, 3]) -> float[N, _]:
        return x -> a -> b -> d -> e -> f -> g
""",
        ({}, {"w": [3], "se": []}, {"w": [2, 2, 5], "se": [0, 2], "p": 0.3, "v": [5, 1]}),
    ),
    "slices of a list": (
        net(
            WIDTHS,
            "stem = Linear(3, widths[0])\nbody = [A(w, extra=a) for a, w in zip(widths[:-1], widths[1:])]" + HEAD,
            "x -> stem -> body -> head",
            requires="len(widths) >= 2",
        ),
        ({}, {"widths": [6, 4]}, {"widths": [2, 7, 3, 4]}),
    ),
    "a block that gets a list": (
        net(
            WIDTHS,
            "body = B(widths)" + HEAD,
            requires="len(widths) >= 1",
            records="""block B(dims: list[int]):
    layers:
        fc = [Linear(_, dims[i]) for i in range(len(dims))]

    forward(x: float[N, 3]) -> float[N, dims[len(dims) - 1]]:
        return x -> fc
""",
        ),
        LISTS,
    ),
    "a block that gets a list and takes its sum": (
        net(
            WIDTHS,
            "body = B(widths)\nmore = B([2, 3])" + HEAD,
            "x -> body -> head -> more -> head_2".replace("head_2", "last"),
            requires="len(widths) >= 1",
            records="""block B(dims: list[int]):
    layers:
        fc = Linear(3, sum(dims))

    forward(x: float[N, 3]) -> float[N, sum(dims)]:
        return x -> fc
""",
        ).replace("    forward(x: float[N, 3]) -> float[N, _]:", "        last = Linear(5, 2)\n\n    forward(x: float[N, 3]) -> float[N, _]:"),
        LISTS,
    ),
    "a block that gets a part of a list": (
        net(
            WIDTHS,
            "body = B(widths[1:], 0)" + HEAD,
            requires="len(widths) >= 2",
            records="""block B(dims: list[int], k: int >= 0):
    require k < len(dims)

    layers:
        fc = Linear(3, dims[k])

    forward(x: float[N, 3]) -> float[N, dims[k]]:
        return x -> fc
""",
        ),
        ({}, {"widths": [6, 4]}, {"widths": [2, 7, 3, 4]}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HELD)
def test_held_at_other_values(name: str) -> None:
    text, rows = HELD[name]
    assert [f"{d.code} {d.message}" for d in compiled(text).errors] == []
    hold(text, rows)


@pytest.mark.parametrize("name", HELD)
def test_held_with_other_defaults(name: str) -> None:
    assert defaults_do_not_matter(HELD[name][0], Random(5), 12)


REFUSED = {
    "layers and their widths in a list of records": (
        "record R:\n    part: layer = Linear\n    n: int = 4\n",
        "rs: list[R] = [R(Linear, 8), R(Linear, 6)]",
        "body = [r.part(_, r.n) for r in rs]",
        "E0504",
        "_",
    ),
}
"""What must be known, with the place where: never the model's name."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_must_be_known_is_said_where_it_is_needed(name: str) -> None:
    records, hypers, layers, code, place = REFUSED[name]
    text = net(hypers, layers + HEAD, records=records)
    [found] = compiled(text).errors
    assert found.code == code
    span = found.primary.span
    assert place in text[span.start : span.end]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_classes_do_not_change_with_defaults(path: Path) -> None:
    defaults_do_not_matter(path.read_text(), Random(7))


@pytest.mark.parametrize(
    "first", [0, pytest.param(20, marks=pytest.mark.long), pytest.param(40, marks=pytest.mark.long)]
)
def test_classes_of_random_programs_do_not_change_with_defaults(first: int) -> None:
    found = sum(
        defaults_do_not_matter(written(Random(seed)).text, Random(seed), 2)
        for seed in range(first, first + 20)
    )
    assert found > 5


@pytest.mark.long
def test_classes_of_many_random_programs_do_not_change_with_defaults() -> None:
    failures = []
    for seed in range(1000, 1000 + int(os.environ.get("SPECC_LONG", "10000"))):
        try:
            defaults_do_not_matter(written(Random(seed)).text, Random(seed), 2)
        except Changed as error:
            failures.append(f"seed {seed}: {error}")
    assert failures == []
