"""Floor division and remainders: canonical residues, nested floors, common factors."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from spec_lang.shapes.atom import POW, intern
from spec_lang.shapes.dim import (
    FLOOR,
    MOD,
    Atom,
    Bounds,
    Dim,
    Monomial,
    Terms,
    TooLarge,
    Undefined,
    atomic,
    dim,
    made,
    the_atom,
)

_ROUNDS = 16
_CACHED = 4096
_cache: dict[tuple[object, object], Dim] = {}


def floordiv(a: Dim, b: Dim) -> Dim:
    """`a // b`; a divisor that may be zero is left alone."""
    if b.const is not None:
        if a.const is not None:
            if b.const == 0:
                raise Undefined("division by zero")
            return dim(a.const // b.const)
        if b.const == 1:
            return a
    exact = _over_power(a, b)
    if exact is not None:
        return exact
    sign = sign_of(b)
    if sign == 0:
        return _raw(FLOOR, a, b)
    if sign < 0:
        return floordiv(-a, -b)
    key = (a.key, b.key)
    found = _cache.get(key)
    if found is None:
        if len(_cache) >= _CACHED:
            _cache.clear()
        found = _cache[key] = _floordiv(a, b)
    return found


def _over_power(a: Dim, b: Dim) -> Dim | None:
    """`x * 2**p // 2**q` as `x * 2**(p - q)`, where the exponent that is left is never negative."""
    divisor = the_atom(b)
    if divisor is None or divisor.kind != POW or not a.terms:
        return None
    base, exponent = divisor.args
    found = dim(0)
    for monomial, k in a.terms.items():
        for atom in monomial:
            if atom.kind == POW and atom.args[0] == base:
                left = atom.args[1] - exponent
                while (
                    base.const and k % base.const == 0 and left.bounds[0] is not None and left.bounds[0] < 0
                ):
                    k, left = k // base.const, left + 1
                if left.bounds[0] is not None and left.bounds[0] >= 0:
                    others = list(monomial)
                    others.remove(atom)
                    found = found + Dim({tuple(others): k}) * base**left
                    break
        else:
            return None
    return found


def mod(a: Dim, b: Dim) -> Dim:
    """`a % b`; a divisor that may be zero is left alone."""
    if b.const is not None:
        if a.const is not None:
            if b.const == 0:
                raise Undefined("remainder of a division by zero")
            return dim(a.const % b.const)
        if b.const == 1:
            return dim(0)
    sign = sign_of(b)
    if sign == 0:
        return _raw(MOD, a, b)
    if sign < 0:
        return -mod(-a, -b)
    return _mod(a, b)


def exact_div(a: Dim | int, b: Dim | int) -> Dim:
    """The quotient of dims of which the second is known to divide the first."""
    return dim(a) // dim(b)


def divides_exactly(a: Dim, b: Dim) -> Dim | None:
    """The polynomial `q` with `a == q*b`, if there is one."""
    quotient, rest = divide(a, b)
    return None if rest.terms else quotient


def sign_of(d: Dim) -> int:
    """1 for a dim that is always positive, -1 for always negative, else 0.

    Raises:
        Undefined: it is the constant 0.
    """
    low, high = d.bounds
    if low is not None and low > 0:
        return 1
    if high is not None and high < 0:
        return -1
    if d.const == 0:
        raise Undefined("division by zero")
    return 0


def divide(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Polynomials `q`, `r` with `a == q*b + r`, `r` reduced: unique for each class of `a` modulo `b`."""
    if not b.terms:
        return b, a
    if len(b.terms) > 1:
        return _divide_long(a, b)
    ((by, c),) = b.terms.items()
    quotient: Terms = {}
    rest: Terms = {}
    for monomial, k in a.terms.items():
        left = without(monomial, by)
        if left is None:
            rest[monomial] = k
            continue
        r = _centred(k, c) if not monomial else k % abs(c)
        if r:
            rest[monomial] = r
        if k != r:
            quotient[left] = (k - r) // c
    if not quotient:
        return dim(0), a
    return _without_zeros(quotient), _without_zeros(rest)


def _without_zeros(terms: Terms) -> Dim:
    """The dim of terms of which none is zero."""
    return Dim(terms) if any(terms) else dim(terms.get((), 0))


def without(monomial: Monomial, by: Monomial) -> Monomial | None:
    """`monomial / by`, if that is a monomial."""
    if not by:
        return monomial
    if len(by) > len(monomial):
        return None
    if len(by) == 1:
        atom = by[0]
        if atom not in monomial:
            return None
        at = monomial.index(atom)
        return monomial[:at] + monomial[at + 1 :]
    left = list(monomial)
    for atom in by:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def order(monomial: Monomial) -> tuple[int, list[int]]:
    """A monomial order: by degree, then lexicographic."""
    return len(monomial), [-a.serial for a in monomial]


def _centred(k: int, c: int) -> int:
    """The residue of `k` modulo `c` of least magnitude: `(H - 1)//2`, not `(H + 1)//2 - 1`."""
    c = abs(c)
    r = k % c
    return r - c if 2 * r >= c else r


