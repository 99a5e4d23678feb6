"""The steps of a random `forward`: each takes a value and appends a line, or declines."""

from __future__ import annotations

from collections.abc import Callable

from spec_lang.shapes import Cond, Dim, dim, symbol
from tests.fuzz.bodies import Body, Hyper, Value, shown
from tests.fuzz.patterns import Pattern

Step = Callable[[Body, Value], Value | None]

POINTWISE = (
    "{} -> relu", "{} -> gelu", "{} -> tanh", "{} -> sigmoid", "{} -> silu", "{} -> softplus", "{} -> leaky_relu(0.1)", "{} -> elu",
    "{} -> hardswish", "{} -> gelu(approximate=\"tanh\")", "abs({})", "{} * 2.0", "1 - {}", "-{}", "{} / 3", "{} -> clamp(-1.0, 1.0)",
    "tanh({}) ** 2", "sqrt(abs({}) + 0.001)", "{}.exp().log1p()", "{} -> softmax(dim=-1)", "{} -> log_softmax(dim=-1)", "sin({})",
    "{} -> dropout(0.2)", "{} -> mish", "{} -> relu6", "{} -> normalize(dim=-1)", "{}.square()", "{} -> softmin(dim=-1)", "{}.pow(3)", "erf({})",
    "0.5 + {}", "{} - 1", "{}.clamp(min=0)", "2 / (abs({}) + 1)", "{} -> softsign", "{} -> tanhshrink", "{} -> hardtanh", "{} -> logsigmoid",
)  # fmt: skip
LAYERS = (
    "ReLU()", "GELU()", "Dropout(0.1)", "Identity()", "SiLU()", "Softmax(dim=-1)", "ELU(0.5)", "Tanh()", "LeakyReLU(0.2)", "Hardtanh()",
    "PReLU()", "Sigmoid()", "Softplus()",
)  # fmt: skip


def is_float(v: Value) -> bool:
    return v.dtype == "float"


def at_least(d: Dim, low: int) -> bool:
    found = d.bounds[0]
    return found is not None and found >= low


def pointwise(b: Body, v: Value) -> Value | None:
    text = b.rng.choice(POINTWISE)
    if not is_float(v) or (not v.rank and "dim=" in text):
        return None
    return b.let(text.format(v.text), v.dims, v)


def layer(b: Body, v: Value) -> Value | None:
    if not is_float(v) or v.rank < 2:
        return None
    return b.let(f"{v.text} -> {b.layer(b.rng.choice(LAYERS))}", v.dims, v)


def features(b: Body, v: Value) -> Value | None:
    """Layers over the last axis."""
    if not is_float(v) or not v.rank or not b.static(v.dims[-1]):
        return None
    last = v.dims[-1]
    kind = b.rng.randrange(7)
    if kind <= 2:
        out = b.size()
        first = b.rng.choice(["_", str(last)])
        bias = f", bias={b.hyper('bias', 'bool', True, False).name}" if b.rng.random() < 0.2 else ""
        return b.let(f"{v.text} -> {b.layer(f'Linear({first}, {out}{bias})', 'fc')}", [*v.dims[:-1], out], v)
    if kind == 3:
        return b.let(
            f"{v.text} -> {b.layer(b.rng.choice(['LayerNorm(_)', 'RMSNorm(_, eps=1e-5)', f'LayerNorm({last})']), 'norm')}",
            v.dims,
            v,
        )
    if kind == 4:
        out = b.size()
        inner = b.size()
        p = b.hyper("p", "float", 0.1, 0.0).name
        name = b.layer(
            f"Sequential(Linear(_, {inner}), {b.rng.choice(LAYERS[:5])}, Dropout({p}), last=Linear(_, {out}))",
            "mlp",
        )
        return b.let(f"{v.text} -> {name}", [*v.dims[:-1], out], v)
    if kind == 5 and not v.pack:
        name = b.fresh("gain")
        b.layers.append(
            f"param {name}: float[{last}] = {b.rng.choice(['ones()', 'normal(std=0.5)', 'zeros()'])}"
        )
        return b.let(f"{v.text} {b.rng.choice('+*-')} {name}", v.dims, v)
    name = b.fresh("steps")
    b.layers.append(
        f"buffer {name}: float[{last}] = arange({last}, dtype=float)"
        + b.rng.choice(["", ", persistent=false"])
    )
    return b.let(f"{v.text} + {name}", v.dims, v)


