"""Blocks as people write them, in the forms of the language that no single step reaches; programs use them as they use their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from spec_lang.shapes import Cond, symbol
from tests.fuzz.bodies import Body, Hyper, Value

N, T, S, C, D, H, W, OUT, HEADS, DEPTH = map(
    symbol, ("N", "T", "S", "C", "D", "H", "W", "out", "heads", "depth")
)
WIDTH = Hyper("out", "int", 4)
SEQUENCE = (N, T, D)
IMAGE = (N, C, H, W)


@dataclass
class Pattern(Body):
    """A block with a fixed text."""

    rng: None = None  # type: ignore[assignment]
    name: str = ""
    entry: bool = False
    source: str = ""
    sources: tuple[str, ...] = field(default=())

    def text(self) -> str:
        return self.source


def pattern(
    source: str,
    given: tuple[object, ...],
    *results: tuple[object, ...],
    hypers: tuple[Hyper, ...] = (),
    requires: tuple[Cond, ...] = (),
    pack: bool = False,
) -> Pattern:
    """A block's text, the dims of its input and of its results."""
    static = "D" if D in given else "C"
    return Pattern(
        name=re.findall(r"block (\w+)", source)[-1],
        source=source,
        hypers=list(hypers),
        requires=list(requires),
        inputs=[Value("x", given, pack=pack)],  # type: ignore[arg-type]
        results=[Value(f"r{i}", r, pack=pack) for i, r in enumerate(results)],  # type: ignore[arg-type]
        implicit={static},
    )


