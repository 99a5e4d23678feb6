"""Families of published networks: each variant has torchvision's names, and gives what torchvision's gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tests.models.test_twins import flat, loaded
from tests.models.vision import convnext, models, network, ops
from tests.onnx.exporting import export, model_file, run

Size = tuple[int, ...]


@dataclass
class Case:
    """A variant, the network that it is, and sizes of images."""

    file: str
    name: str
    twin: Callable[[], nn.Module]
    sizes: list[Size]
    hypers: dict[str, Any] = field(default_factory=dict)
    drawn: bool = False  # whether training draws numbers
    trained: list[Size] = field(default_factory=list)  # sizes to train on, where those are not enough

    def __str__(self) -> str:
        return f"{self.file}-{self.name}"


RUN: list[Case] = [
    Case("alexnet", "AlexNet", lambda: network("alexnet"), [(2, 3, 63, 95), (1, 3, 80, 64)], drawn=True),
    Case("vgg", "VGG", lambda: models.vgg.VGG(models.vgg.make_layers([8, "M", 12, 12, "M", 512, "M"]), 9), [(2, 3, 33, 65), (1, 3, 64, 40)], {"widths": [8, 12, 512], "depths": [1, 2, 1], "classes": 9}, drawn=True),
    Case("vgg", "VGG", lambda: models.vgg.VGG(models.vgg.make_layers([8, 8, "M", 512, "M"], batch_norm=True), 9, dropout=0.0), [(2, 3, 33, 65), (1, 3, 64, 40)], {"widths": [8, 512], "depths": [2, 1], "norm": True, "classes": 9, "p": 0.0}),
    Case("resnet", "ResNet", lambda: models.resnet.ResNet(models.resnet.Bottleneck, [1, 2, 1, 1], 9, groups=32, width_per_group=4), [(2, 3, 33, 65), (1, 3, 64, 40)], {"depths": [1, 2, 1, 1], "groups": 32, "group_width": 4, "classes": 9}),
    Case("mobilenet_v2", "MobileNetV2", lambda: network("mobilenet_v2", num_classes=9), [(2, 3, 33, 65), (1, 3, 64, 40)], {"classes": 9}, drawn=True),
    Case("mobilenet_v2", "MobileNetV2", lambda: network("mobilenet_v2", num_classes=9, width_mult=0.35, dropout=0.0), [(2, 3, 33, 65)], {"classes": 9, "width": 0.35, "p": 0.0}),
    Case("mobilenet_v3", "MobileNetV3Small", lambda: network("mobilenet_v3_small", num_classes=9, dropout=0.0), [(2, 3, 33, 65), (1, 3, 64, 40)], {"classes": 9, "p": 0.0}),
    Case("mobilenet_v3", "MobileNetV3Large", lambda: network("mobilenet_v3_large", num_classes=9), [(2, 3, 64, 40)], {"classes": 9}, drawn=True),
    Case("efficientnet", "EfficientNetB0", lambda: network("efficientnet_b0", num_classes=9, dropout=0.0), [(2, 3, 33, 65), (1, 3, 64, 40)], {"classes": 9, "drop": 0.0}, drawn=True),
    Case("vit", "ViT", lambda: models.VisionTransformer(32, 8, 2, 4, 16, 24, num_classes=9), [(2, 3, 32, 32), (3, 3, 32, 32)], {"image": 32, "patch": 8, "depth": 2, "heads": 4, "dim": 16, "hidden": 24, "classes": 9}),
    Case("vit", "ViT", lambda: models.VisionTransformer(24, 6, 1, 3, 12, 20, num_classes=7), [(2, 3, 24, 24)], {"image": 24, "patch": 6, "depth": 1, "heads": 3, "dim": 12, "hidden": 20, "classes": 7}),
    Case("regnet", "RegNetY_400MF", lambda: network("regnet_y_400mf", num_classes=9), [(2, 3, 33, 65), (1, 3, 64, 40)], {"classes": 9}),
    Case("regnet", "RegNetX_400MF", lambda: network("regnet_x_400mf", num_classes=9), [(2, 3, 64, 40)], {"classes": 9}),
    Case("deeplab", "DeepLabV3_ResNet50", lambda: network("deeplabv3_resnet50", weights_backbone=None, num_classes=5, aux_loss=True), [(2, 3, 33, 65), (1, 3, 64, 40)], {"classes": 5}, drawn=True),
    Case("densenet", "DenseNet", lambda: models.DenseNet(8, (2, 3, 2, 2), 16, num_classes=9), [(2, 3, 65, 97), (1, 3, 64, 80)], {"depths": [2, 3, 2, 2], "widths": [16, 16, 20, 18], "growth": 8, "classes": 9}),
    Case("convnext", "ConvNeXt", lambda: models.ConvNeXt([convnext(4, 6, 1), convnext(6, 8, 2), convnext(8, None, 1)], num_classes=9, layer_scale=0.5), [(2, 3, 33, 65), (1, 3, 64, 40)], {"depths": [1, 2, 1], "widths": [4, 6, 8], "classes": 9, "p": 0.0}),
    Case("convnext", "ConvNeXtTiny", lambda: network("convnext_tiny", num_classes=9), [(2, 3, 32, 64)], {"classes": 9}, drawn=True),
    Case("swin", "Swin", lambda: models.SwinTransformer([4, 4], 8, [2, 1, 2], [2, 4, 2], [3, 3], stochastic_depth_prob=0.0, num_classes=9), [(2, 3, 36, 64), (1, 3, 22, 84)], {"dim": 8, "depths": [2, 1, 2], "heads": [2, 4, 2], "window": 3, "classes": 9, "p": 0.0}),
    Case("swin", "SwinTiny", lambda: network("swin_t", num_classes=9), [(1, 3, 64, 96), (1, 3, 32, 256)], {"classes": 9}, drawn=True),
    Case("inception", "Inception3", lambda: network("inception_v3", num_classes=9, init_weights=False, transform_input=False, dropout=0.0), [(2, 3, 75, 99), (1, 3, 107, 75)], {"classes": 9, "p": 0.0}, trained=[(2, 3, 299, 299)]),
]  # fmt: skip

NAMED: list[tuple[str, str, str]] = [
    ("alexnet", "AlexNet", "alexnet"),
    *(("vgg", f"VGG{n}{bn.upper()}", f"vgg{n}{bn}") for n in (11, 13, 16, 19) for bn in ("", "_bn")),
    *(("convnext", f"ConvNeXt{n}", f"convnext_{n.lower()}") for n in ("Tiny", "Small", "Base", "Large")),
    *(("swin", f"Swin{n}", f"swin_{n[0].lower()}") for n in ("Tiny", "Small", "Base")),
    ("resnet", "ResNet18", "resnet18"),
    ("resnet", "ResNet34", "resnet34"),
    ("resnet", "ResNet50", "resnet50"),
    ("resnet", "ResNet101", "resnet101"),
    ("resnet", "ResNet152", "resnet152"),
    ("resnet", "ResNeXt50_32x4d", "resnext50_32x4d"),
    ("resnet", "ResNeXt101_32x8d", "resnext101_32x8d"),
    ("resnet", "ResNeXt101_64x4d", "resnext101_64x4d"),
    ("resnet", "WideResNet50_2", "wide_resnet50_2"),
    ("resnet", "WideResNet101_2", "wide_resnet101_2"),
    ("mobilenet_v2", "MobileNetV2", "mobilenet_v2"),
    ("mobilenet_v3", "MobileNetV3Large", "mobilenet_v3_large"),
    ("mobilenet_v3", "MobileNetV3Small", "mobilenet_v3_small"),
    *(("efficientnet", f"EfficientNetB{i}", f"efficientnet_b{i}") for i in range(8)),
    *(("vit", f"ViT{k}", f"vit_{k.lower()}") for k in ("B_16", "B_32", "L_16", "L_32", "H_14")),
    ("inception", "Inception3", "inception_v3"),
    *(("densenet", f"DenseNet{n}", f"densenet{n}") for n in (121, 161, 169, 201)),
    ("deeplab", "DeepLabV3_ResNet50", "deeplabv3_resnet50"),
    ("deeplab", "DeepLabV3_ResNet101", "deeplabv3_resnet101"),
    *(
        ("regnet", f"RegNet{kind}_{size.upper()}", f"regnet_{kind.lower()}_{size}")
        for kind in "XY"
        for size in ("400mf", "800mf", "1_6gf", "3_2gf", "8gf", "16gf", "32gf", "128gf")
        if (kind, size) != ("X", "128gf")
    ),
]


class Meta(TorchDispatchMode):
    """Parameters without numbers; what torchvision computes with tensors keeps its own."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (
            torch.ops.aten.empty.memory_format,
            torch.ops.aten.ones.default,
            torch.ops.aten.zeros.default,
        ):
            kwargs = {**(kwargs or {}), "device": "meta"}
        return func(*args, **(kwargs or {}))


