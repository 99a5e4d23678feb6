"""Calls made from the cases by small changes: what we accept must run in PyTorch as inferred."""

from __future__ import annotations

import random
import re
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, OpError
from spec_lang.shapes import Dim, DType, TensorType, parse
from tests.ops.harness import SIZES, Case, compare_types, hosted, infer, run_torch, symbols
from tests.ops.oracle import environments

DIMS = ("N", "T", "1", "2", "3", "N + 1", "2*T", "4", "T", "N*T")
DTYPES = (DType.FLOAT, DType.I64, DType.BOOL, DType.F64, DType.I32, DType.U8, DType.F16)
NUMBERS = (0, 1, 2, 3, -1, -2, 5, 0.5, -0.5, 1.5, True, False, None)

ERRORS = (
    RuntimeError,
    TypeError,
    ValueError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
)
VALUES = re.compile(
    r"ZeroDivision|INDICES element|out of range in self|target out of range|out of bounds|out of range for|index .* out of|[Cc]lass values|is out of bounds|"
    r"Expected target|target class|all elements of (input|target)|negative exponent|"
    r"must be positive|has negative entry|Expected input_lengths|Expected tensor to have size at least|"
    r"out of range: tried|target_lengths|input_lengths|argument #2 'targets?'|t >= 0 && t < n_classes|out-of-bounds|invalid max index|zero-sized"
)
"""Errors that depend on the elements, which no shape decides."""


UNCHECKED = {"embedding_bag"}
"""What PyTorch reads beyond its table for, without a check, and the process dies."""


class Leak(NamedTuple):
    """An accepted call that does not do in PyTorch what was inferred."""

    case: Case
    env: dict[str, int]
    error: str


class Outcome(NamedTuple):
    """What became of some calls."""

    accepted: int
    leaks: list[Leak]
    strict: list[tuple[Case, str]]
    """Refused calls that PyTorch runs at every size tried, and why they were refused."""
    runs: int


def changed(value: Any, draw: random.Random) -> Any:
    """One argument, a little different."""
    value = hosted(value)
    if isinstance(value, TensorType):
        return _changed_type(value, draw)
    if isinstance(value, bool):
        return not value
    if isinstance(value, Dim):
        return draw.choice([value + 1, value - 1, value * 2, parse(draw.choice(DIMS))])
    if isinstance(value, int):
        return draw.choice([value + 1, value - 1, -value, value + 2, 0])
    if isinstance(value, float):
        return draw.choice([-value, value + 1, 0.0, value * 2, 1])
    if isinstance(value, list | tuple) and value:
        items = list(value)
        i = draw.randrange(len(items))
        kind = draw.random()
        if kind < 0.6:
            items[i] = changed(items[i], draw)
        elif kind < 0.8:
            del items[i]
        else:
            items.insert(i, items[i])
        return type(value)(items)
    return draw.choice(NUMBERS) if value is None else value


def _changed_type(t: TensorType, draw: random.Random) -> TensorType:
    shape = list(t.shape)
    kind = draw.random()
    if kind < 0.2:
        return t.with_dtype(draw.choice(DTYPES))
    if kind < 0.5 and shape:
        shape[draw.randrange(len(shape))] = parse(draw.choice(DIMS))
    elif kind < 0.65:
        shape.insert(draw.randrange(len(shape) + 1), parse(draw.choice(DIMS)))
    elif kind < 0.8 and shape:
        del shape[draw.randrange(len(shape))]
    elif len(shape) > 1:
        draw.shuffle(shape)
    return t.with_shape(tuple(shape[:6]))


def mutant(case: Case, draw: random.Random) -> Case:
    """A case with up to three changes."""
    args, kwargs = [hosted(a) for a in case.args], {k: hosted(v) for k, v in case.kwargs.items()}
    parameters = signature.of(FUNCTIONS[case.name]).parameters
    for _ in range(draw.choice((1, 1, 2, 3))):
        kind = 1.0 if case.name == "getitem" else draw.random()
        free = [p for p in parameters if p.name not in kwargs and p not in parameters[: len(args)]]
        if kind < 0.2 and free:
            added = draw.choice(free)
            kwargs[added.name] = _drawn(added.kind, draw)
        elif kind < 0.3 and len(args) > 1:
            args.pop()
        elif kwargs and draw.random() < len(kwargs) / (len(args) + len(kwargs)):
            name = draw.choice(list(kwargs))
            kwargs[name] = changed(kwargs[name], draw)
        elif args:
            i = draw.randrange(len(args))
            args[i] = changed(args[i], draw)
    return replace(case, args=tuple(args), kwargs=kwargs)


def _drawn(kind: str, draw: random.Random) -> Any:
    if "Literal" in kind:
        return draw.choice(re.findall(r"'([^']*)'", kind))
    if kind.startswith("bool"):
        return draw.random() < 0.5
    if kind.startswith("DType"):
        return draw.choice(DTYPES)
    if kind.startswith("Tensor"):
        return TensorType(DType.FLOAT, tuple(parse(draw.choice(DIMS)) for _ in range(draw.randrange(3))))
    if kind.startswith("Ax"):
        return draw.choice((0, 1, -1, 2, -2, (0, 1)) if "Axes" in kind else (0, 1, -1, 2, -2))
    return draw.choice(NUMBERS)


def run(case: Case, env: dict[str, int]) -> tuple[Any, str | None]:
    """PyTorch's result, or its error; None where the error is about values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run_torch(case, env)[0], None
        except ERRORS as e:
            text = f"{type(e).__name__}: {e}"
            return None, "" if VALUES.search(text) else text


def sizes_of(case: Case) -> list[dict[str, int]]:
    """A few values of the symbols."""
    _, names = symbols(case)
    every = list(environments({n: case.sizes.get(n, SIZES) for n in sorted(names)}))
    return every[:: max(1, len(every) // 6)]


def hunt(cases: list[Case], count: int, seed: int) -> Outcome:
    """Try `count` mutants."""
    draw = random.Random(seed)
    cases = [c for c in cases if c.name not in UNCHECKED]
    leaks: list[Leak] = []
    strict: list[tuple[Case, str]] = []
    accepted = runs = 0
    for _ in range(count):
        one = mutant(draw.choice(cases), draw)
        envs = sizes_of(one)
        try:
            types, cx = infer(one)
        except OpError as error:
            results = [run(one, env) for env in envs]
            if results and all(e is None for _, e in results):
                runs += 1
                strict.append((one, error.message))
            continue
        except ERRORS as error:
            leaks.append(Leak(one, {}, f"the rule itself fails: {type(error).__name__}: {error}"))
            continue
        accepted += 1
        runs += 1
        for env in envs:
            if not all(c.evaluate(env) for c in cx.open):
                continue
            result, failure = run(one, env)
            if failure == "":
                continue
            if failure is not None:
                leaks.append(Leak(one, env, failure))
                break
            try:
                compare_types(one, env, types, result)
            except AssertionError as e:
                leaks.append(Leak(one, env, str(e)))
                break
    return Outcome(accepted, leaks, strict, runs)
