"""Calls of the layers: arguments, input types and sizes, in rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.ops.oracle import Case, Nested

I1, S1 = "float[N, 4, L]", {"N": [1, 2], "L": [5, 8, 11, 16]}
I2, S2 = "float[N, 4, H, W]", {"N": [1, 3], "H": [7, 8, 11], "W": [9, 12]}
I3, S3 = "float[N, 4, D, H, W]", {"N": [2], "D": [5, 6], "H": [7, 8], "W": [5]}
SPATIAL = {"1": (I1, S1), "2": (I2, S2), "3": (I3, S3)}


def row(
    layer: str, *args: Any, x: Any = None, s: Any = None, n: Any = None, o: Any = True, **kwargs: Any
) -> Case:
    """One call: inputs `x`, sizes `s`, named inputs `n`, whether ONNX has it `o`; images by the layer's name."""
    if x is None:
        x, s = SPATIAL[layer[-2]][0], SPATIAL[layer[-2]][1] if s is None else s
    return Case(layer, args, kwargs, x if isinstance(x, list | tuple) else [x], n or {}, s or {}, onnx=o)


def bags(*args: Any, n: Any = None, **kwargs: Any) -> Case:
    """An EmbeddingBag of bags of 2, 0, 3 and, but for a last offset, the rest."""
    sizes = {"T": [5] if kwargs.get("include_last_offset") else [5, 8]}
    named = {"offsets": "int[4]", **(n or {})}
    return Case(
        "EmbeddingBag", args, kwargs, ["int[T]"], named, sizes, high=4, values={"offsets": [0, 2, 2, 5]}
    )


def laid(batch_first: bool, n: str, length: str, width: int) -> str:
    """A sequence's type in either layout."""
    return f"float[{n}, {length}, {width}]" if batch_first else f"float[{length}, {n}, {width}]"


def unbatched(type: str) -> str:
    return type.replace("N, ", "")


