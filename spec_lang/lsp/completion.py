"""Completion: what may stand where one types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lsprotocol import types

from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS, MAKERS
from spec_lang.ir.from_ast.definitions.checked import Checked
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.texts import found_text
from spec_lang.ir.from_ast.values.value import (
    BlockModule,
    ListModule,
    OpModule,
    RecordValue,
    RepeatModule,
    SymList,
    Value,
)
from spec_lang.lsp.context import Context, context
from spec_lang.lsp.names import Names
from spec_lang.lsp.signatures import callee
from spec_lang.lsp.view import View, below
from spec_lang.ops import base, pages
from spec_lang.ops.base import Op, OpError
from spec_lang.shapes import DType, TensorType
from spec_lang.syntax import ast
from spec_lang.workspace import SUFFIX

Kind = types.CompletionItemKind
TYPES = ("int", "float", "bool", "str", "layer", "list")
_TOP = ("model", "block", "fn", "record", "extern layer", "extern fn", "from")
_PARTS = ("layers:", "forward(", "loss(", "init:", "let", "require", "tie", "expect")
_STATEMENTS = ("return", "require", "if", "elif", "else:", "for")
_PATH = r"\w(?:[\w.]|\[[^\[\]]*\])*"
"""A path such as `stages[0].down.weight`, or `heads["left"].bias`."""


def complete(
    view: View | None, names: Names | None, root: Path, text: str, offset: int
) -> list[types.CompletionItem]:
    """What may stand at an offset of a text, by the last state of it that could be read."""
    here = context(text, offset)
    checked = None if view is None else view.named(here.owner)
    found = {item.label: item for item in reversed(list(_items(view, names, checked, root, here, text)))}
    return list(reversed(found.values()))


def _items(
    view: View | None, names: Names | None, checked: Checked | None, root: Path, here: Context, text: str
) -> Iterator[types.CompletionItem]:
    if here.quote is not None:
        yield from _keys(checked, here.quote)
        return
    if here.before.startswith("from "):
        yield from _imports(view, root, here)
        return
    if here.before.rstrip().endswith(".") and here.before[-1:] == ".":
        yield from _attributes(checked, here)
        return
    if here.call is not None and here.call.bracket == "[" and DType.named(here.call.name) is not None:
        yield from _dims(checked)
        return
    if here.call is not None and here.call.bracket == "(" and here.call.keyword is None:
        yield from _arguments(view, names, here)
    if not here.before.strip() and here.call is None:
        words: tuple[str, ...] = (
            _TOP if not here.kind else _STATEMENTS if here.section not in ("", "layers", "init") else _PARTS
        )
        words = ("param", "buffer") if here.section == "layers" else words
        yield from (_item(word, Kind.Keyword) for word in words)
        if here.section in ("layers", "") or not here.kind:
            return
    if here.section not in ("layers", "init") and _is_type(here):
        yield from (_item(t.value, Kind.TypeParameter, "dtype") for t in DType)
        yield from (_item(name, Kind.Keyword) for name in TYPES)
    piped = here.before.rstrip().endswith("->") and not _is_type(here)
    yield from _own(checked, modules_only=piped, in_layers=here.section == "layers")
    if here.section == "layers" and not piped:
        yield from _definitions(names, ast.Block, ast.Extern)
        yield from _ops(base.LAYERS, Kind.Class)
        yield from (_item(name, Kind.Function, "built-in") for name in sorted(MAKERS | FUNCTIONS.keys()))
        return
    if here.section == "init":
        for name, value in () if checked is None else checked.members.items():
            yield _item(name, Kind.Field, found_text(value))
        yield from _ops(base.LAYERS, Kind.Class)
        return
    yield from _definitions(names, ast.Function, ast.ConstantDef, ast.Extern, ast.Record, ast.Block)
    yield from _ops(base.FUNCTIONS, Kind.Function)
    if not piped:
        known = sorted({*FUNCTIONS, *CONSTANTS, "training", "true", "false", "none"})
        yield from (
            _item(name, Kind.Function if name in FUNCTIONS else Kind.Constant, "built-in") for name in known
        )
    if not here.section:
        yield from _ops(base.LAYERS, Kind.Class)


def _is_type(here: Context) -> bool:
    """Whether a type is being written: after `name:` in a head, after a head's arrow, after an assigned name."""
    if here.call is not None and here.call.bracket == "(":
        after = here.before[here.before.rfind(",") + 1 :]
        return re.search(r"\w\s*:\s*\Z", after) is not None
    return re.match(r"\s*(?:\w+\s*:|(?:param|buffer)\s+\w+\s*:|.*\)\s*->)\s*\Z", here.before) is not None