def _divide_long(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    lead = max(b.terms, key=order)
    c = b.terms[lead]
    quotient = dim(0)
    for _ in range(_ROUNDS):
        step: tuple[Monomial, int] | None = None
        for monomial in sorted(a.terms, key=order, reverse=True):
            left = without(monomial, lead)
            if left is None:
                continue
            k = a.terms[monomial]
            if k % abs(c) != k:
                step = left, (k - k % abs(c)) // c
                break
        if step is None:
            break
        part = Dim({step[0]: step[1]})
        quotient, a = quotient + part, a - part * b
    return quotient, a


def _floordiv(a: Dim, b: Dim) -> Dim:
    whole = dim(0)
    for _ in range(_ROUNDS):
        quotient, a = divide(a, b)
        whole += quotient
        if not a.terms:
            return whole
        small = _small_quotient(a, b)
        if small is not None:
            return whole + small
        step = _cancel(a, b) or _unnest(a, b) or _rounded(a, b)
        if step is None:
            break
        a, b = step
        if b.const == 1:
            return whole + a
    return whole + _floor_atom(a, b)


def _mod(a: Dim, b: Dim) -> Dim:
    a = divide(_flat_remainders(a, b), b)[1]
    if not a.terms:
        return a
    small = _small_quotient(a, b)
    if small is not None:
        return a - small * b
    factor = _common_factor(a, b)
    if factor.const != 1:
        top, bottom = divides_exactly(a, factor), divides_exactly(b, factor)
        if top is not None and bottom is not None and sign_of(bottom) > 0:
            return factor * _mod(top, bottom)
    return atomic(intern(MOD, (a, b), low=0, high=_less(b.bounds[1])))


def _rounded(a: Dim, b: Dim) -> tuple[Dim, Dim] | None:
    """`(x - x % b)//b` is `x//b`, and `(x + x % 2)//2` is `(x + 1)//2`."""
    for monomial, k in a.terms.items():
        if len(monomial) != 1 or monomial[0].kind != MOD or monomial[0].args[1] != b:
            continue
        if k == -1 or (k == 1 and b.const == 2):
            rest = a - k * atomic(monomial[0])
            if not divide(rest - monomial[0].args[0], b)[1].terms:
                return (rest, b) if k == -1 else (rest + 1, b)
    return None


def _less(high: int | None) -> int | None:
    return None if high is None else high - 1


def _small_quotient(a: Dim, b: Dim) -> int | None:
    """`a // b` where bounds show that it is 0 or -1."""
    low, high = a.bounds
    if low is not None and low >= 0:
        if high is None and not _share_atoms(a, b):
            return None  # nothing of `b` can be above an `a` without end
        return 0 if _at_least((b - a).bounds, 1) else None
    if high is not None and high < 0 and _at_least((a + b).bounds, 0):
        return -1
    return None


def _share_atoms(a: Dim, b: Dim) -> bool:
    if b.const is not None:
        return False
    atoms = {atom for m in b.terms for atom in m}
    return any(atom in atoms or atom.args for m in a.terms for atom in m)


def _at_least(bounds: Bounds, low: int) -> bool:
    return bounds[0] is not None and bounds[0] >= low


def _cancel(a: Dim, b: Dim) -> tuple[Dim, Dim] | None:
    """`(g*a + r) // (g*b) == a // b` for `0 <= r < g`."""
    if the_atom(b) is not None:
        return None
    g = gcd(*b.terms.values(), *(k for m, k in a.terms.items() if m))
    if g > 1:
        return made({m: k // g for m, k in a.terms.items()}), made({m: k // g for m, k in b.terms.items()})
    for atom in _shared(b):
        if atom.low is None or atom.low < 1:
            continue
        h = atomic(atom)
        bottom = divide(b, h)[0]
        if sign_of(bottom) <= 0:
            continue
        top, rest = divide(a, h)
        if not top.terms:
            continue
        small = 0 if not rest.terms else _small_quotient(rest, h)
        if small is not None:
            return top + small, bottom
    return None


def _shared(d: Dim) -> Iterator[Atom]:
    """The atoms that are in every term."""
    if () in d.terms:
        return
    first, *others = d.terms
    for atom in dict.fromkeys(first):
        if all(atom in m for m in others):
            yield atom


def _common_factor(a: Dim, b: Dim) -> Dim:
    """A positive common factor of all the terms of two dims."""
    factor = dim(gcd(*a.terms.values(), *b.terms.values()))
    for atom in _shared(b):
        if atom.low is not None and atom.low > 0 and all(atom in m for m in a.terms):
            return factor * atomic(atom)
    return factor


def _unnest(a: Dim, b: Dim) -> tuple[Dim, Dim] | None:
    """`(x//m + c) // n == (x + c*m) // (m*n)`."""
    found = [m[0] for m, k in a.terms.items() if len(m) == 1 and m[0].kind == FLOOR and k == 1]
    if len(found) != 1:
        return None
    (atom,) = found
    top, bottom = atom.args
    if sign_of(bottom) <= 0:
        return None
    try:
        return top + (a - atomic(atom)) * bottom, b * bottom
    except TooLarge:
        return None


def _flat_remainders(a: Dim, b: Dim) -> Dim:
    """`(x % (k*b) + c) % b == (x + c) % b`."""
    for monomial, k in a.terms.items():
        if len(monomial) == 1 and monomial[0].kind == MOD:
            x, n = monomial[0].args
            if sign_of(n) > 0 and divides_exactly(n, b) is not None:
                return _flat_remainders(a + (x - atomic(monomial[0])) * k, b)
    return a


def _floor_atom(a: Dim, b: Dim) -> Dim:
    """The atom for a divisor that is positive, though its own bounds may not show it once factors are cancelled."""
    low, high = a.bounds
    least, most = max(b.bounds[0] or 1, 1), b.bounds[1]
    if low is not None:
        if low < 0:
            low //= least
        else:
            low = 0 if most is None else low // most
    if high is not None:
        if high >= 0:
            high //= least
        else:
            high = -1 if most is None else high // most
    return atomic(intern(FLOOR, (a, b), low=low, high=high))


def _raw(kind: str, a: Dim, b: Dim) -> Dim:
    return atomic(intern(kind, (a, b)))
