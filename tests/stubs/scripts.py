"""Training scripts around models, and mistakes to plant in them: each is a line that is replaced by one that PyTorch refuses."""

from __future__ import annotations

from typing import NamedTuple


class Script(NamedTuple):
    """A script over a model of `models/`; `mistakes` are lines of it, and what stands there instead."""

    spec: str
    text: str
    mistakes: tuple[tuple[str, str], ...]


HEAD = """\
import torch
from torch import Tensor, nn, optim

"""

SCRIPTS = (
    Script(
        "lenet5",
        """\
from lenet5 import LeNet5


def step(net: LeNet5, image: Tensor, label: Tensor) -> float:
    loss = net.loss(net(image), label)
    loss.backward()
    return loss.item()


net = LeNet5()
optimiser = optim.SGD(net.parameters(), lr=0.1)
image = torch.randn(4, 1, 32, 32)
label = torch.zeros(4, dtype=torch.long)
optimiser.zero_grad()
step(net, image, label)
logits = net(image)
loss = net.loss(logits, label)
loss.backward()
optimiser.step()
smooth = 0.9 * logits + 0.1 * torch.full((4, 10), 0.1)
probe = nn.Linear(10, 2)
sides = probe(logits)
right = (logits.argmax(1) == label).float().mean()
""",
        (
            ("image = torch.randn(4, 1, 32, 32)", "image = torch.randn(4, 1, 28, 28)"),
            ("logits = net(image)", "logits = net(image.expand(4, 3, 32, 32))"),
            ("loss = net.loss(logits, label)", "loss = net.loss(logits, torch.zeros(5, dtype=torch.long))"),
            ("sides = probe(logits)", "sides = probe(image.flatten(1))"),
            (
                "smooth = 0.9 * logits + 0.1 * torch.full((4, 10), 0.1)",
                "smooth = 0.9 * logits + 0.1 * torch.full((4, 11), 0.1)",
            ),
        ),
    ),
    Script(
        "mlp",
        """\
from mlp import MLP

net = MLP(depth=2, dim=20)
x = torch.randn(8, 20)
y = net(x)
error = (y - x).square().mean()
error.backward()
weights = torch.randn(20, 3)
projected = y @ weights
""",
        (
            ("x = torch.randn(8, 20)", "x = torch.randn(8, 21)"),
            ("weights = torch.randn(20, 3)", "weights = torch.randn(21, 3)"),
        ),
    ),
    Script(
        "gpt2",
        """\
from gpt2 import GPT2


def train(net: GPT2, rows: Tensor, steps: int) -> Tensor:
    optimiser = optim.AdamW(net.parameters(), lr=1e-3)
    loss = torch.zeros(())
    for _ in range(steps):
        logits = net(rows[:, :-1])
        loss = net.loss(logits, rows[:, 1:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss


net = GPT2(vocab=50, context=16, dim=24, depth=2, heads=2)
tokens = torch.zeros(2, 8, dtype=torch.long)
last = train(net, tokens, 1)
logits = net(tokens)
loss = net.loss(logits, tokens)
bias = torch.zeros(50)
biased = logits + bias
chosen = (logits[:, -1] @ torch.zeros(50, 1)).squeeze(-1)
""",
        (
            ("logits = net(tokens)", "logits = net(tokens[0])"),
            ("loss = net.loss(logits, tokens)", "loss = net.loss(logits, tokens[:, 1:])"),
            ("bias = torch.zeros(50)", "bias = torch.zeros(49)"),
            (
                "chosen = (logits[:, -1] @ torch.zeros(50, 1)).squeeze(-1)",
                "chosen = (logits[:, -1] @ torch.zeros(24, 1)).squeeze(-1)",
            ),
        ),
    ),
    Script(
        "resnet",
        """\
from resnet import ResNet18

net = ResNet18(classes=7)
image = torch.randn(2, 3, 64, 64)
label = torch.zeros(2, dtype=torch.long)
scores = net(image)
loss = net.loss(scores, label)
loss.backward()
teacher = torch.randn(2, 7)
distance = (scores - teacher).abs().mean()
both = torch.cat([scores, teacher], dim=0)
""",
        (
            ("image = torch.randn(2, 3, 64, 64)", "image = torch.randn(2, 1, 64, 64)"),
            ("net = ResNet18(classes=7)", "net = ResNet18(classes=10)"),
            ("label = torch.zeros(2, dtype=torch.long)", "label = torch.zeros(3, dtype=torch.long)"),
        ),
    ),
    Script(
        "unet",
        """\
from unet import UNet

net = UNet(channels=3, classes=4, width=4, depth=2)
image = torch.randn(1, 3, 16, 24)
label = torch.zeros(1, 16, 24, dtype=torch.long)
logits = net(image)
loss = net.loss(logits, label)
loss.backward()
weight = torch.ones(1, 4, 16, 24)
weighted = logits * weight
""",
        (
            ("image = torch.randn(1, 3, 16, 24)", "image = torch.randn(1, 1, 16, 24)"),
            (
                "label = torch.zeros(1, 16, 24, dtype=torch.long)",
                "label = torch.zeros(1, 16, 16, dtype=torch.long)",
            ),
            ("weight = torch.ones(1, 4, 16, 24)", "weight = torch.ones(1, 4, 16, 23)"),
        ),
    ),
    Script(
        "bert",
        """\
from bert import BERT

net = BERT(vocab=40, context=16, dim=24, depth=1, heads=2)
tokens = torch.zeros(2, 6, dtype=torch.long)
states, pooled = net(tokens, tokens)
head = nn.Linear(24, 3)
scores = head(pooled)
tags = head(states)
score = scores.sum() + tags.sum()
score.backward()
""",
        (
            ("head = nn.Linear(24, 3)", "head = nn.Linear(32, 3)"),
            ("states, pooled = net(tokens, tokens)", "states, pooled = net(tokens, tokens[:, 1:])"),
        ),
    ),
    Script(
        "vit",
        """\
from vit import ViT

net = ViT(image=32, patch=16, dim=24, depth=1, heads=2, hidden=32, classes=5)
x = torch.randn(2, 3, 32, 32)
scores = net(x)
target = torch.zeros(2, 5)
loss = (scores - target).square().mean()
loss.backward()
""",
        (
            ("x = torch.randn(2, 3, 32, 32)", "x = torch.randn(2, 3, 224, 224)"),
            ("target = torch.zeros(2, 5)", "target = torch.zeros(2, 1000)"),
        ),
    ),
    Script(
        "llama",
        """\
from llama import Llama

net = Llama(vocab=30, dim=16, depth=2, heads=2, kv_heads=2, head_dim=8, hidden=24)
tokens = torch.zeros(1, 5, dtype=torch.long)
logits, past = net.decode(tokens)
more, past = net.decode(tokens[:, :1], past)
mask = torch.zeros(30)
masked = logits + mask
chosen = net(tokens)[:, -1].argmax(-1)
""",
        (
            ("mask = torch.zeros(30)", "mask = torch.zeros(32)"),
            ("more, past = net.decode(tokens[:, :1], past)", "more, past = net.decode(tokens[0, :1], past)"),
        ),
    ),
    Script(
        "seq2seq",
        """\
from seq2seq import Seq2Seq

net = Seq2Seq(source_vocab=20, target_vocab=30, embedding=8, hidden=12, depth=2)
source = torch.zeros(3, 5, dtype=torch.long)
target = torch.zeros(3, 7, dtype=torch.long)
scores = net(source, target)
loss = net.loss(scores, target)
loss.backward()
h, c = net.encode(source)
out, h, c = net.decode(target, h, c)
""",
        (
            ("target = torch.zeros(3, 7, dtype=torch.long)", "target = torch.zeros(4, 7, dtype=torch.long)"),
            ("loss = net.loss(scores, target)", "loss = net.loss(scores, source)"),
            ("out, h, c = net.decode(target, h, c)", "out, h, c = net.decode(target, h[0], c[0])"),
        ),
    ),
    Script(
        "tagger",
        """\
from tagger import LSTMTagger

net = LSTMTagger(vocab=30, tags=9)
sentence = torch.zeros(2, 6, dtype=torch.long)
scores = net(sentence)
loss = net.loss(scores, sentence)
loss.backward()
transitions = torch.zeros(9, 9)
moved = scores @ transitions
""",
        (
            ("transitions = torch.zeros(9, 9)", "transitions = torch.zeros(8, 9)"),
            ("loss = net.loss(scores, sentence)", "loss = net.loss(scores, sentence[:, :3])"),
        ),
    ),
)