def plain() -> Iterator[Case]:
    """Layers of vectors, images and shapes."""
    yield row("Linear", 4, 5, x="float[N, T, 4]", s={"N": [1, 3], "T": [1, 4]})
    yield row("Linear", 4, 5, x="float[N, 4]", s={"N": [1, 3]})
    yield row("Linear", 4, 5, bias=False, x="float[4]", s={})
    yield row("Linear", "K", 5, x="float[N, K]", s={"N": [1, 3], "K": [2, 3]})
    yield row("Bilinear", 4, 3, 5, x=["float[N, 4]", "float[N, 3]"], s={"N": [1, 3]})
    yield row("Bilinear", 4, 3, 5, bias=False, x=["float[4]", "float[3]"], s={})
    yield row("Identity", x="float[N, 4]", s={"N": [2]})
    yield row("Flatten", x=I2, s=S2)
    yield row("Flatten", 0, 1, x=I2, s=S2)
    yield row("Flatten", 2, -2, x=I2, s=S2)
    yield row("Flatten", 0, x="float[]", s={})
    yield row("Unflatten", 1, (2, -1), x=I2, s=S2)
    yield row("Unflatten", -1, [3, -1], x="float[N, 6*w]", s={"N": [2], "w": [1, 2]})
    yield row("Embedding", 7, 3, x="int[N, T]", s={"N": [1, 2], "T": [1, 4]})
    for mode in ("sum", "mean", "max"):
        yield row("EmbeddingBag", 7, 3, mode=mode, x="int[N, T]", s={"N": [1, 2], "T": [1, 4]})
    yield row(
        "EmbeddingBag",
        7,
        3,
        mode="sum",
        x="int[N, T]",
        n={"per_sample_weights": "float[N, T]"},
        s={"N": [2], "T": [3]},
    )
    for mode in ("sum", "mean", "max"):
        yield row("EmbeddingBag", 7, 3, mode=mode, padding_idx=2, x="int[N, T]", s={"N": [2, 5], "T": [1, 3]})
        yield bags(7, 3, mode=mode)
        yield bags(7, 3, mode=mode, padding_idx=-6)
        yield bags(7, 3, mode=mode, include_last_offset=True)
    yield bags(7, 3, n={"per_sample_weights": "float[T]"}, mode="sum", padding_idx=1)
    yield row("Embedding", 7, 3, padding_idx=-1, x="i32[N]", s={"N": [2]})
    yield row("BatchNorm1d", 4, x="float[N, 4]", s={"N": [1, 2]})
    yield row("BatchNorm1d", 4, x="float[N, 4]", s={"N": [2, 3]}, track_running_stats=False)
    yield row("LayerNorm", 4, x="float[N, T, 4]", s={"N": [1, 2], "T": [3]})
    yield row("LayerNorm", (3, 4), 1e-3, x="float[N, 3, 4]", s={"N": [1, 2]})
    yield row("LayerNorm", 4, elementwise_affine=False, x="float[N, 4]", s={"N": [1, 2]})
    yield row("LayerNorm", 4, bias=False, x="float[N, 4]", s={"N": [1, 2]})
    yield row(
        "LayerNorm",
        ("H", "W"),
        elementwise_affine=False,
        x="float[N, H, W]",
        s={"N": [1, 2], "H": [2], "W": [3]},
    )
    yield row("RMSNorm", 4, x="float[N, T, 4]", s={"N": [1, 2], "T": [3]})
    yield row("RMSNorm", (3, 4), 1e-3, x="float[N, 3, 4]", s={"N": [1, 2]})
    yield row("RMSNorm", 4, elementwise_affine=False, x="float[N, 4]", s={"N": [1, 2]})
    for g in (1, 2, 4):
        yield row("GroupNorm", g, 4, x=I2, s=S2)
    yield row("GroupNorm", 2, 4, 1e-3, False, x=I1, s=S1)
    yield row("GroupNorm", 2, 4, x="float[N, 4]", s={"N": [2]})
    for z in (1, 2, 3, 4, 5):
        yield row("LocalResponseNorm", z, x=I2, s=S2)
    yield row("LocalResponseNorm", 3, 0.1, 0.5, 2.0, x=I1, s=S1)
    yield row("LocalResponseNorm", 4, 0.1, 0.5, 2.0, x=I3, s=S3)
    for D in ("Dropout", "AlphaDropout", "FeatureAlphaDropout"):
        yield row(D, 0.3, x="float[N, 4]", s={"N": [2]})
    pair = ["float[N, 4, L]"] * 2
    yield row("CosineSimilarity", x=pair, s=S1)
    yield row("CosineSimilarity", -1, 1e-3, x=pair, s=S1)
    yield row("CosineSimilarity", 0, x=["float[4]"] * 2, s={})
    yield row("CosineSimilarity", -1, x=["float[N, 1, L]", "float[4, L]"], s=S1)
    yield row("CosineSimilarity", -1, x=["float[N, 4, L]", "float[4, 1]"], s=S1)
    yield row("CosineSimilarity", 0, x=["float[4, L]", "float[N, 4, L]"], s=S1)
    yield row("CosineSimilarity", 1, x=["float[N, 1, 1]", "float[1, 4, L]"], s=S1)
    for p in (0, 1, 2.0, 3.0, float("inf"), float("-inf"), 0.5, -2.0):
        yield row("PairwiseDistance", p, x=pair, s=S1)
    yield row("PairwiseDistance", keepdim=True, x=["float[N, L]", "float[L]"], s=S1)
    yield row("PairwiseDistance", x=["float[L]", "float[L]"], s={"L": [3]})
    for f in (2, 3, 0.5, 1.5):
        for m, x, s in (
            ("nearest", I2, S2),
            ("nearest", I1, S1),
            ("nearest", I3, S3),
            ("nearest-exact", I2, S2),
            ("linear", I1, S1),
            ("bilinear", I2, S2),
            ("bicubic", I2, S2),
            ("trilinear", I3, S3),
        ):
            yield row("Upsample", scale_factor=f, mode=m, x=x, s=s)
            if "near" not in m:
                yield row("Upsample", scale_factor=f, mode=m, x=x, s=s, align_corners=True)
            yield row("Upsample", scale_factor=f, mode=m, x=x, s=s, recompute_scale_factor=True)
    for m, x, s, z in (
        ("nearest", I2, S2, (3, 20)),
        ("nearest-exact", I2, S2, (3, 20)),
        ("linear", I1, S1, 7),
        ("bilinear", I2, S2, (1, 17)),
        ("bicubic", I2, S2, (5, 17)),
        ("trilinear", I3, S3, (4, 9, 1)),
        ("area", I2, S2, (3, 2)),
    ):
        yield row("Upsample", z, mode=m, x=x, s=s, o=True)
    yield row("Upsample", scale_factor=(2.0, 3.0), x=I2, s=S2)
    yield row("UpsamplingNearest2d", scale_factor=2, x=I2, s=S2)
    yield row("UpsamplingBilinear2d", (5, 4), x=I2, s=S2)
    yield row("PixelShuffle", 2, x="float[N, 8, H, W]", s=S2)
    yield row("PixelShuffle", 2, x="float[8, H, W]", s={"H": [3], "W": [4]})
    yield row("PixelShuffle", 2, x="float[A, N, 8, H, W]", s=dict(A=[2], **S2))
    yield row("PixelShuffle", 2, x="float[N, 4*C, H, W]", s=dict(C=[2], **S2))
    yield row("PixelUnshuffle", 2, x="float[N, 3, 2*h, 2*w]", s={"N": [2], "h": [1, 3], "w": [2]})
    yield row("PixelUnshuffle", 2, x="float[3, 2*h, 4]", s={"h": [1, 3]})
    yield row("ChannelShuffle", 2, x=I2, s=S2)
    yield row("ChannelShuffle", 4, x=I1, s=S1)
    yield row("Unfold", 3, x=I2, s=S2)
    yield row("Unfold", (2, 3), 2, 1, (2, 1), x=I2, s=S2)
    yield row("Unfold", 3, x="float[4, H, W]", s={"H": [5], "W": [6]})
    yield row("Fold", (4, 5), 2, x="float[N, 12, 12]", s={"N": [1, 2]})
    yield row("Fold", (5, 5), 3, 1, 1, 2, x="float[N, 18, 9]", s={"N": [1, 2]})
    yield row("Fold", (4, 5), 2, x="float[12, 12]", s={})


