"""Fitting text into lines: what may be broken, and how it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

WIDTH = 100
STEP = 4


@dataclass
class Item:
    """A part with its comments: lines above it, and one at its end."""

    doc: Doc
    above: list[str] = field(default_factory=list)
    trailing: str | None = None

    @property
    def bare(self) -> bool:
        return not self.above and self.trailing is None


@dataclass
class Bracket:
    """Items between brackets, broken onto a line of their own, else one a line.

    `glue` stands between items on one line. `below` are comments after the last item. With `aligned`, items fill
    the lines and stand under the first one, as in the head of a definition.
    """

    open: str
    items: list[Item]
    close: str
    glue: str = ", "
    lone_comma: bool = False  # a tuple of one
    below: list[str] = field(default_factory=list)
    aligned: bool = False
    optional: bool = False  # the brackets are left out on one line
    columns: bool = False  # one item a line wherever it is broken

    @property
    def bare(self) -> bool:
        return not self.below and all(item.bare for item in self.items)


@dataclass
class Chain:
    """`x -> f -> g`: broken before arrows, as many stages a line as fit."""

    items: list[Item]


@dataclass
class Operation:
    """Operands and operators: broken in parentheses, one part a line; `grouped` has them on one line too."""

    parts: list[Doc]
    grouped: bool = False


@dataclass
class Concat:
    """One after the other."""

    parts: list[Doc]


Doc: TypeAlias = str | Bracket | Chain | Operation | Concat


def flat(doc: Doc) -> str | None:
    """The text on one line, or None where a comment needs lines."""
    if isinstance(doc, str):
        return doc
    if isinstance(doc, Concat):
        return _joined(doc.parts, "")
    if isinstance(doc, Operation):
        text = _joined(doc.parts, " ")
        return f"({text})" if doc.grouped and text is not None else text
    if isinstance(doc, Chain):
        return _joined([item.doc for item in doc.items], " -> ") if all(i.bare for i in doc.items) else None
    if not doc.bare:
        return None
    inner = _joined([item.doc for item in doc.items], doc.glue)
    comma = "," if doc.lone_comma else ""
    if doc.optional:
        return inner
    return None if inner is None else f"{doc.open}{inner}{comma}{doc.close}"


def _joined(parts: list[Doc], glue: str) -> str | None:
    texts: list[str] = []
    for part in parts:
        text = flat(part)
        if text is None:
            return None
        texts.append(text)
    return glue.join(texts)


def layout(doc: Doc, indent: int, column: int, tail: int = 0) -> str:
    """The text from a column on, its further lines indented; `tail` columns follow on its last line."""
    text = flat(doc)
    if text is not None and ("\n" in text or column + len(text) + tail <= WIDTH):
        return text
    if isinstance(doc, str):
        return doc
    if isinstance(doc, Concat):
        return _concat(doc, indent, column, tail)
    if isinstance(doc, Chain):
        return _chain(doc, indent, column, tail)
    if isinstance(doc, Operation):
        items = [Item(part) for part in _lines_of(doc)]
        return _bracket(Bracket("(", items, ")", " "), indent)
    if doc.aligned and doc.bare and column <= WIDTH // 2:
        filled = _filled(doc, column, tail)
        if filled is not None:
            return filled
    return _bracket(doc, indent)


def _concat(doc: Concat, indent: int, column: int, tail: int) -> str:
    text = ""
    for number, part in enumerate(doc.parts):
        rest = _least_of(doc.parts[number + 1 :])
        last = number == len(doc.parts) - 1
        text += layout(part, indent, _end(text, column), tail if last else rest)
    return text


def _least_of(parts: list[Doc]) -> int:
    """The fewest columns that what follows needs on the line: text, up to what can be broken."""
    columns = 0
    for part in parts:
        columns += _least(part)
        if not isinstance(part, str):
            break
    return columns


def _least(doc: Doc) -> int:
    """The fewest columns that a part needs on the line that it begins on."""
    if isinstance(doc, str):
        return len(doc)
    if isinstance(doc, Bracket):
        return len(doc.open)
    return 1 if isinstance(doc, Operation) else _least(_first(doc))


def _first(doc: Concat | Chain) -> Doc:
    return doc.parts[0] if isinstance(doc, Concat) else doc.items[0].doc


def _end(text: str, column: int) -> int:
    newline = text.rfind("\n")
    return column + len(text) if newline == -1 else len(text) - newline - 1


def _lines_of(doc: Operation) -> list[Doc]:
    """An operation's lines: the first operand, then each operator with its operand."""
    lines: list[Doc] = [doc.parts[0]]
    rest = doc.parts[1:]
    for operator, operand in zip(rest[::2], rest[1::2], strict=True):
        lines.append(Concat([operator, " ", operand]))
    return lines


def _bracket(doc: Bracket, indent: int) -> str:
    inner = indent + STEP
    pad = " " * inner
    if not doc.items and not doc.below:
        return doc.open + doc.close
    comma = "," if doc.glue == ", " else ""
    if doc.bare and not doc.lone_comma and not doc.columns:
        text = _joined([item.doc for item in doc.items], doc.glue)
        if comma and text is not None and "\n" not in text and inner + len(text) <= WIDTH:
            return f"{doc.open}\n{pad}{text}\n{' ' * indent}{doc.close}"
    lines = [doc.open]
    for item in doc.items:
        lines += [pad + comment for comment in item.above]
        text = layout(item.doc, inner, inner, len(comma)) + comma
        lines.append(pad + text + (f"  {item.trailing}" if item.trailing else ""))
    lines += [pad + comment for comment in doc.below]
    return "\n".join([*lines, " " * indent + doc.close])


def _filled(doc: Bracket, column: int, tail: int) -> str | None:
    """Items under the first one; None where one does not fit."""
    start = column + len(doc.open)
    text = doc.open
    at = start
    for number, item in enumerate(doc.items):
        part = flat(item.doc)
        last = number == len(doc.items) - 1
        if part is None or "\n" in part:
            return None
        need = len(part) + (len(doc.close) + tail if last else 1)
        if start + need > WIDTH:
            return None
        if number and at + 1 + need > WIDTH:
            text += "\n" + " " * start
            at = start
        elif number:
            text += " "
            at += 1
        text += part + ("" if last else ",")
        at += len(part) + 1
    return text + doc.close


def _chain(doc: Chain, indent: int, column: int, tail: int) -> str:
    inner = indent + STEP
    pad = "\n" + " " * inner
    head, *stages = doc.items
    text = layout(head.doc, indent, column)
    broken = head.trailing is not None
    text += f"  {head.trailing}" if head.trailing else ""
    for number, stage in enumerate(stages):
        part = flat(stage.doc)
        room = tail if number == len(stages) - 1 else 0
        fits = part is not None and _end(text, column) + 4 + len(part) + room <= WIDTH
        if broken or stage.above or not fits:
            text += "".join(pad + comment for comment in stage.above) + pad + "-> "
        else:
            text += " -> "
        text += layout(stage.doc, inner, _end(text, column), room)
        broken = stage.trailing is not None
        text += f"  {stage.trailing}" if stage.trailing else ""
    return text
