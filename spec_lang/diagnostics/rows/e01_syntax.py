"""How a spec is written: E01xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0100": Code(
        "something stands where it cannot",
        "The parser could read everything up to this place, and what stands here cannot follow. Often a comma, an operator or a "
        "bracket is missing just before it, or the line is not one that this part of a spec can hold.",
        "fc = Linear(10 20)",
        "fc = Linear(10, 20)",
    ),
    "E0101": Code(
        "a bracket is never closed",
        "Every `(`, `[` and `{` needs its partner. Inside brackets line ends and indentation mean nothing, so that one "
        "forgotten bracket could swallow the rest of a file; the message points at the bracket that was opened.",
        "conv = Conv2d(1, 6, 5\nfc = Linear(_, 10)",
        "conv = Conv2d(1, 6, 5)\nfc = Linear(_, 10)",
    ),
    "E0102": Code(
        "a tab in the indentation",
        "Blocks are indented with spaces only, since a tab is as wide as each editor likes. `specc fmt` uses four spaces a level.",
        "model Tiny():\n\tlayers:",
        "model Tiny():\n    layers:",
    ),
    "E0103": Code(
        "indentation that fits no block",
        "A line that is indented less than the one before it ends that block, and must stand exactly where an outer block stands.",
        "    layers:\n        a = ReLU()\n      b = ReLU()",
        "    layers:\n        a = ReLU()\n        b = ReLU()",
    ),
    "E0104": Code(
        "indentation without a reason",
        "Only the lines under one that ends with `:` are indented further. A long line goes on inside brackets, or on lines that "
        "begin with `->`.",
        "x = conv(x)\n    y = relu(x)",
        "x = conv(x)\ny = relu(x)",
    ),
    "E0105": Code(
        "a block without lines",
        "A line that ends with `:` opens a block, and the block's lines follow it, indented further. A part that would be empty "
        "is left out.",
        "    layers:\n    forward(x: float[N]) -> float[N]:",
        "    layers:\n        act = ReLU()",
    ),
    "E0106": Code(
        "a missing `:`",
        "A line that opens a block (`model`, `block`, `layers`, a method, `for`, `if`, ...) ends with `:`.",
        "model Tiny(n: int = 1)\n    layers:",
        "model Tiny(n: int = 1):\n    layers:",
    ),
    "E0107": Code(
        "a closing bracket without its partner",
        "A closing bracket closes the one opened last, and they must be of the same kind.",
        "x = f(a, [1, 2)]",
        "x = f(a, [1, 2])",
    ),
    "E0108": Code(
        "a string without an end",
        "A string in single or double quotes ends on the line where it begins; one in three quotes may run over several lines.",
        'mode = "nearest',
        'mode = "nearest"',
    ),
    "E0109": Code(
        "a character that means nothing here",
        "The language is written with letters, digits, and Python's operators and brackets. Look-alikes from text processors "
        "(curly quotes, long dashes, spaces of other widths) are characters of their own.",
        "y = x $ 2",
        "y = x + 2",
    ),
    "E0110": Code(
        "a reserved word as a name",
        "`and or not if elif else for in is return true false none` and `_` mean something wherever they stand. Every other "
        "word, also `model`, `layers`, `init` or `norm`, may be a name.",
        "in = Linear(3, 4)",
        "inp = Linear(3, 4)",
    ),
    "E0111": Code(
        "something is missing",
        "The line ends, or something else follows, where a part is still needed: a value after `=`, an operand after an "
        "operator, a layer after `->`.",
        "x = y +",
        "x = y + 1",
    ),
    "E0112": Code(
        "`=` where `==` is meant",
        "`=` gives a value to a name; `==` asks whether two values are equal. Conditions compare.",
        "require n = 2",
        "require n == 2",
    ),
    "E0113": Code(
        "arrows and operators without parentheses",
        "`x + y -> f` could mean `f(x + y)` or `x + f(y)`. Nobody should have to know which, so that an arrow chain beside an "
        "operator stands in parentheses.",
        "y = x + x -> conv",
        "y = x + (x -> conv)",
    ),
    "E0114": Code(
        "an option that a buffer does not have",
        "After its value a buffer takes one option, `persistent=false`, which keeps it out of the state_dict.",
        "buffer mask: bool[4] = ones(4), keep=false",
        "buffer mask: bool[4] = ones(4), persistent=false",
    ),
    "E0115": Code(
        "an arrow that leads to no layer or function",
        "On the right of `->` stands what is applied: a name, a path such as `layer[0].norm`, or one of these with further "
        "arguments. Anything else is given a name first, or called with parentheses.",
        "y = x -> 3",
        "y = x -> relu",
    ),
    "E0116": Code(
        "a number that cannot be read",
        "Numbers are Python's: `81_290`, `0.5`, `1e-5`. Whole ones have at most 1,000 digits, and others fit a float.",
        "n = 10_",
        "n = 10",
    ),
    "E0117": Code(
        "a file that is not text",
        "Specs are UTF-8 text without NUL characters.",
    ),
    "E0118": Code(
        "a file that is too large",
        "A spec may have up to 64 MiB. What repeats is written once, as a block or a list.",
    ),
    "E0119": Code(
        "nested too deeply",
        "Brackets and blocks nest up to 100 deep, and an expression has up to 1,000 operators in a row.",
    ),
    "E0120": Code(
        "an empty file",
        "A spec defines something: a model, a block, a function, a record or a constant.",
        "# to be written",
        "fn half(n: int) = n // 2",
    ),
    "E0121": Code(
        "an f-string that cannot be read",
        'In `f"layer_{i}"` braces hold one expression each, without `:` or `!`; `{{` and `}}` write braces.',
        'key = f"layer_{i"',
        'key = f"layer_{i}"',
    ),
    "E0123": Code(
        "a spec that cannot be read",
        "It is not there or may not be read, is a folder, pipe or device, has a name that is not UTF-8, or is imported through a link that "
        "leads out of the folder that imports start from: a stranger's spec names no other files.",
    ),
    "E0122": Code(
        "a line in the wrong part",
        "Layers, parameters and buffers go under `layers:`, dataflow into `forward` or another method, initialisers under `init:`, "
        "and definitions begin at the left margin.",
        "block A():\n    fc = Linear(1, 2)",
        "block A():\n    layers:\n        fc = Linear(1, 2)",
    ),
    "E0124": Code(
        "a file that is no spec",
        "What stands in the file is something else: Python source, JSON, a web page. A spec describes a network in "
        "the language of `specc`; `specc new` writes one to start from.",
        "import torch\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n        self.fc = torch.nn.Linear(8, 2)",
        "model Net:\n    layers:\n        fc = Linear(8, 2)\n\n    forward(x: float[N, 8]) -> float[N, 2]:\n"
        "        return fc(x)",
    ),
}