def _item(
    label: str, kind: types.CompletionItemKind, detail: str = "", doc: str = "", insert: str = ""
) -> types.CompletionItem:
    return types.CompletionItem(
        label, kind=kind, detail=detail or None, documentation=doc or None, insert_text=insert or None
    )


def _ops(registry: Iterable[str], kind: types.CompletionItemKind) -> Iterator[types.CompletionItem]:
    """The library's names; what they do is told when one is chosen."""
    for name in registry:
        yield types.CompletionItem(name, kind=kind, data=name, sort_text=f"~{name}")


def resolve(item: types.CompletionItem) -> types.CompletionItem:
    """An item of the library with its signature and documentation."""
    name = item.data
    if isinstance(name, str):
        registry = base.LAYERS if item.kind == Kind.Class else base.FUNCTIONS
        op: type[Op] | None = registry.get(name)
        if op is not None:
            from spec_lang.ops.signature import of

            item.detail = str(of(op))
            item.documentation = pages.summary(op)
    return item


def _arguments(view: View | None, names: Names | None, here: Context) -> Iterator[types.CompletionItem]:
    assert here.call is not None
    found = callee(view, names, here.owner, here.call) if here.call.name else None
    for argument in () if found is None else found.arguments[here.call.piped :]:
        if argument.name not in here.call.named:
            label = f"{argument.name}="
            yield types.CompletionItem(
                label, kind=Kind.Property, detail=argument.takes, sort_text=f" {label}"
            )


def _own(checked: Checked | None, modules_only: bool, in_layers: bool) -> Iterator[types.CompletionItem]:
    """What the definition itself names."""
    if checked is None:
        return
    for name, value in checked.members.items():
        if is_module(value) or not modules_only:
            yield _item(name, Kind.Field, found_text(value))
    yield from (_item(name, Kind.Method) for name in checked.summary.methods if name != "forward")
    if modules_only:
        return
    yield from (_item(name, Kind.Property, "hyperparameter") for name in checked.hypers)
    yield from (_item(name, Kind.Variable, str(value)) for name, value in checked.lets.items())
    yield from (_item(name, Kind.TypeParameter, "dim") for name in checked.dims)
    if in_layers:
        return
    node = checked.definition.node
    for each in below(node):
        if isinstance(each, ast.Input | ast.Assign):
            targets = below(each.name if isinstance(each, ast.Input) else each.target)
            value = checked.notes.types.get(each.value.number) if isinstance(each, ast.Assign) else None
            for target in targets:
                if isinstance(target, ast.Name):
                    yield _item(target.id, Kind.Variable, "" if value is None else found_text(value))


def _dims(checked: Checked | None) -> Iterator[types.CompletionItem]:
    if checked is not None:
        yield from (_item(name, Kind.TypeParameter, "dim") for name in checked.dims)
        yield from (_item(name, Kind.Property, "hyperparameter") for name in checked.hypers)
        yield from (_item(name, Kind.Variable, str(value)) for name, value in checked.lets.items())


def _definitions(names: Names | None, *kinds: type) -> Iterator[types.CompletionItem]:
    for local, symbol in () if names is None else names.globals.items():
        node = names.defined.get(symbol) if names is not None else None
        if isinstance(node, kinds):
            kind = Kind.Class if isinstance(node, ast.Block | ast.Record) else Kind.Function
            kind = Kind.Constant if isinstance(node, ast.ConstantDef) else kind
            doc = getattr(node, "doc", None)
            yield _item(local, kind, getattr(node, "kind", ""), "" if doc is None else doc.value)


def _value_of(checked: Checked | None, path: str) -> Value:
    """What a path such as `config` or `stages.down` is."""
    if checked is None:
        return None
    first, *rest = re.findall(r"\w+|\[[^\]]*\]", path)
    value = checked.members.get(first, checked.hypers.get(first))
    for name in rest:
        value = _item_of(value, name[1:-1].strip()) if name[0] == "[" else dict(_parts(value)).get(name)
    return value