def spatial() -> Iterator[Case]:
    """The layers that exist for one, two and three spatial axes."""
    for d, (i, s) in SPATIAL.items():
        C = f"Conv{d}d"
        yield row(C, 4, 6, 3)
        yield row(C, 4, 6, 3, 2, 1)
        yield row(C, 4, 8, 3, groups=4, bias=False)
        yield row(C, 4, 6, 3, padding="same", dilation=2)
        yield row(C, 4, 6, 4, padding="same")
        yield row(C, 4, 6, 2, padding="valid", stride=3)
        for m in ("reflect", "replicate", "circular"):
            yield row(C, 4, 6, 3, padding=2, padding_mode=m)
            yield row(C, 4, 6, 4, padding="same", padding_mode=m)
        un = i.replace("N, ", "")
        us = {k: v for k, v in s.items() if k != "N"}
        yield row(C, 4, 6, 3, padding=1, x=un, s=us)
        yield row(C, 4, 6, 3, padding=1, x=un, s=us, padding_mode="circular")
        T = f"ConvTranspose{d}d"
        yield row(T, 4, 6, 3)
        yield row(T, 4, 6, 3, 2, 1, 1)
        yield row(T, 4, 6, 3, 2, 1, 1, 2, False, 2)
        yield row(T, 4, 6, 3, 2, x=un, s=us)
        yield row(T, 4, 6, 3, 3, 1, 2, padding_mode="zeros")
        yield row(T, 4, 6, 2, 1, 0, 1, dilation=2)
        yield row(T, 4, 6, 3, 1, 1, 1, dilation=2)
        for P in (f"MaxPool{d}d", f"MinPool{d}d"):
            yield row(P, 2)
            yield row(P, 3, 2, 1)
            yield row(P, 3, 2, 1, 2)
            yield row(P, 3, 2, 1, ceil_mode=True)
            yield row(P, 2, 3, ceil_mode=True)
            yield row(P, 2, 2, 1, ceil_mode=True)
            yield row(P, 3, 1, 0, 1, ceil_mode=True)
            yield row(P, 2, x=un, s=us)
        yield row(f"MaxPool{d}d", 2, return_indices=True)
        yield row(f"MaxPool{d}d", 3, 2, 1, return_indices=True, ceil_mode=True)
        yield row(f"MaxPool{d}d", 3, 2, 1, 2, return_indices=True, x=un, s=us)
        yield row(f"MaxPool{d}d", 2, 3, 1, 2, return_indices=True, ceil_mode=True)
        yield row(f"MaxPool{d}d", 2, 2, 0, 3, return_indices=True, ceil_mode=True, x=un, s=us)
        ones = ", ".join("1" * int(d))
        for s_, more in (({"N": [1, 3]}, {}), ({"N": [1, 3]}, {"stride": 2, "padding": 1})):
            yield row(f"MaxUnpool{d}d", 7, x=[f"float[N, 4, {ones}]", f"int[N, 4, {ones}]"], s=s_, **more)
        yield row(f"MaxUnpool{d}d", 5, x=[f"float[4, {ones}]", f"int[4, {ones}]"], s={})
        P = f"AvgPool{d}d"
        for k in ({}, {"ceil_mode": True}):
            for q in ({}, {"count_include_pad": False}):
                yield row(P, 3, 2, 1, **k, **q)
                yield row(P, 2, **k, **q)
                yield row(P, 2, 3, 1, **k, **q)
                yield row(P, 4, 3, 2, **k, **q)
        if d != "1":
            yield row(P, 3, 2, 1, divisor_override=2)
            yield row(P, 3, 2, 1, True, divisor_override=2)
            yield row(P, 3, 2, 1, False, False, divisor_override=-3)
        yield row(P, 3, x=un, s=us)
        P = f"LPPool{d}d"
        yield row(P, 2, 3)
        yield row(P, 2, 3, 2)
        yield row(P, 2.0, 3, 2, True)
        yield row(P, 4, 2)
        yield row(P, 1, 2)
        yield row(P, 2, 2, x=un, s=us)
        BN = {"1": "BatchNorm1d", "2": "BatchNorm2d", "3": "BatchNorm3d"}[d]
        yield row(BN, 4)
        yield row(BN, 4, 1e-3, None, False)
        yield row(BN, 4, track_running_stats=False)
        yield row(BN, 4, affine=False, track_running_stats=False)
        IN = f"InstanceNorm{d}d"
        yield row(IN, 4)
        yield row(IN, 4, affine=True)
        yield row(IN, 4, affine=True, track_running_stats=True)
        yield row(IN, 4, track_running_stats=True, x=un, s=us)
        yield row(IN, 4, x=un, s=us)
        A = f"AdaptiveAvgPool{d}d"
        M = f"AdaptiveMaxPool{d}d"
        for X in (A, M):
            yield row(X, 1)
            for o in (True, "constant"):
                yield row(X, 3, o=o)
                yield row(X, 4, o=o)
            yield row(X, 1, x=un, s=us)
            yield row(X, 3, x=un, s=us)
            if d != "1":
                t = (None,) + (2,) * (int(d) - 1)
                yield row(X, t)
                yield row(X, t, o="constant")
                yield row(X, (1,) + (None,) * (int(d) - 1))
        for o in (True, "constant"):
            yield row(M, 3, True, o=o)
            yield row(M, 1, return_indices=True, o=o)
        yield row(M, 2, True, x=un, s=us)
        for Z in ("ZeroPad", "ConstantPad", "ReflectionPad", "ReplicationPad", "CircularPad"):
            v = (0.5,) if Z == "ConstantPad" else ()
            yield row(f"{Z}{d}d", 2, *v)
            yield row(f"{Z}{d}d", tuple([1, 2, 0, 3, 2, 1][: 2 * int(d)]), *v)
            yield row(f"{Z}{d}d", 1, *v, x=un, s=us)
            if Z in ("ZeroPad", "ConstantPad"):
                yield row(f"{Z}{d}d", tuple([-1, 2, 0, -3, -2, 1][: 2 * int(d)]), *v)
        yield row(f"Dropout{d}d", 0.3)


