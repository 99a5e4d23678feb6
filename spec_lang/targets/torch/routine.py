"""What is known of one method or function over tensors while it is written, and the writer of each of its statements."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property

from spec_lang.ir import model as m
from spec_lang.shapes import read
from spec_lang.shapes.abbreviations import abbreviated
from spec_lang.shapes.printing import render
from spec_lang.targets.torch.attributes import Attributes, abbreviation, element
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Index, Tuple, flat
from spec_lang.targets.torch.effects import Effects, Growing
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.loose import Loose, loose
from spec_lang.targets.torch.names import Scope, imported
from spec_lang.targets.torch.text import attribute
from spec_lang.targets.torch.told import NOTHING, Source, Told, device_source, float_source
from spec_lang.targets.torch.types import annotation, from_end, shape
from spec_lang.targets.torch.walk import bound_in, nodes, statements_in
from spec_lang.targets.torch.writer import Rules, Writer

_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
"""The names in a dim's text, without the fields of records."""


_NAMELESS = re.compile(r"\bsize(?:_\d+)?\b")
"""What sizes are called that the author does not name."""
_LONG = 10
"""The characters from which on a size is long."""
_OFTEN = 3


def whole_size(size: str) -> re.Pattern[str]:
    """A size where it is a whole one in a shape."""
    return re.compile(rf"(?<=[\[ ]){re.escape(size)}(?=[,\]])")


