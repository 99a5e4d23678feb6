"""Holds one spec to its promises: it runs as declared, as the oracle computes, and alike in both targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from random import Random
from types import ModuleType
from typing import Any

import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from spec_lang.compiler import Compilation, compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir import model as ir
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.loading import from_program
from spec_lang.runtimes import Request, prepare
from spec_lang.runtimes.verify import verify
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.to_text import format_module
from spec_lang.syntax.walk import same
from spec_lang.targets.onnx.export import Options, emit
from spec_lang.targets.torch import emit as emit_torch
from tests.mutation.interpreter import Instance, Items, LazyLayer, Refused, Spec, bind
from tests.mutation.samples import Sizes, inputs
from tests.mutation.trial import TALLY, runs_as_declared

SAMPLES = 3
INTEGERS = 3
"""Integer inputs are below this: every embedding of a random program has as many rows."""
TRIES = 8
"""How often sizes are drawn until the conditions that a model states hold for them."""
ROUNDING = 5e-5
"""What sums of numbers of about 1 may differ by where they cancel."""


class Broken(AssertionError):
    """A promise that a spec breaks."""


def compiled(text: str) -> Compilation:
    return compile_sources({"net": Source("net.nnspec", text)})


def hold(text: str, rows: tuple[Mapping[str, Any], ...] = ({},), name: str = "Net") -> None:
    """Hold an accepted spec to all promises.

    Raises:
        Broken: it breaks one.
    """
    result = compiled(text)
    program = result.checked()
    error = runs_as_declared(
        "net", result, lambda m: [dict(r) for r in rows] if m.name.id == name else [{}], INTEGERS
    )
    if error:
        raise Broken(f"PyTorch: {error}")
    module = from_program(program, "fuzzed")
    computes_as_the_oracle(result, module, name)
    formats_alike(text, result)
    survives_json(program, name)
    imports_alike(text, result, name)
    for row in rows:
        agrees_in_onnx(program, name, row)
    for variant in (d.name for d in program.definitions if isinstance(d, ir.Variant)):
        agrees_in_onnx(program, variant, {})


# --- the oracle ---


def computes_as_the_oracle(result: Compilation, module: ModuleType, name: str) -> None:
    """The generated module gives what the interpreter of the syntax tree gives with the same weights."""
    tree = result.modules[0].tree
    [model] = [d for d in tree.definitions if isinstance(d, ast.Block) and d.name.id == name]
    made: nn.Module = getattr(module, name)().eval()
    spec = Spec(tree)
    oracle = spec.model(name, {})
    known = bind(spec, model.hypers or (), (), {})
    for method in (p for p in model.parts if isinstance(p, ast.Method)):
        given, wanted = _within_conditions(
            made, spec, known, method, bool(_checks(result, name, method.name.id))
        )
        if given is None:
            continue
        with torch.no_grad():
            _make_layers(made, oracle, method.name.id, given)
            _copy(made, oracle)
            found = oracle.run(method.name.id, (), given)
        TALLY["oracle: compared"] += 1
        for a, b in zip(_flat(wanted), _flat(found), strict=True):
            if (a.dtype, a.shape) != (b.dtype, b.shape):
                raise Broken(
                    f"{method.name.id} gives {a.dtype}{[*a.shape]}, the oracle {b.dtype}{[*b.shape]}"
                )
            if not torch.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True):
                raise Broken(f"{method.name.id} differs from the oracle by {(a - b).abs().max()}")
        trains(made, method.name.id, given, _flat(wanted))


def _make_layers(made: nn.Module, oracle: Any, method: str, given: dict[str, Any]) -> None:
    """Run the oracle once; a layer whose parameters are read before it runs is lent by the generated module."""
    while True:
        try:
            oracle.run(method, (), given)
            return
        except Refused:
            if not _lend(made, oracle):
                raise


def _lend(source: Any, target: Any) -> bool:
    """Give the first layer that waits for one a copy of its twin; whether there was any."""
    if isinstance(target, LazyLayer):
        waits = target.asked and target.module is None
        if waits:
            target.module = deepcopy(source).eval()
            TALLY["oracle: a layer was lent"] += 1
        return waits
    if isinstance(target, Instance):
        return any(_lend(getattr(source, n), k) for n, k in (target.layers or {}).items() if k is not None)
    if isinstance(target, Items):
        items = [(key if target.kind == "dict" else i, k) for i, (key, k) in enumerate(target.items)]
        return any(_lend(source[at], k) for at, k in items if k is not None)
    return False


def _within_conditions(
    made: nn.Module, spec: Spec, known: dict[str, Any], method: ast.Method, checks: bool
) -> tuple[dict[str, Any] | None, Any]:
    """Inputs that the model's own checks let through, and what it gives for them."""
    for seed in range(3, 3 + TRIES):
        given = inputs(spec, method, known, Sizes(Random(seed), INTEGERS), seed % 2 == 0)
        try:
            with torch.no_grad():
                return given, getattr(made, method.name.id)(**given)
        except ValueError:
            if not checks:  # nothing says that these sizes are refused
                raise
    TALLY["oracle: no sizes within the conditions"] += 1
    return None, None


