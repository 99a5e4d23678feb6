"""Forms that people write: each runs in both targets with several hyperparameters, and its wrong neighbour is refused."""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any

import pytest

from spec_lang.loading import from_program
from tests.check.checking import messages
from tests.fuzz.held import compiled, hold

Rows = tuple[dict[str, Any], ...]

ACCEPTED: dict[str, tuple[str, Rows]] = {
    "a container without hyperparameters": (
        """block Act = Sequential(ReLU(), Dropout(0.1))

model Net:
    layers:
        act = Act()

    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> act
""",
        ({},),
    ),
    "a mask of attention whose size is known to be that of the keys": (
        """model Net(dim: int = 8):
    forward(q: float[N, H, T, dim], k: float[N, H, U, dim], mask: bool[T, S]) -> float[N, H, T, dim]:
        require S == U
        return scaled_dot_product_attention(q, k, k, mask)
""",
        ({}, {"dim": 3}),
    ),
    "shapes that are known to be alike": (
        """model Net(dim: int = 4):
    forward(x: float[N, dim], at: int[N, S], from_: float[N, U]) -> float[N, dim]:
        require S == U
        require U <= dim
        return x -> scatter_add(1, at % dim, from_)
""",
        ({}, {"dim": 6}),
    ),
    "a mask beside a past that may be absent": (
        """block Attention(dim: int):
    layers:
        k_proj = Linear(_, dim)

    forward(x: float[N, T, D], past: float[N, P, dim]? = none, mask: bool[T, P + T]? = none) -> float[N, P + T, dim]:
        k = k_proj(x)
        if past is not none:
            k = cat([past, k], dim=1)
        return k if mask is none else mask.sum(dim=0)[:, none] * k

model Net(dim: int = 8):
    layers:
        a = Attention(dim)

    forward(x: float[N, T, dim], past: float[N, P, dim]? = none) -> float[N, P + T, dim]:
        return a(x, past, arange(P, P + T)[:, none] >= arange(P + T))
""",
        ({}, {"dim": 3}),
    ),
    "definitions in any order": (
        """model Small = Net(config=Config(WIDTH), n=2)

model Net(n: int = WIDTH, config: Config = Config(2)):
    layers:
        enc = Enc(config)

    forward(x: float[N, n]) -> float[N, config.width]:
        return enc(x)

block Enc(config: Config, k: int = LATE):
    layers:
        fc = Linear(_, config.width)
        scaled = Linear(config.width, k)

    forward(x: float[N, D]) -> float[N, config.width]:
        y = fc(x)
        return y + mean(scaled(y))

WIDTH = twice(LATE)

record Config:
    width: int = WIDTH
    inner: Inner = Inner()

fn twice(n: int) = n * 2 + FOUR

FOUR = 4

record Inner:
    x: int = 3

LATE = 8
""",
        ({}, {"n": 3}),
    ),
    "a function's optional numbers": (
        """fn cap(x: float[*B], limit: float?, times: int? = none, back: bool = false) -> float[*B]:
    y = x if limit is none else tanh(x / limit) * limit
    y = y if times is none else y * times
    return -y if back else y

model Net(limit: float? = 30.0, n: int = 2, k: int? = none):
    forward(x: float[N]) -> (float[N], float[N], float[N], float[N]):
        return x -> cap(limit), x -> cap(none, n), x -> cap(limit, times=k, back=true), x -> cap(2.5)
""",
        ({}, {"limit": None}, {"limit": 2.0, "k": 3}),
    ),
    "a function's lists and tuples": (
        """fn heads(x: float[N, D], widths: list[int], scale: (float, int) = (1.5, 2)) -> float[N, sum(widths)]:
    require all([w <= D for w in widths])
    require len(widths) >= 1
    pieces = []
    for w in widths:
        pieces += [x[:, :w] * scale[0] * scale[1]]
    return cat(pieces, dim=1)

model Net(widths: list[int] = [2, 3], dim: int = 9):
    require all([w <= dim for w in widths])
    require len(widths) >= 1
    forward(x: float[N, dim]) -> (float[N, sum(widths)], float[N, 5]):
        require 4 <= dim
        return x -> heads(widths), x -> heads([4, 1], (0.5, 3))
""",
        ({}, {"widths": [1]}, {"widths": [3, 2, 1]}),
    ),
    "defaults that calls leave out": (
        """fn first(x: float[N, D], j: int = 3, k: int = j - 1 + 1) -> float[N, k]:
    require k <= D
    return x[:, :k]

block B:
    forward(x: float[N, T, D], memory: float[N, S, D] = x[:, 1:]) -> float[N, S, D]:
        return memory * memory.amax(dim=1, keepdim=true)

model Net(dim: int = 8):
    layers:
        b = B()
    forward(x: float[N, dim], y: float[N, 3, dim]) -> (float[N, 3], float[N, 2], float[N, 2, dim], float[N, 3, dim]):
        require dim >= 4
        return x -> first, x -> first(2), b(y), b(y, y)
""",
        ({}, {"dim": 4}),
    ),
    "a function's record": (
        """record C:
    a: int = 2
    b: float? = none

fn f(x: float[N], c: C) -> float[N]:
    return x * c.a if c.b is none else x * c.b

model Net(c: C = C(), p: float? = 0.5):
    forward(x: float[N]) -> (float[N], float[N]):
        return x -> f(c), x -> f(C(3, p))
""",
        ({}, {"p": None}),
    ),
    "what a branch requires holds for what it gives": (
        """model Net(s: int = 2):
    layers:
        conv = Conv1d(4, 4, 3, stride=s)

    forward(x: float[N, 4, L], flags: bool[N, F]? = none) -> float[N, 4, (L - 3)//s + 1]:
        y = conv(x)
        if flags is not none:
            require F == (L - 3)//s + 1
            y = where(flags[:, none], 0.0, y)
        return y
""",
        ({}, {"s": 1}, {"s": 3}),
    ),
    "nested choices of layer or none": (
        """block Stage(norm: "none" | "group" | "layer"):
    layers:
        n = none if norm == "none" else GroupNorm(2, 2*K) if norm == "group" else LayerNorm(2*K)

    forward(x: float[N, 2*K]) -> float[N, 2*K]:
        if norm == "group":
            x = n(x)
        elif norm == "layer":
            x = n(x)
        return x

model Net(norm: "group" | "layer" = "group"):
    layers:
        stages = [Stage(norm if i == 0 or norm == "layer" else "none") for i in range(3)]
        same = [Stage(norm) for i in range(2)]

    forward(x: float[N, 8]) -> float[N, 8]:
        return x -> stages -> same
""",
        ({}, {"norm": "layer"}),
    ),
    "a dim that is called as a function of the library is": (
        """model Net(p: int = 2, s: int = 2):
    layers:
        conv = Conv1d(3, 3, 1, stride=s)

    forward(x: float[N, 3, L]) -> (float[N, 3, _], float[N, 3, _]):
        x: float[N, 3, t] = conv(x)
        y = x
        if t % p != 0:
            y = pad(x, (0, (t + p - 1)//p * p - t))
        return y, cat([x, x], dim=2)
""",
        ({}, {"s": 1}, {"p": 3, "s": 1}),
    ),
    "a padding row that a hyperparameter names": (
        """model Net(vocab: int = 10, pad: int >= 0 = 1, last: int >= -9 = -1):
    layers:
        e = Embedding(vocab, 4, padding_idx=pad)
        b = EmbeddingBag(vocab, 4, mode="sum", padding_idx=last)

    forward(x: int[N, T]) -> (float[N, T, 4], float[N, 4]):
        return e(x % vocab), b(x % vocab)
""",
        ({}, {"vocab": 3, "pad": 2, "last": 1}, {"vocab": 4, "pad": 0, "last": -4}),
    ),
    "a required mask beside a past that may be absent": (
        """block Attention(dim: int):
    layers:
        k_proj = Linear(_, dim)

    forward(x: float[N, T, D], mask: bool[T, P + T], past: float[N, P, dim]? = none) -> float[N, P + T, dim]:
        require past is not none or P == 0
        k = k_proj(x)
        if past is not none:
            k = cat([past, k], dim=1)
        return mask.sum(dim=0)[:, none] * k

model Net(dim: int = 8):
    layers:
        a = Attention(dim)

    forward(x: float[N, T, dim], past: float[N, P, dim]? = none) -> float[N, P + T, dim]:
        return a(x, arange(P, P + T)[:, none] >= arange(P + T), past)
""",
        ({}, {"dim": 3}),
    ),
    "ties under a condition": (
        """model Net(vocab: int = 7, dim: int = 4, tied: bool = false, norm: bool = false):
    layers:
        embed = Embedding(vocab, dim)
        head  = Linear(_, vocab, bias=false)
        first = LayerNorm(dim) if norm else none
        last  = LayerNorm(dim)

    tie (head.weight = embed.weight) if tied
    tie (first.weight = last.weight) if norm and tied

    forward(x: int[N, T]) -> float[N, T, vocab]:
        y = embed(x % vocab)
        if first is not none:
            y = first(y)
        return y -> last -> head
""",
        ({}, {"tied": True}, {"norm": True}, {"tied": True, "norm": True}),
    ),
    "the parameter of one of two layers": (
        """block Encoder(furthest: int, buckets: int >= -1, norm: bool):
    let span = buckets if buckets > 0 else furthest

    layers:
        rel  = Embedding(2*span, D)
        norm_ = LayerNorm(D) if norm else none

    forward(x: float[N, D]) -> float[2*span, D]:
        y = rel.weight if norm_ is none else norm_(rel.weight)
        return y if norm_ is none else y * norm_.weight

model Net(buckets: int >= -1 = -1, norm: bool = false):
    layers:
        e = Encoder(5, buckets, norm)

    forward(x: float[N, 8]) -> float[_, 8]:
        return e(x)
""",
        ({}, {"buckets": 3}, {"norm": True}),
    ),
}
"""Each runs in both targets, for these hyperparameters."""

