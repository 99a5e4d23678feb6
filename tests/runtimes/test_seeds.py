"""A model exported with a seed starts as its generated module does under that seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spec_lang.loading import from_program
from spec_lang.ops.init import Normal, Orthogonal, TruncNormal, XavierNormal
from spec_lang.runtimes import Request, prepare
from tests.runtimes.test_models import FILES, requests

SEED = 1234


def compare(request: Request) -> None:
    torch.manual_seed(SEED)
    module = getattr(from_program(request.program, "seeds"), request.name)(**request.overrides)
    theirs = module.state_dict()
    with prepare(request) as prepared:
        state = prepared.exported.state
        draws, root = state.draws, {e.key: e.shared or e.key for e in state.entries}
        rounded = {d.name for d in draws if isinstance(getattr(d, "init", None), Normal | XavierNormal)}
        other = {d.name for d in draws if isinstance(getattr(d, "init", None), TruncNormal | Orthogonal)}
        ours = {key: values for key, values, _ in prepared.tensors()}
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        if root[key] in rounded:
            np.testing.assert_allclose(ours[key], value.numpy(), rtol=2**-20, atol=2**-22, err_msg=key)
        elif root[key] not in other:
            np.testing.assert_array_equal(ours[key], value.numpy(), err_msg=key)


@pytest.mark.parametrize("file", FILES)
def test_models_start_as_their_modules(file: str) -> None:
    for request in requests(file, rows=1):
        if request.method == "forward":
            compare(replace(request, seed=SEED))
