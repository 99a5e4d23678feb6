"""What each device of a mesh holds of a model with concrete hyperparameters: which axis of which tensor is cut.

A parameter is cut over `tp` along the axis of its class, then over `dp` along its first axis (fully sharded data
parallel), as `torch.distributed.fsdp.fully_shard` does behind `parallelize_module`.
Source: https://docs.pytorch.org/docs/stable/distributed.tensor.parallel.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, gcd, prod

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, ContainerTemplate, Instance, OpTemplate
from spec_lang.ops.base import Layer
from spec_lang.shapes import DType
from spec_lang.sharding.cuts import Cut, Cuts, derived
from spec_lang.sharding.device import Part, part_of
from spec_lang.sharding.factors import Factor, flat
from spec_lang.weights.state import ITEM_SIZES

AXES = ("replicate", "dp", "tp")
"""The axes of a mesh, from the outside in: over `replicate` go samples alone, over `dp` parameters too."""
BYTES: Mapping[str, int] = {"f64": 8, "f32": 4, "bf16": 2, "f16": 2}
STATES: Mapping[str, int] = {"adam": 2, "adamw": 2, "sgd": 0, "momentum": 1}
"""How many numbers an optimiser keeps of each parameter, of its dtype."""


class Sharded(Record):
    """A parameter on the mesh: the axis that `tp` cuts, or None, a device's part, and what of that it holds at most."""

    key: str
    shape: tuple[int, ...]
    axis: int | None
    cut: Cut | None
    part: tuple[int, ...]
    local: tuple[int, ...]
    looked_up: bool
    """Whether it is a table under no other name, cut by rows: its gradient comes whole."""


class Divisor(Record):
    """A size that `tp` must divide, with its value."""

    cut: Cut
    value: int
    file: int
    span: model.Span | None


class Plan(Record):
    """A model on a mesh."""

    definition: model.Block
    cuts: Cuts
    mesh: Mapping[str, int]
    tensors: tuple[Sharded, ...]
    divisors: tuple[Divisor, ...]
    parts: Mapping[str, Part]
    """The layers that are cut, by their paths."""
    names: Mapping[tuple[int, str], frozenset[str]]
    """The hyperparameters of which a device has its part, by the file and the name of their block."""
    buffers: tuple[int, int]
    """What is not learned, which each device has whole: numbers of `float`, and the bytes of the others."""

    @property
    def divides(self) -> tuple[int, ...]:
        """What `tp` may be; what is gathered may stay whole."""
        common = gcd(*(d.value for d in self.divisors if not d.cut.gathered))
        return tuple(n for n in range(1, common + 1) if common % n == 0)

    def check(self) -> None:
        """Refuse a mesh that does not divide a size.

        Raises:
            EvaluationError: E0920, with the size's name and where it is cut.
        """
        tp = self.mesh.get("tp", 1)
        for d in self.divisors:
            if d.value % tp and not d.cut.gathered:
                fits = ", ".join(map(str, self.divides))
                message = f"{d.cut.name} = {d.value} does not divide by tp = {tp}: tp may be {fits}"
                raise EvaluationError("E0920", message, d.file, d.span)

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
    derivation, cuts = derived(program, root.template.definition)
    by_axis = {(u.parameter.key, u.axis): (c, u.parameter, u.role) for c in cuts.cuts for u in c.uses}
    tensors: list[Sharded] = []
    divisors: dict[tuple[Factor, int], Divisor] = {}
    state = State(program, root)
    places = {key: (owner, path, op) for key, owner, path, op in _places(root)}
    parts: dict[str, Part] = {}
    tied = {t.shared for t in state.tensors}
    floats = others = 0
    for t in state.tensors:
        if not t.learned:
            if t.dtype is DType.FLOAT:
                floats += prod(t.shape)
            else:
                others += prod(t.shape) * ITEM_SIZES[t.dtype]
            continue
        owner, path, op = places.get(t.key, (None, "", None))
        found = None
        if owner is not None:
            found = next((c for c in by_axis if _meets(c[0], owner, path)), None)
        cut, axis, role = None, None, ""
        if found is not None and owner is not None:
            (cut, parameter, role), axis = by_axis[found], found[1]
            for f in flat(parameter.axes[axis]):
                if f is cut.factor:
                    value = _value(f, owner, t.shape[axis], parameter.axes[axis])
                    divisors.setdefault(
                        (f, value), Divisor(cut, value, owner.definition.file, _span(owner.definition, path))
                    )
            if cut.gathered and t.shape[axis] % mesh.get("tp", 1):
                cut, axis = None, None
        if cut is not None and axis is not None and t.key.endswith("weight") and mesh.get("tp", 1) > 1:
            assert op is not None
            parts[t.key.rpartition(".")[0]] = part_of(op, axis, role, cut.gathered)
        if t.shared is None:
            part = _divided(t.shape, axis, mesh.get("tp", 1))
            local = _divided(part, 0 if part else None, mesh.get("dp", 1))
            looked_up = cut is not None and t.key not in tied and role == "rows"
            tensors.append(Sharded(t.key, t.shape, axis, cut, part, local, looked_up))
    names = {
        (block.file, block.name): frozenset(
            name for c in cuts.cuts if not c.gathered for name in derivation.local_names(block, c.factor)
        )
        for block in derivation.blocks()
    }
    definition = root.template.definition
    return Plan(
        definition, cuts, dict(mesh), tuple(tensors), tuple(divisors.values()), parts, names, (floats, others)
    )


def _span(definition: model.Block, path: str) -> model.Span | None:
    """Where a block's layer stands, by a path that begins with it."""
    name = path.partition(".")[0]
    return next((m.span for m in definition.members if m.name == name), definition.span)


def _divided(shape: tuple[int, ...], axis: int | None, count: int) -> tuple[int, ...]:
    return tuple(ceil(n / count) if i == axis else n for i, n in enumerate(shape))


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
) -> Iterator[tuple[str, BlockTemplate, str, Layer | None]]:
    """The tensors of all modules: their keys, the block whose layers they are among, their paths below it, their layer."""
    template = at.template
    if isinstance(template, OpTemplate):
        assert owner is not None
        for p in template.op.params():
            yield at.below(p.name), owner, f"{path}.{p.name}" if path else p.name, template.op
        return
    if isinstance(template, BlockTemplate):
        owner, path = template, ""
        for member in template.definition.members:
            if isinstance(member, model.Param):
                yield at.below(member.name), template, member.name, None
    if isinstance(template, BlockTemplate | ContainerTemplate):
        for name, child in at.registered():
            yield from _places(child, owner, f"{path}.{name}" if path else name)


def _meets(key: tuple[str, str], owner: BlockTemplate, path: str) -> bool:
    """Whether a parameter's key, with `*` for any index, is that of a path below a block."""
    if key[0] != owner.definition.name:
        return False
    pattern, parts = key[1].split("."), path.split(".")
    return len(pattern) == len(parts) and all(a in ("*", b) for a, b in zip(pattern, parts, strict=True))