class Routine:
    """What the statements of one method, or of one function over tensors, share.

    Attributes:
        indent: How far its body is indented.
        owner: The class that the method is of; None for a function.
        functions: What the functions over tensors are told.
        told: What this one is, where it is such a function.
        dtype_local: The local that holds the dtype of the parameters, where there is one.
        needed: The dims and call-time `let`s that the body reads.
        read: What construction fixes and the body reads.
        declared: The locals whose type the Python says.
        assigned: What was given to locals so far, in order: how much of it is Any, at which indentation.
        effects: All that writing a statement notes, so that it can be undone.
        short: What long sizes are called in comments.
        shown: The shape that a reader last saw of each local.
        items: The constructors of the variables that loops over layers have bound so far.
    """

    def __init__(
        self,
        rules: Rules,
        imports: Imports,
        method: m.Method,
        functions: Mapping[str, Told],
        owner: Attributes | None = None,
        *,
        told: Told = NOTHING,
        keeps_dtype: bool = False,
        short: Mapping[str, str] | None = None,
    ) -> None:
        self.rules = rules
        self.indent = 4 if owner is None else 8
        self.imports = imports
        self.method = method
        self.functions = functions
        self.told = told
        self.owner = owner
        self.call_dims = {d.name.lstrip("*"): d for d in method.dims}
        self.local_dims = {
            d.name for s in statements_in(method.body) if isinstance(s, m.Assign) for d in s.dims
        }
        lets = () if owner is None else owner.block.lets
        self.lets = {let.name: let for let in lets if let.at == "call"}
        bound = [*self.call_dims, *bound_in(method.body)]
        given = [n for n in (told.device, told.dtype) if n is not None]
        self.scope = Scope(imported(method), [*(i.name for i in method.inputs), *given], bound)
        self.dtype_local = self.scope.fresh("dtype", "float_dtype") if keeps_dtype else None
        self.needed: Growing[str, None] = Growing()
        self.read: Growing[str, None] = Growing()
        self.declared: Growing[str, None] = Growing((self.scope.local(i.name), None) for i in method.inputs)
        self.assigned: Growing[int, tuple[str, Loose, int]] = Growing()
        self.effects = Effects(
            *imports.tables, *self.scope.tables, self.needed, self.read, self.declared, self.assigned
        )
        self.short = short or {}
        self.written = {} if owner is None else owner.written
        called = [abbreviation(d) for d in imports.definitions.values() if isinstance(d, m.Function)]
        self.abbreviations = tuple(f for f in called if f is not None)
        self.shown = {i.name: shape(i.type) for i in method.inputs}
        self.items: dict[str, m.Expr] = {}

    def parameters_dtype(self) -> Code | None:
        """The dtype of the class's parameters, where it has any."""
        dtype = None if self.owner is None else self.owner.a_parameter()
        if isinstance(dtype, Call):
            self.imports.use("torch")
        return self._noted(dtype)

    def parameters_device(self) -> Code | None:
        """Where the class's parameters live, where it has any."""
        return None if self.owner is None else self._noted(self.owner.a_device())

    def _noted(self, code: Code | None) -> Code | None:
        if (
            isinstance(code, Attr)
            and self.owner is not None
            and flat(code.value) == f"self.{self.owner.like}"
        ):
            self.read[self.owner.like] = None
        return code

    # --- Modules ----------------------------------------------------------------------------

    def made(self, e: m.Expr) -> m.Expr | None:
        """The constructor behind an expression that is a module, where it is known."""
        if self.owner is None:
            return None
        if isinstance(e, m.Name) and e.id in self.items:
            return self.items[e.id]
        return self.owner.made(e)

    def enter(self, s: m.For) -> None:
        """Note what a loop runs over."""
        if self.owner is None:
            return
        for over, target in _pairs(s.iterable, s.target):
            made = self.owner.made(over)
            if target.name is not None and made is not None and (item := element(made)) is not None:
                self.items[target.name] = item

    # --- What type checkers know -----------------------------------------------------------------

    def assign(self, left: Code, code: Code, indent: int) -> None:
        """Note that a local gets a value, or several what a value is made of."""
        self.give(left, loose(self, code), indent)

    def iterate(self, left: Code, code: Code, indent: int) -> None:
        """Note that a loop's variables get the items of a value."""
        self.give(left, Loose.ALL if loose(self, code) else Loose.NOT, indent)

    def give(self, left: Code, found: Loose, indent: int) -> None:
        """Note how much of what a local gets is Any."""
        match left:
            case Atom(text):
                self.assigned[len(self.assigned)] = (text, found, indent)
            case Tuple(items):
                for item in items:
                    self.give(item, Loose.ALL if found else Loose.NOT, indent)

    def binding(self, local: str) -> str:
        """The left side of an assignment to a local: with its type the first time, where it is to be returned and would be Any."""
        kind = self.typed.get(local)
        if kind is None or local in self.declared or self.is_assigned(local):
            return local
        self.declared[local] = None
        return f"{local}: {annotation(kind, self.imports)}"

    def is_assigned(self, local: str) -> bool:
        """Whether a local has a value by now."""
        return any(local == name for name, _, _ in self.assigned.values())

    @cached_property
    def typed(self) -> dict[str, m.Type | None]:
        """The locals that are returned as they are, and get what a module gives."""
        statements = list(statements_in(self.method.body))
        returned = {
            s.value.id: s.value.type
            for s in statements
            if isinstance(s, m.Return) and isinstance(s.value, m.Name) and s.value.ref == "local"
        }
        given = {s.target.name: s.value for s in statements if isinstance(s, m.Assign)}
        return {
            self.scope.local(name): kind
            for name, kind in returned.items()
            if any(isinstance(n, m.Call) and n.to in ("apply", "run") for n in nodes(given.get(name)))
        }

    def loose(self, local: str) -> Loose:
        """How much of a local is Any: what the last statement of the body gave it, or one in a branch or a loop since."""
        found = Loose.NOT
        if local in self.declared:
            return found
        for name, given, indent in self.assigned.values():
            if name == local:
                found = given if indent == self.indent else max(found, given)
        return found

    def gives_any(self, called: str) -> bool:
        return called in self.scope.taken or called in self.imports.externs

    def is_method(self, name: str) -> bool:
        return self.owner is not None and any(attribute(x.name) == name for x in self.owner.block.methods)

    def is_tensor(self, name: str) -> bool:
        members = () if self.owner is None else self.owner.block.members
        return any(isinstance(p, m.Param) and attribute(p.name) == name for p in members)

    # --- Shapes in comments -------------------------------------------------------------------

    def brief(self, text: str | None) -> str | None:
        """A shape with the long sizes in it by what they are called."""
        if text is not None:
            for size, name in (*self.short.items(), *self.written.items()):
                text = whole_size(size).sub(name, text)
            for size in self._long_sizes if self.abbreviations else ():
                if from_end(size) in text and (called := self._called(size)) is not None:
                    text = text.replace(from_end(size), from_end(called))
        return text

    @cached_property
    def _long_sizes(self) -> list[str]:
        """The long sizes in the types of what the routine gets, makes and gives."""
        parts = nodes(self.method.inputs, self.method.results, self.method.body)
        kinds = [getattr(n, "type", None) for n in parts]
        sizes = {d: None for t in kinds if isinstance(t, m.TensorType) for d in t.dims if len(d) >= _LONG}
        return list(sizes)

    def _called(self, size: str) -> str | None:
        """A size as a call of the function that gives it, or the `let` that names that."""
        before = read(size)
        after = abbreviated(before, self.abbreviations)
        if after == before:
            return None
        lets = {} if self.owner is None else self.owner.called
        return lets.get(after) or render(after)

    def shape(self, kind: m.Type) -> str | None:
        """A shape for the comment at a routine's head; a size that has no name of the author's is `_`."""
        return self.brief(shape(self._named(kind)))

    def _named(self, kind: m.Type) -> m.Type:
        match kind:
            case m.TensorType(dims=dims):
                found = tuple("_" if set(_NAMELESS.findall(d)) - self._known else d for d in dims)
                return kind if found == dims else kind.model_copy(update={"dims": found})
            case m.TupleType(items=items):
                return kind.model_copy(update={"items": tuple(map(self._named, items))})
            case m.ListType(item=item):
                return kind.model_copy(update={"item": self._named(item)})
            case m.OptionalType(base=base):
                return kind.model_copy(update={"base": self._named(base)})
        return kind

    def repeated(self, lines: Sequence[str], shapes: str) -> dict[str, str]:
        """Names for the long sizes that comments repeat: `H'` for `(H - 1)//2 + 1`."""
        text = f"{shapes} {' '.join(line.strip().removeprefix('# ') for line in lines if '# ' in line)}"
        found: dict[str, str] = {}
        for size in sorted(self._long_sizes, key=text.find):
            base = next((word for word in _WORD.findall(size) if word in self.call_dims), None)
            if base is not None and len(whole_size(size).findall(text)) >= _OFTEN:
                taken = sum(name.rstrip("'") == base for name in found.values())
                found[size] = base + "'" * (taken + 1)
        return found

    def knows(self, kind: m.TensorType) -> bool:
        """Whether a reader knows every name in a shape."""
        return all(word in self._known for dim in kind.dims for word in _WORD.findall(dim))

    @cached_property
    def _known(self) -> set[str]:
        """The names that stand in the inputs' shapes, or are bound in the body or the block."""
        inside = [n for i in self.method.inputs for n in nodes(i.type) if isinstance(n, m.TensorType)]
        found = {word for t in inside for dim in t.dims for word in _WORD.findall(dim)}
        found |= {"min", "max"} | self.local_dims | {i.name for i in self.method.inputs}
        if self.owner is not None:
            found |= {*self.owner.statics, *self.lets} | self.owner.imported
        return found


