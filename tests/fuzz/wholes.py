"""What a model has beyond its `forward`: variants, losses, starts, other kinds of inputs and results."""

from __future__ import annotations

from spec_lang.shapes import dim, symbol
from tests.fuzz.bodies import Body, Value

HELPERS = '''LEAST = 2  # a constant
WIDER = LEAST * 2 + 1

fn about_half(n: int, least: int = LEAST) = max(n // 2, least)

fn mixed(x: float[*B, D], y: float[*B, D], share: float = 0.5) -> float[*B, D]:
    """A function with a default."""
    return x * share + y * (1 - share)
'''


def lists(b: Body, inputs: list[str]) -> None:
    """An input that is a list of tensors, of sizes that grow along it."""
    if b.rng.random() > 0.15:
        return
    count, width = b.hyper("count", "int", 2, 1, 3).name, b.hyper("width", "int", 3, 2, 4).name
    name, out = b.fresh("many"), b.fresh("v")
    sums = b.layer(f"[Linear({width} * (i + 1), 3) for i in range({count})]", "each")
    inputs.insert(len(b.inputs), f"{name}: [float[N, {width} * (i + 1)] for i in range({count})]")
    b.lines += [
        f"{b.indent}{out} = zeros(N, 3)",
        f"{b.indent}for i in range({count}):",
        f"{b.indent}    {out} = {out} + {sums}[i]({name}[i])",
    ]
    b.values.append(Value(out, (symbol("N"), dim(3))))


def pairs(b: Body, inputs: list[str]) -> None:
    """An input that is a tuple, with a tuple in it."""
    if b.rng.random() > 0.15:
        return
    name = b.fresh("pair")
    first, second = b.fresh("v"), b.fresh("v")
    width = b.size()
    kinds = f"float[N, {width}]", f"float[N, R, {width}]"
    inputs.insert(len(b.inputs), f"{name}: ({kinds[0]}, ({kinds[1]}, {kinds[1]}))")
    b.lines += [f"{b.indent}{first}, ({second}, _) = {name}"]
    b.values += [Value(first, (symbol("N"), width)), Value(second, (symbol("N"), symbol("R"), width))]


def kept(b: Body, results: list[tuple[str, str]]) -> None:
    """Results that are tuples, lists or not there."""
    roll, v = b.rng.random(), b.results[-1]
    if roll < 0.1:
        results.append((f"({v.type}, ({v.type}, {v.type}))", f"({v.text}, ({v.text}, {v.text}))"))
    elif roll < 0.2 and not v.pack:
        count = b.hyper("count", "int", 2, 1, 3).name
        b.lines += [
            f"{b.indent}kept = []",
            f"{b.indent}for i in range({count}):",
            f"{b.indent}    kept += [{v.text}]",
        ]
        results.append((f"[{v.type} for i in range({count})]", "kept"))


def variants(b: Body) -> list[str]:
    """Models that are this one with other hyperparameters."""
    choices = [h for h in b.hypers if h.others and h.type in ("int", "bool", "float")]
    if not choices or b.rng.random() > 0.25:
        return []
    h = b.rng.choice(choices)
    value = b.rng.choice(h.others)
    trial = {x.name: x.default for x in b.hypers if isinstance(x.default, int)} | {h.name: value}
    if any(r.symbols <= trial.keys() and not r.evaluate(trial) for r in b.requires):  # type: ignore[arg-type]
        return []
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [f"model Other = {b.name}({h.name}={text})\n"]


def loss(b: Body) -> list[str]:
    """A loss of the only result, where it is a float."""
    v = b.results[0]
    static = {h.name for h in b.hypers}
    if any(d.symbols - static and d not in map(symbol, d.symbols) for d in v.dims):
        return []  # its types would not tell what the dims are
    if v.dtype != "float" or v.pack or len(b.results) > 1 or b.rng.random() > 0.3:
        return []
    return [
        f"    loss(made: {v.type}, wanted: {v.type}):",
        '        """How far from what is wanted."""',
        "        return mse_loss(made, wanted) + l1_loss(made * 0.5, wanted)",
    ]


def starts(b: Body) -> list[str]:
    """Rules for how parameters start."""
    kinds = sorted(
        {k for k in ("Linear", "LayerNorm", "Conv2d") if any(f"{k}(" in line for line in b.layers)}
    )
    if not kinds or b.rng.random() > 0.2:
        return []
    rules = {"Linear": "Linear.weight = xavier_uniform()", "LayerNorm": "LayerNorm = constant(0.5)"}
    return ["    init:", *(f"        {rules.get(k, f'{k}.bias = zeros()')}" for k in kinds)]


def helped(b: Body, v: Value) -> Value | None:
    """Constants and functions of the file."""
    if v.dtype != "float" or not v.rank or not b.static(v.dims[-1]):
        return None
    b.needs.add("HELPERS")
    kind = b.rng.randrange(3)
    if kind == 0:
        return b.let(f"{v.text} -> {b.layer('Linear(_, WIDER)', 'fc')}", [*v.dims[:-1], dim(5)], v)
    if kind == 1:
        size = b.rng.randint(2, 9)
        made = b.layer(f"Linear({v.dims[-1]}, about_half({size}))", "fc")
        return b.let(f"{v.text} -> {made}", [*v.dims[:-1], dim(max(size // 2, 2))], v)
    other = b.partner(v.same_type) or v
    share = b.rng.choice(["", ", 0.25", ", share=0.75"])
    return b.let(f"mixed({v.text}, {other.text}{share})", v.dims, v)


def conditioned(b: Body) -> None:
    """Conditions that the caller must meet, and branches on static ones."""
    if b.rng.random() > 0.15 or not any(symbol("T") in v.dims for v in b.inputs):
        return
    limit = b.hyper("limit", "int", 16, 12, 20).name
    flag = b.hyper("flag", "bool", True, False).name
    b.lines.append(
        b.indent
        + b.rng.choice(
            [
                f'require 1 <= T <= {limit}, "a bounded length"',
                f"require T <= {limit} or {flag}",
                f"require T < {limit} and N >= 1",
            ]
        )
    )
