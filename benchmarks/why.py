"""What plain PyTorch and its tools give where specc gives something: exports, shape errors before a run, checks in a run.

    python benchmarks/why.py export [--runs 3]
    python benchmarks/why.py checkers --pyrefly CLONE [--stubs FOLDER] [--count 32]
    python benchmarks/why.py jaxtyping

`export` exports four models with `torch.onnx.export(dynamo=True)`, once as it stands and once with dynamic dims, and with
specc; it prints time, memory, and which dims of the inputs stay dynamic.

`checkers` changes models in one place at a time. Pyrefly gets eight models that its authors ported, from a clone of its
repository, with and without the `assert_type`s that they put behind most lines; whether a mutant fails is seen by running
the tests that stand in the same file. specc gets eight of its own models; whether a mutant fails is seen by an interpreter that
checks nothing. `--stubs` is a folder with the packages `torch-stubs` and `shape_extensions` that fit the Pyrefly that is
installed (the clone's by default).

`jaxtyping` measures what checking annotations in each call costs, with beartype.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import itertools
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from types import ModuleType
from unittest.mock import MagicMock

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from onnx_cases import CASES, EXPORT, PREPARE, specc  # noqa: E402 - the checkout first
from python_mutants import mutants, plain, runnable, without_assertions  # noqa: E402
from timing import process, quotient  # noqa: E402

DYNAMIC = {
    "LeNet-5": "({0: torch.export.Dim.AUTO},)",
    "LSTM tagger": "({0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},)",
    "BERT-base": "({0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},) * 2",
    "GPT-2": "({0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO},)",
}
PORTS = ["resnet", "stargan", "unet", "densenet", "mobilenetv2", "llama", "dcgan", "speech_transformer"]
SPECS = ["resnet", "bert", "unet", "densenet", "mobilenet_v2", "llama", "gpt2", "transformer"]


def export(options: argparse.Namespace) -> None:
    os.environ["PYTHONPATH"] = str(ROOT)
    for name, dynamic in DYNAMIC.items():
        case = CASES[name]
        with tempfile.TemporaryDirectory(dir=".") as made:
            folder = Path(made)
            weights = folder / "weights.safetensors"
            process([sys.executable, "-c", PREPARE.format(twin=case.twin), str(weights)])
            ways = {
                "torch.onnx.export": _theirs(case, None, weights, folder / "fixed.onnx"),
                "with dynamic dims": _theirs(case, dynamic, weights, folder / "dynamic.onnx"),
                "specc": specc(case, sys.executable, folder, weights),
            }
            process(ways["specc"])
            runs = {way: [] for way in ways}  # type: ignore[var-annotated]
            for _ in range(options.runs):
                for way, command in ways.items():
                    runs[way].append(process(command))
            results = dict(zip(ways, ["fixed.onnx", "dynamic.onnx", f"{case.spec}.onnx"], strict=True))
            print(name)
            for way in ways:
                seconds = median(r.seconds for r in runs[way])
                memory = max(r.megabytes for r in runs[way])
                slower = quotient([a.cpu / b.cpu for a, b in zip(runs[way], runs["specc"], strict=True)])
                print(
                    f"  {way:18} {seconds:6.2f} s {memory:6.0f} MB {slower} times specc's CPU time   "
                    f"{_dims(folder / results[way])}",
                    flush=True,
                )


def _theirs(case, dynamic, weights, to):  # type: ignore[no-untyped-def]
    script = EXPORT.format(twin=case.twin, inputs=case.inputs, dynamic=dynamic)
    return [sys.executable, "-c", script, str(weights), str(to)]


def _dims(path: Path) -> str:
    """The inputs and outputs of a graph with their dims: names for those that stay dynamic."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    texts = []
    for values in (graph.input, graph.output):
        shapes = [
            f"[{', '.join(d.dim_param or str(d.dim_value) for d in v.type.tensor_type.shape.dim)}]"
            for v in values
        ]
        texts.append(", ".join(shapes))
    return " -> ".join(texts)


def checkers(options: argparse.Namespace) -> None:
    if options.pyrefly:
        _pyrefly(options)
    from tests.mutation.mutants import without_expects
    from tests.mutation.test_mutation import sampled
    from tests.mutation.trial import Report, trial

    whole: Counter[str] = Counter()
    for name in SPECS:
        report = Report()
        path = ROOT / "models" / f"{name}.nnspec"
        assert without_expects(path.read_text())
        for mutant in sampled(path, options.count):
            trial(name, mutant, report)
        whole += report.counts
        print(f"specc, {name}: {report.summary()}", flush=True)
    wrong = whole["ACCEPTED BUT FAILS"]
    print(
        f"specc: accepts {wrong} of {whole['refused'] + wrong} that fail; refuses {whole['refused but runs']} that run",
        flush=True,
    )


