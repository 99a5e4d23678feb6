"""Specs with something put into them that must change nothing: code that is never taken, and calls that give back what they get."""

from __future__ import annotations

import ast as python
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

from spec_lang.compiler import Compilation
from spec_lang.diagnostics import Source
from spec_lang.diagnostics.render import render
from spec_lang.ir import model as ir
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.walk import walk
from tests.fuzz.held import Broken, compiled, graph
from tests.fuzz.unseen import Scope, unseen

_KEPT = re.compile(
    r"\n +self\.(?:(\w+) = \1|register_buffer\('_like_*', torch\.empty\(0\), persistent=False\))(?=\n|$)"
)
"""Where `__init__` keeps for methods what they name: a value, the empty buffer that has the model's dtype and device."""
_NOTHING = "def __init__(self) -> None:\n    super().__init__()"
"""What a class has for itself as much as one without an `__init__`."""


@dataclass(frozen=True)
class Place:
    """A statement, and what its body knows there."""

    at: int
    """Where its line begins."""
    indent: str
    body: ast.Method | ast.Function
    block: ast.Block | None
    returns: bool
    """Whether code there may return: not in a loop."""


def places(text: str) -> list[Place]:
    """Every statement of a spec that begins its line."""
    tree, _ = parse(Source("net.nnspec", text))
    found: list[Place] = []
    for d in tree.definitions if tree is not None else ():
        if isinstance(d, ast.Function):
            found += _of(text, d, None, d.body)
        elif isinstance(d, ast.Block):
            for part in d.parts:
                if isinstance(part, ast.Method):
                    found += _of(text, part, d, part.body)
    return found


def _of(
    text: str,
    body: ast.Method | ast.Function,
    block: ast.Block | None,
    statements: tuple[ast.Statement, ...],
    returns: bool = True,
) -> Iterator[Place]:
    for s in statements:
        start = text.rfind("\n", 0, s.span.start) + 1
        indent = text[start : s.span.start]
        if not indent.strip() and not (isinstance(s, ast.If) and s.is_elif):
            yield Place(start, indent, body, block, returns)
        if isinstance(s, ast.If):
            yield from _of(text, body, block, s.body, returns)
            yield from _of(text, body, block, s.orelse, returns)
        elif isinstance(s, ast.For):
            yield from _of(text, body, block, s.body, False)


def scope(text: str, place: Place, rng: Random, fresh: Callable[[str], str], mistaken: bool = False) -> Scope:
    """The names at a place; of a spec with mistakes only those whose use repairs none."""
    body, block = place.body, place.block
    before = [s for s in _assigned(body.body) if s.span.end <= place.at]
    if mistaken:  # what gets a value in a branch or loop may have none behind it
        plain = {n.id for s in body.body if isinstance(s, ast.Assign) for n in _assigned((s,))}
        before = [n for n in before if n.id in plain]
    inputs = {i.name.id: i.type for i in body.inputs}
    sizes = {
        n.id
        for kind in inputs.values()
        if isinstance(kind, ast.TensorType)
        for d in kind.dims
        for n in [d]
        if isinstance(n, ast.Name)
    }
    parts = [] if block is None else block.parts
    return Scope(
        rng,
        fresh,
        sorted(inputs.keys() | {n.id for n in before}),
        sorted(sizes - _known(block)),
        []
        if mistaken
        else [
            i.name.id
            for p in parts
            if isinstance(p, ast.LayersSection)
            for i in p.items
            if isinstance(i, ast.Layer)
        ],
        re.findall(r"^ *(\w+) = \[\]$", text[: place.at], re.MULTILINE),
        [p.name.id for p in parts if isinstance(p, ast.Method) and p is not body],
        returns=place.returns,
    )


def _assigned(statements: tuple[ast.Statement, ...]) -> Iterator[ast.Name]:
    for s in statements:
        for node in walk(s):
            if isinstance(node, ast.Assign):
                yield from (n for n in walk(node.target) if isinstance(n, ast.Name))


def _known(block: ast.Block | None) -> set[str]:
    """Names whose bounds another part states."""
    if block is None:
        return set()
    lets = [p.name.id for p in block.parts if isinstance(p, ast.Let)]
    return {*lets, *(h.name.id for h in block.hypers or ())}


# --- code that is never taken ---


