"""Puts one mutant on trial: what the checker says of it, and what PyTorch says."""

from __future__ import annotations

import sys
import types
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import takewhile
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from spec_lang.compiler import Compilation, compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir import model as ir
from spec_lang.ir.evaluate import Env, EvaluationError, Evaluator
from spec_lang.ir.instantiate import Constructions
from spec_lang.shapes import dim
from spec_lang.syntax import ast
from tests.mutation import interpreter
from tests.mutation.interpreter import ConditionFails, Refused, Spec, TooBig
from tests.mutation.mutants import Mutant
from tests.mutation.samples import Sizes, draws, hypers, inputs, models

# What the language forbids although Python would let it run: names that hide or repeat others, hyperparameters of another
# type or without a use, layers without a use, a model without `forward`, a circle.
# Also a model whose own defaults break its conditions.
RULES_OF_THE_LANGUAGE = ("E01", "E02", "E0501", "E0502", "E0603", "E07")
torch.set_num_threads(1)  # the tensors are tiny: threads would only wait for each other
MAX_PARAMETERS = 20_000_000
SAMPLES = 4
TRIES = 6
"""How often sizes are drawn until the conditions that a model prints hold for them."""
TALLY: Counter[str] = Counter()
"""What became of the samples: how many ran, and why the others did not."""


