"""NaN, infinities and -0.0 in every function: ONNX Runtime gives what PyTorch gives, but for what is listed here.

docs/onnx.md says the same of what a runtime's kernels do. A function that is not listed may not differ, and one that is
listed must, so that the list neither grows nor outlives its reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from spec_lang.ops.base import FUNCTIONS
from tests.ops.harness import Case, flat_result, infer, run_torch, session_of, symbols
from tests.ops.oracle import environments
from tests.ops.test_functions import CASES

RUNTIMES = {
    **dict.fromkeys(
        [
            *(f"max_pool{n}d" for n in (1, 2, 3)),
            *(f"min_pool{n}d" for n in (1, 2, 3)),
            *(f"adaptive_max_pool{n}d" for n in (1, 2, 3)),
        ],
        "MaxPool and GlobalMaxPool pass over NaN",
    ),
    "gelu": "a fused Gelu gives infinity for NaN",
    "grid_sample": "GridSample puts NaN where it puts numbers",
    "scatter_reduce": "ScatterElements with max and min passes over NaN",
    "instance_norm": "its sums overflow in another order",
    "local_response_norm": "LRN multiplies what PyTorch divides",
}
"""What a kernel of ONNX Runtime does otherwise, where to mend it would make every graph slower."""

PRODUCTS = {
    **dict.fromkeys(["unfold", "fold", "stft"], "elements are picked by products with 0"),
    "interpolate": "a sample that lies on another one takes 0 times its neighbour",
    "prelu": "an infinite weight times 0",
    "scaled_dot_product_attention": "a weight of 0 times an infinite value; PyTorch's kernels differ among themselves",
    **dict.fromkeys(["multi_margin_loss", "multilabel_margin_loss"], "PyTorch passes over a margin of NaN"),
    "multilabel_soft_margin_loss": "infinite scores",
}
"""What products with 0 and infinity make NaN in one of both."""

UNDEFINED = {
    **dict.fromkeys(["topk", "kthvalue"], "which of equal elements an index names"),
    **dict.fromkeys(["searchsorted", "bucketize"], "a sequence with NaN inside is not sorted"),
    **dict.fromkeys(["var_mean", "std_mean"], "PyTorch's running mean of infinities is NaN, its mean is not"),
    "cdist": "PyTorch passes over NaN for p of infinity, and not for 0",
    "ctc_loss": "probabilities above 1",
    "embedding_bag": "PyTorch's max keeps a NaN only where it stands first",
}
"""What PyTorch itself leaves open, or has in no one way."""

BY_PROCESSOR = {"gelu"}
"""Whose kernels differ by the instructions that a processor has."""

KNOWN = {**RUNTIMES, **PRODUCTS, **UNDEFINED}
OPSETS = (17, 20, 24)
SEEDS = range(6)
MANY = 24
"""Cases of one function that are tried."""
FEW = 4
"""The same where it is a long test."""


def differs(case: Case, opsets: Sequence[int] = OPSETS, seeds: Sequence[int] = SEEDS) -> str:
    """How a case differs on drawn special values; empty where it does not."""
    try:
        _, cx = infer(case)
    except Exception:  # refused, as the case expects
        return ""
    in_tensors, names = symbols(case)
    sizes = {n: case.sizes.get(n, (3, 4)) for n in sorted(names)}
    env = next((e for e in list(environments(sizes))[::-1] if all(c.evaluate(e) for c in cx.open)), None)
    if env is None or not case.onnx or case.random:
        return ""
    for opset in opsets:
        session = session_of(case, {k: v for k, v in env.items() if k not in in_tensors}, opset)
        if session is None:
            continue
        known = {i.name for i in session.get_inputs()}
        for seed in seeds:
            try:
                wanted, inputs = run_torch(case, env, seed)
            except (RuntimeError, ValueError, IndexError):  # PyTorch refuses these elements
                continue
            if not any(x.is_floating_point() for x in inputs):
                return ""
            feed = {f"x{i}": x.numpy() for i, x in enumerate(inputs) if f"x{i}" in known}
            for a, b in zip(session.run(None, feed), flat_result(wanted), strict=True):
                with np.errstate(all="ignore"):
                    got, want = a.astype(float), b.double().numpy()
                    same = np.isclose(got, want, rtol=1e-3, atol=1e-4, equal_nan=True)
                if not same.all():
                    at = tuple(np.argwhere(~same)[0]) if same.ndim else ()
                    return f"{case} at opset {opset}: {got[at]} for {want[at]}"
    return ""


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_special_values(name: str) -> None:
    cases = [replace(c, floats="special") for c in CASES if c.name == name]
    step = max(1, len(cases) // MANY)
    found = [d for c in cases[::step] if (d := differs(c))]
    if name in KNOWN:
        assert found or name in BY_PROCESSOR, f"{name} differs no more: {KNOWN[name]}"
    else:
        assert not found, found[0]


ORDER = frozenset({
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "addcdiv", "addcmul", "addmm", "batch_norm",
    "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "conv_transpose3d", "cosine_similarity", "cumprod",
    "group_norm", "hardswish", "hinge_embedding_loss", "inner", "layer_norm", "linear", "matmul", "mean", "nanmean",
    "nansum", "reduce", "soft_margin_loss", "softplus", "std", "sum", "tensordot",
})  # fmt: skip
"""Whose sums and products have another order in both: near the ends of f32 one of them overflows, or loses what is subnormal."""


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - KNOWN.keys() - ORDER))
def test_the_largest_and_smallest_numbers(name: str) -> None:
    cases = [replace(c, floats="extreme") for c in CASES if c.name == name]
    step = max(1, len(cases) // FEW)
    found = [d for c in cases[::step] if (d := differs(c, (20,), range(2)))]
    assert not found, found[0]
