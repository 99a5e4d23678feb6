"""What a list of layers does to a size: each spec holds for lists that are shorter, longer and other than by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fuzz.held import compiled, hold

Rows = tuple[Mapping[str, Any], ...]


def net(hypers: str, layers: str, given: str, results: str, body: str, require: str = "") -> str:
    """A model of lists of layers; lines are parted by `|`."""
    stated = f"    require {require}\n" if require else ""
    members = "".join(f"        {line}\n" for line in layers.split("|"))
    lines = "".join(f"        {line}\n" for line in body.split("|"))
    return f"model Net({hypers}):\n{stated}    layers:\n{members}    forward({given}) -> {results}:\n{lines}"


def chain(items: str, body: str, given: str = "widths[0]", result: str = "widths[-1]") -> str:
    """Convolutions that halve a picture, from one width of a list to the next."""
    return net(
        "widths: list[int] = [3, 6, 4], stem: int = 5",
        f"first = Conv2d(3, stem, 1)|convs = [{items}]",
        f"image: float[N, 3, P, P], x: float[N, {given}, H, W]",
        f"(float[N, stem, P, P], float[N, {result}, _, _])",
        f"{body}|return first(image), x",
        "len(widths) >= 2",
    )


def dense(items: str, body: str, result: str = "d + depth*growth") -> str:
    """Layers on all that the ones before them gave."""
    return net(
        "depth: int = 3, growth: int = 2, d: int = 5",
        f"fs = [{items} for i in range(depth)]",
        "x: float[N, d]",
        f"float[N, {result}]",
        f"{body}|return x",
    )


def parts(body: str, require: str = "low < len(widths)", results: str = "(float[N, _], float[N, _])") -> str:
    """One list whose layers are run by parts of it."""
    return net(
        "widths: list[int] = [6, 4, 5], low: int = 1",
        "convs = [Linear(_, w) for w in widths]|head = Linear(_, 3)",
        "x: float[N, 3]",
        results,
        body,
        require,
    )


def halves(layers: str, body: str, given: str = "x: float[N, 4, H, W]") -> str:
    return net("n: int = 2", layers, given, "float[N, 4, _, _]", f"{body}|return x")


CONV = "3, stride=2, padding=1)"
WIDTHS: Rows = ({}, {"widths": [4, 7]}, {"widths": [7, 2, 3, 9], "stem": 2})
DEPTHS: Rows = ({}, {"depth": 1}, {"depth": 5, "growth": 3, "d": 1})
LOWS: Rows = ({}, {"widths": [2, 3]}, {"widths": [5, 4, 3, 2], "low": 3}, {"widths": [5, 4, 3, 2], "low": 2})
COUNTS: Rows = ({}, {"n": 1}, {"n": 3})
RUN = "for f in fs:|    x = cat([x, f(x)], dim=1)"
AND_REST = "return x -> head, x -> convs[low:]"

HELD: dict[str, tuple[str, Rows]] = {
    "from width to width, run as a whole": (
        chain(f"Conv2d(widths[i], widths[i + 1], {CONV} for i in range(len(widths) - 1)", "x = x -> convs"),
        WIDTHS,
    ),
    "from width to width, gone through": (
        chain(
            f"Conv2d(widths[k], widths[k + 1], {CONV} for k in range(len(widths) - 1)",
            "for c in convs:|    x = x -> c -> relu",
        ),
        WIDTHS,
    ),
    "from width to width, counted": (
        chain(
            f"Conv2d(widths[k], widths[k + 1], {CONV} for k in range(len(widths) - 1)",
            "for i in range(len(widths) - 1):|    x = relu(convs[i](x))",
        ),
        WIDTHS,
    ),
    "from the width before": (
        chain(f"Conv2d(widths[i - 1], widths[i], {CONV} for i in range(1, len(widths))", "x = x -> convs"),
        WIDTHS,
    ),
    "from width to width, zipped": (
        chain(f"Conv2d(a, b, {CONV} for a, b in zip(widths[:-1], widths[1:])", "x = x -> convs"),
        WIDTHS,
    ),
    "from width to width, enumerated": (
        chain(f"Conv2d(widths[i], w, {CONV} for i, w in enumerate(widths[1:])", "x = x -> convs"),
        WIDTHS,
    ),
    "from a stem, then from width to width": (
        chain(
            f"Conv2d(3 if i == 0 else widths[i - 1], w, {CONV} for i, w in enumerate(widths)",
            "for c in convs:|    x = x -> c -> relu",
            "3",
        ),
        WIDTHS,
    ),
    "from width to width behind a stem": (
        chain(
            "Conv2d(widths[i - 1] if i > 0 else stem, widths[i], 3, stride=1 if i == 0 else 2, padding=1)"
            " for i in range(len(widths))",
            "x = x -> convs",
            "stem",
        ),
        WIDTHS,
    ),
    "the last width by its number": (
        chain(
            f"Conv2d(widths[i], widths[i + 1], {CONV} for i in range(len(widths) - 1)",
            "x = x -> convs",
            result="widths[len(widths) - 1]",
        ),
        WIDTHS,
    ),
    "all that came before": (dense("Linear(d + i*growth, growth)", RUN), DEPTHS),
    "all that came before, enumerated": (
        dense("Linear(d + i*growth, growth)", "for k, f in enumerate(fs):|    x = cat([x, f(x)], dim=1)"),
        DEPTHS,
    ),
    "all that came before, counted": (
        dense("Linear(d + i*growth, growth)", "for k in range(depth):|    x = cat([x, fs[k](x)], dim=1)"),
        DEPTHS,
    ),
    "all that came before, normalised": (
        dense("Sequential(LayerNorm(d + i*growth), Linear(_, growth))", RUN),
        DEPTHS,
    ),
    "each result twice": (
        dense(
            "Linear(d + 2*i*growth, growth)",
            "for f in fs:|    y = f(x)|    x = cat([x, y, y], dim=1)",
            "d + 2*depth*growth",
        ),
        DEPTHS,
    ),
    "a block of an implicit dim that grows": (
        """
