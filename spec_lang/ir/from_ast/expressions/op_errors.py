"""What an op refuses, as a mistake with its place."""

from __future__ import annotations

from spec_lang.diagnostics import Label
from spec_lang.diagnostics.fix import Instead
from spec_lang.ir.from_ast.expressions.trails import trails
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.values.texts import type_text
from spec_lang.ir.from_ast.values.value import POISON, Value
from spec_lang.ops.base import OpError
from spec_lang.ops.rules.broadcasting import RULE
from spec_lang.shapes import BroadcastError, Cond, MixedPrecision, TensorType, TooLarge, Undefined, dim
from spec_lang.syntax import ast

ERRORS = (OpError, MixedPrecision, BroadcastError, TooLarge, Undefined)


BY_KEYWORD = frozenset({"E0512", "E0513", "E0515"})
"""Mistakes in an argument's name."""


BY_ARGUMENT = frozenset({"E0303", "E0520"})
"""Mistakes in an argument, whatever flows in."""


WITHOUT_TRAIL = frozenset({"E0510", "E0511", "E0512", "E0513", "E0514", "E0515", "E0516", "E0520"})
"""Mistakes that no shape explains."""


UNSAID = "nothing says what these sizes are: state them in the type of what gives them, instead of `_`"


def op_error(
    c: Check,
    error: Exception,
    node: object,
    places: dict[str, ast.Expr],
    label: str,
    inputs: list[Value],
) -> Value:
    """Report what an op refuses, with the argument to blame and how its input came to be."""
    notes = trails(c, inputs)
    if isinstance(error, OpError):
        if error.arg == "inplace" and c.has_said(error.code, error.message):
            return POISON
        place = places.get(error.arg or "")
        labels: tuple[Label, ...] = ()
        at = node
        if place is not None and error.code in BY_KEYWORD:
            at = c.program.keywords.get(place, place)
        elif place is not None and (error.code.startswith("E05") or error.code in BY_ARGUMENT):
            at = place
        elif place is not None and not _within(place, node):
            labels = (c.label(place, f"`{error.arg}` is given here"),)
        if error.code in WITHOUT_TRAIL:
            notes = ()
        return c.error(
            error.code,
            error.message,
            at,
            labels=labels,
            notes=notes,
            help=_help(c, error, place, node, inputs),
            state=error.state,
            refused=error.refused,
        )
    if isinstance(error, MixedPrecision):
        return c.error(
            "E0410",
            f"{label} mixes `float`, the model's own precision, with an exact float dtype",
            node,
            notes=notes,
            help="convert one of them: `to(float)`, or `to(f32)` and the like",
        )
    if isinstance(error, BroadcastError):
        shapes = " and ".join(type_text(v) for v in inputs if isinstance(v, TensorType))
        a, b = error.sizes
        return c.error(
            "E0305",
            f"{label} cannot broadcast {shapes}: {a} and {b} differ at axis {error.axis}",
            node,
            notes=notes,
        )
    code = "E0801" if isinstance(error, TooLarge) else "E0803"
    return c.error(code, f"{label}: {error}", node, notes=notes)


def _help(c: Check, error: OpError, place: ast.Expr | None, node: object, inputs: list[Value]) -> str | None:
    """What to state, where that makes it right; else the op's own help."""
    if error.code == "E0514" and (found := _argument_help(c, error, place, node)) is not None:
        return found
    if error.code == "E0305" and (error.help or "").startswith(RULE):
        resized = _resized(c, inputs)
        if resized is not None:
            return resized
    if isinstance(error.refused, tuple) and error.code == "E0514" and error.refused:
        _, _, giver = c.notes.came.get(id(error.refused[0]), (None, None, ""))
        if giver:
            return f"{giver} gives a tuple of {len(error.refused)}: run it on its own, `y, _ = ...` takes the first"
    if error.state is None:
        return error.help
    return (
        UNSAID if _unsaid(c, error.state) else c.stated(error.state) or error.help or c.renaming(error.state)
    )


def _argument_help(c: Check, error: OpError, place: ast.Expr | None, node: object) -> str | None:
    """The argument as it was meant: a size divided by `/`, a string behind the tensors."""
    if isinstance(place, ast.Binary) and place.op == "/" and "the float" in error.message:
        left, right = c.source.at(place.left.span), c.source.at(place.right.span)
        written = f"{left} // {right}"
        return Instead(f"`/` gives a float; sizes are divided by `//`: `{written}`", written, safe=False)
    if isinstance(error.refused, TensorType) and isinstance(node, ast.Call):
        strings = [a.value for a in node.args if isinstance(a.value, ast.String)]
        if len(strings) == 1 and "takes a string" in error.message:
            others = [a.value for a in node.args if a.value is not strings[0]]
            given = ", ".join(c.source.at(a.span) for a in (*strings, *others))
            return f"the `{error.arg}` stands first: `{c.source.at(node.func.span)}({given})`"
    return None


def _resized(c: Check, inputs: list[Value]) -> str | None:
    """What made the sizes of one of two tensors others, where they had the same before."""
    tensors = [v for v in inputs if isinstance(v, TensorType)]
    if len(tensors) != 2 or not 3 <= len(tensors[0].shape) == len(tensors[1].shape):
        return None
    if tensors[0].shape[:2] != tensors[1].shape[:2]:
        return None
    for value, other in (tensors, tensors[::-1]):
        seen: set[int] = set()
        here: Value = value
        while id(here) in c.notes.came and id(here) not in seen:
            seen.add(id(here))
            _, before, name = c.notes.came[id(here)]
            if isinstance(before, TensorType) and before.shape[2:] == other.shape[2:] and name:
                return _keeping(c, name, other)
            here = before
    return None


def _keeping(c: Check, name: str, other: TensorType) -> str | None:
    layer = getattr(c.block.members.get(name), "layer", None)
    if layer is None and name not in c.program.functions:
        return None
    stride = getattr(layer, "stride", None)
    strides = stride if isinstance(stride, tuple) else (stride,)
    if getattr(layer, "padding", None) is not None and hasattr(layer, "groups") and set(strides) == {dim(1)}:
        return f'`padding="same"` in {name} keeps the sizes'
    return f"{name} makes other sizes: leave it out, or run {other} through the like of it"


def _unsaid(c: Check, cond: Cond) -> bool:
    """Whether a condition is on sizes that an author has no words for."""
    return bool(cond.symbols & (c.block.running.some | c.block.symbols.dynamic))


def _within(inner: object, outer: object) -> bool:
    a, b = inner.span, outer.span  # type: ignore[attr-defined]  # nodes have spans
    return bool(b.start <= a.start and a.end <= b.end)