def _pairs(iterable: m.Expr, target: m.Target) -> Iterator[tuple[m.Expr, m.Target]]:
    """What a loop goes over, with the variable of its items."""
    match iterable:
        case m.Call(to="builtin", name="enumerate", args=(over, *_)) if target.items:
            yield from _pairs(over, target.items[-1])
        case m.Call(to="builtin", name="reversed", args=(over,)):
            yield from _pairs(over, target)
        case m.Call(to="builtin", name="zip", args=lists) if target.items and len(lists) == len(target.items):
            for over, item in zip(lists, target.items, strict=True):
                yield from _pairs(over, item)
        case _:
            yield iterable, target


class Draft(Writer):
    """Writes one statement of a routine, in one way.

    Attributes:
        rhs: The right side of the statement.
        into: The local that it is assigned to.
        live: The author's names that are read after it.
        hoisting: Whether chains become statements ahead of it.
        repeated: Whether what is written runs several times in the statement, so that it may overwrite nothing that it reads.
        temporary: The locals that hold intermediate results.
        held: Those of them that are read by what is written but not yet run.
    """

    __slots__ = (
        "_reads",
        "held",
        "hoisting",
        "into",
        "live",
        "repeated",
        "rhs",
        "routine",
        "temporary",
    )

    def __init__(
        self,
        routine: Routine,
        indent: int,
        *,
        rhs: m.Expr | None = None,
        into: str | None = None,
        live: Container[str] = (),
        hoisting: bool = False,
    ) -> None:
        super().__init__(routine.rules, routine.imports, routine.scope, indent)
        self.routine = routine
        self.rhs = rhs
        self.into = into
        self.live = live
        self.hoisting = hoisting
        self.repeated = False
        self.temporary: set[str] = set()
        self.held: set[str] = set()
        self._reads: dict[str, int] | None = None

    def apart(self) -> Draft:
        """A writer whose chains stay in one expression: no line may be moved ahead."""
        return self.nested(self.indent)

    def nested(self, indent: int, *, into: str | None = None, repeated: bool = False) -> Draft:
        """A writer for a part of the statement that gets lines of its own, in a branch or a loop ahead."""
        hoisting = self.hoisting and indent > self.indent
        inner = Draft(self.routine, indent, rhs=self.rhs, into=into, live=self.live, hoisting=hoisting)
        inner.repeated = self.repeated or repeated
        inner._reads = self.reads
        inner.held = set(self.held)
        return inner

    @property
    def reads(self) -> dict[str, int]:
        """How often the right side reads each local."""
        if self._reads is None:
            self._reads = {}
            for node in nodes(self.rhs):
                if isinstance(node, m.Name) and node.ref == "local":
                    name = self.scope.local(node.id)
                    self._reads[name] = self._reads.get(name, 0) + 1
        return self._reads

    # --- What names mean here -----------------------------------------------------------------

    def static(self, name: str) -> Code:
        r = self.routine
        if name in r.call_dims or name in r.local_dims or name in r.lets:
            r.needed[name] = None
        elif r.owner is not None and name in r.owner.statics:
            r.read[name] = None
            return Attr(Atom("self"), r.owner.stored(name))
        return Atom(self.scope.local(name))

    def training(self) -> Code:
        return Atom("training") if self.routine.owner is None else super().training()

    def float_dtype(self) -> Code | None:
        """The dtype of float inputs or parameters; of a local that holds it where several places ask."""
        r = self.routine
        if r.dtype_local is not None:
            return Atom(r.dtype_local)
        if (source := float_source(r.method)) is not None:
            return Attr(self._of(source), "dtype")
        return Atom(r.told.dtype) if r.told.dtype is not None else r.parameters_dtype()

    def device(self) -> Code | None:
        """Where the inputs or parameters live."""
        r = self.routine
        if (source := device_source(r.method)) is not None:
            return Attr(self._of(source), "device")
        return Atom(r.told.device) if r.told.device is not None else r.parameters_device()

    def _of(self, source: Source) -> Code:
        code: Code = Atom(self.scope.local(source.name))
        for index in source.path:
            code = Index(code, (Atom(str(index)),))
        return code