def _pyrefly(options: argparse.Namespace) -> None:
    shapes = options.pyrefly / "tensor-shapes"
    paths = (
        [options.stubs]
        if options.stubs
        else [shapes / "pyrefly-torch-stubs", shapes / "pyrefly-shape-extensions"]
    )
    whole: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        found = ", ".join(f'"{p.resolve()}"' for p in paths)
        (folder / "pyrefly.toml").write_text(f'search_path = [{found}]\npython_version = "3.13"\n')
        for name in PORTS:
            counts = _port(
                name,
                (shapes / "pyrefly-torch-stubs" / "examples" / f"{name}.py").read_text(),
                folder,
                options.count,
            )
            whole += counts
            print(f"Pyrefly, {name}: {dict(sorted(counts.items()))}", flush=True)
    for kind in ("as ported", "signatures only"):
        print(
            f"Pyrefly, {kind}: accepts {whole[f'accepted and fails, {kind}']} of {whole['fails']} that fail; refuses {whole[f'refused but runs, {kind}']} of {whole['runs']} that run",
            flush=True,
        )


def _port(name: str, text: str, folder: Path, count: int) -> Counter[str]:
    """What Pyrefly says of some mutants of a port, and what happens when they run.

    Raises:
        SystemExit: the port itself has an error, or fails.
    """
    counts: Counter[str] = Counter()
    bare = without_assertions(text)
    for version in (text, bare):
        if not _accepted(version, folder) or _fails(version):
            raise SystemExit(f"{name} has errors or fails as it is: the stubs do not fit this Pyrefly")
    found = [m for m in mutants(bare) if _parses(m.text)]
    picked = sorted(Random(name).sample(range(len(found)), min(count, len(found))))
    keyed = {(m.line, m.kind, m.before, m.after): m for m in mutants(text)}
    for i in picked:
        mutant = found[i]
        failed = _fails(mutant.text)
        counts["fails" if failed else "runs"] += 1
        key = (mutant.line, mutant.kind, mutant.before, mutant.after)
        for kind, version in (("as ported", keyed[key].text), ("signatures only", mutant.text)):
            accepted = _accepted(version, folder)
            if accepted and failed:
                counts[f"accepted and fails, {kind}"] += 1
            if not accepted and not failed:
                counts[f"refused but runs, {kind}"] += 1
    return counts


def _parses(text: str) -> bool:
    try:
        ast.parse(plain(text))
    except SyntaxError:
        return False
    return True


def _accepted(text: str, folder: Path) -> bool:
    (folder / "module.py").write_text(text)
    command = [
        str(Path(sys.executable).parent / "pyrefly"),
        "check",
        "--config",
        str(folder / "pyrefly.toml"),
        str(folder / "module.py"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def _fails(text: str) -> str | None:
    """What goes wrong when the tests of a module run, on tensors without data where that can be."""
    import torch

    tests = [
        n.name
        for n in ast.parse(runnable(text)).body
        if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")
    ]
    module = ModuleType("module")
    sys.modules["module"] = module
    sys.modules["shape_extensions"] = MagicMock()  # its names stand in annotations alone
    try:
        with torch.device("meta"), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(runnable(text), "module.py", "exec", dont_inherit=True), module.__dict__)
            for test in tests:
                getattr(module, test)()
    except Exception as error:  # whatever it raises is what a checker could have seen
        return f"{type(error).__name__}: {error}"
    return None


def jaxtyping(options: argparse.Namespace) -> None:
    import torch
    from beartype import beartype
    from jaxtyping import Float, jaxtyped
    from torch import Tensor, nn

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(64)
            self.fc1 = nn.Linear(64, 64)
            self.fc2 = nn.Linear(64, 64)

        def forward(self, x):  # type: ignore[no-untyped-def]
            return x + self.fc2(torch.relu(self.fc1(self.norm(x))))

    class Checked(Plain):
        @jaxtyped(typechecker=beartype)
        def forward(self, x: Float[Tensor, "N T 64"]) -> Float[Tensor, "N T 64"]:  # noqa: F722
            return x + self.fc2(torch.relu(self.fc1(self.norm(x))))

    torch.set_num_threads(1)
    x = torch.randn(1, 1, 64)
    stacks = [nn.Sequential(*[c() for _ in range(12)]) for c in (Plain, Checked)]
    times: list[list[float]] = [[], []]
    with torch.no_grad():
        for _, (i, stack) in itertools.product(range(options.runs * 100), enumerate(stacks)):
            started = perf_counter()
            stack(x)
            times[i].append(perf_counter() - started)
    plain, checked = (median(t) for t in times)
    print(
        f"12 blocks: {plain * 1e6:.0f} us plain, {checked * 1e6:.0f} us checked: {quotient([b / a for a, b in zip(*times, strict=True)])}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for command in (export, checkers, jaxtyping):
        sub = commands.add_parser(command.__name__)
        sub.set_defaults(run=command)
        sub.add_argument("--runs", type=int, default=3)
        if command is checkers:
            sub.add_argument("--pyrefly", type=Path, help="a clone of Pyrefly's repository")
            sub.add_argument("--stubs", type=Path)
            sub.add_argument("--count", type=int, default=32)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
