"""What starting costs: `specc check` and `specc compile` of BERT against importing lark and pydantic alone.

    python benchmarks/cold_start.py [--runs 25]

Whole processes in turn, everything compiled to bytecode and the parser's tables in their cache, as after the first start.
The bound is 2.5, on CPU time (user and system), which other work on the machine disturbs least; wall time is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from timing import process, quotient

BERT = str(Path(__file__).parents[1] / "models" / "bert.nnspec")
BASE = [sys.executable, "-c", "import lark, pydantic"]
BOUND = 2.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=25)
    runs = parser.parse_args().runs
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "specc check bert.nnspec": [sys.executable, "-m", "spec_lang", "check", BERT],
            "specc compile bert.nnspec": [sys.executable, "-m", "spec_lang", "compile", BERT, "-o", folder],
        }
        for name, command in commands.items():
            process(command)
            process(BASE)
            pairs = [(process(command), process(BASE)) for _ in range(runs)]
            ours, base = (min(p[i].cpu for p in pairs) for i in (0, 1))
            wall = quotient([p[0].seconds / p[1].seconds for p in pairs])
            cpu = quotient([p[0].cpu / p[1].cpu for p in pairs])
            missed += cpu.median > BOUND
            print(
                f"{name:<26} {ours * 1e3:4.0f} ms   import lark, pydantic {base * 1e3:4.0f} ms   "
                f"ratio {cpu} (at most {BOUND}{': MISSED' if cpu.median > BOUND else ''}), wall {wall}",
                flush=True,
            )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
