"""What is asked of an exported method: its optional inputs, dims that are fixed, the names of its results."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set

from spec_lang.asking import asked
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Env, EvaluationError


def result_names(method: model.Method, loss: model.Method | None) -> list[str]:
    """The names of a method's results: its own, else the names under which the loss takes them, else `output`."""
    names = [r.name for r in method.results] or [None]
    if loss is not None:
        own = {i.name for i in method.inputs} | set(names)
        free = iter([i.name for i in loss.inputs if i.name not in own])
        names = [n if n is not None else next(free, None) for n in names]
    return [n or ("output" if len(names) == 1 else f"output_{i}") for i, n in enumerate(names)]


def output_names(name: str, value: Host) -> list[str]:
    """The names of a result's tensors: an item of a tuple or list has its place behind the name."""
    if value is None:
        return []
    if isinstance(value, tuple | list):
        return [n for i, v in enumerate(value) for n in output_names(f"{name}_{i}", v)]
    return [name]


def inputs_known(wanted: Collection[str], methods: Sequence[model.Method], env: Env) -> None:
    """Hold the inputs that the model shall have to those that its methods take.

    Raises:
        EvaluationError: one is none of theirs.
    """
    inputs = {i.name: i.optional or i.default is not None for m in methods for i in m.inputs}
    for name in sorted(set(wanted) - set(inputs)):
        able = ", ".join(n for n, optional in inputs.items() if optional)
        help = did_you_mean(name, list(inputs)) or f"its optional inputs: {able or 'none'}"
        method = methods[0]
        raise EvaluationError("E0907", f"{method.name} has no input `{name}`", env.file, method.span, help)


def dims_known(fixed: Collection[str], shown: Set[str], method: model.Method, env: Env) -> None:
    """Hold the dims that are fixed to those that the graph's inputs show.

    Raises:
        EvaluationError: no input has one of them.
    """
    for name in sorted(set(fixed) - set(shown)):
        able = sorted(shown)
        if name in env.values:
            help = f"it is no dim that a call brings: {asked('--set')} gives hyperparameters other values"
        else:
            help = did_you_mean(name, able) or f"their dims: {', '.join(able) or 'none'}"
        raise EvaluationError(
            "E0908", f"no input of the graph of {method.name} has a dim `{name}`", env.file, method.span, help
        )
