"""Every part of the language, exported: equal to the generated PyTorch module with the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spec_lang
from tests.onnx.exporting import checked, export, program, run

CASES: dict[str, tuple[str, dict[str, torch.Tensor], dict[str, Any]]] = {
    "carried dims": (
        """
block Stage(out: int):
    layers:
        conv = Conv2d(_, out, 3, padding=1)
    forward(x: float[N, C, H, W]) -> float[N, out, H, W]:
        return x -> conv -> relu

model M(width: int = 4, n: int = 3):
    layers:
        stages = [Stage(width * 2**i) for i in range(n)]
        head = Linear(_, 5)
    forward(x: float[N, 3, H, W]) -> float[N, 5]:
        x = x -> stages
        return x.mean((2, 3)) -> head
""",
        {"x": torch.randn(2, 3, 5, 7)},
        {},
    ),
    "dims carried along settings of several kinds": (
        """
SETTINGS = [(4, 1, true), (6, 2, false), (3, 2, true)]

block Stage(out: int, stride: int, act: bool):
    layers:
        conv = Conv2d(_, out, 3, stride=stride, padding=1)
        fc = Linear(C, out)
    forward(x: float[N, C, H, W]) -> float[N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]:
        y = conv(x) + fc(x.mean((2, 3)))[:, :, none, none]
        return relu(y) if act else y

model M:
    layers:
        stages = [Stage(c, s, a) for c, s, a in SETTINGS]
        tail = Sequential(*[Conv2d(_, c, 1) for c in [2, 5, 7, 2] if c > 2], ReLU())
        fan = [Linear(_, 4) for k, c in [("a", 7), ("b", 4)]]
    forward(x: float[N, 3, H, W]) -> float[N, 4]:
        x = x -> stages -> tail
        x = x.mean((2, 3)) -> fan[0]
        return x -> fan[1]
""",
        {"x": torch.randn(2, 3, 9, 8)},
        {},
    ),
    "products of sizes": (
        """
block Tokens(grid: list[int]):
    let cells = prod(grid)
    layers:
        fc = Linear(_, cells)
    forward(x: float[N, T, D]) -> float[N, prod([T, *grid])]:
        return (x -> fc).reshape(N, T * cells)

model M(h: int = 2, w: int = 3, scale: float = 0.5):
    layers:
        tokens = Tokens([h, w])
    forward(x: float[N, T, 4]) -> (float[N, T * prod([h, w])], float[N, T]):
        return tokens(x) * prod([scale, 3]), prod(x, dim=2)
""",
        {"x": torch.randn(2, 3, 4)},
        {},
    ),
    "signs of tensors": (
        """
model M:
    forward(x: float[N, 4], hidden: bool[N, 4]) -> float[N, 4]:
        return where(~hidden, -x, +x)
""",
        {"x": torch.randn(3, 4), "hidden": torch.rand(3, 4) < 0.5},
        {},
    ),
    "attention's weights beside other tensors": (
        """
model M:
    layers:
        mix = MultiheadAttention(2, 1, batch_first=true)
    forward(x: float[N, T, 2]) -> float[N, T, T + 2]:
        _, w = mix(x, x, x)
        return abs(cat([w, x], dim=2))
""",
        {"x": torch.randn(1, 3, 2)},
        {},
    ),
    "starts of buffers": (
        """
model M:
    layers:
        buffer table: float[6, 4] = stack([sin(arange(6, dtype=float)[:, none] * arange(2)), cos(arange(6, dtype=float)[:, none] * arange(2))], dim=-1).flatten(1)
        buffer share: float[4] = arange(4, dtype=float) / arange(4, dtype=float).sum()
        buffer decay: float[4] = sigmoid(arange(4, dtype=float).cumsum(0) - 2.0).clamp(0.2, 0.9)
        buffer soft: float[4] = softmax(relu(arange(4, dtype=float) - 1.0), dim=0)
    forward(x: float[N, 4]) -> float[N, 4]:
        return (x * share + decay) * soft + table.mean(dim=0)
