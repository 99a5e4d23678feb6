"""A method or a function over tensors: IR statements as Python statements."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.chains import NESTED, grouped, has_chain, stages
from spec_lang.targets.torch.code import Atom, Attr, Binary, Call, Code, Index, Kw, Tuple, flat
from spec_lang.targets.torch.dims import sizes
from spec_lang.targets.torch.expressions import chosen
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.liveness import Later
from spec_lang.targets.torch.names import Scope, imported, safe
from spec_lang.targets.torch.operations import Operations
from spec_lang.targets.torch.text import attribute, comment, comment_text
from spec_lang.targets.torch.types import annotation, shape
from spec_lang.targets.torch.walk import names_in, nodes

_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
"""The names in a dim's text, without the fields of records."""


class Methods(Operations):
    """Writes one method; subclasses say what `self` is."""

    def __init__(
        self, imports: Imports, method: m.Method, indent: int, training_functions: frozenset[str]
    ) -> None:
        bound = [d.name.lstrip("*") for d in method.dims] + list(_bound_in(method.body))
        super().__init__(imports, Scope(imported(method), [i.name for i in method.inputs], bound))
        self.method = method
        self.indent = indent
        self.training_functions = training_functions
        self.lines: list[str] = []
        self.needed: set[str] = set()
        self.call_dims = {d.name.lstrip("*"): d for d in method.dims}
        self.local_dims = {
            d.name for s in _statements(method.body) if isinstance(s, m.Assign) for d in s.dims
        }
        self.hoisting = False
        self.rhs: m.Expr | None = None
        self.into: str | None = None
        self.live: Container[str] = ()
        self.temporary: set[str] = set()
        self.known: set[str] | None = None
        self.dtype_local: str | None = None
        self.shown = {i.name: shape(i.type) for i in method.inputs}

    # --- What names are ---------------------------------------------------------------------

    def static(self, name: str) -> Code:
        if name in self.call_dims or name in self.local_dims:
            self.needed.add(name)
        return Atom(self.scope.local(name))

    def parameters_dtype(self) -> Code | None:
        """The dtype of this block's parameters, where it has any."""
        return None

    def float_dtype(self) -> Code | None:
        """The dtype of float inputs or parameters; of a local that holds it where several places ask."""
        if self.dtype_local is not None:
            return Atom(self.dtype_local)
        for i in self.method.inputs:
            if self._is_float(i):
                return Attr(Atom(self.scope.local(i.name)), "dtype")
        return self.parameters_dtype()

    def _is_float(self, i: m.Input) -> bool:
        if i.optional or not (isinstance(i.type, m.TensorType) and i.type.dtype == "float"):
            return False
        assigned = [
            s for s in _statements(self.method.body) if isinstance(s, m.Assign) and s.target.name == i.name
        ]
        return all(isinstance(s.value.type, m.TensorType) and s.value.type.dtype == "float" for s in assigned)

    def device(self) -> Code | None:
        """Where the inputs live."""
        for i in self.method.inputs:
            if isinstance(i.type, m.TensorType) and not i.optional:
                return Attr(Atom(self.scope.local(i.name)), "device")
        for i in self.method.inputs:
            if isinstance(i.type, m.ListType | m.TupleType) and not i.optional:
                return Attr(Index(Atom(self.scope.local(i.name)), (Atom("0"),)), "device")
        dtype = self.parameters_dtype()
        return Attr(dtype.value, "device") if isinstance(dtype, Attr) else None

    # --- Calls ------------------------------------------------------------------------------

    def call(self, e: m.Call, first: Code | None = None) -> Code:
        if first is None and self.hoisting and len(stages(e)[1]) > 1 and e is not self.rhs:
            return self.chain(e)
        match e.to:
            case "apply":
                assert e.callee is not None
                module = self.expr(e.callee) if e.name == "forward" else self.module(e.callee)
                func = module if e.name == "forward" else Attr(module, attribute(e.name))
                return Call(func, self.given(e, first))
            case "run":
                return self.run(e, first)
            case "method":
                return Call(Attr(Atom("self"), attribute(e.name)), self.given(e, first))
            case "fn":
                call = super().call(e, first)
                assert isinstance(call, Call)
                if (
                    e.name in self.training_functions
                    or f"{self.imports.here}.{e.name}" in self.training_functions
                ):
                    call = Call(call.func, (*call.args, Kw("training", self.training())))
                return call
            case _:
                return super().call(e, first)

    def given(self, e: m.Call, first: Code | None) -> tuple[Code, ...]:
        """The arguments of a method, named as methods name their inputs."""
        codes = self.arguments(e, first)
        return tuple(Kw(safe(c.name), c.value) if isinstance(c, Kw) and c.name else c for c in codes)

    def module(self, e: m.Expr) -> Code:
        """A module whose attributes are read: cast where its static type is only `nn.Module`."""
        code = self.expr(e)
        untyped = isinstance(e, m.Subscript) or (isinstance(e, m.Name) and e.ref in ("local", "loop"))
        if untyped and (made := self.made(e)) is not None and (cls := self.class_of(made)) is not None:
            return Call(Atom(self.imports.use("cast")), (cls, code))
        return code

    def made(self, e: m.Expr) -> m.Expr | None:
        """The constructor behind an expression that is a module, where it is known."""
        return None

    def class_of(self, made: m.Expr) -> Code | None:
        """The class that a constructor call makes."""
        return None

    def expr(self, e: m.Expr) -> Code:
        if isinstance(e, m.Subscript) and self.made(e.value) is not None:
            return Index(self.module(e.value), tuple(map(self.expr, e.index)))
        if isinstance(e, m.Attribute) and self.made(e.value) is not None:
            return Attr(self.module(e.value), attribute(e.name))
        return super().expr(e)

    # --- Chains and lists of layers --------------------------------------------------------------

    def chain(self, e: m.Call) -> Code:
        """A chain as several statements; gives the expression of the last."""
        root, calls = stages(e)
        groups = grouped(calls, self.made)
        code = self.expr(root)
        kind = root.type
        for i, group in enumerate(groups):
            held = flat(code) if flat(code) in self.temporary else None
            for call in group:
                code = self.call(call, code)
            if i < len(groups) - 1 and group[-1].to != "run":
                variable = held or self.variable(root, group[-1].type)
                new = shape(group[-1].type) != shape(kind)
                self.emit(f"{variable} = ", code, shape(group[-1].type) if new else None)
                code = Atom(variable)
            kind = group[-1].type
        return code

    def variable(self, root: m.Expr, after: m.Type | None = None) -> str:
        """A variable for an intermediate result: the target, what the chain starts from, or a new one.

        A name of integers does not become one of floats.
        """
        reads = _reads(self.rhs)
        start = self.scope.local(root.id) if isinstance(root, m.Name) and root.ref == "local" else None
        if self.into is not None and self.into not in self.temporary:
            others = reads.get(self.into, 0) - (start == self.scope.local(self.into))
            if others == 0:
                self.temporary.add(self.into)
                return self.scope.local(self.into)
        if (
            start is not None
            and isinstance(root, m.Name)
            and _dtype(root.type) in (None, _dtype(after) or _dtype(root.type))
            and self._free(root.id, start, reads)
        ):
            self.temporary.add(start)
            return start
        if self.into is not None and self.into in self.temporary and len(self.temporary) == 1:
            return self.scope.local(self.into)
        if self.into is None and len(self.temporary) == 1:
            return next(iter(self.temporary))
        fresh = self.scope.fresh("x", "y", "z", "h", "out")
        self.temporary.add(fresh)
        return fresh

    def _free(self, id_: str, python: str, reads: dict[str, int]) -> bool:
        """Whether a variable may be overwritten: nothing reads it but the start of the chain."""
        return python in self.temporary or (reads.get(id_, 0) == 1 and id_ not in self.live)

    def _may_overwrite(self, root: m.Expr) -> bool:
        """Whether a list of layers may run on the variable that it starts from."""
        if self.temporary or not (isinstance(root, m.Name) and root.ref == "local"):
            return False
        python = self.scope.local(root.id)
        if root.id == self.into or not self._free(root.id, python, _reads(self.rhs)):
            return False
        self.temporary.add(python)
        return True

    def run(self, e: m.Call, first: Code | None) -> Code:
        """A list of layers, run in order."""
        assert e.callee is not None
        root, _ = stages(e)
        x = self.expr(e.args[0]) if first is None else first
        layers = self.module(e.callee)
        further = (*map(self.expr, e.args[1:]), *map(self.keyword, e.kwargs))
        stored = isinstance(x, Atom) and x.text in self.temporary
        variable = flat(x) if stored or self._may_overwrite(root) else self.variable(root, e.type)
        if flat(x) != variable:
            self.emit(f"{variable} = ", x)
        layer = self.scope.fresh("layer", "module", "step")
        self.emit(f"for {layer} in ", layers, suffix=":")
        self.indent += 4
        self.emit(f"{variable} = ", Call(Atom(layer), (Atom(variable), *further)))
        self.indent -= 4
        self.scope.taken.discard(layer)
        return Atom(variable)

    # --- Statements -------------------------------------------------------------------------

    def emit(self, prefix: str, code: Code, note: str | None = None, suffix: str = "") -> None:
        """One statement, with a comment at its end where that fits, else above it."""
        lines = statement(self.indent, prefix, code, suffix)
        if note:
            text = comment_text(note)
            if len(lines[-1]) + 2 + len(text) <= WIDTH:
                lines[-1] += f"  {text}"
            else:
                label = prefix.removesuffix(" = ")
                above = f"{label}: {note}" if note.startswith("[") and label.isidentifier() else note
                lines = [*comment(self.indent, above), *lines]
        self.lines += lines

    def body(self, statements: Sequence[m.Stmt], live: Container[str] = (), *, loop: bool = False) -> None:
        """Statements in order; `live` are the names that are read after them."""
        after = Later(statements, live, loop=loop)
        for after.at, s in enumerate(statements):
            if _only_conditions(s):
                continue
            for text in s.comments:
                self.lines += comment(self.indent, text)
            self.statement(s, after)

    def statement(self, s: m.Stmt, live: Container[str]) -> None:
        match s:
            case m.Assign():
                self.assign(s, live)
            case m.Append(name=name, value=m.List(items=(item,))):
                self.simple(f"{self.scope.local(name)}.append(", item, None, live, s.trailing, ")")
            case m.Append(name=name, value=value):
                self.simple(f"{self.scope.local(name)} += ", value, None, live, s.trailing)
            case m.Return(value=value):
                self.simple("return ", value, None, live, s.trailing)
            case m.For():
                self.loop(s, live)
            case m.If():
                self.branch(s, live)

    def assign(self, s: m.Assign, live: Container[str]) -> None:
        target = self.target(s.target)
        note = self.note(s)
        bound = [self.scope.local(n) for n in _names(s.target)]
        if bound and not any(n in live for n in _names(s.target)) and not s.dims and len(bound) == 1:
            if isinstance(s.value, m.Call):
                self.simple("", s.value, None, live, s.trailing)
            return
        annotated = ""
        if s.target.name is not None and isinstance(s.value, m.List) and not s.value.items:
            annotated = f": {annotation(s.value.type, self.imports) if s.value.type else 'list[Tensor]'}"
            self.imports.use("Tensor")
        self.simple(
            f"{flat(target)}{annotated} = ",
            s.value,
            s.target.name,
            live,
            s.trailing,
            note=note,
            unpack=s.target.items is not None,
        )
        wanted = [d for d in s.dims if d.name in live]
        self.lines += [" " * self.indent + line for line in sizes(wanted, self, {})]

    def simple(
        self,
        prefix: str,
        value: m.Expr,
        into: str | None,
        live: Container[str],
        trailing: str | None,
        suffix: str = "",
        unpack: bool = False,
        note: str | None = None,
    ) -> None:
        """A statement of one line where it fits, its chains broken into statements where it does not."""
        self.rhs, self.into, self.live = value, into, live
        start, taken = len(self.lines), set(self.scope.taken)
        for self.hoisting in (False, True):
            del self.lines[start:]
            self.scope.taken, self.temporary = set(taken), set()
            code = self.value(value)
            if unpack and isinstance(value.type, m.TensorType):
                code = Call(Attr(code, "unbind"), (Atom("0"),))
            if suffix == ")":
                whole: Code = Call(Atom(prefix[:-1]), (code,))
                written = statement(self.indent, "", whole)
            else:
                whole = _bare(code) if prefix.endswith((" = ", "return ")) else code
                written = statement(self.indent, prefix, whole, suffix)
            if len(written) == 1 or not has_chain(value):
                break
        self.hoisting = False
        if trailing and len(self.lines) > start:
            self.lines[start:start] = comment(self.indent, trailing)
            trailing = None
        note = trailing or note
        if prefix == f"{flat(whole)} = ":
            return
        self.emit("" if suffix == ")" else prefix, whole, note, "" if suffix == ")" else suffix)

    def value(self, e: m.Expr) -> Code:
        """The right side of a statement; a long chain leaves statements before it."""
        if isinstance(e, m.Call):
            _, calls = stages(e)
            if len(calls) > NESTED or (self.hoisting and len(calls) > 1) or any(c.to == "run" for c in calls):
                return self.chain(e)
        return self.expr(e)

    def note(self, s: m.Assign) -> str | None:
        """The shape of what is assigned, where it is not that of what it is made from."""
        kind = s.value.type
        if isinstance(s.target.name, str) and isinstance(kind, m.TensorType):
            text = shape(kind) if self.knows(kind) else None
            before, self.shown[s.target.name] = self.shown.get(s.target.name), text
            if text is None or not kind.dims or before == text:
                return None
            _, calls = stages(s.value)
            last = calls[-1].args[0].type if len(calls) > NESTED else None
            known = {shape(t) for t in _tensor_types(s.value)} if last is None else {shape(last)}
            return None if known == {text} else text
        if s.target.items and isinstance(kind, m.TensorType):
            return f"each [{', '.join(kind.dims[1:])}]"
        return None

    def knows(self, kind: m.TensorType) -> bool:
        """Whether a reader knows every name in a shape."""
        if self.known is None:
            self.known = self.known_names()
        known = self.known
        return all(word in known for dim in kind.dims for word in _WORD.findall(dim))

    def known_names(self) -> set[str]:
        """The names that stand in the inputs' shapes, or are bound in the body."""
        inside = [n for i in self.method.inputs for n in nodes(i.type) if isinstance(n, m.TensorType)]
        found = {word for t in inside for dim in t.dims for word in _WORD.findall(dim)}
        return found | {"min", "max"} | self.local_dims | {i.name for i in self.method.inputs}

    def loop(self, s: m.For, live: Container[str]) -> None:
        iterable = self.module(s.iterable)
        target = self.loop_target(s.target, names_in(*s.body))
        self.looping(s)
        self.emit(f"for {flat(target)} in ", iterable, s.trailing, ":")
        self.indented(s.body, live, loop=True)

    def looping(self, s: m.For) -> None:
        """Note what a loop runs over."""

    def branch(self, s: m.If, live: Container[str]) -> None:
        test = self.condition(s.test)
        body = s.body
        while not s.orelse and len(body) == 1 and isinstance(body[0], m.If) and not body[0].orelse:
            test = Binary("and", test, self.condition(body[0].test))
            body = body[0].body
        if self.as_choice(s, test):
            return
        self.emit("if ", test, s.trailing, ":")
        self.indented(body, live)
        orelse = s.orelse
        while len(orelse) == 1 and isinstance(orelse[0], m.If) and not orelse[0].comments:
            self.emit("elif ", self.condition(orelse[0].test), orelse[0].trailing, ":")
            self.indented(orelse[0].body, live)
            orelse = orelse[0].orelse
        if orelse:
            self.lines.append(" " * self.indent + "else:")
            self.indented(orelse, live)

    def as_choice(self, s: m.If, test: Code) -> bool:
        """Write two assignments of one variable as one, where that is a line."""
        if len(s.body) != 1 or len(s.orelse) != 1:
            return False
        a, b = s.body[0], s.orelse[0]
        if not (isinstance(a, m.Assign) and isinstance(b, m.Assign) and a.target.name == b.target.name):
            return False
        if a.target.name is None or a.dims or b.dims or _runs(a.value) or _runs(b.value):
            return False
        code = chosen(test, self.expr(a.value), self.expr(b.value))
        remarks = [*a.comments, *filter(None, [a.trailing]), *b.comments, *filter(None, [b.trailing])]
        line = " " * self.indent + f"{self.scope.local(a.target.name)} = {flat(code)}"
        if len(line) > WIDTH:
            return False
        self.lines += [text for remark in remarks for text in comment(self.indent, remark)]
        self.lines.append(line)
        return True

    def indented(self, statements: Sequence[m.Stmt], live: Container[str], *, loop: bool = False) -> None:
        self.indent += 4
        before = len(self.lines)
        self.body(statements, live, loop=loop)
        if all(line.lstrip().startswith("#") for line in self.lines[before:]):
            self.lines.append(" " * self.indent + "pass")
        self.indent -= 4


