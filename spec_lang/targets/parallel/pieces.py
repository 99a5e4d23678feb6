"""The text of a generated `model_parallel.py`, laid out as `ruff format` does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from spec_lang.frozen import Record
from spec_lang.ir import model as m
from spec_lang.sharding.cuts import Cuts
from spec_lang.sharding.units import units
from spec_lang.targets.parallel.imports import COLUMNS, imported

if TYPE_CHECKING:
    from spec_lang.targets.parallel.emit import Plan


def file(models: Sequence[str], imports: Sequence[str], parts: Sequence[str]) -> str:
    """The whole file; `imports` are those of the generated modules, `parts` what stands in it."""
    names = " and ".join(models)
    text = f"{names} on several devices: what torch.distributed is to do."
    body = "\n\n\n".join(part.rstrip() for part in parts)
    lines = [*_docstring([text], ""), "", *imported(body), "", *imports, "", "", body]
    return "\n".join(lines) + "\n"


def _docstring(paragraphs: Sequence[str], indent: str) -> list[str]:
    """A docstring in lines of 88 columns."""
    first, *rest = paragraphs
    width = COLUMNS - len(indent)
    if not rest and len(first) <= width - 6:
        return [f'{indent}"""{first}"""']
    lines = wrap(f'"""{first}', width)
    for p in rest:
        hanging = p.startswith("    ")
        lines += ["", *wrap(p, width, subsequent_indent=" " * 8 if hanging else "", drop_whitespace=True)]
    return [f"{indent}{line}" if line else "" for line in [*lines, '"""']]


class Said(Record):
    """What is said of one model: its class in Python, the function's name, and how its layers are cut."""

    entry: m.Block
    python: str
    name: str
    cuts: Cuts
    plans: tuple[Plan, ...]
    scores: tuple[str, str] | None
    """The name and the size in Python of the last axis of what `forward` gives, where a layer's columns make it."""
    steps: str | None
    """The name of the steps, where they are cut between layers."""


def model(said: Said, tied: bool, options: Sequence[str]) -> str:
    """The function that cuts one model; `options` are those that `styles` is told."""
    entry, plans = said.entry, said.plans
    lines = [*_signature(said), *_told(said)]
    meshes = [("dp",), ("tp",), ("dp", "tp"), ("replicate", "dp"), ("replicate", "dp", "tp")]
    known = [m for m in meshes if plans or "tp" not in m]
    lines += ["    axes = mesh.mesh_dim_names or ()"]
    texts = [repr(m).replace("'", '"') for m in known]
    short = f"    if axes not in ({', '.join(texts)}):"
    lines += (
        [short]
        if len(short) <= COLUMNS
        else ["    if axes not in (", *(f"        {t}," for t in texts), "    ):"]
    )
    wanted = [" x ".join(m) for m in known]
    text = f'"a mesh of {", ".join(wanted[:-1])} or {wanted[-1]} is wanted"'
    lines += _fitting("        raise ValueError(", text, ")")
    lines += ['    data = tuple(axis for axis in axes if axis != "tp")'] if plans else []
    data = "data" if plans else "axes"
    if plans:
        lines += [
            "    if policy is not None and not data:",
            '        raise ValueError("a policy is for a mesh with dp")',
            *_cut(said, tied, options),
        ]
    repeated = units(entry)
    if repeated:
        lines += ["    if recompute:"]
        for path in repeated:
            lines += [f"        for layer in model.{path}:", "            recomputed(layer)"]
    body = [f"samples = mesh[{data}]", "policy = policy or MixedPrecisionPolicy()"]
    if repeated:
        body += ["inner = replace(policy, output_dtype=None)  # which is for the result"]
    for path in repeated:
        body += [
            f"for layer in model.{path}:",
            "    fully_shard(layer, mesh=samples, mp_policy=inner)",
        ]
    body += ["fully_shard(model, mesh=samples, mp_policy=policy)"]
    for method in entry.methods:
        if method.name not in ("forward", "loss"):
            body += [f'register_fsdp_forward_method(model, "{method.name}")']
    batch = first_input(entry)
    if batch is not None:
        at, name, dim = batch
        body += [f'equal = Equal(samples, "{dim}", {at}, "{name}")']
        body += ["model.register_forward_pre_hook(equal, prepend=True, with_kwargs=True)"]
    indent = "    "
    if plans:
        lines += ["    if data:"]
        indent += "    "
    return "\n".join([*lines, *(indent + line for line in body), "    return model"])