block Dense(growth: int, depth: int):
    layers:
        fs = [Linear(D + i * growth, growth) for i in range(depth)]
    forward(x: float[N, D]) -> float[N, D + depth * growth]:
        for f in fs:
            x = cat([x, f(x)], dim=1)
        return x

model Net(depth: int = 4, growth: int = 3):
    layers:
        a = Dense(growth, depth)
        b = Dense(2, 3)
    forward(x: float[N, 5]) -> float[N, 5 + growth*depth + 6]:
        return x -> a -> b
""",
        ({}, {"depth": 1}, {"depth": 5, "growth": 1}),
    ),
    "blocks that state what they take": (
        """
block Part(d: int, growth: int):
    layers:
        norm = LayerNorm(d)
        fc = Linear(d, growth)
    forward(x: float[N, d]) -> float[N, d + growth]:
        return cat([x, x -> norm -> fc], dim=1)

model Net(depth: int = 3, d: int = 4, growth: int = 2):
    layers:
        parts = [Part(d + i*growth, growth) for i in range(depth)]
        head = Linear(d + depth*growth, 3)
    forward(x: float[N, d]) -> float[N, 3]:
        return x -> parts -> head
""",
        DEPTHS,
    ),
    "blocks from width to width": (
        """
block Part(d: int, out: int):
    layers:
        fc = Linear(d, out)
    forward(x: float[N, d]) -> float[N, out]:
        return fc(x)

model Net(widths: list[int] = [3, 4, 5]):
    require len(widths) >= 2
    layers:
        parts = [Part(widths[i], widths[i + 1]) for i in range(len(widths) - 1)]
    forward(x: float[N, widths[0]]) -> float[N, widths[-1]]:
        for part in parts:
            x = part(x)
        return x
