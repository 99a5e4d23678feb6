"""Holds the targets to each other: the same weights and inputs give the same results, or the first layer that differs is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from spec_lang.runtimes import (
    RUNTIMES,
    CannotRun,
    LacksOperator,
    Prepared,
    Progress,
    Request,
    Runtime,
    Torch,
    dims_of,
    optional_inputs,
    prepare,
)
from spec_lang.runtimes.inputs import Sampler, Sizes
from spec_lang.runtimes.request import first_line
from spec_lang.shapes.dtype import DType

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array


@dataclass(frozen=True)
class Tolerance:
    """|a - b| <= absolute * scale + relative * |b|, where scale is the root mean square of b, or 0.01 if that is larger.

    Sums of n products in another order differ by about sqrt(n) roundings, each relative to the summands and not to a sum in
    which they cancel: hence the scale.
    """

    relative: float
    absolute: float


TOLERANCES: Final = {
    DType.F32: Tolerance(1e-4, 1e-5),
    DType.F16: Tolerance(2e-2, 1e-2),
    DType.BF16: Tolerance(1e-1, 5e-2),
}
"""By the precision of the model: some 1,000 roundings of f32 (2^-24 each), 20 of the shorter ones (2^-11, 2^-8)."""


@dataclass(frozen=True)
class Difference:
    """How far one output of a runtime is from PyTorch's.

    Attributes:
        output: Its name.
        absolute: The largest absolute difference.
        relative: The largest difference relative to PyTorch's number, where that is not tiny.
        agrees: Whether every number is within the tolerance, and the shapes and dtypes are equal.
        own: PyTorch's own largest absolute distance to its run in f64, where that run was the arbiter: then `absolute` and
            `relative` are the runtime's distance to it.
        note: What is wrong where it is not the numbers: another shape or dtype, or that PyTorch's are no numbers.
    """

    output: str
    absolute: float
    relative: float
    agrees: bool
    note: str = ""
    own: float | None = None


@dataclass(frozen=True)
class Trial:
    """One run of one runtime against PyTorch.

    Attributes:
        runtime: Which.
        sizes: Of the dim variables.
        given: The optional inputs that were there.
        differences: One an output.
        first: The first layer whose result differs, where one was looked for and found.
        fresh: Whether a session of its own agrees on the same inputs: what the runtime keeps between runs is then at fault.
    """

    runtime: str
    sizes: Sizes
    given: tuple[str, ...]
    differences: tuple[Difference, ...]
    first: str | None = None
    fresh: bool = False

    @property
    def agrees(self) -> bool:
        return _all_agree(self.differences)


@dataclass(frozen=True)
class Verification:
    """All trials of one model.

    Attributes:
        name: Of the model.
        trials: In order.
        unable: The runtimes that lack an operator of the model, and what they say.
    """

    name: str
    trials: tuple[Trial, ...]
    unable: Mapping[str, str]

    @property
    def agrees(self) -> bool:
        return bool(self.trials) and all(t.agrees for t in self.trials)

    def worst(self) -> list[tuple[str, Difference]]:
        """For each runtime and output, the trial that is furthest off; those that disagree count as further."""
        found: dict[tuple[str, str], Difference] = {}
        for t in self.trials:
            for d in t.differences:
                key = (t.runtime, d.output)
                if key not in found or _badness(d) > _badness(found[key]):
                    found[key] = d
        return [(runtime, d) for (runtime, _), d in found.items()]


def _badness(d: Difference) -> tuple[bool, float]:
    return (not d.agrees, d.absolute)


def verify(
    request: Request,
    *,
    runtimes: Sequence[str] = ("onnxruntime",),
    samples: int = 5,
    sizes: Mapping[str, int] | None = None,
    threads: int | None = None,
    tolerance: Tolerance | None = None,
    progress: Progress = lambda text: None,
) -> Verification:
    """Run the model in PyTorch and in each runtime on the same random inputs, without and with its optional inputs.

    Args:
        request: The model and its weights.
        runtimes: What to hold to PyTorch.
        samples: How many assignments of sizes, ones and odd ones among them.
        sizes: Values for some dim variables; then one assignment is run.
        threads: Of each runtime.
        tolerance: Another than that of the model's precision.
        progress: Told what is being done.

    Raises:
        CannotRun: a runtime is not there.
        NoSizes: no sizes satisfy the conditions.
        EvaluationError: ONNX cannot express the model.
        WeightsError: the weights do not fit.
    """
    trials: list[Trial] = []
    unable: dict[str, str] = {}
    for given in _choices(request):
        with prepare(replace(request, given=given, dims=_shown(request, given)), progress) as prepared:
            made = [r for n in runtimes if n != "torch" and (r := _made(n, prepared, threads, unable))]
            judge = Judge(prepared, threads, tolerance or TOLERANCES[prepared.request.dtype])
            trials += _trials(prepared, made, samples, sizes, threads, judge, progress)
    return Verification(request.name, tuple(trials), unable)


def _made(name: str, prepared: Prepared, threads: int | None, unable: dict[str, str]) -> Runtime | None:
    try:
        return RUNTIMES[name](prepared, threads)
    except LacksOperator as error:
        unable[name] = str(error)
        return None


def _choices(request: Request) -> list[tuple[str, ...]]:
    """Which optional inputs are there: those that were asked for, else none and all."""
    optional = optional_inputs(request)
    if request.given or request.onnx is not None or not optional:
        return [tuple(request.given)]
    return [(), optional]


def _shown(request: Request, given: tuple[str, ...]) -> Mapping[str, int]:
    """The dims that are fixed, but for those that only absent inputs have."""
    if not request.dims or request.onnx is not None:
        return request.dims
    everything, there = (dims_of(request, g) for g in (optional_inputs(request), given))
    return {k: v for k, v in request.dims.items() if k in there or k not in everything}


def _trials(
    prepared: Prepared,
    others: Sequence[Runtime],
    samples: int,
    sizes: Mapping[str, int] | None,
    threads: int | None,
    judge: Judge,
    progress: Progress,
) -> list[Trial]:
    torch = Torch(prepared, threads, fast=False)
    sampler = prepared.sampler(prepared.request.seed)
    given = tuple(prepared.request.given)
    trials = []
    for assignment in [sampler.fixed(sizes)] if sizes else sampler.sizes(samples):
        progress(f"running with {assignment}")
        inputs, expected = _telling(torch, sampler, assignment)
        for runtime in others:
            differences = judge.compare(expected, runtime(inputs), inputs)
            trial = Trial(runtime.name, assignment, given, differences)
            if not trial.agrees:
                again = RUNTIMES[runtime.name](prepared, threads)(inputs)
                trial = replace(trial, fresh=_all_agree(judge.compare(expected, again, inputs)))
            if not trial.agrees and not trial.fresh and runtime.name == "onnxruntime":
                from spec_lang.runtimes.first_difference import first_difference

                progress("looking for the first layer that differs")
                trial = replace(trial, first=first_difference(prepared, torch, inputs))
            trials.append(trial)
    return trials


class Judge:
    """Says whether a runtime gives what PyTorch gives.

    Where the two differ by more than the tolerance, PyTorch's run in f64 is the arbiter: both are measured by their distance to it.
    """

    def __init__(self, prepared: Prepared, threads: int | None, tolerance: Tolerance) -> None:
        self.prepared = prepared
        self.threads = threads
        self.tolerance = tolerance
        self._double: Torch | None = None

    def compare(
        self, expected: Mapping[str, Array], found: Mapping[str, Array], inputs: Mapping[str, Any]
    ) -> tuple[Difference, ...]:
        """The difference of each output."""
        plain = tuple(difference(name, want, found[name], self.tolerance) for name, want in expected.items())
        if _all_agree(plain) or (exact := self._exact(inputs)) is None:
            return plain
        return tuple(
            d
            if d.agrees
            else arbitrated(d, exact[d.output], expected[d.output], found[d.output], self.tolerance)
            for d in plain
        )

    def _exact(self, inputs: Mapping[str, Any]) -> dict[str, Array] | None:
        """What PyTorch gives in f64; None where the model cannot run so, as one that states another dtype may not."""
        try:
            if self._double is None:
                self._double = Torch(self.prepared, self.threads, fast=False, double=True)
            return self._double(inputs)
        except (CannotRun, RuntimeError, TypeError, ValueError):
            return None


LENIENCY: Final = 4
"""How much further off than PyTorch a runtime may be where both are off by more than the tolerance."""


def arbitrated(plain: Difference, exact: Array, want: Array, got: Array, tolerance: Tolerance) -> Difference:
    """The difference with a run in f64 as the arbiter.

    The runtime agrees where its errors, sorted, are each within the tolerance or at most `LENIENCY` times as large as
    PyTorch's, of `LENIENCY` times as many: a model that magnifies roundings does so in both.
    """
    import numpy as np

    if not got.shape == want.shape == exact.shape or got.dtype != want.dtype:
        return plain
    b = exact.astype(np.float64)
    ours, own = (_errors(a.astype(np.float64), b) for a in (got, want))
    finite = np.abs(np.where(np.isfinite(b), b, 0.0))
    scale = max(0.01, float(np.sqrt(np.mean(finite**2)))) if finite.size else 1.0
    allowed = np.maximum(tolerance.absolute * scale + tolerance.relative * finite, 1e-12 * scale)
    if want.dtype.kind not in "fc":
        allowed = np.full(b.shape, 0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [
            np.sort(np.nan_to_num(e / allowed, nan=0.0, posinf=np.inf), axis=None)[::-1] for e in (ours, own)
        ]
    limits = np.maximum(1.0, LENIENCY * ratios[1][np.arange(b.size) // LENIENCY])
    agrees = bool((ratios[0] <= limits).all())
    relative = float((ours / np.maximum(finite, 1e-3 * scale)).max(initial=0.0))
    return replace(
        plain,
        absolute=float(ours.max(initial=0.0)),
        relative=relative,
        agrees=agrees,
        note="" if agrees else plain.note,
        own=float(own.max(initial=0.0)),
    )


def _errors(a: Array, b: Array) -> Array:
    """The distance of each number: 0 where both are the same infinity or NaN, infinite where only one is."""
    import numpy as np

    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        distance = np.abs(a - b)
    found: Array = np.where(np.isfinite(a) & np.isfinite(b), distance, np.where(same, 0.0, np.inf))
    return found


def _all_agree(differences: Sequence[Difference]) -> bool:
    return all(d.agrees for d in differences)


def _telling(torch: Runtime, sampler: Sampler, sizes: Sizes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Inputs and PyTorch's results for them, finite ones if any are.

    True may be what a mask hides, or what it shows; floats may be what an op wants between 0 and 1.

    Raises:
        CannotRun: PyTorch refuses all that are drawn.
    """
    import numpy as np

    found = None
    for truths, unit in ((0.3, False), (0.7, False), (0.3, True)):
        inputs = sampler.sample(sizes, truths=truths, unit=unit)
        try:
            results = torch(inputs)
        except (RuntimeError, ValueError, IndexError) as error:
            refusal = error
            continue
        found = inputs, results
        if all(np.isfinite(r).all() for r in results.values() if r.dtype.kind == "f"):
            break
    if found is None:
        raise CannotRun(f"PyTorch refuses each of three draws of inputs: {first_line(refusal)}") from refusal
    return found


