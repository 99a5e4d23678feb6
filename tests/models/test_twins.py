"""Each model of `models/` is held to a twin written by hand: names, weights, outputs, gradients, seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spec_lang
from tests.models import twins

MODELS = Path(__file__).parents[2] / "models"


def reals(*shape: int) -> Tensor:
    return torch.randn(*shape)


def indices(high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape)


@dataclass
class Case:
    """One model with hyperparameters, its twin, and inputs at several sizes of its dynamic dims."""

    file: str
    name: str
    twin: Callable[[], nn.Module]
    inputs: list[Callable[[], dict[str, Any]]]
    hypers: dict[str, Any] = field(default_factory=dict)
    drawn_alike: bool = True  # the twin's `__init__` draws the same numbers in the same order
    exact: bool = True

    def __str__(self) -> str:
        return self.name


TAGGER = {"vocab": 30, "tags": 5, "embedding": 7, "hidden": 6}
GPT2 = {"vocab": 61, "context": 16, "dim": 24, "depth": 3, "heads": 4, "p": 0.1}
LLAMA = {"vocab": 61, "dim": 24, "depth": 2, "heads": 4, "kv_heads": 2, "head_dim": 6, "hidden": 40}
BERT = {"vocab": 50, "context": 16, "segments": 2, "dim": 32, "depth": 2, "heads": 4, "feedforward": 64}
SEQ = {"source_vocab": 30, "target_vocab": 40, "embedding": 8, "hidden": 9, "depth": 2, "p": 0.1}
TRANSFORMER = {
    "dim": 16,
    "heads": 4,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "feedforward": 32,
    "p": 0.1,
    "activation": "gelu",
}


def causal(t: int) -> Tensor:
    return nn.Transformer.generate_square_subsequent_mask(t)


CASES = [
    Case("tiny_model", "TinyModel", twins.TinyModel, [lambda: {"x": reals(3, 100)}, lambda: {"x": reals(2, 1, 100)}]),
    Case("linear", "Affine", twins.Affine, [lambda: {"x": reals(5, 3)}, lambda: {"x": reals(3)}]),
    Case("lenet5", "LeNet5", twins.LeNet5, [lambda: {"image": reals(1, 1, 32, 32)}, lambda: {"image": reals(3, 1, 32, 32)}]),
    Case("convolutions", "Convolutions1d", twins.Convolutions1d, [lambda: {"x": reals(2, 4, 9)}, lambda: {"x": reals(1, 4, 20)}]),
    Case("convolutions", "Convolutions2d", twins.Convolutions2d, [lambda: {"x": reals(2, 3, 6, 5)}, lambda: {"x": reals(1, 3, 2, 1)}]),
    Case("convolutions", "Convolutions3d", twins.Convolutions3d, [lambda: {"x": reals(2, 1, 4, 2, 6)}, lambda: {"x": reals(1, 1, 2, 2, 2)}]),
    *(
        Case("tagger", f"{kind.upper()}Tagger", lambda kind=kind: twins.Tagger(kind, **TAGGER), [lambda: {"sentence": indices(30, 3, 7)}, lambda: {"sentence": indices(30, 1, 1)}], TAGGER)
        for kind in ("lstm", "rnn", "gru")
    ),
    Case(
        "tagger",
        "DeepTagger",
        lambda: twins.DeepTagger(**TAGGER, p=0.2),
        [lambda: {"sentence": indices(30, 3, 7), "h0": reals(4, 3, 6), "c0": reals(4, 3, 6)}],
        TAGGER | {"p": 0.2},
    ),
    Case(
        "transformer",
        "Seq2SeqTransformer",
        lambda: twins.Seq2SeqTransformer(*TRANSFORMER.values()),
        [
            lambda: {"src": reals(2, 5, 16), "tgt": reals(2, 3, 16)},
            lambda: {"src": reals(1, 4, 16), "tgt": reals(1, 6, 16), "tgt_mask": causal(6)},
            lambda: {"src": reals(2, 4, 16), "tgt": reals(2, 3, 16), "src_padding": torch.tensor([[False, False, False, True]]).repeat(2, 1)},
        ],
        TRANSFORMER,
    ),
    Case("transformer", "Encoder", lambda: twins.Encoder(16, 4, 2), [lambda: {"src": reals(2, 5, 16)}], {"dim": 16, "heads": 4, "depth": 2}),
    Case("transformer", "Decoder", lambda: twins.Decoder(16, 4, 2), [lambda: {"tgt": reals(2, 5, 16), "memory": reals(2, 3, 16)}], {"dim": 16, "heads": 4, "depth": 2}),
    Case("transformer", "EncoderLayer", lambda: twins.EncoderLayer(16, 4), [lambda: {"src": reals(5, 2, 16)}], {"dim": 16, "heads": 4}),
    Case("transformer", "DecoderLayer", lambda: twins.DecoderLayer(16, 4), [lambda: {"tgt": reals(5, 2, 16), "memory": reals(3, 2, 16)}], {"dim": 16, "heads": 4}),
    Case(
        "bert",
        "BERT",
        lambda: twins.BERT(*BERT.values()),
        [
            lambda: {"tokens": indices(50, 2, 7), "types": indices(2, 2, 7)},
            lambda: {"tokens": indices(50, 1, 16), "types": indices(2, 1, 16), "padding": torch.arange(16)[None] > 11},
        ],
        BERT,
    ),
    Case("pooling", "Pooling", twins.Pooling, [lambda: {"x": reals(2, 3, 8, 4)}]),
    Case("pooling", "Pooling1d", twins.Pooling1d, [lambda: {"x": reals(2, 3, 8)}]),
    Case("pooling", "Pooling3d", twins.Pooling3d, [lambda: {"x": reals(2, 3, 4, 2, 6)}]),
    Case("normalisation", "Normalisation", twins.Normalisation, [lambda: {"x": reals(3, 16, 8, 8)}]),
    Case("normalisation", "Normalisation1d", twins.Normalisation1d, [lambda: {"x": reals(3, 16)}]),
    Case("dropout", "Dropouts", twins.Dropouts, [lambda: {"x": reals(3, 16)}, lambda: {"x": reals(7)}]),
    Case("activations", "Activations", twins.Activations, [lambda: {"x": reals(2, 4, 6, 3)}]),
    Case("activations", "Gated", twins.Gated, [lambda: {"x": reals(2, 6, 3)}]),
    Case("losses", "Losses", twins.Losses, [lambda: {"scores": reals(4, 5), "wanted": reals(4, 5), "label": indices(5, 4)}]),
    Case("gpt2", "GPT2", lambda: twins.GPT2(**GPT2), [lambda: {"tokens": indices(61, 2, 7)}, lambda: {"tokens": indices(61, 1, 16)}], GPT2),
    Case("resnet", "ResNet18", lambda: twins.ResNet(1, [2, 2, 2, 2]), [lambda: {"image": reals(2, 3, 33, 47)}]),
    Case("resnet", "ResNet", lambda: twins.ResNet(4, [2, 1, 1, 1], 7), [lambda: {"image": reals(2, 3, 64, 40)}], {"depths": [2, 1, 1, 1], "classes": 7}),
    Case("unet", "UNet", lambda: twins.UNet(3, 4, 8), [lambda: {"image": reals(2, 3, 16, 48)}, lambda: {"image": reals(1, 3, 32, 16)}], {"channels": 3, "classes": 4, "width": 8}),
    Case("unet", "UNet", lambda: twins.UNet(1, 2, 6, depth=2), [lambda: {"image": reals(2, 1, 12, 8)}], {"channels": 1, "classes": 2, "width": 6, "depth": 2}),
    Case("unet", "UNet", lambda: twins.UNet(1, 2, 2, depth=5), [lambda: {"image": reals(1, 1, 32, 64)}], {"channels": 1, "classes": 2, "width": 2, "depth": 5}),
    Case("tcn", "TCN", lambda: twins.TCN(2, 3, [4, 4, 5], 3, 0.1), [lambda: {"x": reals(2, 2, 9)}, lambda: {"x": reals(1, 2, 1)}], {"inputs": 2, "outputs": 3, "widths": [4, 4, 5], "kernel": 3, "p": 0.1}),
    Case("wavenet", "WaveNet", lambda: twins.WaveNet(7, 4, 5, 2, [1, 2, 4, 1, 2, 4]), [lambda: {"samples": indices(7, 2, 9)}, lambda: {"samples": indices(7, 1, 1)}], {"classes": 7, "channels": 4, "skip": 5, "kernel": 2, "cycle": 3, "cycles": 2}, exact=False),
    Case("seq2seq", "Seq2Seq", lambda: twins.Seq2Seq(*SEQ.values()), [lambda: {"source": indices(30, 2, 5), "target": indices(40, 2, 3)}], SEQ),
    Case("llama", "Llama", lambda: twins.Llama(LLAMA), [lambda: {"tokens": indices(61, 2, 7)}], LLAMA, exact=False),
]  # fmt: skip


@cache
def loaded(file: str) -> ModuleType:
    return spec_lang.load(MODELS / f"{file}.nnspec")


def pair(case: Case) -> tuple[nn.Module, nn.Module]:
    """The generated model and its twin, with the twin's weights strictly loaded."""
    torch.manual_seed(0)
    twin = case.twin()
    model = getattr(loaded(case.file), case.name)(**case.hypers)
    model.load_state_dict(twin.state_dict(), strict=True)
    return model, twin