def _item_of(value: Value, index: str) -> Value:
    """What an index such as `0`, `-1` or `"left"` gives."""
    if isinstance(value, RepeatModule):
        return value.item
    if not isinstance(value, ListModule):
        return None
    if index[:1] in ("'", '"'):
        return dict(zip(value.keys, value.items, strict=False)).get(index[1:-1])
    number = (
        int(index) if re.fullmatch(r"-?\d{1,6}", index) else 0
    )  # what any other index gives is like the first
    return value.items[number] if -len(value.items) <= number < len(value.items) else None


def _parts(value: Value) -> list[tuple[str, Value]]:
    """What may follow a dot behind a value."""
    if isinstance(value, RecordValue):
        return list(value.fields.items())
    if isinstance(value, BlockModule):
        return [*value.summary.members.items(), *((n, None) for n in value.summary.methods)]
    if isinstance(value, ListModule):
        return [(k, item) for k, item in zip(value.keys, value.items, strict=False) if isinstance(k, str)]
    if isinstance(value, OpModule):
        return list(_tensors(value))
    return []


def _tensors(module: OpModule) -> Iterator[tuple[str, Value]]:
    """The parameters and buffers of a layer; none where how many there are is not known yet."""
    layer = module.known or module.layer
    with suppress(TypeError, AttributeError, OpError):
        for p in layer.params():
            yield p.name, TensorType(p.dtype, tuple(p.shape)) if module.known else None


def _layers(values: Iterable[Value]) -> Iterator[OpModule]:
    """The library's layers in some modules, however deep."""
    for value in values:
        if isinstance(value, OpModule):
            yield value
        elif isinstance(value, RepeatModule):
            yield from _layers([value.item])
        elif isinstance(value, BlockModule | ListModule):
            yield from _layers(part for _, part in _parts(value))


def _attributes(checked: Checked | None, here: Context) -> Iterator[types.CompletionItem]:
    path = re.search(rf"({_PATH})\.\Z", here.before)
    if here.section == "init" and path is not None and path.group(1) in base.LAYERS and checked is not None:
        layers = (m for m in _layers(checked.members.values()) if type(m.layer).name == path.group(1))
        names = dict.fromkeys(name for m in layers for name, _ in _tensors(m))
        yield from (_item(name, Kind.Field, f"of every {path.group(1)}") for name in names)
        return
    value = None if path is None else _value_of(checked, path.group(1))
    found = _parts(value)
    if value is None or isinstance(value, SymList):
        yield from _ops(base.FUNCTIONS, Kind.Method)  # a tensor's methods
    for name, part in found:
        if name.isidentifier():
            yield _item(name, Kind.Field, "" if part is None else found_text(part))


def _keys(checked: Checked | None, before: str) -> Iterator[types.CompletionItem]:
    """The keys of a dict of layers, inside the quotes of its index."""
    path = re.search(rf"({_PATH})\[\s*\Z", before)
    value = None if path is None else _value_of(checked, path.group(1))
    if isinstance(value, ListModule):
        yield from (_item(str(key), Kind.Value) for key in value.keys)


def _imports(view: View | None, root: Path, here: Context) -> Iterator[types.CompletionItem]:
    written = re.match(r"from\s+([\w.]+)\s+import\s", here.before)
    if written is None:
        for path in sorted(root.rglob(f"*{SUFFIX}")):
            parts = path.relative_to(root).with_suffix("").parts
            if all(part.isidentifier() for part in parts):
                yield _item(".".join(parts), Kind.Module)
        return
    path = root / Path(*written.group(1).split(".")).with_suffix(SUFFIX)
    text = None if view is None else view.texts.get(str(path))
    if text is not None:
        nodes = [n for n in text.definitions() if not isinstance(n, ast.Import)]
        yield from (
            _item(n.name.id, Kind.Class if isinstance(n, ast.Block) else Kind.Function) for n in nodes
        )
    elif path.is_file():
        from spec_lang.lsp.pieces import Text
        from spec_lang.workspace import read

        for node in Text(read(path)).definitions():
            if not isinstance(node, ast.Import):
                yield _item(node.name.id, Kind.Class if isinstance(node, ast.Block) else Kind.Function)
