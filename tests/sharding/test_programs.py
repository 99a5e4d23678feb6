"""Random decoders, cut as is derived for them, train on two processes as on one."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from spec_lang.ir import model
from spec_lang.sharding.cuts import derived
from spec_lang.sharding.stream import stream_of
from tests.check.checking import checked as accepted
from tests.sharding.programs import decoder
from tests.sharding.test_training import case, run


@pytest.mark.long
def test_random_decoders(tmp_path: Path) -> None:
    cases, cut, streams = [], 0, 0
    for seed in range(min(int(os.environ.get("SPECC_LONG", "200")), 200) // 10):
        random = Random(seed)
        text = decoder(random)
        (tmp_path / f"decoder{seed}.nnspec").write_text(text)
        program = accepted(text)
        entry = program.definitions[-1]
        assert isinstance(entry, model.Block)
        derivation, cuts = derived(program, entry)
        names = {c.name for c in cuts.cuts}
        cut += "vocab" in names and len(names) > 1
        mesh = random.choice([{"tp": 2}, {"tp": 2}, {"dp": 2}])
        options = {"recompute": random.choice([False, True])}
        if stream_of(derivation, entry, cuts) is not None:
            options["sequence_parallel"] = random.choice([False, True])
            streams += 1
        cases.append({**case(f"decoder{seed}", "Decoder", {}), "mesh": mesh, "options": options})
    assert cut > len(cases) // 3, (cut, len(cases))
    assert streams >= len(cases) * 0.5, (streams, len(cases))
    run(tmp_path, sorted(cases, key=lambda c: list(c["mesh"])))
