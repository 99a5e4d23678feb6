"""Each layer against PyTorch and ONNX Runtime: types, state, values, and the draws of its constructor."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from spec_lang.ops import signature
from spec_lang.ops.base import LAYERS, Layer
from spec_lang.shapes import Dim
from spec_lang.weights import random
from spec_lang.weights.generator import Generator
from tests.ops import cases_layers
from tests.ops.oracle import Case, Nested, bound, check, dims, made, numbers

EVERY = [
    *cases_layers.plain(),
    *cases_layers.spatial(),
    *cases_layers.recurrent(),
    *cases_layers.attention(),
    *cases_layers.transformers(),
]
FEW = [
    case
    for _, group in itertools.groupby(sorted(EVERY, key=lambda c: c.layer), key=lambda c: c.layer)
    for case in list(group)[::16]
]


@pytest.mark.parametrize("case", FEW, ids=lambda c: c.id)
def test_a_layer_is_pytorchs(case: Case) -> None:
    assert check(case) > 0


@pytest.mark.long
@pytest.mark.parametrize("case", EVERY, ids=lambda c: c.id)
def test_every_layer_is_pytorchs(case: Case) -> None:
    assert check(case) > 0


DRAWN = [
    ("Linear", (5, 3), {}),
    ("Bilinear", (5, 3, 2), {}),
    ("Conv1d", (4, 6, 3), {"groups": 2}),
    ("Conv2d", (4, 6, (3, 2)), {"bias": False}),
    ("Conv3d", (2, 3, 2), {}),
    ("ConvTranspose2d", (4, 6, 3), {"groups": 2}),
    ("BatchNorm2d", (4,), {}),
    ("Embedding", (7, 3), {"padding_idx": -2}),
    ("EmbeddingBag", (7, 3), {"padding_idx": 1}),
    ("RNN", (3, 4), {"num_layers": 2}),
    ("LSTM", (3, 4), {"num_layers": 2, "bidirectional": True, "proj_size": 2}),
    ("GRU", (3, 4), {"bias": False}),
    ("LSTMCell", (3, 4), {}),
    ("MultiheadAttention", (8, 2), {}),
    ("MultiheadAttention", (8, 2), {"kdim": 4, "vdim": 6, "add_bias_kv": True}),
    ("MultiheadAttention", (8, 2), {"bias": False}),
    ("TransformerEncoderLayer", (8, 2, 16), {}),
    ("TransformerDecoderLayer", (8, 2, 16), {"bias": False}),
    ("TransformerEncoder", (Nested("TransformerEncoderLayer", (8, 2, 16)), 3), {}),
    ("TransformerDecoder", (Nested("TransformerDecoderLayer", (8, 2, 16)), 2, Nested("LayerNorm", (8,))), {}),
    ("Transformer", (8, 2, 2, 3, 16), {}),
]


@pytest.mark.parametrize(("layer", "args", "kwargs"), DRAWN, ids=lambda v: str(v))
def test_a_seed_gives_pytorchs_weights(
    layer: str, args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    case = Case(layer, args, kwargs)
    torch.manual_seed(7)
    module = made(layer, [a.module({}) if isinstance(a, Nested) else a for a in args], kwargs)
    op = signature.bind(LAYERS[layer], *numbers(case, {}))
    params = {p.name: p for p in op.params()}
    shapes = {
        n: tuple(d.evaluate({}) if isinstance(d, Dim) else d for d in p.shape) for n, p in params.items()
    }
    got = {
        n: np.full(s, p.init.value if hasattr(p.init, "value") else np.nan)
        for (n, s), p in zip(shapes.items(), params.values(), strict=True)
    }
    generator = Generator(7)
    for step in random.steps(op.draws(), shapes):
        values = np.empty(int(np.prod(step.shape)))
        for start, chunk in random.draw(generator, step.init, step.shape):
            values[start : start + len(chunk)] = chunk
        for key in step.keys:
            got[key] = values.reshape(step.shape)
    uniform = "Embedding" not in layer and "add_bias_kv" not in kwargs
    for key, value in module.state_dict().items():
        tolerance = 0.0 if uniform else 1e-6
        np.testing.assert_allclose(got[key], value.numpy(), rtol=0, atol=tolerance, err_msg=key)


@pytest.mark.parametrize("name", [name for name in LAYERS if LAYERS[name].params is not Layer.params])
def test_the_parameters_that_a_layer_always_has_are_declared(name: str) -> None:
    """By every call above: a layer lists its own, and of those of layers inside it at least one, if there are any."""
    layer = LAYERS[name]
    cases = [
        c for c in [*EVERY, Case("PReLU")] if c.layer == name and "k" not in c.args
    ]  # k layers have k names
    calls = map(bound, cases)
    learned = [{p.name for p in op.params() if p.learned} for op in calls]
    assert learned, f"{name} has no case"
    common = set.intersection(*learned)
    assert {p for p in common if "." not in p} <= set(layer.always) <= common
    assert bool(layer.always) == bool(common)
    assert layer.sole == (len(common) == 1 and all(names == common for names in learned))


def test_hyperparameters_may_be_symbols() -> None:
    op = signature.bind(LAYERS["Linear"], dims(["K", "k"]), {})
    weight, bias = op.params()
    assert [str(d) for d in weight.shape] == ["k", "K"]
    assert [str(d) for d in bias.shape] == ["k"]
