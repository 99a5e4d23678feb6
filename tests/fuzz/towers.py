"""Stacks of linear maps on tensors of three axes and more, with what stands between them in networks."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from spec_lang.shapes import Dim, dim, symbol
from tests.fuzz.bodies import Body, Value
from tests.fuzz.steps import Step, is_float

ACTIVATIONS = (
    "relu", "gelu", 'gelu(approximate="tanh")', "silu", "tanh", "sigmoid", "softplus", "mish", "elu", "selu", "celu(0.5)", "hardswish",
    "leaky_relu(0.1)", "softsign", "relu6", "clamp(-1.0, 1.0)", "dropout(0.1)", "softmax(dim=-1)", "logsigmoid", "tanhshrink", "hardsigmoid",
)  # fmt: skip
NORMS = ("LayerNorm({d})", "RMSNorm({d}, eps=1e-5)", "LayerNorm({d}, bias=false)", "LayerNorm({d}, eps=1e-3, elementwise_affine=false)")  # fmt: skip


class Tower:
    """The floors of one tower over a value of width `d`; `x` is the text of what they have come to."""

    def __init__(self, b: Body, v: Value, d: Dim) -> None:
        self.b, self.v, self.d, self.x = b, v, d, v

    def act(self) -> str:
        return self.b.rng.choice(ACTIVATIONS)

    def linear(self, inner: Dim | None = None, out: Dim | int | None = None) -> str:
        """A linear map; most have a bias."""
        bias = self.b.rng.choice(["", "", "", ", bias=false"])
        wide, narrow = (self.d if d is None else d for d in (inner, out))
        return self.b.layer(f"Linear({wide}, {narrow}{bias})", "map")

    def norm(self) -> str:
        """A norm over the last axis."""
        return self.b.layer(self.b.rng.choice(NORMS).format(d=self.d), "norm")

    def param(self, dims: str) -> str:
        name = self.b.fresh("weight")
        self.b.layers.append(f"param {name}: float[{dims}] = normal(std=0.5)")
        return name

    def let(self, text: str) -> None:
        """The next floor."""
        self.x = self.b.let(text, self.v.dims, self.v)

    def before(self) -> None:
        wide = self.b.size()
        self.let(
            f"{self.x.text} + ({self.x.text} -> {self.norm()} -> {self.linear(out=wide)} -> {self.act()} -> {self.linear(inner=wide)})"
        )

    def after(self) -> None:
        self.let(f"({self.x.text} + ({self.x.text} -> {self.linear()} -> {self.act()})) -> {self.norm()}")

    def gated(self) -> None:
        wide = self.b.size()
        gate, up, down = self.linear(out=wide), self.linear(out=wide), self.linear(inner=wide)
        self.let(
            f"(({self.x.text} -> {gate} -> {self.act()}) * ({self.x.text} -> {up})) -> {down}"
            + self.b.rng.choice(["", f" -> add({self.x.text})"])
        )

    def plain(self) -> None:
        maps = " -> ".join(f"{self.linear()} -> {self.act()}" for _ in range(self.b.rng.randint(1, 3)))
        self.let(f"{self.x.text} -> {maps}")

    def chosen(self) -> None:
        y = self.b.let(f"{self.x.text} -> {self.linear()}", self.v.dims, self.v).text
        self.let(
            self.b.rng.choice(
                [
                    f"where({y} > 0.0, {y}, {self.x.text} * 0.0)",
                    f"maximum({y}, {self.x.text}) - {y}.clamp(max=0.5)",
                    f"{y} -> masked_fill(({y} < 0.0) | ~({y} < 1.0), 0.0) -> mul({y}.square())",
                    f"{y} -> lerp({self.x.text}, 0.25)",
                ]
            )
        )

    def scaled(self) -> None:
        kind = self.b.rng.choice([str(self.d), f"1, {self.d}", "1", "", None])
        scale = f"({self.x.text} -> {self.linear(out=1)})" if kind is None else self.param(kind)
        y = f"({self.x.text} -> {self.linear()} -> {self.act()})"
        self.let(f"{y} {self.b.rng.choice('+*-')} {scale}")

    def free(self) -> None:
        weight = self.param(f"{self.d}, {self.d}")
        self.let(
            f"({self.x.text} @ {weight} + {self.param(str(self.d))}) -> {self.act()}"
            if self.b.rng.random() < 0.5
            else f"linear({self.x.text}, {weight}) -> {self.act()}"
        )

    def pooled(self) -> None:
        axis = self.b.rng.choice([1, -2])
        self.let(f"({self.x.text} + {self.x.text}.mean(dim={axis}, keepdim=true)) -> {self.linear()}")

    def attended(self) -> None:
        q, k, w = (f"({self.x.text} -> {self.linear()})" for _ in range(3))
        if self.b.rng.random() < 0.5:
            self.let(f"{self.x.text} + (scaled_dot_product_attention({q}, {k}, {w}) -> {self.linear()})")
        else:
            self.let(f"(softmax({q} @ {k}.transpose(-2, -1) * 0.5, dim=-1) @ {w}) -> {self.linear()}")

    def heads(self) -> None:
        if self.v.rank != 3:
            return self.attended()
        wide = self.b.size()
        q, k, w = (
            f'({self.x.text} -> {self.linear(out=2 * wide)} -> rearrange("n t (h d) -> n h t d", h=2))'
            for _ in range(3)
        )
        joined = 'rearrange("n h t d -> n t (h d)")'
        self.let(f"scaled_dot_product_attention({q}, {k}, {w}) -> {joined} -> {self.linear(inner=2 * wide)}")
        return None

    def cast(self) -> None:
        self.let(
            f"({self.x.text} -> {self.linear()} -> to(f64) -> tanh -> to(float)) -> {self.linear()} -> {self.act()}"
        )

    def folded(self) -> None:
        """Maps on other shapes of the same numbers."""
        shape = ", ".join(map(str, self.v.dims))
        self.let(f"{self.x.text} -> flatten(0, -2) -> {self.linear()} -> reshape({shape}) -> {self.linear()}")

    def kept(self) -> None:
        """A result on the way."""
        self.plain()
        if self.b.entry and len(self.b.shown) < 2:
            self.b.shown.append(self.x)


FLOORS: tuple[Callable[[Tower], None], ...] = (
    Tower.before, Tower.before, Tower.after, Tower.gated, Tower.plain, Tower.chosen, Tower.scaled, Tower.free, Tower.pooled,
    Tower.attended, Tower.heads, Tower.cast, Tower.folded, Tower.kept,
)  # fmt: skip


def tower(b: Body, v: Value) -> Value | None:
    """Two to five floors, each a linear map or more; the channels of images come last for them."""
    if v.pack or not is_float(v) or v.rank not in (3, 4):
        return None
    moved = v.rank == 4 and not b.static(v.dims[-1])
    if not b.static(v.dims[1] if moved else v.dims[-1]):
        return None
    if moved:
        n, c, h, w = v.dims
        v = b.let(f"{v.text} -> permute(0, 2, 3, 1)", [n, h, w, c], v)
    made = Tower(b, v, v.dims[-1])
    for _ in range(b.rng.randint(2, 5)):
        b.rng.choice(FLOORS)(made)
    if b.rng.random() < 0.5:
        out = b.size()
        return b.let(f"{made.x.text} -> {made.linear(out=out)}", [*v.dims[:-1], out], v)
    return made.x


TOWERS: tuple[tuple[Step, int], ...] = ((tower, 8),)


def stacked(rng: Random) -> str:
    """A model that is one to three towers and nothing else."""
    b = Body(rng, "Net", True)
    n, t, s = map(symbol, ("N", "T", "S"))
    lead = rng.choice([(n, t), (n, t), (n, t, s), (n, dim(2), t), (dim(1), t), (n, dim(1))])
    v = Value("x", (*lead, b.size()))
    b.inputs, b.values = [v], [v]
    for _ in range(rng.randint(1, 3)):
        v = tower(b, v) or v
    b.results = [v, *b.shown]
    b.others += b.method(
        "forward", [f"x: {b.inputs[0].type}"], [(r.type, r.text) for r in b.results], b.lines
    )
    b.prune()
    return b.text()