def recurrent() -> Iterator[Case]:
    """Recurrent networks and cells."""
    for layer in ("RNN", "LSTM", "GRU"):
        for kw in (
            {},
            {"num_layers": 2},
            {"bidirectional": True},
            {"num_layers": 3, "bidirectional": True, "bias": False},
            {"batch_first": True},
            {"batch_first": True, "bidirectional": True, "num_layers": 2, "dropout": 0.3},
        ):
            for nl in ({}, {"nonlinearity": "relu"}) if layer == "RNN" else ({},):
                k = {**kw, **nl}
                DL = k.get("num_layers", 1) * (2 if k.get("bidirectional") else 1)
                seq = "float[N, L, 3]" if k.get("batch_first") else "float[L, N, 3]"
                h = f"float[{DL}, N, 5]"
                hu = f"float[{DL}, 5]"
                S = {"N": [1, 2], "L": [1, 4]}
                hx = (lambda h: (h, h)) if layer == "LSTM" else (lambda h: h)
                yield row(layer, 3, 5, x=[seq], s=S, **k)
                yield row(layer, 3, 5, x=[seq, hx(h)], s=S, **k)
                yield row(layer, 3, 5, x=["float[L, 3]"], s={"L": [1, 4]}, **k)
                yield row(layer, 3, 5, x=["float[L, 3]", hx(hu)], s={"L": [1, 4]}, **k)
    yield row("LSTM", 3, 5, proj_size=2, bidirectional=True, num_layers=2, x=["float[L, N, 3]"], s=S)
    yield row(
        "LSTM",
        3,
        5,
        proj_size=2,
        bias=False,
        x=["float[L, N, 3]", ("float[1, N, 2]", "float[1, N, 5]")],
        s=S,
    )
    for kw in ({"batch_first": True, "bidirectional": True}, {"num_layers": 3}, {"bidirectional": True}):
        DL = kw.get("num_layers", 1) * (2 if kw.get("bidirectional") else 1)
        seq = "float[N, L, 3]" if kw.get("batch_first") else "float[L, N, 3]"
        hx = (f"float[{DL}, N, 2]", f"float[{DL}, N, 5]")
        yield row("LSTM", 3, 5, proj_size=2, x=[seq, hx], s=S, **kw)
        yield row(
            "LSTM", 3, 5, proj_size=2, x=["float[L, 3]", tuple(map(unbatched, hx))], s={"L": [1, 4]}, **kw
        )
        yield row("LSTM", 3, 5, proj_size=2, x=["float[L, 3]"], s={"L": [1, 4]}, **kw)
    yield row("RNN", 3, 5, 2, "relu", False, True, x=["float[N, L, 3]"], s=S)
    yield row("LSTM", "K", "C", "k", x=["float[L, N, K]"], s=dict(K=[3], C=[4], k=[1, 2], **S))
    for layer in ("RNNCell", "LSTMCell", "GRUCell"):
        for nl in (
            ({}, {"nonlinearity": "relu"}, {"bias": False}) if layer == "RNNCell" else ({}, {"bias": False})
        ):
            hx = (lambda h: (h, h)) if layer == "LSTMCell" else (lambda h: h)
            yield row(layer, 3, 5, x=["float[N, 3]"], s={"N": [1, 2]}, **nl)
            yield row(layer, 3, 5, x=["float[N, 3]", hx("float[N, 5]")], s={"N": [1, 2]}, **nl)
            yield row(layer, 3, 5, x=["float[3]", hx("float[5]")], s={}, **nl)
            yield row(layer, 3, 5, x=["float[3]"], s={}, **nl)


