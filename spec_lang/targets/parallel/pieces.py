"""The text of a generated `model_parallel.py`, laid out as `ruff format` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from textwrap import wrap
from typing import TYPE_CHECKING

from spec_lang.ir import model as m
from spec_lang.sharding.cuts import Cuts

if TYPE_CHECKING:
    from spec_lang.targets.parallel.emit import Plan

COLUMNS = 88

WHOLE = '''\
class Whole(ParallelStyle):
    """A layer that each device has whole, its parameters on the mesh as the others'."""

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        whole = [Replicate()]

        def taken(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[DTensor, ...]:
            return tuple(
                DTensor.from_local(x, device_mesh, whole, run_check=False)
                for x in inputs
            )

        def given(_: nn.Module, inputs: object, output: DTensor) -> Tensor:
            return output.to_local()

        module = distribute_module(module, device_mesh)
        module.register_forward_pre_hook(taken)
        module.register_forward_hook(given)
        return module
'''

GATHERED = '''\
class Gathered(ColwiseParallel):
    """Columns whose output is gathered; whole where `tp` does not divide them."""

    def __init__(self) -> None:
        super().__init__(output_layouts=Replicate())

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        if module.get_parameter("weight").size(0) % device_mesh.size():
            return Whole()._apply(module, device_mesh)
        return super()._apply(module, device_mesh)
'''

TABLE = '''\
class Table(RowwiseParallel):
    """Rows of an embedding; whole where `tp` does not divide them."""

    def __init__(self) -> None:
        super().__init__(input_layouts=Replicate())

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        if module.get_parameter("weight").size(0) % device_mesh.size():
            return Whole()._apply(module, device_mesh)
        return super()._apply(module, device_mesh)
'''

REGROUPED = '''\
class Regrouped(ColwiseParallel):
    """Columns of `before` projections side by side, each of `count` parts that are cut.

    The weight's rows are stored part by part, so that a device has its parts of each
    projection. The output and the state_dict have them as the module has.
    """

    def __init__(self, before: int, count: int) -> None:
        super().__init__()
        self.before = before
        self.count = count

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        before, count, local = self.before, self.count, self.count // device_mesh.size()
        for name, parameter in list(module.named_parameters(recurse=False)):
            rows = regroup(parameter.detach(), before, count)
            stored = nn.Parameter(rows, parameter.requires_grad)
            module.register_parameter(name, stored)
        module = super()._apply(module, device_mesh)

        def ordered(_: nn.Module, inputs: object, output: Tensor) -> Tensor:
            parts = output.reshape(*output.shape[:-1], local, before, -1)
            return parts.transpose(-3, -2).flatten(-3)

        def saved(
            _: nn.Module, state: dict[str, Tensor], prefix: str, *__: object
        ) -> None:
            convert(state, prefix, count, before)

        def loaded(
            _: nn.Module, state: dict[str, Tensor], prefix: str, *__: object
        ) -> None:
            convert(state, prefix, before, count)

        module.register_forward_hook(ordered)
        module.register_state_dict_post_hook(saved)  # type: ignore[no-untyped-call]
        module.register_load_state_dict_pre_hook(loaded)  # type: ignore[no-untyped-call]
        return module


def regroup(rows: Tensor, outer: int, inner: int) -> Tensor:
    """Rows that stand as `(outer inner ...)`, as `(inner outer ...)`."""
    parts = rows.reshape(outer, inner, -1, *rows.shape[1:])
    return parts.transpose(0, 1).flatten(0, 2).contiguous()


def convert(state: dict[str, Tensor], prefix: str, outer: int, inner: int) -> None:
    """Regroup a layer's rows in a state_dict, whole or on a mesh."""
    for name in (prefix + "weight", prefix + "bias"):
        rows = state.get(name)
        if isinstance(rows, DTensor):
            whole = regroup(rows.full_tensor().detach(), outer, inner)
            state[name] = distribute_tensor(whole, rows.device_mesh, rows.placements)
        elif rows is not None:
            state[name] = regroup(rows, outer, inner)
'''

STYLES = {"Whole": WHOLE, "Gathered": GATHERED, "Table": TABLE, "Regrouped": REGROUPED}
"""The styles that a file brings with it."""


def file(models: Sequence[str], imports: Sequence[str], functions: Sequence[str], used: Set[str]) -> str:
    """The whole file; `imports` are those of the generated modules, `used` the styles."""
    names = " and ".join(models)
    text = f"{names} on several devices: what torch.distributed is to do."
    lines = [*_docstring([text], ""), ""]
    if any("Iterator" in line for line in functions):
        lines += ["from collections.abc import Iterator", ""]
    if used:
        lines.append(f"from torch import {'Tensor, ' * bool(used & STYLES.keys())}nn")
    lines += ["from torch.distributed.device_mesh import DeviceMesh"]
    lines += ["from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard"]
    if used:
        tensor = ["DTensor", "Replicate", "distribute_module"] if used & STYLES.keys() else []
        tensor += ["distribute_tensor"] if "Regrouped" in used else []
        styles = {"ParallelStyle", "parallelize_module"} | (used - STYLES.keys())
        styles |= {"ColwiseParallel"} if used & {"Gathered", "Regrouped"} else set()
        styles |= {"RowwiseParallel"} if "Table" in used else set()
        lines += _import("torch.distributed.tensor", tensor) if tensor else []
        lines += _import("torch.distributed.tensor.parallel", styles)
    lines.append("")
    lines += imports
    for name, source in STYLES.items():
        if name in used:
            lines += ["", "", *source.rstrip().split("\n")]
    return "\n".join([*lines, *functions]) + "\n"


def _import(home: str, names: Iterable[str]) -> list[str]:
    """An import, its names as `ruff` sorts them: constants, classes, the rest."""
    ordered = sorted(
        names, key=lambda n: (0 if n.isupper() and len(n) > 1 else 1 if n[:1].isupper() else 2, n)
    )
    line = f"from {home} import {', '.join(ordered)}"
    if len(line) <= COLUMNS:
        return [line]
    return [f"from {home} import (", *(f"    {n}," for n in ordered), ")"]


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


def model(entry: m.Block, python: str, name: str, cuts: Cuts, plans: Sequence[Plan]) -> list[str]:
    """The function `name` that cuts one model, whose class is `python`."""
    over = ", ".join(dict.fromkeys(c.name for c in cuts.cuts)) if plans else ""
    why = "nothing that its weights hold can be cut" if cuts.refused is None else cuts.refused.what
    said = f"Over `tp`: {over}." if plans else f"Over `tp` nothing is cut: {why}."
    axes = ("dp", "tp") if plans else ("dp",)
    lines = ["", "", f"def {name}("]
    lines += [f"    model: {python}, mesh: DeviceMesh, policy: MixedPrecisionPolicy | None = None"]
    if len(lines[-1]) > COLUMNS:
        lines[-1:] = [
            f"    model: {python},",
            "    mesh: DeviceMesh,",
            "    policy: MixedPrecisionPolicy | None = None,",
        ]
    lines.append(f") -> {python}:")
    dims = "the axes `dp` and `tp`" if plans else "the axis `dp`"
    either = "Either axis may be absent." if plans else ""
    lines += _docstring(
        [
            f"Cut the model, in place, over a mesh with {dims}.",
            f"Over `dp`: samples, and every parameter. {said} {either}".rstrip(),
        ],
        "    ",
    )[:-1]
    lines += [
        "",
        "    Raises:",
        "        ValueError: the mesh has another axis, or a size does not divide.",
        '    """',
    ]
    lines += ["    axes = mesh.mesh_dim_names or ()"]
    known = "{" + ", ".join(f'"{a}"' for a in axes) + "}"
    lines += [f"    if not axes or not set(axes) <= {known}:"]
    lines += [f'        raise ValueError(f"a mesh with {" and ".join(axes)} is wanted, not with {{axes}}")']
    if plans:
        lines += _cut(entry, plans)
    lines += ['    if "dp" in axes:', "        policy = policy or MixedPrecisionPolicy()"]
    for path in units(entry):
        lines += [
            f"        for layer in model.{path}:",
            '            fully_shard(layer, mesh=mesh["dp"], mp_policy=policy)',
        ]
    lines += ['        fully_shard(model, mesh=mesh["dp"], mp_policy=policy)', "    return model"]
    return lines


def _cut(entry: m.Block, plans: Sequence[Plan]) -> list[str]:
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
    lines += ["        for module in list(model.modules()):"]
    lines += ["            parallelize_module(module, tp, styles(module))"]
    for p in plans:
        if p.local:
            lines.append(f"            if isinstance(module, {p.name}):  # a device has its part")
            lines += [f"                module.{n} //= tp.size()" for n in p.local]
    lines += [f"        model.{left} = model.{right}" for left, right in ties(entry)]
    return lines


def styles(plans: Sequence[Plan]) -> list[str]:
    """The function that says how the layers of each class are cut."""
    lines = ["", "", "def styles(module: nn.Module) -> dict[str, ParallelStyle]:"]
    lines.append('    """How the layers of a module are cut over the devices of `tp`."""')
    for plan in plans:
        lines += [f"    if isinstance(module, {plan.name}):", "        return {"]
        lines += [f'            "{layer.path}": {layer.style},' for layer in plan.layers]
        lines.append("        }")
    return [*lines, "    return {}"]


def sizes(plans: Sequence[Plan]) -> list[str]:
    """The function that reads the sizes that must divide off a module."""
    lines = ["", "", "def sizes(module: nn.Module) -> Iterator[tuple[str, int]]:"]
    lines.append('    """The sizes in a module that `tp` must divide, by their names."""')
    for plan in plans:
        if plan.divisors:
            lines.append(f"    if isinstance(module, {plan.name}):")
            lines += [f'        yield "{name}", {text}' for name, text in plan.divisors]
    return lines


def ties(entry: m.Block) -> list[tuple[str, str]]:
    """The parameters of a model that are one, by their paths: cutting makes two of them."""
    return [(_path(tie.left), _path(tie.right)) for tie in entry.ties]


def _path(node: m.Expression) -> str:
    if isinstance(node, m.Name):
        return node.id
    assert isinstance(node, m.Attribute)
    return f"{_path(node.value)}.{node.name}"


def units(entry: m.Block) -> list[str]:
    """The lists of blocks: each block is gathered, used and freed by itself."""
    return [
        member.name
        for member in entry.members
        if isinstance(member, m.Layer)
        and isinstance(member.value, m.Comprehension)
        and isinstance(member.value.value, m.Call)
        and not member.value.keyed
    ]