def trains(made: nn.Module, method: str, given: dict[str, Any], wanted: list[Tensor]) -> None:
    """In training mode too it gives what it declares, and gradients flow where anything is learned."""
    made.train()
    try:
        results = _flat(getattr(made, method)(**given))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error) and "more than 1 spatial element" not in str(
            error
        ):
            raise
        TALLY["training: one value to normalise"] += 1  # a matter of the batch that PyTorch refuses itself
        return
    finally:
        made.eval()
    TALLY["training: ran"] += 1
    for a, b in zip(results, wanted, strict=True):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            raise Broken(f"{method} gives {a.dtype}{[*a.shape]} in training, else {b.dtype}{[*b.shape]}")
    learning = [r.float().sum() for r in results if r.requires_grad]
    if learning:
        try:
            torch.stack(learning).sum().backward()
        except RuntimeError as error:
            if not str(error).startswith("Function Scatter"):
                raise
            TALLY["learning: more to scatter than places"] += 1  # whose gradient PyTorch does not have
            return
        TALLY["learning: did"] += 1


def _checks(result: Compilation, model: str, method: str) -> tuple[ir.Require, ...]:
    assert result.program is not None
    block = next(d for d in result.program.definitions if isinstance(d, ir.Block) and d.name == model)
    found = next(m for m in block.methods if m.name == method)
    owed = tuple(r for r in block.requires if r.at == "call")
    return owed + found.checks + tuple(s for s in found.body if isinstance(s, ir.Require))


def _copy(source: Any, target: Any) -> None:
    """Give the oracle's layers the weights of the generated module, name by name."""
    if isinstance(target, LazyLayer):
        if target.module is not None:
            target.module.load_state_dict(source.state_dict())
            target.module.eval()
    elif isinstance(target, Instance):
        for name, layer in (target.layers or {}).items():
            if layer is not None:
                _copy(getattr(source, name), layer)
    elif isinstance(target, Items):
        for i, (key, layer) in enumerate(target.items):
            if layer is None:
                continue
            _copy(source[key] if target.kind == "dict" else source[i], layer)
    elif isinstance(target, Tensor):
        target.copy_(source.detach())


