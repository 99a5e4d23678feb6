"""`model_parallel.py` beside a model's module: what `torch.distributed` is to do with it.

Source: https://docs.pytorch.org/docs/stable/distributed.tensor.parallel.html,
https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.sharding.cuts import Cut, Cuts, Use, derived
from spec_lang.sharding.derive import Derivation
from spec_lang.sharding.factors import Factor, flat
from spec_lang.sharding.stream import Once, Stream, stream_of
from spec_lang.sharding.units import units
from spec_lang.sharding.values import Traced
from spec_lang.targets.parallel import pieces
from spec_lang.targets.parallel.helpers import DIVIDED, EQUAL, RECOMPUTED, SKIPS, checkpoints
from spec_lang.targets.parallel.imports import OWN
from spec_lang.targets.parallel.styles import STYLES
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.modules import qualified


class NotCut(ValueError):
    """A file that has no model, or models that would be cut in two ways."""


class Layer(Record):
    """A layer with parameters, among those of a block: its path below it, and its parallel style as Python."""

    path: str
    style: str


class Plan(Record):
    """One class of the generated module, by its name: how its layers are cut.

    `divisors` are the sizes that must divide, by their names, as Python reads them off the `module`; `local` are the
    hyperparameters that it keeps of which a device has its part. Under sequence parallelism `shared` are the layers that
    give parts of the steps, with the axis, and `once` the inputs that are gathered for all columns.
    """

    name: str
    layers: tuple[Layer, ...]
    divisors: tuple[tuple[str, str], ...]
    local: tuple[str, ...]
    shared: tuple[tuple[str, int], ...]
    once: tuple[Once, ...]


def parallel(program: model.Program, sources: Mapping[str, str]) -> dict[str, str]:
    """The files by path, for the models of the program's first file; `sources` are those of the PyTorch target.

    Raises:
        NotCut: the first file has no model, or one class is to be cut in two ways.
    """
    entries = [d for d in program.definitions if d.file == 0 and isinstance(d, model.Block) and d.entry]
    if not entries:
        raise NotCut("it has no model")
    attributes = _attributes(sources.values())
    imports = Imports(
        f"{program.files[0].module}_parallel", OWN, {qualified(program, d): d for d in program.definitions}
    )

    def named(block: model.Block) -> str:
        return imports.definition(qualified(program, block))

    found = [derived(program, e, lambda f, uses: _unreadable(f, uses, attributes)) for e in entries]
    plans: dict[str, Plan] = {}
    models: list[pieces.Said] = []
    tied = any(isinstance(d, model.Block) and d.ties for d in program.definitions)
    for entry, (derivation, cuts) in zip(entries, found, strict=True):
        scores = _scores(derivation, cuts, entry)
        stream = stream_of(derivation, entry, cuts) if len(entries) == 1 else None
        own = tuple(_plans(derivation, cuts, attributes, named, scores and scores[1], stream))
        for plan in own:
            if plans.setdefault(plan.name, plan) != plan:
                raise NotCut(f"{plan.name} is cut in one way in {entry.name}, and in another elsewhere")
        name = "parallelize" if len(entries) == 1 else f"parallelize_{entry.name}"
        size = scores and (scores[0].name, f"model.{scores[1].parameter.key[1]}.size({scores[1].axis})")
        models.append(
            pieces.Said(entry, named(entry), name, cuts, own, size, None if stream is None else stream.dim)
        )
    used = {layer.style.partition("(")[0] for p in plans.values() for layer in p.layers}
    used |= {"Once"} if any(p.once for p in plans.values()) else set()
    used |= {"Gathered"} if "Scores" in used else set()
    used |= {"Whole"} if used & {"Gathered", "Table"} else set()
    parts = [source for name, source in STYLES.items() if name in used]
    options = ["loss_parallel"] * ("Scores" in used)
    options += ["sequence_parallel"] * any(said.steps is not None for said in models)
    parts += [pieces.model(said, tied, options) for said in models]
    for said in models:
        if len(units(said.entry)) == 1:
            name = "stages" if len(models) == 1 else f"stages_{said.entry.name}"
            parts.append(pieces.stages(said, name, tied))
    parts += [SKIPS] if any(len(units(e)) == 1 for e in entries) else []
    if plans:
        parts.append(pieces.styles(list(plans.values()), options))
        if any(p.divisors for p in plans.values()):
            parts.append(pieces.sizes(list(plans.values())))
    parts += [RECOMPUTED] if any(map(units, entries)) else []
    parts += [DIVIDED] if "sequence_parallel" in options else []
    parts += [EQUAL] if any(map(pieces.first_input, entries)) else []
    parts += checkpoints(tied, "Regrouped" in used)
    path = program.files[0].module.replace(".", "/") + "_parallel.py"
    return {path: pieces.file([e.name for e in entries], imports.lines(), parts)}


def _unreadable(factor: Factor, uses: Iterable[Use], attributes: Mapping[str, frozenset[str]]) -> str | None:
    """Why a class cannot be cut in Python: its modules do not keep the sizes that it takes."""
    told = False
    for use in uses:
        scope = use.parameter.key[0]
        kept = attributes.get(scope, frozenset())
        if use.inner and len(use.parameter.axes) > 1 and regrouped(scope, factor, use, kept) is None:
            return f"{scope}, whose module does not keep the sizes by which rows are regrouped"
        told = told or value_of(scope, use, factor, kept) is not None
    return None if told else "its size, which no module keeps"


def _attributes(sources: Iterable[str]) -> dict[str, frozenset[str]]:
    """The hyperparameters that each generated class keeps, by the class' name."""
    return {
        node.name: frozenset(_kept(node))
        for text in sources
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef)
    }


