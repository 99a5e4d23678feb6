"""Containers of layers as they are constructed."""

from __future__ import annotations

from spec_lang.diagnostics.fix import Instead
from spec_lang.ir.from_ast.layers.construction import label_of
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values import host
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.kinds import is_module
from spec_lang.ir.from_ast.values.strings import need_text
from spec_lang.ir.from_ast.values.value import (
    POISON,
    DefCtor,
    FlatModule,
    FunctionRef,
    ListModule,
    OpCtor,
    Partial,
    RepeatModule,
    Template,
    Value,
)
from spec_lang.ir.reserved import CONTAINER_ATTRIBUTES, MODULE_ATTRIBUTES, MODULE_INTERNALS
from spec_lang.shapes import Dim, TensorType
from spec_lang.syntax import ast


def container(c: Check, at: Place, args: Args, node: ast.Call) -> Value:
    """`Sequential(a, b, name=c)`; `none` is left out without taking an index."""
    items: list[Value] = []
    keys: list[str] = []
    spliced = {id(a.value) for a in node.args if a.star}
    for value, place in zip(args.values, args.nodes, strict=True):
        if value is None:
            continue
        if not _is_layer(c, value, place) or not _runs(c, value, place, spliced):
            return POISON
        keys.append(str(len(items)))
        items.append(value)
    for name, value in args.kwargs.items():
        if value is None:
            continue
        place = args.named.get(name, node)
        if isinstance(value, FlatModule) and name.startswith("**"):
            if not _distinct(c, value, keys, items, place):
                return POISON
            keys.append(name)
            items.append(value)
            continue
        if not _is_layer(c, value, place) or not _runs(c, value, place, spliced):
            return POISON
        if not name.startswith("**") and not may_be_key(c, name, "sequential", place):
            return POISON
        if isinstance(value, RepeatModule) and value.keyed and id(place) in spliced:
            if not _distinct(c, value, keys, items, place):
                return POISON
            value = _in_order(value)
        elif not _apart_from(c, name, items, place):
            return POISON
        keys.append(name)
        items.append(value)
    return ListModule(label_of(c, at, node), "sequential", items, keys)


def may_be_key(c: Check, key: Value, kind: str, node: object) -> bool:
    """Whether a container of PyTorch's holds a layer by this name; what it cannot hold is reported."""
    need_text(c, key)
    texts = [p for p in key.parts if isinstance(p, str)] if isinstance(key, Template) else [key]
    made = "nn.ModuleDict" if kind == "dict" else "nn.Sequential"
    wrong = None
    if any(isinstance(t, str) and "." in t for t in texts):
        wrong = f"{made} takes no key with a dot in it"
    elif key == "":
        wrong = f"{made} takes no empty key"
    elif isinstance(key, str) and (
        key in MODULE_ATTRIBUTES | MODULE_INTERNALS | CONTAINER_ATTRIBUTES[kind] or hasattr(object, key)
    ):
        wrong = f"a layer called `{key}` would hide {made}'s own `{key}`"
    if wrong is not None:
        c.error("E0207", wrong, node, help="use another key")
    return wrong is None


def _in_order(dict_: RepeatModule) -> RepeatModule:
    """A dict of layers as the children of a `Sequential`, which runs them in the dict's order."""
    d = dict_
    return RepeatModule(d.label, d.index, d.length, d.item, d.node, False, d.iteration, d.key)


def _distinct(
    c: Check, value: RepeatModule | FlatModule, keys: list[str], items: list[Value], place: ast.Expr
) -> bool:
    """Whether the keys of a dict that is spliced are nowhere among those before it."""
    starts = _starts(value)
    if starts is None or any(
        a.startswith(b) or b.startswith(a) for k, a in enumerate(starts) for b in starts[:k]
    ):
        c.error(
            "E0205",
            "the keys that are spliced here may be the same for two layers",
            place,
            help='count the layers: `{f"block{i}": ... for i in range(n)}`',
        )
        return False
    others: list[str | None] = []
    for k, i in zip(keys, items, strict=True):
        others += (_starts(i) or [None]) if k.startswith("**") else [k]
    for other in others:
        if other is None or any(own.startswith(other) or other.startswith(own) for own in starts):
            c.error(
                "E0205",
                "the keys that are spliced here may be those of another layer of this container",
                place,
                help='let each dict\'s keys begin with a word of its own: `f"block{i}"`',
            )
            return False
    return True


def _apart_from(c: Check, name: str, items: list[Value], place: ast.Expr) -> bool:
    """Whether no dict that is spliced may have the key."""
    for item in items:
        if (isinstance(item, RepeatModule) and item.key is not None) or (
            isinstance(item, FlatModule) and item.keys is not None
        ):
            starts = _starts(item)
            if starts is None or any(name.startswith(start) for start in starts):
                c.error("E0205", f'the key "{name}" may be one of those that are spliced before it', place)
                return False
    return True


def _starts(value: Value) -> list[str] | None:
    """What the keys of a spliced dict begin with, each kind of them; None where two of a kind may be the same."""
    if isinstance(value, FlatModule):
        found = [_start(key, value.repeat.index) for key in value.keys or ()]
    elif isinstance(value, RepeatModule):
        found = [value.key if isinstance(value.key, str) else _start(value.key, value.index)]
    else:
        return None
    return None if None in found else [start for start in found if start is not None]


