"""Cases of reductions, products, attention, normalisation, convolution, pooling and losses."""

from spec_lang.shapes import DType
from tests.ops.harness import case, d

X, Y, INT, B = "float[N, T]", "float[N, T, C]", "int[N, T]", "bool[N, T]"
Q = "float[N, H, T, D]"
SEVERAL = {"H": (5, 8), "W": (6, 7), "L": (5, 8), "D": (4, 5)}
SIGNAL = {"N": (1, 3), "L": (16, 40, 41)}
SAMPLED = {"N": (1, 2), "C": (3,), "D": (2, 3), "H": (3, 4), "W": (2, 5), "T": (3,), "L": (1, 4)}
TWO = {"N": (2, 3), "T": (2, 3), "C": (2, 4), "L": (2, 5), "H": (2, 3), "W": (2, 3)}

CASES = [
    # reductions
    *(
        case(n, x, *a)
        for n in (
            "sum",
            "mean",
            "prod",
            "amax",
            "amin",
            "max",
            "min",
            "argmax",
            "argmin",
            "any",
            "all",
            "norm",
        )
        for x, *a in ((X,), (X, 1), (X, 0, True), ("float[]",), (Y, -1))
        if not (n == "norm" and a)
    ),
    *(
        case(n, x, *a)
        for n in ("sum", "prod", "any", "all", "max", "min", "amax", "amin")
        for x, *a in ((INT,), (B,), (INT, 1))
    ),
    *(case(n, INT, 1) for n in ("argmax", "argmin")),
    *(case(n, Y, (0, 2), *k) for n in ("sum", "mean", "amax", "amin", "any", "all") for k in ((), (True,))),
    case("sum", X, dtype=DType.F64),
    case("sum", "i8[N, T]", 0),
    case("mean", INT, 1, dtype=DType.FLOAT),
    case("max", X, X),
    case("min", INT, INT),
    case("max", X, dim=1, keepdim=True),
    case("norm", X, 2, 1),
    case("norm", X, 1, 0, True),
    case("norm", X, 3, (0, 1)),
    *(
        case("norm", x, p, *a)
        for p in (0, -1.5, float("-inf"))
        for x, *a in ((X, 1), (X, (0, 1), True), (X,))
    ),
    case("norm", "float[]", 0, 0),
    case("norm", X, dim=1),
    case("norm", X, float("inf"), 1),
    *(
        case(n, x, *a, **k)
        for n in ("var", "std")
        for x, *a, k in (
            (X, {}),
            (X, 1, {}),
            (X, (0, 1), {"correction": 0}),
            (X, 1, {"unbiased": False, "keepdim": True}),
            (Y, -1, {"correction": 2}),
        )
    ),
    case("logsumexp", X, 1),
    case("logsumexp", X, (0, 1), True),
    case("cumsum", X, 1),
    case("cumsum", INT, 0),
    case("cumsum", B, 0),
    *(case("cumprod", x, *a) for x in (X, INT, B, "i8[N, T]") for a in ((1,), (0,))),
    case("cumprod", Y, -1, dtype=DType.F64),
    case("cumprod", "float[]", 0),
    case("cumprod", "float[3, 0]", 1),
    case("cumprod", "float[0, T]", 1),
    *(
        case(n, x, *a, **k)
        for n in ("var_mean", "std_mean")
        for x, *a, k in (
            (X, {}),
            (X, 1, {}),
            (X, (0, 1), {"correction": 0}),
            (X, 1, {"unbiased": False, "keepdim": True}),
        )
    ),
    *(case("aminmax", x, **k) for x in (X, INT, B) for k in ({}, {"dim": 1}, {"dim": 0, "keepdim": True})),
    case("aminmax", "float[]"),
    *(case("count_nonzero", x, *a) for x in (X, INT, B) for a in ((), (1,), ((0, 1),))),
    *(case(n, X, *a) for n in ("nansum", "nanmean") for a in ((), (1,), ((0, 1), True))),
    case("nansum", INT, 1),
    *(case(n, "float[3, 5]", 1, _floats="special") for n in ("nansum", "nanmean")),
    case("logcumsumexp", "float[2, 4]", 1, _floats="special"),
    case("nansum", X, dtype=DType.F64),
    *(case("logcumsumexp", x, a) for x in (X, Y) for a in (0, -1)),
    *(case(n, x, a) for n in ("cummax", "cummin") for x in (X, INT, B, "i8[N, T]") for a in (0, 1)),
    case("cummax", Y, 1),
    case("cummin", "float[T]", 0),
    case("cummax", "float[]", 0),
    # order
    case("kthvalue", "float[N, T + 2]", 2, _floats="distinct"),
    case("kthvalue", "float[T + 2, N]", 3, 0, True, _floats="distinct"),
    case("kthvalue", X, d("T"), 1, _floats="distinct"),
    *(case("median", x, *a, _floats="distinct") for x in (X, "float[N, 2*T]") for a in ((), (1,), (0, True))),
    case("median", "float[]"),
    case("median", "i8[5, T]", 0, _low=1, _high=2, _sizes={"T": (1,)}),
    *(
        case("quantile", x, q, *a, **k)
        for q in (0.0, 0.3, 0.5, 1.0)
        for x, *a, k in ((X, {}), (X, 1, {}), (X, 0, True, {}))
    ),
    *(
        case("quantile", Y, 0.4, dim, interpolation=i)
        for i in ("linear", "lower", "higher", "midpoint", "nearest")
        for dim in (None, 1)
    ),
    case("quantile", X, 0.7, None, True),
    *(
        case("quantile", x, q, *a, **k, _floats="unit")
        for q in ("float[K]", "float[]", "float[2]")
        for x in (Y, "float[]", "float[T]")
        for a, k in (((), {}), ((-1,), {}), ((0, True), {}), ((0,), {"interpolation": "lower"}))
    ),
    case("quantile", Y, "float[K]", 1, True, _floats="unit"),
    case("quantile", "f64[N, 5]", "f64[2]", 1, _floats="unit"),
    case("quantile", X, 1, 1),
    case("quantile", "f64[N, 5]", 0.6, 1, True, interpolation="nearest"),
    case("msort", Y, _floats="distinct"),
    *(
        case("searchsorted", a, b, _floats="sorted", **k)
        for a, b in (("float[S]", X), ("float[N, S]", X), ("float[S]", "float[]"))
        for k in ({}, {"right": True}, {"side": "right", "out_int32": True})
    ),
    case("searchsorted", "int[S]", INT, _low=2, _high=3),
    case("searchsorted", "int[1]", INT, right=True),
    case("searchsorted", "int[1]", INT, side="left"),
    case("searchsorted", "float[1]", X, sorter="int[1]", _low=0, _high=1),
    case("bucketize", INT, "int[1]"),
    case("bucketize", INT, "int[1]", right=True, out_int32=True),
    case("bucketize", "float[N, T, 2]", "float[1]"),
    # signals
    *(case("hann_window", n, p) for n in (1, 2, 3, 8) for p in (True, False)),
    case("hann_window", 400, dtype=DType.F64),
    *(
        case("stft", x, 16, *a, return_complex=False, _sizes=SIGNAL, **k)
        for x in ("float[L]", "float[N, L]")
        for *a, k in (
            ({},),
            (5, 10, "float[10]", {"normalized": True}),
            (3, None, "float[16]", False, {"onesided": False}),
            (4, 7, {"pad_mode": "constant"}),
            (4, 7, {"pad_mode": "replicate"}),
            (4, 7, {"pad_mode": "circular"}),
        )
    ),
    case("stft", "float[L]", 15, 4, return_complex=False, _sizes=SIGNAL),
    # products
    *(
        case("matmul", a, b)
        for a, b in (
            (X, "float[T, C]"),
            ("float[T]", "float[T]"),
            (X, "float[T]"),
            ("float[N]", X),
            (Y, "float[C, D]"),
            (Y, "float[N, C, D]"),
            (Y, "float[1, C, D]"),
            (Y, "float[H, 1, C, D]"),
            (INT, "int[T, C]"),
            ("i8[N, T]", "i8[T, C]"),
            (Y, "float[C]"),
        )
    ),
    case("mm", X, "float[T, C]"),
    case("bmm", Y, "float[N, C, D]"),
    case("mv", X, "float[T]"),
    case("dot", "float[T]", "float[T]"),
    case("outer", "float[N]", "float[T]"),
    case("outer", "float[N]", "int[T]"),
    case("addmv", "float[N]", X, "float[T]", beta=0.5, alpha=2),
    case("addmv", "float[1]", X, "float[T]"),
    case("inner", "float[T]", X),
    case("inner", Y, "float[D, C]"),
    case("inner", "float[T]", "float[T]"),
    case("tensordot", Y, "float[T, C, D]"),
    case("tensordot", Y, "float[C, D]", 1),
    case("tensordot", X, "float[C]", 0),
    case("tensordot", Y, "float[D, N, C]", ((0, 2), (1, 2))),
    case("tensordot", INT, "int[T, C]", ([-1], [0])),
    *(case("tensordot", f"{t}[N, T]", f"{t}[T, C]", 1, _high=100) for t in ("i32", "i16", "i8", "u8", "f64")),
    *(case("inner", f"{t}[N, T]", f"{t}[C, T]", _high=100) for t in ("i32", "i16", "i8", "u8", "f64")),
    *(case("inner", f"{t}[]", f"{t}[T]") for t in ("float", "i32", "u8", "bool")),
    case("inner", "float[T]", "int[]"),
    case("inner", "float[]", "float[]"),
    *(case("cross", f"{t}[N, 3]", f"{t}[N, 3]", -1, _high=100) for t in ("i32", "i16", "i8", "u8")),
    *(
        case("einsum", e, *(f"{t}{x}" for x in xs), _high=100)
        for t in ("i32", "i16", "i8", "u8")
        for e, *xs in (
            ("ij->i", "[N, T]"),
            ("ij->", "[N, T]"),
            ("ij->ji", "[N, T]"),
            ("i,j->ij", "[N]", "[T]"),
            ("i,i->", "[N]", "[N]"),
            ("ij,jk->ik", "[N, T]", "[T, C]"),
            ("...i,...i->...", "[N, T]", "[N, T]"),
            ("ij,jk,kl->il", "[N, T]", "[T, C]", "[C, 2]"),
        )
    ),
    case("kron", X, "float[C, D]"),
    case("kron", "float[T]", Y),
    case("kron", INT, "float[2]"),
    case("cross", "float[N, 3]", "float[N, 3]", 1),
    case("cross", "float[3, T]", "float[3, 1]", 0),
    case("cross", "float[2, 3, T]", "float[2, 3, T]"),
    case("cross", "int[N, 3]", "int[1, 3]", -1),
    case("trace", X),
    case("trace", "int[T, 3]"),
    case("linear", X, "float[C, T]"),
    case("linear", Y, "float[D, C]", "float[D]"),
    case("linear", "float[T]", "float[C, T]", "float[C]"),
    case("linear", X, "float[T]"),
    case("bilinear", X, "float[N, C]", "float[D, T, C]", "float[D]"),
    case("bilinear", Y, Y, "float[D, C, C]"),
    case("addmm", "float[C]", X, "float[T, C]"),
    case("addmm", "float[N, C]", X, "float[T, C]", beta=0.5, alpha=2),
    case("baddbmm", "float[N, T, D]", Y, "float[N, C, D]", alpha=0.5),
    *(
        case("einsum", e, *x)
        for e, *x in (
            ("bij,bjk->bik", Y, "float[N, C, D]"),
            ("ij->ji", X),
            ("ij->", X),
            ("ij,ij->i", X, X),
            ("bhtd,bhsd->bhts", Q, "float[N, H, S, D]"),
            ("...d,de->...e", Y, "float[C, D]"),
            ("i,j->ij", "float[N]", "float[T]"),
            ("ij,jk", X, "float[T, C]"),
        )
    ),
    # attention
    *(
        case("scaled_dot_product_attention", *x, **k)
        for x, k in (
            ((Q, Q, Q), {}),
            ((Q, Q, Q), {"is_causal": True}),
            ((Q, "float[N, H, S, D]", "float[N, H, S, E]"), {}),
            ((Q, "float[N, H, S, D]", "float[N, H, S, D]"), {"is_causal": True}),
            ((Q, Q, Q), {"scale": 0.3}),
            ((Q, "float[N, H, S, D]", "float[N, H, S, D]", "float[T, S]"), {}),
            ((Q, "float[N, H, S, D]", "float[N, H, S, D]", "float[N, 1, T, S]"), {}),
            ((Q, Q, Q, "float[H, T, T]"), {}),
            ((Q, Q, Q, "float[N, 1, 1, T]"), {}),
            ((Q, Q, Q, "float[T, 1]"), {}),
            ((Q, Q, Q, "bool[1, 1, T, T]"), {"scale": 0.5}),
            ((Y, Y, Y), {"is_causal": True}),
            ((X, "float[S, T]", "float[S, T]"), {}),
            (("float[N, 4, T, D]", "float[N, 2, T, D]", "float[N, 2, T, D]"), {"enable_gqa": True}),
            (
                ("float[N, 4, T, D]", "float[N, 2, S, D]", "float[N, 2, S, D]"),
                {"enable_gqa": True, "is_causal": True},
            ),
            (("float[4, T, D]", "float[2, S, D]", "float[2, S, D]"), {"enable_gqa": True}),
            ((Q, "float[1, H, S, D]", "float[1, H, S, D]"), {}),
            ((Q, Q, Q), {"dropout_p": 0.0}),
        )
    ),
    # normalisation
    case("layer_norm", Y, (d("C"),)),
    case("layer_norm", Y, (d("C"),), "float[C]", "float[C]"),
    case("layer_norm", Y, (d("T"), d("C")), "float[T, C]"),
    case("layer_norm", Y, (d("C"),), None, "float[C]", 1e-3),
    case("rms_norm", Y, (d("C"),)),
    case("rms_norm", Y, (d("C"),), "float[C]", 1e-3),
    case("group_norm", "float[N, 4, L]", 2, _sizes=TWO),
    case("group_norm", "float[N, 4, H, W]", 2, "float[4]", "float[4]", _sizes=TWO),
    case("batch_norm", "float[N, C, L]", "float[C]", "float[C]", _floats="unit"),
    case(
        "batch_norm", "float[N, C]", "float[C]", "float[C]", "float[C]", "float[C]", eps=1e-3, _floats="unit"
    ),
    case("instance_norm", "float[N, C, H, W]", _sizes=TWO),
    *(
        case("instance_norm", x, "float[C]", "float[C]", *more, use_input_stats=False, _floats="unit")
        for x in ("float[N, C, L]", "float[N, C]", "float[N, C, H, W]")
        for more in ((), ("float[C]", "float[C]"))
    ),
    case(
        "instance_norm",
        "f64[N, C, L]",
        running_mean="f64[C]",
        running_var="f64[C]",
        bias="f64[C]",
        use_input_stats=False,
        momentum=0.2,
        eps=1e-3,
        _floats="unit",
    ),
    case("instance_norm", "float[N, C, L]", weight="float[C]", bias="float[C]", _sizes=TWO),
    case("local_response_norm", "float[N, C, H, W]", 3),
    case("local_response_norm", "float[N, C, L]", 2, 0.01, 0.5, 2.0),
    *(case("cdist", X, "float[C, T]", p) for p in (0.0, 0.5, 1.0, 2.0, 3.0, float("inf"))),
    case("cdist", Y, "float[N, D, C]"),
    case("cdist", Y, "float[D, C]", compute_mode="donot_use_mm_for_euclid_dist"),
    *(
        case("embedding_bag", "int[N, T]", "float[5, D]", mode=m, _low=0, _high=5)
        for m in ("sum", "mean", "max")
    ),
    *(
        case("embedding_bag", "int[N, T]", w, mode=m, padding_idx=p, _low=0, _high=3, _tolerance=2e-3)
        for w, p in (
            ("float[5, D]", -4),
            ("float[5, D]", -1),
            ("float[V + 3, D]", -2),
            ("f16[5, D]", 1),
            ("f64[5, D]", -5),
        )
        for m in ("sum", "mean", "max")
    ),
    case("embedding_bag", "int[T]", "float[5, D]", "int[1]", mode="max", _low=0, _high=1),
    case(
        "embedding_bag",
        "int[T]",
        "float[5, 2]",
        "int[1]",
        per_sample_weights="float[T]",
        mode="sum",
        _low=0,
        _high=1,
    ),
    *(
        case(
            f"max_unpool{n}d",
            f"float[N, C, {ones}]",
            f"int[N, C, {ones}]",
            3,
            *a,
            _low=0,
            _high=9 if n > 1 else 3,
        )
        for n, ones in ((1, "1"), (2, "1, 1"), (3, "1, 1, 1"))
        for a in ((), (2,), (4, 0, (5,) * n))
    ),
    case("max_unpool2d", "float[C, H, W]", "int[C, H, W]", (1, 2), _low=0, _high=1),
    *(case("dist", X, "float[T]", p) for p in (0, 1, 2, 2.5, float("inf"))),
    case("normalize", X),
    case("normalize", Y, dim=-1),
    case("normalize", Y, 1.0, 2),
    case("cosine_similarity", X, X),
    case("cosine_similarity", Y, Y, -1),
    case("pairwise_distance", X, X),
    case("pairwise_distance", X, X, 1.0, keepdim=True),
    case("embedding", INT, "float[5, D]", _low=0),
    case("embedding", "int[T]", "float[5, D]", 1, _low=0),
    # dropout, which is off in evaluation
    *(case(n, Y) for n in ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d")),
    case("dropout", X, 0.2),
    case("dropout2d", "float[N, C, H, W]"),
    case("dropout3d", "float[N, C, D, H, W]"),
    # convolution
    case("conv1d", "float[N, 4, L]", "float[6, 4, 3]", "float[6]", _sizes=SEVERAL),
    case("conv1d", "float[4, L]", "float[6, 2, 3]", None, 2, 1, 1, 2, _sizes=SEVERAL),
    case("conv2d", "float[N, 3, H, W]", "float[8, 3, 3, 3]", padding="same", _sizes=SEVERAL),
    case("conv2d", "float[N, 3, H, W]", "float[8, 3, 3, 2]", "float[8]", (2, 1), (1, 0), _sizes=SEVERAL),
    case("conv3d", "float[N, 2, D, H, W]", "float[4, 2, 2, 3, 3]", _sizes=SEVERAL),
    case("conv_transpose1d", "float[N, 4, L]", "float[4, 3, 3]", "float[3]", 2, 1, 1, _sizes=SEVERAL),
    case("conv_transpose2d", "float[N, 4, H, W]", "float[4, 3, 3, 3]", None, 2, 1, groups=2, _sizes=SEVERAL),
    case("conv_transpose3d", "float[N, 2, D, H, W]", "float[2, 3, 2, 2, 2]", _sizes=SEVERAL),
    case(
        "conv_transpose2d",
        "float[4, H, W]",
        "float[4, 3, 3, 3]",
        "float[3]",
        1,
        0,
        1,
        dilation=2,
        _sizes=SEVERAL,
    ),
    case(
        "conv_transpose2d",
        "float[N, 4, H, W]",
        "float[4, 3, 3, 3]",
        None,
        1,
        1,
        (1, 2),
        dilation=3,
        _sizes=SEVERAL,
    ),
    # pooling
    *(
        case(f"{k}_pool{n}d", x, *a, _sizes=SEVERAL)
        for k in ("max", "min", "avg")
        for n, x in ((1, "float[N, C, L]"), (2, "float[N, C, H, W]"), (3, "float[N, C, D, H, W]"))
        for a in ((2,), (3, 2, 1))
    ),
    case("max_pool2d", "float[C, H, W]", (3, 2), (2, 1), (1, 0), 1, True, _sizes=SEVERAL),
    case("max_pool2d", "float[N, C, H, W]", 2, return_indices=True, _sizes=SEVERAL),
    case("avg_pool2d", "float[N, C, H, W]", 3, 2, 1, count_include_pad=False, _sizes=SEVERAL),
    case("avg_pool2d", "float[N, C, H, W]", 3, divisor_override=5, _sizes=SEVERAL),
    *(
        case(f"lp_pool{n}d", x, 2.0, 2, _sizes=SEVERAL)
        for n, x in ((1, "float[N, C, L]"), (2, "float[N, C, H, W]"), (3, "float[N, C, D, H, W]"))
    ),
    *(
        case(f"adaptive_{k}_pool{n}d", x, 1)
        for k in ("avg", "max")
        for n, x in ((1, "float[N, C, L]"), (2, "float[N, C, H, W]"), (3, "float[N, C, D, H, W]"))
    ),
    case("adaptive_avg_pool2d", "float[N, C, 6, 8]", (3, 2)),
    # resampling
    case("interpolate", "float[N, C, H, W]", scale_factor=2.0),
    case("interpolate", "float[N, C, H, W]", (5, 7), mode="bilinear"),
    case("interpolate", "float[N, C, L]", 7, mode="linear", align_corners=True, _sizes=SEVERAL),
    case("pixel_shuffle", "float[N, 4*C, H, W]", 2),
    case("pixel_unshuffle", "float[N, C, 2*H, 2*W]", 2),
    case("channel_shuffle", "float[N, 4, L]", 2),
    case("unfold", "float[N, 2, 6, 7]", 3),
    case("fold", "float[N, 4*C, 6]", (3, 4), 2),
    case("fold", "float[4*C, W]", (2, d("W") + 1), 2),
    case("fold", "float[N, 4*C, 2*W]", (4, d("2*W")), 2, stride=2),
    case("fold", "float[N, 2*C, 2*W + 4]", (3, d("W")), (2, 1), padding=(0, 1), stride=(1, 1)),
    case("unfold", "float[N, C, H, W]", 2, _sizes=TWO),
    case("unfold", "float[C, H, W]", (2, 1), 1, 1, 2),
    *(
        case("grid_sample", "float[N, C, H, W]", "float[N, T, L, 2]", m, p, a, _sizes=SAMPLED)
        for m in ("bilinear", "nearest", "bicubic")
        for p in ("zeros", "border", "reflection")
        for a in (False, True)
    ),
    *(
        case(
            "grid_sample",
            "float[N, 2, D, H, W]",
            "float[N, T, L, 2, 3]",
            m,
            p,
            a,
            _sizes=SAMPLED,
            _opsets=(17, 20, 24),
        )
        for m in ("bilinear", "nearest")
        for p in ("zeros", "border", "reflection")
        for a in (False, True)
    ),
    *(
        case("affine_grid", "float[N, 2, 3]", (d("N"), 3, h, w), align_corners=a)
        for h, w in ((4, 3), (d("N"), 1), (1, d("N") + 1))
        for a in (False, True)
    ),
    case("affine_grid", "float[N, 3, 4]", [d("N"), 1, 2, 3, d("N")]),
    case("pad", X, (1, 2)),
    case("pad", Y, (0, 1, 2, 0), value=1.5),
    case("pad", INT, (1, 0), value=3),
    case("pad", "float[N, C, L]", (1, 2), "reflect", _sizes=SEVERAL),
    case("pad", "float[N, C, H, W]", (1, 2, 0, 1), "replicate"),
    case("pad", "float[N, C, L]", (1, 1), mode="circular"),
    case("pad", "float[N, L]", (-1, -1), _sizes=SEVERAL),
    *(
        case("pad", f"{dtype}[N, L]", (1, 2), mode, _sizes=SEVERAL)
        for dtype in ("int", "i32")
        for mode in ("reflect", "replicate", "circular")
    ),
    case("pad", "bool[N, L]", (1, 1), "circular", _sizes=SEVERAL),
    # losses
    *(
        case(n, X, X, reduction=r, _floats=f)
        for n, f in (
            ("l1_loss", "normal"),
            ("mse_loss", "normal"),
            ("smooth_l1_loss", "normal"),
            ("huber_loss", "normal"),
            ("soft_margin_loss", "sign"),
            ("hinge_embedding_loss", "sign"),
            ("poisson_nll_loss", "unit"),
            ("kl_div", "unit"),
            ("binary_cross_entropy", "unit"),
            ("binary_cross_entropy_with_logits", "unit"),
            ("multilabel_soft_margin_loss", "unit"),
        )
        for r in ("none", "mean", "sum")
    ),
    case("mse_loss", "float[]", "float[]"),
    case("smooth_l1_loss", X, X, beta=0.3),
    case("smooth_l1_loss", X, X, beta=0),
    case("huber_loss", X, X, "mean", 0.4),
    case("hinge_embedding_loss", X, X, 0.5, _floats="sign"),
    case("poisson_nll_loss", X, X, False, True, _floats="unit"),
    case("poisson_nll_loss", X, X, full=True),
    case("kl_div", X, X, reduction="batchmean", _floats="unit"),
    case("kl_div", X, X, log_target=True),
    case("binary_cross_entropy", X, X, "float[T]", _floats="unit"),
    case("binary_cross_entropy_with_logits", X, X, "float[T]", pos_weight="float[T]", _floats="unit"),
    *(
        case(n, x, t, *w, reduction=r, _low=0, _high=3)
        for n in ("cross_entropy", "nll_loss")
        for x, t in (("float[N, 3]", "int[N]"), ("float[3]", "int[]"), ("float[N, 3, H, W]", "int[N, H, W]"))
        for w in ((), ("float[3]",))
        for r in ("none", "mean", "sum")
        if not (w and r == "mean")
    ),
    case("cross_entropy", "float[N, 3]", "int[N]", "float[3]", _low=0, _high=3, _floats="unit"),
    case("cross_entropy", "float[N, 3]", "int[N]", ignore_index=1, _low=0, _high=3, _sizes={"N": (7, 9)}),
    *(
        case("cross_entropy", "float[N, 3]", "int[N]", label_smoothing=0.1, reduction=r, _low=0, _high=3)
        for r in ("none", "mean", "sum")
    ),
    case(
        "cross_entropy",
        "float[N, 3, L]",
        "int[N, L]",
        "float[3]",
        label_smoothing=0.1,
        _low=0,
        _high=3,
        _floats="unit",
    ),
    *(
        case("cross_entropy", "float[N, 3, L]", "float[N, 3, L]", reduction=r, _floats="unit")
        for r in ("none", "mean", "sum")
    ),
    case("cross_entropy", "float[N, 3]", "float[N, 3]", "float[3]", label_smoothing=0.2, _floats="unit"),
    case("cross_entropy", "float[3]", "float[3]", _floats="unit"),
    case("nll_loss", "float[N, 3]", "int[N]", ignore_index=0, _low=0, _high=3, _sizes={"N": (7, 9)}),
    *(
        case("multi_margin_loss", "float[N, 3]", "int[N]", reduction=r, _low=0, _high=3)
        for r in ("none", "mean", "sum")
    ),
    case("multi_margin_loss", "float[N, 3]", "int[N]", 2, 0.5, "float[3]", _low=0, _high=3),
    case("multi_margin_loss", "float[3]", "int[]", _low=0, _high=3),
    *(
        case("multilabel_margin_loss", "float[N, 3]", "int[N, 3]", reduction=r, _low=-1, _high=3)
        for r in ("none", "mean", "sum")
    ),
    case("multilabel_margin_loss", "float[N, C]", "int[N, C]", _low=0, _high=1),
    case("multilabel_margin_loss", "float[5]", "int[5]", _low=-1, _high=5),
    *(case("gaussian_nll_loss", X, X, X, reduction=r, _floats="unit") for r in ("none", "mean", "sum")),
    case("gaussian_nll_loss", X, X, "float[N, 1]", True, 1e-3, _floats="unit"),
    case("gaussian_nll_loss", X, X, "float[1, T]", _floats="unit"),
    case("gaussian_nll_loss", X, X, "float[N]", reduction="none", _floats="unit"),
    *(
        case("cosine_embedding_loss", X, X, "float[N]", 0.1, reduction=r, _floats="sign")
        for r in ("none", "mean", "sum")
    ),
    case("cosine_embedding_loss", "float[T]", "float[T]", "float[]", _floats="sign"),
    *(case("margin_ranking_loss", X, X, X, 0.2, reduction=r) for r in ("none", "mean", "sum")),
    *(case("triplet_margin_loss", X, X, X, reduction=r) for r in ("none", "mean", "sum")),
    case("triplet_margin_loss", X, X, X, 0.5, 1.0, swap=True),
    *(
        case(
            "ctc_loss",
            "float[T + 5, N, 4]",
            "int[N, S + 2]",
            "int[N]",
            "int[N]",
            reduction=r,
            _low=1,
            _high=4,
        )
        for r in ("none", "mean", "sum")
    ),
    case(
        "ctc_loss",
        "float[T + 5, N, 4]",
        "int[N, 3]",
        "i32[N]",
        "i32[N]",
        3,
        _low=0,
        _high=3,
        _sizes={"N": (7, 9)},
    ),
    case(
        "ctc_loss",
        "float[T + 5, N, 4]",
        "i32[N, 3]",
        "i32[N]",
        "i32[N]",
        3,
        "none",
        True,
        _low=0,
        _high=3,
        _sizes={"N": (7, 9)},
    ),
    *(
        case("ctc_loss", "float[T + 5, 2, 4]", t, [5, 4], [3, 1], reduction=r, _low=1, _high=4)
        for t in ("int[2, S + 2]", "int[4]", "i32[4]")
        for r in ("none", "mean", "sum")
    ),
    case("ctc_loss", "float[T + 5, 2, 4]", "int[0]", [5, 4], [0, 0], reduction="none"),
    case("ctc_loss", "float[5, 2, 4]", "int[S + 2]", [5, 5], [d("S"), 2], _low=1, _high=4),
    case("ctc_loss", "float[5, 2, 4]", "int[2, S]", [0, 5], [0, d("S")], reduction="none", _low=1, _high=4),
    case("ctc_loss", "float[T + 5, 4]", "int[3]", [5], [3], _low=1, _high=4),
    case("ctc_loss", "float[T + 5, 4]", "int[1]", "int[]", "int[]", reduction="none", _low=1, _high=2),
    case("ctc_loss", "float[T + 5, 4]", "int[2]", "int[]", "int[]", zero_infinity=True, _low=2, _high=3),
]