def several(b: Body, v: Value) -> Value | None:
    """Lists of layers: comprehensions, dicts, conditional layers, layers that change the size along."""
    if not is_float(v) or not v.rank or not b.static(v.dims[-1]):
        return None
    last, rest = v.dims[-1], v.dims[:-1]
    kind = b.rng.randrange(8)
    if kind == 0:
        depth = b.hyper("count", "int >= 0", 2, 0, 1, 3).name
        return b.let(
            f"{v.text} -> {b.layer(f'[Linear({last}, {last}) for i in range({depth})]', 'stack')}", v.dims, v
        )
    if kind == 1:
        depth = b.hyper("count", "int >= 0", 2, 0, 1, 3).name
        name = b.layer(f"[Linear({last}, {last}) for i in range({depth})]", "stack")
        out = b.fresh("v")
        b.lines.append(f"{b.indent}{out} = {v.text}")
        b.lines.append(f"{b.indent}for one in {name}:")
        b.lines.append(f"{b.indent}    {out} = {out} + (one({out}) -> tanh)")
        made = Value(out, v.dims, v.dtype, v.pack)
        b.values.append(made)
        return made
    if kind == 2:
        sizes = b.hyper("sizes", "list[int]", [3, 4], [2], [5, 1, 2])
        if not b.entry:
            return None
        name = b.layer(f"[Linear(_, n) for n in {sizes.name}]", "stages")
        return b.let(f"{v.text} -> {name} -> {b.layer('Linear(_, 3)', 'fc')}", [*rest, 3], v)
    if kind == 3:
        out = b.size()
        name = b.layer(f'{{"left": Linear(_, {out}), "right": Linear({last}, {out})}}', "both")
        return b.let(f'{name}["left"]({v.text}) + {name}["right"]({v.text})', [*rest, out], v)
    if kind == 4:
        flag = b.hyper("flag", "bool", b.rng.random() < 0.5, True, False).name
        name = b.layer(f"Linear({last}, {last}) if {flag} else none", "maybe")
        return b.let(f"{v.text} if {name} is none else {name}({v.text})", v.dims, v)
    if kind == 5:
        flag = b.hyper("flag", "bool", b.rng.random() < 0.5, True, False).name
        out = b.size()
        name = b.layer(f"Sequential(Linear(_, {out}), LayerNorm(_) if {flag} else none, ReLU())", "chain")
        return b.let(f"{v.text} -> {name}", [*rest, out], v)
    if kind == 6:
        name = b.layer(f"Linear({last}, {last})", "shared")
        return b.let(f"{v.text} -> {name} -> tanh -> {name}", v.dims, v)
    name = b.layer(f"Linear({last}, {last}, bias=false)", "tied")
    other = b.layer(f"Linear({last}, {last}, bias=false)", "tied")
    b.others.append(f"    tie {other}.weight = {name}.weight")
    return b.let(f"({v.text} -> {name} -> relu) + {other}({v.text})", v.dims, v)


def together(b: Body, v: Value) -> Value | None:
    """Two values of one type."""
    if not is_float(v):
        return None
    w = b.partner(v.same_type)
    if w is None:
        return None
    texts = [
        "{0} + {1}",
        "{0} * {1}",
        "{0} - {1}",
        "maximum({0}, {1})",
        "where({0} > 0.123, {0}, {1})",
        "lerp({0}, {1}, 0.3)",
        "{0} / (abs({1}) + 1)",
        "minimum({0}, {1})",
    ]
    return b.let(b.rng.choice(texts).format(v.text, w.text), v.dims, v)


def joined(b: Body, v: Value) -> Value | None:
    """`cat` along an axis, or `stack`."""
    if v.pack or not v.rank:
        return None
    axis = b.rng.randrange(v.rank)
    w = b.partner(
        lambda w: (
            (w.rank, w.dtype, w.pack) == (v.rank, v.dtype, False)
            and all(i == axis or x == y for i, (x, y) in enumerate(zip(v.dims, w.dims, strict=True)))
        )
    )
    if w is None:
        return None
    if w.dims == v.dims and b.rng.random() < 0.3:
        return b.let(f"stack([{v.text}, {w.text}], dim={axis})", [*v.dims[:axis], dim(2), *v.dims[axis:]], v)
    shown = axis if b.rng.random() < 0.5 else axis - v.rank
    dims = list(v.dims)
    dims[axis] = v.dims[axis] + w.dims[axis]
    return b.let(f"cat([{v.text}, {w.text}], dim={shown})", dims, v)


