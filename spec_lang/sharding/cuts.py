"""Which classes of factors are cut over the devices of a tensor-parallel mesh, and why others are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ops.base import LAYERS
from spec_lang.shapes import Dim
from spec_lang.sharding.derive import Derivation
from spec_lang.sharding.factors import Factor, Reason, flat, size_in
from spec_lang.sharding.notation import read
from spec_lang.sharding.placing import tensors_in
from spec_lang.sharding.values import Parameter

RESHAPES = ("reshape", "view", "unflatten", "rearrange", "Unflatten")
"""What takes sizes of its result: a device gives those of its own part."""


class Use(Record):
    """An axis of a parameter that a class cuts: `inner` where factors stand in front of the one that is cut."""

    parameter: Parameter
    axis: int
    role: str
    inner: bool


class Cut(Record):
    """A class of factors that is cut.

    `gathered` where nothing sums over it: what the columns give is gathered at once.
    """

    factor: Factor
    name: str
    uses: tuple[Use, ...]
    gathered: bool


class Kept(Record):
    """A class of factors of weights that stays whole, and why."""

    name: str
    reasons: tuple[Reason, ...]


class Cuts(Record):
    """What is derived for one model.

    `refused` says why nothing is cut at all. `batch` are the reasons why samples are not independent.
    """

    model: str
    cuts: tuple[Cut, ...]
    kept: tuple[Kept, ...]
    batch: tuple[Reason, ...]
    refused: Reason | None


def cuts_of(program: model.Program, definition: model.Block) -> Cuts:
    """What can be cut of a model, for all of its hyperparameters."""
    derivation = Derivation(program)
    forward = [m for m in definition.methods if m.name == "forward"]
    for method in definition.methods:
        derivation.method(definition, method.name)
    batch = tuple(_batch(derivation, definition, forward))
    for method in forward:
        for x in tensors_in(derivation.method(definition, method.name).inputs):
            _keep(x.axes, Reason("an input of the model", definition.file, method.span))
    for block in reached(program, derivation):
        _sizes_used(derivation, block)
    classes = _classes(derivation.parameters.values())
    refused = _refused(program, derivation)
    chosen: list[Cut] = []
    taken: set[tuple[str, str]] = set()
    kept: list[Kept] = []
    for factor, uses in sorted(classes.items(), key=lambda item: -len(item[1])):
        cut, why = _cut(factor, uses, taken, definition)
        if cut is None or refused is not None:
            kept.append(Kept(_name(factor, definition.name), tuple(why)))
        else:
            chosen.append(cut)
            taken |= {u.parameter.key for u in cut.uses}
    return Cuts(definition.name, tuple(chosen), tuple(k for k in kept if k.reasons), batch, refused)


def reached(program: model.Program, derivation: Derivation) -> Iterator[model.Block]:
    """The blocks that the derivation went through."""
    for definition in program.definitions:
        if isinstance(definition, model.Block) and derivation.went_through(definition):
            yield definition


def _batch(
    derivation: Derivation, definition: model.Block, methods: Iterable[model.Method]
) -> Iterator[Reason]:
    for method in methods:
        for x in tensors_in(derivation.method(definition, method.name).inputs):
            for f in flat(x.axes[0] if x.axes else ()):
                yield from (r for r in f.reasons if not r.by_size)
            return


def _keep(axes: Iterable[Sequence[Factor]], reason: Reason) -> None:
    for axis in axes:
        for f in flat(axis):
            f.keep_whole(reason)


def _classes(parameters: Iterable[Parameter]) -> dict[Factor, list[Use]]:
    """The classes that weights hold, each with the axes where they do."""
    found: dict[Factor, list[Use]] = {}
    for p in parameters:
        for i, axis in enumerate(p.axes):
            for at, f in enumerate(flat(axis)):
                found.setdefault(f, []).append(Use(p, i, p.role.get(i, ""), at > 0))
    return found


def _cut(
    factor: Factor, uses: Sequence[Use], taken: set[tuple[str, str]], definition: model.Block
) -> tuple[Cut | None, list[Reason]]:
    """The class as a cut, or why it is none."""
    if factor.reasons:
        return None, list(factor.reasons)
    nowhere = definition.file, definition.span
    keys = [u.parameter.key for u in uses]
    twice = next((k for k in keys if keys.count(k) > 1), None)
    if twice is not None:
        return None, [Reason(f"both axes of {twice[0]}.{twice[1]}, of which one can be cut", *nowhere)]
    both = next((k for k in keys if k in taken), None)
    if both is not None:
        return None, [Reason(f"the other axis of {both[0]}.{both[1]}, which is cut", *nowhere)]
    roles = {u.role for u in uses if len(u.parameter.axes) > 1}
    if "" in roles or (roles != {"rows"} and "columns" not in roles):
        return None, []
    inner = next((u for u in uses if u.inner and u.role != "columns"), None)
    if inner is not None:
        where = ".".join(inner.parameter.key)
        return None, [Reason(f"its place within {where}, behind other factors", *nowhere)]
    return Cut(factor, _name(factor, definition.name), tuple(uses), "sum" not in roles), []


def _name(factor: Factor, scope: str) -> str:
    """What to call a class: a name of the model's or of a block's, else its size."""
    texts = [str(s) for name, s in sorted(factor.sizes.items(), key=lambda item: item[0] != scope)]
    plain = [t for t in texts if t.isidentifier()]
    return next(iter(plain or texts), "?")


def _refused(program: model.Program, derivation: Derivation) -> Reason | None:
    """Why no layer may be cut: one whose parameters would be left on another mesh than the others'."""
    for block in reached(program, derivation):
        for member in block.members:
            if isinstance(member, model.Param) and member.kind == "param":
                what = f"{block.name}.{member.name}, a parameter of the block's own"
                return Reason(what, block.file, member.span)
        for call in _calls(block):
            if call.to == "value":
                return Reason("a layer that a hyperparameter gives", block.file, call.span)
            if call.to == "make" and call.name not in ("Sequential", "partial") and _opaque(call.name):
                return Reason(f"{call.name}, whose parameters are not cut", block.file, call.span)
    return None