PATTERNS = [
    pattern(
        '''block Flexible(out: int, kernel: int | (int, int) = 3, pair: (int, int) = (1, 3), p: float? = none,
               act: "relu" | "gelu" | "none" = "relu", norm: layer = BatchNorm2d):
    """Arguments of many types."""
    layers:
        conv  = Conv2d(_, out, kernel, padding="same")
        norm  = norm(out)
        drop  = none if p is none else Dropout(p)
        scale = [Conv2d(out, out, k, padding="same") for k in pair]
    forward(x: float[N, C, H, W]) -> float[N, out, H, W]:
        """Joins branches."""
        x = x -> conv -> norm -> scale
        if act == "relu":
            x = relu(x)
        elif act == "gelu":
            x = gelu(x)
        if drop is not none:
            x = drop(x)
        return x
''',
        IMAGE,
        (N, OUT, H, W),
        hypers=(
            WIDTH,
            Hyper("kernel", "int | (int, int)", 3, (1, (3, 1))),
            Hyper("pair", "(int, int)", (1, 3), ((3, 5), (1, 1))),
            Hyper("p", "float?", None, (0.1, 0.5)),
            Hyper("act", '"relu" | "gelu" | "none"', "relu", ("gelu", "none")),
            Hyper("norm", "layer", "BatchNorm2d", ("partial(GroupNorm, 1)", "partial(BatchNorm2d, eps=1e-3)")),
        ),
    ),
    pattern(
        """block Attending(heads: int):
    require D % heads == 0, "each head has its slice"
    let K = D // heads
    layers:
        query = Linear(_, D)
        both  = Linear(_, 2 * D, bias=false)
        out   = Linear(_, D)
    attend(x: float[N, T, D], memory: float[N, S, D], mask: bool[N, S]? = none) -> (float[N, T, D], float[N, heads, T, S]):
        q: float[N, T, heads, K] = x -> query -> unflatten(-1, (heads, K))
        k, v = memory -> both -> chunk(2, dim=-1)
        scores = einsum("nthk,nshk->nhts", q, k -> unflatten(-1, (heads, K))) / sqrt(K)
        if mask is not none:
            scores = scores -> masked_fill(mask[:, none, none], -5.0)
        y = einsum("nhts,nshk->nthk", softmax(scores, dim=-1), v -> unflatten(-1, (heads, K)))
        return y -> flatten(-2) -> out, scores
    forward(x: float[N, T, D], memory: float[N, S, D] = x) -> float[N, T, D]:
        first, _ = attend(x, memory)
        second, scores = attend(first, x, mask=x[:, :, 0] > 9.0)
        return first + second * (scores -> sum(dim=(1, 3)))[..., none]
""",
        SEQUENCE,
        SEQUENCE,
        hypers=(Hyper("heads", "int", 1),),
        requires=(Cond.divides(HEADS, D),),
    ),
    pattern(
        """block Caching():
    layers:
        key = Linear(D, D)
    grow(x: float[N, T, D], past: float[N, P, D]? = none) -> (keys: float[N, P + T, D], last: float[N, D]):
        k = key(x)
        if past is not none:
            k = cat([past, k], dim=1)
        return k, k[:, -1]
    forward(x: float[N, T, D]) -> (float[N, 2*T, D], float[N, D]):
        keys, _ = grow(x)
        return grow(x[:, :1] * 2 + x, past=keys)
""",
        SEQUENCE,
        (N, 2 * T, D),
        (N, D),
    ),
    pattern(
        """block Spliced(depth: int):
    layers:
        chain = [*[Linear(D, D), Tanh()], Linear(D, D) if depth > 1 else none, Identity(), *Sequential(Linear(D, D), ReLU())]
        some  = [Linear(D, D) for i in [0, 1, 2] if i != 1]
        few   = {"a": Linear(D, D), **{"b": Linear(D, D, bias=false)}}
        table = {f"c{i}": Linear(D, D) for i in range(depth)}
    forward(x: float[*B, D]) -> float[*B, D]:
        y = x -> chain -> some
        for i in range(depth):
            y = y + table[f"c{i}"](x) / (i + 1)
        return few["a"](y) - few["b"](x)
""",
        (D,),
        (D,),
        hypers=(Hyper("depth", "int", 2),),
        pack=True,
    ),
    pattern(
        """block Zipped(depth: int):
    layers:
        down = [Linear(D, D) for i in range(depth)]
        up   = [Linear(2 * D, D) for i in range(depth)]
        param gains: float[depth] = ones()
    forward(x: float[*B, D]) -> float[*B, D]:
        kept = []
        for i, (one, other) in enumerate(zip(down, up)):
            kept += [x]
            if i == 0 or i % 2 == 0:
                x = one(x) * gains[i]
            elif not (i >= 2):
                x = tanh(x)
            x = cat([x, x * 0.5], dim=-1) -> other
        for i in range(depth):
            x = x + kept[depth - 1 - i] * i
        return x
""",
        (D,),
        (D,),
        hypers=(Hyper("depth", "int", 2),),
        pack=True,
    ),
    pattern(
        """block Inner(out: int, depth: int):
    layers:
        fcs  = [Linear(D, D) for i in range(depth)]
        last = Linear(_, out)
    forward(x: float[*B, D]) -> (float[*B, out], float[*B, D]):
        y = x -> fcs
        return y -> last, y

block Outer(out: int, depth: int, act: layer = ReLU):
    let wide = out + D
    layers:
        inner = [Inner(wide, depth) for i in range(2)]
        mix   = Linear(2 * wide, out)
        act   = act()
    forward(x: float[*B, D]) -> float[*B, out]:
        a, x = x -> inner[0]
        b, _ = x -> inner[1]
        return cat([a, b], dim=-1) -> mix -> act
""",
        (D,),
        (OUT,),
        hypers=(WIDTH, Hyper("depth", "int", 2), Hyper("act", "layer", "ReLU", ("GELU", "partial(LeakyReLU, 0.2)"))),
        pack=True,
    ),
    pattern(
        """block Widening(depth: int):
    layers:
        stages = [Sequential(Conv2d(_, C * 2**(i + 1), 3, padding=1), Tanh()) for i in range(depth)]
        back   = [Conv2d(_, C * (depth - i), 1) for i in range(depth)]
    forward(x: float[N, C, H, W]) -> float[N, C, H, W]:
        for stage in stages:
            x = stage(x)
        for i in range(depth):
            x = back[i](x)
        return x
""",
        IMAGE,
        IMAGE,
        hypers=(Hyper("depth", "int", 2),),
    ),
    pattern(
        """block Prefixed(out: int):
    layers:
        param first: float[1, 1, D] = normal(std=0.02)
        param scale: float[] = ones()
        buffer seen: bool[out, out] = tril(ones(out, out, dtype=bool)), persistent=false
        buffer ages: i32[out] = arange(out).to(i32)
        fc = Linear(D, out)
    forward(x: float[N, T, D]) -> (float[N, T + 1, out], float[N, T + 1, D]):
        x = cat([first -> expand(N, -1, -1), x], dim=1) * scale
        y = fc(x) -> masked_fill(~seen[0], 0.5)
        return y + ages * 0.125, x
""",
        SEQUENCE,
        (N, T + 1, OUT),
        (N, T + 1, D),
        hypers=(WIDTH,),
    ),
    pattern(
        """block Sliced():
    forward(x: float[N, T, D]) -> (float[N, 2*T - 1, D], float[N, (T + 1)//2, D]):
        y = cat([x[:, 1:], x[..., :, :]], dim=1)
        z = x[:, T // 2:] * 0.5
        return y, z
""",
        SEQUENCE,
        (N, 2 * T - 1, D),
        (N, (T + 1) // 2, D),
    ),
    pattern(
        """block Rooted(out: int, dilation: int >= 0 = 0):
    layers:
        a = Conv1d(D, out, 3, padding=dilation + 1, dilation=dilation + 1)
        b = Conv1d(D, out, 1) if dilation >= 1 else Sequential(Conv1d(D, out, 1), Tanh())
        c = Sequential(one=Conv1d(out, out, 1), other=Identity())
    forward(x: float[N, T, D]) -> float[N, T, out]:
        x = x -> rearrange("n t d -> n d t")
        y = a(x) + b(x)
        return y -> c -> rearrange("n d t -> n t d")
""",
        SEQUENCE,
        (N, T, OUT),
        hypers=(WIDTH, Hyper("dilation", "int >= 0", 0, (1, 2))),
    ),
    pattern(
        """record Sizes:
    width: int = 3
    factor: float = 1.5

record Choices:
    sizes: Sizes = Sizes()
    names: list[str] = ["left", "right"]
    deep: bool = false

block Chosen(out: int, choices: Choices = Choices()):
    let most = max(choices.sizes.width, int(choices.sizes.width * choices.sizes.factor))
    layers:
        heads = {name: Linear(_, most) for name in choices.names}
        join  = Linear(most, out) if choices.deep and len(choices.names) >= 2 else Linear(most, out, bias=false)
    forward(x: float[*B, D]) -> float[*B, out]:
        y = heads[choices.names[0]](x)
        for name in choices.names[1:]:
            y = y + heads[name](x)
        return y -> join
""",
        (D,),
        (OUT,),
        hypers=(
            WIDTH,
            Hyper("choices", "Choices", "Choices()", ('Choices(sizes=Sizes(width=2), names=["one"])', "Choices(deep=true)")),
        ),
        pack=True,
    ),
    pattern(
        """block Recurrent(out: int):
    layers:
        rnn  = LSTM(_, out, batch_first=true)
        cell = GRUCell(_, out)
    forward(x: float[N, T, D]) -> (float[N, T, out], float[N, out]):
        y, state = x -> rnn
        z, (h, c) = rnn(x, state)
        return y + z, cell(x[:, -1], h[0] + c[0])
""",
        SEQUENCE,
        (N, T, OUT),
        (N, OUT),
        hypers=(WIDTH,),
    ),
    pattern(
        """block Tied(out: int):
    layers:
        one   = Linear(D, out)
        other = Linear(D, out)
        norms = [LayerNorm(out) for i in range(2)]
    tie other.weight = one.weight
    tie norms[1].bias = norms[0].bias
    forward(x: float[*B, D]) -> float[*B, out]:
        return (x -> one -> norms[0]) * (x -> other -> norms[1])
    init:
        Linear.weight = normal(std=0.3)
        one.bias = ones()
        LayerNorm = constant(0.5)
""",
        (D,),
        (OUT,),
        hypers=(WIDTH,),
        pack=True,
    ),
    pattern(
        """block Moded(p: float = 0.25, on: bool = true):
    layers:
        fc = Linear(D, D)
    forward(x: float[*B, D]) -> float[*B, D]:
        if on and training:
            x = dropout(x, p)
        elif not on or p > 0.5:
            x = x * 2
        return x if p == 0 else fc(x)
""",
        (D,),
        (D,),
        hypers=(Hyper("p", "float", 0.25, (0.0, 0.75)), Hyper("on", "bool", True, (False,))),
        pack=True,
    ),
]  # fmt: skip
"""Each is a block of its own; a text may define what it uses before it."""
