"""Types and dtypes: E04xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0401": Code(
        "the dtype does not fit",
        "A layer or function takes certain dtypes, as PyTorch does on the CPU: `softmax` of ints, an embedding of floats or `relu` of bools fail there too. `to(...)` converts.",
        "fn f(x: int[N, T]) -> float[N, T]:\n    return softmax(x, 1)",
        "fn f(x: int[N, T]) -> float[N, T]:\n    return softmax(x.to(float), 1)",
    ),
    "E0410": Code(
        "two dtypes meet",
        "Some functions take tensors of one dtype only (`matmul`, `linear`). And `float`, the model's own precision, never meets an exact one such as `f32`: which of them wins would depend on how the model is exported.",
        "fn f(x: float[N], y: f64[N]) -> float[N]:\n    return x + y",
        "fn f(x: float[N], y: f64[N]) -> float[N]:\n    return x + y.to(float)",
    ),
    "E0411": Code(
        "a number does not fit the dtype",
        "Narrow ints hold few numbers: `u8` 0 to 255, `i8` -128 to 127.",
        "fn f(x: u8[N]) -> u8[N]:\n    return x + 300",
        "fn f(x: u8[N]) -> int[N]:\n    return x.to(int) + 300",
    ),
    "E0402": Code(
        "an operator that does not go with its operands",
        "Arithmetic is over numbers or over tensors. `/` gives a float, and sizes are ints: divide them with `//`.",
        'model M(d: int = 4):\n    layers:\n        fc = Linear(8, d + "x")\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc',
        "model M(d: int = 4):\n    layers:\n        fc = Linear(8, d + 1)\n\n    forward(x: float[N, 8]) -> float[N, d + 1]:\n        return x -> fc",
    ),
    "E0403": Code(
        "not a list, or not that many",
        "Lists and tuples are indexed by ints that are known without the data, unpacked into as many names as they have items, and only lists are gone through or appended to.",
        "fn f(x: float[N]) -> float[N]:\n    a, b = (x, x, x)\n    return a + b",
        "fn f(x: float[N]) -> float[N]:\n    a, b = (x, x)\n    return a + b",
    ),
    "E0404": Code(
        "a type that cannot be",
        "A tensor's type is `dtype[dims]`, its dims are ints over hyperparameters and dims, at most one of them `*B`.",
        "fn f(x: flaot[N]) -> float[N]:\n    return x",
        "fn f(x: float[N]) -> float[N]:\n    return x",
    ),
    "E0405": Code(
        "a condition that depends on the data",
        "`if`, `for` and `A if c else B` are over what is known without the data: hyperparameters, static dims, `training`, `mask is none`.",
        "fn f(x: float[N]) -> float[N]:\n    return x if x.sum() > 0 else -x",
        "fn f(x: float[N]) -> float[N]:\n    return where(x.sum() > 0, x, -x)",
    ),
    "E0406": Code(
        "something that may be none",
        "An optional input, hyperparameter or layer is used where it is known to be there: behind `if mask is not none`.",
        "fn f(x: float[N], y: float[N]? = none) -> float[N]:\n    return x + y",
        "fn f(x: float[N], y: float[N]? = none) -> float[N]:\n    return x if y is none else x + y",
    ),
    "E0407": Code(
        "something that cannot be called",
        "Layers, blocks, functions and methods are called; numbers and tensors are not.",
        "fn f(x: float[N], y: float[N]) -> float[N]:\n    return x -> y",
        "fn f(x: float[N], y: float[N]) -> float[N]:\n    return x + y",
    ),
    "E0408": Code(
        "something that is no layer",
        "What stands in `layers:` and in containers has state: a constructed layer, a container of them, or `none`.",
        "model M:\n    layers:\n        fc = Linear\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc",
        "model M:\n    layers:\n        fc = Linear(_, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc",
    ),
}
