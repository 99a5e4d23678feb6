"""Whole specs, well typed by construction: functions, blocks, a model that uses them, and a model's variants."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from spec_lang.shapes import Dim, symbol
from tests.fuzz import wholes
from tests.fuzz.bodies import Body, Value
from tests.fuzz.library import library
from tests.fuzz.patterns import PATTERNS, Pattern
from tests.fuzz.steps import STEPS
from tests.fuzz.structures import DEFINITIONS, STRUCTURES
from tests.fuzz.towers import TOWERS
from tests.fuzz.trials import TRIALS

FUNCTIONS = """fn scaled(x: float[*B], by: float) -> float[*B]:
    return x * by

fn halves(x: float[*B, 2*half]) -> float[*B, half]:
    a, b = x -> chunk(2, dim=-1)
    return a * sigmoid(b)
"""
MAX_RANK = 5


@dataclass(frozen=True)
class Written:
    """A spec, the name of its model, and rows of hyperparameters to run it with."""

    text: str
    model: str
    rows: tuple[dict[str, object], ...]

    def __repr__(self) -> str:
        return f"\n{self.text}\nrows: {self.rows}\n"


def programs() -> st.SearchStrategy[Written]:
    """Specs, by a source of randomness that hypothesis can shrink."""
    return st.randoms(use_true_random=False).map(written)


def written(rng: Random) -> Written:
    """One spec."""
    blocks: list[Body] = [*rng.sample(PATTERNS, 2)]
    functions = ["scaled", "halves"] if rng.random() < 0.3 else []
    for i in range(rng.randint(0, 3)):
        body = _block(rng, f"Block{i}", blocks, functions)
        if body is not None:
            blocks.append(body)
    model = _model(rng, blocks, functions)
    known = {**DEFINITIONS, "HELPERS": wholes.HELPERS}
    needed = sorted(set().union(model.needs, *(b.needs for b in blocks)))
    parts = (
        [FUNCTIONS] * bool(functions)
        + [known[n] for n in needed if n in known]
        + [b.text() for b in blocks if not isinstance(b, Pattern) or b.name in needed]
        + [model.text(), *wholes.variants(model)]
    )
    rows: list[dict[str, object]] = [{}]
    for _ in range(2):
        rows.append({h.name: rng.choice(h.others) for h in model.hypers if h.others and rng.random() < 0.7})
    different = [r for i, r in enumerate(rows) if r not in rows[:i]]
    return Written("\n".join(parts), "Net", tuple(different))


def _block(rng: Random, name: str, blocks: list[Body], functions: list[str]) -> Body | None:
    b = Body(rng, name, False, tuple(blocks), frozenset("CD"), functions=functions)
    n, t, c, d, h, w = map(symbol, ("N", "T", "C", "D", "H", "W"))
    v = rng.choice([
        Value("x", (n, t, d)), Value("x", (n, t, d)), Value("x", (n, c, h, w)), Value("x", (n, c, h, w)), Value("x", (n, d)),
        Value("x", (d,), pack=True), Value("x", (n, c, 2 * h, 2 * w)), Value("x", (n, t, 2 * d)),
    ])  # fmt: skip
    b.inputs, b.values = [v], [v]
    _steps(b, rng.randint(1, 5))
    wanted = [x for x in b.values[1:] if _good(x)]
    if not wanted:
        return None
    b.results = [wanted[-1]] if rng.random() < 0.8 else _some(rng, wanted, 2)
    b.others += b.method("forward", [f"x: {v.type}"], [(r.type, r.text) for r in b.results], b.lines)
    b.others += b.behind
    b.prune()
    return b


def _model(rng: Random, blocks: list[Body], functions: list[str]) -> Body:
    b = Body(rng, "Net", True, tuple(blocks), functions=functions)
    n, t = symbol("N"), symbol("T")
    count = rng.choice((1, 1, 1, 2, 2, 3))
    inputs: list[str] = []
    for i in range(count):
        v = _input(b, rng, f"x{i}", n, t)
        inputs.append(f"{v.text}: {v.type}")
        b.values.append(v)
        b.inputs.append(v)
    _optional(b, rng, inputs)
    if any(n in v.dims for v in b.inputs):
        wholes.lists(b, inputs)
        wholes.pairs(b, inputs)
    wholes.conditioned(b)
    start = len(b.values)
    _steps(b, rng.randint(3, 9))
    wanted = [x for x in b.values[start:] if _good(x)] or b.values[:1]
    b.results = ([wanted[-1]] if rng.random() < 0.6 else _some(rng, wanted, 3)) + b.shown
    inputs[count:count] = [f"{v.text}: {v.type}" for v in b.added]
    results = [(r.type, r.text) for r in b.results]
    wholes.kept(b, results)
    b.others += [*b.method("forward", inputs, results, b.lines), *b.behind]
    if rng.random() < 0.2:
        _other_method(b, rng)
    b.others += [*wholes.loss(b), *wholes.starts(b)]
    b.prune()
    return b


def _input(b: Body, rng: Random, name: str, n: Dim, t: Dim) -> Value:
    h, w = symbol("H"), symbol("W")
    kind = rng.randrange(10)
    if kind < 2:
        return Value(name, (n, t, b.size()))
    if kind == 2:
        return Value(name, (n, b.size()))
    if kind == 3:
        return Value(name, (n, t), "int")
    if kind == 4:
        return Value(name, (n, t), "bool")
    if kind == 5:
        return Value(name, (b.size(),), pack=True)
    if kind == 6:
        return Value(name, (n, b.size(), h, w))
    if kind == 7:
        return Value(name, (n, t, 2 * b.size()))
    scale = rng.choice((2, 4, 8, 16))
    return Value(name, (n, b.size(), scale * symbol("h"), scale * symbol("w")))


def _optional(b: Body, rng: Random, inputs: list[str]) -> None:
    """An input that may be absent: one that defaults to another, or one that a branch looks at."""
    first = b.inputs[0]
    if first.pack or rng.random() < 0.75:
        return
    if rng.random() < 0.3:
        v = Value("other", first.dims, first.dtype)
        inputs.append(f"other: {v.type} = {first.text}")
        b.values.append(v)
        return
    if first.dtype != "float":
        return
    if first.rank == 3 and rng.random() < 0.5:
        n, t, d = first.dims
        past = symbol("P", 0)
        one = Value("", (n, past, d)).type
        inputs.append(f"past: ({one}, {one})? = none")
        out = b.fresh("v")
        b.lines += [
            f"{b.indent}{out} = {first.text}",
            f"{b.indent}if past is not none:",
            f"{b.indent}    a, c = past",
            f"{b.indent}    {out} = cat([a, c, {out}], dim=1)",
        ]
        b.values.append(Value(out, (n, t + 2 * past, d)))
        return
    inputs.append(f"extra: {first.type}? = none")
    out = b.fresh("v")
    b.lines.append(f"{b.indent}{out} = {first.text} if extra is none else {first.text} + extra")
    b.values.append(Value(out, first.dims, first.dtype))


def _other_method(b: Body, rng: Random) -> None:
    """A second method over the same inputs, with no layers of its own, or a loss."""
    first = b.inputs[0]
    if first.pack or first.dtype != "float":
        return
    b.others += [
        f"    second(y: {first.type}) -> float[{first.dims[0]}]:",
        "        return y -> tanh -> flatten(1) -> sum(dim=1)",
    ]


def _steps(b: Body, count: int) -> None:
    """Append so many steps, each on a value that is mostly the last one."""
    steps, weights = zip(
        *STEPS, *STRUCTURES, *TOWERS, *TRIALS, (library, 22), (wholes.helped, 3), strict=True
    )
    for _ in range(count):
        for _ in range(12):
            v = b.values[-1] if b.rng.random() < 0.7 else b.rng.choice(b.values)
            before = (
                len(b.layers),
                len(b.lines),
                len(b.values),
                len(b.hypers),
                len(b.requires),
                len(b.others),
                set(b.implicit),
                len(b.inputs),
                len(b.added),
                len(b.shown),
                len(b.behind),
            )
            made = b.rng.choices(steps, weights)[0](b, v)
            if made is not None and made.rank <= MAX_RANK and _small(made):
                break
            layers, lines, values, hypers, requires, others, implicit, inputs, added, shown, behind = before
            del (
                b.layers[layers:],
                b.lines[lines:],
                b.values[values:],
                b.hypers[hypers:],
                b.requires[requires:],
                b.others[others:],
                b.inputs[inputs:],
                b.added[added:],
                b.shown[shown:],
                b.behind[behind:],
            )
            b.implicit = implicit


def _small(v: Value) -> bool:
    """Sizes stay tiny and their texts short."""
    if sum(len(str(d)) for d in v.dims) > 80:
        return False
    total = 1
    for d in v.dims:
        total *= d.evaluate(dict.fromkeys(d.symbols, 3))
    return total < 20_000


def _good(v: Value) -> bool:
    return _small(v)


def _some(rng: Random, values: list[Value], count: int) -> list[Value]:
    chosen = {v.text: v for v in (rng.choice(values) for _ in range(count))}
    chosen[values[-1].text] = values[-1]
    return list(chosen.values())