@dataclass
class Report:
    """The counts of many trials, and the mutants that went wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __iadd__(self, other: Report) -> Report:
        self.counts += other.counts
        self.failures += other.failures
        self.lost += other.lost
        return self

    def summary(self) -> str:
        c = self.counts
        runs = c["accepted"] + c["refused but runs"]
        share = c["accepted"] / runs if runs else 1.0
        listed = ", ".join(f"{n} {k}" for k, n in sorted(c.items()))
        return f"{listed}; {share:.1%} of those that run are accepted"


def trial(name: str, mutant: Mutant, report: Report) -> None:
    """Check a mutant, run it in PyTorch, and count what came of it."""
    result = compile_sources({name: Source(f"{name}.nnspec", mutant.text)})
    if result.errors:
        _refused(name, mutant, result, report)
        return
    assert result.program is not None
    try:
        error = runs_as_declared(name, result)
    except TooBig:
        report.counts["accepted, too big to run"] += 1
        return
    report.counts["accepted"] += 1
    block = [d for d in result.program.definitions if isinstance(d, ir.Block) and d.entry]
    is_open = any(r.open for b in block for r in b.requires) or any(
        m.checks for b in block for m in b.methods
    )
    report.counts["of these with open conditions" if is_open else "of these fully closed"] += 1
    if error:
        report.counts["ACCEPTED BUT FAILS"] += 1
        report.failures.append(f"{name}, {mutant}: {error}")


def runs_as_declared(
    name: str,
    result: Compilation,
    rows: Callable[[ast.Block], list[dict[str, Any]]] = hypers,
    high: int = 1,
) -> str | None:
    """What goes wrong when a spec that checks runs in PyTorch, if anything does."""
    assert result.program is not None
    tree = result.modules[0].tree
    module = types.ModuleType(name)
    sys.modules[name] = module
    [source] = result.torch_sources().values()
    exec(compile(source, f"{name}.py", "exec", dont_inherit=True), module.__dict__)
    spec = Spec(tree)
    for model in models(tree):
        block = _block(result.program, model.name.id)
        for row in rows(model):
            known = _hypers(spec, model, row)
            if known is None or not _allowed(result.program, model.name.id, row):
                TALLY["row: hyperparameters outside of their types or conditions"] += 1
                continue
            with torch.device("meta"):
                size = sum(p.numel() for p in _made(module, model, row).parameters())
            if size > MAX_PARAMETERS:
                raise TooBig(str(size))
            try:
                made = _made(module, model, row).eval()
            except Exception as error:  # whatever PyTorch raises is what the checker should have seen
                return f"{model.name.id}({row}) cannot be made: {type(error).__name__}: {error}"
            for rng, absent in draws(SAMPLES):
                wrong = _run_methods(result.program, spec, model, block, made, known, rng, absent, high)
                if wrong:
                    return f"{model.name.id}({row}).{wrong}"
    return None


def _allowed(program: ir.Program, name: str, row: dict[str, Any]) -> bool:
    """Whether the hyperparameters satisfy the conditions that the model and the blocks in it print."""
    constructions = Constructions(program)
    try:
        constructions.entry(name, row)
    except EvaluationError as error:
        if error.code.startswith("E06"):
            return False
        raise
    return True


def _made(module: types.ModuleType, model: ast.Block, row: dict[str, Any]) -> nn.Module:
    given = {k: getattr(module, v) if k == "block" else v for k, v in row.items()}
    made: nn.Module = getattr(module, model.name.id)(**given)
    return made


def _by_values(made: nn.Module, method: str, given: dict[str, Any]) -> bool:
    """Whether an index is beyond its dim by its value alone: on the meta device, which has shapes and no values, it runs."""
    inputs = tree_map_only(Tensor, lambda t: t.to("meta"), given)
    try:
        getattr(deepcopy(made).to("meta"), method)(**inputs)
    except Exception:
        return False
    return True


def _run_methods(
    program: ir.Program,
    spec: Spec,
    model: ast.Block,
    block: ir.Block | None,
    made: nn.Module,
    known: dict[str, Any],
    rng: Random,
    absent: bool,
    high: int,
) -> str | None:
    declared = model if model.parts else spec.definitions[_base(model)]
    for method in (p for p in declared.parts if isinstance(p, ast.Method)):
        given = _sample(program, spec, block, method, known, rng, absent, high)
        if given is None:
            continue
        try:
            with torch.no_grad():
                result = getattr(made, method.name.id)(**given)
        except IndexError as error:
            if _by_values(made, method.name.id, given):  # which are the data's, not the shapes'
                TALLY["sample: an index out of range"] += 1
                continue
            return f"{method.name.id}: {error}"
        except Exception as error:  # whatever PyTorch raises is what the checker should have seen
            shapes = {k: list(v.shape) for k, v in given.items() if isinstance(v, Tensor)}
            return f"{method.name.id}({shapes}): {type(error).__name__}: {error}"
        TALLY["sample: ran"] += 1
        if method.results is not None:
            matcher = interpreter.Evaluator(spec, dict(known), dims={})
            try:
                for i in method.inputs:
                    if i.name.id in given:
                        matcher.match(given[i.name.id], i.type)
                for name in _absent_dims(matcher, method):
                    matcher.dims[name] = 0
                values = list(result) if len(method.results) > 1 else [result]
                for value, r in zip(values, method.results, strict=True):
                    matcher.match(value, r.type)
            except Refused as error:
                return f"{method.name.id}: the result is not as declared: {error}"
    return None


def _sample(
    program: ir.Program,
    spec: Spec,
    block: ir.Block | None,
    method: ast.Method,
    known: dict[str, Any],
    rng: Random,
    absent: bool,
    high: int,
) -> dict[str, Any] | None:
    """Inputs of sizes for which the printed conditions hold, if some are found."""
    checked = next((m for m in block.methods if m.name == method.name.id), None) if block else None
    for _ in range(TRIES):
        try:
            given = inputs(spec, method, known, Sizes(rng, high), absent)
        except Refused:
            reason = "no tensor has the declared type"
            continue
        if sum(t.numel() for t in given.values() if isinstance(t, Tensor)) > 5_000_000:
            reason = "too large"
        elif block and checked and not _hold(program, block, checked, known, given):
            reason = "outside of the printed conditions"
        else:
            return given
    TALLY[f"sample: {reason}"] += 1
    return None


def _absent_dims(matcher: interpreter.Evaluator, method: ast.Method) -> set[str]:
    """The dims that only absent inputs bind; they count as 0."""
    return set().union(*(matcher.unknown(i.type) for i in method.inputs))


def _bound(method: ir.Method, known: dict[str, Any], given: dict[str, Any]) -> dict[str, int]:
    """The dims of a call, as the program says how to read them; hyperparameters may be in their scales."""
    from spec_lang.shapes import parse

    bound: dict[str, int] = {}
    for d in method.dims:
        tensor = _part(d.tensor, given)
        if d.name.startswith("*"):
            continue
        if not isinstance(tensor, Tensor):
            bound[d.name] = 0
            continue
        scale, offset = (parse(t).evaluate(known | bound) for t in (d.scale, d.offset))
        bound[d.name] = (tensor.shape[d.axis] - offset) // scale
    return bound


def _part(e: ir.Expr, given: dict[str, Any]) -> Any:
    """An input, or an item of one that is a tuple or list."""
    if isinstance(e, ir.Name):
        return given.get(e.id)
    assert isinstance(e, ir.Subscript)
    value, [index] = _part(e.value, given), e.index
    assert isinstance(index, ir.Literal_)
    return None if value is None else value[index.value]


def _hold(
    program: ir.Program,
    block: ir.Block,
    method: ir.Method,
    known: dict[str, Any],
    given: dict[str, Any],
) -> bool:
    """Whether the printed conditions hold for these values and inputs."""
    evaluator = Evaluator(program)
    values = known | _bound(method, known, given)
    locals = dict.fromkeys(i.name for i in method.inputs) | given
    env = Env(block.file, {k: dim(v) if type(v) is int else v for k, v in values.items()}, locals)
    for let in block.lets:
        try:
            env.values[let.name] = evaluator.value(let.value, env)
        except EvaluationError:
            continue
    certain = takewhile(lambda s: not isinstance(s, ir.If | ir.For), method.body)  # which may return
    stated = tuple(s for s in certain if isinstance(s, ir.Require))
    for require in (*(r for r in block.requires if r.at == "call"), *method.checks, *stated):
        try:
            if require.open and not evaluator.condition(require.test, env):
                return False
        except EvaluationError:
            TALLY["sample: a condition has no value"] += 1
            return False
    return True


def _hypers(spec: Spec, model: ast.Block, row: dict[str, Any]) -> dict[str, Any] | None:
    """The values of all hyperparameters with this row, or None where their types refuse it."""
    try:
        given = dict(row)
        while model.hypers is None:
            assert isinstance(model.alias, ast.Call)
            base = spec.definitions[_base(model)]
            names = [h.name.id for h in base.hypers or ()]
            own = {a.name or names[i]: a.value for i, a in enumerate(model.alias.args)}
            given = {k: interpreter.Evaluator(spec, {}).value(v) for k, v in own.items()} | given
            model = base
        return interpreter.bind(spec, model.hypers, (), given)
    except Refused:
        return None


def _base(model: ast.Block) -> str:
    """The model that a variant is one of."""
    assert isinstance(model.alias, ast.Call)
    assert isinstance(model.alias.func, ast.Name)
    return model.alias.func.id


def _block(program: ir.Program, name: str) -> ir.Block | None:
    """The checked block of a model, or of the model that a variant is one of."""
    for d in program.definitions:
        if isinstance(d, ir.Block) and d.name == name and d.file == 0:
            return d
        if isinstance(d, ir.Variant) and d.name == name and d.file == 0:
            return _block(program, d.base)
    return None


def _refused(name: str, mutant: Mutant, result: Compilation, report: Report) -> None:
    """Count a refusal: it is lost if the mutant runs at every sample with the declared types."""
    if any(d.code.startswith(RULES_OF_THE_LANGUAGE) for d in result.errors):
        report.counts["refused by a rule on names, types of hyperparameters or structure"] += 1
        return
    runs = _runs_unchecked(result)
    if runs is None:
        report.counts["refused, no sample"] += 1
    elif runs:
        report.counts["refused but runs"] += 1
        first = result.errors[0]
        report.lost.append(f"{name}, {mutant}: {first.code} {first.message}")
    else:
        report.counts["refused"] += 1


def _runs_unchecked(result: Compilation) -> bool | None:
    """Whether a spec runs at all samples without the checker; None where no sample is allowed."""
    if not result.modules:
        return False
    tree = result.modules[0].tree
    ran = False
    for model in models(tree):
        for row in hypers(model):
            for rng, absent in draws(SAMPLES):
                try:
                    spec = Spec(tree)
                    known = _hypers(spec, model, row)
                    if known is None:
                        continue
                    instance = spec.model(model.name.id, row)
                    for method in instance.methods.values():
                        given = inputs(spec, method, known, Sizes(rng), absent)
                        with torch.no_grad():
                            instance.run(method.name.id, (), given)
                    ran = True
                except ConditionFails:
                    continue
                except Exception:  # whatever goes wrong, the refusal was right
                    return False
    return ran or None
