"""What nodes are called, and what their details say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from spec_lang.ir import operators
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Constructor, RecordValue
from spec_lang.ops import signature
from spec_lang.ops.base import Op
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import DType, TensorType

SYMBOLS: Final = {
    name: sign for table in (operators.BINARY, operators.COMPARISONS) for sign, name in table.items()
}
SYMBOLS_SHOWN: Final = {"mul": "×", "sub": "−", "div": "÷", "le": "≤", "ge": "≥", "ne": "≠"}
DIGITS: Final = 7
"""Characters of a number that is shown in full."""
LONG: Final = 60
"""Characters of one argument that are shown."""


def family(op: type[Op]) -> str:
    """The family that declares an op: the last part of its module's name."""
    return op.__module__.rpartition(".")[2]


def symbol(name: str) -> str:
    """The sign of an operator's function, or its name."""
    return SYMBOLS_SHOWN.get(name, SYMBOLS.get(name, name))


def arguments(op: Op) -> str:
    """An op's arguments as an author writes them, without tensors and without those that are as by default."""
    parts = []
    for p in signature.of(type(op)).parameters:
        value = getattr(op, p.name)
        if _has_tensor(value):
            continue
        if p.kind == "Extras":
            parts += [f"{k}={text(v)}" for k, v in dict(value).items()]
        elif p.required or not _same(value, p.default):
            shown = _size(value) if "Size" in p.kind else text(value)
            parts.append(f"{p.name}={shown}" if not p.required else shown)
    return ", ".join(parts)


def values(given: Mapping[str, Host]) -> str:
    """A block's hyperparameters with their values."""
    return ", ".join(f"{k}={text(v)}" for k, v in given.items())


def text(value: Any) -> str:
    """A value as an author writes it, cut where it is long."""
    found = _written(value)
    return found if len(found) <= LONG else f"{found[: LONG - 1]}…"


def exact(op: Op) -> str:
    """All that an op is called with but tensors, uncut."""
    given = {p.name: getattr(op, p.name) for p in signature.of(type(op)).parameters}
    return f"{op.name}({whole({k: v for k, v in given.items() if not _has_tensor(v)})})"


def whole(value: Any) -> str:
    """A value uncut, with all that is in it."""
    if isinstance(value, Constructor):
        return f"{getattr(value.target, 'name', value.target)}({whole(value.args)}, {whole(value.kwargs)})"
    if isinstance(value, RecordValue):
        return f"{value.definition.name}({whole(value.fields)})"
    if isinstance(value, Op):
        return exact(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}: {whole(v)}' for k, v in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(whole, value))})"
    return repr(value) if isinstance(value, float) else _written(value)


def _written(value: Any) -> str:
    if isinstance(value, Constructor):
        return getattr(value.target, "name", "layer")
    if isinstance(value, SliceOf | slice):
        ends = ["" if e is None else _written(e) for e in (value.start, value.stop, value.step)]
        return ":".join(ends if ends[2] else ends[:2])
    if isinstance(value, Op):
        return f"{value.name}({arguments(value)})"
    if isinstance(value, RecordValue):
        return f"{value.definition.name}(…)"
    if isinstance(value, DType):
        return value.value
    if value is ...:
        return "..."
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(k)}: {_written(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and len(repr(value)) > DIGITS:
        return f"{value:.3g}"
    if isinstance(value, tuple | list):
        inner = ", ".join(map(_written, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return signature.written(value)


def _has_tensor(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_has_tensor, value))
    return isinstance(value, TensorType)


def _size(value: Any) -> str:
    """A size for each axis, or once where it is the same for all."""
    same = isinstance(value, tuple) and len(set(map(str, value))) == 1
    return text(value[0] if same else value)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b