REFUSED = {
    "a mask of attention of another size": (
        """model Net(dim: int = 8):
    forward(q: float[N, H, T, dim], k: float[N, H, U, dim], mask: bool[T, S]) -> float[N, H, T, dim]:
        require S == T
        return scaled_dot_product_attention(q, k, k, mask)
""",
        "scaled_dot_product_attention cannot broadcast .*",
    ),
    "a mask that broadcasts the scores": (
        """model Net(dim: int = 8):
    forward(q: float[N, 1, T, dim], mask: bool[N, H, T, T]) -> float[N, _, T, dim]:
        return scaled_dot_product_attention(q, q, q, mask)
""",
        "scaled_dot_product_attention cannot broadcast mask .*",
    ),
    "a mask without its past": (
        """block Attention(dim: int):
    forward(x: float[N, T, dim], past: float[N, P, dim]? = none, mask: bool[T, P + T]? = none) -> float[N, P + T, dim]:
        k = x
        if past is not none:
            k = cat([past, k], dim=1)
        return k if mask is none else mask.sum(dim=0)[:, none] * k

model Net(dim: int = 8):
    layers:
        a = Attention(dim)

    forward(x: float[N, T, dim], past: float[N, P, dim]) -> float[N, _, dim]:
        return a(x, none, arange(P, P + T)[:, none] >= arange(P + T))
""",
        "a takes P to be 0 exactly where its past is absent, but here it is P",
    ),
    "an optional input without a size": (
        """block Peak:
    forward(x: float[N, D], extra: float[N, P]? = none) -> float[N, D]:
        return x if extra is none else x + extra.amax(dim=1)[:, none]

model Net(n: int = 4):
    layers:
        peak = Peak()

    forward(x: float[N, 6]) -> float[N, 6]:
        require n == 6
        return peak(x, x[:, n:])
""",
        ".*peak.*",
    ),
    "a function's number that may be none": (
        """fn cap(x: float[N], limit: float?) -> float[N]:
    return x * limit

model Net:
    forward(x: float[N]) -> float[N]:
        return cap(x, 2.0)
""",
        "`limit` may be none here",
    ),
    "a function's optional number that is left out": (
        """fn cap(x: float[N], limit: float?) -> float[N]:
    return x if limit is none else x * limit

model Net:
    forward(x: float[N]) -> float[N]:
        return cap(x)
""",
        "cap needs `limit`",
    ),
    "a function's list that is too short": (
        """fn scaled(x: float[N], ks: list[int]) -> float[N]:
    return x * ks[2]

model Net:
    forward(x: float[N]) -> float[N]:
        return scaled(x, [1, 2])
""",
        "scaled requires 2 < len\\(ks\\), which is not so here",
    ),
    "a function's list that sums to more than it takes": (
        """fn part(x: float[N, D], ks: list[int]) -> float[N, sum(ks)]:
    require sum(ks) <= D
    return x[:, :sum(ks)]

model Net:
    forward(x: float[N, 4]) -> float[N, _]:
        return part(x, [3, 2])
""",
        "part requires sum\\(ks\\) <= D, which is not so here",
    ),
    "a function's list of other items": (
        """fn scaled(x: float[N], ks: list[int]) -> float[N]:
    return x * sum(ks)

model Net(ks: list[int >= 0] = [1]):
    forward(x: float[N]) -> float[N]:
        return scaled(x, [1, 0]) + scaled(x, ks) + scaled(x, [1.5])
""",
        "`ks(\\[1\\])?` is .*",
    ),
    "the default of an input that is no such value": (
        """fn scaled(x: float[N], k: int = 0, mode: "a" | "b" = "c") -> float[N]:
    return x * k if mode == "a" else x

model Net:
    forward(x: float[N]) -> float[N]:
        return scaled(x)
""",
        "`k` is at least 1, but gets 0|`mode` is .*, not .*",
    ),
    "the default of an input that a size follows from": (
        """fn first(x: float[N, D], k: int = 5) -> float[N, k]:
    require k <= D
    return x[:, :k]

model Net:
    forward(x: float[N, 4]) -> float[N, _]:
        return first(x)
""",
        "first requires k <= D, which is not so here",
    ),
    "a default of another size": (
        """block Mix:
    forward(x: float[N, T, D], memory: float[N, S, D] = x -> transpose(1, 2)) -> float[N, S, D]:
        return memory * 1

model Net:
    layers:
        mix = Mix()

    forward(x: float[N, 3, 4]) -> float[N, _, _]:
        return mix(x)
""",
        "forward takes D for axis 2 of memory, but T flows in",
    ),
    "a default that stands before the dims": (
        """fn first(x: float[N, D], k: int = D // 2) -> float[N, D]:
    return x * k

model Net:
    forward(x: float[N, 4]) -> float[N, _]:
        return first(x)
""",
        "a default stands before the dims are known, but this needs `D`",
    ),
    "an input that has no symbol": (
        """fn named(x: float[N], mode: str) -> float[N]:
    return x if mode == "a" else x * 2

model Net:
    forward(x: float[N]) -> float[N]:
        return named(x, "a")
""",
        "the input `mode` cannot be a string: a method is checked once for all values",
    ),
    "what a branch requires, elsewhere": (
        """model Net(s: int = 2):
    layers:
        conv = Conv1d(4, 4, 3, stride=s)

    forward(x: float[N, 4, L], flags: bool[N, F]? = none) -> float[N, 4, _]:
        y = conv(x)
        if flags is none:
            require L >= 5
        else:
            require F == (L - 3)//s + 2
            y = flags[:, none].to(float).expand(-1, 4, -1)
        return y
""",
        "`y` is .* where .*, and .* elsewhere|the two branches give .*",
    ),
    "a layer that another choice leaves out": (
        """block Stage(norm: "none" | "group" | "layer"):
    layers:
        n = none if norm == "none" else GroupNorm(2, 8) if norm == "group" else LayerNorm(8)

    forward(x: float[N, 8]) -> float[N, 8]:
        if norm == "group":
            return x
        return n(x)

model Net(norm: "none" | "group" | "layer" = "group"):
    layers:
        stage = Stage(norm)

    forward(x: float[N, 8]) -> float[N, 8]:
        return x -> stage
""",
        "n may be none here",
    ),
    "a dim that is called as a function of the spec is": (
        """fn t(x: float[N]) -> float[N]:
    return x

model Net:
    forward(x: float[N, 3]) -> float[N, 3]:
        y: float[t, 3] = x * 2
        return y
""",
        "a dim is an int, and `t` is a function",
    ),
    "a dim called as a function that is another size": (
        """model Net:
    forward(x: float[N, 3, L], z: float[N, 3, M]) -> float[N, 3, L]:
        y: float[N, 3, t] = x * 2
        w: float[N, 3, t] = z * 2
        return y
""",
        "this annotation says float\\[N, 3, L\\], but this is float\\[N, 3, M\\]",
    ),
    "a padding row that is none": (
        """model Net(vocab: int = 10):
    layers:
        a = Embedding(vocab, 4, padding_idx=vocab)
        b = Embedding(vocab, 4, padding_idx=-vocab - 1)

    forward(x: int[N]) -> (float[N, 4], float[N, 4]):
        return a(x), b(x)
""",
        "[ab] has vocab rows, so padding_idx .* names none of them",
    ),
    "the parameter of a layer that may be none": (
        """model Net(norm: bool = false):
    layers:
        n = LayerNorm(4) if norm else none

    forward(x: float[N, 4]) -> float[N, 4]:
        y = x if n is none else n(x)
        return y * n.weight
""",
        "n may be none here",
    ),
    "a tie of a layer that may be none": (
        """model Net(norm: bool = false, b: bool = false):
    layers:
        n = LayerNorm(4) if norm else none
        m = LayerNorm(4)

    tie (n.weight = m.weight) if norm or b

    forward(x: float[N, 4]) -> float[N, 4]:
        y = x if n is none else n(x)
        return m(y)
""",
        "n may be none here",
    ),
    "an initialiser of a layer that may be none": (
        """model Net(norm: bool = false):
    layers:
        n = LayerNorm(4) if norm else none

    init:
        n.weight = normal()

    forward(x: float[N, 4]) -> float[N, 4]:
        return x if n is none else n(x)
""",
        "n may be none here",
    ),
    "a tie in training only": (
        """model Net:
    layers:
        n = LayerNorm(4)
        m = LayerNorm(4)

    tie (n.weight = m.weight) if training

    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> n -> m
""",
        "a tie is made by construction, before training is known",
    ),
    "a tie of two sizes that only one condition makes equal": (
        """model Net(k: int = 4):
    layers:
        n = LayerNorm(4)
        m = LayerNorm(k)

    tie (n.weight = m.weight) if k >= 4

    forward(x: float[N, 4], y: float[N, k]) -> (float[N, 4], float[N, k]):
        return n(x), m(y)
""",
        "tied parameters differ: .*",
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str) -> None:
    text, rows = ACCEPTED[name]
    hold(text, rows)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, message = REFUSED[name]
    found = messages(text)
    assert found
    assert all(re.fullmatch(message, m) for m in found), found


CHECKED: dict[str, tuple[str, dict[str, Any]]] = {
    "of a block's inputs": (
        """block Part:
    forward(x: float[N, D], y: float[half]) -> float[N, D]:
        require half <= D
        return x + y.sum()

model Net(dim: int = 8, n: int = 4):
    layers:
        part = Part()

    forward(x: float[N, dim]) -> float[N, dim]:
        return part(x, arange(n, dtype=float))
""",
        {"n": 9},
    ),
    "of a function's inputs": (
        """fn part(x: float[N, D], y: float[half]) -> float[N, D]:
    require half <= D
    return x + y.sum()

model Net(dim: int = 8, n: int = 4):
    forward(x: float[N, dim]) -> float[N, dim]:
        return part(x, arange(n, dtype=float))
""",
        {"n": 9},
    ),
    "of a method's inputs": (
        """model Net(dim: int = 8, n: int = 4):
    part(x: float[N, D], y: float[half]) -> float[N, D]:
        require half <= D
        return x + y.sum()

    forward(x: float[N, dim]) -> float[N, dim]:
        return part(x, arange(n, dtype=float))
""",
        {"n": 9},
    ),
    "in a branch": (
        """model Net(dim: int = 8, deep: bool = false, n: int = 9):
    forward(x: float[N, dim]) -> float[N, dim]:
        if deep:
            require n <= dim
            x = x + x[:, :n].sum()
        return x
""",
        {"deep": True},
    ),
    "in a loop": (
        """model Net(dim: int = 8, n: int = 4):
    forward(x: float[N, dim]) -> float[N, dim]:
        for i in range(n):
            require n <= dim
            x = x * 2
        return x
""",
        {"n": 9},
    ),
    "behind a return": (
        """model Net(dim: int = 8, simple: bool = true, n: int = 1):
    forward(x: float[N, dim]) -> float[N, dim]:
        if simple:
            return x
        require n >= 3
        return x * (n - 2)
""",
        {"simple": False},
    ),
}
"""Conditions on hyperparameters alone, and values that do not meet them; the defaults do."""


@pytest.mark.parametrize("name", CHECKED)
def test_requirements_on_hyperparameters_are_checked_by_construction(name: str) -> None:
    text, bad = CHECKED[name]
    hold(text, ({},))
    module = from_program(compiled(text).checked(), "checked")
    with pytest.raises(ValueError, match=r"n must be at (most dim|least 3)|half must be at most D"):
        module.Net(**bad)


def test_a_tie_under_a_condition_is_one_tensor_only_where_it_holds() -> None:
    text, _ = ACCEPTED["ties under a condition"]
    module = from_program(compiled(text).checked(), "tied")
    for tied in (False, True):
        net = module.Net(tied=tied)
        assert (net.head.weight is net.embed.weight) is tied
        state = {k: v for k, v in net.state_dict().items() if k != "head.weight"}
        with nullcontext() if tied else pytest.raises(RuntimeError, match=r"head\.weight"):
            net.load_state_dict(state)
