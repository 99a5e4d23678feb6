"""Conditions, `require` and `expect`: E06xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0601": Code(
        "a condition that a use does not satisfy",
        "A block states (`require`) or needs something of its hyperparameters and dims, and this use gives values for which it is false.",
        "block B(heads: int):\n    require D % heads == 0\n\n    forward(x: float[N, D]) -> float[N, D]:\n        return x * heads\n\nmodel M:\n    layers:\n        b = B(3)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> b",
        "block B(heads: int):\n    require D % heads == 0\n\n    forward(x: float[N, D]) -> float[N, D]:\n        return x * heads\n\nmodel M:\n    layers:\n        b = B(4)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> b",
    ),
    "E0602": Code(
        "a condition that never holds",
        "A `require` that is false for all values makes its block useless.",
        "block B(n: int):\n    require n < 1\n\n    forward(x: float[N]) -> float[N]:\n        return x * n",
        "block B(n: int):\n    require n > 1\n\n    forward(x: float[N]) -> float[N]:\n        return x * n",
    ),
    "E0603": Code(
        "defaults that do not satisfy a condition",
        "A model is made with its defaults (a variant with its values), so they satisfy what it requires.",
        "model M(d: int = 9):\n    require d % 2 == 0\n\n    forward(x: float[N, d]) -> float[N, d]:\n        return x",
        "model M(d: int = 8):\n    require d % 2 == 0\n\n    forward(x: float[N, d]) -> float[N, d]:\n        return x",
    ),
    "E0604": Code(
        "an expectation that fails",
        "`expect` is a test that travels with the spec. Either the spec changed, or the expectation was wrong.",
        "model M:\n    layers:\n        fc = Linear(8, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc\n\n    expect parameters == 32",
        "model M:\n    layers:\n        fc = Linear(8, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc\n\n    expect parameters == 36",
    ),
    "E0605": Code(
        "an expectation that says nothing",
        'Expectations compare `parameters`, `keys`, `shape("name")` and `forward(N=2)`, of the model or of `Model(...)` with other values.',
        "model M:\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x\n\n    expect weights == 3",
        "model M:\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x\n\n    expect parameters == 0",
    ),
}
