"""Specs that random programs once broke, each as small as it could be made."""

from __future__ import annotations

import pytest

from tests.fuzz.held import compiled, hold

FOUND = {
    "parts of containers into which lists are spread": """
model Net(w: list[int] = [4, 8, 8], n: int = 3, k: int >= 0 = 1, c: int = 4):
    require k <= n
    layers:
        body = [Identity(), *[Linear(_, q) for q in w], Linear(_, c), ReLU()]
        seq  = Sequential(*[Linear(c, c) for i in range(n)])
        ends = Sequential(Linear(c, c), *[Linear(c, c) for i in range(n)], Tanh())
    forward(x: float[N, c]) -> (float[N, c], float[N, c]):
        x = x -> body[:1]
        for layer in body[1:-2]:
            x = layer(x) -> relu
        x = x -> body[-2:]
        y = x -> seq[:-1] -> seq[:k] -> seq[-1:] -> seq[k:]
        return x, y -> ends[2:] -> ends[:-2] -> ends[-1:] -> ends[1:-1]
""",
    "how many strings there are that are gone through from behind": """
model Net(acts: list["relu" | "tanh"] = ["relu", "tanh"]):
    layers:
        body = [Sequential(Linear(_, 4), ReLU() if a == "relu" else Tanh()) for a in reversed(acts)]

    forward(x: float[N, 4]) -> float[N, _, _]:
        return stack([x -> layer for layer in body], dim=1)
""",
    "items of a comprehension that are none keep their places": """
model Net(n: int = 3, c: int = 4):
    layers:
        rows  = [[none if i == j else Linear(c, c) for j in range(n)] for i in range(n)]
        one   = [Linear(c, c), *[none if i == 1 else Linear(c, c) for i in range(n)]]
        named = {f"l{i}": none if i == 1 else Linear(c, c) for i in range(n)}
        fewer = [Linear(c, c), none if n == 3 else Linear(c, c), Linear(c, c)]
    forward(x: float[N, c]) -> float[N, c]:
        for i in range(n):
            for j in range(n):
                if j != i:
                    x = rows[i][j](x)
            if i != 1:
                x = x + one[i + 1](x) * named[f"l{i}"](x)
        for i, row in enumerate(rows):
            for layer in row:
                if layer is not none:
                    x = layer(x) * (i + 1) * len(row)
        return x -> fewer
""",
    "items that are one value or another, or may be none, in comparisons": """
record Part:
    k: int = 3

model Net(n: int = 4, a: int = 4, p: bool = true, q: int? = none, s: Part = Part(), t: Part = Part(4)):
    require n in [a if p else 5]
    require [n, 2] == [q if q is not none else n, 2]
    forward(x: float[N, a]) -> float[N, a]:
        y = x + 1 if n in [a if p else 5] else x
        if s == t or n in [q]:
            y = y * 2
        if s in [Part(), t]:
            y = y * 3
        return y * (2 if 4 in [q, n, 3] else 5)
""",
    "floats of a list, by their places": """
model Net(ps: list[float] = [0.5, 0.25], n: int = 2):
    layers:
        drops = [Dropout(ps[i]) for i in range(n)]
    forward(x: float[N, 3], k: int[N, 3]) -> (float[N, 3], float[N, 3]):
        for i in range(len(ps)):
            x = dropout(x, ps[i]) * ps[i]
        return x -> drops, k * ps[n - 1]
""",
    "functions over hyperparameters: what their bodies count, and what they owe": """
fn scaled(n: int, k: int) = [i * k for i in range(n)]
fn same(n: int, k: int) = [n * k for q in range(n)]
fn first(xs: list[int]) = xs[0] + xs[1]

model Net(n: int = 3, q: int = 2, ws: list[int] = [4, 5]):
    layers:
        fcs  = [Linear(4, scaled(3, i + 1)[1]) for i in range(n)]
        more = Linear(4, same(3, q)[0])
    forward(x: float[N, 4]) -> (float[N, n], float[N, 3*q], [float[N, 1] for i in range(n)]):
        x = x * (first(ws) if n > 2 else 7)
        return fcs[n - 1](x), more(x), [sum(f(x), dim=1, keepdim=true) for f in fcs]
""",
    "lists of layers of any length, gone through item by item": """
model Net(n: int = 3, dim: int = 4):
    layers:
        down  = [Linear(dim * 2**i, dim * 2**(i + 1)) for i in range(n)]
        up    = [Linear(dim * 2**(i + 1), dim * 2**i) for i in range(n)]
        mixed = [*[Linear(dim, dim) for i in range(n)], Linear(dim, dim)]
        two   = [Linear(dim, dim + i) for i in range(2)]
    forward(x: float[N, dim]) -> (float[N, dim], float[3, N, dim]):
        for layer in down:
            x = layer(x)
        for layer in reversed(up):
            x = layer(x)
        for layer in mixed:
            x = layer(x)
        return x, stack([q + (sum(layer(q), dim=-1, keepdim=true)) for layer in [*two, two[0]] for q in [x]])
""",
    "functions that tensors have no method for": """
model Net():
    forward(x: float[N, 3]) -> (float[N, 3], bool[N, 3], float[2*N, 3]):
        return x.rsub(2.0) + x.zeros_like() + x.full_like(3.0), x.ones_like(dtype=bool), [x, x].cat(dim=0)
""",
    "methods whose arguments stand elsewhere or are called something else": """
model Net():
    forward(x: float[N, 4], m: bool[N, 4]) -> (bool[N, 4], float[N, 4], float[N, 4], float[N, 2], float[N, 2]):
        a, b = x.split(split_size_or_sections=2, dim=1)
        return m.where(m, ~m), m.where(x, 0.0), m -> where(x, 1.0), a, b
""",
    "patterns with numbers, and reductions of truths": """
model Net():
    forward(x: float[N, T], m: bool[N, T]) -> (float[2, N, 3, T], float[2*N, T], bool[N], bool[T], bool[1]):
        return (
            x -> repeat("n t -> 2 n 3 t"),
            x -> repeat("n t -> (2 n) t"),
            m -> reduce("n t -> n", "any"),
            m -> reduce("n t -> t", reduction="all"),
            m -> reduce("n t -> 1", "any"),
        )
""",
    "a Sequential spliced into a list, and axes behind any number of dims": """
block Part(out: int):
    layers:
        many = [Tanh(), *Sequential(Linear(_, out), ReLU()), *[Linear(out, out) for i in range(2)]]
    forward(x: float[*B, D]) -> float[*B, 2*out]:
        y = x -> many
        return cat([y, y.unsqueeze(-1) -> squeeze(-1)], dim=-1)

model Net():
    layers:
        part = Part(3)
    forward(x: float[N, 4]) -> float[N, 6]:
        return part(x)
""",
    "layers that are none, in lists and dicts": """
block Part(depth: int):
    layers:
        few   = [Tanh(), Linear(D, D) if depth > 1 else none, none, Linear(D, D), *Sequential(Linear(D, D), ReLU())]
        table = {"a": Linear(D, D) if depth > 1 else none, "b": Linear(D, D)}
    forward(x: float[*B, D]) -> float[*B, D]:
        x = x -> few
        if table["a"] is not none:
            x = table["a"](x)
        return x if table["a"] is none else table["b"](x)

model Net():
    layers:
        first  = Part(1)
        second = Part(2)
    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> first -> second
""",
    "a dict of one layer, named by a list": """
block Part(names: list[str]):
    layers:
        heads = {name: Linear(_, 3) for name in names}
    forward(x: float[*B, D]) -> float[*B, 3]:
        y = heads[names[0]](x)
        for name in names[1:]:
            y = y + heads[name](x)
        return y

model Net():
    layers:
        first  = Part(["one"])
    forward(x: float[N, 4]) -> float[N, 3]:
        return first(x)
""",
    "the length of a list with another one in it": """
block Part(depth: int):
    layers:
        few  = [*[Linear(D, D) for i in range(depth)], ReLU()]
        rows = [[Linear(D, D) for j in range(depth)], Sequential(*[Tanh() for i in range(depth)])]
    forward(x: float[*B, D]) -> float[*B, D]:
        for i in range(len(few)):
            x = x * (i + 1)
        for i, (one, other) in enumerate(zip(few, few)):
            x = one(x) + other(x) * i
        return x -> few -> rows[0] -> rows[1] -> rows[0][-1]

model Net():
    layers:
        part = Part(2)
    forward(x: float[N, 4]) -> float[N, 4]:
        return part(x)
""",
    "the last item of the list that another block gets": """
block Head(dims: list[int]):
    layers:
        fc = [Linear(_, dims[i]) for i in range(len(dims))]

    forward(x: float[N, 3]) -> float[N, dims[len(dims) - 1]]:
        return x -> fc

model Net(widths: list[int] = [4, 5]):
    layers:
        a = Head(widths)
        b = Linear(_, 3)

    forward(x: float[N, 3]) -> float[N, 3]:
        return x -> a -> b
""",
    "lists of layers spread in others, gone through layer by layer and from the end": """
block Part(depth: int):
    layers:
        many = Sequential(*[Linear(D, D) for i in range(depth)])
        more = [Tanh(), *[Linear(D, D) for i in range(depth)], ReLU()]
    forward(x: float[*B, D]) -> float[*B, D]:
        for i, layer in enumerate(many):
            x = x + layer(x) * i
        for i, (one, other) in enumerate(zip(more, more)):
            x = one(x) + other(x) * i
        return x

model Net(depth: int = 2):
    layers:
        part = Part(depth)
        back = [Linear(_, w) for w in [3, 5, 4]]
        rest = [Identity(), *[Linear(3, 3) for i in range(2)]]
    forward(x: float[N, 4]) -> float[N, 6]:
        x = x -> part
        ys = []
        for layer in reversed(back):
            x = x -> layer
        for layer in rest:
            ys += [layer(x)]
        return cat([ys[0] + ys[2], ys[1]], dim=1)
""",
    "sizes along lists that are made by steps, or inside a list of others": """
model Net(n: int = 3, low: int = 2):
    layers:
        steps = [Linear(_, i) for i in range(2, 2 * n + 2, 2)]
        shift = [Linear(_, i) for i in range(low, n + low)]
        inner = [[Linear(_, i + 4) for j in range(2)] for i in range(n)]
        outer = Sequential(*[Sequential(*[Linear(_, 4 * i) for j in range(2)]) for i in range(1, n)])
        head  = Linear(_, 6)
    forward(x: float[N, 4]) -> float[N, 6]:
        x = x -> steps -> shift
        for some in inner:
            for layer in some:
                x = x -> layer
        return x -> outer -> head
""",
    "a list of layers of the sizes of a list of names": """
model Net(c: int = 4):
    let sizes = [c, 2 * c, 4 * c]
    layers:
        heads = [Linear(_, w) for w in sizes]
    forward(x: float[N, c]) -> float[N, 7*c]:
        return cat([x -> head for head in heads], dim=1)
""",
    "layers of known sizes that are spread among others, one by one": """
model Net():
    layers:
        body = [*[Linear(_, w) for w in [4, 8]], ReLU()]
    forward(x: float[N, 4]) -> float[N, 16]:
        return cat([x -> layer for layer in body], dim=1)
""",
    "a list of lists of layers that is made item by item": """
model Net(acts: list[str] = ["relu", "tanh"]):
    require len(acts) == 2
    layers:
        body = [[Sequential(Linear(4, 4), ReLU() if a == "relu" else Tanh()) for j in range(2)] for a in acts]
    forward(x: float[N, 4]) -> float[N, 4]:
        for some in body:
            x = x -> some
        for some in body:
            for layer in some:
                x = x -> layer
        return x -> body[1][0]
""",
    "a scalar's PReLU": """
model Net():
    forward(x: float[], weight: float[1]) -> (float[], float[]):
        return prelu(x, weight), (x * 2) -> prelu(weight) -> tanhshrink
""",
    "a recurrence of which a result in the middle is not read": """
model Net():
    layers:
        rnn = LSTM(_, 5, batch_first=true)
    forward(x: float[N, 6, 3], h: float[1, N, 5], c: float[1, N, 5]) -> (float[N, 6, 5], float[1, N, 5]):
        y, (_, last) = rnn(x, (h, c))
        return y, last
""",
    "an outer product of vectors that differ in length": """
model Net():
    layers:
        fc = Linear(_, 4)
    forward(x: float[6]) -> float[6, 4]:
        return outer(x, x -> fc)
""",
    "a list of layers that is run behind another layer, among a call's arguments": """
model Net():
    layers:
        drop = Dropout(0.1)
        few  = [Linear(4, 4) for i in range(3)]
    forward(x: float[N, 4]) -> float[N, 4]:
        return relu(x -> drop -> few)
""",
    "comparisons with numbers on the left, and of truths": """
model Net(n: int = 2):
    layers:
        fc = Linear(4, n)
    forward(x: float[N, 4], m: bool[N, 4], i: int[N, 4]) -> (bool[N, 4], bool[N, 4], bool[N, 4], bool[N, 4], float[N, n]):
        a = gt(1, i) & eq(n, other=i) & ge(input=0, other=i) & (m -> eq(true))
        return a, m == true, false == m, (x != true) | ne(m, x > 0.1), fc(x)
""",
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    hold(FOUND[name])


REFUSED = {
    "a container of the program's own that is never run": ("[Cell(4), ReLU()]", "x -> few[1]", "E0307"),
    "a size that no variable of the list tells": (
        "[Linear(_, w // 3 + 1) for w in doubled(n)]",
        "(x -> few -> sum(dim=1, keepdim=true)) + x",
        "E0307",
    ),
    "a block of the program's own that is never run": ("[Whole(4), ReLU()]", "x -> few[1]", "E0307"),
    "layers that are counted nowhere, spread in a method": (
        "[Linear(4, 4) for i in range(n)]",
        "x * len([*few])",
        "E0403",
    ),
    "layers that are counted nowhere, run as items": (
        "[Linear(4, 4) for i in range(n)]",
        "[f(x) for f in [*few]][0]",
        "E0403",
    ),
    "a dict spliced into a list": ('[Tanh(), *{"a": ReLU()}]', "x -> few", "E0403"),
    "a dict from a comprehension spliced into a list": (
        '[Tanh(), *{f"a{i}": ReLU() for i in range(n)}]',
        "x -> few",
        "E0403",
    ),
    "a list in a list that is run": ("[[Tanh(), ReLU()], ReLU()]", "x -> few", "E0407"),
    "a list of lists that is run": (
        "[[Tanh() for i in range(n)] for j in range(2)]",
        "x -> few",
        "E0407",
    ),
    "a list in a Sequential": ("Sequential([Tanh(), ReLU()], ReLU())", "x -> few", "E0408"),
    "an index behind a layer that may be none": ("[Tanh() if n > 1 else none, ReLU()]", "few[1](x)", "E0406"),
    "the length of a list with a layer that may be none": (
        "[Tanh() if n > 1 else none, ReLU()]",
        "(x -> few) * len(few)",
        "E0406",
    ),
}


def test_a_list_of_an_unknown_number_of_known_items_is_not_empty() -> None:
    text = """
model Net(widths: list[int] = [4, 8, 8], depths: list[int] = [1, 2, 1]):
    require len(widths) == len(depths)
    layers:
        body = [Sequential(Linear(_, w), Dropout(0.01 * sum(depths[:i]))) for i, (w, d) in enumerate(zip(widths, depths))]
    forward(x: float[N, 4]) -> float[N, _]:
        return x -> body
"""
    hold(text, ({}, {"widths": [4, 2], "depths": [1, 2]}, {"widths": [5, 2, 3, 4], "depths": [1, 1, 2, 2]}))


def test_items_of_a_spread_list_of_pairs_are_not_one_item() -> None:
    text = """
model Net(pairs: list[(int, int)] = [(4, 1), (8, 3)]):
    layers:
        body = Sequential(*[Linear(_, w + k) for w, k in pairs])
    forward(x: float[N, 4]) -> float[N, _, _]:
        return stack([x -> layer for layer in body], dim=1)
"""
    assert [d.code for d in compiled(text).errors] == ["E0323"]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    layers, result, code = REFUSED[name]
    text = f"""
fn doubled(n: int) = [4 * 2**i for i in range(n)]

block Cell(out: int) = Sequential(Linear(_, out), ReLU())

block Whole(out: int):
    layers:
        fc = Linear(_, out)
    forward(x: float[N, D]) -> float[N, out]:
        return fc(x)

block Part(n: int):
    layers:
        few = {layers}
    forward(x: float[N, 4]) -> float[N, 4]:
        return {result}

model Net(n: int = 2):
    layers:
        part = Part(n)
        fc   = Linear(4, n)
    forward(x: float[N, 4]) -> float[N, n]:
        return x -> part -> fc
"""
    assert code in [d.code for d in compiled(text).errors]