def calm(twin: nn.Module) -> None:
    """Statistics that differ from channel to channel, so that no mistake about them cancels."""
    for m in twin.modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            assert m.running_mean is not None
            assert m.running_var is not None
            m.running_mean.normal_(std=0.1)
            m.running_var.uniform_(0.5, 1.5)


def pair(case: Case) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    twin = case.twin()
    calm(twin)
    model = getattr(loaded(case.file), case.name)(**case.hypers)
    model.load_state_dict(twin.state_dict(), strict=True)
    return model, twin


def results(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    found = value.values() if isinstance(value, dict) else value
    return flat([v for v in found if v is not None])


def near(a: Tensor, b: Tensor, tolerance: float = 1e-4) -> None:
    """Equal but for rounding, in terms of the largest value."""
    assert a.shape == b.shape
    scale = b.abs().max().item() + 1e-6
    torch.testing.assert_close(a / scale, b / scale, rtol=tolerance, atol=tolerance)


HEAVY = {"vgg", "alexnet", "deeplab"}
"""Files whose networks end in wide linear maps, or take images of some size."""


def cases(drawn: bool) -> list[Any]:
    """Those that take long behind the marker."""
    return [
        pytest.param(c, id=str(c), marks=[pytest.mark.long] if c.file in HEAVY else [])
        for c in RUN
        if drawn or not c.drawn
    ]


@pytest.mark.parametrize("case", cases(drawn=True))
def test_outputs_are_torchvisions(case: Case, tmp_path: Path) -> None:
    model, twin = pair(case)
    path = tmp_path / "model.onnx"
    export(model_file(case.file), case.name, path, case.hypers, state=twin.state_dict())
    model.eval()
    twin.eval()
    (name,) = [i for i in ("image", "x") if i in model.forward.__annotations__]
    for size in case.sizes:
        image = torch.randn(size)
        with torch.no_grad():
            wanted, got = results(twin(image)), results(model(image))
        exported = run(path, {name: image})
        assert len(wanted) == len(got) == len(exported)
        for a, b, c in zip(wanted, got, exported, strict=True):
            near(b, a)
            near(torch.from_numpy(np.array(c)), a)


@pytest.mark.parametrize("case", cases(drawn=False))
def test_training_is_torchvisions(case: Case) -> None:
    model, twin = pair(case)
    model.train()
    twin.train()
    for size in case.trained or case.sizes:
        image = torch.randn(2, *size[1:])
        wanted, got = results(twin(image)), results(model(image))
        for a, b in zip(wanted, got, strict=True):
            near(b.detach(), a.detach())
    for a, b in zip(model.buffers(), twin.buffers(), strict=True):
        near(a.float(), b.float())


FIRST = {file: name for file, name, _ in reversed(NAMED)}
"""One variant of each family: the others behind the marker."""


@pytest.mark.parametrize(
    ("file", "name", "twin"),
    [pytest.param(*row, marks=[] if FIRST[row[0]] == row[1] else [pytest.mark.long]) for row in NAMED],
    ids=[n for _, n, _ in NAMED],
)
def test_variants_have_torchvisions_names(file: str, name: str, twin: str) -> None:
    with torch.device("meta"):
        model = getattr(loaded(file), name)()
    with Meta():
        more = {"weights_backbone": None, "aux_loss": True} if file == "deeplab" else {}
        wanted = network(twin, **more).state_dict()
    found = model.state_dict()
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in wanted.items()}
    assert list(found) == list(wanted)


