"""The models that the ONNX benchmarks compare: ours by spec, theirs by the twin that people write by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        spec: Its file in `models/`.
        model: Its name there.
        sets: Values for its hyperparameters.
        twin: An expression that builds the same module in PyTorch.
        inputs: An expression for the tuple of example inputs.
        faster: How many times faster than PyTorch's exporter ours must be.
    """

    spec: str
    model: str
    twin: str
    inputs: str
    faster: int
    sets: tuple[str, ...] = ()


MLP = """type("MLP", (nn.Module,), {
    "__init__": lambda self: (nn.Module.__init__(self),
                              setattr(self, "layer", nn.ModuleList(nn.Linear(64, 64) for _ in range(1000))))[0],
    "forward": lambda self, x: __import__("functools").reduce(lambda y, f: f(y).relu(), self.layer, x),
})()"""

CASES = {
    "LeNet-5": Case("lenet5", "LeNet5", "twins.LeNet5(10)", "(torch.randn(1, 1, 32, 32),)", 15),
    "LSTM tagger": Case(
        "tagger",
        "LSTMTagger",
        'twins.Tagger("lstm", 10_000, 17, 64, 128)',
        "(torch.randint(10_000, (1, 64)),)",
        20,
    ),
    "ResNet-50": Case(
        "resnet", "ResNet50", "twins.ResNet(4, [3, 4, 6, 3], 1000)", "(torch.randn(1, 3, 224, 224),)", 20
    ),
    "ResNet-152": Case(
        "resnet", "ResNet152", "twins.ResNet(4, [3, 8, 36, 3], 1000)", "(torch.randn(1, 3, 224, 224),)", 20
    ),
    "nn.Transformer": Case(
        "transformer",
        "Seq2SeqTransformer",
        'twins.Seq2SeqTransformer(512, 8, 6, 6, 2048, 0.1, "relu")',
        "(torch.randn(1, 64, 512), torch.randn(1, 64, 512))",
        40,
    ),
    "BERT-base": Case(
        "bert",
        "BERT",
        "twins.BERT(30_522, 512, 2, 768, 12, 12, 3072)",
        "(torch.randint(30_522, (1, 128)), torch.zeros(1, 128, dtype=torch.long))",
        40,
    ),
    "GPT-2": Case(
        "gpt2",
        "GPT2",
        "twins.GPT2(50_257, 1024, 768, 12, 12, 0.1)",
        "(torch.randint(50_257, (1, 128)),)",
        40,
    ),
    "MLP of 1,000 layers": Case("mlp", "MLP", MLP, "(torch.randn(1, 64),)", 40),
}

SMALL_GPT2 = Case(
    "gpt2",
    "GPT2",
    "twins.GPT2(256, 64, 64, 4, 4, 0.1)",
    "(torch.randint(256, (1, 16)),)",
    0,
    ("vocab=256", "context=64", "dim=64", "depth=4", "heads=4"),
)
"""Where the graph decides the latency: 4 layers, 64 wide, 16 tokens."""

PREPARE = """
import sys
import torch
from torch import nn
from safetensors.torch import save_model
from tests.models import twins
torch.manual_seed(0)
model = {twin}
save_model(model, sys.argv[1])
"""

EXPORT = """
import sys
import torch
from torch import nn
from safetensors.torch import load_model
from tests.models import twins
model = {twin}
load_model(model, sys.argv[1])
model.eval()
torch.onnx.export(model, {inputs}, sys.argv[2], dynamo=True, verbose=False, dynamic_shapes={dynamic})
"""
"""`dynamic` is None for the exporter's default, in which every size is the example's."""


def specc(case: Case, python: str, folder: Path, weights: Path) -> list[str]:
    """The command that exports a case with ours, to `folder / f"{case.spec}.onnx"`."""
    sets = [part for s in case.sets for part in ("--set", s)]
    spec = str(ROOT / "models" / f"{case.spec}.nnspec")
    command = [python, "-m", "spec_lang", "compile", spec, "--target", "onnx", "--model", case.model]
    return [*command, *sets, "--weights", str(weights), "-o", str(folder)]
