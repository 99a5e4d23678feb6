"""What a checker tries, puts aside or checks inside something else: code that is never taken, loops in loops that are gone through
item by item, and methods that call methods between the uses of a layer."""

from __future__ import annotations

import re

from spec_lang.shapes import Dim, dim
from tests.fuzz.bodies import Body, Value
from tests.fuzz.steps import Step, is_float
from tests.fuzz.unseen import Scope, unseen

MISTAKEN = 0.08
"""How often a loop goes past a size, which the checker must refuse."""


# --- code that is never taken ---


def never(b: Body, v: Value) -> Value | None:
    """Code that is never taken, on whatever is there."""
    _unseen(b)
    return v


def _unseen(b: Body) -> None:
    """Lines without an effect."""
    modes = [] if b.entry else [b.hyper("mode", "str", "wide").name]
    b.lines += [b.indent + line for line in unseen(_scope(b, modes))]


def _scope(b: Body, modes: list[str]) -> Scope:
    return Scope(
        b.rng,
        b.fresh,
        [v.text for v in b.values],
        sorted({str(d) for v in b.inputs for d in v.dims if _plain(b, d)}),
        [line.split()[0] for line in b.layers if not line.startswith(("param ", "buffer "))],
        re.findall(r"^ *(\w+) = \[\]$", "\n".join(b.lines), re.MULTILINE),
        re.findall(r"^    (helped\w*)\(", "\n".join([*b.others, *b.behind]), re.MULTILINE),
        modes,
    )


def _plain(b: Body, d: Dim) -> bool:
    """Whether a size is a dim of its own."""
    return str(d).isidentifier() and all(h.name != str(d) for h in b.hypers)


def owed(b: Body, v: Value) -> Value | None:
    """A condition on a size, behind code that is never taken and asks for more."""
    axes = [i for i, d in enumerate(v.dims) if _plain(b, d) and d in {d for x in b.inputs for d in x.dims}]
    if not b.entry or v.pack or not axes:
        return None
    axis = b.rng.choice(axes)
    d = v.dims[axis]
    gone = b.fresh("gone")
    asked = [
        f"require {d} == 4",
        f'require {d} >= 6, "never asked"',
        f"{gone} = narrow({v.text}, {axis}, 0, 5)",
    ]
    asked.append(f"{gone} = {v.text}[{':, ' * axis}3]")
    head = b.rng.choice(["if 1 == 2:", "if not true:", f"for {b.fresh('gone')} in []:"])
    b.lines += [f"{b.indent}{head}", f"{b.indent}    {b.rng.choice(asked)}"]
    before, rest = v.dims[:axis], v.dims[axis + 1 :]
    if b.rng.random() < 0.5:
        return b.let(f"narrow({v.text}, {axis}, 0, 2)", [*before, 2, *rest], v)
    return b.let(f"{v.text}[{':, ' * axis}1]", [*before, *rest], v)


# --- methods ---


def helper(b: Body, v: Value, packed: bool | None = None) -> str:
    """A method that gives back a tensor as it gets it, or changes its numbers only; before `forward` or behind it."""
    name, y = b.fresh("helped"), "y"
    packed = (v.pack or b.rng.random() < 0.5) if packed is None else packed
    dims = "*Many"
    if not packed:
        dims = ", ".join(b.fresh("M") for _ in v.dims)
    kind = f"{v.dtype}[{dims}]"
    lines: list[str] = []
    if v.dtype == "float" and b.rng.random() < 0.6:
        loop = b.rng.choice(
            ["for k in range(3):", "for k, _ in zip(range(4), range(4)):", "for _, k in enumerate([1, 2]):"]
        )
        lines += [loop, f"    {y} = {b.rng.choice([f'{y} + k', f'{y} * (k + 1)'])}"]
    if b.rng.random() < 0.3:
        lines += unseen(Scope(b.rng, b.fresh, [y], [] if "*" in dims else dims.split(", ")[:1]))
    if b.rng.random() < 0.25:
        lines.append(f"{y} = {helper(b, v, packed)}({y})")
    text = [f"    {name}({y}: {kind}) -> {kind}:", *(f"        {x}" for x in lines), f"        return {y}"]
    b.rng.choice([b.others, b.behind]).extend(text)
    return name


def through(b: Body, v: Value) -> Value | None:
    """A value through a method."""
    name = helper(b, v)
    return b.let(b.rng.choice([f"{name}({v.text})", f"{v.text} -> {name}"]), v.dims, v)