""",
        {"x": torch.randn(2, 4)},
        {},
    ),
    "results called as inputs": (
        """
model M:
    layers:
        fc = Linear(4, 4)
    forward(x: float[N, 4], state: float[N, 4]) -> (x: float[N, 4], state: float[N, 4]):
        return fc(x), state + x
""",
        {"x": torch.randn(2, 4), "state": torch.randn(2, 4)},
        {},
    ),
    "a tuple that is absent": (
        """
model M(d: int = 4):
    forward(x: float[N, T, d], past: (float[N, P, d], float[N, P, d])? = none) -> float[N, 2*P + T, d]:
        y = x
        if past is not none:
            a, c = past
            y = cat([a, c, y], dim=1)
        return y * 2
""",
        {"x": torch.randn(2, 3, 4)},
        {},
    ),
    "attention of which only the weights are read": (
        """
model M:
    layers:
        mix = MultiheadAttention(8, 2, batch_first=true)
    forward(x: float[N, T, 8]) -> float[N, T, T]:
        _, w = mix(x, x, x)
        return w
""",
        {"x": torch.randn(2, 3, 8)},
        {},
    ),
    "lists of tensors": (
        """
model M(n: int = 3):
    layers:
        down = [Linear(8, 8) for i in range(n)]
        up = [Linear(16, 8) for i in range(n)]
    forward(x: float[N, 8]) -> float[N, 8]:
        skips = []
        for f in down:
            x = x -> f -> tanh
            skips += [x]
        for f, skip in zip(up, skips):
            x = cat([x, skip], dim=-1) -> f
        return x
""",
        {"x": torch.randn(2, 8)},
        {},
    ),
    "dicts, named containers and none": (
        """
model M(depth: int = 2):
    layers:
        parts = {f"layer_{i}": Linear(6, 6) for i in range(depth)}
        tail = Sequential(Linear(6, 4), ReLU(), last=Linear(4, 2))
    forward(x: float[N, 6]) -> float[N, 2]:
        return x -> parts["layer_1"] -> parts["layer_0"] -> tail
""",
        {"x": torch.randn(3, 6)},
        {},
    ),
    "shared layers and ties": (
        """
model M(vocab: int = 11, dim: int = 6):
    layers:
        wte = Embedding(vocab, dim)
        shared = Linear(dim, dim)
        head = Linear(dim, vocab, bias=false)
    tie head.weight = wte.weight
    forward(tokens: int[N, T]) -> float[N, T, vocab]:
        return tokens -> wte -> shared -> relu -> shared -> head
""",
        {"tokens": torch.randint(11, (2, 3))},
        {},
    ),
    "params and buffers": (
        """
model M(T: int = 4, dim: int = 6):
    layers:
        param cls: float[1, 1, dim] = normal(std=0.02)
        param scale: float[dim] = ones()
        buffer mask: bool[T, T] = tril(ones(T, T, dtype=bool)), persistent=false
        buffer steps: float[T, 1] = arange(T, dtype=float).unsqueeze(1) * 0.5
    forward(x: float[N, T, dim]) -> float[N, T, T]:
        y = (x + cls + steps) * scale
        scores = y @ y.transpose(1, 2)
        return where(mask, scores, 0.0)
""",
        {"x": torch.randn(2, 4, 6)},
        {},
    ),
    "functions, records, constants and lets": (
        """
WIDTH = 2 * 4

record Config:
    dim: int = WIDTH
    ratio: int = 2

fn wide(dim: int, ratio: int) = dim * ratio + 1

fn centred(x: float[*B, K]) -> float[*B, K]:
    return x - x.mean(-1, keepdim=true)

