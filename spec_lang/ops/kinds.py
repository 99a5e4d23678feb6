"""The kinds of argument an op may have, as annotations; `signature` turns what was written into them.

| annotation | what a spec may write | what the op sees |
| --- | --- | --- |
| `Dim` | an int, possibly symbolic | `Dim` |
| `Count` | an int known when the op is checked | `int` |
| `Axis` | a constant int | `int` |
| `Axes` | a constant int, or several | `tuple[int, ...]` |
| `Size1` `Size2` `Size3` | an int, or one per spatial axis | `tuple[Dim, ...]` of that length |
| `Sizes` | several ints (`-1` allowed), as arguments or as one list | `tuple[Dim, ...]` |
| `Number` | a float or an int, possibly symbolic | `float`, `Dim` or `Real` |
| `bool`, `str`, `Literal["a", "b"]` | a constant (a symbolic one is checked for each of its values) | the value |
| `DType` | a dtype's name | `DType` |
| `Tensor` | a tensor | `TensorType` (in `onnx`: `Value`) |
| `list[Tensor]` | a list or tuple of tensors, whose number is known | `tuple[TensorType, ...]` |
| `Tensors` | a list or tuple of tensors | `tuple[TensorType | Run, ...]` (in `onnx`: of `Value`s) |
| `Operand` | a tensor or a number | `TensorType`, or as `Number` |
| `Module` | a layer | the `Layer` instance |
| `Index` | what stands between `[` and `]` | a tuple of `Dim`, tuples of them, `SliceOf`, `None`, `...` and `TensorType` |
| `Extras` | ints under names of the author's (`rearrange(..., h=4)`) | a tuple of (name, `Dim`) |
| `X | None`, `X | Y` | either | the first that takes it |
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from spec_lang.frozen import Record
from spec_lang.shapes import Choice, Dim, DType, Real, TensorType


class Kind(Record):
    """A marker in an annotation: which conversion `signature` applies."""

    name: str
    n: int = 0


class SliceOf(Record):
    """`start:stop:step` in an index."""

    start: Dim | None
    stop: Dim | None
    step: Dim | None


class Run(Record):
    """As many tensors as `count` says: `item` for each value of the symbol `index` from 0 on."""

    item: TensorType
    index: Dim
    count: Dim


Tensors: TypeAlias = tuple[TensorType | Run, ...]
Count: TypeAlias = Annotated[int, Kind("count")]
Axis: TypeAlias = Annotated[int, Kind("axis")]
Axes: TypeAlias = Annotated[tuple[int, ...], Kind("axes")]
Size1: TypeAlias = Annotated[tuple[Dim, ...], Kind("size", 1)]
Size2: TypeAlias = Annotated[tuple[Dim, ...], Kind("size", 2)]
Size3: TypeAlias = Annotated[tuple[Dim, ...], Kind("size", 3)]
Sizes: TypeAlias = Annotated[tuple[Dim, ...], Kind("sizes")]
Number: TypeAlias = Annotated[Any, Kind("number")]
Operand: TypeAlias = Annotated[Any, Kind("operand")]
Module: TypeAlias = Annotated[Any, Kind("module")]
Index: TypeAlias = Annotated[tuple[Any, ...], Kind("index")]
Extras: TypeAlias = Annotated[tuple[tuple[str, Dim], ...], Kind("extras")]

__all__ = [
    "Axes",
    "Axis",
    "Choice",
    "Count",
    "DType",
    "Dim",
    "Extras",
    "Index",
    "Kind",
    "Module",
    "Number",
    "Operand",
    "Real",
    "Run",
    "Size1",
    "Size2",
    "Size3",
    "Sizes",
    "SliceOf",
    "TensorType",
    "Tensors",
]
