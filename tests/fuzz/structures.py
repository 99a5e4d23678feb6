"""Whole templates for a random program: shapes of code that single steps do not reach."""

from __future__ import annotations

from spec_lang.shapes import dim, symbol
from tests.fuzz.bodies import Body, Value
from tests.fuzz.steps import Step, is_float

DEFINITIONS = {
    "Dense": """block Dense(growth: int):
    layers:
        conv = Conv2d(_, growth, 3, padding=1)
    forward(x: float[N, C, H, W]) -> float[N, C + growth, H, W]:
        return cat([x, conv(x)], dim=1)
""",
    "Wide": """block Wide(out: int, norm: layer = LayerNorm, act: layer = ReLU):
    layers:
        fc   = Linear(_, out)
        norm = norm(out)
        act  = act()
    forward(x: float[*B, D]) -> float[*B, out]:
        return x -> fc -> norm -> act
""",
    "Cell": """block Cell(hidden: int):
    let wide = 2 * hidden
    layers:
        fc1 = Linear(_, wide)
        fc2 = Linear(wide, D)
        param gain: float[D] = ones()
    step(x: float[N, D], state: float[N, D]) -> (out: float[N, D], state: float[N, D]):
        state = state + (x -> fc1 -> relu -> fc2)
        return state * gain, state
    forward(x: float[N, D]) -> float[N, D]:
        out, _ = step(x, zeros(N, D))
        return out
""",
    "ConvBN": """block ConvBN(out: int, kernel: int = 3, p: float = 0.0) = Sequential(
    Conv2d(_, out, kernel, padding=kernel // 2, bias=false),
    BatchNorm2d(_),
    Dropout2d(p) if p > 0 else none,
    ReLU(),
)
""",
    "Down": """block Down(out: int, stride: int = 1):
    layers:
        conv = Conv2d(_, out, 3, stride=stride, padding=1)
        skip = none if stride == 1 and C == out else Conv2d(C, out, 1, stride=stride)
    forward(x: float[N, C, H, W]) -> float[N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]:
        shortcut = x if skip is none else skip(x)
        return relu(conv(x) + shortcut)
""",
    "Options": """record Options:
    width: int = 3
    p: float = 0.1
    deep: bool = true
""",
}


def dense(b: Body, v: Value) -> Value | None:
    """A list whose items widen what they carry."""
    if v.pack or not is_float(v) or v.rank != 4 or not b.entry or not b.static(v.dims[1]):
        return None
    growth, depth = (symbol(b.hyper(s, "int", 2, 1, 3).name) for s in ("width", "depth"))
    n, c, h, w = v.dims
    name = b.layer(f"[Dense({growth}) for i in range({depth})]", "dense")
    b.needs.add("Dense")
    return b.let(f"{v.text} -> {name}", [n, c + depth * growth, h, w], v)