def compare(
    expected: Mapping[str, Array], found: Mapping[str, Array], dtype: DType = DType.F32
) -> tuple[Difference, ...]:
    """The difference of each output; NaN equals NaN, and infinities equal themselves."""
    return tuple(difference(name, want, found[name], TOLERANCES[dtype]) for name, want in expected.items())


def difference(name: str, want: Array, got: Array, tolerance: Tolerance) -> Difference:
    """How far `got` is from `want`."""
    import numpy as np

    if got.shape != want.shape:
        return Difference(name, np.inf, np.inf, False, f"shape {list(got.shape)}, not {list(want.shape)}")
    if got.dtype != want.dtype:
        return Difference(name, np.inf, np.inf, False, f"dtype {got.dtype}, not {want.dtype}")
    if want.dtype.kind not in "fc":
        wrong = int((got != want).sum())
        worst = float(np.abs(got.astype(np.float64) - want.astype(np.float64)).max(initial=0.0))
        return Difference(name, worst, worst, wrong == 0, f"{wrong} numbers differ" if wrong else "")
    a, b = got.astype(np.float64), want.astype(np.float64)
    off = _errors(a, b)
    finite = np.isfinite(a) & np.isfinite(b)
    size = np.abs(np.where(finite, b, 0.0))
    scale = max(0.01, float(np.sqrt(np.mean(size**2)))) if size.size else 1.0
    agrees = bool((off <= tolerance.absolute * scale + tolerance.relative * size).all())
    relative = off / np.maximum(size, 1e-3 * scale)
    strange = int(((off > 0) & ~np.isfinite(b)).sum())
    note = f"PyTorch gives NaN or an infinity for {strange} of these numbers" if strange else ""
    return Difference(name, float(off.max(initial=0.0)), float(relative.max(initial=0.0)), agrees, note)