def _kept(node: ast.ClassDef) -> Iterator[str]:
    """The names of `self.name = name`."""
    for inner in ast.walk(node):
        match inner:
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Name(id=value)) if name == value:
                yield name


def _plans(
    derivation: Derivation,
    cuts: Cuts,
    attributes: Mapping[str, frozenset[str]],
    named: Callable[[model.Block], str],
    scores: Use | None,
    stream: Stream | None,
) -> Iterator[Plan]:
    """How each class' layers are cut; none where nothing is."""
    if not cuts.cuts:
        return
    by_axis = {(u.parameter.key, u.axis): (c, u) for c in cuts.cuts for u in c.uses}
    for block in derivation.blocks():
        kept = attributes.get(block.name, frozenset())
        layers: list[Layer] = []
        divisors: dict[str, str] = {}
        local: set[str] = set()
        shared: list[tuple[str, int]] = []
        keys = [key for key in derivation.parameters if key[0] == block.name]
        for path, group in groupby(keys, key=lambda k: k[1].rpartition(".")[0]):
            weight = derivation.parameters[next(k for k in group if k[1].endswith(".weight"))]
            found = next(
                (by_axis[a] for i in range(len(weight.axes)) if (a := (weight.key, i)) in by_axis), None
            )
            taken = None if stream is None else stream.inputs.get((block.name, path))
            given = None if stream is None else stream.results.get((block.name, path))
            if given is not None and taken is None:
                shared.append((path, given))
            if found is None:
                along = cuts.along.get((block.name, path))
                said = f"Shard({along})" if along is not None else _whole(taken, given)
                layers.append(Layer(path, f"Whole({said})"))
                continue
            cut, use = found
            layers.append(Layer(path, _style(block.name, cut, use, kept, use is scores, taken, given)))
            if not cut.gathered:
                text = value_of(block.name, use, cut.factor, kept)
                if text is not None:
                    divisors.setdefault(cut.name, text)
                local |= set(derivation.local_names(block, cut.factor)) & kept
        if layers:
            once = () if stream is None else tuple(o for o in stream.once if o.block == block.name)
            yield Plan(
                named(block),
                tuple(layers),
                tuple(divisors.items()),
                tuple(sorted(local)),
                tuple(shared),
                once,
            )


