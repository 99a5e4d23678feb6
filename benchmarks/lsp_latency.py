"""How long an edit takes the language server's analysis, against a full check of the same text.

    python benchmarks/lsp_latency.py

Files of about 300 and of about 10,000 lines: blocks, each with the model that uses it. Each edit is typed and taken back; CPU time,
medians. Aims: 50 ms for 300 lines, 500 ms for 10,000.
"""

from __future__ import annotations

import sys
from statistics import median
from time import process_time

from spec_lang.compiler import DEPTH, compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.from_ast import Options
from spec_lang.lsp.analysis import Analysis

PAIR = """block Part{i}(width: int):
    layers:
        norm = LayerNorm(D)
        up   = Linear(_, width)
        down = Linear(width, D)

    forward(x: float[N, T, D]) -> float[N, T, D]:
        return x + (x -> norm -> up -> gelu -> down)


model Net{i}(dim: int = 16, depth: int = 2):
    layers:
        embed  = Embedding(100, dim)
        blocks = [Part{i}(4 * dim) for k in range(depth)]
        head   = Linear(dim, 10)

    forward(tokens: int[N, T]) -> float[N, T, 10]:
        h = tokens -> embed -> blocks
        return head(h)


"""
EDITS = {
    "in a model": ("return head(h)", "return h -> head"),
    "in a block": ("gelu -> down)", "relu -> down)"),
    "a mistake of shape": ("return head(h)", "return embed(h)"),
    "a mistake of syntax": ("return head(h)", "return head(h]"),
}


def main() -> None:
    sys.setrecursionlimit(DEPTH)
    for lines in (300, 10_000):
        text = "".join(PAIR.format(i=i) for i in range(lines // PAIR.count("\n")))
        times = 20 if lines == 300 else 3
        full: list[float] = []
        for _ in range(max(1, times // 4)):
            start = process_time()
            compile_sources({"m": Source("m", text)}, options=Options(emit=False))
            full.append(process_time() - start)
        print(f"{text.count(chr(10)):,} lines: a full check takes {1e3 * median(full):.0f} ms")
        analysis = Analysis("m", str)
        analysis.update(Source("m", text), lambda _: None)
        for name, (old, new) in EDITS.items():
            middle = text.index(old, len(text) // 2)
            edited = text[:middle] + new + text[middle + len(old) :]
            found: list[float] = []
            for _ in range(times):
                for each in (edited, text):
                    start = process_time()
                    analysis.update(Source("m", each), lambda _: None)
                    if each is edited:
                        found.append(process_time() - start)
            share = median(found) / median(full)
            print(f"  an edit {name:<20} {1e3 * median(found):6.1f} ms, {share:.3f} of that")


if __name__ == "__main__":
    main()