def attention() -> Iterator[Case]:
    """Multi-head attention."""
    S = {"N": [1, 3], "L": [1, 4], "S": [2, 5]}
    for b in (False, True):
        for kw in (
            {},
            {"bias": False},
            {"add_bias_kv": True},
            {"add_zero_attn": True},
            {"add_bias_kv": True, "add_zero_attn": True},
            {"kdim": 6},
            {"kdim": 6, "vdim": 3},
            {"kdim": 8, "vdim": 8},
        ):
            q = laid(b, "N", "L", 8)
            k = laid(b, "N", "S", kw.get("kdim", 8))
            v = laid(b, "N", "S", kw.get("vdim", 8))
            for n in (
                {},
                {"need_weights": False},
                {"average_attn_weights": False},
                {"attn_mask": "bool[L, S]", "need_weights": False},
                {"attn_mask": "float[L, S]"},
                {"key_padding_mask": "bool[N, S]"},
                {"key_padding_mask": "float[N, S]", "attn_mask": "bool[L, S]"},
                {"attn_mask": "float[2*N, L, S]"},
                {"attn_mask": "float[L, S]", "is_causal": True, "need_weights": False},
                {"attn_mask": "float[2*N, L, S]", "key_padding_mask": "float[N, S]", "need_weights": False},
                {"attn_mask": "float[L, S]", "is_causal": True},
            ):
                yield row("MultiheadAttention", 8, 2, x=[q, k, v], n=n, s=S, batch_first=b, **kw)
            for n in (
                {},
                {"need_weights": False},
                {"key_padding_mask": "bool[S]"},
                {"attn_mask": "float[2, L, S]", "average_attn_weights": False},
            ):
                yield row(
                    "MultiheadAttention",
                    8,
                    2,
                    x=[unbatched(q), unbatched(k), unbatched(v)],
                    n=n,
                    s={"L": [1, 4], "S": [2, 5]},
                    batch_first=b,
                    **kw,
                )


