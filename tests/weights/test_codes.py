"""Every code that the weights raise is explained, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

import spec_lang
from spec_lang.diagnostics.rows.e10_weights import ROWS


def test_codes_are_raised_and_explained() -> None:
    package = Path(spec_lang.__file__).parent
    sources = [*package.glob("weights/*.py"), *package.glob("runtimes/*.py")]
    assert {code for s in sources for code in re.findall(r'"(E10\d\d)"', s.read_text())} == set(ROWS)
