"""Whatever a small spec means, checking it takes little time and memory: it is refused with its place, or accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.bombs import bombs

SECONDS = 5  # ten times what is allowed on an idle machine would not be seen; a bomb takes minutes
MEMORY = 200 << 10
SPECS = dict(bombs())
MEASURE = """
import sys, time
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
text = sys.stdin.read()
start = time.process_time()
found = compile_sources({"net": Source("net.nnspec", text)})
seconds = time.process_time() - start
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
print(seconds, peak, *sorted({d.code for d in found.errors}))
assert all(d.primary.span.start >= 0 for d in found.errors)
"""


@pytest.mark.parametrize("name", SPECS)
def test_bounded(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        input=SPECS[name],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    seconds, peak, *codes = done.stdout.split()
    assert float(seconds) < SECONDS, codes
    assert int(peak) < MEMORY, codes
