"""Generated modules beside their hand-written twins: weights, outputs, gradients, compilation, export."""

from __future__ import annotations

import copy
import pickle
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, load_model, save_model
from torch import Tensor, nn

import spec_lang

GOLDEN = Path(__file__).parent / "golden"


@cache
def golden(name: str) -> ModuleType:
    return spec_lang.load(GOLDEN / f"{name}.nnspec", allow_extern=True)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(dim, 3 * dim)
        self.c_proj = nn.Linear(dim, dim)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.c_attn(x).chunk(3, dim=-1)
        q, k, v = (z.view(n, t, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))
        scores = q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        y = scores.softmax(-1) @ v
        return self.dropout(self.c_proj(y.transpose(1, 2).reshape(n, t, d)))


class Stage(nn.Module):
    def __init__(self, c: int, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(c, width, 3, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x).relu()
        for conv in self.blocks:
            x = x + conv(x).relu()
        return x


class Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.stages = nn.ModuleList([Stage(4, 8), Stage(8, 16), Stage(16, 32)])
        self.head = nn.Linear(32, 10)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean((2, 3)))


def conv_bn(c: int, width: int, *drop: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), *drop, nn.ReLU()
    )


class Containers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        named = nn.Sequential()
        self.stem = conv_bn(3, 8)
        self.body = nn.Sequential(*[conv_bn(8, 8, nn.Dropout2d(0.1)) for _ in range(2)], named)
        named.add_module("conv", nn.Conv2d(8, 8, 1))
        named.add_module("act", nn.ReLU())
        self.branch = nn.ModuleDict({f"branch_{i}": nn.Conv2d(8, 8, 2 * i + 1, padding=i) for i in range(2)})
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
        self.pair = nn.ModuleList([nn.Conv2d(8, 8, 1), nn.Conv2d(8, 16, 1)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.stem(x))
        for norm in self.norms:
            x = norm(x)
        for branch in self.branch.values():
            x = x + branch(x)
        return self.pair[1](self.pair[0](x))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))
        self.up = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=1) for _ in range(3))
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, skips = self.stem(x).relu(), []
        for conv in self.down:
            skips.append(y)
            y = F.max_pool2d(conv(y).relu(), 2)
        for conv in self.up:
            y = torch.cat([F.interpolate(y, scale_factor=2), skips.pop()], 1)
            y = conv(y).relu()
        return self.head(y) + x


class Residual(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.5 * self.fc2(self.fc1(x).relu())


class Importing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleDict({"inner": Residual(6, 12)}) for _ in range(2))
        self.last = Residual(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = 0.5 * block["inner"](x)
        return self.last(x)


MASK = torch.ones(5, 5).tril().bool()[None, None].repeat(2, 1, 1, 1)
CASES: list[tuple[Any, Any, tuple[Any, ...]]] = [
    (lambda: golden("attention").Attention(2, D=8), lambda: Attention(8, 2), (torch.randn(2, 5, 8),)),
    (lambda: golden("attention").Attention(2, D=8), lambda: Attention(8, 2), (torch.randn(2, 5, 8), MASK)),
    (lambda: golden("stages").Net(), Stages, (torch.randn(2, 3, 9, 7),)),
    (lambda: golden("containers").Net(), Containers, (torch.randn(2, 3, 6, 5),)),
    (lambda: golden("flow").UNet(), UNet, (torch.randn(2, 1, 16, 8),)),
    (lambda: golden("importing").Net(), Importing, (torch.randn(3, 6),)),
]
IDS = ["attention", "masked", "stages", "containers", "flow", "importing"]


@pytest.mark.parametrize(("make", "make_twin", "inputs"), CASES, ids=IDS)
def test_twin(make: Any, make_twin: Any, inputs: tuple[Any, ...]) -> None:
    torch.manual_seed(3)
    model = make()
    torch.manual_seed(3)
    twin = make_twin()
    for (name, a), (other, b) in zip(model.state_dict().items(), twin.state_dict().items(), strict=True):
        assert name == other
        assert torch.equal(a, b), name
    twin.load_state_dict(model.state_dict(), strict=True)
    model.load_state_dict(twin.state_dict(), strict=True)
    model.eval(), twin.eval()
    expected = twin(*inputs)
    torch.testing.assert_close(model(*inputs), expected)
    model(*inputs).sum().backward()
    expected.sum().backward()
    for (name, a), b in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


@pytest.mark.parametrize(("make", "make_twin", "inputs"), CASES, ids=IDS)
def test_compiles_whole(make: Any, make_twin: Any, inputs: tuple[Any, ...]) -> None:
    model = make().eval()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(*inputs), model(*inputs))


