"""Parsing: ours, tree and places included, against Lark's own parse of the same grammar and text without callbacks.

python benchmarks/parse.py [lines ...]
"""

from __future__ import annotations

import gc
import sys
from time import process_time
from typing import ClassVar

from lark import Lark
from lark.indenter import Indenter

from spec_lang import resources
from spec_lang.diagnostics import Source
from spec_lang.syntax.from_text import parse


class Lines(Indenter):
    """What our own tokens do, for text without blank lines, comments or lines that go on."""

    NL_type = "NEWLINE"
    OPEN_PAREN_types: ClassVar[list[str]] = ["LPAR", "LSQB", "LBRACE"]
    CLOSE_PAREN_types: ClassVar[list[str]] = ["RPAR", "RSQB", "RBRACE"]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4


def larks() -> Lark:
    """Lark itself on our grammar; what our lexer declares is given to it as patterns."""
    grammar = resources.grammar().read_text()
    grammar = grammar.replace(
        "%declare NEWLINE _INDENT _DEDENT HOLE",
        "NEWLINE: /(\\r?\\n[ \\t]*)+/\nHOLE.2: /_(?!\\w)/\n%declare _INDENT _DEDENT",
    )
    return Lark(grammar, parser="lalr", start="module", postlex=Lines())


def text(lines: int) -> str:
    """A model of distinct layers and the dataflow through them."""
    half = lines // 2
    layers = "".join(f"        fc{i} = Linear(_, {i + 10}, bias=false)\n" for i in range(half))
    flow = "".join(f"        x = x -> fc{i} -> relu\n" for i in range(half))
    head = "    forward(x: float[N, 10]) -> float[N, _]:\n"
    return f"model M(n: int = 3):\n    layers:\n{layers}{head}{flow}        return x\n"


def main() -> None:
    parser = larks()
    parse(Source("warm", text(10)))
    parser.parse(text(10))
    for lines in [int(arg) for arg in sys.argv[1:]] or [1_000, 10_000, 100_000]:
        spec = text(lines)
        ours = theirs = float("inf")
        for _ in range(3 if lines < 50_000 else 1):
            start = process_time()
            module, wrong = parse(Source("spec", spec))
            ours = min(ours, process_time() - start)
            assert module is not None
            assert not wrong
            del module
            gc.disable()
            start = process_time()
            parser.parse(spec)
            theirs = min(theirs, process_time() - start)
            gc.enable()
        per_line = ours / lines * 1e6
        print(
            f"{lines:>8,} lines: {ours:.3f} s, {per_line:.1f} us a line; Lark {theirs:.3f} s; ratio {ours / theirs:.2f}"
        )


if __name__ == "__main__":
    main()
