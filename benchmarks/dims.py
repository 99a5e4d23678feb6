"""What the dim algebra costs a layer, in microseconds of CPU time.

    python benchmarks/dims.py

Bounds: 30 us for all the dims of a linear layer, 100 us for a convolution of symbolic sizes, each of 10,000 layers with
sizes of their own (the fastest hundred of them); a layer among 100,000 costs at most 1.5 times one among 1,000.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from timing import cpu_seconds

from spec_lang.shapes import Cond, Dim, Facts, dim, parse, symbol

N, T, H, W = (symbol(name) for name in ("N", "T", "H", "W"))
FACTS = Facts().assume(Cond.divides(symbol("heads"), symbol("D"))).assume(Cond.le(T, symbol("context")))


def linear(features: Dim, width: Dim) -> None:
    """The input fits, the width is positive; the result's and the parameters' shapes."""
    shape = (N, T, features)
    FACTS.equal(features, shape[-1])
    FACTS.decide(Cond.ge(width, 1))
    _ = (*shape[:-1], width), (width, features), (width,)


def convolution(height: Dim, width: Dim, kernel: int, stride: Dim | int) -> None:
    """The kernel fits in both axes; the result's shape."""
    padding = kernel // 2
    result = [N, dim(64)]
    for size in (height, width):
        room = size + 2 * padding - (kernel - 1) - 1
        FACTS.decide(Cond.ge(room, 0))
        result.append(room // stride + 1)
    FACTS.decide(Cond.ge(dim(64), 1))


def printed(d: Dim) -> None:
    str(d)


def parsed(text: str) -> None:
    parse(text)


def each(layer: Callable[[int], None], count: int, chunks: int = 1) -> float:
    """Microseconds a layer, in the fastest of some chunks: what else the machine does is not ours."""
    size = count // chunks

    def run(start: int) -> None:
        for k in range(start, start + size):
            layer(k)

    return min(cpu_seconds(partial(run, c * size)) for c in range(chunks)) / size * 1e6


CASES: dict[str, tuple[Callable[[int], None], float | None]] = {
    "linear, constant sizes": (lambda k: linear(dim(64 + k), dim(32 + k)), 30),
    "linear, symbolic sizes": (lambda k: linear(T * (k + 2), T * (k + 3)), 30),
    "linear, new symbols": (lambda k: linear(symbol(f"f{k}"), symbol(f"f{k + 1}")), 30),
    "convolution, constant sizes": (lambda k: convolution(dim(64 + k), dim(32 + k), 3, 2), 100),
    "convolution, symbolic sizes": (lambda k: convolution(H + k, 16 * W + k, 3, 2), 100),
    "convolution, symbolic stride": (lambda k: convolution(H + k, W + k, 7, symbol("stride")), 100),
    "convolution, new symbols": (lambda k: convolution(symbol(f"h{k}"), symbol(f"w{k}"), 3, 2), 100),
    "printing": (lambda k: printed((H + k) // 2 + 1), None),
    "parsing": (lambda k: parsed(f"(H - {k})//2 + 1"), None),
}


def main() -> int:
    missed = 0
    for name, (layer, bound) in CASES.items():
        cost = each(layer, 10_000, 100)
        missed += bound is not None and cost > bound
        print(f"{name:30} {cost:7.1f} us" + (f"  (bound {bound})" if bound else ""))
    layer = CASES["convolution, symbolic sizes"][0]
    few = each(lambda k: layer(k + 10**5), 10_000, 10)
    many = each(lambda k: layer(k + 2 * 10**5), 100_000, 5)
    missed += many > 1.5 * few
    print(f"{'among 100,000 / among 1,000':30} {many / few:7.2f}     (bound 1.5)")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