def test_compiles_whole_with_checks_and_created_tensors() -> None:
    model = golden("flow").Positions().eval()
    tokens = torch.randint(12, (2, 7))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(tokens), model(tokens))


def test_exports_with_dynamic_dims() -> None:
    model = golden("flow").Positions().eval()
    dims = {"tokens": {0: torch.export.Dim("N"), 1: torch.export.Dim("T", max=12)}}
    program = torch.export.export(model, (torch.randint(12, (2, 7)),), dynamic_shapes=dims)
    tokens = torch.randint(12, (3, 11))
    torch.testing.assert_close(program.module()(tokens), model(tokens))


def test_caller_is_told_first() -> None:
    with pytest.raises(ValueError, match=r"T must be at most context \(T=13, context=12\)"):
        golden("flow").Positions()(torch.zeros(1, 13, dtype=torch.int64))


def test_hyperparameters_are_checked_in_the_class_that_states_it() -> None:
    with pytest.raises(ValueError, match=r"heads must divide the model width \(D=8, heads=3\)"):
        golden("attention").Attention(3, D=8)


def test_cache_grows() -> None:
    model = golden("attention").Cached()
    first = model(torch.randn(2, 3, 8))
    second = model(torch.randn(2, 1, 8), first)
    assert [t.shape for t in second] == [(2, 4, 8), (2, 4, 8)]
    assert torch.equal(second[0][:, :3], first[0])


TIED_INSIDE = """
block Mirror(n: int):
    layers:
        there = Linear(n, n, bias=false)
        back = Linear(n, n, bias=false)

    tie there.weight = back.weight

    forward(x: float[N, n]) -> float[N, n]:
        return x -> there -> back

model Two(n: int = 4):
    layers:
        list = [Mirror(n) for i in range(2)]
        one = Mirror(n)

    forward(x: float[N, n]) -> float[N, n]:
        return x -> list -> one
"""


class TestState:
    def model(self) -> nn.Module:
        torch.manual_seed(0)
        model = golden("state").Encoder(vocab=9)
        assert isinstance(model, nn.Module)
        return model

    def test_names(self) -> None:
        names = list(self.model().state_dict())
        assert names[:3] == ["cls", "scale", "causal"]
        assert "steps" not in names
        assert "layers.1.fc2.bias" in names
        assert {"embed.weight", "head.weight"} <= set(names)

    def test_init(self) -> None:
        model: Any = self.model()
        assert all((layer.fc1.bias == 0).all() for layer in model.layers)
        assert (model.norm.weight == 0.5).all()
        assert 0.015 < model.layers[0].fc1.weight.std() < 0.025
        assert model.head.weight is model.embed.weight

    @pytest.mark.parametrize("missing", ["head.weight", "embed.weight", None])
    def test_loads_a_tied_tensor_stored_once(self, missing: str | None) -> None:
        model, other = self.model(), self.model()
        with torch.no_grad():
            for p in other.parameters():
                p.add_(1.0)
        state = other.state_dict()
        state.pop(missing, None)
        wrapped = nn.ModuleDict({"inner": copy.deepcopy(model)})
        wrapped.load_state_dict({f"inner.{k}": v for k, v in state.items()}, strict=True)
        model.load_state_dict(state, strict=True)
        for (name, a), b in zip(model.named_parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b), name

    def test_safetensors_saves_and_loads_it(self, tmp_path: Path) -> None:
        """As `save_pretrained` and `from_pretrained` of a hub's mixin do, which call the same two functions."""

        class Mine(golden("state").Encoder):  # type: ignore[misc]
            pass

        for make in (self.model, lambda: Mine(vocab=9), spec_lang.load_text(TIED_INSIDE).Two):
            model, other = make(), make()
            with torch.no_grad():
                for p in model.parameters():
                    p.add_(1.0)
            save_model(model, str(tmp_path / "m.safetensors"))
            assert load_model(other, str(tmp_path / "m.safetensors")) == (set(), [])
            assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))
            other.load_state_dict(load_file(tmp_path / "m.safetensors"))
        missing = other.load_state_dict({}, strict=False).missing_keys
        assert sorted(missing) == sorted(other.state_dict())

    def test_an_untied_file_without_both_is_refused(self) -> None:
        state = self.model().state_dict()
        del state["head.weight"], state["embed.weight"]
        with pytest.raises(RuntimeError, match=r"Missing key.*embed\.weight"):
            self.model().load_state_dict(state)

    def test_dropout_follows_the_mode(self) -> None:
        model = self.model()
        tokens = torch.randint(9, (2, 4))
        assert not torch.equal(model(tokens), model(tokens))
        model.eval()
        assert torch.equal(model(tokens), model(tokens))

    def test_variant(self) -> None:
        small = golden("state").Small()
        assert isinstance(small, golden("state").Encoder)
        assert small.head.weight.shape == (10, 4)

    def test_variant_of_an_imported_model(self) -> None:
        tall = golden("variants").Tall(hidden=3)
        assert [part.fc1.weight.shape for part in tall.parts] == [(3, 6)] * 3

    def test_half_precision(self) -> None:
        model = golden("flow").Positions().to(torch.bfloat16)
        assert model(torch.randint(12, (2, 3))).dtype is torch.bfloat16