@dataclass(frozen=True)
class Changed:
    """A spec with lines in it, and the same with comments of the same lengths in their place."""

    text: str
    control: str
    lines: frozenset[int]
    """Where they are, from 1."""

    @property
    def shown(self) -> str:
        return "\n".join(f"{n}: {x}" for n, x in enumerate(self.text.split("\n"), 1) if n in self.lines)

    @property
    def starts(self) -> frozenset[int]:
        """The offsets of the characters in those lines."""
        offset, found = 0, set[int]()
        for n, line in enumerate(self.text.split("\n"), 1):
            if n in self.lines:
                found.update(range(offset, offset + len(line)))
            offset += len(line) + 1
        return frozenset(found)


def with_unseen(text: str, rng: Random, mistaken: bool = False) -> Changed | None:
    """Put code that is never taken at some random places."""
    found = [p for p in places(text) if p.body.inputs]
    if not found:
        return None
    numbers = count(1)

    def fresh(stem: str) -> str:
        return next(n for i in numbers if not re.search(rf"\b{(n := f'{stem}{i}')}\b", text))

    chosen = rng.sample(found, min(len(found), rng.choice((1, 2, 3, 4))))
    changed, control, lines = text, text, set[int]()
    for place in sorted(chosen, key=lambda p: p.at, reverse=True):
        new = [place.indent + line for line in unseen(scope(text, place, rng, fresh, mistaken))]
        comments = [place.indent + "#" * (len(line) - len(place.indent)) for line in new]
        changed, control = (
            old[: place.at] + "".join(f"{x}\n" for x in put) + old[place.at :]
            for old, put in ((changed, new), (control, comments))
        )
        first = text.count("\n", 0, place.at) + 1
        lines = {*range(first, first + len(new)), *(n + len(new) for n in lines)}
    return Changed(changed, control, frozenset(lines))


def changes_nothing(made: Changed, name: str | None = None) -> str:
    """Hold a spec with code that is never taken to the one without; gives what came of both.

    Raises:
        Broken: they differ.
    """
    one, other = compiled(made.control), compiled(made.text)
    if any(d.code == "E0705" for d in one.errors):
        return "behind a return"  # it would itself be what is never reached
    if render(one.diagnostics) != render(other.diagnostics):
        raise Broken(f"without:\n{render(one.diagnostics)}with:\n{render(other.diagnostics)}")
    if one.errors or one.program is None or other.program is None:
        return "refused"
    starts = made.starts
    for a, b in zip(one.program.definitions, other.program.definitions, strict=True):
        _same(plain(a, starts), plain(b, starts), a.name)
    _same(_signatures(one), _signatures(other), "the module")
    if name is not None and graph(one.program, name) != graph(other.program, name):
        raise Broken("another graph")
    return "accepted"


def plain(value: Any, without: frozenset[int]) -> Any:
    """A program's node as plain values, without the statements that begin at some offsets."""
    if isinstance(value, ir.Node):
        return {
            "": type(value).__name__,
            **{k: plain(v, without) for k, v in value.__dict__.items() if k not in ("span", "comments")},
            "span": value.span,
        }
    if isinstance(value, tuple):
        return [plain(v, without) for v in value if not _in(v, without)]
    return value


def _in(value: Any, starts: frozenset[int]) -> bool:
    return isinstance(value, ir.Node) and value.span is not None and value.span[0] in starts


