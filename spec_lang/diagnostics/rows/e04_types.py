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
}