""",
        ({}, {"widths": [4, 2]}, {"widths": [4, 2, 7, 1]}),
    ),
    "one list states what another infers": (
        net(
            "depth: int = 3, growth: int = 2, d: int = 5",
            "norms = [LayerNorm(d + i*growth) for i in range(depth)]|fs = [Linear(_, growth) for i in range(depth)]",
            "x: float[N, d]",
            "float[N, _]",
            "for norm, f in zip(norms, fs):|    x = cat([x, x -> norm -> f], dim=1)|return x",
        ),
        DEPTHS,
    ),
    "two lists, each with a size of its own": (
        net(
            "widths: list[int] = [3, 4, 5], n: int = 4",
            "a = [Linear(widths[i], widths[i + 1]) for i in range(len(widths) - 1)]"
            "|b = [Linear(n + i, n + i + 1) for i in range(len(widths) - 1)]",
            "x: float[N, widths[0]], y: float[N, n]",
            "(float[N, widths[-1]], float[N, _])",
            "for f, g in zip(a, b):|    x = f(x)|    y = g(y)|return x, y",
            "len(widths) >= 2",
        ),
        ({}, {"widths": [4, 2]}, {"widths": [4, 2, 7, 1]}),
    ),
    "two lists on one size": (
        net(
            "widths: list[int] = [3, 4, 5]",
            "a = [Linear(_, w) for w in widths]|b = [Linear(_, v) for v in widths]",
            "x: float[N, 2]",
            "float[N, widths[-1]]",
            "for f, g in zip(a, b):|    x = f(x) + g(x)|return x",
            "len(widths) >= 1",
        ),
        ({}, {"widths": [4]}, {"widths": [4, 2, 7, 1]}),
    ),
    "two lists on one size, counted": (
        net(
            "widths: list[int] = [3, 4, 5]",
            "a = [Linear(_, w) for w in widths]|b = [Linear(_, widths[i]) for i in range(len(widths))]",
            "x: float[N, 2]",
            "float[N, widths[-1]]",
            "for i in range(len(widths)):|    x = a[i](x) + b[i](x)|return x",
            "len(widths) >= 1",
        ),
        ({}, {"widths": [4]}, {"widths": [4, 2, 7, 1]}),
    ),
    "the first layers, then the rest, counted": (
        parts(
            "for i in range(low):|    x = convs[i](x)|y = x -> head"
            "|for i in range(low, len(widths)):|    x = convs[i](x)|return y, x"
        ),
        LOWS,
    ),
    "the rest counted from nought": (
        parts(
            "for i in range(low):|    x = convs[i](x)|y = x -> head"
            "|for i in range(len(widths) - low):|    x = convs[low + i](x)|return y, x"
        ),
        LOWS,
    ),
    "slices gone through": (
        parts(
            "for c in convs[:low]:|    x = c(x)|y = x -> head|for c in convs[low:]:|    x = c(x)|return y, x"
        ),
        LOWS,
    ),
    "slices run": (parts(f"x = x -> convs[:low]|{AND_REST}"), LOWS),
    "slices counted in between": (
        parts(
            "x = x -> convs[:low]|y = x"
            "|for i, c in enumerate(convs[low:]):|    y = c(y) * (i + 1)|return x -> head, y"
        ),
        LOWS,
    ),
    "a slice of a slice's rest": (parts(f"x = x -> convs[:1] -> convs[1:low]|{AND_REST}"), LOWS),
    "all but the last": (
        parts("x = x -> convs[:-1]|return x -> head, x -> convs[-1]", "low == 1 and len(widths) >= 2"),
        ({}, {"widths": [2, 3]}, {"widths": [5, 4, 3, 2]}),
    ),
    "a slice of layers from width to width": (
        net(
            "widths: list[int] = [3, 6, 4, 5], low: int = 1",
            "convs = [Linear(widths[i], widths[i + 1]) for i in range(len(widths) - 1)]|head = Linear(widths[low], 3)",
            "x: float[N, widths[0]]",
            "(float[N, 3], float[N, widths[-1]])",
            f"x = x -> convs[:low]|{AND_REST}",
            "low < len(widths)",
        ),
        LOWS,
    ),
    "slices of layers that are written out": (
        net(
            "n: int = 3",
            "a = [Linear(4, 4), Tanh(), Linear(4, 5)]|b = [Linear(5, 5) for i in range(n)]",
            "x: float[N, 4]",
            "float[N, 5]",
            "x = x -> a[:2] -> a[2:] -> b[1:]|return b[0](x)",
            "n >= 2",
        ),
        ({}, {"n": 2}, {"n": 5}),
    ),
    "one list on two inputs": (
        net(
            "n: int = 3",
            "fs = [Linear(_, 8) for i in range(n)]",
            "x: float[N, 3], y: float[M, 3]",
            "(float[N, 8], float[M, 8])",
            "return fs(x), fs(y)",
        ),
        COUNTS,
    ),
    "a known layer of a list that was run": (
        net(
            "widths: list[int] = [4, 5]",
            "fs = [Linear(_, w) for w in widths]",
            "x: float[N, 3], y: float[M, widths[0]]",
            "(float[N, _], float[M, _])",
            "return fs(x), fs[1](y)",
            "len(widths) >= 2",
        ),
        ({}, {"widths": [2, 3, 4]}),
    ),
    "pooled n times": (
        halves("d = Dropout(0.1)", "for i in range(n):|    x = x -> max_pool2d(2) -> d"),
        COUNTS,
    ),
    "halved by convolutions": (
        halves("fs = [Conv2d(4, 4, 2, stride=2) for i in range(n)]", "x = x -> fs"),
        COUNTS,
    ),
    "halved, rounded up": (
        halves(f"fs = [Conv2d(4, 4, {CONV} for i in range(n)]", "for f in fs:|    x = x -> f -> relu"),
        COUNTS,
    ),
    "halved from a known size, and flattened": (
        net(
            "n: int = 3",
            "fs = [Conv2d(4, 4, 2, stride=2) for i in range(n)]|fc = Linear(_, 3)",
            "x: float[N, 4, 64, 64]",
            "float[N, 3]",
            "return x -> fs -> flatten(1) -> fc",
        ),
        ({}, {"n": 1}, {"n": 5}, {"n": 6}),
    ),
    "widths that halve": (
        net(
            "d: int = 64, n: int = 3",
            "fs = [Linear(d // 2**i, d // 2**(i + 1)) for i in range(n)]",
            "x: float[N, d]",
            "float[N, d // 2**n]",
            "return x -> fs",
        ),
        ({}, {"n": 1}, {"n": 4, "d": 17}),
    ),
    "widths that double while a picture halves": (
        net(
            "c: int = 2, n: int = 2",
            f"fs = [Conv2d(c * 2**i, c * 2**(i + 1), {CONV} for i in range(n)]",
            "x: float[N, c, H, W]",
            "float[N, c * 2**n, _, _]",
            "for f in fs:|    x = x -> f -> relu|return x",
        ),
        ({}, {"n": 1}, {"n": 3, "c": 1}),
    ),
    "a size that a loop takes from": (
        net(
            "n: int = 3",
            "d = Dropout(0.1)",
            "x: float[N, 9]",
            "float[N, _]",
            "for i in range(n):|    x = x[:, 1:]|return d(x)",
        ),
        ({}, {"n": 1}, {"n": 8}),
    ),
    "a list of tensors that stays what it is": (
        net(
            "n: int = 2, depth: int = 3",
            "fs = [Dropout(0.1) for i in range(depth)]",
            "x: float[N, 8, L]",
            "[float[N, 8, L + i] for i in range(n)]",
            "xs = [zeros([N, 8, L + i]) for i in range(n)]|for i in range(depth):|    xs = [fs[i](y) for y in xs]|return xs",
        ),
        ({}, {"n": 1}, {"depth": 1}),
    ),
}


def pairs(
    body: str, items: str = "w in widths", layers: str = "", hypers: str = "", require: str = ""
) -> str:
    """Layers into sizes of a list, and layers that infer what they take of them."""
    return net(
        "widths: list[int] = [3, 4]",
        f"fs = [Linear(2, w) for w in widths]|gs = [Linear(_, 2) for {items}]",
        "x: float[N, 2]",
        "float[N, 2]",
        f"y = zeros([N, 2])|{body}|return y",
        "len(widths) >= 2",
    )


PAIRS: Rows = ({}, {"widths": [5, 3, 4]})
COUNTED = "range(len(widths))"
HELD |= {
    "one list takes what another gives, zipped": (
        pairs("for f, g in zip(fs, gs):|    y = y + g(f(x))", "v in widths"),
        PAIRS,
    ),
    "one list takes what another gives, made by count": (
        pairs("for f, g in zip(fs, gs):|    y = y + g(f(x))", f"i in {COUNTED}"),
        PAIRS,
    ),
    "one list takes what another gives, enumerated": (
        pairs("for i, f in enumerate(fs):|    y = y + gs[i](f(x))"),
        PAIRS,
    ),
    "one list takes what another gives, counted": (
        pairs(f"for i in {COUNTED}:|    y = y + gs[i](fs[i](x))"),
        PAIRS,
    ),
    "the first ones apart": (
        pairs("for f, g in zip(fs[1:], gs[1:]):|    y = y + g(f(x))|y = y + gs[0](fs[0](x))"),
        PAIRS,
    ),
    "both from the last on": (
        pairs("for f, g in zip(reversed(fs), reversed(gs)):|    y = y + g(f(x))"),
        PAIRS,
    ),
}

EIGHTS = "fs = [Linear(_, 8) for i in range(n)]"


def eights(body: str, given: str = "x: float[N, 3]", layers: str = EIGHTS) -> str:
    """A list whose first layer alone takes another size than the others."""
    return net("n: int = 3", layers, given, "float[N, 8]", body, "n >= 2")


REFUSED: dict[str, tuple[str, str]] = {
    "each takes the width after the next": (
        chain(f"Conv2d(widths[i], widths[i + 2], {CONV} for i in range(len(widths) - 2)", "x = x -> convs"),
        "E0301",
    ),
    "each takes what it gives": (
        chain(
            f"Conv2d(3 if i == 0 else widths[i], w, {CONV} for i, w in enumerate(widths)",
            "x = x -> convs",
            "3",
        ),
        "E0301",
    ),
    "each takes more than came": (dense("Linear(d + 2*i*growth, growth)", RUN), "E0301"),
    "the first layer on what only the others take": (eights("x = x -> fs|return fs[0](x)"), "E0313"),
    "the list again on what only the others take": (
        eights("return (x -> fs) + (y -> fs)", "x: float[N, 3], y: float[N, 8]"),
        "E0313",
    ),
    "each of the list on what only the others take": (
        eights(
            "x = x -> fs|for i in range(n):|    y = fs[i](y)|return x + y", "x: float[N, 3], y: float[N, 8]"
        ),
        "E0313",
    ),
    "from the second on, where the first has no size": (
        net(
            "n: int = 3",
            "fs = [Linear(_, max(1, 8 // (i + 1))) for i in range(n)]",
            "x: float[N, 4]",
            "float[N, _]",
            "return x -> fs[1:]",
        ),
        "E0310",
    ),
    "a width that runs inside each item": (
        net(
            "",
            "fs = [[Conv1d(_, w, 1, stride=2) for j in range(i + 1)] for i, w in enumerate([4, 8])]",
            "x: float[N, 4, T]",
            "float[N, _, _]",
            "for some in fs:|    x = x -> some|return x",
        ),
        "E0310",
    ),
    "results of loops inside two items": (
        net(
            "",
            "fs = [[Conv1d(4, 4, 1, stride=2) for j in range(k)] for k in [1, 3]]",
            "x: float[N, 4, T]",
            "float[N, 8, _]",
            "return cat([x -> some for some in fs], dim=1)",
        ),
        "E0323",
    ),
    "results of loops inside two items, appended": (
        net(
            "",
            "fs = [[Conv1d(4, 4, 1, stride=2) for j in range(k)] for k in [1, 3]]",
            "x: float[N, 4, T]",
            "float[N, 8, _]",
            "ys = []|for some in fs:|    ys += [x -> some]|return cat(ys, dim=1)",
        ),
        "E0323",
    ),
    "results of loops inside items of any number": (
        net(
            "ks: list[int] = [1, 3]",
            "fs = [[Conv1d(4, 4, 1, stride=2) for j in range(k)] for k in ks]",
            "x: float[N, 4, T]",
            "float[N, _, _]",
            "return cat([x -> some for some in fs], dim=1)",
        ),
        "E0323",
    ),
    "sizes that loops inside each item give": (
        net(
            "pairs: list[(int, int)] = [(4, 1), (8, 3)]",
            "fs = [[Conv1d(_, w, 1, stride=2) for j in range(k)] for w, k in pairs]",
            "x: float[N, 4, T]",
            "float[N, _, _]",
            "ys = []|for some in fs:|    x = x -> some|    ys += [x]|return cat(ys, dim=1)",
        ),
        "E0323",
    ),
    "the first layer twice": (eights("for i in range(n):|    x = fs[i // 2](x)|return x"), "E0310"),
    "one layer n times": (
        eights("for i in range(n):|    x = fc(x)|return x", layers="fc = Linear(_, 8)"),
        "E0310",
    ),
    "the first list of lists again": (
        eights(
            "for f in fs:|    x = x -> f|return x -> fs[0]",
            layers="fs = [[Linear(_, 8) for j in range(2)] for i in range(n)]",
        ),
        "E0313",
    ),
    "a layer is left out": (
        parts("x = x -> convs[:low]|return x -> head, x -> convs[low + 1:]"),
        "E0313",
    ),
    "more layers than there are": (
        parts("x = x -> convs|return x -> head, x -> convs[len(widths) + 1:]"),
        "E0303",
    ),
    "sizes for layers that a part leaves out": (
        net(
            "widths: list[int] = [6, 4, 5], low: int = 1, heads: list[int] = [5]",
            "convs = [Linear(_, 4) for w in widths]|hs = [Linear(4, h) for h in heads]",
            "x: float[N, 3]",
            "float[N, _]",
            "for i in range(low):|    x = hs[i](convs[i](x))|return x",
            "low < len(widths) and len(heads) == low",
        ),
        "E0310",
    ),
}

BLOCKS = """
record Stage:
    out: int

