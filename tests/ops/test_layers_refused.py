"""What PyTorch refuses on the CPU, the rules refuse: before anything is built."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from spec_lang.ops.base import Cx, OpError
from spec_lang.shapes import Facts
from tests.ops.oracle import Case, Nested, concrete, inferred, made, sampled, tensors

ENCODER = Nested("TransformerEncoderLayer", (4, 2, 8))
REFUSED = [
    Case("Linear", (4, 5), {}, ["float[2, 3]"]),
    Case("Linear", (4, 5), {}, ["int[2, 4]"]),
    Case("Linear", (4, 5), {}, ["float[]"]),
    Case("Bilinear", (2, 3, 4), {}, ["float[5, 2]", "float[6, 3]"]),
    Case("Embedding", (5, 2), {}, ["float[3]"]),
    Case("Embedding", (5, 2), {"padding_idx": 5}, ["int[3]"]),
    Case("EmbeddingBag", (5, 2), {}, ["int[3]"]),
    Case("EmbeddingBag", (5, 2), {}, ["int[2, 3]"], {"per_sample_weights": "float[2, 3]"}),
    Case("Flatten", (2, 1), {}, ["float[2, 3, 4]"]),
    Case("Unflatten", (1, [2, 2]), {}, ["float[2, 6]"]),
    Case("Conv2d", (4, 6, 3), {}, ["float[1, 4, 2, 5]"]),
    Case("Conv2d", (4, 6, 3), {"groups": 3}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {"groups": 4}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {"stride": 0}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {"stride": 2, "padding": "same"}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {"padding": 5, "padding_mode": "reflect"}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {"padding": 6, "padding_mode": "circular"}, ["float[1, 4, 5, 5]"]),
    Case("Conv2d", (4, 6, 3), {}, ["float[4, 5]"]),
    Case("Conv2d", (4, 6, 3), {}, ["f64[1, 4, 5, 5]"]),
    Case("ConvTranspose2d", (4, 6, 3), {"output_padding": 1}, ["float[1, 4, 5, 5]"]),
    Case("ConvTranspose2d", (4, 6, 1), {"padding": 2}, ["float[1, 4, 2, 2]"]),
    Case("ConvTranspose2d", (4, 6, 3, 2), {}, ["float[1, 4, 5, 5]"], {"output_size": [9, 9]}),
    Case("MaxPool2d", (3,), {"padding": 2}, ["float[1, 4, 5, 5]"]),
    Case("MaxPool2d", (6,), {}, ["float[1, 4, 5, 5]"]),
    Case("MinPool1d", (3,), {"dilation": 3}, ["float[1, 4, 6]"]),
    Case("AvgPool2d", (2,), {"divisor_override": 0}, ["float[1, 4, 5, 5]"]),
    Case("AvgPool3d", (3,), {"padding": 1}, ["float[1, 4, 2, 5, 5]"]),
    Case("AvgPool3d", (2,), {}, ["bf16[1, 4, 4, 4, 4]"]),
    Case("MultiLabelMarginLoss", (), {}, ["bf16[2, 3]", "int[2, 3]"]),
    Case("MultiMarginLoss", (), {}, ["f16[2, 3]", "int[2]"]),
    Case("LPPool1d", (0, 2), {}, ["float[1, 4, 6]"]),
    Case("AdaptiveAvgPool2d", (3,), {}, ["float[4, 6]"]),
    Case("ReflectionPad1d", (4,), {}, ["float[1, 2, 4]"]),
    Case("CircularPad1d", (5,), {}, ["float[1, 2, 4]"]),
    Case("ConstantPad1d", ((-2, 4), 0.0), {}, ["float[1, 2, 1]"]),
    Case("ZeroPad2d", (1,), {}, ["float[3]"]),
    Case("BatchNorm2d", (4,), {}, ["float[2, 4, 5]"]),
    Case("BatchNorm2d", (4,), {}, ["float[2, 3, 5, 5]"]),
    Case("BatchNorm1d", (4,), {"track_running_stats": False}, ["float[1, 4]"]),
    Case("InstanceNorm1d", (4,), {}, ["float[2, 4, 1]"]),
    Case("GroupNorm", (3, 4), {}, ["float[2, 4, 5]"]),
    Case("GroupNorm", (4, 4), {}, ["float[1, 4]"]),
    Case("LayerNorm", (4,), {}, ["float[2, 3]"]),
    Case("LayerNorm", ((),), {}, ["float[2, 3]"]),
    Case("RMSNorm", ((3, 4),), {}, ["float[4]"]),
    Case("LocalResponseNorm", (3,), {}, ["float[4, 5]"]),
    Case("Dropout", (1.5,), {}, ["float[4]"]),
    Case("Dropout1d", (0.5,), {}, ["float[2, 3, 4, 5]"]),
    Case("Upsample", (), {}, ["float[1, 2, 3]"]),
    Case("Upsample", (4,), {"scale_factor": 2.0}, ["float[1, 2, 3]"]),
    Case("Upsample", (4,), {"mode": "bilinear"}, ["float[1, 2, 3]"]),
    Case("Upsample", (4,), {"align_corners": True}, ["float[1, 2, 3]"]),
    Case("Upsample", (), {"scale_factor": 0.25}, ["float[1, 2, 3]"]),
    Case("PixelShuffle", (2,), {}, ["float[6, 2, 2]"]),
    Case("PixelUnshuffle", (2,), {}, ["float[6, 3, 2]"]),
    Case("ChannelShuffle", (3,), {}, ["float[2, 4, 2]"]),
    Case("Fold", ((4, 5), 2), {}, ["float[1, 12, 11]"]),
    Case("Fold", ((4, 5), 2), {}, ["float[1, 11, 12]"]),
    Case("Unfold", (5,), {}, ["float[1, 2, 4, 4]"]),
    Case("CosineSimilarity", (2,), {}, ["float[2, 3]", "float[2, 3]"]),
    Case("PairwiseDistance", (), {}, ["float[2, 3]", "float[2, 4]"]),
    Case("RNN", (3, 5), {}, ["float[2, 4]"]),
    Case("RNN", (3, 5), {"num_layers": 0}, ["float[2, 3]"]),
    Case("RNN", (3, 5), {}, ["float[2, 4, 3]", "float[1, 3, 5]"]),
    Case("GRU", (3, 5), {}, ["float[2, 4, 3]", "float[1, 5]"]),
    Case("LSTM", (3, 5), {"proj_size": 5}, ["float[2, 4, 3]"]),
    Case("LSTM", (3, 5), {"bidirectional": True}, ["float[2, 4, 3]", ("float[1, 4, 5]", "float[1, 4, 5]")]),
    Case("LSTMCell", (3, 5), {}, ["float[2, 3]", ("float[3, 5]", "float[3, 5]")]),
    Case("GRUCell", (3, 5), {}, ["float[2, 1, 3]"]),
    Case("MultiheadAttention", (8, 3), {}, ["float[2, 1, 8]"] * 3),
    Case("MultiheadAttention", (8, 2), {}, ["float[2, 1, 8]", "float[3, 1, 8]", "float[4, 1, 8]"]),
    Case("MultiheadAttention", (8, 2), {}, ["float[2, 1, 8]"] * 3, {"is_causal": True}),
    Case("MultiheadAttention", (8, 2), {}, ["float[2, 1, 8]"] * 3, {"attn_mask": "bool[1, 2]"}),
    Case("MultiheadAttention", (8, 2), {}, ["float[2, 3, 8]"] * 3, {"key_padding_mask": "bool[2, 3]"}),
    Case("MultiheadAttention", (8, 2), {}, ["float[2, 1, 8]"] * 3, {"attn_mask": "int[2, 2]"}),
    Case("TransformerEncoderLayer", (6, 4, 8), {}, ["float[2, 1, 6]"]),
    Case("TransformerEncoderLayer", (4, 2, 8), {}, ["float[2, 1, 4]"], {"src_mask": "float[1, 1]"}),
    Case("TransformerEncoder", (ENCODER, 0), {}, ["float[2, 1, 4]"]),
    Case("TransformerEncoder", (ENCODER, 1), {}, ["float[2, 1, 4]"], {"is_causal": True}),
    Case("Transformer", (4, 2, 1, 1, 8), {}, ["float[2, 1, 4]", "float[3, 2, 4]"]),
    Case(
        "Transformer", (4, 2, 1, 1, 8), {}, ["float[2, 1, 4]", "float[3, 1, 4]"], {"tgt_mask": "bool[2, 2]"}
    ),
]


def runs(case: Case) -> bool:
    """Whether PyTorch makes the module and runs it, in training and in evaluation."""
    generator = torch.Generator().manual_seed(0)
    for training in (True, False):
        try:
            module = made(case.layer, [concrete(a, {}) for a in case.args], case.kwargs).train(training)
            inputs: Any = sampled(tensors(list(case.inputs)), generator, 3)
            named = {k: sampled(tensors(v), generator, 3) for k, v in case.named.items()}
            module(*inputs, **named)
        except (
            RuntimeError,
            ValueError,
            TypeError,
            AssertionError,
            NotImplementedError,
            LookupError,
            ArithmeticError,
        ):
            return False
    return True


@pytest.mark.parametrize("case", REFUSED, ids=lambda c: f"{c.id}{c.named or ''}")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_pytorch_refuses_is_refused(case: Case) -> None:
    assert not runs(case), "PyTorch runs it: the row is wrong"
    cx = Cx(Facts(), case.layer)
    with pytest.raises(OpError) as refusal:
        inferred(case, cx)
    assert case.layer in refusal.value.message


@pytest.mark.parametrize(
    ("case", "condition"),
    [
        (Case("Conv2d", (3, 4, 5), {}, ["float[N, 3, H, 8]"]), "H >= 5"),
        (Case("MaxPool1d", (4,), {}, ["float[N, 3, L]"]), "L >= 4"),
        (Case("ReflectionPad1d", (3,), {}, ["float[N, 3, L]"]), "L > 3"),
        (Case("InstanceNorm1d", (3,), {}, ["float[N, 3, L]"]), "L > 1"),
        (Case("Linear", (3, "k"), {}, ["float[N, 3]"]), None),
    ],
    ids=lambda v: getattr(v, "id", None),
)
def test_a_bound_that_is_not_proved_stays_open(case: Case, condition: str | None) -> None:
    cx = Cx(Facts(), case.layer)
    inferred(case, cx)
    assert [str(c) for c in cx.open] == ([condition] if condition else [])