def stages(b: Body, v: Value) -> Value | None:
    """Stages of doubling widths and halving sizes, joined again on the way back."""
    if v.pack or not is_float(v) or v.rank != 4 or not b.entry or not b.static(v.dims[1]):
        return None
    n, _, h, w = v.dims
    width = symbol(b.hyper("width", "int", 2, 3).name)
    if b.rng.random() < 0.5 and (h % 4) == 0 and (w % 4) == 0:
        down = b.layer(f"[ConvBN({width} * 2**i) for i in range(2)]", "down")
        out = b.fresh("v")
        b.needs.add("ConvBN")
        b.lines += [
            f"{b.indent}{out} = {v.text}",
            f"{b.indent}for one in {down}:",
            f"{b.indent}    {out} = one({out}) -> max_pool2d(2)",
        ]
        made = Value(out, (n, 2 * width, h // 4, w // 4))
        b.values.append(made)
        return made
    stride = symbol(b.hyper("stride", "int", 2, 1, 3).name)
    b.needs.add("Down")
    name = b.layer(f"Down({width}, {stride})", "down")
    return b.let(f"{v.text} -> {name}", [n, width, (h - 1) // stride + 1, (w - 1) // stride + 1], v)


def wide(b: Body, v: Value) -> Value | None:
    """Layers as arguments."""
    if not is_float(v) or not v.rank or not b.static(v.dims[-1]):
        return None
    out = b.size()
    given = b.rng.choice(
        [
            "",
            ", act=GELU",
            ", norm=partial(LayerNorm, eps=1e-3)",
            ", RMSNorm",
            ", partial(LayerNorm, bias=false), act=Tanh",
        ]
    )
    b.needs.add("Wide")
    return b.let(f"{v.text} -> {b.layer(f'Wide({out}{given})', 'wide')}", [*v.dims[:-1], out], v)


def cells(b: Body, v: Value) -> Value | None:
    """A method of the items of a list, with a state that goes along."""
    if v.pack or not is_float(v) or v.rank != 2 or not b.static(v.dims[1]):
        return None
    b.needs.add("Cell")
    depth = b.hyper("depth", "int", 2, 1, 3).name
    name = b.layer(f"[Cell({b.rng.randint(1, 4)}) for i in range({depth})]", "cells")
    x, state = b.fresh("v"), b.fresh("v")
    b.lines += [
        f"{b.indent}{x} = {v.text}",
        f"{b.indent}{state} = zeros({v.dims[0]}, {v.dims[1]})",
        f"{b.indent}for cell in {name}:",
        f"{b.indent}    {x}, {state} = cell.step({x}, {state})",
    ]
    b.values += [Value(state, v.dims), Value(x, v.dims)]
    return b.values[-1]


def skips(b: Body, v: Value) -> Value | None:
    """A list of tensors that grows in one loop and is read in another."""
    if not is_float(v) or not v.rank or not b.static(v.dims[-1]) or v.pack:
        return None
    last = v.dims[-1]
    depth = b.hyper("depth", "int", 2, 1, 3).name
    down, up = (
        b.layer(f"[Linear({last}, {last}) for i in range({depth})]", "down"),
        b.layer(f"[Linear(2 * ({last}), {last}) for i in range({depth})]", "up"),
    )
    kept, x = b.fresh("kept"), b.fresh("v")
    reading = b.rng.choice([f"{kept}[i]", f"{kept}[{depth} - 1 - i]", f"{kept}[-1]"])
    b.lines += [
        f"{b.indent}{kept} = []",
        f"{b.indent}{x} = {v.text}",
        f"{b.indent}for one in {down}:",
        f"{b.indent}    {x} = {x} -> one -> tanh",
        f"{b.indent}    {kept} += [{x}]",
        f"{b.indent}for i in range({depth}):",
        f"{b.indent}    {x} = cat([{x}, {reading}], dim=-1) -> {up}[i]",
    ]
    b.values.append(Value(x, v.dims))
    return b.values[-1]


def record(b: Body, v: Value) -> Value | None:
    """Hyperparameters in a record."""
    if not is_float(v) or not v.rank or not b.entry or not b.static(v.dims[-1]):
        return None
    b.needs.add("Options")
    cfg = b.hyper("cfg", "Options", "Options()").name
    name = b.layer(
        f"Sequential(Linear(_, {cfg}.width), Dropout({cfg}.p), Linear(_, 4) if {cfg}.deep else Linear({cfg}.width, 4))",
        "opt",
    )
    return b.let(f"{v.text} -> {name}", [*v.dims[:-1], dim(4)], v)


def encoders(b: Body, v: Value) -> Value | None:
    """A stack of encoder layers, and cross attention."""
    if v.pack or not is_float(v) or v.rank != 3 or not b.static(v.dims[-1]):
        return None
    n, _, d = v.dims
    if b.rng.random() < 0.5:
        depth = b.rng.randint(1, 2)
        name = b.layer(
            f"TransformerEncoder(TransformerEncoderLayer({d}, 1, {b.size()}, batch_first=true), {depth}, enable_nested_tensor=false)",
            "encoder",
        )
        return b.let(f"{v.text} -> {name}", v.dims, v)
    memory = b.partner(
        lambda w: not w.pack and is_float(w) and w.rank == 3 and (w.dims[0], w.dims[2]) == (n, d)
    )
    name = b.layer(f"TransformerDecoderLayer({d}, 1, {b.size()}, batch_first=true)", "decoder")
    return b.let(f"{name}({v.text}, {memory.text if memory else v.text})", v.dims, v)


STRUCTURES: tuple[tuple[Step, int], ...] = (
    (dense, 3), (stages, 3), (wide, 2), (cells, 3), (skips, 2), (record, 2), (encoders, 2),
)  # fmt: skip