def stages(said: Said, name: str, tied: bool) -> str:
    """The function `name` that makes a pipeline of a model whose blocks are one list."""
    (blocks,) = units(said.entry)
    lines = [
        f"def {name}(",
        f"    model: {said.python}, pp: DeviceMesh, *microbatch: Tensor, each: int = 1",
        ") -> list[_PipelineStageBase]:",
        *_docstring(
            [
                "This device's stages of a pipeline, `each` of them, for a schedule of "
                "`torch.distributed.pipelining`.",
                f"The blocks of `{blocks}` are shared out among the stages in their order. These are traced for "
                "what `forward` gets of one microbatch: its sizes are those of all. Each has its parameters "
                "under their names.",
            ],
            "    ",
        )[:-1],
        "",
        "    Raises:",
        "        ValueError: there are fewer blocks than stages, a stage needs what is not of the",
        "            one before and `each` is not 1" + (", or stages share a parameter." if tied else "."),
        '    """',
        f"    depth, count = len(model.{blocks}), pp.size() * each",
        "    if depth < count:",
        f'        raise ValueError(f"{blocks} has {{depth}} blocks, for {{count}} stages")',
    ]
    if tied:
        lines += [
            "    for first, *others in ties(model):",
            "        for name in others:",
            f'            block = ".".join(first.split(".")[:2]) if first.startswith("{blocks}.") else None',
            '            if block is None or not name.startswith(f"{block}."):',
            '                raise ValueError(f"stages cannot share {first}, which is {name} too")',
        ]
    return "\n".join(
        [
            *lines,
            *_fitting(
                "    cuts = {",
                f'f"{blocks}.{{depth * i // count}}": SplitPoint.BEGINNING for i in range(1, count)',
                "}",
            ),
            "    pipe = pipeline(model, microbatch, split_spec=cuts)",
            "    if each > 1 and skips(pipe):",
            '        raise ValueError("a stage needs what is not of the one before: each is 1")',
            "    device = next(model.parameters()).device",
            "    return [",
            "        pipe.build_stage(i, device, pp.get_group())",
            "        for i in range(pp.get_local_rank(), count, pp.size())",
            "    ]",
        ]
    )


def _fitting(opening: str, inner: str, closing: str) -> list[str]:
    """A bracket in one line where that fits, else in three."""
    line = f"{opening}{inner}{closing}"
    indent = " " * (len(opening) - len(opening.lstrip()))
    return [line] if len(line) <= COLUMNS else [opening, f"{indent}    {inner}", f"{indent}{closing}"]


def first_input(entry: m.Block) -> tuple[int, str, str] | None:
    """The first tensor that `forward` is always given: its place, its name, and its first axis."""
    forward = next(x for x in entry.methods if x.name == "forward")
    for at, x in enumerate(forward.inputs):
        if isinstance(x.type, m.TensorType) and x.type.dims and x.default is None:
            dim = x.type.dims[0]
            return at, x.name, dim if dim.isidentifier() else "the batch"
    return None


def _flags(said: Said) -> list[str]:
    """The options of a model's `parallelize`."""
    return [
        *["recompute"] * bool(units(said.entry)),
        *["sequence_parallel"] * (said.steps is not None),
        *["loss_parallel"] * (said.scores is not None),
    ]


def _signature(said: Said) -> list[str]:
    flags = _flags(said)
    return [
        f"def {said.name}(",
        f"    model: {said.python},",
        "    mesh: DeviceMesh,",
        "    policy: MixedPrecisionPolicy | None = None,",
        *(["    *,"] if flags else []),
        *(f"    {flag}: bool = False," for flag in flags),
        f") -> {said.python}:",
    ]


def _told(said: Said) -> list[str]:
    """The function's docstring."""
    cuts, plans = said.cuts, said.plans
    over = ", ".join(dict.fromkeys(c.name for c in cuts.cuts))
    why = "nothing that its weights hold can be cut" if cuts.refused is None else cuts.refused.what
    paragraphs = [
        "Cut the model, in place, over a mesh with "
        + ("any of the axes `replicate`, `dp` and `tp`." if plans else "the axis `dp`, or `replicate` too."),
        "Over `dp`: samples, and every parameter. Over `replicate`: samples alone. "
        + (f"Over `tp`: {over}." if plans else f"Over `tp` nothing is cut: {why}."),
    ]
    if units(said.entry):
        paragraphs += [
            "With `recompute`, a layer keeps its inputs alone for backward, and runs once more there."
        ]
    if said.steps is not None:
        paragraphs += [
            f"With `sequence_parallel` each device of `tp` has its part of {said.steps} between layers that are cut."
        ]
    if said.scores is not None:
        paragraphs += [
            "With `loss_parallel` the result stays cut: take its `cross_entropy`, and go backward, under "
            "`torch.distributed.tensor.parallel.loss_parallel()`."
        ]
    apart = ", ".join(dict.fromkeys(r.what for r in cuts.batch))
    if apart:
        paragraphs += [f"Not known to treat each sample by itself: {apart}."]
    return [
        *_docstring(paragraphs, "    ")[:-1],
        "",
        "    Raises:",
        "        ValueError: the mesh has another axis, or a size does not divide.",
        '    """',
    ]


