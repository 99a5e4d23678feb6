"""The same seed gives PyTorch's weights: bit for bit where it draws uniformly, to float32 rounding where normally."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spec_lang.ops
from spec_lang.ops import signature
from spec_lang.ops.base import LAYERS, Layer
from spec_lang.ops.init import Clone, Draw, Fill, Init, Normal, TruncNormal, Uniform
from spec_lang.ops.initialisers import NAMES, InitError, initialiser
from spec_lang.shapes.dtype import DType
from spec_lang.weights.generator import CHUNK, Generator
from spec_lang.weights.random import draw, skip, steps
from spec_lang.weights.state import Entry, Needed, Rows, State
from tests.weights.helpers import exported, needed_of

spec_lang.ops.load()
SIZES = (1, 2, 5, 15, 16, 17, 31, 32, 33, 100, CHUNK - 1, CHUNK, CHUNK + 5, 2 * CHUNK + 17, 7)


def values(generator: Generator, init: Init, *shape: int) -> np.ndarray:
    flat = np.full(math.prod(shape), np.nan, np.float32)
    for at, chunk in draw(generator, init, shape):
        assert len(chunk) <= max(CHUNK, 1) or init is None
        flat[at : at + len(chunk)] = chunk
    return flat.reshape(shape)


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**31, 2**32 - 1, 2**32 + 7, 2**63 - 1])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-0.036, 0.036), (-1 / 3, 1 / 7), (5.0, 6.5), (1.0, 1.0)])
def test_uniform_draws_equal_torch(seed: int, bounds: tuple[float, float]) -> None:
    generator = Generator(seed)
    torch.manual_seed(seed)
    for n in SIZES:
        np.testing.assert_array_equal(
            values(generator, Uniform(*bounds), n), torch.empty(n).uniform_(*bounds).numpy()
        )


@pytest.mark.parametrize("seed", [0, 99])
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.0, 0.02), (0.3, 2.0)])
def test_normal_draws_agree_with_torch_and_use_as_many_numbers(seed: int, mean: float, std: float) -> None:
    generator = Generator(seed)
    torch.manual_seed(seed)
    for n in SIZES:
        ours, theirs = values(generator, Normal(mean, std), n), torch.empty(n).normal_(mean, std).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=2**-22, atol=2**-22 * std)
        if n < 16:
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(values(generator, Uniform(0, 1), 9), torch.empty(9).uniform_().numpy())


@pytest.mark.parametrize("init", [Uniform(0, 1), Normal(), TruncNormal(), Fill(3.0)])
def test_skipping_leaves_the_generator_as_drawing_does(init: Init) -> None:
    drawn, skipped = Generator(4), Generator(4)
    for n in SIZES:
        values(drawn, init, n)
        skip(skipped, init, (n,))
        np.testing.assert_array_equal(values(drawn, Normal(), 3), values(skipped, Normal(), 3))


# --- Layers ---------------------------------------------------------------------------------

Case = tuple[str, tuple[Any, ...], dict[str, Any]]
UNIFORM: list[Case] = [
    ("Linear", (7, 5), {}),
    ("Linear", (300, 1000), {"bias": False}),
    ("Linear", (1, 1), {}),
    ("Bilinear", (3, 4, 5), {}),
    ("Conv1d", (4, 6, 3), {}),
    ("Conv2d", (4, 6, 3), {"groups": 2}),
    ("Conv2d", (3, 64, 7), {"stride": 2, "padding": 3, "bias": False}),
    ("Conv3d", (2, 3, (1, 2, 3)), {}),
    ("ConvTranspose1d", (4, 6, 3), {}),
    ("ConvTranspose2d", (4, 6, 3), {"groups": 2}),
    ("ConvTranspose3d", (4, 6, (3, 2, 1)), {"bias": False}),
    ("RNN", (3, 5), {"nonlinearity": "relu"}),
    ("LSTM", (3, 5), {}),
    ("LSTM", (3, 5), {"num_layers": 2, "bidirectional": True}),
    ("LSTM", (3, 5), {"proj_size": 2}),
    ("GRU", (3, 5), {"num_layers": 2, "bias": False}),
    ("LSTMCell", (3, 5), {}),
    ("GRUCell", (3, 5), {}),
    ("RNNCell", (3, 5), {}),
    ("MultiheadAttention", (8, 2), {}),
    ("MultiheadAttention", (8, 2), {"kdim": 3, "vdim": 5}),
    ("MultiheadAttention", (8, 2), {"bias": False}),
    ("TransformerEncoderLayer", (8, 2), {"dim_feedforward": 16}),
    ("TransformerDecoderLayer", (8, 2), {"dim_feedforward": 16, "norm_first": True}),
    ("Transformer", (8, 2, 2, 3), {"dim_feedforward": 16}),
    ("BatchNorm2d", (4,), {}),
    ("LayerNorm", (4,), {}),
    ("GroupNorm", (2, 4), {}),
    ("PReLU", (3,), {}),
]
NORMAL: list[Case] = [
    ("Embedding", (11, 7), {}),
    ("Embedding", (11, 7), {"padding_idx": 3}),
    ("Embedding", (2, 3), {}),
    ("Embedding", (1000, 300), {}),
    ("EmbeddingBag", (11, 7), {}),
    ("MultiheadAttention", (8, 2), {"add_bias_kv": True}),
]


def known(case: Case) -> bool:
    return case[0] in LAYERS


def state_of_layers(layers: list[Layer]) -> State:
    """The state of a Sequential of layers."""
    entries: list[Entry] = []
    draws: list[Draw | Clone] = []
    for i, layer in enumerate(layers):
        for p in layer.params():
            if p.persistent:
                shape = tuple(d.evaluate({}) for d in p.shape)
                fill = p.init.value if isinstance(p.init, Fill) else 0.0
                entries.append(Entry(f"{i}.{p.name}", shape, p.dtype, fill=fill))
        draws += (moved(event, i) for event in layer.draws())
    return State(tuple(entries), tuple(draws))


def moved(event: Draw | Clone, i: int) -> Draw | Clone:
    if isinstance(event, Clone):
        return Clone(f"{i}.{event.name}", f"{i}.{event.source}")
    return Draw(f"{i}.{event.name}", event.init)


def compare(cases: list[Case], seed: int, tmp_path: Path, check: Callable[[Any, Any], None]) -> None:
    state = state_of_layers([signature.bind(LAYERS[n], a, k) for n, a, k in cases])
    found, job = exported(state, needed_of(state), tmp_path / "m.onnx", seed=seed)
    assert job.metadata == {"specc.seed": str(seed)}
    torch.manual_seed(seed)
    theirs = nn.Sequential(*[getattr(nn, n)(*a, **k) for n, a, k in cases]).state_dict()
    assert list(found) == list(theirs)
    for key, value in theirs.items():
        check(found[key], value.numpy())


@pytest.mark.parametrize("case", filter(known, UNIFORM), ids=str)
def test_layers_start_as_in_torch_bit_for_bit(case: Case, tmp_path: Path) -> None:
    compare(
        [("Linear", (3, 2), {}), case, ("Linear", (3, 3), {})], 17, tmp_path, np.testing.assert_array_equal
    )


@pytest.mark.parametrize("case", filter(known, NORMAL), ids=str)
def test_layers_that_draw_normally_agree_to_rounding(case: Case, tmp_path: Path) -> None:
    def close(a: np.ndarray, b: np.ndarray) -> None:
        np.testing.assert_allclose(a, b, rtol=2**-22, atol=2**-22)

    compare([("Linear", (3, 2), {}), case, ("Linear", (3, 3), {})], 17, tmp_path, close)


def test_a_stack_of_all_layers_starts_as_in_torch(tmp_path: Path) -> None:
    compare(list(filter(known, UNIFORM)) * 2, 5, tmp_path, np.testing.assert_array_equal)


# --- Sequences ------------------------------------------------------------------------------


def test_overwritten_draws_are_consumed_and_clones_take_what_was_there(tmp_path: Path) -> None:
    state = State(
        tuple(Entry(k, (20,)) for k in "abcd"),
        (
            Draw("a", Uniform(0, 1)),
            Clone("b", "a"),
            Draw("c", Normal()),
            Draw("a", Uniform(2, 3)),
            Clone("d", "a"),
            Draw("d", Uniform(4, 5)),
            Clone("c", "b"),
        ),
    )
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx", seed=3)
    torch.manual_seed(3)
    first = torch.empty(20).uniform_()
    torch.empty(20).normal_()
    np.testing.assert_array_equal(found["b"], first)
    np.testing.assert_array_equal(found["c"], first)
    np.testing.assert_array_equal(found["a"], torch.empty(20).uniform_(2, 3))
    np.testing.assert_array_equal(found["d"], torch.empty(20).uniform_(4, 5))


def test_who_keeps_what() -> None:
    draws = (
        Draw("a", Fill(1)),
        Clone("b", "a"),
        Draw("a", Fill(2)),
        Clone("c", "x"),
        Draw("c", Fill(3)),
        Clone("c", "x"),
    )
    assert [s.keys for s in steps(draws, {"a": (1,), "c": (1,)})] == [("b",), ("a",), ()]


@pytest.mark.parametrize("dtype", [DType.F16, DType.BF16])
@pytest.mark.parametrize("mode", ["copy", "embed"])
def test_shorter_floats_are_the_drawn_ones_converted(dtype: DType, mode: str, tmp_path: Path) -> None:
    state = State((Entry("w", (500, 700)), Entry("n", (4,), fill=1.0)), (Draw("w", Uniform(-3, 3)),))
    found, _ = exported(
        state, needed_of(state, dtype), tmp_path / "m.onnx", seed=3, precision=dtype, mode=mode
    )
    torch.manual_seed(3)
    theirs = torch.empty(500, 700).uniform_(-3, 3).to(torch.float16 if dtype is DType.F16 else torch.bfloat16)
    np.testing.assert_array_equal(found["w"].view(np.int16), theirs.view(torch.int16).numpy())
    assert found["n"].view(np.int16)[0] == torch.ones(1, dtype=theirs.dtype).view(torch.int16)[0]


def test_derived_tensors_are_drawn_in_place(tmp_path: Path) -> None:
    state = State(
        (Entry("f", (8, 100_000)), Entry("b", (8, 100_000))),
        (Draw("f", Uniform(0, 1)), Draw("b", Uniform(0, 1))),
    )
    rows = tuple(Rows(k, i, i + 2) for k in ("f", "b") for i in (0, 6, 2, 4))
    tensor = Needed("W", DType.F32, (2, 8, 100_000), (*rows,))
    found, _ = exported(state, [tensor], tmp_path / "m.onnx", seed=3)
    torch.manual_seed(3)
    theirs = [torch.empty(8, 100_000).uniform_().numpy() for _ in range(2)]
    np.testing.assert_array_equal(found["W"], np.stack([t[[0, 1, 6, 7, 2, 3, 4, 5]] for t in theirs]))


def test_buffers_start_as_their_expression_says(tmp_path: Path) -> None:
    mask = np.tril(np.ones((3, 3), np.bool_))
    scale = np.arange(3, dtype=np.float32)
    state = State(
        (
            Entry("mask", (3, 3), DType.BOOL, value=mask.tobytes()),
            Entry("scale", (3,), value=scale.tobytes()),
            Entry("count", (), DType.I64),
        )
    )
    found, _ = exported(state, needed_of(state), tmp_path / "m.onnx")
    np.testing.assert_array_equal(found["mask"], mask)
    np.testing.assert_array_equal(found["scale"], scale)
    assert found["count"] == 0


# --- Initialisers by name -------------------------------------------------------------------

EXACT: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("uniform", {"a": -0.2, "b": 0.7}, (5, 3)),
    ("constant", {"val": 0.3}, (5, 3)),
    ("ones", {}, (5,)),
    ("zeros", {}, (5,)),
    ("eye", {}, (5, 3)),
    ("dirac", {}, (6, 4, 3)),
    ("dirac", {"groups": 2}, (6, 4, 3, 5)),
    ("dirac", {"groups": 3}, (6, 4, 3, 5, 1)),
    ("xavier_uniform", {"gain": 1.7}, (50, 30)),
    ("xavier_uniform", {}, (5, 3, 3, 3)),
    ("kaiming_uniform", {}, (50, 30)),
    ("kaiming_uniform", {"mode": "fan_out", "nonlinearity": "relu"}, (5, 3, 3, 3)),
    *(("kaiming_uniform", {"nonlinearity": n, "a": 0.3}, (7, 6)) for n in ("linear", "tanh", "selu", "leaky_relu", "sigmoid")),
]  # fmt: skip
ROUNDED: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("normal", {"std": 0.02}, (50, 30)),
    ("normal", {"mean": 1.0}, (3,)),
    ("xavier_normal", {"gain": 0.5}, (50, 30)),
    ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "relu"}, (16, 8, 3, 3)),
    ("orthogonal", {"gain": 2}, (8, 6)),
    ("orthogonal", {}, (6, 2, 4)),
]


def by_name(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    generator = Generator(8)
    yield values(generator, initialiser(name, shape, arguments), *shape)
    torch.manual_seed(8)
    yield getattr(nn.init, f"{name}_")(torch.empty(shape), **arguments).numpy()
    yield values(generator, Uniform(0, 1), 5)
    yield torch.empty(5).uniform_().numpy()


@pytest.mark.parametrize(("name", "arguments", "shape"), EXACT)
def test_named_initialisers_equal_torch(name: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    ours, theirs, after, their_after = by_name(name, arguments, shape)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(after, their_after)


@pytest.mark.parametrize(("name", "arguments", "shape"), ROUNDED)
def test_named_initialisers_agree_with_torch(
    name: str, arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours, theirs, after, their_after = by_name(name, arguments, shape)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(after, their_after)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0.0, 1.0, -2.0, 2.0), (0.1, 0.02, 0.09, 0.2), (0.0, 1.0, 1.5, 4.0)]
)
def test_truncated_normals_have_the_distribution(mean: float, std: float, a: float, b: float) -> None:
    """Kolmogorov's distance to PyTorch's own draws, at 50,000 numbers each."""
    ours = np.sort(values(Generator(1), TruncNormal(mean, std, a, b), 50_000))
    torch.manual_seed(2)
    theirs = np.sort(nn.init.trunc_normal_(torch.empty(50_000), mean, std, a, b).numpy())
    assert ours[0] >= np.float32(a)
    assert ours[-1] <= np.float32(b)
    distance = np.abs(np.searchsorted(theirs, ours) / len(theirs) - np.arange(len(ours)) / len(ours)).max()
    assert distance < 0.012


@pytest.mark.parametrize("name", NAMES)
def test_names_arguments_and_defaults_are_torchs(name: str) -> None:
    import inspect

    theirs = list(inspect.signature(getattr(nn.init, f"{name}_")).parameters.values())[1:]
    own = {p.name: p.default for p in theirs if p.name != "generator"}
    assert list(NAMES[name]) == list(own)
    for key, default in own.items():
        assert NAMES[name][key] == default or default is inspect.Parameter.empty


@pytest.mark.parametrize(
    ("name", "shape", "arguments"),
    [
        ("xavier_uniform", (3,), {}),
        ("kaiming_normal", (3,), {}),
        ("kaiming_normal", (3, 3), {"mode": "fan"}),
        ("kaiming_normal", (3, 3), {"nonlinearity": "gelu"}),
        ("eye", (3,), {}),
        ("dirac", (3, 3), {}),
        ("dirac", (3, 3, 3), {"groups": 2}),
        ("orthogonal", (3,), {}),
        ("trunc_normal", (3,), {"a": 2.0, "b": 1.0}),
    ],
)
def test_initialisers_that_do_not_fit(name: str, shape: tuple[int, ...], arguments: dict[str, Any]) -> None:
    with pytest.raises(InitError):
        initialiser(name, shape, arguments)
