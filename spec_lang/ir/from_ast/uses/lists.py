"""Lists of unknown length that a block gets: what its types and conditions have of them, of the lists that are passed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from spec_lang.ir.from_ast.expressions.indexing import element_of
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.substitution import substitute_dim
from spec_lang.ir.from_ast.values.value import (
    POISON,
    Case,
    Env,
    Mapped,
    Maybe,
    RecordValue,
    Summary,
    SymList,
    Value,
)
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, TensorType, Truth, dim, opaque
from spec_lang.shapes.atom import OPAQUE, Atom, filled
from spec_lang.shapes.dim import leaves
from spec_lang.shapes.flags import named_truth
from spec_lang.shapes.real import named_real


def lists_in(name: str, value: Value) -> Iterator[tuple[str, SymList]]:
    """The lists of unknown length in a hyperparameter's value, each as the block writes it."""
    if isinstance(value, SymList):
        yield name, value
    elif isinstance(value, RecordValue):
        for field, inner in value.fields.items():
            yield from lists_in(f"{name}.{field}", inner)
    elif isinstance(value, tuple | list):
        for i, inner in enumerate(value):
            yield from lists_in(f"{name}[{i}]", inner)
    elif isinstance(value, Maybe):
        yield from lists_in(name, value.value)


def terms(parts: Iterable[object]) -> Iterator[Atom | Real | Truth]:
    """What is named by its text in types and conditions: sizes, floats and truths."""
    waiting = list(parts)
    seen: set[object] = set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, Dim):
            for atom in leaves(part):
                if atom.kind == OPAQUE and atom not in seen:
                    seen.add(atom)
                    yield atom
        elif isinstance(part, Real):
            if not part.args or part.is_item:
                yield part
            waiting += part.args
        elif isinstance(part, Truth):
            yield part
            waiting += part.args
        elif isinstance(part, Cond):
            waiting += [*part.dims, *part.parts]
            if part.said is not None:
                waiting.append(part.said)
                waiting += [getattr(part.said, n) for n in part.said.node_fields]
        elif isinstance(part, TensorType):
            waiting += part.shape
        elif isinstance(part, tuple | list):
            waiting += part
        elif isinstance(part, Mapped):
            waiting += [part.item, part.length]
        elif isinstance(part, Maybe):
            waiting += [part.absent, part.value]
        elif isinstance(part, Case):
            waiting += [part.cond, part.yes, part.no]


def name_items(c: Check, at: Place, name: str, value: SymList, summary: Summary, env: Env) -> None:
    """What a block's types and conditions have of a list is of the list that it gets."""
    parts: list[object] = [o.cond for o in summary.owed]
    for method in summary.methods.values():
        parts += [i.type for i in method.inputs] + method.results + [o.cond for o in method.owed]
    for term in terms(parts):
        if isinstance(term, Truth):
            template, args = term.name, term.args
        elif isinstance(term, Real):
            template, args = term.head, term.args
        else:
            template, args = term.name, term.args
        given = tuple(substitute_dim(a, env) for a in args)
        renamed = _renamed(template, given, name, value)
        if renamed is None:
            continue
        text = filled(template, args) if args else template
        if isinstance(term, Truth):
            env[text] = Cond.flag(named_truth(*renamed))
        elif isinstance(term, Real):
            env[text] = named_real(*renamed)
        else:
            item = _item_of(c, at, template, given, name, value)
            env[text] = (
                item
                if isinstance(item, Dim)
                else opaque("of", *renamed[1], low=term.low, high=term.high, text=renamed[0])
            )


def _renamed(
    template: str, args: tuple[Dim, ...], name: str, value: SymList
) -> tuple[str, tuple[Dim, ...]] | None:
    """A term's name with another list's in place of this one; None where it is of another."""
    rest, new = iter(args), list[Dim]()
    found = False

    def part(match: re.Match[str]) -> str:
        nonlocal found
        if match[0] == "{}":
            new.append(next(rest))
        elif match[0] == name:
            found = True
            new.extend(value.args)
            return value.name
        return match[0]

    pattern = rf"\{{\{{|\}}\}}|\{{\}}|(?<![\w.\"'])\b{re.escape(name)}\b(?![\w(\"'])"
    text = re.sub(pattern, part, template)
    return (text, tuple(new)) if found else None


def _item_of(c: Check, at: Place, template: str, args: tuple[Dim, ...], name: str, value: SymList) -> Value:
    """The item of a list that a term is, or a field of one; POISON where it is something else."""
    match = re.fullmatch(rf"{re.escape(name)}\[(\{{\}}|\d+)\]((?:\.\w+|\[\d+\])*)", template)
    if match is None:
        return POISON
    item = element_of(c, at, value, args[0] if match[1] == "{}" else dim(int(match[1])))
    for step in re.findall(r"\.\w+|\[\d+\]", match[2]):
        if isinstance(item, RecordValue) and step[0] == ".":
            item = item.fields[step[1:]]
        elif isinstance(item, tuple) and step[0] == "[":
            item = item[int(step[1:-1])]
        elif isinstance(item, SymList) and step[0] == "[":
            item = element_of(c, at, item, dim(int(step[1:-1])))
        else:
            return POISON
    return item
