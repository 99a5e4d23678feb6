"""Dims as expressions, in the style of the author."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from spec_lang.shapes.atom import MAX, MIN, OPAQUE, POW, SYMBOL, Atom, Bounds
from spec_lang.shapes.dim import Dim, Tree, dim, opaque, symbol, the_atom
from spec_lang.shapes.extrema import maximum, minimum
from spec_lang.shapes.power import never_negative
from spec_lang.shapes.replace import text_of

_SUM, _PRODUCT, _UNARY, _POWER, _PRIMARY = range(5)
_LEVELS = {
    "add": _SUM,
    "sub": _SUM,
    "mul": _PRODUCT,
    "floordiv": _PRODUCT,
    "mod": _PRODUCT,
    "neg": _UNARY,
    "pow": _POWER,
}
_SIGNS = {"add": " + ", "sub": " - ", "mul": "*", "floordiv": "//", "mod": " % ", "pow": "**"}


def text(d: Dim) -> str:
    """The dim in the language's syntax."""
    return render(tree(d))


def render(t: Tree) -> str:
    """The text of a tree."""
    kind = t[0]
    if kind in ("const", "symbol", "opaque"):
        return str(t[1])
    if kind in ("min", "max"):
        return f"{kind}({', '.join(render(a) for a in t[1:])})"  # type: ignore[arg-type]  # arguments are trees
    if kind == "neg":
        return f"-{_inside(t[1], _POWER if _kind(t[1]) in ('floordiv', 'mod') else _PRODUCT)}"
    left, right = t[1], t[2]
    level = _LEVELS[str(kind)]
    if kind == "pow":
        return f"{_inside(left, _PRIMARY)}**{_inside(right, _PRIMARY)}"
    if kind == "mul" and _kind(left) in ("floordiv", "mod"):
        return f"({render(left)})*{_inside(right, level + 1)}"  # type: ignore[arg-type]  # a tree
    return f"{_inside(left, level)}{_SIGNS[str(kind)]}{_inside(right, level + 1)}"


def _kind(t: object) -> object:
    return t[0] if isinstance(t, tuple) else None


def _inside(t: object, level: int) -> str:
    assert isinstance(t, tuple)
    own = _LEVELS.get(t[0], _PRIMARY)
    if t[0] == "const" and t[1] < 0:
        own = _UNARY
    if t[0] == "neg" and _kind(t[1]) == "mul":
        own = _PRODUCT
    return render(t) if own >= level else f"({render(t)})"


def tree(d: Dim) -> Tree:
    """The dim as nested tuples: positive terms first, by name, the constant last."""
    if d.const is not None:
        return "const", d.const
    terms = [_parts(m, c) for m, c in d.terms.items() if m]
    terms.sort(key=lambda t: (t[0] < 0, [render(f) for f in t[1]]))
    constant = d.terms.get((), 0)
    parts = [(_term(abs(c), factors), c < 0) for c, factors in terms]
    if constant:
        place = len(parts) if constant < 0 or not parts[0][1] else 0
        if constant > 0 and place:
            place = sum(not negative for _, negative in parts)
        parts.insert(place, (("const", abs(constant)), constant < 0))
    first, negative = parts[0]
    result: Tree = ("neg", first) if negative else first
    for part, negative in parts[1:]:
        result = ("sub" if negative else "add", result, part)
    return result


def _term(coefficient: int, factors: list[Tree]) -> Tree:
    factors = factors if coefficient == 1 else [("const", coefficient), *factors]
    result = factors[0]
    for f in factors[1:]:
        result = ("mul", result, f)
    return result


def _parts(monomial: tuple[Atom, ...], coefficient: int) -> tuple[int, list[Tree]]:
    """A term's coefficient and factors: symbols first, `2*2**(i - 1)` as `2**i`."""
    counts = Counter(monomial)
    trees: dict[Atom, Tree] = {}
    for atom in [a for a in counts if a.kind == POW and counts[a] == 1 and never_negative(a.args[1])]:
        coefficient, exponent = _absorb(atom, coefficient, counts)
        trees[atom] = (POW, tree(atom.args[0]), tree(exponent))
    factors: list[tuple[tuple[bool, str], Tree]] = []
    for atom, n in counts.items():
        t = trees[atom] if atom in trees else _of_atom(atom)
        if n:
            factors.append(((atom.kind != SYMBOL, render(t)), t if n == 1 else (POW, t, ("const", n))))
    return coefficient, [t for _, t in sorted(factors, key=lambda f: f[0])]


def _absorb(power: Atom, coefficient: int, counts: Counter[Atom]) -> tuple[int, Dim]:
    """Take factors of the power's base into an exponent such as `i - 1`."""
    base, exponent = power.args
    own = the_atom(base)
    while exponent.terms.get((), 0) < 0:
        if own is not None and counts[own]:
            counts[own] -= 1
        elif base.const is not None and abs(base.const) > 1 and coefficient % base.const == 0:
            coefficient //= base.const
        else:
            break
        exponent = exponent + 1
    return coefficient, exponent


def _of_atom(atom: Atom) -> Tree:
    if atom.kind in (SYMBOL, OPAQUE):
        return atom.kind, text_of(atom)
    return (atom.kind, *[tree(a) for a in atom.args])


def from_tree(t: Tree, bounds: Mapping[str, Bounds] | None = None) -> Dim:
    """The dim of a tree; `bounds` of the names in it, else at least 1 for symbols and none for uninterpreted terms."""
    kind = t[0]
    if kind == "const":
        return dim(t[1])  # type: ignore[arg-type]  # an int
    if kind == "symbol":
        return symbol(str(t[1]), *(bounds or {}).get(str(t[1]), (1, None)))
    if kind == "opaque":
        low, high = (bounds or {}).get(str(t[1]), (None, None))
        return opaque(str(t[1]), low=low, high=high)
    args = [from_tree(a, bounds) for a in t[1:]]  # type: ignore[arg-type]  # arguments are trees
    match kind:
        case "neg":
            return -args[0]
        case "add":
            return args[0] + args[1]
        case "sub":
            return args[0] - args[1]
        case "mul":
            return args[0] * args[1]
        case "floordiv":
            return args[0] // args[1]
        case "mod":
            return args[0] % args[1]
        case "pow":
            return args[0] ** args[1]
    return (minimum if kind == MIN else maximum)(*args)


__all__ = ["MAX", "MIN", "POW", "from_tree", "render", "text", "tree"]
