"""A plan as text: for people, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import prod

from spec_lang.accounting.counts import Count
from spec_lang.accounting.text import scaled
from spec_lang.ir import model
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.sharding.costs import Cost, Memory, Setting, samples
from spec_lang.sharding.factors import Reason
from spec_lang.sharding.fit import Fit, Machine
from spec_lang.sharding.plan import Plan

HELD = {
    "parameters": "parameters",
    "gradients": "gradients",
    "states": "optimiser states",
    "buffers": "buffers",
    "activations": "activations",
    "again": "activations of a block, again",
    "gathered": "gathered for a while",
}
"""What a device holds, and what that is called."""


def shown(
    name: str, program: model.Program, plan: Plan, setting: Setting, cost: Cost | EvaluationError, style: str
) -> str:
    """The plan in one of the styles `text` and `json`; `cost` may be why none is known."""
    if style == "json":
        return json.dumps(_data(name, plan, setting, cost), indent=2, ensure_ascii=False)
    lines = [name if not plan.mesh else f"{name} on {mesh_text(plan)}", ""]
    lines += _cuts(plan, program)
    lines += ["", f"{plan.parameters:,} parameters, of which a device holds {plan.held:,} at most"]
    if isinstance(cost, EvaluationError):
        where = _place(Reason("", cost.file, cost.span), program)
        lines.append(f"what a step takes is not known: {cost.message}{where}; --dim gives a size")
        return "\n".join(lines)
    return "\n".join([*lines, "", *_costs(plan, setting, cost)])


def mesh_text(plan: Plan) -> str:
    """The devices of a mesh and its axes."""
    count = prod(plan.mesh.values())
    axes = " x ".join(f"{n} {s}" for n, s in plan.mesh.items())
    return f"{count:,} device{'s' * (count != 1)}: {axes}"


def _cuts(plan: Plan, program: model.Program) -> Iterator[str]:
    if plan.cuts.refused is not None:
        yield from ("over tp: nothing", f"  {_why(plan.cuts.refused, program)}", "")
    elif plan.cuts.cuts:
        yield "over tp:"
        for cut in plan.cuts.cuts:
            values = sorted({d.value for d in plan.divisors if d.cut is cut})
            odd = cut.gathered and any(v % plan.mesh.get("tp", 1) for v in values)
            size = f" = {', '.join(map(str, values))}" if values else ""
            yield f"  {cut.name}{size}{', which stays whole: tp does not divide it' if odd else ''}"
            for role in ("columns", "sum", "rows"):
                where = [u for u in cut.uses if u.role == role and len(u.parameter.axes) > 1]
                for u in where:
                    said = {"columns": "columns", "sum": "rows, summed", "rows": "rows, looked up"}[role]
                    after = ", gathered" if cut.gathered and role == "columns" else ""
                    order = ", regrouped" if u.inner else ""
                    yield f"    {'.'.join(u.parameter.key)}: {said}{order}{after}"
        yield ""
    else:
        yield from ("over tp: nothing that its weights hold can be cut", "")
    if plan.cuts.kept:
        yield "whole:"
        yield from (f"  {kept.name}: {_why(kept.reasons[0], program)}" for kept in plan.cuts.kept)
        yield ""
    batch = samples(plan)
    what = "samples" if batch is None else f"samples ({batch})"
    if plan.cuts.batch:
        yield f"over dp: {what}, but these are not known to keep them apart:"
        yield from (f"  {_why(r, program)}" for r in plan.cuts.batch)
    else:
        yield f"over dp: {what}"


def _costs(plan: Plan, setting: Setting, cost: Cost) -> Iterator[str]:
    """What a step takes of one device."""
    numbers = {said: getattr(cost.memory, key) for key, said in HELD.items()}
    rows = [(said, _bytes(n)) for said, n in numbers.items() if n != 0 or said == "activations"]
    rows.append(("peak", _bytes(cost.memory.peak)))
    yield "a device holds:"
    yield from _aligned(rows)
    if cost.sendings:
        yield "a device sends in a step:"
        yield from _aligned(
            [(f"over {s.axis}, {s.how}", f"{_bytes(s.sent)} in {_count(s.often)}") for s in cost.sendings]
        )
    yield "a device computes in a step:"
    yield from _aligned([("FLOPs", _count(cost.flops))])
    left = sorted(cost.run.dims - (setting.dims or {}).keys())
    if left:
        yield f"without a size: {', '.join(left)} (--dim {left[0]}=8 gives one)"
    yield from _unsaid(cost)
    if cost.run.externs:
        yield f"not counted: the work of {', '.join(cost.run.externs)}, which is Python"


def fits_shown(name: str, machine: Machine, fits: Sequence[Fit], setting: Setting, style: str) -> str:
    """The meshes of some devices in one of the styles `text` and `json`."""
    if style == "json":
        meshes = [_fit_data(f) for f in fits]
        found = {"model": name, "devices": machine.count, "memory": machine.memory, "meshes": meshes}
        return json.dumps(found | {"dims": dict(setting.dims or {})}, indent=2, ensure_ascii=False)
    held = sum(f.fits for f in fits)
    lines = [
        f"{name} on {machine.count:,} devices of {_bytes(machine.memory)}: {held or 'none'} of {len(fits)} meshes fit"
    ]
    rows = [("mesh", "peak", "a step", "limit")]
    for f in fits:
        mesh = " x ".join(f"{n} {s}" for n, s in f.plan.mesh.items())
        if f.cost is None:
            rows.append((mesh, "", "", f.refused))
            continue
        time = "" if f.time is None or not f.fits else f"{f.time:.3g} s"
        rows.append((mesh, _bytes(f.cost.memory.peak), time, f.limit))
    widths = [max(len(r[i]) for r in rows) for i in range(3)]
    texts = [
        "  ".join([r[0].ljust(widths[0]), *(r[i].rjust(widths[i]) for i in (1, 2)), r[3]]).rstrip()
        for r in rows
    ]
    notes = next((list(_unsaid(f.cost)) for f in fits if f.cost is not None), [])
    return "\n".join([*lines, "", *("  " + text for text in texts), *notes])


def _fit_data(fit: Fit) -> dict[str, object]:
    found: dict[str, object] = {"mesh": dict(fit.plan.mesh), "fits": fit.fits}
    if fit.cost is None:
        return found | {"refused": fit.refused}
    times = {"seconds": fit.time, "parts": dict(fit.seconds)}
    return found | times | {"limit": fit.limit} | cost_data(fit.cost)


def _unsaid(cost: Cost) -> Iterator[str]:
    if cost.unsaid:
        yield f"not known is what is kept inside {', '.join(cost.unsaid)}: inputs and results alone are counted"


def _aligned(rows: list[tuple[str, str]]) -> Iterator[str]:
    width = max(len(said) for said, _ in rows)
    return (f"  {said:{width}}  {value}" for said, value in rows)


def _bytes(count: Count) -> str:
    if isinstance(count, int):
        return f"{scaled(count)}{'' if count >= 10_000 else ' '}B"
    return "depends on the sizes" if count is None else f"{count} B"


def _count(count: Count) -> str:
    if isinstance(count, int):
        return scaled(count)
    return "depends on the sizes" if count is None else str(count)


def _why(reason: Reason, program: model.Program) -> str:
    return f"{reason.what}{_place(reason, program)}"


def _place(reason: Reason, program: model.Program) -> str:
    file = program.files[reason.file]
    return f" ({file.path}:{file.line(reason.span[0])})" if reason.span is not None else ""


def _data(name: str, plan: Plan, setting: Setting, cost: Cost | EvaluationError) -> dict[str, object]:
    """The plan as JSON; expressions are texts."""
    found: dict[str, object] = {
        "model": name,
        "mesh": dict(plan.mesh),
        "cuts": [
            {
                "name": c.name,
                "sizes": sorted({d.value for d in plan.divisors if d.cut is c}),
                "gathered": c.gathered,
                "uses": [
                    {
                        "parameter": ".".join(u.parameter.key),
                        "axis": u.axis,
                        "role": u.role,
                        "regrouped": u.inner,
                    }
                    for u in c.uses
                ],
            }
            for c in plan.cuts.cuts
        ],
        "refused": None if plan.cuts.refused is None else plan.cuts.refused.what,
        "samples": samples(plan),
        "batch": [r.what for r in plan.cuts.batch],
        "parameters": plan.parameters,
        "held": plan.held,
        "tensors": [
            {"name": t.key, "shape": t.shape, "axis": t.axis, "local": t.local} for t in plan.tensors
        ],
    }
    if isinstance(cost, EvaluationError):
        return found | {"unknown": cost.message}
    return found | cost_data(cost) | {"dims": {d: (setting.dims or {}).get(d) for d in sorted(cost.run.dims)}}


def cost_data(cost: Cost) -> dict[str, object]:
    """What a step takes, as JSON."""
    return {
        "bytes": {key: _plain(getattr(cost.memory, key)) for key in (*Memory.node_fields, "peak")},
        "sent": [
            {
                "axis": s.axis,
                "how": s.how,
                "often": _plain(s.often),
                "whole": _plain(s.whole),
                "sent": _plain(s.sent),
            }
            for s in cost.sendings
        ],
        "flops": _plain(cost.flops),
        "unsaid": cost.unsaid,
    }


def _plain(count: Count) -> int | str | None:
    return count if count is None or isinstance(count, int) else str(count)
