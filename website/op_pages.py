"""A page for each layer and function, from its declaration; its examples are cases that the tests hold to PyTorch."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from spec_lang.ops import pages as reference
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, Function, Layer, Op, OpError
from spec_lang.ops.products import is_free
from spec_lang.ops.signature import Signature, forward, of, written
from spec_lang.shapes import Dim, Facts, TensorType, dim
from tests.ops import harness, oracle
from tests.ops.test_functions import CASES
from tests.ops.test_layers import EVERY

ROOT = Path(__file__).parent.parent
EXAMPLES = 3
SHARES = {
    "same": "Its result is its input's memory.",
    "moved": "Its result is a view of its input.",
    "ordered": "Its result is a view where its input lies in order.",
    "dtype": "Its result is its input where that has the dtype already.",
    "idle": "In evaluation, its result is its input.",
}


def pages() -> dict[str, str | bytes]:
    """The pages by their paths."""
    found: dict[str, str | bytes] = {}
    for folder, registry in (("layers", LAYERS), ("functions", FUNCTIONS)):
        ops = [registry[name] for name in sorted(registry, key=str.lower)]
        found[f"{folder}/index.md"] = _index(folder.capitalize(), ops)
        for op in ops:
            found[f"{folder}/{op.name}.md"] = "\n".join(_page(op))
    return found


def sections(folder: str) -> list[dict[str, list[str]]]:
    """The pages of a folder for the navigation, a family of ops each."""
    registry = LAYERS if folder == "layers" else FUNCTIONS
    return [
        {title: [f"{folder}/{op.name}.md" for op in own]} for title, own in _families(list(registry.values()))
    ]


def _families(ops: Sequence[type[Op]]) -> Iterable[tuple[str, list[type[Op]]]]:
    for module, group in groupby(
        sorted(ops, key=lambda op: (op.__module__, op.name.lower())), key=lambda op: op.__module__
    ):
        yield module.rpartition(".")[2].replace("_", " ").capitalize(), list(group)


def _index(title: str, ops: Sequence[type[Op]]) -> str:
    lines = [f"# {title}", ""]
    for family, own in _families(ops):
        lines += [
            f"## {family}",
            "",
            (inspect.getdoc(inspect.getmodule(own[0])) or "").partition("\n")[0],
            "",
        ]
        lines += ["| | |", "| --- | --- |"]
        lines += [f"| [{op.name}]({op.name}.md) | {_cell(reference.summary(op))} |" for op in own]
        lines.append("")
    return "\n".join(lines)


def _page(op: type[Op]) -> Iterable[str]:
    kind = "layer" if issubclass(op, Layer) else "function"
    yield f"# {op.name}"
    yield f"\n*A {kind}.* {_text(inspect.getdoc(op) or '')}\n"
    yield f"```python\n{_wrapped(str(of(op)))}\n```\n"
    if of(op).parameters:
        yield "## Arguments\n"
        yield from _arguments(op, of(op))
    if issubclass(op, Layer):
        yield "## Run on\n"
        if op.ranks:
            yield f"A first input of {' or '.join(map(str, op.ranks))} dims.\n"
        yield from _arguments(op, forward(op))
    yield from _examples(op)
    yield "## Targets\n"
    if op.helper:
        yield "- PyTorch has none; generated code carries it:\n"
        yield _indented(f"```python\n{op.helper.strip()}\n```") + "\n"
    else:
        yield f"- PyTorch: `{op.torch}`"
    yield f"- ONNX: {_onnx(op)}"
    if op.placement:
        yield f"- Several devices: its axes hang together as `{op.placement}`"
    else:
        yield "- Several devices: it runs on whole tensors"
    if not isinstance(op.shares, str):
        yield "- Memory: its arguments say whether its result is a view of its input."
    elif op.shares:
        yield f"- Memory: {SHARES[op.shares]}"
    yield f"\n## Source\n\n[{reference.source(op)}]({reference.source(op)})\n"
    for cls in op.__mro__:
        found = _classes(cls.__module__).get(cls.__name__)
        if cls not in (Op, Layer, Function, object) and found is not None:  # some are made in a row
            file, line, source = found
            yield f'??? quote "{cls.__name__} in {file}, line {line}"\n'
            yield _indented(f"```python\n{source}\n```") + "\n"


@cache
def _classes(module: str) -> dict[str, tuple[str, int, str]]:
    """The classes that stand in a module: file, line, source."""
    path = Path(inspect.getsourcefile(sys.modules[module]) or "") if module != "builtins" else None
    if path is None:
        return {}
    text = path.read_text()
    lines = text.split("\n")
    return {
        n.name: (path.relative_to(ROOT).as_posix(), n.lineno, "\n".join(lines[n.lineno - 1 : n.end_lineno]))
        for n in ast.parse(text).body
        if isinstance(n, ast.ClassDef)
    }


def _arguments(op: type[Op], signature: Signature) -> Iterable[str]:
    if not signature.parameters:
        return
    yield "| argument | takes | default | |"
    yield "| --- | --- | --- | --- |"
    for p in signature.parameters:
        notes = []
        if p.keyword:
            notes.append("named only")
        if p.name in signature.holes and issubclass(op, Layer):
            notes.append(f"`_` takes it from the {op.holes[p.name].what} that flow in")
        default = "" if p.required else f"`{written(p.default)}`"
        yield f"| `{p.name}` | {_cell(p.takes)} | {default} | {'; '.join(notes)} |"
    yield ""


# --- Examples --------------------------------------------------------------------------------------


def _examples(op: type[Op]) -> Iterable[str]:
    """The shapes, parameters and FLOPs of a few calls, as the declaration computes them."""
    twin = getattr(op, "function", None)
    if twin is not None:  # its shapes are those of its function, which the tests' cases call
        yield f"## Shapes\n\nThose of the function [{twin.name}](../functions/{twin.name}.md), whose rule it has.\n"
        return
    rows = [found for case in _cases(op) if (found := _row(case)) is not None][:EXAMPLES]
    yield "## Shapes\n"
    yield "Calls that the tests hold to PyTorch, with the types that the declaration gives.\n"
    for call, result, bound, flops in rows:
        yield f"```python\n{call}\n# gives {result}\n```\n"
        if isinstance(bound, Layer) and (params := list(bound.params())):
            yield "| parameter | shape | |"
            yield "| --- | --- | --- |"
            for p in params:
                shape = f"[{', '.join(map(str, p.shape))}]"
                yield f"| `{p.name}` | `{shape}` | {'learned' if p.learned else 'a buffer'} |"
            yield ""
        if flops is not None:
            yield f"FLOPs: `{flops}`\n"
    if is_free(op):
        yield "FLOPs: none are counted, since it multiplies no matrices.\n"


def _cases(op: type[Op]) -> list[Any]:
    if issubclass(op, Layer):
        return [c for c in EVERY if c.layer == op.name]
    return [c for c in CASES if c.name == op.name]


def _row(case: Any) -> tuple[str, str, Op, Dim | None] | None:
    """A call, what it gives, the op with its arguments bound, and its FLOPs."""
    try:
        if isinstance(case, oracle.Case):
            layer = oracle.bound(case)
            result = oracle.inferred(case, Cx(Facts(), case.layer))
            given = oracle.tensors(list(case.inputs)), {k: oracle.tensors(v) for k, v in case.named.items()}
            flops = None if is_free(type(layer)) else _sum(layer.flops(result, *given[0], **given[1]))
            inputs = [_shown(i) for i in given[0]] + [f"{k}: {_shown(v)}" for k, v in given[1].items()]
            made = _call(case.layer, case.args, case.kwargs)
            return f"{', '.join(inputs)} -> {made}", _shown(result), layer, flops
        function = harness.bound(case)
        result, _ = harness.infer(case)
        flops = None if is_free(type(function)) else _sum(function.flops(result))
        return _call(case.name, case.args, case.kwargs), _shown(result), function, flops
    except OpError:
        return None  # a case that is refused until facts are assumed


def _sum(products: Iterable[Any]) -> Dim:
    return sum((p.flops for p in products), start=dim(0))


def _call(name: str, args: Sequence[Any], kwargs: Any) -> str:
    parts = [*map(_value, args), *(f"{k}={_value(v)}" for k, v in kwargs.items())]
    return f"{name}({', '.join(parts)})"


def _value(value: Any) -> str:
    """An argument of a case as a spec writes it."""
    if isinstance(value, oracle.Nested):
        return _call(value.name, value.args, value.kwargs)
    if isinstance(value, str) and ("[" in value or (value.isidentifier() and len(value) == 1)):
        return value
    if isinstance(value, slice):
        return ":".join(
            "" if e is None else str(e) for e in (value.start, value.stop, value.step)
        ).removesuffix(":")
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_value, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if value is Ellipsis:
        return "..."
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _shown(value: Any) -> str:
    """A type, or several."""
    if isinstance(value, TensorType):
        return str(value)
    if isinstance(value, list | tuple):
        inner = ", ".join(map(_shown, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return str(value)


def _onnx(op: type[Op]) -> str:
    cases = _cases(getattr(op, "function", op))
    if all(c.onnx is True for c in cases):
        return "yes"
    return "some of its uses" if any(c.onnx is True for c in cases) else "no: a located error of the export"


# --- Text ------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    """Prose of a docstring; what Markdown would read as more than text is escaped outside code."""
    parts = text.split("`")
    return "`".join(
        p if i % 2 else p.replace("*", r"\*").replace("_", r"\_").replace("<", "&lt;")
        for i, p in enumerate(parts)
    )


def _wrapped(signature: str) -> str:
    """A signature, an argument a line where one line does not hold it."""
    if len(signature) <= 80:
        return signature
    name, _, rest = signature.partition("(")
    depth, lines, start = 0, [], 0
    for i, c in enumerate(rest):
        depth += (c in "([{") - (c in ")]}")
        if (c == "," and depth == 0) or depth < 0:
            lines.append(f"    {rest[start:i].strip()},")
            start = i + 1
    return "\n".join([f"{name}(", *lines, ")"])


def _cell(text: str) -> str:
    return _text(text).replace("|", r"\|")


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.split("\n"))
