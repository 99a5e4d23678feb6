"""What a routine says that it returns."""

from __future__ import annotations

from typing import TypeGuard

from spec_lang.ir import model as m
from spec_lang.targets.torch.routine import Routine
from spec_lang.targets.torch.types import annotation
from spec_lang.targets.torch.walk import nodes, statements_in


def result(r: Routine) -> str:
    """The annotation of what is returned."""
    results = r.method.results
    returned = [s.value for s in nodes(r.method.body) if isinstance(s, m.Return)]
    if any(_is_cut(r, v) for v in returned):
        return f"tuple[{r.imports.use('Tensor')}, ...]"
    if not results:
        return annotation(returned[-1].type, r.imports) if returned else "None"
    if len(results) == 1 and not r.method.results_tuple:
        return _returns(r, results[0].type, returned)
    items = [[v.items[i] for v in returned if isinstance(v, m.Tuple)] for i in range(len(results))]
    kinds = [_returns(r, x.type, values) for x, values in zip(results, items, strict=True)]
    return f"tuple[{', '.join(kinds)}]"


_CUTTING = frozenset({"chunk", "split", "tensor_split", "unbind", "meshgrid"})
"""What gives pieces whose number no type says."""


def _is_cut(r: Routine, e: m.Expr) -> bool:
    """Whether a value is the pieces of a tensor, as PyTorch gives them."""
    if isinstance(e, m.Name) and e.ref == "local":
        given = [s.value for s in statements_in(r.method.body) if _gives(s, e.id)]
        return any(isinstance(v, m.Call) and _is_cut(r, v) for v in given)
    return isinstance(e, m.Call) and e.to == "op" and e.name in _CUTTING


def _gives(s: m.Statement, name: str) -> TypeGuard[m.Assign]:
    return isinstance(s, m.Assign) and s.target.name == name


def _returns(r: Routine, kind: m.Type, values: list[m.Expr]) -> str:
    """The annotation of one result: a fixed number of tensors may be a list all the same."""
    grown = {
        s.target.name
        for s in nodes(r.method.body)
        if isinstance(s, m.Assign) and isinstance(s.value, m.List | m.Comprehension)
    }
    lists = [
        isinstance(v, m.List | m.Comprehension) or (isinstance(v, m.Name) and v.id in grown) for v in values
    ]
    if isinstance(kind, m.TupleType) and kind.items and lists and all(lists):
        kind = m.make(m.ListType, item=kind.items[0])
    return annotation(kind, r.imports)
