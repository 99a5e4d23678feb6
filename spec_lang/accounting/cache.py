"""What decoding keeps: an optional input that a method gives back longer, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spec_lang.accounting.counts import Count, total
from spec_lang.accounting.tensors import size_of
from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.dim_text import size
from spec_lang.ir.templates import BlockTemplate
from spec_lang.shapes import Dim, DType, TensorType, dim, symbol


class Cache(Frozen):
    """What decoding keeps.

    Attributes:
        method: The method.
        input: Its input.
        bytes: Of one token of one sequence.
    """

    method: str
    input: str
    bytes: Count


def caches(template: BlockTemplate, precision: DType) -> Iterator[Cache]:
    """The optional inputs of a model's methods that come back longer by the tokens that went in."""
    for method in template.definition.methods:
        results = [list(_tensors(r.type, template.values)) for r in method.results]
        for i in method.inputs:
            if not i.optional:
                continue
            given = list(_tensors(i.type, template.values))
            for name in sorted(frozenset().union(*(d.symbols for t in given[:1] for d in t.dims))):
                if any(_longer(given, result, symbol(name)) for result in results):
                    kept = total(size_of(_token(t, symbol(name)), precision) for t in given)
                    yield Cache(method.name, i.name, kept)
                    break


def _tensors(type: model.Type, values: Mapping[str, Host]) -> Iterator[TensorType]:
    """The tensors of a type; sizes that a call brings are symbols."""
    if isinstance(type, model.OptionalType):
        yield from _tensors(type.base, values)
    elif isinstance(type, model.TupleType):
        for t in type.items:
            yield from _tensors(t, values)
    elif isinstance(type, model.ListType) and type.length is not None:
        length = size(type.length, values, symbol)
        for n in range(length) if isinstance(length, int) else ():
            yield from _tensors(type.item, {**values, **({type.index: n} if type.index else {})})
    elif isinstance(type, model.TensorType) and not any(d.startswith("*") for d in type.dims):
        dtype = DType.named(type.dtype)
        assert dtype is not None
        yield TensorType(dtype, tuple(dim(size(d, values, symbol)) for d in type.dims))


def _longer(given: Sequence[TensorType], result: Sequence[TensorType], length: Dim) -> bool:
    """Whether each tensor comes back with `length` and something more in place of `length`, and else the same."""
    if not given or len(given) != len(result):
        return False
    for a, b in zip(given, result, strict=True):
        if a.dtype is not b.dtype or len(a.dims) != len(b.dims) or a.dims.count(length) != 1:
            return False
        for x, y in zip(a.dims, b.dims, strict=True):
            more = y - x
            if (x == length) is not (more != 0) or (more.const or 1) < 0 or length.symbols & more.symbols:
                return False
    return True


def _token(t: TensorType, length: Dim) -> TensorType:
    """What a tensor has of one token of one sequence: its first dim, where a call brings it, is the batch."""
    rest: list[Any] = [d for d in t.dims if d != length]
    return TensorType(t.dtype, tuple(rest[1:] if rest and rest[0].const is None else rest))
