"""Generated modules on another device and in another precision: what they make goes where the model is, in its dtype."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import spec_lang
from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.loading import from_program
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.targets.torch.names import safe
from tests.mutation import interpreter
from tests.mutation.interpreter import Evaluator, Spec, bind
from tests.mutation.samples import Sizes, hypers, inputs, models

ROOT = Path(__file__).parents[2]
FILES = [
    path
    for folder in ("models", "tests/check/good", "tests/torch/golden")
    for path in sorted((ROOT / folder).glob("*.nnspec"))
    if not any(w in path.read_text() for w in ("\nfrom ", "pkg.mod"))  # samples are of one file, and run
]
MOVES = ("meta", "f64", "bf16")
DTYPES = {"f64": torch.float64, "bf16": torch.bfloat16}
NOT = {
    ("pooling", "bf16"): "PyTorch has no avg_pool3d of bf16 on the CPU",
    ("transformer", "meta"): "PyTorch has no _nested_tensor_from_mask_left_aligned of meta tensors",
}
"""What PyTorch itself cannot run there, by file and move."""
HEAVY = {
    "densenet",
    "inception",
    "mobilenet_v2",
    "mobilenet_v3",
    "regnet",
    "resnet",
    "swin",
    "unet",
    "llama",
    "loops",
    "powers",
}

KINDS = {
    "a function of no tensor": """
        fn positions(n: int) -> int[n]:
            return arange(n)

        fn halves(n: int) -> float[n]:
            return ones(n) * 0.5

        fn both(n: int) -> float[n]:
            return positions(n) * halves(n)

        model M(d: int = 4):
            layers:
                fc = Linear(d, d)

            forward(x: float[N, d]) -> float[N, d]:
                return fc(x) + both(d) + positions(d)
        """,
    "a function of ints": """
        fn table(tokens: int[N, T]) -> float[N, T]:
            return where(tokens > 0, 1.0, 0.5) + zeros(N, T)

        fn converted(tokens: int[N, T]) -> float[N, T]:
            return tokens.to(float) / 2

        model M(d: int = 4):
            layers:
                embed = Embedding(9, d)

            forward(tokens: int[N, T]) -> float[N, T, d]:
                return embed(tokens) * table(tokens)[..., none] + converted(tokens)[..., none]
        """,
    "a function whose tensor is optional": """
        fn start(n: int, given: float[n]? = none) -> float[n]:
            return zeros(n) if given is none else given

        model M(d: int = 4):
            layers:
                param scale: float[d] = ones()

            forward(x: float[N, d], given: float[d]? = none) -> float[N, d]:
                return x * scale + start(d, given) + start(d)
        """,
    "a function of a list that may be empty": """
        fn total(n: int >= 0, size: int, xs: [float[size] for i in range(n)]) -> float[size]:
            y = zeros(size)
            for x in xs:
                y = y + x.sum()
            return y

        model M(n: int >= 0 = 0, d: int = 4):
            layers:
                heads = [Linear(d, d) for i in range(n)]

            forward(x: float[N, d]) -> float[N, d]:
                return x + total(n, d, [h(x).sum(dim=0) for h in heads])
        """,
    "a function with such names": """
        fn make(device: int, dtype: int) -> float[device]:
            return ones(device) * dtype

        model M(d: int = 4):
            layers:
                fc = Linear(d, d)

            forward(x: float[N, d]) -> float[N, d]:
                return fc(x) + make(d, 3)
        """,
    "a part without parameters": """
        block Positions(d: int):
            forward(n: int) -> float[n, d]:
                return outer(arange(n, dtype=float), arange(d, dtype=float))

        block Activated:
            layers:
                act = ReLU()

            forward(tokens: int[N, T]) -> float[N, T]:
                return act(ones(N, T) - 0.5)

        model M(d: int = 4):
            layers:
                embed     = Embedding(9, d)
                positions = Positions(d)
                weights   = Activated()

            forward(tokens: int[N, T]) -> float[N, T, d]:
                return embed(tokens) * weights(tokens)[..., none] + positions(T)
        """,
    "a model of buffers": """
        model M(d: int = 4):
            layers:
                buffer steps: int[d] = arange(d)

            forward(tokens: int[N, d]) -> int[N, d]:
                return tokens + steps + arange(d)

            first(n: int) -> int[d]:
                return arange(d) + steps + n
        """,
    "an input by another name": """
        model M(d: int = 4):
            layers:
                fc = Linear(d, d)

            forward(x: float[N, d], y: float[N, d]) -> (float[N, d], int[N, 1]):
                y, x = topk(x, 1)
                return fc(ones(1, d) * y), x + arange(1)

            pairs(x: (float[N, d], int[N])) -> float[N, d]:
                return x[0] + ones(d) * x[1][:, none]

            list(x: float[N, d]) -> float[N, d]:
                z = [x, x]
                x = zeros(d)
                return z[0] + x
        """,
    "a default that is made": """
        fn scaled(x: float[N, D], by: float[1] = ones(1)) -> float[N, D]:
            return x * by

        model M(d: int = 4):
            forward(x: float[N, d], bias: float[1] = zeros(1)) -> float[N, d]:
                return scaled(x) + bias
        """,
    "what is drawn": """
        fn noise(n: int) -> float[n]:
            return randn(n)

        fn kept(n: int) -> bool[n]:
            return rand(n) < 0.5

        model M(d: int = 4):
            layers:
                fc = Linear(d, d)

            forward(x: float[N, d]) -> float[N, d]:
                x = fc(x) + noise(d)
                return where(kept(d), x, 0.0)
        """,
    "a buffer by a function": """
        fn steps(n: int) -> float[n]:
            return arange(n, dtype=float) / n

        model M(d: int = 4):
            layers:
                buffer b: float[d] = steps(d)

            forward(x: float[N, d]) -> float[N, d]:
                return x + b + steps(d)
        """,
    "numbers alone": """
        fn pick(mask: bool[N]) -> float[N]:
            return where(mask, 1.0, 0.0)

        block Pick:
            forward(mask: bool[N]) -> float[N]:
                return where(mask, 0.5, -inf)

        model M(d: int = 4):
            layers:
                p  = Pick()
                fc = Linear(d, d)

            forward(x: float[d, d], mask: bool[d], ints: int[d]) -> float[d, d]:
                x = fc(x) + pick(mask) + p(mask) + ints / 2
                return fc(sqrt(ints)) * fc(mask * 0.5) + fc(where(mask, ints, 0.5)) + x
        """,
}


@contextmanager
def floats(dtype: torch.dtype) -> Iterator[None]:
    """`float` is this dtype in what samples are made and results compared by."""
    before = interpreter.DTYPES["float"]
    interpreter.DTYPES["float"] = dtype
    try:
        yield
    finally:
        interpreter.DTYPES["float"] = before


def holds(tree: ast.Module, module: ModuleType, move: str, small: bool = False) -> None:
    """Every method of every model gives what it declares there, in both modes."""
    spec = Spec(tree)
    for model in models(tree):
        for row in hypers(model)[:1] if small else [{}]:
            known = bind(spec, model.hypers or (), (), dict(row)) if model.hypers is not None else {}
            for let in (p for p in model.parts if isinstance(p, ast.Let)):
                known[let.name.id] = Evaluator(spec, known).value(let.value)
            with floats(DTYPES.get(move, torch.float32)):
                made: nn.Module = getattr(module, safe(model.name.id))(**row)
                made.to(DTYPES.get(move, move))
                for training in (False, True):
                    for method in (p for p in model.parts if isinstance(p, ast.Method)):
                        run(spec, nn.Module.train(made, training), method, known, move)


def run(spec: Spec, made: nn.Module, method: ast.Method, known: dict[str, Any], move: str) -> None:
    torch.manual_seed(1)  # a mask of nothing but padding is none that PyTorch's encoder takes
    given = given_to(spec, method, known)
    if move == "meta":
        given = moved(given)
    with torch.no_grad():
        result = getattr(made, method.name.id)(**given)
    if method.results is None:
        return
    matcher = Evaluator(spec, dict(known), dims={})
    for i in method.inputs:
        if isinstance(given[i.name.id], int):
            matcher.dims[i.name.id] = given[i.name.id]
        else:
            matcher.match(given[i.name.id], i.type)
    values = list(result) if len(method.results) > 1 else [result]
    for value, r in zip(values, method.results, strict=True):
        matcher.match(value, r.type)
        assert {t.device.type for t in tensors(value)} <= {"meta" if move == "meta" else "cpu"}


def given_to(spec: Spec, method: ast.Method, known: dict[str, Any]) -> dict[str, Any]:
    """Inputs of sizes that fit."""
    numbers = {i.name.id: 3 for i in method.inputs if isinstance(i.type, ast.NamedType)}
    others = tuple(i for i in method.inputs if i.name.id not in numbers)
    tensors_only = ast.Method(
        name=method.name,
        inputs=others,
        results=method.results,
        doc=None,
        body=(),
        results_tuple=False,
        span=method.span,
    )
    sizes = Sizes(Random(1))
    sizes.chosen.update(numbers)
    sizes.chosen.update(dict.fromkeys(("H", "W", "L"), 32) | {"N": 2, "T": 3})
    return {**inputs(spec, tensors_only, known, sizes, False), **numbers}


def moved(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return {k: moved(v) for k, v in value.items()}
    return type(value)(map(moved, value)) if isinstance(value, list | tuple) else value


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for v in value:
            yield from tensors(v)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_made_goes_along(kind: str, move: str) -> None:
    result = compile_sources({"net": Source("net.nnspec", dedent(KINDS[kind]))})
    holds(result.modules[0].tree, from_program(result.checked(), "moved"), move)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.long] if p.stem in HEAVY else []) for p in FILES],
    ids=[f"{p.parent.name}-{p.stem}" for p in FILES],
)
def test_specs_run_anywhere(path: Path, move: str) -> None:
    if (path.stem, move) in NOT:
        pytest.skip(NOT[path.stem, move])
    tree, _ = parse(Source(path.name, path.read_text()))
    assert tree is not None
    holds(tree, spec_lang.load(path, allow_extern=True), move, path.parent.name == "models")