def _cut(said: Said, tied: bool, options: Sequence[str]) -> list[str]:
    plans = said.plans
    lines = ['    if "tp" in axes:', '        tp = mesh["tp"]']
    if any(p.divisors for p in plans):
        lines += [
            "        for module in model.modules():",
            "            for name, size in sizes(module):",
            "                if size % tp.size():",
            "                    raise ValueError(",
            '                        f"tp must divide {name} ({name}={size}, tp={tp.size()})"',
            "                    )",
        ]
    if said.scores is not None:
        dim, size = said.scores
        lines += [
            f"        scores = {size}",
            "        if loss_parallel and scores % tp.size():",
            *_fitting(
                "            raise ValueError(",
                f'f"tp must divide {dim} ({dim}={{scores}}, tp={{tp.size()}})"',
                ")",
            ),
        ]
    lines += ["        shared = ties(model)"] if tied else []
    lines += ["        for module in list(model.modules()):"]
    flags = _flags(said)
    told = "".join(f", {o if o in flags else 'False'}" for o in options)
    lines += _fitting("            parallelize_module(", f"module, tp, styles(module{told})", ")")
    if said.steps is not None:
        lines += _steps(said, said.steps)
    for p in plans:
        if p.local:
            lines.append(f"            if isinstance(module, {p.name}):  # a device has its part")
            lines += [f"                module.{n} //= tp.size()" for n in p.local]
    return lines + (["        tie(model, shared)"] if tied else [])


def _steps(said: Said, dim: str) -> list[str]:
    """What sequence parallelism asks of blocks, beside their layers' styles."""
    plans = said.plans
    own = [p for p in plans if p.name == said.python and p.shared]  # the model's own layers come first
    lines = []
    places = dict.fromkeys((o.at, o.name, o.axis) for p in plans for o in p.once)
    for at, name, axis in places:
        names = [p.name for p in plans if any((o.at, o.name, o.axis) == (at, name, axis) for o in p.once)]
        wanted = names[0] if len(names) == 1 else " | ".join(names)
        lines += [
            f"            if sequence_parallel and isinstance(module, {wanted}):",
            f'                parallelize_module(module, tp, Once({at}, "{name}", Shard({axis})))',
        ]
    for p in own or plans:
        if p.shared:
            lines.append(f"            if sequence_parallel and isinstance(module, {p.name}):")
            for path, axis in p.shared:
                layer = f"module.{path}" if path.isidentifier() else f'module.get_submodule("{path}")'
                lines.append(f'                divided({layer}, "{dim}", {axis}, tp.size())')
    return lines


def styles(plans: Sequence[Plan], options: Sequence[str]) -> str:
    """The function that says how the layers of each class are cut."""
    flags = "".join(f", {o}: bool" for o in options)
    lines = [f"def styles(module: nn.Module{flags}) -> dict[str, ParallelStyle]:"]
    if len(lines[0]) > COLUMNS:
        lines = ["def styles(", f"    module: nn.Module{flags}", ") -> dict[str, ParallelStyle]:"]
    lines.append('    """How the layers of a module are cut over the devices of `tp`."""')
    texts = " ".join(layer.style for p in plans for layer in p.layers)
    for axis in sorted(set(re.findall(r"steps_(\d+)", texts))):
        lines.append(f"    steps_{axis} = Shard({axis}) if sequence_parallel else Replicate()")
    for plan in plans:
        lines += [f"    if isinstance(module, {plan.name}):", "        return {"]
        lines += [f'            "{layer.path}": {layer.style},' for layer in plan.layers]
        lines.append("        }")
    return "\n".join([*lines, "    return {}"])


def sizes(plans: Sequence[Plan]) -> str:
    """The function that reads the sizes that must divide off a module."""
    lines = ["def sizes(module: nn.Module) -> Iterator[tuple[str, int]]:"]
    lines.append('    """The sizes in a module that `tp` must divide, by their names."""')
    for plan in plans:
        if plan.divisors:
            lines.append(f"    if isinstance(module, {plan.name}):")
            lines += [f'        yield "{name}", {text}' for name, text in plan.divisors]
    return "\n".join(lines)
