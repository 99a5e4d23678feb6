"""Dims as expressions, in the style of the author."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from typing import Final

from spec_lang.shapes.atom import OPAQUE, POW, SYMBOL, Atom
from spec_lang.shapes.dim import Dim, Tree, dim, the_atom
from spec_lang.shapes.errors import ParseError
from spec_lang.shapes.extrema import maximum, minimum
from spec_lang.shapes.power import never_negative
from spec_lang.shapes.replace import text_of

# Levels of precedence.
IF, OR, AND, NOT, COMPARE, BITOR, BITXOR, BITAND, SHIFT, SUM, PRODUCT, UNARY, POWER, PRIMARY = range(14)
BINARY: Final = {
    "or": (OR, " or "),
    "and": (AND, " and "),
    "bitor": (BITOR, " | "),
    "bitxor": (BITXOR, " ^ "),
    "bitand": (BITAND, " & "),
    "lshift": (SHIFT, " << "),
    "rshift": (SHIFT, " >> "),
    "add": (SUM, " + "),
    "sub": (SUM, " - "),
    "mul": (PRODUCT, "*"),
    "div": (PRODUCT, "/"),
    "floordiv": (PRODUCT, "//"),
    "mod": (PRODUCT, " % "),
    "pow": (POWER, "**"),
}
SIGNS: Final = {kind: sign.strip() for kind, (_, sign) in BINARY.items()}
PREFIXES: Final = {"not": "not", "neg": "-", "pos": "+", "invert": "~"}
COMPARISONS: Final = ("==", "!=", "<", "<=", ">", ">=", "is", "is not", "in", "not in")
BITS: Final = frozenset({"bitand", "bitor", "bitxor", "lshift", "rshift"})
WORDS: Final[dict[bool | None, str]] = {None: "none", True: "true", False: "false"}
_LEVELS = {kind: level for kind, (level, _) in BINARY.items()} | {
    "if": IF,
    "not": NOT,
    "compare": COMPARE,
    "neg": UNARY,
    "pos": UNARY,
    "invert": UNARY,
}
_QUOTIENTS = ("floordiv", "mod", "div")


def text(d: Dim) -> str:
    """The dim in the language's syntax."""
    return render(tree(d))


def render(t: Tree, level: int = IF) -> str:
    """The text of a tree, in parentheses where it stands beside an operator of a higher level."""
    kind = t[0]
    own = _LEVELS.get(kind, PRIMARY)
    if own < PRIMARY:
        shown = _operator(t, kind, own)
        if kind == "neg" and t[1][0] == "mul":
            own = PRODUCT
    elif kind in ("symbol", "opaque"):
        return str(t[1])
    elif kind == "const":
        shown = _literal(t[1])
        own = UNARY if shown[0] == "-" else own
    else:
        return _phrase(t, kind)
    return shown if own >= level else f"({shown})"


def _operator(t: Tree, kind: str, level: int) -> str:
    if kind in BINARY:
        left, right = t[1], t[2]
        if kind == "pow":
            return f"{render(left, PRIMARY)}**{render(right, PRIMARY)}"
        beside = PRIMARY if kind == "mul" and left[0] in _QUOTIENTS else level
        return f"{render(left, beside)}{BINARY[kind][1]}{render(right, level + 1)}"
    if kind == "neg":
        return f"-{render(t[1], POWER if t[1][0] in _QUOTIENTS else PRODUCT)}"
    if kind == "not":
        return f"not {render(t[1], NOT)}"
    if kind == "if":
        return f"{render(t[2], OR)} if {render(t[1], OR)} else {render(t[3])}"
    if kind == "compare":
        rest = [f" {op} {render(a, level + 1)}" for op, a in zip(t[2::2], t[3::2], strict=True)]
        return "".join([render(t[1], level + 1), *rest])
    return f"{PREFIXES[kind]}{render(t[1], UNARY)}"


def _literal(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'" if '"' in value else f'"{value}"'
    return WORDS[value] if value is None or isinstance(value, bool) else str(value)


def _phrase(t: Tree, kind: str) -> str:
    """What brackets or dots hold together."""
    match kind:
        case "attribute":
            owner = render(t[1], PRIMARY)
            return f"({owner}).{t[2]}" if t[1][0] == "const" else f"{owner}.{t[2]}"
        case "index":
            return f"{render(t[1], PRIMARY)}[{_listed(t[2:])}]"
        case "slice":
            start, stop, step = ("" if a is None else render(a) for a in t[1:])
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        case "call" | "fn":
            return f"{t[1]}({_listed(t[2:])})"
        case "tuple":
            return f"({_listed(t[1:])},)" if len(t) == 2 else f"({_listed(t[1:])})"
        case "list":
            return f"[{_listed(t[1:])}]"
        case "each":
            names = t[1] if isinstance(t[1], str) else ", ".join(t[1])
            tests = "".join(f" if {render(test, OR)}" for test in t[4:])
            return f"[{render(t[2])} for {names} in {render(t[3], OR)}{tests}]"
    return f"{kind}({_listed(t[1:])})"


def _listed(trees: tuple[Tree, ...]) -> str:
    return ", ".join([render(t) for t in trees])


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
    if atom.cond is not None:
        return ("if", atom.cond.tree(), *[tree(a) for a in atom.args])
    return (atom.kind, *[tree(a) for a in atom.args])


def from_tree(t: Tree, leaf: Callable[[str, str], Dim]) -> Dim:
    """The dim of a tree; `leaf` gives that of a symbol or opaque part, by its kind and text.

    Raises:
        ParseError: it has parts that no dim has.
    """
    later: list[tuple[Callable[..., Dim], Tree]] = []
    while len(t) == 3 and t[0] in _RULES:  # a sum of thousands of terms is as high
        later.append((_RULES[t[0]], t[2]))
        t = t[1]
    kind = t[0]
    if kind in ("symbol", "opaque"):
        result = leaf(kind, t[1])
    elif kind == "const" and type(t[1]) is int:
        result = dim(t[1])
    elif kind in _RULES:
        result = _RULES[kind](*[from_tree(a, leaf) for a in t[1:]])
    elif kind == "if":
        result = _conditionals.conditional(_cond.from_tree(t[1], leaf), *[from_tree(a, leaf) for a in t[2:]])
    else:
        raise ParseError(f"a size has no {kind!r}")
    for rule, right in reversed(later):
        result = rule(result, from_tree(right, leaf))
    return result


_RULES: dict[str, Callable[..., Dim]] = {
    "neg": operator.neg,
    "pos": lambda a: a,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
    "min": minimum,
    "max": maximum,
}


# Conditions are over dims, and print by what is above.
from spec_lang.shapes import cond as _cond  # noqa: E402
from spec_lang.shapes import conditionals as _conditionals  # noqa: E402
