"""What a training step costs one device of a mesh: memory, what it sends, FLOPs.

What it sends is counted as rings of devices do: of n devices each sends (n - 1) / n of what all have together when that is
gathered or scattered, twice that when it is reduced. Source: https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Final

from spec_lang.accounting.again import step
from spec_lang.accounting.counts import Count, plus, times
from spec_lang.accounting.kept import unsaid
from spec_lang.accounting.trace import Options, Trace, trace
from spec_lang.frozen import Frozen, Record
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.shapes import Dim, DType, symbol
from spec_lang.sharding.device import device
from spec_lang.sharding.plan import BYTES, STATES, Plan
from spec_lang.sharding.units import nested, unit_of, units

ROUNDS: Final[Mapping[str, int]] = {"all-gather": 1, "reduce-scatter": 1, "all-reduce": 2}
"""How often a ring goes round: once to gather or to scatter."""


class Setting(Frozen):
    """How a model trains.

    Attributes:
        dtype: Of parameters, gradients and the optimiser's states.
        compute: What parameters are gathered as, and activations are: the policy's `param_dtype`.
        optimizer: Whose states are held.
        recompute: Whether blocks keep their inputs alone, and run once more for their gradients.
        dims: The sizes of dims of the inputs, of all devices together.
    """

    dtype: str = "f32"
    compute: str | None = None
    optimizer: str = "adam"
    recompute: bool = False
    dims: Mapping[str, int] | None = None

    @property
    def computed(self) -> str:
        return self.compute or self.dtype


class Sending(Record):
    """What one device sends over an axis in a step: how often, the bytes of all parts together, and those it sends."""

    axis: str
    how: str
    often: Count
    whole: Count
    sent: Count


class Memory(Record):
    """The bytes that one device holds at most."""

    parameters: int
    gradients: int
    states: int
    buffers: int
    activations: Count
    again: Count
    """Activations of a block while it runs once more."""
    gathered: int
    """Parameters of the units that are there at a time, and the gradient of one before it is scattered."""

    @property
    def peak(self) -> Count:
        own = self.parameters + self.gradients + self.states + self.buffers + self.gathered
        return plus(own, plus(self.activations, self.again))


class Cost(Record):
    """What a step costs one device; `unsaid` are ops of which it is not known what they keep."""

    memory: Memory
    sendings: tuple[Sending, ...]
    flops: Count
    unsaid: tuple[str, ...]
    run: Trace


def cost_of(
    program: model.Program,
    name: str,
    plan: Plan,
    setting: Setting,
    overrides: Mapping[str, Host] | None = None,
) -> Cost:
    """The cost of a step of the model, without its loss.

    Raises:
        EvaluationError: the samples do not divide (E0921), or what `forward` does depends on a size that is not given.
    """
    run = _run(program, name, plan, setting, overrides)
    tp = plan.mesh.get("tp", 1)
    lists = units(plan.definition) if setting.recompute else []
    taken = step(run.call, lambda path: bool(unit_of(f"{path}.", lists)) and path.count(".") == 1)
    sendings = [
        Sending("tp", how, often, size, _ring(how, size, tp))
        for how, (often, size) in sorted(taken.traffic.items())
    ]
    sharded = list(_over_samples(plan, setting))
    bytes_ = BYTES[setting.dtype]
    held = plan.held
    gradients = held
    if "dp" not in plan.mesh:  # else the whole gradient of a table is scattered
        gradients += sum(prod(t.part[1:]) * (t.shape[0] - t.part[0]) for t in plan.tensors if t.looked_up)
    memory = Memory(
        held * bytes_,
        gradients * bytes_,
        held * bytes_ * STATES[setting.optimizer],
        plan.buffers[0] * bytes_ + plan.buffers[1],
        taken.kept,
        taken.inside,
        _gathered(plan, setting),
    )
    return Cost(memory, (*sharded, *sendings), taken.flops, tuple(sorted(unsaid(run.call))), run)


def samples(plan: Plan) -> str | None:
    """The dim of the inputs that is divided among the devices: the first axis of the first tensor, where it has a name."""
    forward = next(m for m in plan.definition.methods if m.name == "forward")
    for i in forward.inputs:
        if isinstance(i.type, model.TensorType) and i.type.dims:
            first = i.type.dims[0].removeprefix("*")  # of one dim, where no rank is given
            known = {h.name for h in plan.definition.hypers}
            return first if first.isidentifier() and first != "_" and first not in known else None
    return None


def _run(
    program: model.Program, name: str, plan: Plan, setting: Setting, overrides: Mapping[str, Host] | None
) -> Trace:
    """One device's run: of its samples, with its parts of what is cut."""
    dims: dict[str, int | Dim] = dict(setting.dims or {})
    batch, count = samples(plan), plan.mesh.get("replicate", 1) * plan.mesh.get("dp", 1)
    if batch is not None and count > 1:
        given = dims.get(batch)
        if isinstance(given, int) and given % count:
            forward = next(m for m in plan.definition.methods if m.name == "forward")
            raise EvaluationError(
                "E0921",
                f"{batch} = {given} does not divide by the {count} devices that share the samples",
                plan.definition.file,
                forward.span,
                f"each must have equally many: --dim {batch}={given - given % count + count}",
            )
        dims[batch] = (symbol(batch) if given is None else given) // count
    options = Options(dims=dims, precision=DType(setting.computed), training=True)
    return trace(
        program, name, overrides, options, runs=device(plan.mesh.get("tp", 1), plan.parts, plan.names)
    )