def test_extern() -> None:
    model = golden("external").Net()
    assert torch.equal(model(torch.ones(2, 4)), torch.full((2, 4), 4.0))


def test_pickles() -> None:
    model = golden("state").Encoder()
    again = pickle.loads(pickle.dumps(model))
    assert torch.equal(again.cls, model.cls)


def test_repr_shows_the_layers() -> None:
    assert "(c_attn): Linear(in_features=8, out_features=24, bias=True)" in repr(
        golden("attention").Attention(2, D=8)
    )


def test_sizes() -> None:
    module = golden("sizes")
    y, steps = module.Packs()(torch.zeros(2, 3, 5, 4))
    assert y.shape == (2, 3, 5, 4)
    assert steps.tolist() == [0, 1, 2, 3, 4]
    assert module.Multiples().eval()(torch.randn(2, 6, 5, 4)).shape == (2, 3, 4)
    cache = module.Cache()
    x, past = torch.randn(1, 2, 4), (torch.zeros(1, 3, 4), torch.zeros(1, 3, 4))
    torch.testing.assert_close(cache(x, past) - cache(x), torch.full((1, 2, 4), 3.0))
    assert module.Wide()(torch.randn(2, 4)).shape == (2, 4)


def test_functions_follow_the_mode_of_their_caller() -> None:
    model, x = golden("sizes").Multiples(), torch.randn(2, 6, 5, 4)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_running_sizes() -> None:
    module = golden("nesting")
    model = module.DenseNet(growth=3, depths=(1, 4))
    assert [layer.conv.in_channels for layer in model.second] == [5, 8, 11, 14]
    assert module.Pair()(torch.randn(2, 3, 8, 6)).shape == (2, 5)
    assert "last.b.weight" not in module.Pair().state_dict()
    assert "last.b.weight" in module.Pair(growth=1).state_dict()
    with pytest.raises(ValueError, match=r"H must be at least 2 \(H=1\)"):
        module.Pair()(torch.randn(2, 3, 1, 6))


def test_paths() -> None:
    model = golden("paths").Net(dim=5, depth=3).eval()
    x, state = model(torch.randn(2, 5))
    assert x.shape == state.shape == (2, 5)
    assert torch.equal(model.fc.weight, torch.eye(5))
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, start=state), model(x, start=state))
    images = golden("paths").Images()
    assert images.second.bn.eps == 1e-3
    assert images(torch.randn(2, 3, 5, 6)).shape == (2, 8, 3, 3)
