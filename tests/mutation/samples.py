"""Values to run a model with: hyperparameters, sizes of dims, and inputs of its methods' declared types."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import torch
from torch import Tensor

from spec_lang.syntax import ast
from tests.mutation.interpreter import DTYPES, Evaluator, Refused, Spec

# Small values for the models whose defaults are large; each model runs with all of its rows. The last ones break a `require` of
# the original: they tell whether a mutant that lost it still runs.
SMALL: dict[str, list[dict[str, Any]]] = {
    "LSTMTagger": [{"vocab": 9, "tags": 3, "embedding": 4, "hidden": 5}, {"vocab": 5, "tags": 1, "embedding": 2, "hidden": 2}],
    "RNNTagger": [{"vocab": 9, "tags": 3, "embedding": 4, "hidden": 5}],
    "GRUTagger": [{"vocab": 9, "tags": 3, "embedding": 4, "hidden": 5}],
    "DeepTagger": [{"vocab": 9, "tags": 3, "embedding": 4, "hidden": 5}, {"vocab": 9, "tags": 4, "embedding": 3, "hidden": 3}],
    "Seq2SeqTransformer": [{"dim": 8, "heads": 2, "encoder_layers": 1, "decoder_layers": 2, "feedforward": 6}, {"dim": 9, "heads": 3, "encoder_layers": 2, "decoder_layers": 1, "feedforward": 5, "activation": "gelu"}, {"dim": 7, "heads": 2, "encoder_layers": 1, "decoder_layers": 1, "feedforward": 6}],
    "Encoder": [{"dim": 8, "heads": 2, "depth": 1}, {"dim": 6, "heads": 3, "depth": 2}, {"dim": 7, "heads": 2, "depth": 1}],
    "Decoder": [{"dim": 8, "heads": 2, "depth": 1}, {"dim": 6, "heads": 3, "depth": 2}, {"dim": 7, "heads": 2, "depth": 1}],
    "EncoderLayer": [{"dim": 8, "heads": 2}, {"dim": 6, "heads": 3}, {"dim": 7, "heads": 2}],
    "DecoderLayer": [{"dim": 8, "heads": 2}, {"dim": 6, "heads": 3}, {"dim": 7, "heads": 2}],
    "BERT": [{"vocab": 11, "context": 9, "dim": 8, "depth": 1, "heads": 2, "feedforward": 7}, {"vocab": 7, "context": 5, "segments": 3, "dim": 6, "depth": 2, "heads": 3, "feedforward": 10}, {"vocab": 11, "context": 9, "dim": 7, "depth": 1, "heads": 2, "feedforward": 7}],
    "GPT2": [{"vocab": 11, "context": 9, "dim": 8, "depth": 2, "heads": 2}, {"vocab": 7, "context": 5, "dim": 6, "depth": 1, "heads": 3}, {"vocab": 11, "context": 9, "dim": 7, "depth": 1, "heads": 2}],
    "Llama": [{"vocab": 11, "dim": 12, "depth": 2, "heads": 4, "kv_heads": 2, "head_dim": 6, "hidden": 7}, {"vocab": 5, "dim": 5, "depth": 1, "heads": 2, "kv_heads": 1, "head_dim": 4, "hidden": 3}, {"vocab": 11, "dim": 6, "depth": 1, "heads": 4, "kv_heads": 2, "head_dim": 5, "hidden": 7}, {"vocab": 11, "dim": 6, "depth": 1, "heads": 3, "kv_heads": 2, "head_dim": 4, "hidden": 7}],
    "Llama70B": [],  # variants with large values of their own are not run
    "MLP": [{"depth": 2, "dim": 3}, {"depth": 1, "dim": 5}],
    "ResNet": [{"depths": [1, 1, 1, 1], "classes": 3}, {"depths": [2, 1, 1, 1], "classes": 5}],
    "ResNet34": [],
    "ResNet50": [],
    "ResNet101": [],
    "ResNet152": [],
    **{
        name: []
        for name in [
            *("ResNeXt50_32x4d", "ResNeXt101_32x8d", "ResNeXt101_64x4d", "WideResNet50_2", "WideResNet101_2"),
            *("ViTB_16", "ViTB_32", "ViTL_16", "ViTL_32", "ViTH_14", "MobileNetV3Large", "MobileNetV3Small"),
            *(f"EfficientNetB{i}" for i in range(8)),
            *(f"RegNet{kind}_{size}" for kind in "XY" for size in ("400MF", "800MF", "1_6GF", "3_2GF", "8GF", "16GF", "32GF", "128GF")),
            *("DeepLabV3_ResNet50", "DeepLabV3_ResNet101"),
            *(f"VGG{n}{norm}" for n in (11, 13, 16, 19) for norm in ("", "_BN")),
            *("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge"),
            *("SwinTiny", "SwinSmall", "SwinBase"),
        ]
    },
    "AlexNet": [],  # as large as it is, whatever its hyperparameters
    "Inception3": [],
    **{f"DenseNet{n}": [] for n in (121, 161, 169, 201)},
    "DenseNet": [{"depths": [1, 2, 1, 1], "widths": [3, 4, 2, 3], "growth": 2, "bottleneck": 2, "classes": 3}],
    "FeaturePyramid": [{"channels": [2, 3, 4, 5], "out": 3}, {"channels": [3], "out": 2}],
    "VGG": [{"depths": [1, 2], "widths": [2, 3], "norm": True, "hidden": 4, "classes": 3}, {"depths": [2], "widths": [3], "hidden": 2, "classes": 2}],
    "ConvNeXt": [{"depths": [1, 2], "widths": [3, 4], "classes": 3}, {"depths": [2], "widths": [4], "classes": 2, "p": 0.0}],
    "Swin": [{"dim": 4, "depths": [2, 1], "heads": [2, 1], "window": 3, "patch": 2, "classes": 3}, {"dim": 6, "depths": [1], "heads": [3], "window": 2, "classes": 2}],
    "DeepLabV3": [],
    "EfficientNet": [],
    "MobileNetV2": [{"width": 0.1, "classes": 3}],
    "MobileNetV3": [{"width": 0.1, "hidden": 5, "classes": 3}],
    "RegNet": [{"classes": 3}],
    "ViT": [{"image": 8, "patch": 4, "dim": 8, "depth": 2, "heads": 2, "hidden": 6, "classes": 3}, {"image": 6, "patch": 2, "dim": 6, "depth": 1, "heads": 3, "hidden": 4, "classes": 2}, {"image": 8, "patch": 4, "dim": 7, "depth": 1, "heads": 2, "hidden": 6, "classes": 3}],
    "WaveNet": [{"classes": 5, "channels": 4, "skip": 3, "kernel": 2, "cycle": 2, "cycles": 2}, {"classes": 3, "channels": 2, "skip": 5, "kernel": 3, "cycle": 3, "cycles": 1}],
    "TCN": [{"inputs": 2, "outputs": 3, "widths": [4, 4, 5], "kernel": 2}, {"inputs": 3, "outputs": 2, "widths": [3], "kernel": 3}],
    "UNet": [{"channels": 2, "classes": 3, "width": 4}, {"channels": 1, "classes": 2, "width": 3, "depth": 2}],
    "Seq2Seq": [{"source_vocab": 9, "target_vocab": 7, "embedding": 4, "hidden": 5, "depth": 2}, {"source_vocab": 3, "target_vocab": 4, "embedding": 3, "hidden": 2, "depth": 1}],
    "Normalisation": [{"channels": 8, "groups": 4}, {"channels": 6, "groups": 3}, {"channels": 7, "groups": 2}],
    "Convolutions1d": [{}, {"channels": 3}],
    "Convolutions2d": [{}, {"channels": 5}],
    "Convolutions3d": [{}, {"channels": 2}],
    "Affine": [{}, {"inputs": 4, "outputs": 1}],
    "LeNet5": [{}, {"classes": 3}],
    "Activations": [{}, {"channels": 3}],
    "Normalisation1d": [{}, {"channels": 3}],
}  # fmt: skip


def models(module: ast.Module) -> list[ast.Block]:
    """The models of a file that samples are run of."""
    return [
        d
        for d in module.definitions
        if isinstance(d, ast.Block) and d.kind == "model" and SMALL.get(d.name.id, [{}])
    ]


def hypers(model: ast.Block) -> list[dict[str, Any]]:
    """The rows of hyperparameters that the model has; a mutant may have lost some."""
    names = {h.name.id for h in model.hypers or ()}
    return [{k: v for k, v in row.items() if k in names} for row in SMALL.get(model.name.id, [{}])]


class Sizes:
    """One choice of a size for every name that a method's input types leave free; integers are below `high`."""

    def __init__(self, rng: Random, high: int = 1) -> None:
        self.rng = rng
        self.high = high
        self.chosen: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self.chosen.setdefault(name, self.rng.choice((1, 2, 3, 4, 5, 7)))


