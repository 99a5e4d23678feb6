"""The attributes of one generated class: its layers and parameters, and what it keeps of its construction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from spec_lang.ir import model as m
from spec_lang.ir.reserved import MODULE_ATTRIBUTES
from spec_lang.shapes import ParseError, TooLarge, Tree, Undefined
from spec_lang.shapes.abbreviations import Abbreviation
from spec_lang.shapes.parsing import parse
from spec_lang.shapes.printing import SIGNS
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, name
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.names import imported, safe
from spec_lang.targets.torch.registry import op_class, parameters
from spec_lang.targets.torch.walk import nodes


def _measured(e: m.Expr) -> str | None:
    """The hyperparameter whose length this is."""
    match e:
        case m.Call(to="builtin", name="len", args=(m.Name(id=name, ref="hyper"),)):
            return name
    return None


def tree_of(e: m.Expr) -> Tree | None:
    """A number over names as `shapes.read` gives it, calls of the program's functions by their names; None where it is none."""
    inner: list[Tree | None]
    match e:
        case m.Name(id=name, ref="hyper" | "dim" | "let" | "local"):
            return ("symbol", name)
        case m.Literal_(value=value):
            return ("const", value)
        case m.Attribute(value=value, name=name):
            inner = [tree_of(value)]
            return None if None in inner else ("attribute", inner[0], name)
        case m.Binary(op=op, left=left, right=right) if op in _KINDS:
            inner = [tree_of(left), tree_of(right)]
            return None if None in inner else (_KINDS[op], *inner)
        case m.Call(to="builtin" | "fn" as to, name=name, args=args, kwargs=()):
            inner = [tree_of(a) for a in args]
            if None in inner:
                return None
            return ("fn" if to == "fn" else "call", name, *inner)
    return None


_KINDS = {sign: kind for kind, sign in SIGNS.items()}


def abbreviation(f: m.Function) -> Abbreviation | None:
    """A function over numbers that sizes may be calls of."""
    body = tree_of(f.value)
    if body is None:
        return None
    found = Abbreviation(f.name, tuple(i.name for i in f.inputs), body)
    return found if found.telling else None


def size_text(e: m.Expr) -> str | None:
    """A size over names as the language writes it: `4*width`; None where there is anything else in it."""
    match e:
        case m.Name(id=name, ref="hyper" | "dim" | "let"):
            return name
        case m.Literal_(value=int(value)) if not isinstance(value, bool):
            return str(value)
        case m.Binary(op="*" | "+" | "-" | "//" as op, left=left, right=right):
            sides = [size_text(left), size_text(right)]
            if None in sides:
                return None
            a, b = map(str, sides)
            if op in ("*", "//"):
                a = f"({a})" if isinstance(left, m.Binary) and left.op in ("+", "-") else a
                b = f"({b})" if isinstance(right, m.Binary) and (op == "//" or right.op != "*") else b
                return f"{a}{op}{b}"
            return f"{a} {op} {f'({b})' if isinstance(right, m.Binary) and op == '-' else b}"
    return None


def normal(text: str) -> str:
    """A size in its normal form."""
    try:
        return str(parse(text))
    except (ParseError, TooLarge, Undefined):
        return text