def _scores(derivation: Derivation, cuts: Cuts, entry: model.Block) -> tuple[Cut, Use] | None:
    """The columns of a layer of the model's own that are the last axis of what `forward` gives."""
    result = derivation.method(entry, "forward").result
    if not isinstance(result, Traced) or not result.axes:
        return None
    last = flat(result.axes[-1])
    for cut in cuts.cuts:
        if cut.gathered and last == (cut.factor,):
            for use in cut.uses:
                scope, path = use.parameter.key
                own = scope == entry.name and all(p.isidentifier() for p in path.split("."))
                if own and use.role == "columns" and path.endswith(".weight") and not use.inner:
                    return cut, use
    return None


def steps(axis: int | None) -> str:
    """What Python calls the layout of what is cut along the steps, which are an axis; nothing for what is whole."""
    return "" if axis is None else f"steps_{axis}"


def _whole(taken: int | None, given: int | None) -> str:
    if taken == given:
        return steps(taken)
    return f"{steps(taken) or 'Replicate()'}, {steps(given) or 'Replicate()'}"


def _style(
    scope: str,
    cut: Cut,
    use: Use,
    kept: frozenset[str],
    scores: bool,
    taken: int | None,
    given: int | None,
) -> str:
    """The parallel style of a layer, as Python; what it takes and gives may be cut along the steps."""
    if use.role == "rows":
        return f"Table({steps(given)})"
    if use.role == "sum":
        return f"RowwiseParallel({'' if given is None else f'output_layouts={steps(given)}'})"
    also = "" if taken is None else f", {steps(taken)}"
    if use.inner:
        before, count = regrouped(scope, cut.factor, use, kept) or ("", "")
        return f"Regrouped({before}, {count}{also})"
    if cut.gathered:
        return f"Scores(loss_parallel{also})" if scores else f"Gathered({steps(taken)})"
    return f"ColwiseParallel({'' if taken is None else f'input_layouts={steps(taken)}'})"


def regrouped(scope: str, factor: Factor, use: Use, kept: frozenset[str]) -> tuple[str, str] | None:
    """How many projections stand in front of what is cut, and how many parts it has; None where a module does not tell."""
    factors = flat(use.parameter.axes[use.axis])
    at = factors.index(factor)
    texts = [_spelled(f, scope, kept) for f in (*factors[:at], factor)]
    if any(t is None for t in texts):
        return None
    *before, count = [t or "" for t in texts]
    return " * ".join(before), count


def value_of(scope: str, use: Use, factor: Factor, kept: frozenset[str]) -> str | None:
    """The size of what is cut, read off the `module`; None where it does not tell."""
    own = _spelled(factor, scope, kept)
    if own is not None:
        return own
    rest = [_spelled(f, scope, kept) for f in flat(use.parameter.axes[use.axis]) if f is not factor]
    if any(t is None for t in rest):
        return None
    path = use.parameter.key[1]
    if "*" in path:
        return None
    plain = all(p.isidentifier() for p in path.split("."))
    weight = f"module.{path}" if plain else f'module.get_parameter("{path}")'
    divisor = " * ".join(t or "" for t in rest)
    whole = f"{weight}.size({use.axis})"
    return whole if not rest else f"{whole} // {divisor}" if len(rest) == 1 else f"{whole} // ({divisor})"


def _spelled(factor: Factor, scope: str, kept: frozenset[str]) -> str | None:
    """A factor's size by what the module keeps."""
    size = factor.sizes.get(scope)
    if size is None or not size.symbols <= kept:
        return None
    text = str(size)
    if not size.symbols:
        return text
    return f"module.{text}" if text.isidentifier() else None