def _flat(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else [t for r in result for t in _flat(r)]


# --- text and JSON ---


def formats_alike(text: str, result: Compilation) -> None:
    """Formatted, the spec means the same, and formatting it again changes nothing."""
    once = format_module(result.modules[0].tree)
    again, _ = parse(Source("net.nnspec", once))
    if again is None or not same(again, result.modules[0].tree):
        raise Broken(f"formatting changes the tree:\n{once}")
    if format_module(again) != once:
        raise Broken(f"formatting is not idempotent:\n{once}\n{format_module(again)}")
    if compiled(once).torch_sources() != result.torch_sources():
        raise Broken("formatting changes what is generated")


def survives_json(program: ir.Program, name: str) -> None:
    """The IR means the same once written as JSON and read again."""
    again = ir.Program.model_validate_json(program.model_dump_json())
    if emit_torch(again) != emit_torch(program):
        raise Broken("the IR gives other PyTorch source after a trip through JSON")
    if graph(again, name) != graph(program, name):
        raise Broken("the IR gives another graph after a trip through JSON")


def imports_alike(text: str, result: Compilation, name: str) -> None:
    """With all but its models in another file, the spec gives the same graph."""
    definitions = result.modules[0].tree.definitions
    parts = [d for d in definitions if not (isinstance(d, ast.Block) and d.kind == "model")]
    models = "\n".join(text[d.span.start : d.span.end] for d in definitions if d not in parts)
    words = set(re.findall(r"\w+", models))
    used = [d.name.id for d in parts if not isinstance(d, ast.Import) and d.name.id in words]
    if not used:
        return
    sources = {
        "net": Source("net.nnspec", f"from parts import {', '.join(used)}\n\n{models}\n"),
        "parts": Source("parts.nnspec", "\n".join(text[d.span.start : d.span.end] for d in parts) + "\n"),
    }
    assert result.program is not None
    if _without_places(compile_sources(sources).checked(), name) != _without_places(result.program, name):
        raise Broken("with its parts in another file it gives another graph")
    TALLY["imports: compared"] += 1


def _without_places(program: ir.Program, name: str) -> str:
    """The exported graph as text, but for the lines of the spec that its nodes come from."""
    found = graph(program, name)
    text = found if isinstance(found, str) else str(onnx.load_from_string(found))
    return re.sub(r"\w+\.nnspec:\d+", "", text)


def graph(program: ir.Program, name: str) -> bytes | str:
    """The exported graph, or why there is none."""
    try:
        return b"".join(bytes(c) for c in emit(program, name, {}, Options()).chunks({}))
    except EvaluationError as error:
        return error.message


# --- ONNX ---


def agrees_in_onnx(program: ir.Program, name: str, row: Mapping[str, Any]) -> None:
    """Every method exports to a valid model that ONNX Runtime runs as PyTorch does."""
    for method in _block_of(program, name).methods:
        request = Request(program, name, dict(row), method=method.name)
        try:
            with prepare(request) as prepared:
                _valid(prepared.path)
                if not _loads_optimised(prepared.path):
                    TALLY["ONNX: the optimiser breaks it"] += 1
                    continue
            found = verify(request, samples=SAMPLES, threads=1)
        except EvaluationError as error:
            if error.code.startswith("E09") or not _satisfied(error):
                TALLY[f"ONNX: {error.code}"] += 1
                continue
            raise
        TALLY["ONNX: compared"] += 1
        if not found.trials:
            raise Broken(f"ONNX {method.name}({row}) was not run: {found.unable}")
        bad = [
            (str(t.sizes), t.given, t.differences, t.first)
            for t in found.trials
            if not all(d.agrees or (not d.note and d.absolute < ROUNDING) for d in t.differences)
        ]
        if bad:
            raise Broken(f"ONNX {method.name}({row}): {bad[0]}")


def _block_of(program: ir.Program, name: str) -> ir.Block:
    """A model's definition, or that of the model that a variant is one of."""
    found = next(d for d in program.definitions if isinstance(d, ir.Block | ir.Variant) and d.name == name)
    return _block_of(program, found.base) if isinstance(found, ir.Variant) else found


def _satisfied(error: EvaluationError) -> bool:
    """Whether it is anything but a `require` on hyperparameters that these values do not meet."""
    return not error.code.startswith("E06")


def _loads_optimised(path: str) -> bool:
    """Whether ONNX Runtime's own optimiser keeps a valid model valid.

    It does not for `(x * 0.5 * 0.3) @ y` where `x * 0.5` is also read elsewhere: its fusion of scales into MatMul removes that node.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(path, options)
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument as error:
        if "is not a graph input" not in str(error):
            raise
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        onnxruntime.InferenceSession(path, options)
        return False
    return True


def _valid(path: str) -> None:
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        if "Invalid rank for" not in str(error):
            raise
        # Of vectors a[6] and b[4], onnx's propagation of values takes Unsqueeze(a, 1) * Unsqueeze(b, 0) for a * b.
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