def _ring(how: str, size: Count, count: int) -> Count:
    """The bytes that each of `count` devices sends."""
    whole = times(size, ROUNDS[how] * (count - 1))
    return whole // count if whole is not None else None


def _over_samples(plan: Plan, setting: Setting) -> list[Sending]:
    """What is sent over `dp` and `replicate`: blocks are gathered twice, the rest once or twice, all gradients scattered."""
    dp, replicate = plan.mesh.get("dp", 1), plan.mesh.get("replicate", 1)
    padded = _unit_sizes(plan)
    rest = padded.get("", 0)
    blocks = sum(padded.values()) - rest
    found: list[Sending] = []
    often = len(padded)
    if dp > 1:
        again = 1 + nested(plan.definition)
        gathered = (2 * blocks + again * rest) * dp * BYTES[setting.computed]
        times_ = 2 * (often - ("" in padded)) + again * ("" in padded)
        found.append(Sending("dp", "all-gather", times_, gathered, _ring("all-gather", gathered, dp)))
        scattered = (blocks + rest) * dp * BYTES[setting.dtype]
        found.append(
            Sending("dp", "reduce-scatter", often, scattered, _ring("reduce-scatter", scattered, dp))
        )
    if replicate > 1:
        reduced = (blocks + rest) * BYTES[setting.dtype]
        found.append(
            Sending("replicate", "all-reduce", often, reduced, _ring("all-reduce", reduced, replicate))
        )
    return found


def _unit_sizes(plan: Plan) -> dict[str, int]:
    """The numbers that one device holds of each unit, rows rounded up."""
    lists = units(plan.definition)
    found: dict[str, int] = {}
    for t in plan.tensors:
        unit = unit_of(t.key, lists)
        found[unit] = found.get(unit, 0) + prod(t.local)
    return found


def _gathered(plan: Plan, setting: Setting) -> int:
    """What is there of other devices' parameters: the rest, a block and the next one; and a block's whole gradient."""
    dp = plan.mesh.get("dp", 1)
    if dp == 1:
        return 0
    padded = _unit_sizes(plan)
    rest = padded.pop("", 0)
    largest = max(padded.values(), default=0)
    two = 2 * largest if len(padded) > 1 else largest
    most = (rest + two) * dp * BYTES[setting.computed]
    return most + max(largest, rest if not padded else 0) * dp * BYTES[setting.computed]


__all__ = ["Cost", "Memory", "Sending", "Setting", "cost_of", "samples"]
