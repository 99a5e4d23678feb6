"""How checking grows: many distinct layers against Lark's own parse of the same text, and long stacks.

    python benchmarks/check_scaling.py

Bounds: parsing and checking 10,000 distinct layers costs at most what Lark's parse does, also with the program for a target;
a layer costs at most 1.5 times as much among 100,000 as among 1,000, with the program 1.4 times and 12 KB of memory; a stack of 100,000 equal layers checks as
fast as one of 10, also with an `expect parameters`, and compiles as fast. CPU time, each side's best of several in turn;
Lark without the garbage collector, which is off in our parse too.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from time import process_time

from parse import larks
from timing import process

from spec_lang.compiler import Compilation, compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.from_ast import Options


def distinct(count: int) -> str:
    """A model of `count` layers, each of its own width, run one after the other."""
    widths = [8 + i % 97 for i in range(count + 1)]
    layers = "".join(f"        layer{i} = Linear({widths[i]}, {widths[i + 1]})\n" for i in range(count))
    body = "".join(f"        x = layer{i}(x)\n" for i in range(count))
    return (
        f"model Deep:\n    layers:\n{layers}"
        f"    forward(x: float[N, {widths[0]}]) -> float[N, {widths[-1]}]:\n{body}        return x\n"
    )


def stack(depth: int, expects: bool) -> str:
    """A model that is one list of equal layers."""
    return (
        f"model Stack(depth: int = {depth}):\n    layers:\n        body = [Linear(8, 8) for i in range(depth)]\n\n"
        "    forward(x: float[N, 8]) -> float[N, 8]:\n        return body(x)\n"
        + (f"\n    expect parameters == {72 * depth}\n" if expects else "")
    )


def checked(text: str, program: bool = False) -> Compilation:
    """The text, parsed and checked, as `specc check` does; with its program, as `specc compile` does."""
    result = compile_sources({"bench": Source("bench.nnspec", text)}, options=Options(emit=program))
    assert not result.diagnostics, result.diagnostics[0].message
    return result


def compiled(text: str) -> None:
    """The text through to PyTorch source."""
    checked(text, program=True).torch_sources()


def cpu(f: Callable[[], object]) -> float:
    """The CPU seconds of one call."""
    start = process_time()
    result = f()
    elapsed = process_time() - start
    del result
    gc.collect()
    return elapsed


def lark_alone(parse: Callable[[str], object], text: str) -> float:
    """CPU seconds that Lark takes to parse a text into its own tree."""
    gc.disable()
    try:
        return cpu(lambda: parse(text))
    finally:
        gc.enable()


def best(ours: Callable[[], float], theirs: Callable[[], float], runs: int) -> tuple[float, float]:
    """The best of both, measured in turn after one warm-up of each."""
    ours()
    theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)


def megabytes(count: int, program: bool) -> float:
    """The most memory that a process of its own holds while it checks some distinct layers."""
    script = f"from check_scaling import *; checked(distinct({count}), {program})"
    return process([sys.executable, "-c", script]).megabytes


def main() -> int:
    missed = 0
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for processes: this folder and the package

    def row(name: str, a: float, other: str, b: float, bound: float) -> None:
        nonlocal missed
        missed += a > bound * b
        verdict = f"at most {bound}{'' if a <= bound * b else ': MISSED'}"
        print(
            f"{name:<36} {a * 1e3:9.2f} ms   {other:<26} {b * 1e3:9.2f} ms   ratio {a / b:.2f} ({verdict})",
            flush=True,
        )

    checked(distinct(10))
    parser = larks()
    text = distinct(10_000)
    ours, lark = best(lambda: cpu(lambda: checked(text)), lambda: lark_alone(parser.parse, text), 3)
    row("check of 10,000 distinct layers", ours, "Lark's parse of them", lark, 1)
    ours = min(cpu(lambda: checked(text, program=True)) for _ in range(3))
    row("with the program for a target", ours, "", lark, 1)

    for program, name, growth, memory in (
        (False, "a layer among 100,000, checked", 1.5, None),
        (True, "and with the program", 1.4, 12),
    ):
        small, large = distinct(1_000), distinct(100_000)
        one = min(cpu(lambda t=small, p=program: checked(t, p)) for _ in range(7)) / 1_000
        many = cpu(lambda t=large, p=program: checked(t, p)) / 100_000
        row(name, many, "among 1,000", one, growth)
        most, least = megabytes(100_000, program), megabytes(1_000, program)
        each = (most - least) / 99
        verdict = "" if memory is None else f" (at most {memory}{'' if each <= memory else ': MISSED'})"
        missed += memory is not None and each > memory
        print(
            f"{'':<36} {most:9.0f} MB at 100,000, {least:.0f} at 1,000: {each:.1f} KB a layer{verdict}",
            flush=True,
        )

    for name, run in (("check", checked), ("compile", compiled)):
        for expects in (False, True):
            long, short = stack(100_000, expects), stack(10, expects)
            a, b = best(lambda t=long, f=run: cpu(lambda: f(t)), lambda t=short, f=run: cpu(lambda: f(t)), 30)
            what = f"{name} of a stack of 100,000" + (", expect" if expects else "")
            row(what, a, "a stack of 10", b, 1.5 if expects else 1.1)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