model M(cfg: Config = Config()):
    let hidden = wide(cfg.dim, cfg.ratio)
    layers:
        a = Linear(cfg.dim, hidden)
        b = Linear(hidden, cfg.dim)
    forward(x: float[N, T, cfg.dim]) -> float[N, T, cfg.dim]:
        return x -> centred -> a -> gelu -> b -> centred
""",
        {"x": torch.randn(2, 3, 8)},
        {},
    ),
    "layers as arguments": (
        """
block Block(norm: layer, act: layer = ReLU):
    layers:
        conv = Conv2d(C, C, 1)
        norm1 = norm(C)
        act1 = act()
    forward(x: float[N, C, H, W]) -> float[N, C, H, W]:
        return x -> conv -> norm1 -> act1

model M:
    layers:
        a = Block(partial(BatchNorm2d, eps=1e-3))
        b = Block(InstanceNorm2d, act=SiLU)
    forward(x: float[N, 4, H, W]) -> float[N, 4, H, W]:
        return x -> a -> b
""",
        {"x": torch.randn(2, 4, 3, 3)},
        {},
    ),
    "tuples and several results": (
        """
model M(hidden: int = 5):
    layers:
        lstm = LSTM(3, hidden, num_layers=2, batch_first=true)
    forward(x: float[N, T, 3], state: (float[2, N, hidden], float[2, N, hidden])) -> (
        y: float[N, T, hidden],
        h: float[2, N, hidden],
        c: float[2, N, hidden],
    ):
        y, (h, c) = lstm(x, state)
        return y, h, c
""",
        {"x": torch.randn(2, 4, 3), "state_0": torch.randn(2, 2, 5), "state_1": torch.randn(2, 2, 5)},
        {},
    ),
    "optional inputs that are there": (
        """
model M(dim: int = 4):
    layers:
        f = Linear(dim, dim)
    forward(x: float[N, T, dim], mask: bool[N, T]? = none, memory: float[N, T, dim] = x) -> float[N, T, dim]:
        y = f(x) + memory
        if mask is none:
            return y
        return y.masked_fill(mask.unsqueeze(-1), 0.0)
""",
        {
            "x": torch.randn(2, 3, 4),
            "mask": torch.tensor([[True, False, True], [False, False, True]]),
            "memory": torch.randn(2, 3, 4),
        },
        {"inputs": {"mask", "memory"}},
    ),
    "optional inputs that are not": (
        """
model M(dim: int = 4):
    layers:
        f = Linear(dim, dim)
    forward(x: float[N, T, dim], mask: bool[N, T]? = none, memory: float[N, T, dim] = x) -> float[N, T, dim]:
        y = f(x) + memory
        if mask is none:
            return y
        return y.masked_fill(mask.unsqueeze(-1), 0.0)
""",
        {"x": torch.randn(2, 3, 4)},
        {},
    ),
    "a cache that grows": (
        """
model M(dim: int = 4):
    layers:
        k = Linear(dim, dim)
    forward(x: float[N, T, dim], past: float[N, P, dim]? = none) -> (y: float[N, T, dim], keys: float[N, P + T, dim]):
        keys = k(x) if past is none else cat([past, k(x)], dim=1)
        y = softmax(x @ keys.transpose(1, 2), dim=-1) @ keys
        return y, keys
""",
        {"x": torch.randn(2, 3, 4), "past": torch.randn(2, 5, 4)},
        {"inputs": {"past"}},
    ),
    "sizes in forward": (
        """