def _opaque(name: str) -> bool:
    """Whether a layer has parameters and no rule that names their axes."""
    op = LAYERS[name]
    return bool(op.always) and (not op.placement or read(op.placement).kind != "named")


def _calls(node: object) -> Iterator[model.Call]:
    if isinstance(node, tuple):
        for item in node:
            yield from _calls(item)
    elif isinstance(node, model.Node):
        if isinstance(node, model.Call):
            yield node
        for name, value in node.__dict__.items():
            if name not in ("type", "span"):
                yield from _calls(value)


# --- Sizes in the bodies of methods --------------------------------------------------------------


def _sizes_used(derivation: Derivation, block: model.Block) -> None:
    """Keep whole what a method computes with: a device knows the size of its own part alone.

    As a size of a reshape, by its name, it is that of the device's part.
    """
    used: dict[str, model.Expression] = {}
    for method in block.methods:
        _computed(method.body, used)
    for stretch, size in _stretches(derivation, block.name):
        for name in size.symbols & used.keys():
            reason = Reason(f"{name} in an expression", block.file, used[name].span, by_size=True)
            _keep((stretch,), reason)


def _stretches(derivation: Derivation, scope: str) -> Iterator[tuple[Sequence[Factor], Dim]]:
    """Neighbouring factors of the axes that were met in a definition, and their sizes."""
    for axis in derivation.axes.get(scope, ()):
        factors = flat(axis)
        for start in range(len(factors)):
            for stop in range(start + 1, len(factors) + 1):
                size = size_in(factors[start:stop], scope)
                if size is not None:
                    yield factors[start:stop], size


def _computed(node: object, found: dict[str, model.Expression]) -> None:
    """The names of sizes in a body, but for those that stand alone among the sizes of a reshape."""
    if isinstance(node, tuple):
        for item in node:
            _computed(item, found)
    elif isinstance(node, model.Call) and node.to == "op" and node.name in RESHAPES:
        for a in (*node.args, *(k.value for k in node.kwargs)):
            for part in a.items if isinstance(a, model.Tuple | model.List) else (a,):
                if not isinstance(part, model.Name):
                    _computed(part, found)
    elif isinstance(node, model.Name):
        if node.ref in ("hyper", "dim", "let", "local"):
            found.setdefault(node.id, node)
    elif isinstance(node, model.Require) and not (node.open and node.at == "call"):
        return
    elif isinstance(node, model.Node):
        for name, value in node.__dict__.items():
            if name not in ("type", "span"):
                _computed(value, found)


def local_names(derivation: Derivation, block: model.Block, cut: Factor) -> list[str]:
    """The hyperparameters of a block that are sizes of what is cut: each device computes with its part of them."""
    names = {h.name for h in block.hypers}
    sizes = {str(size) for factors, size in _stretches(derivation, block.name) if cut in factors}
    return sorted(names & sizes)
