"""What is made of all items of a list whose length is not known: a term of its own, by how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from spec_lang.ir.from_ast.expressions.indexing import element_of
from spec_lang.ir.from_ast.state.check import Check, NeedsValue
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.uses.obligations import owe
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.substitution import first_items, item_at
from spec_lang.ir.from_ast.values.value import Case, Mapped, Maybe, RecordValue, SymList, Value
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, dim, opaque, root, symbol
from spec_lang.shapes.atom import escaped
from spec_lang.shapes.dim import leaves
from spec_lang.shapes.flags import named_truth
from spec_lang.shapes.real import named_real
from spec_lang.syntax import ast

_NAME = re.compile(r"(?<![\w.\"'])[A-Za-z_]\w*(?![\w(\"'])")
_WORD = re.compile(r"[A-Za-z_]\w*")


def folded(c: Check, at: Place, name: str, value: Value, node: ast.Expr) -> Value:
    """`sum(xs)`, `min(xs)`, `all(xs)` and the like; None where the items are known one by one.

    Raises:
        NeedsValue: a block has the list by its value.
    """
    if not isinstance(value, SymList | Mapped) or known_length(at, value) is not None:
        return None
    item = _any_item(c, at, value)
    kinds = {type(v) for v in _sides(item)}
    numbers = kinds <= {Dim, Real, float}
    if not (kinds <= {Cond, bool} if name in ("all", "any") else numbers):
        return None
    by_value(c, value)
    listed, args = _written(c, at, value)
    template = f"{name}({listed})"
    if not numbers:
        flag = named_truth(template, args)
        if isinstance(value, Mapped) and isinstance(item, Cond):
            c.block.for_all[flag] = value
        return Cond.flag(named_truth(template, args))
    if name in ("min", "max"):
        some = Cond.ge(value.length, 1)
        known = at.decide(some)
        if known is None:
            owe(c, at, some, f"`{name}` of an empty list has no value: {some}", node, False)
    sizes = [v for v in _sides(item) if isinstance(v, Dim)]
    if kinds != {Dim}:
        return named_real(template, args)
    lows, highs = [s.bounds[0] for s in sizes], [s.bounds[1] for s in sizes]
    least = low = None if None in lows else min(x for x in lows if x is not None)
    high = None if None in highs else max(x for x in highs if x is not None)
    if name in ("sum", "prod"):
        low, high = (None if low is None or low < 0 else 0 if name == "sum" else min(low, 1)), None
    result = opaque(name, *args, low=low, high=high, text=template)
    if name == "sum" and least is not None and least > 0:
        at.assume(Cond.ge(result, value.length * least))
    return result


def _sides(item: Value) -> list[Value]:
    """What an item may be."""
    return [*_sides(item.yes), *_sides(item.no)] if isinstance(item, Case) else [item]


def _text(item: Value) -> str:
    if isinstance(item, Case):
        return f"({_text(item.yes)} if {item.cond} else {_text(item.no)})"
    return str(item)


def known_length(at: Place, value: SymList | Mapped) -> int | None:
    """How many items a list is known to have."""
    length = value.length.const
    return at.facts.simplify(value.length).const if length is None else length


def items_of(c: Check, at: Place, value: SymList | Mapped) -> list[Value] | None:
    """The items of a list whose length is known, each by its index."""
    length = known_length(at, value)
    if length is None or length > host.MAX_LIST:
        return None
    if isinstance(value, SymList):
        return [element_of(c, at, value, dim(k)) for k in range(length)]
    return first_items(value, length)


def contained(c: Check, at: Place, item: Value, value: SymList | Mapped) -> Cond | None:
    """`i in xs`; None where that has no term.

    Raises:
        NeedsValue: a block has the list by its value.
    """
    if not isinstance(item, Dim):
        return None
    by_value(c, value)
    listed, args = _written(c, at, value)
    return Cond.flag(named_truth(f"{{}} in {listed}", (item, *args)))


def by_value(c: Check, value: SymList | Mapped) -> None:
    """Ask for lists by value in a block, whose uses know them."""
    whole = c
    while whole.caller is not None:
        whole = whole.caller
    node = whole.definition.node
    if isinstance(node, ast.Block) and node.kind == "model":
        return
    wanted = {n for n in _words(value) if n in whole.block.hypers} - set(whole.block.mono)
    names = frozenset(
        n for n in wanted if isinstance(whole.block.hypers[n], SymList | RecordValue | tuple | list | Maybe)
    )
    if names:
        raise NeedsValue(names)


def _words(value: SymList | Mapped) -> set[str]:
    texts = [value.text] if isinstance(value, SymList) else [_text(value.item), str(value.length)]
    return {root(w) for t in texts for w in _WORD.findall(t)}


def _any_item(c: Check, at: Place, value: SymList | Mapped) -> Value:
    if isinstance(value, Mapped):
        return value.item
    return element_of(c, at, value, c.fresh("k", 0))


def _written(c: Check, at: Place, value: SymList | Mapped) -> tuple[str, tuple[Dim, ...]]:
    """How a list is written, with `{}` for each size in it that has another value elsewhere."""
    if isinstance(value, SymList):
        return value.name, value.args
    (own,) = value.index.symbols
    item = value.item
    sizes = symbols_of(item)
    taken = (
        {w for t in (_text(item), str(value.length)) for w in _WORD.findall(t)}
        | set(c.block.hypers)
        | set(at.loops)
    )
    variable = next(n for n in _variables() if n not in taken - {own})
    plain = item_at(value, symbol(variable, 0))
    for name in _whole_lists(plain, value.length, variable):
        return name, ()
    text, args = template(plain, {n: d for n, d in sizes.items() if n != own} | {})
    return f"[{text} for {variable} in range({{}})]", (*args, value.length)


def _whole_lists(item: Value, length: Dim, variable: str) -> Iterable[str]:
    """The list that has these items, where it is one as it stands."""
    found = (
        re.fullmatch(rf"([A-Za-z_][\w.]*)\[{variable}\]", str(item)) if isinstance(item, Dim | Real) else None
    )
    if found is not None and str(length) == f"len({found[1]})":
        yield found[1]


def _variables() -> Iterable[str]:
    yield "each"
    n = 2
    while True:
        yield f"each_{n}"
        n += 1


def symbols_of(value: Value) -> dict[str, Dim]:
    """The symbols in a number or condition."""
    found: dict[str, Dim] = {}
    parts: list[object] = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, Dim):
            found |= {
                a.name: symbol(a.name, a.low, a.high)
                for a in leaves(part)
                if not a.args and a.name.isidentifier()
            }
        elif isinstance(part, Real):
            parts += part.args
        elif isinstance(part, Cond):
            parts += [*part.dims, *part.parts]
            if part.said is not None:
                parts += [getattr(part.said, n) for n in part.said.node_fields]
        elif isinstance(part, Case):
            parts += (part.cond, part.yes, part.no)
        elif isinstance(part, tuple):
            parts += part
    return found


def template(item: Value, sizes: dict[str, Dim]) -> tuple[str, tuple[Dim, ...]]:
    """The text of a number or condition, with `{}` for each of these symbols in it."""
    args: list[Dim] = []

    def size(found: re.Match[str]) -> str:
        if found[0] not in sizes:
            return found[0]
        args.append(sizes[found[0]])
        return "{}"

    return _NAME.sub(size, escaped(_text(item))), tuple(args)
