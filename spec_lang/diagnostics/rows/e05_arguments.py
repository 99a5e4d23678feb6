"""Hyperparameters and arguments: E05xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0500": Code(
        "a value that cannot be computed",
        "With these values for the hyperparameters, an expression of the model has no value: it is larger than a number can be, or takes an item that is not there. Give other values, or state what they must be with `require` or a bound such as `n: int >= 1`.",
        "model M(p: float = -7.0):\n    layers:\n        norm = LayerNorm(4, eps=exp(p))\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> norm\n\n    expect M(p=1000.0).parameters == 8",
        "model M(p: float = -7.0):\n    layers:\n        norm = LayerNorm(4, eps=exp(p))\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> norm\n\n    expect M(p=-9.0).parameters == 8",
    ),
    "E0501": Code(
        "an argument is out of range",
        "Sizes and counts have a smallest value, probabilities lie in [0, 1], and so on; the message says which bound is broken.",
        "model M:\n    layers:\n        a = Dropout(1.5)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Dropout(0.5)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0502": Code(
        "arguments do not go together",
        'Two arguments contradict each other: groups that do not divide the channels, padding="same" with a stride, corners to align in a mode that has none.',
        "model M:\n    layers:\n        a = Conv2d(8, 6, 3, groups=4)\n\n    forward(x: float[N, 8, 9, 9]) -> float[N, _, _, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Conv2d(8, 8, 3, groups=4)\n\n    forward(x: float[N, 8, 9, 9]) -> float[N, _, _, _]:\n        return x -> a",
    ),
    "E0503": Code(
        "PyTorch would change a value under its name",
        "`inplace=true` and `max_norm` overwrite tensors while the model runs. A spec names values; leave the argument out.",
        "model M:\n    layers:\n        a = ReLU(inplace=true)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = ReLU()\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0510": Code(
        "too many arguments",
        "More arguments are written than the layer or function takes by position; some can only be named, as in PyTorch.",
        'fn f(x: float[N]) -> float[N]:\n    return gelu(x, "tanh", true)',
        'fn f(x: float[N]) -> float[N]:\n    return gelu(x, "tanh")',
    ),
    "E0511": Code(
        "an argument is missing",
        "A layer or function needs an argument that has no default. Where what flows in determines it, it may be `_`.",
        "model M:\n    layers:\n        a = Linear(_)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(_, 10)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0512": Code(
        "there is no such argument",
        "Names of arguments are PyTorch's; `specc ops NAME` lists them.",
        "model M:\n    layers:\n        a = Linear(_, 10, use_bias=false)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(_, 10, bias=false)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0513": Code(
        "an argument is given twice",
        "Once by its place and once by its name.",
        "fn f(x: float[N, T]) -> float[N, T]:\n    return softmax(x, 1, dim=1)",
        "fn f(x: float[N, T]) -> float[N, T]:\n    return softmax(x, dim=1)",
    ),
    "E0514": Code(
        "an argument is of the wrong kind",
        "A number where a tensor is wanted, a float where an int is, a word that is none of the choices.",
        "model M:\n    layers:\n        a = Linear(_, 2.5)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(_, 2)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0515": Code(
        "an argument has no meaning in a spec",
        "PyTorch takes it, but it says where or how something is stored or run (`device`, `out`, `memory_format`, `training`), which is not part of a model's description.",
        'fn f(x: float[N]) -> float[N]:\n    return x + zeros(N, device="cuda")',
        "fn f(x: float[N]) -> float[N]:\n    return x + zeros(N)",
    ),
    "E0516": Code(
        "`_` where nothing determines it",
        "`_` stands for an argument that what flows in determines, such as the input features of `Linear`. How many features go out is for the author to say.",
        "model M:\n    layers:\n        a = Linear(_, _)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(_, 10)\n\n    forward(x: float[N, 8]) -> float[N, _]:\n        return x -> a",
    ),
    "E0520": Code(
        "a pattern that cannot be read",
        "`rearrange`, `reduce`, `repeat` and `einsum` take a pattern: names of dims on both sides of `->`, groups in parentheses, `...` for any number of dims. The message says what is wrong with it.",
        'fn f(x: float[N, T]) -> float[T, N]:\n    return rearrange(x, "n t -> t")',
        'fn f(x: float[N, T]) -> float[T, N]:\n    return rearrange(x, "n t -> t n")',
    ),
    "E0504": Code(
        "uses of a block that disagree",
        "A block becomes one class, so what its `_` stand for must be one formula for all its uses, and hyperparameters without a symbol (lists, layers) must have a value.",
        "block A(norm: layer):\n    layers:\n        norm = norm(_)\n\n    forward(x: float[N, T, D]) -> float[N, T, D]:\n        return x -> norm\n\nmodel M:\n    layers:\n        a = A(LayerNorm)\n        b = A(BatchNorm1d)\n\n    forward(x: float[N, 4, 5]) -> float[N, 4, 5]:\n        return x -> a -> b",
        "block A(norm: layer):\n    layers:\n        norm = norm(_)\n\n    forward(x: float[N, T, D]) -> float[N, T, D]:\n        return x -> norm\n\nmodel M:\n    layers:\n        a = A(LayerNorm)\n        b = A(RMSNorm)\n\n    forward(x: float[N, 4, 5]) -> float[N, 4, 5]:\n        return x -> a -> b",
    ),
    "E0505": Code(
        "a value of another type",
        "A hyperparameter takes values of its type only; an int is also a float.",
        "model M(d: int = 2.5):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
        "model M(d: int = 4):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
    ),
    "E0506": Code(
        "a hyperparameter's type that cannot be",
        "Hyperparameters are numbers, truths, strings, lists, tuples, records and layers; a bound is a known int.",
        "block B(n: float[3]):\n    forward(x: float[N]) -> float[N]:\n        return x",
        "block B(n: float):\n    forward(x: float[N]) -> float[N]:\n        return x * n",
    ),
    "E0507": Code(
        "a value out of its bounds",
        "An `int` hyperparameter is at least 1 unless its type says otherwise (`int >= 0`).",
        "model M(d: int = 0):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
        "model M(d: int = 4):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
    ),
    "E0508": Code(
        "a model's hyperparameter without a default",
        "A model is an entry point that can be made as it stands, so every hyperparameter has a default.",
        "model M(d: int):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
        "model M(d: int = 4):\n    layers:\n        fc = Linear(_, d)\n\n    forward(x: float[N, 8]) -> float[N, d]:\n        return x -> fc",
    ),
}
