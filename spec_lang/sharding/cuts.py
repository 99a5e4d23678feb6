"""Which classes of factors are cut over the devices of a tensor-parallel mesh, and why others are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ops.base import LAYERS
from spec_lang.sharding.derive import Derivation
from spec_lang.sharding.factors import Factor, Reason, flat
from spec_lang.sharding.notation import read
from spec_lang.sharding.placing import tensors_in
from spec_lang.sharding.values import Meeting, Parameter, Traced

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

    `refused` says why nothing is cut at all. `batch` are the reasons why samples are not independent. `along` are the
    layers, by their definition and path, that are whole while an axis of their input is cut, with that axis.
    """

    model: str
    cuts: tuple[Cut, ...]
    kept: tuple[Kept, ...]
    batch: tuple[Reason, ...]
    refused: Reason | None
    along: Mapping[tuple[str, str], int]


def cuts_of(program: model.Program, definition: model.Block) -> Cuts:
    """What can be cut of a model, for all of its hyperparameters."""
    return derived(program, definition)[1]


def derived(
    program: model.Program,
    definition: model.Block,
    unreadable: Callable[[Factor, Sequence[Use]], str | None] = lambda factor, uses: None,
) -> tuple[Derivation, Cuts]:
    """What can be cut of a model, and how its axes hang together.

    `unreadable` says why what would be cut cannot be written, where it cannot.
    """
    derivation = Derivation(program)
    for method in definition.methods:
        derivation.method(definition, method.name)
    forward = next(m for m in definition.methods if m.name == "forward")
    inputs = tensors_in(derivation.method(definition, "forward").inputs)
    batch = (
        tuple(r for f in flat(inputs[0].axes[0]) for r in f.reasons if not r.by_size)
        if _has_axes(inputs)
        else ()
    )
    for x in inputs:
        _keep(x.axes, Reason("an input of the model", definition.file, forward.span))
    for block in derivation.blocks():
        _sizes_used(derivation, block)
    results = tensors_in(derivation.method(definition, "forward").result)
    given = {f for x in results for axis in x.axes for f in flat(axis)}
    classes = _classes(derivation.parameters.values())
    refused = _refused(derivation, definition)
    chosen: list[Cut] = []
    taken: set[tuple[str, str]] = set()
    kept: list[Kept] = []
    for factor, uses in sorted(classes.items(), key=lambda item: -len(item[1])):
        cut, why = _cut(factor, uses, taken, definition)
        if cut is not None and not cut.gathered:
            why = _local(derivation, factor)
            if factor in given:
                why.append(Reason("a result of the model", definition.file, forward.span))
            wrong = unreadable(factor, uses)
            if wrong is not None:
                why.append(Reason(wrong, definition.file, definition.span))
        if cut is None or why or refused is not None:
            kept.append(Kept(_name(factor, definition.name), tuple(why)))
        else:
            chosen.append(cut)
            taken |= {u.parameter.key for u in cut.uses}
    along: dict[tuple[str, str], int] = {}
    while (unjoined := _unjoined(derivation, chosen, along)) is not None:
        cut, reason = unjoined
        chosen.remove(cut)
        kept.append(Kept(cut.name, (reason,)))
        along.clear()
    told = tuple(k for k in kept if k.reasons)
    return derivation, Cuts(definition.name, tuple(chosen), told, batch, refused, along)