def _only_conditions(s: m.Stmt) -> bool:
    """Whether nothing is left of a statement: the model checks its caller's values first."""
    match s:
        case m.Require():
            return True
        case m.If(body=body, orelse=orelse):
            return all(map(_only_conditions, (*body, *orelse)))
        case m.For(body=body):
            return all(map(_only_conditions, body))
        case _:
            return False


def _bare(code: Code) -> Code:
    return Tuple(code.items, bare=True) if isinstance(code, Tuple) and code.items else code


def _names(t: m.Target) -> list[str]:
    if t.items is not None:
        return [n for x in t.items for n in _names(x)]
    return [] if t.name is None else [t.name]


def _statements(body: Sequence[m.Stmt]) -> Iterator[m.Stmt]:
    for s in body:
        yield s
        if isinstance(s, m.For):
            yield from _statements(s.body)
        elif isinstance(s, m.If):
            yield from _statements(s.body)
            yield from _statements(s.orelse)


def _bound_in(body: Sequence[m.Stmt]) -> Iterator[str]:
    for s in _statements(body):
        if isinstance(s, m.Assign):
            yield from _names(s.target)
            yield from (d.name.lstrip("*") for d in s.dims)
        elif isinstance(s, m.For):
            yield from _names(s.target)


def _reads(e: m.Expr | None) -> dict[str, int]:
    """How often each local name is read."""
    found: dict[str, int] = {}
    for node in nodes(e):
        if isinstance(node, m.Name) and node.ref == "local":
            found[node.id] = found.get(node.id, 0) + 1
    return found


def _runs(e: m.Expr) -> bool:
    return any(isinstance(n, m.Call) and n.to == "run" for n in nodes(e))


def _tensor_types(e: m.Expr) -> list[m.TensorType]:
    names = [n for n in nodes(e) if isinstance(n, m.Name) and n.ref == "local"]
    return [n.type for n in names if isinstance(n.type, m.TensorType)]


def _dtype(kind: m.Type | None) -> str | None:
    return kind.dtype if isinstance(kind, m.TensorType) else None
