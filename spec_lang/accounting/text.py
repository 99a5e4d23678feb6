"""A summary as text: a table for a terminal, Markdown, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from spec_lang.accounting.counts import Count
from spec_lang.accounting.rows import Row
from spec_lang.accounting.summary import Summary
from spec_lang.frozen import Frozen
from spec_lang.shapes import Dim, TensorType

LONG = 28
"""Characters of an expression in a cell of the table."""
HEAD = ("layer", "", "gives", "parameters", "%", "multiply-adds", "%", "memory")
LEFT = 3
"""Columns that begin at the left."""


def shown(summary: Summary, style: str, depth: int) -> str:
    """The summary in one of the styles `table`, `markdown` and `json`; rows are nested `depth` deep."""
    if style == "json":
        return json.dumps(_as_json(summary, depth), indent=2, ensure_ascii=False) + "\n"
    rows = list(_lines(summary, depth))
    body = _markdown(rows) if style == "markdown" else _table(rows)
    facts = list(_totals(summary))
    bullet = "- " if style == "markdown" else ""
    width = 0 if style == "markdown" else max(len(name) for name, _ in facts) + 2
    return "\n".join([*body, "", *(f"{bullet}{name + ':':{width}} {value}" for name, value in facts)]) + "\n"


class _Line(Frozen):
    level: int
    cells: tuple[str, ...]


def _lines(summary: Summary, depth: int) -> Iterator[_Line]:
    """The cells of the rows, from the outside in."""
    whole = summary.row

    def visit(row: Row, level: int, times: int) -> Iterator[_Line]:
        name = row.name or (summary.name if level == 0 else "·")
        kind = row.kind if row.kind != name else ""
        marks = [f"×{row.count}"] if row.count > 1 else []
        marks += [f"called {row.calls} times"] if row.calls not in (0, 1) and row.name else []
        marks += ["tied"] if row.tied and not row.inner else []
        cells = (
            name,
            " ".join([kind, *marks]).strip(),
            "not run" if row.type is None else type_text(row.type),
            f"{times * row.parameters:,}" if row.parameters else "",
            _share(times * row.parameters, whole.parameters),
            _number(_times(_halved(row.flops), times)),
            _share(_times(row.flops, times), whole.flops),
            _bytes(_times(row.memory, times)),
        )
        yield _Line(level, cells)
        if level < depth:
            for r in row.inner:
                yield from visit(r, level + 1, times * row.count)

    yield from visit(whole, 0, 1)


def _times(count: Count, n: int) -> Count:
    return None if count is None else count * n


def _halved(flops: Count) -> Count:
    """Multiply-adds: FLOPs of products are two each."""
    if flops is None or isinstance(flops, int):
        return None if flops is None else flops // 2
    return flops // 2


def type_text(value: Any) -> str:
    """A result's shapes."""
    if isinstance(value, TensorType):
        return f"[{', '.join(map(str, value.dims))}]"
    if isinstance(value, list | tuple):
        texts = [type_text(v) for v in value]
        if len(texts) > 2 and len(set(texts)) == 1:
            return f"{len(texts)} × {texts[0]}"
        return f"({', '.join(texts)})"
    return "none" if value is None else str(value)


def _number(count: Count, unit: str = "") -> str:
    """A count, or the expression where it is short."""
    if count == 0:
        return ""
    if isinstance(count, int):
        return scaled(count) + unit
    text = "…" if count is None else str(count)
    return text if len(text) <= LONG else "…"


def scaled(n: int) -> str:
    """A number with three digits and a prefix."""
    if n < 10_000:
        return f"{n:,}"
    value, prefixes = float(n), iter("kMGTPEZY")
    prefix = ""
    while value >= 999.5:
        value, prefix = value / 1000, next(prefixes, "Y")
    return f"{value:.3g} {prefix}"


def _bytes(count: Count) -> str:
    if isinstance(count, int):
        return f"{scaled(count)}{'' if count >= 10_000 else ' '}B" if count else ""
    return _number(count)


def _share(part: Count, whole: Count) -> str:
    """A part of the whole, where both are numbers or have one ratio for all sizes."""
    ratio = _ratio(part, whole)
    return "" if ratio is None or ratio == 0 else f"{100 * ratio:.1f}"


def _ratio(part: Count, whole: Count) -> float | None:
    if isinstance(part, int) and isinstance(whole, int):
        return part / whole if whole else None
    if isinstance(part, Dim) and isinstance(whole, Dim) and len(part.terms) == len(whole.terms) == 1:
        (a, x), (b, y) = next(iter(part.terms.items())), next(iter(whole.terms.items()))
        return x / y if a == b else None
    return None