def _start(key: Value, index: Dim) -> str | None:
    """What all keys that one template gives begin with; None where two of them may be the same."""
    if not isinstance(key, Template) or not _counts(key, index):
        return None
    first = key.parts[0]
    return first if isinstance(first, str) else ""


def _counts(key: Template, index: Dim) -> bool:
    """Whether keys at two indices are never the same: each tells its numbers, and one of them counts."""
    texts = [p for p in key.parts[1:-1] if isinstance(p, str)]
    apart = len(texts) == sum(isinstance(p, Dim) for p in key.parts) - 1
    told = apart and not any(t[0].isdigit() or t[-1].isdigit() for t in texts)
    (own,) = index.symbols
    return told and any(isinstance(p, Dim) and own not in (p - index).symbols for p in key.parts)


def _runs(c: Check, value: Value, place: ast.Expr, spliced: set[int]) -> bool:
    """Whether `Sequential` can run a child: PyTorch's lists and dicts of layers have no forward."""
    holds = isinstance(value, RepeatModule | FlatModule) or (
        isinstance(value, ListModule) and value.kind != "sequential"
    )
    if not holds or id(place) in spliced:
        return True
    assert isinstance(value, RepeatModule | FlatModule | ListModule)
    what, star = ("dict", "**") if _is_dict(value) else ("list", "*")
    written = c.source.at(place.span)
    shown = written if len(written) <= 40 and "\n" not in written else "..."
    c.error(
        "E0408",
        f"Sequential holds layers, not a {what} of them",
        place,
        help=Instead(f"splice it: `{star}{shown}`", f"{star}{written}"),
    )
    return False


def _is_layer(c: Check, value: Value, place: ast.Expr) -> bool:
    if isinstance(value, FlatModule) and value.keyed:
        several_named(c, place)
        return False
    if is_module(value):
        return True
    hint = None
    if isinstance(value, OpCtor | DefCtor | Partial):
        name = c.source.at(place.span)
        hint = f"construct it: `{name}(...)`"
    elif isinstance(value, FunctionRef):
        hint = layer_of(c, value)
    elif isinstance(value, TensorType):
        hint = "several results are a tuple, `return a, b`, and may have names: `-> (a: float[N, D], b: float[N])`"
    c.error("E0408", f"a container holds layers, not {host.kind_of(value)}", place, help=hint)
    return False


def several_named(c: Check, node: object) -> Value:
    """A mistake: a dict to which each item adds several layers, where it is not spread."""
    message = "a dict to which each item adds several layers is spread in a `Sequential`"
    return c.error("E0403", message, node, help="write `Sequential(**{**{...} for ...})`")


def layer_of(c: Check, function: FunctionRef) -> str | None:
    """What to write for a function where a layer belongs."""
    if function.op is None:
        return None
    name = function.op.name
    same = next((n for n in c.program.layers if n.lower() == name.replace("_", "")), None)
    return f"its layer is `{same}()`" if same else f"call it in `forward`: `x -> {name}`"


def list_module(c: Check, at: Place, pairs: list[tuple[ast.Expr, Value]]) -> Value:
    """`[A(), B()]` in `layers:`."""
    items: list[Value] = []
    keys: list[str] = []
    for place, value in pairs:
        if value is None:
            continue
        if not _is_layer(c, value, place):
            return POISON
        keys.append(str(len(items)))
        nested = isinstance(value, RepeatModule | FlatModule) and not isinstance(place, ast.Star)
        items.append(ListModule(at.member, "list", [value], ["0"]) if nested else value)
    if len(items) == 1 and isinstance(items[0], RepeatModule | FlatModule):
        return items[0]
    return ListModule(at.member, "list", items, keys)


def dict_module(c: Check, at: Place, node: ast.Dict) -> Value:
    """`{"a": A()}` in `layers:`."""
    items: list[Value] = []
    keys: list[str] = []
    for item in node.items:
        value = c.ev(at, item.value)
        if value is POISON:
            return POISON
        if item.key is None:
            if isinstance(value, ListModule) and value.kind == "dict":
                keys += value.keys
                items += value.items
                continue
            if isinstance(value, RepeatModule) and value.keyed and len(node.items) == 1:
                return value
            return c.error("E0403", "`**` spreads a dict of layers", item.value)
        key = c.ev(at, item.key)
        if not isinstance(key, str):
            return key if key is POISON else c.error("E0408", "a layer's key is a string", item.key)
        if value is None:
            continue
        if not _is_layer(c, value, item.value) or not may_be_key(c, key, "dict", item.key):
            return POISON
        if key in keys:
            earlier = next(i.key for i in node.items if i.key is not None and c.ev(at, i.key) == key)
            labels = (c.label(earlier, "first here"),)
            return c.error("E0205", f'the key "{key}" is there twice', item.key, labels=labels)
        keys.append(key)
        items.append(value)
    return ListModule(at.member, "dict", items, keys)


def _is_dict(value: RepeatModule | FlatModule | ListModule) -> bool:
    return value.keyed if isinstance(value, RepeatModule | FlatModule) else value.kind == "dict"
