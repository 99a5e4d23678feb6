"""Random specs like a decoder: how heads are split, what is fused, gated, normed and tied differs."""

from __future__ import annotations

from random import Random


def decoder(random: Random) -> str:
    """A spec whose model `Decoder` takes tokens and gives scores."""
    pick = random.choice
    norm = pick(["LayerNorm(_)", "RMSNorm(_)"])
    bias = pick(["", ", bias=false"])
    around = pick(
        [
            ["x = x + (x -> norm1 -> attention)", "return x + (x -> norm2 -> mlp)"],
            ["x = norm1(x + attention(x))", "return norm2(x + mlp(x))"],
            ["h = norm1(x)", "return norm2(x + attention(h) + mlp(h))"],
            ["y = x -> norm1 -> attention", "return x + ((y + x) -> norm2 -> mlp) * 0.5"],
        ]
    )
    positions = pick([False, True])
    tied = pick([False, True])
    words = "words(tokens)" + " + places(arange(T))" * positions
    lines = [
        *_attention(random, bias),
        "",
        *_mlp(random, bias),
        "",
        "block Layer(heads: int, kv: int, head_dim: int, hidden: int):",
        "    require heads % kv == 0",
        "",
        "    layers:",
        "        attention = Attention(heads, kv, head_dim)",
        "        mlp       = MLP(hidden)",
        f"        norm1     = {norm}",
        f"        norm2     = {norm}",
        "",
        "    forward(x: float[N, T, D]) -> float[N, T, D]:",
        *(f"        {line}" for line in around),
        "",
        "model Decoder(vocab: int = 48, dim: int = 12, depth: int = 2, heads: int = 4, kv: int = 2,",
        f"              head_dim: int = 3, hidden: int = 10{', context: int = 8' * positions}):",
        "    require heads % kv == 0",
        "",
        "    layers:",
        "        words  = Embedding(vocab, dim)",
        *(["        places = Embedding(context, dim)"] if positions else []),
        "        layer  = [Layer(heads, kv, head_dim, hidden) for i in range(depth)]",
        *([f"        norm   = {norm}"] if pick([False, True]) else []),
        f"        scores = Linear(_, vocab{bias})",
        *(["", "    tie scores.weight = words.weight"] if tied else []),
        "",
        "    forward(tokens: int[N, T]) -> float[N, T, vocab]:",
        *(["        require T <= context"] if positions else []),
        f"        x = {words}",
        "        return x -> layer -> scores",
    ]
    text = "\n".join(lines) + "\n"
    return (
        text.replace("x -> layer -> scores", "x -> layer -> norm -> scores")
        if "        norm   =" in text
        else text
    )


def _attention(random: Random, bias: str) -> list[str]:
    pick = random.choice
    fused = pick(["", "three h d", "h three d"])
    grouped = not fused and pick([False, True])
    kv = "kv" if grouped else "heads"
    if fused:
        layers = [f"qkv    = Linear(_, 3 * heads * head_dim{bias})"]
        body = [f'q, k, v = x -> qkv -> rearrange("n t ({fused}) -> three n h t d", three=3, d=head_dim)']
    else:
        layers = [
            f"query  = Linear(_, heads * head_dim{bias})",
            f"key    = Linear(_, {kv} * head_dim{bias})",
            f"value  = Linear(_, {kv} * head_dim{bias})",
        ]
        way = pick(
            [
                'rearrange("n t (h d) -> n h t d", d=head_dim)',
                "unflatten(2, (-1, head_dim)) -> transpose(1, 2)",
            ]
        )
        body = [f"{a} = x -> {b} -> {way}" for a, b in (("q", "query"), ("k", "key"), ("v", "value"))]
    if pick([False, True]):
        layers += ["normed = RMSNorm(head_dim)"]
        body += ["q = normed(q)", "k = normed(k)"]
    if not grouped and pick([False, True]):
        body += [
            "weights = q @ k.transpose(-1, -2) / sqrt(head_dim)",
            "y = (weights -> softmax(dim=-1)) @ v",
        ]
    else:
        gqa = ", enable_gqa=true" if grouped else ""
        body += [f"y = scaled_dot_product_attention(q, k, v, is_causal=true{gqa})"]
    joined = pick(['y -> rearrange("n h t d -> n t (h d)")', "y.transpose(1, 2) -> flatten(2)"])
    return [
        "block Attention(heads: int, kv: int, head_dim: int):",
        "    require heads % kv == 0",
        "",
        "    layers:",
        *(f"        {line}" for line in layers),
        f"        output = Linear(_, D{bias})",
        "",
        "    forward(x: float[N, T, D]) -> float[N, T, D]:",
        *(f"        {line}" for line in body),
        f"        return {joined} -> output",
    ]


def _mlp(random: Random, bias: str) -> list[str]:
    act = random.choice(["gelu", "relu", "silu", "tanh"])
    layers, body = random.choice(
        [
            ([f"up   = Linear(_, hidden{bias})"], f"x -> up -> {act} -> down"),
            (
                [f"gate = Linear(_, hidden{bias})", f"up   = Linear(_, hidden{bias})"],
                f"down({act}(gate(x)) * up(x))",
            ),
            ([f"up   = Linear(_, hidden{bias})", "drop = Dropout(0.0)"], f"x -> up -> {act} -> drop -> down"),
            (
                [f"up   = Linear(_, hidden{bias})", "gate = Linear(_, 1)"],
                f"down({act}(up(x)) * sigmoid(gate(x)))",
            ),
            ([f"both = Linear(_, 2 * hidden{bias})"], "x -> both -> glu(dim=-1) -> down"),
        ]
    )
    return [
        "block MLP(hidden: int):",
        "    layers:",
        *(f"        {line}" for line in layers),
        f"        down = Linear(_, D{bias})",
        "",
        "    forward(x: float[N, T, D]) -> float[N, T, D]:",
        f"        return {body}",
    ]
