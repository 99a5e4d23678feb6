"""Results of lists: what is computed for each item of a list whose length, or whose items, only the hyperparameters tell."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from tests.fuzz.held import hold

Rows = tuple[dict[str, Any], ...]
N: Rows = ({}, {"n": 1}, {"n": 2}, {"n": 5})
W: Rows = ({}, {"w": [3]}, {"w": [5, 2]}, {"w": [2, 3, 4, 1]})
HEAD = """
model Net(d: int = 4, n: int = 3):
    layers:
        fs = [Linear(d, d) for i in range(n)]
"""
WIDTHS = """
model Net(w: list[int] = [2, 3], d: int = 4):
    require len(w) >= 1
    layers:
        hs = [Linear(d, f) for f in w]
"""
GROWING = """
model Net(n: int = 3, d: int = 4, g: int = 2):
    layers:
        fs = [Linear(_, g) for i in range(n)]
"""

HELD: dict[str, tuple[str, str, Rows]] = {
    # --- cat and stack of n results ---
    "stack in front": (HEAD, "-> float[n, N, d]: return stack([f(x) for f in fs])", N),
    "stack inside": (HEAD, "-> float[N, n, d]: return stack([f(x) for f in fs], dim=1)", N),
    "stack behind": (HEAD, "-> float[N, d, n]: return stack([f(x) for f in fs], dim=-1)", N),
    "cat of equal sizes": (HEAD, "-> float[N, n*d]: return cat([f(x) for f in fs], dim=1)", N),
    "cat along the batch": (HEAD, "-> float[n*N, d]: return cat([f(x) for f in fs])", N),
    "concat, named": (HEAD, "-> float[N, n*d]: return concat(tensors=[f(x) for f in fs], dim=-1)", N),
    "hstack": (HEAD, "-> float[N, n*d]: return hstack([f(x) for f in fs])", N),
    "vstack": (HEAD, "-> float[n*N, d]: return vstack([f(x) for f in fs])", N),
    "vstack of vectors": (HEAD, "-> float[n, d]: return vstack([f(x).mean(dim=0) for f in fs])", N),
    "stack of scalars": (HEAD, "-> float[n]: return stack([f(x).mean() for f in fs])", N),
    "split again": (
        HEAD,
        "-> float[N, n, d]: return cat([f(x) for f in fs], dim=1).unflatten(1, (n, d))",
        N,
    ),
    # --- sizes that depend on the place ---
    "cat of widths": (WIDTHS, "-> float[N, sum(w)]: return cat([h(x) for h in hs], dim=1)", W),
    "cat of twice the widths": (
        WIDTHS,
        "-> float[N, 2*sum(w)]: return cat([cat([h(x), h(x)], dim=1) for h in hs], dim=1)",
        W,
    ),
    "widths joined to the input": (
        WIDTHS,
        "-> float[N, d + sum(w)]: return cat([x] + [h(x) for h in hs], dim=1)",
        W,
    ),
    "widths spread out": (
        WIDTHS,
        "-> float[N, 2*d + sum(w)]: return cat([x, *[h(x) for h in hs], x], dim=1)",
        W,
    ),
    "arithmetic": (
        "model Net(n: int = 3, d: int = 4, g: int = 2):\n    layers:\n        fs = [Linear(d, d + g*i) for i in range(n)]\n",
        "-> float[N, n*d + g*(n*(n - 1)//2)]: return cat([f(x) for f in fs], dim=1)",
        (*N, {"n": 4, "g": 3}),
    ),
    "geometric": (
        "model Net(n: int = 3, d: int = 4):\n    layers:\n        fs = [Linear(d, d*2**i) for i in range(n)]\n",
        "-> float[N, d*(2**n - 1)]: return cat([f(x) for f in fs], dim=1)",
        N,
    ),
    "geometric, from the end": (
        "model Net(n: int = 3, d: int = 4):\n    layers:\n        fs = [Linear(d, 2**(n - 1 - i)) for i in range(n)]\n",
        "-> float[N, 2**n - 1]: return cat([f(x) for f in fs], dim=1)",
        N,
    ),
    "a layer behind takes the sum": (
        "model Net(w: list[int] = [2, 3], d: int = 4):\n    layers:\n        hs = [Linear(d, f) for f in w]\n        out = Linear(_, 3)\n",
        "-> float[N, 3]: return cat([h(x) for h in hs], dim=1) -> out",
        W,
    ),
    "zip with a list of numbers": (
        WIDTHS,
        "-> float[N, sum(w)]: return cat([h(x) * k for h, k in zip(hs, w)], dim=1)",
        W,
    ),
    "the first widths": (
        "model Net(w: list[int] = [2, 3], d: int = 4):\n    require len(w) >= 2\n    layers:\n        hs = [Linear(d, w[i]) for i in range(len(w) - 1)]\n",
        "-> float[N, _]: return cat([h(x) for h in hs], dim=1)",
        ({}, {"w": [1, 2]}, {"w": [4, 3, 2, 1]}),
    ),
    "all but the first widths": (
        "model Net(w: list[int] = [2, 3], d: int = 4):\n    require len(w) >= 2\n    layers:\n        hs = [Linear(d, w[i + 1]) for i in range(len(w) - 1)]\n",
        "-> float[N, sum(w) - w[0]]: return cat([h(x) for h in hs], dim=1)",
        ({}, {"w": [1, 2]}, {"w": [4, 3, 2, 1]}),
    ),
    # --- lists that grow ---
    "all hidden states": (
        HEAD,
        """-> float[N, d*(n + 1)]:
        out = [x]
        for f in fs:
            x = f(x)
            out += [x]
        return cat(out, dim=1)""",
        N,
    ),
    "from nothing": (
        HEAD,
        """-> float[N, n, d]:
        out = []
        for f in fs:
            x = f(x) + x
            out += [x]
        return stack(out, dim=1)""",
        N,
    ),
    "two each time": (
        HEAD,
        """-> float[N, 2*n, d]:
        out = []
        for f in fs:
            out += [f(x), x]
        return stack(out, dim=1)""",
        N,
    ),
    "behind a loop": (
        HEAD,
        """-> float[N, d*(n + 2)]:
        out = [x]
        for f in fs:
            out += [f(x)]
        out += [x]
        return cat(out, dim=1)""",
        N,
    ),
    "two loops": (
        HEAD,
        """-> float[N, 2*n, d]:
        out = []
        for f in fs:
            out += [f(x)]
        for f in fs:
            out += [f(out[0])]
        return stack(out, dim=1)""",
        N,
    ),
    "the first differs": (
        "model Net(d: int = 4, k: int = 3, n: int = 3):\n    layers:\n        fs = [Linear(_, k) for i in range(n)]\n",
        """-> float[N, n*k]:
        out = []
        for f in fs:
            x = f(x)
            out += [x]
        return cat(out, dim=1)""",
        (*N, {"k": 4, "n": 2}),
    ),
    "the first differs from what was there": (
        "model Net(d: int = 4, k: int = 3, n: int = 3):\n    layers:\n        fs = [Linear(_, k) for i in range(n)]\n",
        """-> float[N, d + n*k]:
        out = [x]
        for f in fs:
            x = f(x)
            out += [x]
        return cat(out, dim=1)""",
        N,
    ),
    "dense": (
        GROWING,
        """-> float[N, d + n*g]:
        for f in fs:
            x = cat([x, f(x)], dim=1)
        return x""",
        N,
    ),
    "dense, all of them": (
        GROWING,
        """-> float[N, (n + 1)*d + g*(n*(n + 1)//2)]:
        out = [x]
        for f in fs:
            x = cat([x, f(x)], dim=1)
            out += [x]
        return cat(out, dim=1)""",
        (*N, {"n": 4, "g": 1}),
    ),
    "widths, one by one": (
        WIDTHS,
        """-> float[N, d + sum(w)]:
        out = [x]
        for h in hs:
            out += [h(x)]
        return cat(out, dim=1)""",
        W,
    ),
    # --- items, slices, orders ---
    "the last": (HEAD, "-> float[N, d]:\n        ys = [f(x) for f in fs]\n        return ys[-1]", N),
    "the first and the last": (
        HEAD,
        "-> float[N, d]:\n        ys = [f(x) for f in fs]\n        return ys[0] + ys[n - 1]",
        N,
    ),
    "from the end": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        for i, f in enumerate(fs):
            x = f(x + ys[n - 1 - i])
        return x""",
        N,
    ),
    "counted from the end": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        for i in range(n):
            x = x * ys[i - n]
        return x""",
        N,
    ),
    "all but the first": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        for y in ys[1:]:
            x = x + y
        return x""",
        N,
    ),
    "all but the last, joined": (
        HEAD,
        "-> float[N, d*n]:\n        ys = [f(x) for f in fs]\n        return cat([x] + ys[:-1], dim=1)",
        N,
    ),
    "backwards": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        for y, f in zip(reversed(ys), fs):
            x = f(x + y)
        return x""",
        N,
    ),
    "turned by a slice": (
        HEAD,
        "-> float[N, n, d]:\n        ys = [f(x) for f in fs]\n        return stack(ys[::-1], dim=1)",
        N,
    ),
    "counted": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        for i, y in enumerate(ys):
            x = x + y * i
        return x / len(ys)""",
        N,
    ),
    "the last width": (
        WIDTHS,
        "-> (float[N, w[0]], float[N, _]):\n        ys = [h(x) for h in hs]\n        return ys[0], ys[-1]",
        W,
    ),
    "widths backwards": (
        WIDTHS,
        "-> float[N, sum(w)]:\n        ys = [h(x) for h in hs]\n        return cat(reversed(ys), dim=1)",
        W,
    ),
    "the input, then the rest": (
        HEAD,
        "-> float[N, d]:\n        ys = [x] + [f(x) for f in fs]\n        return ys[0] + ys[1] + ys[n] + ys[-1] + ys[-2]",
        N,
    ),
    "a list of results": (
        HEAD,
        "-> [float[N, d] for i in range(n)]:\n        return [f(x) for f in fs]",
        N,
    ),
    "a list of results and the input": (
        HEAD,
        "-> [float[N, d] for i in range(n + 1)]:\n        return [x] + [f(x) for f in fs]",
        N,
    ),
    # --- more of models ---
    "experts": (
        "model Net(d: int = 4, n: int = 3):\n    layers:\n        gate = Linear(d, n)\n        fs = [Sequential(Linear(d, 2*d), GELU(), Linear(2*d, d)) for i in range(n)]\n",
        """-> float[N, d]:
        g = x -> gate -> softmax(dim=-1)
        return einsum("n e, n e d -> n d", g, stack([f(x) for f in fs], dim=1))""",
        N,
    ),
    "a sum": (HEAD, "-> float[N, d]: return sum([f(x) for f in fs])", N),
    "a sum that is used": (
        HEAD,
        "-> float[N]:\n        y = sum([f(x) for f in fs]) / n\n        return y.mean(dim=1)",
        N,
    ),
    "a sum over what grew": (
        HEAD,
        """-> float[N, d]:
        out = [x]
        for f in fs:
            out += [f(x)]
        return sum(out) + sum([x, x])""",
        N,
    ),
    "gone through twice": (
        HEAD,
        """-> float[N, d]:
        ys = [f(x) for f in fs]
        pairs, order, back = zip(ys, fs), enumerate(ys), reversed(ys)
        for y, f in pairs:
            x = f(x + y)
        for y, f in pairs:
            x = f(x + y)
        for i, y in order:
            x = x + i * y
        for i, y in order:
            x = x + i * y
        for y in back:
            x = x + y
        for y in back:
            x = x * y
        return x""",
        N,
    ),
    "the item before": (
        HEAD,
        """-> float[N, n, d]:
        out = []
        for f in fs:
            out += [f(x)]
            x = out[-1] + x
        return stack(out, dim=1)""",
        N,
    ),
    "a mean over an ensemble": (HEAD, "-> float[N, d]: return stack([f(x) for f in fs]).mean(dim=0)", N),
}


def spec(head: str, rest: str) -> str:
    return dedent(head).strip("\n") + f"\n    forward(x: float[N, d]) {_lines(rest)}\n"


def _lines(rest: str) -> str:
    first, colon, body = rest.partition(": return ")
    return f"{first}:\n        return {body}" if colon and "\n" not in first else rest


@pytest.mark.parametrize("name", HELD)
def test_results_of_lists_are_what_they_are_said_to_be(name: str) -> None:
    head, rest, rows = HELD[name]
    hold(spec(head, rest), rows)