block Pair(out: int):
    layers:
        u = Linear(2, out)
        d = Linear(out, 2)
    forward(x: float[N, 2]) -> float[N, 2]:
        return x -> u -> d
    up(x: float[N, 2]) -> float[N, out]:
        return u(x)
    down(x: float[N, out]) -> float[N, 2]:
        return d(x)

"""


def two(body: str, record: bool) -> str:
    """Two items of one list of blocks, the second on what the first gives."""
    items, out = ("list[Stage] = [Stage(3), Stage(4)]", "w.out") if record else ("list[int] = [3, 4]", "w")
    return BLOCKS + net(
        f"widths: {items}",
        f"fs = [Pair({out}) for w in widths]",
        "x: float[N, 2]",
        "float[N, 2]",
        f"y = zeros([N, 2])|{body}|return y",
        "len(widths) >= 2",
    )


TWO = {
    "counted twice": f"for i in {COUNTED}:|    for j in {COUNTED}:|        y = y + fs[j].down(fs[i].up(x))",
    "gone through twice": "for f in fs:|    for g in fs:|        y = y + g.down(f.up(x))",
    "gone through and counted": f"for f in fs:|    for j in {COUNTED}:|        y = y + fs[j].down(f.up(x))",
    "the other way round": "for f, g in zip(fs, reversed(fs)):|    y = y + g.down(f.up(x))",
    "each and the one before it": "for f, g in zip(fs[1:], fs[:-1]):|    y = y + g.down(f.up(x))",
    "each and the one after it": "for i in range(len(widths) - 1):|    y = y + fs[i + 1].down(fs[i].up(x))",
    "the last and each": f"z = fs[0].up(x)|for i in {COUNTED}:|    z = fs[i].up(x)"
    f"|for i in {COUNTED}:|    y = y + fs[i].down(z)",
}
REFUSED |= {
    f"two items, {name}{', of a record' * record}": (two(body, record), "E0301")
    for name, body in TWO.items()
    for record in (False, True)
}
REFUSED |= {
    "one layer on what each of a list gives": (pairs("for f in fs:|    y = y + gs[0](f(x))"), "E0307"),
    "one layer on what each gives, counted": (
        pairs(f"for i in {COUNTED}:|    y = y + gs[0](fs[i](x))", f"i in {COUNTED}"),
        "E0307",
    ),
    "a list that is longer than what its sizes are made of": (
        net(
            "widths: list[int] = [6, 4, 5], heads: list[int] = [5]",
            "gs = [Linear(_, 4) for w in widths]|hs = [Linear(2, h) for h in heads]",
            "x: float[N, 2]",
            "float[N, 4]",
            "y = zeros([N, 4])|for i in range(len(heads)):|    y = y + gs[i](hs[i](x))|return y",
            "len(heads) < len(widths)",
        ),
        "E0307",
    ),
    "sizes that shrink past nought behind a part": (
        net(
            "n: int = 9, low: int = 1, d: int = 4",
            "gs = [Linear(_, 4) for i in range(n)]",
            "x: float[N, d]",
            "float[N, 4]",
            "y = zeros([N, 4])|for i in range(low):|    y = y + gs[i](x[:, i:])|return y",
            "low < n and low < d",
        ),
        "E0307",
    ),
    "a parameter in a block of the list": (
        BLOCKS
        + """