@pytest.mark.parametrize("channels", [[4, 6, 8, 10], [3, 7], [5], [2, 3, 4, 5, 6]], ids=len)
def test_a_feature_pyramid_is_torchvisions(channels: list[int], tmp_path: Path) -> None:
    torch.manual_seed(0)
    hypers = {"channels": channels, "out": 5}
    twin = ops.FeaturePyramidNetwork(channels, 5)
    model = loaded("fpn").FeaturePyramid(**hypers)
    model.load_state_dict(twin.state_dict(), strict=True)
    path = tmp_path / "model.onnx"
    export(model_file("fpn"), "FeaturePyramid", path, hypers, state=twin.state_dict())
    names = [i.name for i in onnx.load(path).graph.input]
    for h, w in [(2, 3), (1, 2)]:
        features = [
            torch.randn(2, c, h * 2**i, w * 2**i)
            for c, i in zip(channels, reversed(range(len(channels))), strict=True)
        ]
        wanted = list(twin(dict(enumerate(features))).values())[::-1]
        exported = run(path, dict(zip(names, features, strict=True)))
        for a, b, c in zip(wanted, model(features), exported, strict=True):
            near(b, a)
            near(torch.from_numpy(c), a)


@pytest.mark.parametrize(
    ("file", "name", "twin", "block"),
    [
        *(("efficientnet", f"EfficientNetB{n}", f"efficientnet_b{n}", "StochasticDepth") for n in range(8)),
        *(("convnext", f"ConvNeXt{n}", f"convnext_{n.lower()}", "CNBlock") for n in ("Tiny", "Base")),
        *(("swin", f"Swin{n}", f"swin_{n[0].lower()}", "SwinBlock") for n in ("Tiny", "Small")),
    ],
)
def test_training_skips_blocks_as_often_as_torchvisions(file: str, name: str, twin: str, block: str) -> None:
    with torch.device("meta"):
        model = getattr(loaded(file), name)()
    with Meta():
        wanted = network(twin)
    found = [m.p for m in model.modules() if type(m).__name__ == block]
    assert found == [m.p for m in wanted.modules() if type(m).__name__ == "StochasticDepth"]