def flat(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else [t for r in result for t in flat(r)]


def same(a: Any, b: Any, exact: bool = True) -> None:
    """Equal to float32 rounding: the twins run the same kernels, but may order sums differently."""
    a, b = flat(a), flat(b)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1.3e-6 if exact else 1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_names_are_the_twins(case: Case) -> None:
    model, twin = pair(case)
    assert list(model.state_dict()) == list(twin.state_dict())
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in twin.named_parameters()]
    for name, child in model.named_children():
        assert f"({name}): {type(child).__name__}" in repr(model)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_outputs_and_gradients_are_the_twins(case: Case, training: bool) -> None:
    model, twin = pair(case)
    model.train(training)
    twin.train(training)
    for make in case.inputs:
        inputs = make()
        torch.manual_seed(1)
        result = model(**inputs)
        torch.manual_seed(1)
        wanted = twin(*inputs.values()) if case.name != "Seq2SeqTransformer" else twin(**inputs)
        same(result, wanted, case.exact)
        parameters = [p for p in model.parameters() if p.requires_grad]
        if not parameters:
            continue
        outputs = [sum((t.square().sum() for t in flat(r)), torch.zeros(())) for r in (result, wanted)]
        for side, output in zip((model, twin), outputs, strict=True):
            side.zero_grad()
            output.backward()
        for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
            assert (p.grad is None) == (q.grad is None), name
            if p.grad is not None and q.grad is not None:
                scale = q.grad.abs().max().item() + 1e-6
                torch.testing.assert_close(p.grad / scale, q.grad / scale, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_seed_draws_the_same_weights(case: Case) -> None:
    torch.manual_seed(7)
    twin = case.twin()
    torch.manual_seed(7)
    model = getattr(loaded(case.file), case.name)(**case.hypers)
    for (name, a), b in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_normalisation_standardises_a_large_scale_and_offset() -> None:
    model = loaded("normalisation").Normalisation()
    for out in model(reals(32, 16, 8, 8) * 20 + 100):
        assert abs(out.mean().item()) < 1e-3
        assert abs(out.var().item() - 1) < 1e-2


def test_dropout_drops_in_training_alone() -> None:
    model = loaded("dropout").Dropouts()
    x = torch.ones(100_000)
    weak, default = model(x)
    assert abs((weak == 0).float().mean().item() - 0.4) < 0.01
    assert abs((default == 0).float().mean().item() - 0.5) < 0.01
    model.eval()
    same(model(x), (x, x))


def test_min_pooling_takes_the_smallest() -> None:
    model = loaded("pooling").Pooling()
    x = reals(2, 3, 8, 8)
    troughs = model(x)[1]
    padded = nn.functional.pad(x, (1, 1, 1, 1), value=float("inf"))
    wanted = padded.unfold(2, 3, 2).unfold(3, 3, 2).amin((-1, -2))
    same(troughs, wanted)


def test_losses_are_the_functions() -> None:
    model = loaded("lenet5").LeNet5()
    logits, label = reals(4, 10), indices(10, 4)
    same(model.loss(logits, label), nn.functional.cross_entropy(logits, label))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("ResNet18", 11_689_512), ("ResNet34", 21_797_672), ("ResNet50", 25_557_032), ("ResNet101", 44_549_160), ("ResNet152", 60_192_808)],
)  # fmt: skip
def test_resnets_have_the_published_parameter_counts(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = getattr(loaded("resnet"), name)()
    assert sum(p.numel() for p in model.parameters()) == parameters
