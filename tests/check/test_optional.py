"""Optional inputs, defaults, sizes by conditions and by floats, sizes of 0: what checks runs, at each row, in both modes and targets."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest

from tests.check.checking import check_text, messages
from tests.fuzz.held import hold

HELD: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "a default beside an optional input": (
        """
        block A:
            forward(x: float[N, T, D], memory: float[N, S, D] = x, mask: bool[T, S]? = none) -> float[N, T, D]:
                return scaled_dot_product_attention(x, memory, memory, mask)
        model M(d: int = 4):
            layers:
                a = A()
            forward(x: float[N, T, d]) -> float[N, T, d]:
                return a(x)
        """,
        [],
    ),
    "such a default of a model": (
        """
        model M(d: int = 4):
            forward(x: float[N, T, d], memory: float[N, S, d] = x, mask: bool[T, S]? = none) -> float[N, T, d]:
                return x + memory.sum() + (0 if mask is none else 1)
        """,
        [],
    ),
    "such a default of a function": (
        """
        fn att(x: float[N, T, d], memory: float[N, S, d] = x, mask: bool[T, S]? = none) -> float[N, T, d]:
            return scaled_dot_product_attention(x, memory, memory, mask)
        model M(d: int = 4):
            forward(x: float[N, T, d]) -> float[N, T, d]:
                return att(x)
        """,
        [],
    ),
    "such a default of a method": (
        """
        model M(d: int = 4):
            att(x: float[N, T, d], memory: float[N, S, d] = x, mask: bool[T, S]? = none) -> float[N, T, d]:
                return scaled_dot_product_attention(x, memory, memory, mask)
            forward(x: float[N, S, d]) -> float[N, S, d]:
                return att(x)
        """,
        [],
    ),
    "size by option": (
        """
        block B(w: int?):
            layers:
                l = Linear(C, w if w is not none else C)
            forward(x: float[N, C]) -> float[N, C if w is none else w]:
                return l(x)
        model M(w: int? = none, d: int = 4):
            layers:
                b = B(w)
            forward(x: float[N, d]) -> float[N, d if w is none else w]:
                return b(x)
        """,
        [{"w": None}, {"w": 3}, {"w": 5, "d": 2}],
    ),
    "size by option local": (
        """
        model M(w: int? = none, d: int = 4):
            layers:
                l = none if w is none else Linear(d, w)
            forward(x: float[N, d]) -> float[N, d if w is none else w]:
                return x if l is none else l(x)
        """,
        [{"w": None}, {"w": 3}],
    ),
    "size by option statement": (
        """
        model M(w: int? = 2, d: int = 4):
            forward(x: float[N, d]) -> float[N, _]:
                if w is not none:
                    x = x[:, :1].expand(N, w)
                return x
        """,
        [{"w": None}, {"w": 3}],
    ),
    "size by option used": (
        """
        block H(w: int?):
            forward(x: float[N, D]) -> float[N, D if w is none else w]:
                if w is not none:
                    x = x[:, :1].expand(N, w)
                return x
        model M(w: int? = 2, d: int = 4):
            layers:
                h = H(w)
                one = H(none)
                two = H(7)
                fc = Linear(_, 3)
            forward(x: float[N, d]) -> (float[N, 3], float[N, d], float[N, 7]):
                return fc(h(x)), one(x), two(x)
        """,
        [{"w": None}, {"w": 3}],
    ),
    "one of two options": (
        """
        model M(d: int = 4):
            forward(x: float[N, T, d], a: bool[N, T]? = none, b: bool[N, T]? = none) -> float[N, T, d]:
                m = a if b is none else b if a is none else a & b
                if m is not none:
                    x = x.masked_fill(m[:, :, none], 0.0)
                return x
        """,
        [],
    ),
    "one of two options in statements": (
        """
        model M(d: int = 4):
            forward(x: float[N, T, d], a: bool[N, T]? = none, b: bool[N, T]? = none) -> float[N, T, d]:
                m = a
                if b is not none:
                    m = b if a is none else a | b
                return x if m is none else x.masked_fill(m[:, :, none], 0.0)
        """,
        [],
    ),
    "one of two options passed on": (
        """
        block A:
            forward(x: float[N, T, D], m: bool[N, T]? = none) -> float[N, T, D]:
                return x if m is none else x.masked_fill(m[:, :, none], 0.0)
        model M(d: int = 4, t: bool = true):
            layers:
                a = A()
            forward(x: float[N, T, d], p: bool[N, T]? = none, q: bool[N, T]? = none) -> float[N, T, d]:
                m = p if t else q
                return a(a(x, m), q if m is none else m)
        """,
        [],
    ),
    "an option in a tuple": (
        """
        model M(d: int = 4, t: bool = true):
            forward(x: float[N, T, d], p: bool[N, T]? = none) -> float[N, T, d]:
                if t:
                    y, m = x * 2, p
                else:
                    y, m = x, x.sum(dim=-1) > 0
                return y if m is none else y.masked_fill(m[:, :, none], 0.0)
        """,
        [],
    ),
    "a pair that may be none": (
        """
        model M(d: int = 4, t: bool = true):
            forward(x: float[N, d], p: (float[N, d], float[N, d])? = none) -> float[N, d]:
                q = (x, x) if t else p
                if q is not none:
                    a, b = q
                    x = a + b
                return x
        """,
        [],
    ),
    "a power below": (
        """
        fn power_below(n: int) = 2 ** floor(log(n + 0.5) / log(2))
        model M(n: int = 12):
            layers:
                fc = Linear(_, power_below(n))
            forward(x: float[N, 4]) -> float[N, power_below(n)]:
                return fc(x)
        """,
        [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 100}],
    ),
    "a root": (
        """
        model M(n: int = 12):
            layers:
                fc = Linear(4, ceil(sqrt(n)))
            forward(x: float[N, 4]) -> float[N, ceil(sqrt(n))]:
                return fc(x)
        """,
        [{"n": 1}, {"n": 2}, {"n": 50}],
    ),
    "a ratio": (
        """
        model M(n: int = 12, r: float = 0.25):
            layers:
                fc = Linear(4, max(1, int(n * r)))
            forward(x: float[N, 4]) -> float[N, max(1, int(n * r))]:
                return fc(x)
        """,
        [{"n": 1}, {"n": 2}, {"n": 50}],
    ),
    "a root by let": (
        """
        model M(n: int = 12):
            let k = int(sqrt(n))
            layers:
                fc = Linear(4, k * k)
            forward(x: float[N, 4]) -> float[N, k, k]:
                return fc(x).unflatten(1, (k, k))
        """,
        [{"n": 1}, {"n": 2}, {"n": 50}],
    ),
    "a size of 0 by an int": (
        """
        fn extend(L: int >= 0, all: float[N, D, L], item: float[N, D]) -> float[N, D, L + 1]:
            return cat([all, item[:, :, none]], dim=2)

        model M(dim: int = 8, depth: int = 3):
            layers:
                body = [Linear(dim, dim) for i in range(depth)]

            forward(x: float[N, dim]) -> float[N, dim, depth]:
                out = zeros(N, dim, 0)
                for i, layer in enumerate(body):
                    x = layer(x)
                    out = extend(i, out, x)
                return out
        """,
        [{"depth": 1}, {"depth": 5}, {"dim": 1}],
    ),
    "such a size of a block": (
        """
        block Extend:
            layers:
                fc = Linear(D, D)
            forward(L: int >= 0, all: float[N, D, L], item: float[N, D]) -> float[N, D, L + 1]:
                return cat([all, fc(item)[:, :, none]], dim=2)

        model M(dim: int = 8, depth: int = 3):
            layers:
                body = [Extend() for i in range(depth)]

            forward(x: float[N, dim]) -> float[N, dim, depth]:
                out = zeros(N, dim, 0)
                for i, layer in enumerate(body):
                    out = layer(i, out, x)
                return out
        """,
        [{"depth": 1}, {"depth": 5}, {"dim": 1}],
    ),
    "a divisor of 0": (
        """
        model M(d: int = 4, k: int >= 0 = 2):
            require k == 0 or d % k == 0
            forward(x: float[N, d]) -> float[N, d]:
                if k != 0:
                    y = x.unflatten(1, (d // k, k))
                    x = y.flatten(1)
                return x
        """,
        [{"k": 0}, {"k": 4}],
    ),
    "groups of 0": (
        """
        model M(d: int = 4, k: int >= 0 = 2):
            require k == 0 or d % k == 0
            layers:
                g = GroupNorm(k, d) if k > 0 else none
            forward(x: float[N, d]) -> float[N, d]:
                return x if g is none else g(x)
        """,
        [{"k": 0}, {"k": 4}],
    ),
    "training in functions": (
        """
        fn noisy(x: float[N, D], p: float) -> float[N, D]:
            if training:
                return x + randn(N, D) * p
            return dropout(x, p)
        fn outer2(x: float[N, D]) -> float[N, D]:
            return noisy(x, 0.25)
        model M(d: int = 4):
            layers:
                l = Linear(d, d)
            forward(x: float[N, d]) -> float[N, d]:
                return outer2(l(x))
        """,
        [],
    ),
    "methods of items": (
        """
        block A:
            layers:
                l = Linear(C, C)
            go(x: float[N, C], k: int = 2) -> float[N, C]:
                return l(x) * k
            forward(x: float[N, C]) -> float[N, C]:
                return go(x, 3)
        model M(d: int = 4, n: int = 2):
            layers:
                a = [A() for i in range(n)]
            forward(x: float[N, d]) -> float[N, d]:
                for i, b in enumerate(a):
                    x = b.go(x, i + 1) + b(x)
                return x
        """,
        [{"n": 1}, {"n": 4}],
    ),
    "a require where an option is there": (
        """
        block A(k: int?):
            forward(x: float[N, C]) -> float[N, C]:
                if k is not none:
                    require C % k == 0, "groups"
                    x = x.unflatten(1, (k, C // k)).flatten(1)
                return x
        model M(d: int = 4, k: int? = none):
            layers:
                a = A(k)
            forward(x: float[N, d]) -> float[N, d]:
                return a(x)
        """,
        [],
    ),
    "an int behind its use": (
        """
        fn f(x: float[N, size], size: int) -> float[N, 2*size]:
            return cat([x, x], dim=1) + zeros(2 * size)
        model M(d: int = 4):
            forward(x: float[N, d]) -> float[N, 2*d]:
                return f(x, d)
        """,
        [],
    ),
    "a multiple of an int": (
        """
        fn f(x: float[N, 2*size], size: int) -> float[N, size]:
            a, b = x -> chunk(2, dim=1)
            return a * b + zeros(size)
        model M(d: int = 4):
            forward(x: float[N, 2*d]) -> float[N, d]:
                return f(x, d)
        """,
        [],
    ),
    "a tuple that is optional": (
        """
        block A:
            forward(x: float[N, D], past: (float[N, P, D], float[N, P, D])? = none) -> float[N, D]:
                if past is not none:
                    k, v = past
                    x = x + k.sum(dim=1) * v.mean(dim=1)
                return x
        model M(d: int = 4):
            layers:
                a = A()
            forward(x: float[N, d], past: (float[N, P, d], float[N, P, d])? = none) -> float[N, d]:
                return a(x, past)
            step(x: float[N, d]) -> float[N, d]:
                return a(x) + a(x, none)
        """,
        [],
    ),
    "holes in results": (
        """
        fn two(x: float[N, D]) -> (float[N, _], float[_, D]):
            return cat([x, x], dim=1), x[:1]
        model M(d: int = 4):
            forward(x: float[N, d]) -> (float[N, _], float[_, d]):
                require N >= 1
                a, b = two(x)
                return a, b
        """,
        [{"d": 1}],
    ),
    "a tie under a condition": (
        """
        model M(d: int = 4, k: int = 4, t: bool = false):
            require not t or k == d
            layers:
                e = Linear(d, d)
                o = Linear(d, k)
            tie (o.weight = e.weight) if t
            forward(x: float[N, d]) -> float[N, k]:
                return o(e(x))
        """,
        [{"t": True}, {"d": 3, "t": True}],
    ),
    "a tie of a layer that may be none": (
        """
        model M(d: int = 4, t: bool = false, b: bool = false):
            layers:
                e = Linear(d, d)
                o = Linear(d, d) if t else none
            tie (o.weight = e.weight) if t
            forward(x: float[N, d]) -> float[N, d]:
                x = e(x)
                if o is not none:
                    x = o(x)
                return x * 2 if b else x
        """,
        [{"t": True}, {"t": True, "b": True}],
    ),
}

REFUSED = {
    "a tie of other sizes": (
        "tied parameters differ: float[k, d] and float[d, d]",
        """
        model M(d: int = 4, k: int = 4, t: bool = false):
            layers:
                e = Linear(d, d)
                o = Linear(d, k)
            tie (o.weight = e.weight) if t
            forward(x: float[N, d]) -> float[N, k]:
                return o(e(x))
        """,
    ),
    "a size by training": (
        "`y` is float[N, 2*d] where training, and float[N, d] elsewhere",
        """
        model M(d: int = 4):
            forward(x: float[N, d]) -> float[N, _]:
                y = x
                if training:
                    y = cat([x, x], dim=1)
                return y
        """,
    ),
    "an int and a size that differ": (
        "f takes size = d + 1 for axis 1 of x, but d flows in",
        """
        fn f(x: float[N, size], size: int) -> float[N, size]:
            return x + zeros(size)
        model M(d: int = 4):
            forward(x: float[N, d]) -> float[N, d]:
                return f(x, d + 1)
        """,
    ),
    "a power that may be below 1": (
        "Linear's `out_features` takes an int, not the float 2 ** floor(log(n) - 1)",
        """
        model M(n: int = 12):
            layers:
                fc = Linear(_, 2 ** floor(log(n) - 1))
            forward(x: float[N, 4]) -> float[N, 4]:
                return fc(x)
        """,
    ),
    "a tuple of one": (
        "the results are a tuple of one, as their parentheses say, but no tuple is returned",
        """
        model M(d: int = 4):
            forward(x: float[N, d]) -> (y: float[N, d]):
                return x
        """,
    ),
}


@pytest.mark.parametrize("kind", HELD)
def test_what_checks_holds(kind: str) -> None:
    text, rows = HELD[kind]
    hold(dedent(text), ({}, *rows), name="M")


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind: str) -> None:
    message, text = REFUSED[kind]
    assert messages(text) == [message]


def test_help_where_an_option_adds_to_a_size() -> None:
    text = """
        fn joined(x: float[N, T, D], mask: bool[T, P + T], past: float[N, P, D]? = none) -> float[N, P + T, D]:
            {require}
            if past is not none:
                x = cat([past, x], dim=1)
            return x * mask.sum(dim=0)[:, none]
        """
    _, [found] = check_text(text.format(require="x = x * 2"))
    stated = "require past is not none or P == 0"
    assert found.help == f"say that nothing is added where it is absent: `{stated}`"
    assert messages(text.format(require=stated)) == []
