"""Cases of functions of each element: arithmetic, comparison, activations, conversions."""

from spec_lang.shapes import DType
from tests.ops.harness import case, d

X, V, S = "float[N, T]", "float[T]", "float[]"
INT, J, B = "int[N, T]", "int[T]", "bool[N, T]"

UNARY = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "rsqrt",
    "reciprocal",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "erfc",
    "deg2rad",
    "rad2deg",
    "sinc",
    "arcsin",
    "arccos",
    "arctan",
    "arcsinh",
    "arccosh",
    "arctanh",
    "tanh",
    "sigmoid",
]
NUMERIC = [
    "floor",
    "ceil",
    "trunc",
    "fix",
    "positive",
    "round",
    "abs",
    "absolute",
    "neg",
    "negative",
    "relu",
    "relu6",
    "softsign",
    "tanhshrink",
]
ANY = [
    "isnan",
    "isinf",
    "isposinf",
    "isneginf",
    "isfinite",
    "signbit",
    "logical_not",
    "sign",
    "sgn",
    "square",
    "nan_to_num",
]
FLOAT = [
    "frac",
    "elu",
    "selu",
    "celu",
    "leaky_relu",
    "rrelu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hardswish",
    "hardsigmoid",
    "logsigmoid",
    "softshrink",
    "hardshrink",
    "hardtanh",
]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"]
NAMED = ["not_equal", "less", "less_equal", "greater", "greater_equal"]