def _unjoined(
    derivation: Derivation, chosen: Sequence[Cut], along: dict[tuple[str, str], int]
) -> tuple[Cut, Reason] | None:
    """A class whose gradients would be those of a device's part alone: what is learned and whole meets parts of it.

    A layer that is whole may take parts of one axis: its gradients are added up. Those go into `along`.
    """
    keys = {u.parameter.key for c in chosen for u in c.uses}
    for cut in chosen:
        for meeting in derivation.meetings if not cut.gathered else ():
            held = {
                i: axis for x in meeting.tensors for i, axis in enumerate(x.axes) if cut.factor in flat(axis)
            }
            if not held:
                continue
            if any(x.source.learned and not _holds(x.axes, cut.factor) for x in meeting.tensors):
                return cut, Reason(f"{meeting.reason.what} of it with what is whole", *_where(meeting))
            if not meeting.parameters:
                continue
            own = any(_holds(p.axes, cut.factor) for p in meeting.parameters)
            if not own:
                ((at, axis), *more) = held.items()
                mixed = more or any(p.key in keys for p in meeting.parameters)
                if mixed or flat(axis)[0] is not cut.factor or along.setdefault(meeting.path, at) != at:
                    return cut, Reason(f"{meeting.reason.what}, which is whole", *_where(meeting))
            elif len(held) > 1:
                return cut, Reason(f"{meeting.reason.what} of two axes of it", *_where(meeting))
    return None


def _holds(axes: Iterable[Sequence[Factor]], factor: Factor) -> bool:
    return any(factor in flat(axis) for axis in axes)


def _where(meeting: Meeting) -> tuple[int, model.Span | None]:
    return meeting.reason.file, meeting.reason.span


def _has_axes(inputs: Sequence[Traced]) -> bool:
    return bool(inputs) and bool(inputs[0].axes)


def _local(derivation: Derivation, factor: Factor) -> list[Reason]:
    """Why a class cannot be cut: a name of its size is that of something whole, too."""
    for block in derivation.blocks():
        for name in derivation.local_names(block, factor):
            for factors, size in derivation.stretches(block.name):
                if str(size) == name and factor not in factors:
                    what = f"{name} in {block.name}, which is also the size of what is not cut"
                    return [Reason(what, block.file, block.span)]
    return []


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


def _refused(derivation: Derivation, entry: model.Block) -> Reason | None:
    """Why no layer may be cut: one whose parameters would be left on another mesh than the others'."""
    if derivation.mixed is not None:
        return derivation.mixed
    for block in derivation.blocks():
        for tie in block.ties:
            if block is not entry or tie.test is not None or not all(map(is_plain, (tie.left, tie.right))):
                return Reason(f"a tie in {block.name} that is not one of two names", block.file, tie.span)
        for member in block.members:
            if isinstance(member, model.Param) and member.kind == "param":
                what = f"{block.name}.{member.name}, a parameter of the block's own"
                return Reason(what, block.file, member.span)
        for call in calls(block):
            if call.to == "value":
                return Reason("a layer that a hyperparameter gives", block.file, call.span)
            if call.to == "make" and call.name not in ("Sequential", "partial") and _opaque(call.name):
                return Reason(f"{call.name}, whose parameters are not cut", block.file, call.span)
    return None


def is_plain(node: model.Expression) -> bool:
    """Whether a path is written as names alone, whatever the hyperparameters are."""
    while isinstance(node, model.Attribute):
        node = node.value
    return isinstance(node, model.Name)


def _opaque(name: str) -> bool:
    """Whether a layer has parameters and no rule that names their axes."""
    op = LAYERS[name]
    return bool(op.always) and (not op.placement or read(op.placement).kind != "named")


def calls(node: object) -> Iterator[model.Call]:
    """The calls in a part of the IR."""
    if isinstance(node, tuple):
        for item in node:
            yield from calls(item)
    elif isinstance(node, model.Node):
        if isinstance(node, model.Call):
            yield node
        for name, value in node.__dict__.items():
            if name not in ("type", "span"):
                yield from calls(value)


# --- Sizes in the bodies of methods --------------------------------------------------------------


def _sizes_used(derivation: Derivation, block: model.Block) -> None:
    """Keep whole what a method computes with: a device knows the size of its own part alone.

    As a size of a reshape, by its name, it is that of the device's part.
    """
    used: dict[str, model.Expression] = {}
    for method in block.methods:
        _computed(method.body, used)
    for stretch, size in derivation.stretches(block.name):
        for name in size.symbols & used.keys():
            reason = Reason(f"{name} in an expression", block.file, used[name].span, by_size=True)
            _keep((stretch,), reason)


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
