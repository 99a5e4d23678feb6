"""Conditions on floats, decided by values."""

from __future__ import annotations

import ast as python
import operator
import re
from collections.abc import Callable

from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.value import Env
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim

_ORDERS: dict[type, Callable[[float, float], bool]] = {
    python.Lt: operator.lt,
    python.LtE: operator.le,
    python.Gt: operator.gt,
    python.GtE: operator.ge,
    python.Eq: operator.eq,
    python.NotEq: operator.ne,
}


def float_flags(cond: Cond, env: Env) -> Env:
    """The truths of a condition's flags over floats (`0 <= p <= 1`) that the values in `env` decide or rename."""
    found: Env = {}
    for flag in cond.flags:
        if flag in env:
            continue
        names = set(re.findall(r"[A-Za-z_][\w.]*", flag))
        if not names or not names <= set(env):
            continue
        values = {n: env[n] for n in names}
        if all(isinstance(v, float) or (isinstance(v, Dim) and v.const is not None) for v in values.values()):
            known = _truth(flag, {n: float(str(v)) for n, v in values.items()})
            if known is not None:
                found[flag] = known
        elif all(isinstance(v, Real | Dim | float) for v in values.values()):
            found[flag] = Cond.flag(_renamed(flag, values))
    return found


def _renamed(flag: str, values: Env) -> str:
    return re.sub(r"[A-Za-z_][\w.]*", lambda m: host.text(values[m.group()]), flag)


def _truth(flag: str, values: dict[str, float]) -> bool | None:
    try:
        tree = python.parse(flag, mode="eval").body
    except SyntaxError:
        return None
    if not isinstance(tree, python.Compare):
        return None
    sides: list[float] = []
    for side in (tree.left, *tree.comparators):
        text = python.unparse(side)
        if text in values:
            sides.append(values[text])
        else:
            try:
                sides.append(float(text))
            except ValueError:
                return None
    signs = [_ORDERS.get(type(o)) for o in tree.ops]
    if None in signs:
        return None
    return all(s(a, b) for s, a, b in zip(signs, sides, sides[1:], strict=False) if s is not None)