model M(heads: int = 2):
    forward(x: float[N, T, D]) -> float[N, T, D]:
        require D % heads == 0
        y = x.reshape(N, T, heads, D // heads).transpose(1, 2)
        y = y.reshape(N * heads, T, D // heads) * (1 / sqrt(heads))
        y = y[:, : T - 1] if false else y
        y = y.unflatten(0, (N, heads)).transpose(1, 2)
        return y.flatten(2) + arange(T).unsqueeze(1)
""",
        {"x": torch.randn(2, 3, 4)},
        {},
    ),
    "multiples": (
        """
model M:
    forward(x: float[N, 16*h, 2*w + 1]) -> float[N, 8*h, w, 2]:
        y = x.reshape(N, 8*h, 2, 2*w + 1)[:, :, 0, 1:]
        return y.reshape(N, 8*h, w, 2)
""",
        {"x": torch.randn(2, 32, 7)},
        {},
    ),
    "leading dims": (
        """
model M(a: int = 3):
    layers:
        f = Linear(a, 5)
    forward(x: float[*B, a]) -> float[*B, 5]:
        return f(x) -> relu
""",
        {"x": torch.randn(2, 4, 3)},
        {"ranks": {"B": 2}},
    ),
    "init rules": (
        """
block Part(d: int):
    layers:
        f = Linear(d, d)
    init:
        f.weight = normal(std=0.5)
    forward(x: float[N, d]) -> float[N, d]:
        return f(x)

model M(d: int = 4):
    layers:
        parts = [Part(d) for i in range(2)]
        g = Linear(d, d)
        norm = LayerNorm(d)
    init:
        Linear.bias = uniform(-0.1, 0.1)
        LayerNorm.weight = constant(0.5)
        g.weight = xavier_uniform()
    forward(x: float[N, d]) -> float[N, d]:
        return x -> parts -> g -> norm
""",
        {"x": torch.randn(3, 4)},
        {},
    ),
    "init rules inside layers, and ties": (
        """
model M(d: int = 8):
    require d % 2 == 0
    layers:
        wte = Embedding(11, d)
        encoder = TransformerEncoder(TransformerEncoderLayer(d, 2, 12, batch_first=true), 2)
        head = Linear(d, 11, bias=false)
    tie head.weight = wte.weight
    init:
        Linear.weight = normal(std=0.3)
        Linear.bias = zeros()
        Embedding.weight = normal(std=0.2)
        LayerNorm = uniform(0.5, 1.5)
    forward(tokens: int[N, T]) -> float[N, T, 11]:
        return tokens -> wte -> encoder -> head
""",
        {"tokens": torch.randint(11, (2, 3))},
        {},
    ),
    "zip and enumerate": (
        """
model M(widths: list[int] = [4, 6, 8]):
    layers:
        fs = [Linear(4, 4) for b in widths]
        gs = [Linear(4, 4) for b in widths]
    forward(x: float[N, 4]) -> float[N, 4]:
        for i, (f, g) in enumerate(zip(fs, gs)):
            x = (x -> f -> relu -> g) * (i + 1)
        return x
""",
        {"x": torch.randn(3, 4)},
        {},
    ),
    "recurrences of a layer and of functions": (
        """
model M(width: int = 6):
    layers:
        rnn = LSTM(_, width, num_layers=2, batch_first=true, bidirectional=true, proj_size=3)
        head = Linear(_, 5)
    forward(x: float[N, T, 4]) -> (scores: float[N, T, 5], gates: float[N, T, 6], cell: float[4, N, width]):
        h, (_, cell) = rnn(x)
        highest, _ = cummax(h, 1)
        return head(h), cumprod(sigmoid(highest), 1), cell
""",
        {"x": torch.randn(2, 3, 4)},
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_generated_module(name: str, tmp_path: Path) -> None:
    text, feeds, options = CASES[name]
    spec = tmp_path / "spec.nnspec"
    spec.write_text(text)
    torch.manual_seed(5)
    module = spec_lang.load(spec).M().eval()
    path = tmp_path / "m.onnx"
    made = export(program(text), "M", path, seed=5, **options)
    model = checked(path)
    assert [i.name for i in model.graph.input] == list(feeds)
    assert [e.key for e in made.state.entries] == list(module.state_dict())
    assert made.tensors.parameters == sum(p.numel() for p in module.parameters())
    arguments = dict(feeds)
    if "state_0" in arguments:
        arguments["state"] = (arguments.pop("state_0"), arguments.pop("state_1"))
    with torch.no_grad():
        wanted = module(**arguments)
    results = wanted if isinstance(wanted, tuple) else (wanted,)
    got = run(path, feeds)
    assert len(got) == len(results)
    for a, b in zip(got, results, strict=True):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-4, atol=1e-5)


LOSS = """
model M(dim: int = 4):
    layers:
        f = Linear(dim, 3)
    forward(x: float[N, dim]) -> float[N, 3]:
        return f(x)
    twice(x: float[N, dim]) -> (a: float[N, 3], b: float[N, 3]):
        return f(x), f(2 * x)
    loss(logits: float[N, 3], label: int[N]):
        return cross_entropy(logits, label)
"""


def test_the_loss_on_request(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export(program(LOSS), "M", path, with_loss=True)
    model = checked(path)
    assert [i.name for i in model.graph.input] == ["x", "label"]
    assert [o.name for o in model.graph.output] == ["logits", "loss"]
    feeds = {"x": torch.randn(3, 4), "label": torch.tensor([0, 2, 1])}
    logits, loss = run(path, feeds)
    wanted = torch.nn.functional.cross_entropy(torch.from_numpy(logits), feeds["label"])
    np.testing.assert_allclose(loss, wanted.numpy(), rtol=1e-5)


def test_another_method(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export(program(LOSS), "M", path, method="twice")
    assert [o.name for o in checked(path).graph.output] == ["a", "b"]
    assert len(run(path, {"x": torch.randn(3, 4)})) == 2


NAMED = """
model M(depth: int = 2):
    layers:
        fc = Linear(4, 4)
    forward(x: float[N, 4], pasts: [float[N, P, 4] for i in range(depth)]) -> (
        last: float[N, 4],
        keys: [float[N, P + 1, 4] for i in range(depth)],
    ):
        keys = [cat([past, unsqueeze(fc(x), 1)], dim=1) for past in pasts]
        return x * P, keys
    loss(last: float[N, 4], target: float[N, 4]):
        return mse_loss(last, target)
"""


def test_results_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    export(program(NAMED), "M", path, with_loss=True)
    model = checked(path)
    assert [o.name for o in model.graph.output] == ["last", "keys_0", "keys_1", "loss"]
    past = torch.randn(3, 5, 4)
    feeds = {"x": torch.ones(3, 4), "pasts_0": past, "pasts_1": past, "target": torch.zeros(3, 4)}
    last, *_, loss = run(path, feeds)
    assert (last == 5).all()
    assert loss == 25


@pytest.mark.parametrize(("dtype", "tolerance"), [("f16", 2e-2), ("bf16", 1e-1)])
def test_other_precisions(dtype: str, tolerance: float, tmp_path: Path) -> None:
    from spec_lang.shapes import DType

    text, feeds, _ = CASES["functions, records, constants and lets"]
    export(program(text), "M", tmp_path / "m32.onnx")
    export(program(text), "M", tmp_path / "m.onnx", dtype=DType(dtype))
    model = checked(tmp_path / "m.onnx")
    assert {i.data_type for i in model.graph.initializer} & {1, 10, 16} == {10 if dtype == "f16" else 16}
    if dtype == "bf16":  # the CPU's ONNX Runtime has no kernels for it
        return
    [wanted] = run(tmp_path / "m32.onnx", feeds)
    [got] = run(tmp_path / "m.onnx", {k: v.half() for k, v in feeds.items()})
    np.testing.assert_allclose(got.astype("f4"), wanted, atol=tolerance)


def test_weights_left_out_are_inputs(tmp_path: Path) -> None:
    import onnx

    from spec_lang.targets.onnx.export import emit

    made = emit(program(LOSS), "M")
    model = onnx.load_from_string(b"".join(made.chunks({})))
    onnx.checker.check_model(model, full_check=True)
    assert [i.name for i in model.graph.input] == ["x", "f.weight", "f.bias"]
