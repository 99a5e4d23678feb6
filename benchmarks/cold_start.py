"""What starting costs: `specc check` and `specc compile` of BERT against importing lark and pydantic alone.

    python benchmarks/cold_start.py

Whole processes in turn. The bound is 2.5.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from timing import process, ratio

BERT = str(Path(__file__).parents[1] / "models" / "bert.nnspec")
BASE = [sys.executable, "-c", "import lark, pydantic"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "specc check bert.nnspec": [sys.executable, "-m", "spec_lang", "check", BERT],
            "specc compile bert.nnspec": [sys.executable, "-m", "spec_lang", "compile", BERT, "-o", folder],
        }
        for name, command in commands.items():
            ours, base, found = ratio(lambda c=command: process(c).seconds, lambda: process(BASE).seconds, 15)
            print(
                f"{name:<28} {ours * 1e3:6.0f} ms   import lark, pydantic {base * 1e3:6.0f} ms   ratio {found}"
            )


if __name__ == "__main__":
    main()
