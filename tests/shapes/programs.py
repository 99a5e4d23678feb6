"""Random dim expressions and conditions, with a meaning that owes nothing to the algebra: plain Python integers."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from spec_lang.shapes import Cond, Dim, Truth, conditional, dim, maximum, minimum, opaque, symbol
from spec_lang.shapes.flags import COMPARE

Tree = tuple[Any, ...]

BOUNDS: dict[str, tuple[int | None, int | None]] = {
    "N": (1, None),
    "T": (1, None),
    "D": (1, None),
    "h": (2, None),
    "g": (1, 4),
    "i": (0, None),
    "j": (0, 3),
    "p": (-2, 2),
    "z": (None, None),
    "xs[0]": (1, None),
}
SYMBOLS: dict[str, Dim] = {
    name: opaque(name, low=low, high=high) if "[" in name else symbol(name, low, high)
    for name, (low, high) in BOUNDS.items()
}

_PLAIN = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "min": min,
    "max": max,
}


class NoValue(Exception):
    """The expression has no integer value there, or one too large to compare."""


def plain(tree: Tree, env: Mapping[str, int]) -> int:
    """The value of an expression in plain integers.

    Raises:
        NoValue: a division by zero or a negative or huge power.
    """
    kind = tree[0]
    if kind == "const":
        return tree[1]
    if kind in ("symbol", "opaque"):
        return env[tree[1]]
    if kind == "if":
        return plain(tree[2 if truth(tree[1], env) else 3], env)
    args = [plain(a, env) for a in tree[1:]]
    if kind == "neg":
        return -args[0]
    if kind == "pow":
        if args[1] < 0 or args[1] > 40:
            raise NoValue
        return args[0] ** args[1]
    if kind in ("floordiv", "mod") and args[1] == 0:
        raise NoValue
    return _PLAIN[kind](*args)


def built(tree: Tree, symbols: Mapping[str, Dim] = SYMBOLS) -> Dim:
    """The expression as a dim."""
    kind = tree[0]
    if kind == "const":
        return dim(tree[1])
    if kind in ("symbol", "opaque"):
        return symbols[tree[1]]
    if kind == "if":
        return conditional(built_cond(tree[1], symbols), built(tree[2], symbols), built(tree[3], symbols))
    args = [built(a, symbols) for a in tree[1:]]
    if kind == "neg":
        return -args[0]
    if kind == "pow":
        return args[0] ** args[1]
    if kind in ("min", "max"):
        return (minimum if kind == "min" else maximum)(*args)
    return _PLAIN[kind](*args)


def built_cond(tree: Tree, symbols: Mapping[str, Dim] = SYMBOLS) -> Cond:
    """A comparison as a condition."""
    kind, a, b = tree
    left, right = built(a, symbols), built(b, symbols)
    return Cond.divides(left, right) if kind == "divides" else getattr(Cond, kind)(left, right)


def random_tree(rng: Random, depth: int, names: Sequence[str]) -> Tree:
    """A random expression over the names."""
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.35:
            return "const", rng.choice((0, 1, 1, 2, 2, 3, 4, 5, 8, -1, -2, -3))
        return "symbol", rng.choice(names)
    kind = rng.choices(
        ("add", "sub", "mul", "floordiv", "mod", "min", "max", "neg", "pow", "step", "if"),
        (20, 15, 15, 22, 6, 4, 4, 2, 4, 8, 8),
    )[0]
    if kind == "if":
        test = (
            rng.choice(("eq", "ne", "lt", "le", "gt", "ge")),
            *(random_tree(rng, 0, names) for _ in range(2)),
        )
        return "if", test, random_tree(rng, depth - 1, names), random_tree(rng, depth - 1, names)
    left = random_tree(rng, depth - 1, names)
    if kind == "neg":
        return "neg", left
    if kind == "pow":
        exponent: Tree = ("const", rng.randrange(3))
        if rng.random() < 0.6:
            exponent = random_tree(rng, min(depth - 1, 1), names)
            left = ("const", rng.choice((2, 2, 3, 4, -2, 0, 1))) if rng.random() < 0.7 else left
        return "pow", left, exponent
    if kind == "step":  # what convolutions and reshapes do
        divisor = random_tree(rng, 0, names)
        return (
            ("add", ("floordiv", ("sub", left, ("const", 1)), divisor), ("const", 1))
            if rng.random() < 0.5
            else ("mul", ("floordiv", left, divisor), divisor)
        )
    if kind in ("floordiv", "mod") and rng.random() < 0.6:
        return kind, left, random_tree(rng, 0, names)
    return kind, left, random_tree(rng, depth - 1, names)


def random_env(rng: Random, names: Sequence[str] = tuple(BOUNDS), spread: int = 12) -> dict[str, int]:
    """Values within the bounds."""
    env = {}
    for name in names:
        low, high = BOUNDS[name]
        low = -spread if low is None else low
        high = low + rng.choice((2, spread)) if high is None else high
        env[name] = rng.randint(low, high)
    return env


def random_cond(rng: Random, depth: int, names: Sequence[str], flags: bool = True) -> tuple[Tree, Cond]:
    """A random condition: as a tree whose leaves are comparisons of expressions, and as the algebra has it."""
    roll = rng.random()
    if depth and roll < 0.3:
        kind = rng.choice(("and", "or", "not"))
        parts = [random_cond(rng, depth - 1, names, flags) for _ in range(1 if kind == "not" else 2)]
        conds = [c for _, c in parts]
        cond = ~conds[0] if kind == "not" else conds[0] & conds[1] if kind == "and" else conds[0] | conds[1]
        return (kind, *[t for t, _ in parts]), cond
    if flags and roll < 0.35:
        name = rng.choice(("norm_first", 'mode == "sum"'))
        return ("flag", name), Cond.flag(Truth(name))
    size = rng.choice((0, 1, 1, 2))
    a = random_tree(rng, size, names)
    b = random_tree(rng, rng.choice((0, 0, 1, size)), names)
    kind = rng.choice(("eq", "eq", "eq", "ne", "lt", "le", "gt", "ge", "ge", "divides", "divides"))
    if kind == "divides" and b[0] == "const" and b[1] == 0:
        b = ("const", 2)
    if kind == "divides":
        return (kind, b, a), Cond.divides(built(b), built(a))
    return (kind, a, b), getattr(Cond, kind)(built(a), built(b))


def truth(tree: Tree, env: Mapping[str, Any]) -> bool:
    """Whether the condition holds, in plain integers.

    Raises:
        NoValue: a side of it has no value.
    """
    kind = tree[0]
    if kind == "flag":
        return env[tree[1]]
    if kind in ("and", "or", "not"):
        truths = [truth(t, env) for t in tree[1:]]
        return not truths[0] if kind == "not" else all(truths) if kind == "and" else any(truths)
    if kind == "compare":  # as `Dim.tree` has it
        return COMPARE[tree[2]](plain(tree[1], env), plain(tree[3], env))
    a, b = plain(tree[1], env), plain(tree[2], env)
    if kind == "divides":
        if a == 0:
            raise NoValue
        return b % a == 0
    return getattr(operator, kind)(a, b)