def _same(a: Any, b: Any, path: str) -> None:
    """Two plain values are equal; where they are not, the message says at which path."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            _same(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _same(x, y, f"{path}[{i}]")
    elif a != b:
        raise Broken(f"{path} is {str(b)[:300]}, without it {str(a)[:300]}")


def _signatures(result: Compilation) -> dict[str, str]:
    """The `__init__` of every generated class but for the sizes that it keeps, and how its other methods are called."""
    found: dict[str, str] = {}
    for file, text in result.torch_sources().items():
        try:
            classes = [c for c in python.parse(text).body if isinstance(c, python.ClassDef)]
        except SyntaxError as error:
            raise Broken(f"{file} is no Python: {error.msg}: {error.text}") from error
        for c in classes:
            for f in c.body:
                if isinstance(f, python.FunctionDef):
                    shown = python.unparse(f if f.name == "__init__" else f.args)
                    kept = _KEPT.sub("", shown)
                    if kept != _NOTHING:
                        found[f"{c.name}.{f.name}"] = kept
    return found


# --- calls that give back what they get ---


def with_helper(text: str, rng: Random) -> str | None:
    """Put a random call's tensor through a method that gives it back; None where there is no such call."""
    result = compiled(text)
    kinds: dict[tuple[int, ...], set[ir.TensorType]] = {}
    for d in result.checked().definitions:
        for m in d.methods if isinstance(d, ir.Block) else ():
            for node in _nodes(m.body):
                if node.span is not None and isinstance(node, ir.Expression):
                    kinds.setdefault(node.span, set()).add(node.type)  # type: ignore[arg-type]
    tree = result.modules[0].tree
    found = [
        (block, node, kind)
        for block in tree.definitions
        if isinstance(block, ast.Block)
        for m in block.parts
        if isinstance(m, ast.Method)
        for node in _calls(m.body)
        for kind in kinds.get((node.span.start, node.span.end), ())
        if isinstance(kind, ir.TensorType)
    ]
    if not found:
        return None
    block, call, kind = rng.choice(found)
    methods = [p for p in block.parts if isinstance(p, ast.Method)]
    optional = any(isinstance(i.type, ast.OptionalType) for m in methods for i in m.inputs)
    name = next(n for i in count(1) if (n := f"helped{i}") not in text)
    lines = _helper(name, kind, rng, optional)
    if rng.random() < 0.5:
        at = text.rfind("\n", 0, rng.choice(methods).span.start) + 1
    else:
        at = text.find("\n", methods[-1].span.end - 1) + 1 or len(text)
    pieces = [(call.span.start, f"{name}("), (call.span.end, ")"), (at, "".join(f"{x}\n" for x in lines))]
    for start, piece in sorted(pieces, reverse=True):
        text = text[:start] + piece + text[start:]
    return text


def _calls(body: tuple[ast.Statement, ...]) -> list[ast.Arrow | ast.Call]:
    """The calls of a body, but for the stages of arrows."""
    nodes = [n for s in body for n in walk(s)]
    stages = {id(n.stage) for n in nodes if isinstance(n, ast.Arrow)}
    return [n for n in nodes if isinstance(n, ast.Arrow | ast.Call) and id(n) not in stages]


def _nodes(value: Any) -> Iterator[ir.Node]:
    if isinstance(value, ir.Node):
        yield value
        for inner in value.__dict__.values():
            yield from _nodes(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _nodes(inner)


def _helper(name: str, kind: ir.TensorType, rng: Random, optional: bool) -> list[str]:
    """A method that gives back what it gets, or of another such what that gives back."""
    ranked = not optional and not any(d.startswith("*") for d in kind.dims) and rng.random() < 0.5
    dims = ", ".join(f"Gone{i}" for i in range(len(kind.dims))) if ranked else "*Gone"
    head = f"({{x}}: {kind.dtype}[{dims}]) -> {kind.dtype}[{dims}]:"
    body: list[str] = []
    if kind.dtype == "float" and rng.random() < 0.5:
        loop = rng.choice(
            ["for k in range(3):", "for k, _ in zip(range(9), range(9)):", "for _, k in enumerate([1, 2]):"]
        )
        body += [loop, "    x = x + k"]
    if rng.random() < 0.3:
        numbers = count(1)
        body += unseen(
            Scope(
                rng, lambda stem: f"{stem}_{next(numbers)}", ["x"], ["Gone0"] * (ranked and bool(kind.dims))
            )
        )
    lines = [f"    {name}{head.format(x='x')}", *(f"        {line}" for line in body)]
    if rng.random() < 0.7:
        return [*lines, "        return x", ""]
    return [
        *lines,
        f"        return {name}_too(x)",
        "",
        f"    {name}_too{head.format(x='y')}",
        "        return y",
        "",
    ]


def helps_nothing(text: str, changed: str) -> None:
    """Hold a spec with a call that gives back what it gets to the one without.

    Raises:
        Broken: it is refused, or its classes are made otherwise.
    """
    one, other = compiled(text), compiled(changed)
    if other.errors:
        raise Broken(render(other.diagnostics))
    _same(_made(one), _made(other), "the module")


def _made(result: Compilation) -> dict[str, str]:
    """The `__init__` of every generated class."""
    return {name: text for name, text in _signatures(result).items() if name.endswith(".__init__")}