def inputs(
    spec: Spec, method: ast.Method, scope: dict[str, Any], sizes: Sizes, absent: bool
) -> dict[str, Any]:
    """Random inputs of the declared types; those that may be absent are where `absent` says so.

    Raises:
        Refused: a dim of an input cannot be evaluated.
    """
    evaluator = Evaluator(spec, scope, dims=sizes.chosen)
    given: dict[str, Any] = {}
    for i in method.inputs:
        if i.default is not None and absent:
            continue
        kind = i.type.base if isinstance(i.type, ast.OptionalType) else i.type
        given[i.name.id] = made(evaluator, kind, sizes)
    return given


def made(evaluator: Evaluator, kind: ast.Type, sizes: Sizes) -> Any:
    """A value of a tensor type, or of a tuple or list of them."""
    if isinstance(kind, ast.TupleType):
        return tuple(made(evaluator, k, sizes) for k in kind.items)
    if isinstance(kind, ast.TensorListType):
        items = []
        for index in evaluator.value(kind.generator.iterable):
            evaluator.assign(kind.generator.target, index)
            items.append(made(evaluator, kind.item, sizes))
        return items
    if not isinstance(kind, ast.TensorType):
        raise Refused("an input is no tensor")
    shape: list[int] = []
    for d in kind.dims:
        if isinstance(d, ast.Star):
            assert isinstance(d.value, ast.Name)
            rank = (0, 1, 2, 3)[sizes.of(f"*{d.value.id}") % 4]
            shape += [sizes.of(f"*{d.value.id}.{i}") for i in range(rank)]
        elif isinstance(d, ast.Hole):
            shape.append(sizes.rng.choice((1, 2, 3, 5)))
        else:
            for name in evaluator.unknown(d):
                sizes.of(name)
            shape.append(evaluator.value(d))
    if not all(type(s) is int and 0 <= s < 10_000 for s in shape):
        raise Refused(f"no tensor has the shape {shape}")
    return tensor(DTYPES[kind.dtype], shape, sizes.high)


def tensor(dtype: torch.dtype, shape: list[int], high: int = 1) -> Tensor:
    """Random reals and truths, and integers below `high`: 0 is an index that is in range everywhere."""
    if dtype.is_floating_point:
        return torch.randn(shape).to(dtype)
    if dtype == torch.bool:
        return torch.rand(shape) < 0.3
    return torch.randint(0, high, shape).to(dtype)


def draws(count: int) -> Iterator[tuple[Random, bool]]:
    """Sources of randomness for some samples, with and without optional inputs."""
    for i in range(count):
        yield Random(i), i % 2 == 0
