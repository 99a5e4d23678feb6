"""What each device of a mesh holds of a model with concrete hyperparameters: which axis of which tensor is cut.

A parameter is cut over `tp` along the axis of its class, then over `dp` along its first axis (fully sharded data
parallel), as `torch.distributed.fsdp.fully_shard` does behind `parallelize_module`.
Source: https://docs.pytorch.org/docs/stable/distributed.tensor.parallel.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, prod

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.dim_text import size
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, ContainerTemplate, Instance, OpTemplate
from spec_lang.sharding.cuts import Cut, Cuts, cuts_of
from spec_lang.sharding.factors import Factor, flat

AXES = ("dp", "tp")
BYTES: Mapping[str, int] = {"f64": 8, "f32": 4, "bf16": 2, "f16": 2}
STATES: Mapping[str, int] = {"adamw": 2, "sgd": 0, "momentum": 1}
"""How many numbers an optimiser keeps of each parameter."""


class Sharded(Record):
    """A parameter on the mesh: the axis that `tp` cuts, or None, and what one device holds of it at most."""

    key: str
    shape: tuple[int, ...]
    axis: int | None
    cut: Cut | None
    local: tuple[int, ...]


class Divisor(Record):
    """A size that `tp` must divide, with its value."""

    cut: Cut
    value: int


class Plan(Record):
    """A model on a mesh."""

    cuts: Cuts
    mesh: Mapping[str, int]
    tensors: tuple[Sharded, ...]
    divisors: tuple[Divisor, ...]

    @property
    def broken(self) -> tuple[Divisor, ...]:
        """The sizes that the mesh must divide and does not; what is gathered may stay whole."""
        tp = self.mesh.get("tp", 1)
        return tuple(d for d in self.divisors if d.value % tp and not d.cut.gathered)

    @property
    def parameters(self) -> int:
        """Of the whole model."""
        return sum(prod(t.shape) for t in self.tensors)

    @property
    def held(self) -> int:
        """The most parameters that one device holds."""
        return sum(prod(t.local) for t in self.tensors)


def plan_of(
    program: model.Program, name: str, overrides: Mapping[str, Host], mesh: Mapping[str, int]
) -> Plan:
    """The plan of a model (or variant) on a mesh of the axes `dp` and `tp`, either of which may be absent.

    Raises:
        EvaluationError: a condition of the model does not hold for these values.
    """
    root = Constructions(program).entry(name, overrides)
    assert isinstance(root.template, BlockTemplate)
    cuts = cuts_of(program, root.template.definition)
    by_axis = {(u.parameter.key, u.axis): (c, u.parameter) for c in cuts.cuts for u in c.uses}
    tensors: list[Sharded] = []
    divisors: dict[tuple[Factor, int], Divisor] = {}
    state = State(program, root)
    places = {key: (owner, path) for key, owner, path in _places(root)}
    for t in state.tensors:
        if not t.learned or t.shared is not None:
            continue
        owner, path = places[t.key]
        found = next((c for c in by_axis if _meets(c[0], owner, path)), None)
        cut, axis = None, None
        if found is not None:
            (cut, parameter), axis = by_axis[found], found[1]
            for f in flat(parameter.axes[axis]):
                if f is cut.factor:
                    value = _value(f, owner, t.shape[axis], parameter.axes[axis])
                    divisors.setdefault((f, value), Divisor(cut, value))
            if cut.gathered and t.shape[axis] % mesh.get("tp", 1):
                cut, axis = None, None
        tensors.append(Sharded(t.key, t.shape, axis, cut, _local(t.shape, axis, mesh)))
    return Plan(cuts, dict(mesh), tuple(tensors), tuple(divisors.values()))


def _local(shape: tuple[int, ...], axis: int | None, mesh: Mapping[str, int]) -> tuple[int, ...]:
    local = list(shape)
    if axis is not None:
        local[axis] = ceil(local[axis] / mesh.get("tp", 1))
    if local:
        local[0] = ceil(local[0] / mesh.get("dp", 1))
    return tuple(local)


def _value(f: Factor, owner: BlockTemplate, whole: int, axis: tuple[Factor, ...]) -> int:
    """The factor's size, for the values of the definition where the parameter stands."""
    scope = owner.definition.name
    try:
        found = size(str(f.sizes[scope]), owner.values)
    except (HostError, KeyError):
        found = whole  # one factor is all of the axis
    assert isinstance(found, int)
    return found


def _places(
    at: Instance, owner: BlockTemplate | None = None, path: str = ""
) -> Iterator[tuple[str, BlockTemplate, str]]:
    """The tensors of all modules: their keys, the block whose layers they are among, and their paths below it."""
    template = at.template
    if isinstance(template, OpTemplate):
        assert owner is not None
        for p in template.op.params():
            yield at.below(p.name), owner, f"{path}.{p.name}" if path else p.name
        return
    if isinstance(template, BlockTemplate):
        owner, path = template, ""
        for member in template.definition.members:
            if isinstance(member, model.Param):
                yield at.below(member.name), template, member.name
    if isinstance(template, BlockTemplate | ContainerTemplate):
        for name, child in at.registered():
            yield from _places(child, owner, f"{path}.{name}" if path else name)


def _meets(key: tuple[str, str], owner: BlockTemplate, path: str) -> bool:
    """Whether a parameter's key, with `*` for any index, is that of a path below a block."""
    if key[0] != owner.definition.name:
        return False
    pattern, parts = key[1].split("."), path.split(".")
    return len(pattern) == len(parts) and all(a in ("*", b) for a, b in zip(pattern, parts, strict=True))
