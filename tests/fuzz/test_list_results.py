"""Results of lists: what is computed for each item of a list whose length, or whose items, only the hyperparameters tell."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from tests.check.checking import codes
from tests.fuzz.held import compiled, hold

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


WHOLE: dict[str, tuple[str, Rows]] = {
    "halves of widths": (
        """
model Net(w: list[int >= 2] = [4, 6]):
    layers:
        fs = [Linear(4, f // 2) for f in w]
        head = Linear(_, 5)
    forward(x: float[N, 4]) -> (float[N, _], float[N, 5]):
        y = cat([f(x) for f in fs], dim=1)
        return y, y -> head
""",
        ({}, {"w": [3, 8, 5]}, {"w": [2]}),
    ),
    "what a condition chooses": (
        """
model Net(w: list[int] = [4, 6]):
    layers:
        fs = [Linear(4, max(f, 5)) for f in w]
    forward(x: float[N, 4]) -> float[N, _]:
        return cat([f(x) for f in fs], dim=1)
""",
        ({}, {"w": [3, 8, 5]}),
    ),
    "two appended, the first differs": (
        """
model Net(n: int = 2, k: int = 3):
    layers:
        fs = [Linear(_, k) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4 + 2*n*k - k]:
        out = []
        for f in fs:
            out += [x]
            x = f(x)
            out += [x]
        return cat(out, dim=1)
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a part up to a number": (
        """
model Net(n: int = 2, k: int = 1):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[_, N, 4]:
        ys = [f(x) for f in fs]
        return stack(ys[:k])
""",
        ({}, {"n": 1}, {"n": 4}, {"k": 5}, {"n": 5, "k": 3}),
    ),
    "a part from a number": (
        """
model Net(n: int = 2, k: int = 1):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, _]:
        ys = [f(x) for f in fs]
        return cat([x] + ys[k:], dim=1)
""",
        ({}, {"n": 1}, {"n": 4}, {"k": 5}, {"n": 5, "k": 3}),
    ),
    "parts of widths": (
        """
model Net(w: list[int] = [2, 3]):
    layers:
        fs = [Linear(3, f) for f in w]
    forward(x: float[N, 3]) -> float[N, _]:
        ys = [f(x) for f in fs]
        return cat([x, *ys[1:-1], *ys[-1:], *ys[:1]], dim=1)
""",
        ({}, {"w": [1]}, {"w": [3, 4, 5, 6]}),
    ),
    "zipped with layers of the same widths": (
        """
model Net(w: list[int] = [2, 5]):
    layers:
        fs = [Linear(3, f) for f in w]
        gs = [Linear(f, 3) for f in w]
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y, g in zip(ys, gs):
            x = x + g(y)
        return x
""",
        ({}, {"w": [1]}, {"w": [3, 4, 5, 6]}),
    ),
    "zipped with layers that infer their widths": (
        """
model Net(w: list[int] = [2, 5]):
    layers:
        fs = [Linear(3, f) for f in w]
        gs = [Linear(_, 3) for f in w]
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y, g in zip(ys, gs):
            x = x + g(y)
        return x
""",
        ({}, {"w": [1]}, {"w": [3, 4, 5, 6]}),
    ),
    "zipped with layers by the index": (
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(3, i + 1) for i in range(n)]
        gs = [Linear(i + 1, 3) for i in range(n)]
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y, g in zip(ys, gs):
            x = x + g(y)
        return x
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "zipped backwards": (
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(3, i + 1) for i in range(n)]
        gs = [Linear(n - i, 3) for i in range(n)]
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y, g in zip(reversed(ys), gs):
            x = x + g(y)
        return x
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "kernels that grow": (
        """
model Net(n: int = 2):
    layers:
        fs = [Conv2d(3, 4, 2*i + 1, padding=i) for i in range(n)]
    forward(x: float[N, 3, H, W]) -> float[N, 4*n, H, W]:
        return cat([f(x) for f in fs], dim=1)
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "dilations": (
        """
model Net(r: list[int] = [6, 12]):
    layers:
        fs = [Conv2d(3, 4, 3, padding=k, dilation=k) for k in r]
    forward(x: float[N, 3, H, W]) -> float[N, 4*len(r), H, W]:
        return cat([f(x) for f in fs], dim=1)
""",
        ({}, {"r": [1]}, {"r": [4, 3, 2, 1]}),
    ),
    "a dict of layers": (
        """
model Net(n: int = 2):
    layers:
        fs = {f"h{i}": Linear(4, 4) for i in range(n)}
    forward(x: float[N, 4]) -> float[N, 4*n]:
        return cat([fs[f"h{i}"](x) for i in range(n)], dim=1)
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "stacks in a stack": (
        """
model Net(n: int = 2, m: int = 3):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
        gs = [Linear(4, 4) for i in range(m)]
    forward(x: float[N, 4]) -> float[N, m, n, 4]:
        return stack([stack([g(f(x)) for f in fs], dim=1) for g in gs], dim=1)
""",
        ({}, {"n": 1}, {"m": 1, "n": 4}),
    ),
    "sums in a stack": (
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, i + 1) for i in range(n)]
        gs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, n, n*(n + 1)//2]:
        return stack([cat([f(g(x)) for f in fs], dim=1) for g in gs], dim=1)
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "results beside a result": (
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> (float[N, 4], [float[N, 4] for i in range(n)]):
        out = []
        for f in fs:
            x = f(x)
            out += [x]
        return x, out
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "zipped with widths": (
        """
model Net(w: list[int] = [4, 6]):
    layers:
        fs = [Linear(4, f) for f in w]
    forward(x: float[N, 4]) -> float[N, 4]:
        ys = [f(x) for f in fs]
        for y in ys:
            x = x + y.mean(dim=1, keepdim=true)
        for y, k in zip(ys, w):
            x = x + y.reshape(-1, k).sum(dim=1, keepdim=true)
        return x
""",
        ({}, {"w": [2]}, {"w": [8, 2, 6]}),
    ),
    "no experts are refused": (
        """
model Net(n: int >= 0 = 2):
    layers:
        hs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4*n]:
        return cat([h(x) for h in hs], dim=1)
""",
        ({}, {"n": 0}),
    ),
    "no widths are refused": (
        """
model Net(w: list[int] = [2, 3]):
    layers:
        hs = [Linear(4, f) for f in w]
    forward(x: float[N, 4]) -> float[N, sum(w)]:
        return cat([h(x) for h in hs], dim=1)
""",
        ({}, {"w": []}),
    ),
    "the second": (
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        ys = [f(x) for f in fs]
        return ys[1]
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a block's list in a loop": (
        """
block B(n: int, k: int):
    layers:
        fs = [Linear(D, i + k) for i in range(n)]
    forward(x: float[N, D]) -> [float[N, i + k] for i in range(n)]:
        return [f(x) for f in fs]
model Net(n: int = 2):
    layers:
        bs = [B(n, i + 1) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        for i in range(n):
            ys = bs[i](x)
            y: float[N, n*(n-1)//2 + n*(i + 1)] = cat(ys, dim=1)
            x = x + y.mean(dim=1, keepdim=true)
        return x
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a list passed to a function": (
        """
fn g(z: float[k], xs: [float[N, D] for i in range(k)]) -> float[N, k*D]:
    return cat(xs, dim=1) + z.sum()
model Net(n: int = 2):
    layers:
        hs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4*n]:
        return g(ones(n), [h(x) for h in hs])
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a list by the index passed to a function": (
        """
fn g(z: float[k], xs: [float[N, i + 1] for i in range(k)]) -> float[N, _]:
    return cat(xs, dim=1) + z.sum()
model Net(n: int = 2):
    layers:
        hs = [Linear(4, i + 1) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, _]:
        return g(ones(n), [h(x) for h in hs])
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a list in parts passed to a function": (
        """
fn g(z: float[k], xs: [float[N, D] for i in range(k)]) -> float[N, k*D]:
    return cat(xs, dim=1) + z.sum()
model Net(n: int = 2):
    layers:
        hs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4*n + 4]:
        return g(ones(n + 1), [x] + [h(x) for h in hs])
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "widths of another block": (
        """
block B(w: list[int]):
    layers:
        fs = [Linear(D, f) for f in w]
    forward(x: float[N, D]) -> float[N, sum(w)]:
        return cat([f(x) for f in fs], dim=1)
model Net(u: list[int] = [7, 1]):
    layers:
        a = B(u)
        b = B([3, 4])
        c = Linear(_, 3)
    forward(x: float[N, 4]) -> (float[N, 3], float[N, 7]):
        return a(x) -> c, b(x)
""",
        ({}, {"u": [1]}, {"u": [2, 3, 4]}),
    ),
    "the first widths of another block": (
        """
block B(w: list[int], n: int):
    require n <= len(w)
    layers:
        fs = [Linear(D, w[i]) for i in range(n)]
    forward(x: float[N, D]) -> float[N, _]:
        return cat([f(x) for f in fs], dim=1)
model Net(u: list[int] = [7, 1], m: int = 1):
    require m + 1 <= len(u)
    layers:
        a = B(u, m)
        b = B([3, 4, 5], m)
        b2 = B([3, 4], 1)
        c = Linear(_, 3)
        d = Linear(_, 3)
    forward(x: float[N, 4]) -> (float[N, 3], float[N, 3], float[N, 3]):
        return a(x) -> c, b(x) -> d, b2(x)
""",
        ({}, {"u": [1, 3]}, {"u": [2, 3, 4], "m": 2}),
    ),
    "widths of a block's block": (
        """
block A(w: list[int]):
    layers:
        fs = [Linear(D, f) for f in w]
    forward(x: float[N, D]) -> float[N, _]:
        return cat([f(x) for f in fs], dim=1)
block B(v: list[int]):
    layers:
        a = A(v)
        l = Linear(_, 2)
    forward(x: float[N, D]) -> float[N, 2]:
        return x -> a -> l
model Net(u: list[int] = [7, 1], w: list[int] = [1]):
    layers:
        a = B(u)
        b = A(w)
    forward(x: float[N, 4]) -> (float[N, 2], float[N, sum(w)]):
        return a(x), b(x)
""",
        ({}, {"u": [1, 3]}, {"u": [2, 3, 4]}),
    ),
    "widths of 0": (
        """
model Net(w: list[int >= 0] = [4, 6]):
    layers:
        gs = [Linear(4, f + 1) for f in w]
        h = Linear(_, 2)
    forward(x: float[N, 4]) -> float[N, 2]:
        return cat([g(x) for g in gs] + [x], dim=1) -> h
""",
        ({}, {"w": [0, 1]}, {"w": []}, {"w": [2, 2, 0]}),
    ),
    "a U-Net by its index": (
        """
model Net(n: int = 3, c: int = 4):
    layers:
        down = [Conv2d(c*2**i, c*2**(i + 1), 3, padding=1) for i in range(n)]
        up = [Conv2d(c*2**(n - i) + c*2**(n - i - 1), c*2**(n - i - 1), 3, padding=1) for i in range(n)]
    forward(x: float[N, c, H, W]) -> float[N, c, H, W]:
        skips = []
        for f in down:
            skips += [x]
            x = f(x)
        for i, u in enumerate(up):
            x = u(cat([x, skips[n - 1 - i]], dim=1))
        return x
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "a U-Net, zipped": (
        """
model Net(n: int = 3, c: int = 4):
    layers:
        down = [Conv2d(c*2**i, c*2**(i + 1), 3, padding=1) for i in range(n)]
        up = [Conv2d(c*2**(n - i) + c*2**(n - i - 1), c*2**(n - i - 1), 3, padding=1) for i in range(n)]
    forward(x: float[N, c, H, W]) -> float[N, c, H, W]:
        skips = []
        for f in down:
            skips += [x]
            x = f(x)
        for u, s in zip(up, reversed(skips)):
            x = u(cat([x, s], dim=1))
        return x
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "heads of a pyramid": (
        """
model Net(w: list[int] = [4, 6], d: int = 3):
    layers:
        ls = [Conv2d(3, f, 1) for f in w]
        hs = [Conv2d(f, d, 1) for f in w]
    forward(x: float[N, 3, H, W]) -> [float[N, d, H, W] for i in range(len(w))]:
        feats = [l(x) for l in ls]
        return [h(y) for h, y in zip(hs, feats)]
""",
        ({}, {"w": [2]}, {"w": [8, 2, 6]}),
    ),
    "enumerated pairs": (
        """
model Net(w: list[int] = [4, 6], d: int = 3):
    layers:
        ls = [Linear(3, f) for f in w]
        hs = [Linear(f, d) for f in w]
    forward(x: float[N, 3]) -> float[N, len(w)*d]:
        ys = [l(x) for l in ls]
        out = []
        for i, (y, h) in enumerate(zip(ys, hs)):
            out += [h(y) * i]
        return cat(out, dim=1)
""",
        ({}, {"w": [2]}, {"w": [8, 2, 6]}),
    ),
    "recurrent": (
        """
model Net(n: int = 3):
    layers:
        fs = [LSTM(4, 5, batch_first=true) for i in range(n)]
    forward(x: float[N, T, 4]) -> float[N, T, 5*n]:
        out = []
        for f in fs:
            y, (h, c) = f(x)
            out += [y]
        return cat(out, dim=-1)
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "pairs": (
        """
model Net(n: int = 3):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        ps = [(f(x), x) for f in fs]
        a, b = ps[-1]
        return a + b + ps[0][1]
""",
        ({}, {"n": 1}, {"n": 4}),
    ),
    "the last width of another block": (
        """
block Head(dims: list[int]):
    layers:
        fc = [Linear(_, dims[i]) for i in range(len(dims))]

    forward(x: float[N, 3]) -> float[N, dims[len(dims) - 1]]:
        return x -> fc

model Net(widths: list[int] = [4, 5]):
    layers:
        a = Head(widths)
        b = Linear(_, 3)

    forward(x: float[N, 3]) -> float[N, 3]:
        return x -> a -> b
""",
        ({}, {"widths": [3]}, {"widths": [2, 6, 1]}),
    ),
}

REFUSED: dict[str, tuple[str, str]] = {
    "stacked widths": (
        "E0323",
        """
model Net(w: list[int] = [2, 2]):
    layers:
        hs = [Linear(4, f) for f in w]
    forward(x: float[N, 4]) -> float[len(w), N, _]:
        return stack([h(x) for h in hs])
""",
    ),
    "stacked by the index": (
        "E0323",
        """
model Net(n: int = 1):
    layers:
        hs = [Linear(4, 4 + i) for i in range(n)]
    forward(x: float[N, 4]) -> float[n, N, _]:
        return stack([h(x) for h in hs])
""",
    ),
    "joined elsewhere": (
        "E0323",
        """
model Net(n: int = 1):
    layers:
        hs = [Linear(4, 4 + i) for i in range(n)]
    forward(x: float[N, 4]) -> float[_, _]:
        return cat([h(x) for h in hs], dim=0)
""",
    ),
    "beyond the end": (
        "E0303",
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        ys = [f(x) for f in fs]
        return ys[n]
""",
    ),
    "the next one": (
        "E0601",
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        ys = [f(x) for f in fs]
        for i in range(n):
            x = x + ys[i + 1]
        return x
""",
    ),
    "one layer for all widths": (
        "E0307",
        """
model Net(w: list[int] = [2, 2]):
    layers:
        fs = [Linear(3, f) for f in w]
        g = Linear(_, 3)
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y in ys:
            x = x + g(y)
        return x
""",
    ),
    "the wrong way round": (
        "E0301",
        """
model Net(n: int = 1):
    layers:
        fs = [Linear(3, i + 1) for i in range(n)]
        gs = [Linear(i + 1, 3) for i in range(n)]
    forward(x: float[N, 3]) -> float[N, 3]:
        ys = [f(x) for f in fs]
        for y, g in zip(reversed(ys), gs):
            x = x + g(y)
        return x
""",
    ),
    "sizes without padding": (
        "E0323",
        """
model Net(n: int = 1):
    layers:
        fs = [Conv2d(3, 4, 2*i + 1) for i in range(n)]
    forward(x: float[N, 3, H, W]) -> float[N, 4*n, _, _]:
        return cat([f(x) for f in fs], dim=1)
""",
    ),
    "an unknown number of axes": (
        "E0514",
        """
model Net(n: int = 2):
    layers:
        fs = [Linear(4, 4) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, 4]:
        a, b = meshgrid([f(x).mean(dim=0) for f in fs])
        return x
""",
    ),
    "one dim for different items": (
        "E0301",
        """
fn g(z: float[k], xs: [float[N, D] for i in range(k)]) -> float[N, k*D]:
    return cat(xs, dim=1) + z.sum()
model Net(w: list[int] = [2, 2]):
    layers:
        hs = [Linear(4, f) for f in w]
    forward(x: float[N, 4]) -> float[N, _]:
        return g(ones(len(w)), [h(x) for h in hs])
""",
    ),
    "the first is another": (
        "E0301",
        """
fn g(z: float[k], xs: [float[N, D] for i in range(k)]) -> float[N, k*D]:
    return cat(xs, dim=1) + z.sum()
model Net(n: int = 2, k: int = 4):
    layers:
        hs = [Linear(4, k) for i in range(n)]
    forward(x: float[N, 4]) -> float[N, _]:
        return g(ones(n + 1), [x] + [h(x) for h in hs])
""",
    ),
    "another list of the same name": (
        "E0301",
        """
block B(w: list[int], n: int >= 0):
    layers:
        f = Linear(w[n], 3)
    forward(x: float[N, w[n]]) -> float[N, 3]:
        return f(x)
model Net(w: list[int] = [3, 4], u: list[int] = [5, 6]):
    require len(w) == 2 and len(u) == 2
    layers:
        b = B(u, 1)
    forward(x: float[N, w[1]]) -> float[N, 3]:
        return b(x)
""",
    ),
    "layers backwards": (
        "E0301",
        """
model Net(n: int = 3):
    layers:
        fs = [Linear(i + 1, i + 2) for i in range(n)]
    forward(x: float[N, 1]) -> float[N, n + 1]:
        for f in reversed(fs):
            x = f(x)
        return x
""",
    ),
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


@pytest.mark.parametrize("name", WHOLE)
def test_lists_in_models_are_what_they_are_said_to_be(name: str) -> None:
    hold(*WHOLE[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_differs_from_item_to_item_is_refused(name: str) -> None:
    code, text = REFUSED[name]
    assert codes(text) == [code]


def test_that_there_is_none_is_refused_when_the_model_is_made() -> None:
    [source] = compiled(WHOLE["no widths are refused"][0]).torch_sources().values()
    assert "if len(w) < 1:\n            raise ValueError(" in source