def between(b: Body, v: Value) -> Value | None:
    """A method between two uses of a layer with `_`, or between the reading of its weight and its use."""
    if not is_float(v) or not v.rank or not b.static(v.dims[-1]):
        return None
    last = v.dims[-1]
    out = b.size()
    fc = b.layer(f"Linear(_, {out})", "fc")
    name = helper(b, v)
    if b.rng.random() < 0.5 and v.rank > 1 and not v.pack:
        w = b.fresh("w")
        b.lines.append(f"{b.indent}{w} = {fc}.weight")
        h = b.let(f"{name}({v.text})", v.dims, v)
        z = b.let(f"{h.text} -> {fc}", [*v.dims[:-1], out], v)
        return b.let(f"{z.text} @ {w}", [*v.dims[:-1], last], v)
    first, then = (v.text, f"{name}({v.text})") if b.rng.random() < 0.5 else (f"{name}({v.text})", v.text)
    a = b.let(f"{first} -> {fc}", [*v.dims[:-1], out], v)
    if b.rng.random() < 0.3:
        _unseen(b)
    c = b.let(f"{then} -> {fc}", a.dims, v)
    return b.let(f"{a.text} + {c.text}", a.dims, v)


# --- loops ---


def items(b: Body, v: Value) -> Value | None:
    """A list of layers of different widths, gone through item by item, with a loop, a method or code that is never taken inside."""
    if not is_float(v) or v.rank < 2 or not b.static(v.dims[-1]):
        return None
    last = v.dims[-1].const
    widths = b.rng.sample(range(2, 7), 3)
    if last is not None and last >= 2 and last not in widths:
        widths[0] = last
        x = v.text
    else:
        x = f"{v.text} -> {b.layer(f'Linear(_, {widths[0]})', 'fc')}"
    first, second, third = widths
    steps = b.layer(f"[Linear({first}, {second}), Linear({second}, {third})]", "steps")
    out, i, one = b.fresh("v"), b.fresh("i"), b.fresh("one")
    b.lines.append(f"{b.indent}{out} = {x}")
    head, layer = b.rng.choice(
        [
            (f"for {one} in {steps}:", one),
            (f"for {i}, {one} in enumerate({steps}):", one),
            (f"for {one}, {i} in zip({steps}, [1, 2]):", one),
            (f"for {i} in range(2):", f"{steps}[{i}]"),
        ]
    )
    made = Value(out, (*v.dims[:-1], dim(third)), v.dtype, v.pack)
    run = f"{out} = {out} -> {layer}"
    inside: list[str] = []
    kind = b.rng.randrange(4)
    if kind < 2:
        inside = _inner(b, out, v, min(widths))
    elif kind == 2:
        run = f"{out} = {helper(b, v)}({out}) -> {layer}"
    else:
        b.indent += "    "
        kept, b.lines = b.lines, []
        _unseen(b)
        inside = [line.removeprefix(b.indent) for line in b.lines]
        b.lines, b.indent = kept, b.indent[4:]
    inside = [*inside, run] if b.rng.random() < 0.7 else [run, *inside]
    b.lines += [f"{b.indent}{head}", *(f"{b.indent}    {line}" for line in inside)]
    b.values.append(made)
    return made


def _inner(b: Body, out: str, v: Value, least: int) -> list[str]:
    """A loop whose index is a number, or an index of the last axis."""
    k, j = b.fresh("k"), b.fresh("j")
    n = least if b.rng.random() > MISTAKEN else 9
    head = b.rng.choice(
        [
            f"for {k} in range({n}):",
            f"for {k}, {j} in zip(range({n}), range({n})):",
            f"for {k}, {j} in enumerate(range({n})):",
            f"for {j}, {k} in enumerate(range({n})):",
        ]
    )
    uses = [f"{out} + {k}", f"{out} * ({k} + 1)", f"{out} + {out}[..., {k}].unsqueeze(-1)"]
    if not v.pack:
        uses += [
            f"{out} + narrow({out}, -1, {k}, 1)",
            f"{out} + {out}[{':, ' * (v.rank - 1)}{k}].unsqueeze(-1)",
        ]
    return [head, f"    {out} = {b.rng.choice(uses)}"]


TRIALS: tuple[tuple[Step, int], ...] = ((never, 4), (owed, 2), (through, 2), (between, 3), (items, 3))
