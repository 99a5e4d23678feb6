"""Powers with symbolic exponents: `2**(i + 1) == 2 * 2**i`."""

from __future__ import annotations

from spec_lang.shapes.atom import POW, Atom, Bounds, intern
from spec_lang.shapes.dim import (
    INT64,
    MAX_DEGREE,
    Dim,
    Monomial,
    Terms,
    TooLarge,
    Undefined,
    atomic,
    dim,
    made,
    serial,
    times,
    total,
)


def power(base: Dim, exponent: Dim) -> Dim:
    """`base ** exponent`, the exponent's lower bound split off; one that may be negative is left alone."""
    if exponent.const is not None:
        return _to_constant(base, exponent.const)
    if not never_negative(exponent):
        return atomic(intern(POW, (base, exponent)))
    low = exponent.bounds[0] or 0
    if base.const == 1:
        return base
    if base.const is not None and base.const > 3:
        root, times = _root(base.const)
        if times > 1:
            return power(dim(root), exponent * times)
    rest = exponent - low
    least, most = _bounds(base, rest)
    return _to_constant(base, low) * atomic(intern(POW, (base, rest), low=least, high=most))


def product(a: Dim, b: Dim) -> Dim:
    """The product of dims in which powers of the same base may meet."""
    return total([_of_atoms(m + n) * (c * k) for m, c in a.terms.items() for n, k in b.terms.items()])


def _of_atoms(atoms: Monomial) -> Dim:
    """The product of atoms, their exponents added where the base is the same."""
    plain: list[Atom] = []
    powers: dict[object, tuple[Dim, Dim]] = {}
    for atom in atoms:
        if atom.kind != POW or not never_negative(atom.args[1]):
            plain.append(atom)
            continue
        base, exponent = atom.args
        known = powers.get(base.key)
        powers[base.key] = (base, exponent if known is None else known[1] + exponent)
    result = Dim({tuple(sorted(plain, key=serial)): 1})
    for base, exponent in powers.values():
        result = _plain_product(result, power(base, exponent))
    return result


def absorbing(d: Dim) -> Dim:
    """`2 * 2**(i - 1)` as `2**i`: factors of a base go into exponents that might be negative without them."""
    return total([_absorbed(list(m), c) for m, c in d.terms.items()])


def _absorbed(atoms: list[Atom], coefficient: int) -> Dim:
    powers: list[Dim] = []
    for atom in [a for a in atoms if a.kind == POW and not never_negative(a.args[1])]:
        base, exponent = atom.args
        atoms.remove(atom)
        while not never_negative(exponent):
            if base.const is not None and abs(base.const) > 1 and coefficient % base.const == 0:
                coefficient //= base.const
            elif (factor := _single(base)) in atoms:
                atoms.remove(factor)
            else:
                break
            exponent += 1
        powers.append(power(base, exponent))
    result = Dim({tuple(atoms): coefficient})
    for factor_ in powers:
        result = result * factor_
    return result


def _single(base: Dim) -> Atom | None:
    """The atom that a base is, if it is nothing more."""
    ((atoms, coefficient),) = base.terms.items() if len(base.terms) == 1 else [((), 0)]
    return atoms[0] if len(atoms) == 1 and coefficient == 1 else None


def never_negative(exponent: Dim) -> bool:
    """Whether the exponent is never negative."""
    low = exponent.bounds[0]
    return low is not None and low >= 0


def _plain_product(a: Dim, b: Dim) -> Dim:
    """The product term by term: no base occurs on both sides."""
    terms: Terms = {}
    for m, c in a.terms.items():
        for n, k in b.terms.items():
            monomial = times(m, n)
            terms[monomial] = terms.get(monomial, 0) + c * k
    return made(terms)


def _to_constant(base: Dim, exponent: int) -> Dim:
    if exponent < 0:
        raise Undefined("a negative power")
    if base.const is not None:
        if abs(base.const) > 1 and exponent * (abs(base.const).bit_length() - 1) > 63:
            raise TooLarge("a size that does not fit 64 bits")
        return dim(base.const**exponent) if abs(base.const) > 1 else dim(_unit(base.const, exponent))
    if exponent > MAX_DEGREE:
        raise TooLarge(f"a size of a degree over {MAX_DEGREE}")
    result = dim(1)
    for _ in range(exponent):
        result = result * base
    return result


def _unit(base: int, exponent: int) -> int:
    if exponent == 0 or base == 1:
        return 1
    return 0 if base == 0 else (-1 if exponent % 2 else 1)


def _root(value: int) -> tuple[int, int]:
    """The least `r` and its power `n` with `r**n == value`."""
    for n in range(value.bit_length(), 1, -1):
        r = round(value ** (1 / n))
        for candidate in (r - 1, r, r + 1):
            if candidate > 1 and candidate**n == value:
                return candidate, n
    return value, 1


def _bounds(base: Dim, exponent: Dim) -> Bounds:
    low, high = base.bounds
    if low is None or low < 1:
        return (0 if low == 0 else None), None
    least = _capped(low, exponent.bounds[0] or 0)
    most = None if high is None or exponent.bounds[1] is None else _capped(high, exponent.bounds[1])
    return least, None if most == INT64 else most


def _capped(base: int, exponent: int) -> int:
    if base == 1 or exponent == 0:
        return 1
    if exponent * (base.bit_length() - 1) > 63:
        return INT64
    return min(int(base**exponent), INT64)