def transformers() -> Iterator[Case]:
    """Transformers and their layers."""
    S = {"N": [1, 3], "L": [1, 4]}
    SS = {"N": [1, 3], "L": [1, 4], "S": [2, 5]}
    for b in (False, True):
        q, m = laid(b, "N", "L", 8), laid(b, "N", "S", 8)
        for kw in ({}, {"bias": False}, {"norm_first": True}, {"activation": "gelu"}):
            E = Nested("TransformerEncoderLayer", (8, 2, 16), dict(batch_first=b, **kw))
            D = Nested("TransformerDecoderLayer", (8, 2, 16), dict(batch_first=b, **kw))
            for n in (
                {},
                {"src_mask": "bool[L, L]"},
                {"src_mask": "float[2*N, L, L]", "src_key_padding_mask": "float[N, L]"},
                {"src_key_padding_mask": "bool[N, L]"},
                {"src_mask": "float[L, L]", "is_causal": True},
            ):
                yield row("TransformerEncoderLayer", 8, 2, 16, x=[q], n=n, s=S, batch_first=b, **kw)
                n = {k.replace("src_mask", "mask"): v for k, v in n.items()}
                yield row("TransformerEncoder", E, 2, x=[q], n=n, s=S)
                yield row("TransformerEncoder", E, 2, norm=Nested("LayerNorm", (8,)), x=[q], n=n, s=S)
            for n in (
                {},
                {"tgt_mask": "bool[L, L]", "memory_mask": "bool[L, S]"},
                {"tgt_mask": "float[L, L]", "tgt_is_causal": True, "memory_key_padding_mask": "bool[N, S]"},
                {"tgt_key_padding_mask": "float[N, L]"},
            ):
                yield row("TransformerDecoderLayer", 8, 2, 16, x=[q, m], n=n, s=SS, batch_first=b, **kw)
                yield row("TransformerDecoder", D, 2, Nested("LayerNorm", (8,)), x=[q, m], n=n, s=SS)
                yield row(
                    "Transformer",
                    8,
                    2,
                    2,
                    1,
                    16,
                    0.1,
                    x=[m, q],
                    n=dict(n.items()),
                    s=SS,
                    batch_first=b,
                    **kw,
                )
            yield row(
                "Transformer",
                8,
                2,
                1,
                1,
                16,
                x=[m, q],
                n={
                    "src_mask": "float[S, S]",
                    "src_is_causal": True,
                    "src_key_padding_mask": "bool[N, S]",
                    "memory_key_padding_mask": "bool[N, S]",
                },
                s=SS,
                batch_first=b,
                **kw,
            )
            yield row(
                "TransformerEncoderLayer", 8, 2, 16, x=[unbatched(q)], s={"L": [1, 3]}, batch_first=b, **kw
            )
            yield row(
                "TransformerEncoderLayer",
                8,
                2,
                16,
                x=[unbatched(q)],
                n={"src_key_padding_mask": "bool[L]"},
                s={"L": [1, 3]},
                batch_first=b,
                **kw,
            )
            yield row(
                "Transformer",
                8,
                2,
                1,
                1,
                16,
                x=[unbatched(m), unbatched(q)],
                s={"L": [1, 3], "S": [2]},
                batch_first=b,
                **kw,
            )