CASES = [
    *(case(n, x) for n in UNARY for x in (X, INT, B, S, "float[1]")),
    *(case(n, x) for n in NUMERIC for x in (X, INT, S, "i8[N, T]")),
    *(case(n, x) for n in ANY for x in (X, INT, B)),
    *(case(n, x) for n in FLOAT for x in (X, S)),
    case("neg", "u8[N, T]"),
    case("square", "i16[N, T]"),
    case("round", X, decimals=2),
    case("round", X, decimals=-1),
    case("logit", X, _floats="unit"),
    case("logit", X, 0.2, _floats="unit"),
    case("logit", X, eps=0.01),
    case("nan_to_num", X, 1.0, 2.0, -2.0),
    case("bitwise_not", INT),
    case("bitwise_not", B),
    case("bitwise_not", "u8[N, T]"),
    # activations with arguments
    case("elu", X, 0.5),
    case("celu", X, 2.0),
    case("leaky_relu", X, 0.2),
    case("rrelu", X, 0.1, 0.3),
    case("gelu", X, approximate="tanh"),
    case("softplus", X, 2.0, 1.0),
    case("softplus", X, beta=3),
    case("hardtanh", X, -0.5, 0.25),
    case("hardtanh", INT, -1, 2),
    case("hardtanh", INT),
    case("hardshrink", X, 1.0),
    case("hardshrink", X, -1.0),
    case("softshrink", X, 0.25),
    case("threshold", X, 0.5, -1.0),
    case("threshold", INT, 1, 20),
    case("glu", "float[N, 2*T]"),
    case("glu", "float[2*N, T]", 0),
    case("prelu", "float[N, C, T]", "float[C]"),
    case("prelu", "float[N, C]", "float[C]"),
    case("prelu", "float[N, C, H, W]", "float[1]"),
    case("prelu", "float[]", "float[1]"),
    case("prelu", "float[N]", "float[1]"),
    *(case(n, X, a) for n in ("softmax", "log_softmax", "softmin") for a in (0, 1, -1)),
    *(
        case(n, x)
        for n in ("softmax", "log_softmax", "softmin")
        for x in (S, "float[N]", X, "float[N, T, C]")
    ),
    case("softmax", "float[N, C, T, H]", dim=1),
    case("softmax", INT, dim=1, dtype=DType.FLOAT),
    case("softmax", S, 0),
    case("softmin", "u8[N, T]", dim=1, dtype=DType.FLOAT),
    # as PyTorch has infinities and NaN
    *(
        case(n, X, *more, _floats="special")
        for n, *more in (
            ("sign",),
            ("sgn",),
            ("softshrink", 0.25),
            ("hardshrink", 1.0),
            ("hardshrink", -1.0),
            ("threshold", 0.5, -1.0),
            ("clamp", 0.5),
            ("clamp_min", 0.5),
            ("clamp_max", 0.5),
            ("clip", None, 0.5),
            ("floor_divide", V),
            ("floor_divide", 0.1),
            ("remainder", V),
            ("remainder", -2.5),
            ("lerp", V, X),
            ("median",),
            ("median", 1),
            ("quantile", 0.3, 1),
            ("quantile", 0.5),
        )
    ),
    # arithmetic
    *(
        case(n, a, b)
        for n in ("add", "sub", "mul", "subtract", "multiply", "rsub")
        for a, b in (
            (X, V),
            (X, 2.5),
            (INT, 3),
            (INT, 2.5),
            (X, INT),
            (S, X),
            (INT, S),
            (X, d("T")),
            ("i8[N]", "i8[N]"),
        )
    ),
    *(case(n, B, B) for n in ("add", "mul")),
    *(case(n, B, 2) for n in ("add", "mul")),
    case("add", 1, X),
    case("sub", 2.5, INT),
    case("mul", d("N"), INT),
    case("add", X, V, alpha=2),
    case("add", X, V, alpha=0.5),
    case("sub", INT, J, alpha=3),
    case("rsub", INT, 3, alpha=2),
    case("add", "float[N, 1]", "float[1, T]"),
    case("add", "float[N, 1, 1]", "float[T, C]"),
    *(
        case(n, a, b, _low=1, _high=5)
        for n in ("div", "divide", "true_divide", "floor_divide", "remainder", "fmod")
        for a, b in ((X, V), (X, 2.5), (INT, 3), (INT, J), (INT, 2.5), (X, INT), ("i8[N]", "i8[N]"))
    ),
    case("div", B, B, _low=1),
    case("div", 1, X),
    case("floor_divide", INT, -2),
    case("floor_divide", 7, INT, _low=1),
    case("remainder", INT, -3),
    case("remainder", 7, INT, _low=1),
    case("fmod", INT, -3),
    *(
        case("div", a, b, rounding_mode=m, _low=1)
        for m in ("floor", "trunc")
        for a, b in ((X, V), (INT, 3), (INT, -2))
    ),
    *(
        case("pow", a, b)
        for a, b in ((X, 2), (X, 3), (INT, 2), (INT, 3), (X, 2.0), (INT, 1.0), (2, INT), (B, 2))
    ),
    case("pow", X, 0.5, _floats="unit"),
    case("pow", X, V, _floats="unit"),
    case("pow", X, -1.5, _floats="unit"),
    case("pow", 2.0, X),
    case("pow", INT, J, _low=0),
    *(
        case(n, a, b)
        for n in ("maximum", "minimum")
        for a, b in ((X, V), (INT, J), (X, INT), (B, B), ("i8[N]", "u8[N]"))
    ),
    case("lerp", X, V, 0.3),
    case("lerp", X, V, X),
    # comparison, logic, bits
    *(
        case(n, a, b)
        for n in COMPARISONS
        for a, b in ((X, V), (X, 0.5), (INT, 1), (INT, 0.5), (X, INT), (B, B), ("i8[N]", "i8[N]"), (1, INT))
    ),
    *(case(n, a, b) for n in NAMED for a, b in ((X, V), (X, 0.5), (INT, 1), (B, B))),
    case("isclose", X, V, 0.5, 0.2),
    case("isclose", X, "float[1]", equal_nan=True, atol=1.0),
    *(
        case(n, a, b)
        for n in ("atan2", "arctan2", "copysign")
        for a, b in ((X, V), (INT, J), (X, INT), (B, INT))
    ),
    *(
        case(n, a, b)
        for n in ("fmax", "fmin")
        for a, b in ((X, V), (INT, J), (X, INT), (B, B), ("i8[N]", "i8[N]"))
    ),
    *(case(n, a, b) for n in ("hypot", "logaddexp") for a, b in ((X, V), (X, INT), (X, "float[1]"))),
    case("heaviside", X, V),
    case("heaviside", INT, J),
    case("heaviside", "i8[N]", "i8[1]"),
    case("xlogy", X, V, _floats="unit"),
    case("xlogy", INT, X, _floats="unit"),
    case("xlogy", X, 3),
    case("xlogy", 0, X),
    case("xlogy", INT, J, _low=0),
    *(
        case(n, "float[T, 9, 9]", "float[9, 9]", _floats="special")
        for n in ("atan2", "copysign", "hypot", "logaddexp", "fmax", "fmin", "xlogy", "isclose")
    ),
    case("isclose", "float[9, 9]", "float[9, 9]", equal_nan=True, _floats="special"),
    *(case(n, "float[T, 9]", _floats="special") for n in ("signbit", "isposinf", "isneginf", "sinc")),
    *(case(n, X, V, "float[N, 1]", value=v) for n in ("addcmul", "addcdiv") for v in (0.5, 2)),
    *(case(n, V, X, S) for n in ("addcmul", "addcdiv")),
    *(
        case(n, a, b)
        for n in ("logical_and", "logical_or", "logical_xor")
        for a, b in ((X, INT), (B, B), (X, V))
    ),
    *(
        case(n, a, b)
        for n in ("bitwise_and", "bitwise_or", "bitwise_xor")
        for a, b in ((INT, J), (B, B), (INT, 3), (B, INT), ("u8[N]", "u8[N]"), (1, INT), (B, True))
    ),
    *(
        case(n, a, b, _low=0)
        for n in ("bitwise_left_shift", "bitwise_right_shift")
        for a, b in ((INT, 2), (INT, J), ("i32[N]", 1))
    ),
    case("bitwise_right_shift", INT, 1),
    # choosing and clamping
    *(
        case("where", B, a, b)
        for a, b in ((X, V), (X, 0.0), (1.0, 0.0), (1, 0), (INT, 2), (INT, 0.5), (True, False))
    ),
    case("masked_fill", X, "bool[T]", -1.5),
    case("masked_fill", V, B, 0),
    case("masked_fill", INT, B, 7),
    case("masked_fill", B, B, True),
    case("masked_fill", X, B, S),
    *(
        case(n, x, **k)
        for n in ("clamp", "clip")
        for x, k in (
            (X, {"min": 0.5}),
            (X, {"max": 0.5}),
            (X, {"min": -1, "max": 1}),
            (INT, {"min": 0, "max": 2}),
            (INT, {"min": 0.5}),
            (X, {"min": V}),
            (X, {"min": V, "max": X}),
            ("i8[N]", {"min": 0}),
            ("float[]", {"min": 0.0}),
        )
    ),
    *(case(n, x, v) for n in ("clamp_min", "clamp_max") for x, v in ((X, 0.5), (INT, 1), (X, V))),
    # conversions
    *(
        case(n, x)
        for n in ("double", "half", "long", "int", "short", "char", "byte", "bool", "float")
        for x in (INT, B)
    ),
    case("float", X),
    case("long", X),
    case("bfloat16", X, _random=True),
    *(case(n, X) for n in ("contiguous", "detach", "clone")),
    case("type_as", INT, X),
    case("type_as", X, INT),
]