class Attributes:
    """What is known of a block's class before any of it is written; nothing here changes.

    Attributes:
        members: The layers, params and buffers by name.
        statics: What construction fixes: hyperparameters, dims and `let`s, in order.
    """

    def __init__(self, block: m.Block) -> None:
        self.block = block
        self.members = {p.name: p for p in block.members}
        self.hypers = [h.name for h in block.hypers]
        self.statics = self.hypers + list(block.dims)
        self.statics += [let.name for let in block.lets if let.at == "init"]
        self._own = {*self.members, *(method.name for method in block.methods)}

    @cached_property
    def imported(self) -> frozenset[str]:
        """What locals of the class must not hide."""
        return imported(self.block)

    @cached_property
    def written(self) -> dict[str, str]:
        """What the author calls sizes, by their normal form: a `let`'s name, or the factors in the author's order."""
        found: dict[str, str] = {}
        for let in self.block.lets:
            text = size_text(let.value)
            if text is not None and not isinstance(let.value, m.Name | m.Literal_):
                found.setdefault(normal(text), let.name)
        for n in nodes(*self.block.members):
            if isinstance(n, m.Binary) and n.op in ("*", "+", "-") and (text := size_text(n)) is not None:
                found.setdefault(normal(text), text)
        return {size: name for size, name in found.items() if size != name}

    def of_one_length(self, lists: Sequence[m.Expr]) -> bool:
        """Whether the constructor has checked that these hyperparameters have equally many items."""
        names = [e.id for e in lists if isinstance(e, m.Name) and e.ref == "hyper"]
        if len(names) != len(lists):
            return False
        return all(frozenset((names[0], name)) in self._lengths for name in names[1:])

    @cached_property
    def _lengths(self) -> frozenset[frozenset[str]]:
        """The pairs of lists whose lengths the constructor compares."""
        found: set[frozenset[str]] = set()
        waiting = [r.test for r in self.block.requires if r.open and r.at == "init"]
        while waiting:
            match waiting.pop():
                case m.Binary(op="and", left=left, right=right):
                    waiting += [left, right]
                case m.Compare(first=first, ops=("==",), rest=(second,)):
                    sides = [_measured(first), _measured(second)]
                    found |= {frozenset(s for s in sides if s is not None)} if None not in sides else set()
        return frozenset(found)

    @cached_property
    def called(self) -> dict[Tree, str]:
        """The `let`s that are calls of functions, by those."""
        trees = [(tree_of(let.value), let.name) for let in self.block.lets if isinstance(let.value, m.Call)]
        return {tree: name for tree, name in trees if tree is not None and tree[0] == "fn"}

    def stored(self, name: str) -> str:
        """The attribute that holds a hyperparameter, a dim or a `let`."""
        stored = safe(name)
        while stored in self._own or stored in MODULE_ATTRIBUTES:
            stored += "_"
        return stored

    def a_parameter(self) -> Code | None:
        """The dtype of a parameter of this block's, to make tensors of the same; it may name `torch`."""
        for member in self.block.members:
            match member:
                case m.Param(kind="param", type=type_) if type_.dtype == "float":
                    return Attr(Attr(Atom("self"), member.name), "dtype")
                case m.Layer(value=value) if own := [p for p in parameters(value) if "." not in p]:
                    first = "weight" if "weight" in own else own[0]
                    return Attr(Attr(Attr(Atom("self"), member.name), first), "dtype")
        made = [p.value for p in self.block.members if isinstance(p, m.Layer)]
        if any(map(parameters, made)):
            return Attr(Call(Atom("next"), (Call(name("self.parameters")),)), "dtype")
        buffers = [p for p in self.block.members if isinstance(p, m.Param) and p.type.dtype == "float"]
        if buffers:
            return Attr(Attr(Atom("self"), buffers[0].name), "dtype")
        if not self.block.entry:
            return Attr(Attr(Atom("self"), self.like), "dtype")
        if not made:
            return None
        default = Call(name("torch.get_default_dtype"))
        return Call(Atom("next"), (Atom("(p.dtype for p in self.parameters())"), default))

    def a_device(self) -> Code | None:
        """Where a parameter or a buffer of this block's lives."""
        dtype = self.a_parameter()
        if isinstance(dtype, Attr):
            return Attr(dtype.value, "device")
        buffers = [p for p in self.block.members if isinstance(p, m.Param)]
        if buffers:
            return Attr(Attr(Atom("self"), buffers[0].name), "device")
        if dtype is None:
            return None
        return Call(Atom("next"), (Atom("(p.device for p in self.parameters())"), Atom("None")))

    @cached_property
    def like(self) -> str:
        """The empty buffer by which a part without parameters of its own learns the model's dtype and device."""
        name = "_like"
        while name in self._own or name in map(self.stored, self.statics):
            name += "_"
        return name

    def made(self, e: m.Expr) -> m.Expr | None:
        """The constructor behind a path to a module of this block, where it is one."""
        if isinstance(e, m.Name) and e.ref == "layer":
            found = self.members.get(e.id)
            return found.value if isinstance(found, m.Layer) else None
        if isinstance(e, m.Subscript) and (outer := self.made(e.value)) is not None:
            return outer if isinstance(e.index[0], m.Slice) else element(outer)
        return None


def class_of(made: m.Expr, imports: Imports) -> Code | None:
    """The Python class that a constructor call makes."""
    if isinstance(made, m.List | m.Dict | m.Comprehension):
        keyed = isinstance(made, m.Dict) or (isinstance(made, m.Comprehension) and made.keyed)
        return name(f"{imports.use('nn')}.{'ModuleDict' if keyed else 'ModuleList'}")
    if not isinstance(made, m.Call):
        return None
    if made.to == "make":
        torch = "nn.Sequential" if made.name == "Sequential" else op_class(made.name).torch
        return name(torch) if torch.startswith(imports.use("nn") + ".") else None
    return Atom(imports.definition(made.name)) if made.to in ("block", "extern") else None


def element(made: m.Expr) -> m.Expr | None:
    """What the items of a list or dict of layers are made by, where that is the same for all."""
    match made:
        case m.Comprehension(value=value):
            return value
        case m.Call(to="make", name="Sequential", args=items, kwargs=()) if items:
            return element(m.make(m.List, items=items))
        case m.Star(value=value):
            return element(value)
        case m.List(items=(m.Star(value=value),)):
            return element(value)
        case m.List(items=items) | m.Dict(values=items):
            makers = {(i.to, i.name) for i in items if isinstance(i, m.Call)}
            same = len(makers) == 1 and all(isinstance(i, m.Call) for i in items)
            return items[0] if same else None
        case _:
            return None
