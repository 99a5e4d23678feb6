"""How tensors came to be, for messages, and their sizes in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.value import Value
from spec_lang.shapes import Dim, Pack, TensorType

MAX_TRAIL = 12


ROUNDED = frozenset({"floordiv", "mod"})


def tidied(c: Check, at: Place, value: TensorType) -> TensorType:
    """A type with the sizes that the facts prove equal to plain ones written as those."""
    shape = tuple(d if isinstance(d, Pack) else tidy(c, at, d) for d in value.shape)
    same = all(a is b for a, b in zip(shape, value.shape, strict=True))
    return value if same else TensorType(value.dtype, shape)


def tidy(c: Check, at: Place, d: Dim) -> Dim:
    """`heads * (D // heads)` as `D`, where `heads` divides `D`."""
    if d.const is not None or not any(a.kind in ROUNDED for m in d.terms for a in m):
        return d
    if c.block.tidied_for is not at.facts:
        c.block.tidied, c.block.tidied_for = {}, at.facts
    found = c.block.tidied.get(d)
    if found is None:
        found = d
        for name in sorted(d.symbols):
            plain = c.block.dims.get(name, c.block.hypers.get(name))
            if isinstance(plain, Dim) and at.facts.equal(d, plain):
                found = plain
                break
        else:
            short = at.facts.simplify(d)
            if len(str(short)) < len(str(d)) and short.symbols <= d.symbols:
                found = short
        c.block.tidied[d] = found
    return found


def trail(c: Check, value: Value) -> tuple[str, ...]:
    """How a tensor came to be, from the input on: what to print behind a mismatch of shapes."""
    steps: list[str] = []
    seen: set[int] = set()  # a method that gives back what it gets, or a loop, comes from itself
    while id(value) in c.notes.came and id(value) not in seen and len(steps) < MAX_TRAIL:
        seen.add(id(value))
        out, before, name = c.notes.came[id(value)]
        if not isinstance(out, TensorType):
            break
        step = f"{name} {shape_text(out)}"
        if steps[-1:] != [step]:
            steps.append(step)
        value = before
    if len(steps) < 2:
        return ()
    return (f"how it got there: {' -> '.join(reversed(steps))}",)


def trails(c: Check, values: Iterable[Value]) -> tuple[str, ...]:
    """The trails of the first two tensors in a mismatch that have any."""
    found = dict.fromkeys(
        note for value in values if isinstance(value, TensorType) for note in trail(c, value)
    )
    return tuple(found)[:2]


def keep_trail(c: Check, at: Place, result: Value, before: Value, label: str) -> Value:
    """Note what a tensor came from; a result that is the input itself is no step."""
    if isinstance(result, TensorType):
        result = tidied(c, at, result)
        if result is not before:
            c.effects.note(c.notes.came, id(result), (result, before, label))
        return result
    if isinstance(result, tuple | list):
        for part in result:
            if isinstance(part, TensorType) and part is not before:
                c.effects.note(c.notes.came, id(part), (part, before, label))
    return result


def shape_text(value: TensorType) -> str:
    """A tensor's shape without its dtype, as trails show it."""
    return f"[{', '.join(map(str, value.shape))}]"
