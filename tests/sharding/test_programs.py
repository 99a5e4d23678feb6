"""Random decoders, cut as is derived for them, train on two processes as on one."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from spec_lang.sharding.cuts import cuts_of
from tests.check.checking import checked as accepted
from tests.sharding.programs import decoder
from tests.sharding.test_training import case, run


@pytest.mark.long
def test_random_decoders(tmp_path: Path) -> None:
    cases, cut = [], 0
    for seed in range(min(int(os.environ.get("SPECC_LONG", "200")), 200) // 10):
        random = Random(seed)
        text = decoder(random)
        (tmp_path / f"decoder{seed}.nnspec").write_text(text)
        program = accepted(text)
        names = {c.name for c in cuts_of(program, program.definitions[-1]).cuts}  # type: ignore[arg-type]
        cut += "vocab" in names and len(names) > 1
        mesh = random.choice([{"tp": 2}, {"tp": 2}, {"dp": 2}])
        options = {"recompute": random.choice([False, True])}
        cases.append({**case(f"decoder{seed}", "Decoder", {}, **mesh), "options": options})
    assert cut >= len(cases) * 0.6, (cut, len(cases))
    run(tmp_path, sorted(cases, key=lambda c: list(c["mesh"])))
