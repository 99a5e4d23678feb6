"""Write `error.svg`, the picture of an error that the README shows: what `specc check` prints on a terminal.

python docs/images/error.py
"""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

import spec_lang
from spec_lang.diagnostics.render import render

HERE = Path(__file__).parent
SPEC = '''"""LeNet-5 (LeCun et al., 1998): 32x32 grey-scale digits, 10 classes."""

model LeNet5(classes: int = 10):
    layers:
        conv1 = Conv2d(_, 6, 5)
        conv2 = Conv2d(_, 16, 3)
        fc1   = Linear(400, 120)
        fc2   = Linear(_, 84)
        fc3   = Linear(_, classes)

    forward(image: float[N, 1, 32, 32]) -> float[N, classes]:
        x = image -> conv1 -> relu -> max_pool2d(2)
        x = x -> conv2 -> relu -> max_pool2d(2)
        return x -> flatten(1) -> fc1 -> relu -> fc2 -> relu -> fc3
'''


def picture() -> str:
    """The SVG's text: the command, and its messages in colour. Fonts are the viewer's own, none is fetched."""
    found = spec_lang.check_text(SPEC)
    shown = render(found, colour=True).replace("<text>", "lenet5.nnspec")
    console = Console(record=True, width=100, file=StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.from_ansi("$ specc check lenet5.nnspec\n" + shown.rstrip()))
    svg = console.export_svg(title="specc", theme=DIMMED_MONOKAI, unique_id="specc")
    return re.sub(r" *@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    (HERE / "error.svg").write_text(picture(), encoding="utf-8")