def parted(b: Body, v: Value) -> Value | None:
    """`chunk` and `split` where an axis is even."""
    axes = [i for i, d in enumerate(v.dims) if (d % 2) == 0]
    if v.pack or not axes:
        return None
    axis = b.rng.choice(axes)
    half = v.dims[axis] // 2
    one, two = b.fresh("v"), b.fresh("v")
    how = b.rng.choice([f"chunk(2, dim={axis})", f"split({half}, dim={axis - v.rank})"])
    if "split" in how and half.const is None and not b.static(half):
        how = f"chunk(2, dim={axis})"
    b.lines.append(f"{b.indent}{one}, {two} = {v.text} -> {how}")
    dims = (*v.dims[:axis], half, *v.dims[axis + 1 :])
    b.values += [Value(one, dims, v.dtype), Value(two, dims, v.dtype)]
    return b.values[-1]


def indexed(b: Body, v: Value) -> Value | None:
    if v.pack or v.rank < 2:
        return None
    axis = b.rng.randrange(v.rank)
    d = v.dims[axis]
    before, rest = list(v.dims[:axis]), list(v.dims[axis + 1 :])
    lead = ":, " * axis
    kind = b.rng.randrange(7)
    if kind == 0:
        return b.let(f"{v.text}[{lead}0]", [*before, *rest], v)
    if kind == 1:
        tail = ", :" * len(rest)
        return b.let(
            f"{v.text}[..., -1{tail}]" if len(rest) < 2 else f"{v.text}[{lead}-1]", [*before, *rest], v
        )
    if kind == 2:
        return b.let(f"{v.text}[{lead}none]", [*before, 1, d, *rest], v)
    if kind == 3 and at_least(d, 2):
        return b.let(f"{v.text}[{lead}1:]", [*before, d - 1, *rest], v)
    if kind == 4:
        return b.let(f"{v.text}[{lead}::2]", [*before, (d + 1) // 2, *rest], v)
    if kind == 5:
        return b.let(
            f"{v.text} -> flip(dims=({axis},))"
            if b.rng.random() < 0.5
            else f"{v.text} -> roll(1, dims={axis})",
            v.dims,
            v,
        )
    if at_least(d, 3):
        return b.let(f"{v.text}[{lead}1:-1]", [*before, d - 2, *rest], v)
    return b.let(f"{v.text}.unsqueeze({axis})", [*before, 1, d, *rest], v)


def reduced(b: Body, v: Value) -> Value | None:
    if v.rank < 2 or not is_float(v):
        return None
    axis = b.rng.randrange(v.rank)
    shown = axis - v.rank
    before, rest = list(v.dims[:axis]), list(v.dims[axis + 1 :])
    kind = b.rng.randrange(8)
    name = b.rng.choice(["mean", "sum", "amax", "amin", "logsumexp"])
    if kind < 3:
        return b.let(f"{v.text} -> {name}(dim={shown})", [*before, *rest], v)
    if kind == 3:
        return b.let(f"{v.text}.{name}(dim={shown}, keepdim=true)", [*before, 1, *rest], v)
    if kind == 4:
        return b.let(f"{v.text} -> cumsum(dim={shown})", v.dims, v)
    if kind == 5 and v in b.inputs and b.entry:  # what is computed may tie but for a rounding
        return b.let(f"{v.text} -> argmax(dim={shown})", [*before, *rest], v, "int")
    if kind in (5, 6):
        return b.let(f"{v.text} -> var(dim={shown}, correction=0)", [*before, *rest], v)
    return b.let(f"{v.text} - {v.text}.mean(dim={shown}, keepdim=true)", v.dims, v)


def reshaped(b: Body, v: Value) -> Value | None:
    if v.pack or v.rank < 2:
        return None
    i = b.rng.randrange(v.rank - 1)
    merged = [*v.dims[:i], v.dims[i] * v.dims[i + 1], *v.dims[i + 2 :]]
    kind = b.rng.randrange(7)
    letters = "abcdefgh"[: v.rank]
    if kind == 0:
        return b.let(f"{v.text} -> flatten({i}, {i + 1})", merged, v)
    if kind == 1:
        order = list(range(v.rank))
        b.rng.shuffle(order)
        return b.let(f"{v.text} -> permute({', '.join(map(str, order))})", [v.dims[o] for o in order], v)
    if kind == 2:
        dims = list(v.dims)
        dims[i], dims[i + 1] = dims[i + 1], dims[i]
        return b.let(f"{v.text}.transpose({i}, {i + 1 - v.rank})", dims, v)
    if kind == 3:
        return b.let(f"{v.text}.reshape({', '.join(map(str, merged))})", merged, v)
    if kind == 4:
        left = " ".join(letters)
        right = " ".join([*letters[:i], f"({letters[i + 1]} {letters[i]})", *letters[i + 2 :]])
        return b.let(f'{v.text} -> rearrange("{left} -> {right}")', merged, v)
    even = [j for j, d in enumerate(v.dims) if (d % 2) == 0]
    if not even:
        return None
    j = b.rng.choice(even)
    split = [*v.dims[:j], v.dims[j] // 2, dim(2), *v.dims[j + 1 :]]
    if kind == 5:
        return b.let(f"{v.text} -> unflatten({j}, (-1, 2))", split, v)
    parts = list(letters)
    parts[j] = f"({letters[j]} z)"
    right = [*letters[: j + 1], "z", *letters[j + 1 :]]
    return b.let(f'{v.text} -> rearrange("{" ".join(parts)} -> {" ".join(right)}", z=2)', split, v)


def products(b: Body, v: Value) -> Value | None:
    if v.pack or not is_float(v) or v.rank < 2:
        return None
    kind = b.rng.randrange(4)
    lead, t, d = list(v.dims[:-2]), v.dims[-2], v.dims[-1]
    if kind == 0:
        return b.let(f"{v.text} @ {v.text}.transpose(-2, -1)", [*lead, t, t], v)
    if kind == 1 and v.rank == 3:
        w = b.partner(
            lambda w: w.rank == 3 and not w.pack and is_float(w) and (w.dims[0], w.dims[2]) == (v.dims[0], d)
        )
        if w:
            return b.let(f'einsum("ntd,nsd->nts", {v.text}, {w.text})', [v.dims[0], t, w.dims[1]], v)
    if kind == 2 and v.rank in (3, 4):
        causal = b.rng.choice(["", ", is_causal=true", ", dropout_p=0.1"])
        return b.let(f"scaled_dot_product_attention({v.text}, {v.text}, {v.text}{causal})", v.dims, v)
    w = b.partner(lambda w: w.rank == 2 and not w.pack and is_float(w) and w.dims[0] == d)
    return b.let(f"{v.text} @ {w.text}", [*lead, t, w.dims[1]], v) if w else None


def sequences(b: Body, v: Value) -> Value | None:
    """Recurrences, attention and encoder layers over `[N, T, D]`."""
    if v.pack or not is_float(v) or v.rank != 3 or not b.static(v.dims[-1]):
        return None
    n, t, d = v.dims
    kind = b.rng.randrange(6)
    if kind == 0:
        hidden = b.size()
        way, factor = b.rng.choice([("", 1), (", bidirectional=true", 2)])
        depth = b.rng.randint(1, 2)
        name = b.layer(f"LSTM(_, {hidden}, num_layers={depth}, batch_first=true{way})", "rnn")
        out, h, c = b.fresh("v"), b.fresh("v"), b.fresh("v")
        b.lines.append(f"{b.indent}{out}, ({h}, {c}) = {v.text} -> {name}")
        state = (dim(depth * factor), n, hidden)
        b.values += [Value(h, state), Value(c, state), Value(out, (n, t, hidden * factor))]
        return b.values[-1]
    if kind == 1:
        hidden = b.size()
        name = b.layer(f"{b.rng.choice(['GRU', 'RNN'])}(_, {hidden}, batch_first=true)", "rnn")
        out, h = b.fresh("v"), b.fresh("v")
        start = b.partner(lambda w: not w.pack and is_float(w) and w.dims == (1, n, hidden))
        call = f"{name}({v.text}, {start.text})" if start else f"{v.text} -> {name}"
        b.lines.append(f"{b.indent}{out}, {h} = {call}")
        b.values += [Value(h, (dim(1), n, hidden)), Value(out, (n, t, hidden))]
        return b.values[-1]
    heads = dim(1)
    if b.rng.random() < 0.6:
        heads = symbol(b.hyper("heads", "int", 1, 2, 3).name) if b.rng.random() < 0.5 else dim(2)
    if not b.owe(Cond.divides(heads, d)):
        heads = dim(1)
    if kind == 2:
        name = b.layer(f"MultiheadAttention({d}, {heads}, batch_first=true)", "attention")
        out, w = b.fresh("v"), b.fresh("v")
        b.lines.append(f"{b.indent}{out}, {w} = {name}({v.text}, {v.text}, {v.text})")
        b.values += [Value(w, (n, t, t)), Value(out, (n, t, d))]
        return b.values[-1]
    if kind == 3:
        inner = b.size()
        first = b.rng.choice(["", ", norm_first=true"])
        name = b.layer(f"TransformerEncoderLayer({d}, {heads}, {inner}, batch_first=true{first})", "encoder")
        mask = b.partner(lambda w: w.dtype == "bool" and not w.pack and w.dims == (n, t))
        extra = f", src_key_padding_mask={mask.text}" if mask else ""
        return b.let(f"{name}({v.text}{extra})", v.dims, v)
    if kind == 4:
        out = b.size()
        name = b.layer(f"Conv1d(_, {out}, 3, padding=1)", "conv")
        return b.let(f"{v.text}.transpose(1, 2) -> {name}", [n, out, t], v)
    q, k, w = b.fresh("v"), b.fresh("v"), b.fresh("v")
    name = b.layer(f"Linear(_, 3 * ({d}))", "qkv")
    b.lines.append(
        f'{b.indent}{q}, {k}, {w} = {v.text} -> {name} -> rearrange("n t (three h d) -> three n h t d", three=3, h={heads})'
    )
    y = b.let(f"scaled_dot_product_attention({q}, {k}, {w}, is_causal=true)", [n, heads, t, d // heads], v)
    return b.let(f'{y.text} -> rearrange("n h t d -> n t (h d)")', v.dims, v)


def images(b: Body, v: Value) -> Value | None:
    """Convolutions, pools and norms over `[N, C, H, W]`."""
    if v.pack or not is_float(v) or v.rank != 4 or not b.static(v.dims[1]):
        return None
    n, c, h, w = v.dims
    kind = b.rng.randrange(14)
    out = b.size()
    if kind <= 2:
        k, s, p, d = b.rng.choice(
            [(3, 1, 1, 1), (1, 1, 0, 1), (3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 0, 1), (3, 1, 2, 2), (5, 1, 2, 1)]
        )
        name = b.layer(
            f"Conv2d({b.rng.choice(['_', str(c)])}, {out}, {k}, stride={s}, padding={p}, dilation={d})",
            "conv",
        )
        sizes = [(x + 2 * p - d * (k - 1) - 1) // s + 1 for x in (h, w)]
        return (
            b.let(f"{v.text} -> {name}", [n, out, *sizes], v)
            if all(at_least(x, 1) for x in sizes)
            else _drop(b)
        )
    if kind == 3:
        return b.let(
            f"{v.text} -> {b.layer(b.rng.choice(['BatchNorm2d(_)', 'InstanceNorm2d(_, affine=true)', 'GroupNorm(1, _)']), 'norm')}",
            v.dims,
            v,
        )
    if kind == 4 and (h % 2) == 0 and (w % 2) == 0:
        pool = b.rng.choice(["max_pool2d(2)", "avg_pool2d(2)", "min_pool2d(2)"])
        return b.let(f"{v.text} -> {pool}", [n, c, h // 2, w // 2], v)
    if kind == 5:
        return b.let(f"{v.text} -> {b.layer('MaxPool2d(3, stride=1, padding=1)', 'pool')}", v.dims, v)
    if kind == 6:
        return b.let(f"{v.text} -> adaptive_avg_pool2d(1) -> flatten(1)", [n, c], v)
    if kind == 7:
        mode = b.rng.choice(["nearest", "bilinear"])
        return b.let(f'interpolate({v.text}, scale_factor=2, mode="{mode}")', [n, c, 2 * h, 2 * w], v)
    if kind == 8:
        name = b.layer(f"ConvTranspose2d(_, {out}, 2, stride=2)", "up")
        return b.let(f"{v.text} -> {name}", [n, out, 2 * h, 2 * w], v)
    if kind == 9 and (h % 2) == 0 and (w % 2) == 0:
        return b.let(f"{v.text} -> pixel_unshuffle(2)", [n, 4 * c, h // 2, w // 2], v)
    if kind == 10:
        return b.let(f"{v.text} -> pad((1, 0, 2, 1))", [n, c, h + 3, w + 1], v)
    if kind == 11:
        name = b.layer(f"Conv2d({c}, {2 * c}, 3, padding=1, groups={c})", "depthwise")
        return b.let(f"{v.text} -> {name}", [n, 2 * c, h, w], v)
    if kind == 12:
        norm = b.hyper("norm", "layer", "BatchNorm2d").name
        return b.let(f"{v.text} -> {b.layer(f'{norm}({c})', 'norm')}", v.dims, v)
    return b.let(f"{v.text} -> mean(dim=(2, 3))", [n, c], v)


def _drop(b: Body) -> None:
    """Takes back the layer that was just made."""
    b.layers.pop()


def tokens(b: Body, v: Value) -> Value | None:
    """Embeddings of integers that come from outside."""
    if v.dtype != "int" or v.pack or v not in b.inputs:
        return None
    kind = b.rng.randrange(3)
    if kind == 0:
        return b.let(f"({v.text} != 0).to(float)", v.dims, v, "float")
    width = b.size()
    vocab = b.hyper("vocab", "int", 7, 5).name
    return b.let(
        f"{v.text} -> {b.layer(f'Embedding({vocab}, {width})', 'embed')}", [*v.dims, width], v, "float"
    )


def masked(b: Body, v: Value) -> Value | None:
    """A mask of the leading dims, or one made here."""
    if v.pack or not is_float(v) or v.rank < 2:
        return None
    m = b.partner(
        lambda m: m.dtype == "bool" and not m.pack and m.dims == v.dims[: m.rank] and 0 < m.rank <= v.rank
    )
    if m is None:
        # Away from 0, where what underflows in one runtime is tiny in the other.
        return b.let(f"{v.text} > 0.123", v.dims, v, "bool")
    tail = ", none" * (v.rank - m.rank)
    index = f"[{', '.join(':' * m.rank)}{tail}]" if tail else ""
    if m.rank == v.rank or m.rank == 1:
        index = f"[:{tail}]" if tail else ""
    return b.let(f"{v.text} -> masked_fill({m.text}{index}, {b.rng.choice(['0.0', '-1.0'])})", v.dims, v)


def created(b: Body, v: Value) -> Value | None:
    """Tensors made of sizes."""
    if v.pack or not is_float(v) or not v.rank:
        return None
    d = v.dims[-1]
    kind = b.rng.randrange(4)
    if kind == 0:
        return b.let(f"{v.text} + arange({d}, dtype=float)", v.dims, v)
    if kind == 1:
        return b.let(f"{v.text} * zeros({d})", v.dims, v)
    if kind == 2 and v.rank >= 2:
        return b.let(f"{v.text} * tril(ones({v.dims[-2]}, {d}))", v.dims, v)
    return b.let(f"{v.text} / ({d})", v.dims, v)


def branch(b: Body, v: Value) -> Value | None:
    """A static `if` whose branches join, or a size in a loop."""
    if not is_float(v):
        return None
    out = b.fresh("v")
    texts = b.rng.sample(["relu({})", "{} * 2", "{} + 1", "tanh({})", "{}"], 2)
    kind = b.rng.randrange(3)
    if kind == 0:
        flag = b.hyper("flag", "bool", b.rng.random() < 0.5, True, False).name
        head = f"if {flag}:"
    elif kind == 1:
        act = b.hyper("act", '"relu" | "gelu" | "tanh"', "relu", "gelu", "tanh").name
        head = f'if {act} == "relu":'
    else:
        depth = b.hyper("depth", "int", 2, 1, 3).name
        b.lines.append(f"{b.indent}{out} = {v.text}")
        b.lines.append(f"{b.indent}for i in range({depth}):")
        b.lines.append(f"{b.indent}    {out} = {out} + {v.text} * (i + 1)")
        head = ""
    if head:
        b.lines.append(f"{b.indent}{head}")
        b.lines.append(f"{b.indent}    {out} = {texts[0].format(v.text)}")
        b.lines.append(f"{b.indent}else:")
        b.lines.append(f"{b.indent}    {out} = {texts[1].format(v.text)}")
    made = Value(out, v.dims, v.dtype, v.pack)
    b.values.append(made)
    return made


def block(b: Body, v: Value) -> Value | None:
    """A block that was written before: once, as a list, or in a container."""
    fits = [x for x in b.blocks if x.inputs[0].rank == v.rank or x.inputs[0].pack]
    if not fits or not is_float(v):
        return None
    used = b.rng.choice(fits)
    bound = _bind(used.inputs[0], v)
    if bound is None or any(not b.static(bound[name]) for name in used.implicit if name in bound):
        return None
    named = b.rng.random() < 0.3
    args = [f"{h.name}=" * named + _argument(b, h, bound) for h in used.hypers]
    for test in used.requires:
        if not b.owe(test.substitute(bound)):
            return None
    results = [_substituted(r, bound, v) for r in used.results]
    if isinstance(used, Pattern):
        b.needs.add(used.name)
    call = f"{used.name}({', '.join(args)})"
    if len(results) > 1:
        names = [b.fresh("v") for _ in results]
        b.lines.append(f"{b.indent}{', '.join(names)} = {v.text} -> {b.layer(call, 'part')}")
        b.values += [Value(n, r.dims, r.dtype, r.pack) for n, r in zip(names, results, strict=True)]
        return b.values[-1]
    [result] = results
    again = result.same_type(v)
    kind = b.rng.randrange(4)
    if again and kind == 0:
        depth = b.hyper("depth", "int", 2, 1, 3).name
        return b.let(
            f"{v.text} -> {b.layer(f'[{call} for i in range({depth})]', 'parts')}", result.dims, result
        )
    if again and kind == 1:
        return b.let(
            f"{v.text} + {b.layer(f'Sequential({call}, ReLU())', 'parts')}({v.text})", result.dims, result
        )
    if again and kind == 2:
        name = b.layer(f'{{f"part_{{i}}": {call} for i in range(2)}}', "parts")
        return b.let(f'{name}["part_0"]({v.text}) * {name}["part_1"]({v.text})', result.dims, result)
    return b.let(f"{v.text} -> {b.layer(call, 'part')}", result.dims, result)


def _argument(b: Body, h: Hyper, bound: dict[str, Dim]) -> str:
    """The text of an argument; sizes go into `bound`."""
    if h.type == "int":
        value = (
            dim(1)
            if h.name.startswith("heads")
            else dim(b.rng.randint(1, 3))
            if h.name.startswith("depth")
            else b.size()
        )
        if h.name.startswith("vocab"):
            value = dim(7)
        bound[h.name] = value
        return str(value)
    mine = [x for x in b.hypers if x.type == h.type]
    if mine and b.rng.random() < 0.5:
        return b.rng.choice(mine).name
    return shown(b.rng.choice([h.default, *h.others]))


def _bind(declared: Value, v: Value) -> dict[str, Dim] | None:
    """What the names in a block's input stand for."""
    if declared.pack or v.pack:
        if not (declared.pack and v.rank >= declared.rank):
            return None
        v = Value(v.text, v.dims[v.rank - declared.rank :], v.dtype)
    bound: dict[str, Dim] = {}
    for d, actual in zip(declared.dims, v.dims, strict=True):
        if d.const is not None:
            if d != actual:
                return None
            continue
        [name] = d.symbols
        factor = d.evaluate({name: 1})
        if (actual % factor) != 0:
            return None
        bound[name] = actual // factor
    return bound


def _substituted(r: Value, bound: dict[str, Dim], v: Value) -> Value:
    dims = tuple(d.substitute(bound) for d in r.dims)
    if r.pack and not v.pack:
        return Value(r.text, (*v.dims[: v.rank - 1], *dims), r.dtype)
    return Value(r.text, dims, r.dtype, r.pack)


def called(b: Body, v: Value) -> Value | None:
    """A function over tensors of the file."""
    if not is_float(v) or not v.rank or not b.functions:
        return None
    name = b.rng.choice(b.functions)
    if name == "halves":
        if (v.dims[-1] % 2) != 0:
            return None
        return b.let(f"halves({v.text})", [*v.dims[:-1], v.dims[-1] // 2], v)
    return b.let(f"{v.text} -> {name}({b.rng.choice(['0.5', '2.0'])})", v.dims, v)


STEPS: tuple[tuple[Step, int], ...] = (
    (pointwise, 3), (layer, 1), (features, 4), (several, 4), (together, 3), (joined, 2), (parted, 2), (indexed, 5), (reduced, 2),
    (reshaped, 3), (products, 2), (sequences, 4), (images, 8), (tokens, 4), (masked, 2), (created, 2), (branch, 2), (block, 6), (called, 2),
)  # fmt: skip
