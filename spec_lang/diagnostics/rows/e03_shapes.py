"""Shapes and dims: E03xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0301": Code(
        "two sizes differ",
        "Two sizes must be equal for all values of their dims, and they are not, or it is not known. The message says both and where they meet. If they are always equal, say so with `require`; if an argument states a size that what flows in determines, `_` infers it.",
        "model M():\n    layers:\n        fc = Linear(400, 10)\n\n    forward(x: float[N, 576]) -> float[N, 10]:\n        return x -> fc",
        "model M():\n    layers:\n        fc = Linear(_, 10)\n\n    forward(x: float[N, 576]) -> float[N, 10]:\n        return x -> fc",
    ),
    "E0302": Code(
        "the number of dims does not fit",
        "A layer or function takes tensors with certain numbers of dims (`Conv2d` images of 3 or 4), or it needs to know how many there are where `*B` hides them.",
        "fn f(x: float[N, T]) -> float[N, T]:\n    return x -> max_pool2d(2)",
        "fn f(x: float[N, C, 2*H, 2*W]) -> float[N, C, H, W]:\n    return x -> max_pool2d(2)",
    ),
    "E0303": Code(
        "there is no such axis or item",
        "An axis is counted from 0, or from -1 backwards, and must be among the tensor's dims; the same goes for an item of a list of layers.",
        "fn f(x: float[N, T]) -> float[N]:\n    return x.sum(2)",
        "fn f(x: float[N, T]) -> float[N]:\n    return x.sum(1)",
    ),
    "E0304": Code(
        "a size is too small",
        "A kernel, a window, an index or a slice reaches beyond what the tensor has, for some or all values of its dims.",
        "fn f(x: float[N, 3, 4, 4]) -> float[N, 3, _, _]:\n    return x -> max_pool2d(5)",
        "fn f(x: float[N, 3, 4, 4]) -> float[N, 3, 2, 2]:\n    return x -> max_pool2d(2)",
    ),
    "E0305": Code(
        "shapes do not broadcast",
        "Sizes broadcast where they are equal or one of them is 1, counted from the last axis. A dim with a name is never taken to be 1.",
        "fn f(x: float[N, T], y: float[N]) -> float[N, T]:\n    return x + y",
        "fn f(x: float[N, T], y: float[N]) -> float[N, T]:\n    return x + y[:, none]",
    ),
    "E0306": Code(
        "a size is not divisible",
        "Splitting a dim into equal parts needs a size that the parts divide, for all values. State it with `require`, or write it into the type: `float[N, 2*T]`.",
        "fn f(x: float[N, T]) -> float[N, T // 2]:\n    return x -> glu",
        "fn f(x: float[N, 2*T]) -> float[N, T]:\n    return x -> glu",
    ),
    "E0321": Code(
        "the elements do not add up",
        "`reshape` and its kin keep all elements, so the products of the sizes before and after must be equal; one size may be -1, and the others must then divide what there is.",
        "fn f(x: float[N, 6]) -> float[N, 4]:\n    return x.reshape(N, 4)",
        "fn f(x: float[N, 6]) -> float[N, 2, 3]:\n    return x.reshape(N, 2, 3)",
    ),
    "E0322": Code(
        "the number of dims would depend on a size",
        "`squeeze` takes off dims of size 1. A dim that may be 1 or more would give results of different numbers of dims.",
        "fn f(x: float[N, T]) -> float[N, T]:\n    return x.squeeze(0)",
        "fn f(x: float[1, T]) -> float[T]:\n    return x.squeeze(0)",
    ),
    "E0323": Code(
        "tensors to join differ elsewhere",
        "`cat` joins tensors along one dim; all their other sizes must be equal.",
        "fn f(x: float[N, T], y: float[M, T]) -> float[N, 2*T]:\n    return cat([x, y], 1)",
        "fn f(x: float[N, T], y: float[N, T]) -> float[N, 2*T]:\n    return cat([x, y], 1)",
    ),
    "E0324": Code(
        "a mask as an index",
        "Indexing by a tensor of bools keeps as many elements as are true, which no shape can say. `where` and `masked_fill` keep the shape.",
        "fn f(x: float[N], m: bool[N]) -> float[_]:\n    return x[m]",
        "fn f(x: float[N], m: bool[N]) -> float[N]:\n    return where(m, x, 0.0)",
    ),
    "E0325": Code(
        "a size computed through floats",
        "Rounding floats decides how long `arange(0, x, 0.1)` is, so the algebra of dims cannot follow it. Count with ints and scale afterwards.",
        "fn f(x: float[N]) -> float[_]:\n    return arange(0, N, 0.5)",
        "fn f(x: float[N]) -> float[2*N]:\n    return arange(2 * N) * 0.5",
    ),
    "E0326": Code(
        "how many results there are depends on a dim",
        "`unbind`, `split` by a size and `chunk` give a tuple, and how long it is must be known when the spec is checked.",
        "fn f(x: float[N, T]) -> float[T]:\n    a, b = x.unbind(0)\n    return a + b",
        "fn f(x: float[2, T]) -> float[T]:\n    a, b = x.unbind(0)\n    return a + b",
    ),
    "E0307": Code(
        "a size that nothing determines",
        "`_` stands for a size that what flows in determines, and a dim is bound by an input in which it is the only unknown (`2*h`, not `h*w`). Sizes of layers are fixed at construction, so they may not depend on what only a call computes.",
        "fn f(x: float[h*w]) -> float[h*w]:\n    return x",
        "fn f(x: float[h, w]) -> float[h, w]:\n    return x",
    ),
    "E0308": Code(
        "a type is not the one that is written",
        "A result's type and an annotation are assertions: the checker proves the sizes equal for all values of their names. Where the branches of an `if` give different sizes, the size is one that depends on the condition: `6 if wide else 3`.",
        "fn f(x: float[N, T]) -> float[T, N]:\n    return x",
        "fn f(x: float[N, T]) -> float[T, N]:\n    return x.transpose(0, 1)",
    ),
    "E0309": Code(
        "the number of results differs",
        "A `return` gives as many values as the method declares results.",
        "fn f(x: float[N]) -> (float[N], float[N]):\n    return x",
        "fn f(x: float[N]) -> (float[N], float[N]):\n    return x, x",
    ),
    "E0310": Code(
        "a type that changes from iteration to iteration",
        "A loop is checked once for all its iterations: what it carries keeps its type, or changes by a formula that the checker finds (a constant step, a constant factor). A list of length zero changes nothing, so a loop that changes a type needs an iteration.",
        "model M(n: int = 2):\n    forward(x: float[N, 4]) -> float[N, 4]:\n        for i in range(n):\n            x = x.unsqueeze(0)\n        return x",
        "model M(n: int = 2):\n    forward(x: float[N, 4]) -> float[N, 4]:\n        for i in range(n):\n            x = relu(x)\n        return x",
    ),
    "E0311": Code(
        "a model that needs a size from its inputs",
        "A block's layers may need a dim of its inputs, which then is an argument of its constructor. A model is an entry point: everything that its layers need is a hyperparameter with a default, or a number.",
        "model M:\n    layers:\n        fc = Linear(_, 4)\n\n    forward(x: float[N, D]) -> float[N, 4]:\n        return x -> fc",
        "model M(D: int = 8):\n    layers:\n        fc = Linear(_, 4)\n\n    forward(x: float[N, D]) -> float[N, 4]:\n        return x -> fc",
    ),
    "E0312": Code(
        "tied parameters that differ",
        "`tie` makes two parameters one tensor, so they have one shape and dtype.",
        "model M:\n    layers:\n        a = Linear(8, 4, bias=false)\n        b = Linear(4, 8, bias=false)\n\n    tie a.weight = b.weight\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a -> b",
        "model M:\n    layers:\n        a = Linear(8, 8, bias=false)\n        b = Linear(8, 8, bias=false)\n\n    tie a.weight = b.weight\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a -> b",
    ),
    "E0313": Code(
        "a shared layer that would need two sizes",
        "A layer that is called twice is one layer with one set of weights, so both calls must give its `_` the same value.",
        "model M:\n    layers:\n        fc = Linear(_, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc -> fc",
        "model M:\n    layers:\n        fc = Linear(_, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> fc -> fc",
    ),
}
