"""Calls and chains of one method, and the statements that long ones become."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.chains import grouped, stages
from spec_lang.targets.torch.code import Atom, Attr, Call, Code, Index, Kw, flat
from spec_lang.targets.torch.imports import Imports
from spec_lang.targets.torch.lines import Lines
from spec_lang.targets.torch.names import Scope, imported, safe
from spec_lang.targets.torch.text import attribute
from spec_lang.targets.torch.types import shape
from spec_lang.targets.torch.walk import nodes


class Calls(Lines):
    """The expressions of one method; statements that come of a long chain go before the one being written."""

    def __init__(
        self, imports: Imports, method: m.Method, indent: int, training_functions: frozenset[str]
    ) -> None:
        bound = [d.name.lstrip("*") for d in method.dims] + list(bound_in(method.body))
        super().__init__(imports, Scope(imported(method), [i.name for i in method.inputs], bound), indent)
        self.method = method
        self.training_functions = training_functions
        self.needed: set[str] = set()
        self.call_dims = {d.name.lstrip("*"): d for d in method.dims}
        self.local_dims = {
            d.name for s in statements_in(method.body) if isinstance(s, m.Assign) for d in s.dims
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
        dtype = self.parameters_dtype()
        if isinstance(dtype, Call):
            self.imports.use("torch")
        return dtype

    def _is_float(self, i: m.Input) -> bool:
        if i.optional or not (isinstance(i.type, m.TensorType) and i.type.dtype == "float"):
            return False
        assigned = [
            s for s in statements_in(self.method.body) if isinstance(s, m.Assign) and s.target.name == i.name
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
        if isinstance(dtype, Call):  # there may be no parameters
            return Call(Atom("next"), (Atom("(p.device for p in self.parameters())"), Atom("None")))
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
                self.emit(f"{variable} = ", code, note=shape(group[-1].type) if new else None)
                code = Atom(variable)
            kind = group[-1].type
        return code

    def variable(self, root: m.Expr, after: m.Type | None = None) -> str:
        """A variable for an intermediate result: the target, what the chain starts from, or a new one.

        A name of integers does not become one of floats.
        """
        counts = reads(self.rhs)
        start = self.scope.local(root.id) if isinstance(root, m.Name) and root.ref == "local" else None
        if self.into is not None and self.into not in self.temporary:
            others = counts.get(self.into, 0) - (start == self.scope.local(self.into))
            if others == 0:
                self.temporary.add(self.into)
                return self.scope.local(self.into)
        if (
            start is not None
            and isinstance(root, m.Name)
            and _dtype(root.type) in (None, _dtype(after) or _dtype(root.type))
            and self._free(root.id, start, counts)
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

    def _free(self, id_: str, python: str, counts: dict[str, int]) -> bool:
        """Whether a variable may be overwritten: nothing reads it but the start of the chain."""
        return python in self.temporary or (counts.get(id_, 0) == 1 and id_ not in self.live)

    def _may_overwrite(self, root: m.Expr) -> bool:
        """Whether a list of layers may run on the variable that it starts from."""
        if self.temporary or not (isinstance(root, m.Name) and root.ref == "local"):
            return False
        python = self.scope.local(root.id)
        if root.id == self.into or not self._free(root.id, python, reads(self.rhs)):
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
        layer = self.scope.free("layer", "module", "step")
        self.emit(f"for {layer} in ", layers, ":")
        self.indent += 4
        self.emit(f"{variable} = ", Call(Atom(layer), (Atom(variable), *further)))
        self.indent -= 4
        return Atom(variable)


def target_names(t: m.Target) -> list[str]:
    """The names that an assignment binds."""
    if t.items is not None:
        return [n for x in t.items for n in target_names(x)]
    return [] if t.name is None else [t.name]


def statements_in(body: Sequence[m.Stmt]) -> Iterator[m.Stmt]:
    """All statements of a body, those inside loops and branches too."""
    for s in body:
        yield s
        if isinstance(s, m.For):
            yield from statements_in(s.body)
        elif isinstance(s, m.If):
            yield from statements_in(s.body)
            yield from statements_in(s.orelse)


def bound_in(body: Sequence[m.Stmt]) -> Iterator[str]:
    """The locals and dims that a body binds."""
    for s in statements_in(body):
        if isinstance(s, m.Assign):
            yield from target_names(s.target)
            yield from (d.name.lstrip("*") for d in s.dims)
        elif isinstance(s, m.For):
            yield from target_names(s.target)


def reads(e: m.Expr | None) -> dict[str, int]:
    """How often each local name is read."""
    found: dict[str, int] = {}
    for node in nodes(e):
        if isinstance(node, m.Name) and node.ref == "local":
            found[node.id] = found.get(node.id, 0) + 1
    return found


def _dtype(kind: m.Type | None) -> str | None:
    return kind.dtype if isinstance(kind, m.TensorType) else None
