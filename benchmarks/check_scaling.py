"""How checking grows: many distinct layers against Lark's own parse of the same text, and long stacks.

    python benchmarks/check_scaling.py

Bounds: 10,000 distinct layers cost at most 4 times Lark's parse; a layer costs at most 1.5 times as much among 100,000 as
among 1,000; a stack of 100,000 equal layers checks as fast as one of 10.
"""

from __future__ import annotations

import gc

from timing import ratio, seconds

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.syntax import driver


def distinct(count: int) -> str:
    """A model of `count` layers, each of its own width, run one after the other."""
    widths = [8 + i % 97 for i in range(count + 1)]
    layers = "".join(f"        layer{i} = Linear({widths[i]}, {widths[i + 1]})\n" for i in range(count))
    body = "".join(f"        x = layer{i}(x)\n" for i in range(count))
    return (
        f"model Deep:\n    layers:\n{layers}\n"
        f"    forward(x: float[N, {widths[0]}]) -> float[N, {widths[-1]}]:\n{body}        return x\n"
    )


def stack(depth: int) -> str:
    """A model that is one list of equal layers."""
    return (
        f"model Stack(depth: int = {depth}):\n    layers:\n        body = [Linear(8, 8) for i in range(depth)]\n\n"
        "    forward(x: float[N, 8]) -> float[N, 8]:\n        return body(x)\n"
    )


def check(text: str) -> float:
    """Seconds to parse and check a text."""
    source = Source("bench.nnspec", text)
    result = None

    def run() -> None:
        nonlocal result
        result = compile_sources({"bench": source})

    elapsed = seconds(run)
    assert result is not None
    assert not result.diagnostics, result.diagnostics[0].message
    gc.collect()
    return elapsed


def lark_alone(text: str) -> float:
    """Seconds that Lark takes to parse a text into its own tree."""
    return seconds(lambda: driver.lark_parse(text))


def main() -> None:
    text = distinct(10_000)
    ours, lark, found = ratio(lambda: check(text), lambda: lark_alone(text), 3)
    print(f"10,000 distinct layers        {ours:6.2f} s      Lark's parse {lark:6.2f} s      ratio {found}")
    small, large = distinct(1_000), distinct(100_000)
    one = min(check(small) for _ in range(5)) / 1_000
    many = min(check(large) for _ in range(2)) / 100_000
    print(
        f"a layer among 100,000        {many * 1e6:6.0f} us    among 1,000 {one * 1e6:6.0f} us    ratio {many / one:.2f}"
    )
    long, short = stack(100_000), stack(10)
    a, b, found = ratio(lambda: check(long), lambda: check(short), 20)
    print(f"a stack of 100,000           {a * 1e3:6.1f} ms   a stack of 10 {b * 1e3:6.1f} ms   ratio {found}")


if __name__ == "__main__":
    main()
