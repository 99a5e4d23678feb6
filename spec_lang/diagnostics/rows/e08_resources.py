"""Resources: E08xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0801": Code(
        "too large",
        "A size, number or expression goes beyond what a spec may say: 64 bits for a size, bounded depth for an expression.",
        "model M:\n    layers:\n        fc = Linear(8, 2**(10**9))\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x",
        "model M:\n    layers:\n        fc = Linear(8, 2**10)\n\n    forward(x: float[N, 8]) -> float[N, 2**10]:\n        return x -> fc",
    ),
    "E0802": Code(
        "too many items",
        "A list that must be written out item by item is short; a list of equal layers may be as long as you like.",
        "N = [0] * 10**9",
        "N = [0] * 10",
    ),
    "E0803": Code(
        "a number that has no value",
        "A division by zero, the root or logarithm of a negative number.",
        "model M(d: int = 4 // 0):\n    forward(x: float[N, d]) -> float[N, d]:\n        return x",
        "model M(d: int = 4 // 1):\n    forward(x: float[N, d]) -> float[N, d]:\n        return x",
    ),
}