def _table(rows: Sequence[_Line]) -> Iterator[str]:
    """The rows below their heads, aligned."""
    cells = [HEAD, *(("  " * r.level + r.cells[0], *r.cells[1:]) for r in rows)]
    used = [i for i in range(len(HEAD)) if i in (0, 2) or any(c[i] for c in cells[1:])]
    widths = {i: max(len(c[i]) for c in cells) for i in used}
    for n, c in enumerate(cells):
        parts = [c[i].ljust(widths[i]) if i < LEFT else c[i].rjust(widths[i]) for i in used]
        yield "  ".join(parts).rstrip()
        if n == 0:
            yield "  ".join("-" * widths[i] for i in used)


def _markdown(rows: Sequence[_Line]) -> Iterator[str]:
    yield "| " + " | ".join(HEAD) + " |"
    yield "| " + " | ".join("---" if i < LEFT else "---:" for i in range(len(HEAD))) + " |"
    for r in rows:
        name = "&nbsp;" * 4 * r.level + r.cells[0]
        yield "| " + " | ".join([name, *r.cells[1:]]).replace("×", "×") + " |"


def _totals(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the model takes in all."""
    run = summary.run
    numbers = ", ".join(f"{n:,} {dtype}" for dtype, n in summary.parameters.items()) or "none"
    yield "parameters", numbers
    if summary.buffers:
        yield "buffers", _bytes(summary.buffers)
    yield "FLOPs forward", _whole(run.call.flops)
    yield "FLOPs training", _whole(summary.training_flops)
    yield "peak memory in evaluation", _whole(summary.peak, "B")
    yield "peak memory in training", _whole(summary.training_peak, "B")
    if summary.cache is not None:
        of = f"{summary.cache.input} of {summary.cache.method}"
        yield "cache per token", f"{_whole(summary.cache.bytes, 'B')} ({of})"
    if run.externs:
        yield "not counted", f"the work of {', '.join(run.externs)}, which is Python"
    left = sorted(run.dims - _given(summary))
    if left:
        example = " ".join(f"--dim {n}=1" for n in left[:1])
        yield "without a size", f"{', '.join(left)} ({example} gives one)"


def _given(summary: Summary) -> set[str]:
    return set(summary.run.options.dims or ())


def _whole(count: Count, unit: str = "") -> str:
    if isinstance(count, int):
        text = f"{count:,}"
        return f"{text} ({scaled(count)}{unit})" if count >= 10_000 else f"{text} {unit}".rstrip()
    return "depends on the sizes" if count is None else f"{count} {unit}".rstrip()


# --- JSON ---------------------------------------------------------------------------------------


def _as_json(summary: Summary, depth: int) -> dict[str, Any]:
    """The whole as JSON: numbers, or texts of expressions over dims without a size; null where one is too long."""
    run = summary.run
    return {
        "model": summary.name,
        "method": run.method.name,
        "dtype": str(summary.precision),
        "dims": {name: (run.options.dims or {}).get(name) for name in sorted(run.dims)},
        "parameters": dict(summary.parameters),
        "buffer_bytes": summary.buffers,
        "flops": _plain(run.call.flops),
        "training_flops": _plain(summary.training_flops),
        "peak_bytes": _plain(summary.peak),
        "training_peak_bytes": _plain(summary.training_peak),
        "cache": None
        if summary.cache is None
        else {
            "method": summary.cache.method,
            "input": summary.cache.input,
            "bytes_per_token": _plain(summary.cache.bytes),
        },
        "not_counted": list(run.externs),
        "layers": _row_json(summary.row, depth),
    }


def _row_json(row: Row, depth: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "count": row.count,
        "calls": _plain(row.calls),
        "gives": None if row.type is None else _type_json(row.type),
        "parameters": row.parameters,
        "tied": dict(row.tied),
        "flops": _plain(row.flops),
        "bytes": _plain(row.memory),
        "layers": [_row_json(r, depth - 1) for r in row.inner] if depth else [],
    }


def _type_json(value: Any) -> Any:
    if isinstance(value, TensorType):
        return {"dtype": str(value.dtype), "shape": [_plain(d) for d in value.dims]}
    return [_type_json(v) for v in value] if isinstance(value, list | tuple) else None


def _plain(count: Count) -> int | str | None:
    if count is None or isinstance(count, int):
        return count
    return str(count) if count.const is None else count.const