block Part(out: int):
    layers:
        fc = Linear(_, out)
    forward(x: float[N, C]) -> float[N, out]:
        return fc(x)
"""
        + net(
            "n: int = 3",
            "fs = [Part(8) for i in range(n)]",
            "x: float[N, 3]",
            "float[N, 8]",
            "x = fs(x)|return fs[0].fc(x)",
            "n >= 2",
        ),
        "E0301",
    ),
}


HELD |= {
    "from the second on": (
        eights("for i in range(1, n):|    x = fs[i](x)|return x"),
        ({}, {"n": 2}, {"n": 5}),
    ),
    "from the last on": (
        eights("for i in range(n):|    x = fs[n - 1 - i](x)|return x"),
        ({}, {"n": 2}, {"n": 5}),
    ),
    "from the last on, of a known number": (
        eights(
            "for i in range(4):|    x = fs[3 - i](x)|return x", layers="fs = [Linear(_, 8) for i in range(4)]"
        )
        .replace("n: int = 3", "")
        .replace("    require n >= 2\n", ""),
        ({},),
    ),
    "results of the other way round": (
        pairs("zs = [gs[len(widths) - 1 - i](f(x)) for i, f in enumerate(fs)]|for z in zs:|    y = y + z"),
        PAIRS,
    ),
    "widths by a truth of each, from the last on": (
        net(
            "flags: list[bool] = [true, false, true]",
            "fs = [Linear(_, 8 if f else 4) for f in flags]|head = Linear(_, 5)",
            "x: float[N, 4]",
            "float[N, 5]",
            "for f in reversed(fs):|    x = x -> f -> relu|return x -> head",
        ),
        ({}, {"flags": [False]}, {"flags": [True, True, False, True]}),
    ),
    "widths by a truth of each, all of them": (
        net(
            "flags: list[bool] = [true, false, true], rates: list[float] = [0.1, 0.5, 0.2]",
            "fs = [Linear(4, 8 if f else 3) for f in flags]|gs = [Linear(4, 6 if p > 0.3 else 2) for p in rates]|head = Linear(_, 5)",
            "x: float[N, 4]",
            "float[N, 5]",
            "return cat([f(x) for f in fs] + [g(x) for g in gs], dim=1) -> head",
        ),
        ({}, {"flags": [False], "rates": [0.9]}, {"flags": [True, True, False, True], "rates": [0.1, 0.2]}),
    ),
    "a dict of one dict": (
        net(
            "n: int = 3",
            'fs = {**{f"l{i}": Linear(4, 4) for i in range(n)}}',
            "x: float[N, 4]",
            "float[N, 4]",
            'for k in range(n):|    x = x -> fs[f"l{k}"]|return x',
        ),
        COUNTS,
    ),
    "a container of one list, from the last on": (
        net(
            "widths: list[int] = [4, 6, 8]",
            "fs = Sequential(*[Sequential(Linear(_, w), ReLU()) for w in widths])",
            "x: float[N, 4]",
            "float[N, widths[0]]",
            "for f in reversed(fs):|    x = x -> f|return x",
            "len(widths) >= 1",
        ),
        ({}, {"widths": [7]}, {"widths": [7, 2, 3, 9]}),
    ),
    "the first of some lists differs, and other sizes run": (
        net(
            "c: int = 5",
            "fs = [Sequential(*[Conv1d(_, w, 1, stride=2) for j in range(i + 1)]) for i, w in enumerate([4, 4])]",
            "x: float[N, c, T]",
            "float[N, 4, _]",
            "for f in fs:|    x = x -> f|return x",
        ),
        ({}, {"c": 3}),
    ),
    "the first of some lists differs": (
        net(
            "c: int = 5",
            "fs = [Sequential(*[Linear(_, w) for j in range(i + 1)]) for i, w in enumerate([4, 4])]",
            "x: float[N, c]",
            "float[N, 4]",
            "for f in fs:|    x = x -> f|return x",
        ),
        ({}, {"c": 3}),
    ),
    "from the last width on": (
        net(
            "widths: list[int] = [3, 6, 4], stem: int = 5",
            "fs = [Linear(_, 2 * w) for w in widths]",
            "x: float[N, stem]",
            "float[N, 2*widths[0]]",
            "for f in reversed(fs):|    x = x -> f -> relu|return x",
            "len(widths) >= 1",
        ),
        ({}, {"widths": [7], "stem": 2}, {"widths": [7, 2, 3, 9], "stem": 2}),
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_held(name: str) -> None:
    text, rows = HELD[name]
    hold(text, rows)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, code = REFUSED[name]
    assert [d.code for d in compiled(text).diagnostics if d.severity == "error"][:1] == [code]


def test_the_lists_own_variable() -> None:
    """A layer of a list is told by the variable of the comprehension that made it."""
    [mistake] = compiled(dense("Linear(d + 2*i*growth, growth)", RUN)).diagnostics
    assert mistake.message.startswith("fs takes d + 2*growth*i input features")
