"""From a checked program to the graph of a method: it is run on types, with the model's values, and every call leaves a node.

The shapes are those that the ops' own rules give for sizes that only a call knows, so a picture says what holds for
all calls; beside them stand the checker's texts in the names of the block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from math import prod
from typing import Any

from spec_lang.diagnostics import Source
from spec_lang.ir import model, operators
from spec_lang.ir.arithmetic import Host, HostError, plain
from spec_lang.ir.binding import bind_dims
from spec_lang.ir.conditions import condition_of
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import FUEL, Env, EvaluationError, bind_target
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.paths import ParamPath, Paths
from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, ContainerTemplate, ExternTemplate, Instance, OpTemplate
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, Cx, Op, OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import Dim, DType, Facts, TensorType, dim, symbol
from spec_lang.view import describe
from spec_lang.view.branches import Open, absence, decided, joined_type, narrow, restored
from spec_lang.view.fold import Loop
from spec_lang.view.graph import Edge, Graph, Kind, Node
from spec_lang.view.notes import note_shared
from spec_lang.view.values import Wire, mapped, named, wires

MOST: int = 20_000
"""Nodes of one picture."""


class _Return(Exception):
    """A method's result, from wherever in its body."""

    def __init__(self, value: Host) -> None:
        self.value = value


def trace(
    program: model.Program,
    name: str,
    sources: Mapping[str, Source],
    method: str = "forward",
    fuel: int = FUEL,
) -> Graph:
    """The graph of a method of the model or variant called `name`; `sources` are the texts by the paths of its files.

    Raises:
        EvaluationError: the values do not fit, the model has no such method, or it is too large for a picture.
        KeyError: the program has no such model.
    """
    root = instantiate(program, name, fuel=fuel)
    tracer = Tracer(program, sources, root, Graph(name, method), fuel)
    tracer.entry(method)
    note_shared(program, root, tracer.graph, tracer.calls)
    return tracer.graph


def traced(program: model.Program, name: str, sources: Mapping[str, Source], fuel: int = FUEL) -> list[Graph]:
    """The graphs of all methods of a model, `forward` first.

    Raises:
        EvaluationError: as `trace`.
        KeyError: as `trace`.
    """
    template = instantiate(program, name, fuel=fuel).template
    assert isinstance(template, BlockTemplate)
    names = [m.name for m in template.definition.methods]
    names.sort(key=lambda n: n != "forward")
    return [trace(program, name, sources, n, fuel) for n in names]


class Tracer(Paths):
    """Runs methods of a constructed model on types, and notes what they call."""

    def __init__(
        self, program: model.Program, sources: Mapping[str, Source], root: Instance, graph: Graph, fuel: int
    ) -> None:
        super().__init__(program, fuel)
        self.sources = sources
        self.root = root
        self.graph = graph
        self.facts = Facts()
        self.parent: int | None = None
        self.calls: dict[str, list[int]] = {}
        """The nodes that run each layer, by its path."""
        self._next = 0
        self._sums: dict[int, int] = {}
        self._pending: list[list[Callable[[Host], Host]]] = []
        """For each method that runs: what returns in branches, joined with what the rest returns."""

    # --- Nodes --------------------------------------------------------------------------------

    def add(self, kind: Kind, title: str, at: model.Node | None, env: Env, **more: Any) -> Node:
        """A new node in the group that is being drawn.

        Raises:
            EvaluationError: there are too many.
        """
        span = None if at is None else at.span
        if len(self.graph.nodes) >= MOST:
            raise EvaluationError("E0802", f"a picture has at most {MOST:,} nodes", env.file, span)
        node = Node(self._next, kind, title, parent=self.parent, file=env.file, span=span, **more)
        self._next += 1
        self.graph.nodes[node.id] = node
        return node

    def connect(self, sources: Any, target: Node, label: str = "") -> None:
        """Edges from the tensors in a value to a node."""
        for w in wires(sources):
            type = str(w.with_shape(w.shape))
            names = w.names if w.names != type else ""
            self.graph.edges.append(Edge(w.node, w.port, target.id, type, names, label))

    @contextmanager
    def group(self, kind: Kind, title: str, at: model.Node | None, env: Env, **more: Any) -> Iterator[Node]:
        """A box around the nodes that come next; one that stays empty is none."""
        with restored(self, "parent"):
            node = self.add(kind, title, at, env, **more)
            self.parent = node.id
            yield node
        if not any(n.parent == node.id for n in self.graph.nodes.values() if n.id > node.id):
            del self.graph.nodes[node.id]

    def results(self, node: Node, types: Any) -> Host:
        """What a node gives: its results by their places."""
        count = 0

        def one(type: Any) -> Host:
            nonlocal count
            if isinstance(type, TensorType):
                count += 1
                return Wire(type, node.id, count - 1)
            if isinstance(type, tuple | list):
                return tuple(map(one, type))
            return type

        return one(types)

    def text(self, node: model.Node, env: Env) -> str:
        """What the author wrote, on one line."""
        source = self.sources.get(self.program.files[env.file].path)
        if source is None or node.span is None:
            return "…"
        found = " ".join(source.text[slice(*node.span)].split())
        return found if len(found) <= describe.LONG else f"{found[: describe.LONG - 1]}…"

    def parameters(self, template: Any) -> int:
        """The learned numbers of a module, shared ones once."""
        found = self._sums.get(id(template))
        if found is None:
            found = self._sums[id(template)] = State(self.program, Instance(template, "")).parameters
        return found

    # --- The method that is drawn --------------------------------------------------------------

    def entry(self, name: str) -> None:
        """Draw a method of the model itself."""
        template = self.root.template
        assert isinstance(template, BlockTemplate)
        block = template.definition
        env = Env(block.file, template.values.copy(), {}, self.root)
        method = next((m for m in block.methods if m.name == name), None)
        if method is None:
            known = ", ".join(m.name for m in block.methods)
            raise EvaluationError(
                "E0905", f"{block.name} has no method {name}", env.file, block.span, f"it has: {known}"
            )
        for i in method.inputs:
            env.locals[i.name] = self._input(i, env)
        self.prepare(method, self.root, env)
        result = self.body(method.body, env)
        several = len(method.results) > 1
        values = result if several and isinstance(result, tuple) else (result,)
        for n, (value, r) in enumerate(zip(values, method.results or (None,) * len(values), strict=False)):
            title = (r and r.name) or (f"output {n}" if several else "output")
            node = self.add("output", title, r, env)
            self.connect(named(value, None if r is None else r.type), node)

    def _input(self, i: model.Input, env: Env) -> Host:
        """What stands for an input: a tensor that may be absent where it may, and a size for an int."""
        if i.default is not None and not (isinstance(i.default, model.Literal_) and i.default.value is None):
            default = self.value(i.default, env)
            if not any(wires(default)):
                return default
        made = self._made(i.name, i.type, {}, i, env)
        if isinstance(made, Wire) and (i.optional or isinstance(i.type, model.OptionalType)):
            return made.but(optional=True)
        return made

    def _made(self, name: str, type: model.Type, index: dict[str, Host], i: model.Input, env: Env) -> Host:
        if isinstance(type, model.OptionalType):
            return self._made(name, type.base, index, i, env)
        if isinstance(type, model.TensorType):
            known = env.values | index
            shape = tuple(symbol(d) if d.startswith("*") else dim(size(d, known, symbol)) for d in type.dims)
            node = self.add("input", name, i, env, detail="optional" if i.optional else "")
            return named(Wire(TensorType(_dtype(type), shape), node.id), type)
        if isinstance(type, model.TupleType):
            return tuple(self._made(f"{name}.{n}", t, index, i, env) for n, t in enumerate(type.items))
        if isinstance(type, model.ListType) and type.length is not None:
            length = size(type.length, {**env.values, **index}, symbol)
            if isinstance(length, int):
                return [
                    self._made(
                        f"{name}.{n}", type.item, index | ({type.index: n} if type.index else {}), i, env
                    )
                    for n in range(length)
                ]
        if isinstance(type, model.ScalarType) and type.name == "int":
            return symbol(name, None)
        if i.optional:
            return None
        raise EvaluationError(
            "E0904",
            f"the input {name} is no tensor and no int, and has no default: it cannot be drawn",
            env.file,
            i.span,
        )

    # --- Methods ------------------------------------------------------------------------------

    def call(
        self,
        method: model.Method,
        at: Instance | None,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        values: dict[str, Host],
        file: int,
    ) -> Host:
        """The result of a method (or, without an instance, of a function over tensors)."""
        env = Env(file, values.copy(), {}, at)
        given = dict(zip((i.name for i in method.inputs), args, strict=False)) | dict(kwargs)
        for i in method.inputs:
            if i.name in given:
                env.locals[i.name] = named(given[i.name], i.type)
            else:
                env.locals[i.name] = None if i.default is None else self.value(i.default, env)
        self.prepare(method, at, env)
        return self.body(method.body, env)

    def prepare(self, method: model.Method, at: Instance | None, env: Env) -> None:
        """Bind the dims of a call, and take its conditions as facts."""
        bind_dims(self, method.dims, env, method.inputs)
        requires = [*method.checks]
        if at is not None and isinstance(at.template, BlockTemplate):
            block = at.template.definition
            for let in block.lets:
                if let.at == "call":
                    env.values[let.name] = self.value(let.value, env)
            requires += [r for r in block.requires if r.at == "call"]
        for require in requires:
            self.assume(require.test, env)

    def assume(self, test: model.Expression, env: Env) -> None:
        """Take a condition as a fact; what the checker let stand holds."""
        condition = condition_of(self, test, env)
        if condition is not None:
            self.facts = self.facts.assume(condition)

    def body(self, statements: Sequence[model.Statement], env: Env) -> Host:
        """What a method's body returns, on all ways through it."""
        self._pending.append([])
        result: Host = None
        try:
            self.run_all(statements, env)
        except _Return as returned:
            result = returned.value
        for join in reversed(self._pending.pop()):
            result = join(result)
        return result

    def run_all(self, statements: Sequence[model.Statement], env: Env) -> None:
        """Run statements one after another."""
        for s in statements:
            _STATEMENTS[type(s)](self, s, env)

    def _assign(self, s: model.Assign, env: Env) -> None:
        value = self._unpacked(s.target, self.value(s.value, env), s, env)
        try:
            bind_target(s.target, value, env.locals)
        except HostError as error:
            raise EvaluationError(error.code, error.message, env.file, s.span) from None
        bind_dims(self, s.dims, env)

    def _unpacked(self, target: model.Target, value: Host, s: model.Assign, env: Env) -> Host:
        """A value as its target takes it: a tensor for several names is taken apart along its first axis."""
        if target.items is None:
            return value
        if isinstance(value, Wire):
            type = self._infer(operators.INDEXING, [value, (0,)], {}, s, env)[1]
            port = value.port
            value = tuple(Wire(type, value.node, port * 100 + n) for n in range(len(target.items)))
        return tuple(self._unpacked(t, v, s, env) for t, v in zip(target.items, value, strict=True))

    def _append(self, s: model.Append, env: Env) -> None:
        names = env.locals if s.name in env.locals else env.values
        names[s.name] = [*names[s.name], *self.value(s.value, env)]

    def _return(self, s: model.Return, env: Env) -> None:
        raise _Return(self.value(s.value, env))

    # --- Loops --------------------------------------------------------------------------------

    def _for(self, s: model.For, env: Env) -> None:
        title = f"for {self._target(s.target)} in {self.text(s.iterable, env)}"
        items = self._known_items(s, env)
        loop = Loop(self.graph)
        for value in [symbol(s.target.name or "_", 0)] if items is None else items:
            before = env.locals.copy()
            bind_target(s.target, value, env.values)
            bind_target(s.target, value, env.locals)
            with self.group("loop", title, s, env) as node:
                self.run_all(s.body, env)
            if items is None:
                node.notes.append(f"runs as often as a call says: {self.text(s.iterable, env)}")
                self._after_open_loop(before, env)
                return
            alive = {w.node for names in (env.locals, env.values) for w in wires(names)}
            moved = partial(_moved, loop.ended(node, alive))
            for names in (env.locals, env.values):
                names.update({k: mapped(v, moved) for k, v in names.items()})
        loop.close()

    def _known_items(self, s: model.For, env: Env) -> Sequence[Host] | None:
        """What a loop goes over; None for a count that only a call knows."""
        iterable = s.iterable
        if isinstance(iterable, model.Call) and iterable.to == "builtin" and iterable.name == "range":
            args, _ = self.arguments(iterable, env)
            if any(isinstance(a, Dim) and a.const is None for a in args):
                return None
        return self.items(self.value(iterable, env), iterable, env)

    def _after_open_loop(self, before: Mapping[str, Host], env: Env) -> None:
        """Sizes that a step changes are some size behind a loop whose count is open."""
        for name, old in before.items():
            new = env.locals.get(name)
            if isinstance(old, Wire) and isinstance(new, Wire) and old.shape != new.shape:
                pairs = zip(old.shape, new.shape, strict=False)
                shape = tuple(b if a == b else symbol("?", 0) for a, b in pairs)
                env.locals[name] = Wire(new.with_shape(shape), new.node, new.port)

    def _target(self, target: model.Target) -> str:
        if target.items is not None:
            return ", ".join(map(self._target, target.items))
        return target.name or "_"

    # --- Conditions ---------------------------------------------------------------------------

    def _if(self, s: model.If, env: Env) -> None:
        known = decided(self, s.test, env)
        if known is not None:
            taken, other = (s.body, s.orelse) if known else (s.orelse, s.body)
            narrow(s.test, known, env)
            if len(taken) == 1 and isinstance(taken[0], model.If) and not known:  # `elif`
                self._if(taken[0], env)
                return
            with self.group("branch", self._side(s.test, known, env), s, env) as node:
                if other:
                    node.notes.append(f"not taken: {self._lines(other, env)}")
                self.run_all(taken, env)
            return
        ends: list[tuple[Env, _Return | None]] = []
        for holds, statements in ((True, s.body), (False, s.orelse)):
            inner = Env(env.file, env.values.copy(), env.locals.copy(), env.module)
            narrow(s.test, holds, inner)
            returned = None
            with restored(self, "facts"), self.group("branch", self._side(s.test, holds, env), s, env):
                if holds:
                    self.assume(s.test, inner)
                try:
                    self.run_all(statements, inner)
                except _Return as r:
                    returned = r
            ends.append((inner, returned))
        (yes, ended_yes), (no, ended_no) = ends
        if ended_yes and ended_no:
            raise _Return(self.joined(s.test, ended_yes.value, ended_no.value, env))
        if ended_yes or ended_no:
            goes_on = no if ended_yes else yes
            self._pending[-1].append(self._join_later(s.test, ended_yes, ended_no, env))
            env.locals, env.values = goes_on.locals, goes_on.values
            return
        for name in yes.locals.keys() | no.locals.keys():
            if name in yes.locals and name in no.locals:
                before = env.locals.get(name)
                if isinstance(before, Wire) and before.optional and self._same_input(before, yes, no, name):
                    continue
                env.locals[name] = self.joined(s.test, yes.locals[name], no.locals[name], env)
            else:
                env.locals[name] = (yes if name in yes.locals else no).locals[name]

    @staticmethod
    def _same_input(before: Wire, yes: Env, no: Env, name: str) -> bool:
        """Whether neither branch gave an input that may be absent another value."""
        return all(
            v is None or (isinstance(v, Wire) and (v.node, v.port) == (before.node, before.port))
            for v in (yes.locals[name], no.locals[name])
        )

    def _join_later(
        self, test: model.Expression, yes: _Return | None, no: _Return | None, env: Env
    ) -> Callable[[Host], Host]:
        at = Env(env.file, env.values.copy(), env.locals.copy(), env.module)
        if yes is not None:
            return lambda rest: self.joined(test, yes.value, rest, at)
        assert no is not None
        return lambda rest: self.joined(test, rest, no.value, at)

    def _choice(self, node: model.IfExp, env: Env) -> Host:
        """The value of `a if c else b`."""
        known = decided(self, node.test, env)
        if known is not None:
            taken, other = (node.body, node.orelse) if known else (node.orelse, node.body)
            with self.group("branch", self._side(node.test, known, env), node, env) as group:
                group.notes.append(f"not taken: {self.text(other, env)}")
                return self.value(taken, env)
        values: list[Host] = []
        for holds, part in ((True, node.body), (False, node.orelse)):
            inner = Env(env.file, env.values, env.locals.copy(), env.module)
            narrow(node.test, holds, inner)
            with restored(self, "facts"), self.group("branch", self._side(node.test, holds, env), node, env):
                values.append(self.value(part, inner))
        if any(True for v in values for _ in wires(v)):
            return self.joined(node.test, values[0], values[1], env)
        return super().value(node, env)

    def joined(self, test: model.Expression, yes: Host, no: Host, env: Env) -> Host:
        """A value that a condition chooses.

        Raises:
            EvaluationError: it is neither a tensor nor the same on both sides.
        """
        if isinstance(yes, Wire) and isinstance(no, Wire):
            if (yes.node, yes.port) == (no.node, no.port):
                return yes
            node = self.add("choice", self._side(test, True, env)[3:], test, env)
            self.connect(yes, node, "yes")
            self.connect(no, node, "no")
            return self.results(node, joined_type(self, test, env, yes, no))
        if (isinstance(yes, Wire) and no is None) or (yes is None and isinstance(no, Wire)):
            return mapped(no if yes is None else yes, lambda w: w.but(optional=True))
        if type(yes) in (tuple, list) and type(yes) is type(no) and len(yes) == len(no):
            return type(yes)([self.joined(test, a, b, env) for a, b in zip(yes, no, strict=True)])
        if yes is no or yes == no:
            return yes
        if isinstance(yes, Dim | int) and isinstance(no, Dim | int):
            both = (TensorType(DType.FLOAT, (dim(v),)) for v in (yes, no))
            return plain(joined_type(self, test, env, *both).dims[0])
        raise EvaluationError(
            "E0903",
            f"{self.text(test, env)} chooses something that is no tensor: it cannot be drawn",
            env.file,
            test.span,
        )

    def _side(self, test: model.Expression, holds: bool, env: Env) -> str:
        return f"{'if' if holds else 'unless'} {self.text(test, env)}"

    def _lines(self, statements: Sequence[model.Statement], env: Env) -> str:
        return "; ".join(self.text(s, env) for s in statements)

    # --- Calls --------------------------------------------------------------------------------

    def run(self, node: model.Call, env: Env) -> Host:
        args, kwargs = self.arguments(node, env)
        if node.to == "op":
            found = self.function(node.name, args, kwargs, node, env)
        elif node.to == "method":
            found = self.apply(env.module, node.name, args, kwargs, node, env)
        elif node.to == "fn":
            found = self._fn(node, args, kwargs, env)
        else:
            assert node.callee is not None
            callee = self.value(node.callee, env)
            if node.to == "run":
                found = self._list(callee, args, kwargs, node, env)
            else:
                found = self.apply(callee, node.name, args, kwargs, node, env)
        return named(found, node.type)

    def construct(self, node: model.Call, env: Env) -> Host:
        if node.to != "extern":
            return super().construct(node, env)
        args, kwargs = self.arguments(node, env)
        definition = self.definition(node.name, env.file)
        assert isinstance(definition, model.Extern)
        return named(self._extern(definition, {}, None, args, kwargs, node, env), node.type)

    def _fn(self, node: model.Call, args: list[Host], kwargs: dict[str, Host], env: Env) -> Host:
        definition = self.definition(node.name, env.file)
        if isinstance(definition, model.Extern):
            return self._extern(definition, {}, None, args, kwargs, node, env)
        assert isinstance(definition, model.TensorFunction)
        with self.group("function", definition.name, node, env, detail="fn"):
            return self.call(definition.method, None, args, kwargs, {}, definition.file)

    def _list(
        self, callee: Host, args: list[Host], kwargs: dict[str, Host], node: model.Call, env: Env
    ) -> Host:
        """A list of modules, each on what the one before it gave: in a box, where it has a name."""
        if not isinstance(callee, Instance):
            return self._sequence(self.items(callee, node, env), args, kwargs, node, env)
        with self.group("list", _last(callee.path), node, env, path=callee.path) as group:
            group.detail = {"list": "list", "dict": "dict"}.get(
                getattr(callee.template, "kind", ""), "Sequential"
            )
            group.parameters = self.parameters(callee.template)
            found = self._sequence([child for _, child in callee.registered()], args, kwargs, node, env)
        self._merge(group)
        return found

    def _merge(self, group: Node) -> None:
        """Draw a list whose layers are all equal as one of them, with their count."""
        inside = [n for n in self.graph.nodes.values() if n.parent == group.id]
        if len(inside) == 1 and group.id in self.graph.nodes:
            only = inside[0]
            only.title, only.parent = group.title, group.parent
            del self.graph.nodes[group.id]

    def _sequence(
        self,
        modules: Sequence[Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        """Modules in a row with the same further arguments; equal ones that keep the type are drawn once."""
        x, *rest = args
        for _, run in groupby(modules, key=lambda m: id(m.template) if isinstance(m, Instance) else id(m)):
            equal = list(run)
            while equal:
                first = self._next
                before, x = x, self.apply(equal[0], "forward", [x, *rest], kwargs, node, env)
                same = len(equal) > 1 and _types(before) == _types(x)
                top = [n for n in self.graph.nodes.values() if n.id >= first and n.parent == self.parent]
                if same and len(top) == 1:
                    top[0].count = len(equal)
                    top[0].title = f"{_last(equal[0].path)} … {equal[-1].path.rpartition('.')[2]}"
                    break
                equal = equal[1:]
        return x

    def apply(
        self,
        module: Host,
        method: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        """The result of a module's method."""
        self.spend(node, env)
        if isinstance(module, list | tuple):
            return self._sequence(module, args, kwargs, node, env)
        if not isinstance(module, Instance):
            raise self.fail("E0500", "this is none here, and cannot be run", node, env)
        template = module.template
        if isinstance(template, OpTemplate):
            return self._layer(template, module.path, args, kwargs, node, env)
        if isinstance(template, ExternTemplate):
            return self._extern(template.definition, template.values, module, args, kwargs, node, env)
        if isinstance(template, ContainerTemplate):
            return self._list(module, list(args), dict(kwargs), node, env)
        if module == env.module:  # another method of the same block
            with self.group("function", method, node, env):
                return self._block(template, module, method, args, kwargs, node, env)
        block = template.definition
        shown = {h.name: template.values[h.name] for h in block.hypers}
        title = _last(module.path)
        with self.group("block", title, node, env, path=module.path, template=template) as group:
            group.detail = f"{block.name}({describe.values(shown)})"
            group.parameters = self.parameters(template)
            self.calls.setdefault(module.path, []).append(group.id)
            return self._block(template, module, method, args, kwargs, node, env)

    def _block(
        self,
        template: BlockTemplate,
        module: Instance,
        method: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        block = template.definition
        if block.body is not None:
            children = [child for _, child in module.registered()]
            inner = Env(block.file, template.values, {}, module)
            at = block.body if isinstance(block.body, model.Call) else node
            return self._sequence(children, args, kwargs, at, inner)
        found = next(m for m in block.methods if m.name == method)
        return self.call(found, module, args, kwargs, template.values, block.file)

    def _layer(
        self,
        template: OpTemplate,
        path: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        at: model.Node,
        env: Env,
    ) -> Host:
        op = template.op
        with self._refusals(at, env):
            values = signature.forward(type(op)).bind(args, kwargs)
            types = signature.infer_layer(Cx(self.facts, op.name), op, values)
        node = self.add("layer", _last(path), at, env, path=path, template=template)
        node.detail = f"{op.name}({describe.arguments(op)})"
        node.family = describe.family(type(op))
        node.parameters = self.parameters(template)
        self.calls.setdefault(path, []).append(node.id)
        self.connect(list(values.values()), node)
        return self.results(node, types)

    def function(
        self, name: str, args: Sequence[Host], kwargs: Mapping[str, Host], at: model.Node, env: Env
    ) -> Host:
        """The result of a function of the library."""
        op, types = self._infer(name, args, kwargs, at, env)
        if isinstance(types, Dim | int | bool | float):
            return plain(types)
        if len(types) == 0 if isinstance(types, tuple | list) else False:
            return types
        node = self.add("op", describe.symbol(name), at, env, detail=describe.arguments(op))
        node.family = describe.family(type(op))
        self.connect([getattr(op, a) for a in op.arguments], node)
        return self.results(node, types)

    def _infer(
        self, name: str, args: Sequence[Host], kwargs: Mapping[str, Host], at: model.Node, env: Env
    ) -> tuple[Op, Any]:
        with self._refusals(at, env):
            op = signature.bind(FUNCTIONS[name], args, kwargs)
            return op, op.infer(Cx(self.facts, op.name))

    def _extern(
        self,
        definition: model.Extern,
        values: Mapping[str, Host],
        module: Instance | None,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        at: model.Node,
        env: Env,
    ) -> Host:
        method = definition.forward
        given = dict(zip((i.name for i in method.inputs), args, strict=False)) | dict(kwargs)
        inner = Env(definition.file, dict(values), {i.name: given.get(i.name) for i in method.inputs})
        bind_dims(self, method.dims, inner, method.inputs)
        path = module.path if module is not None else ""
        node = self.add("layer" if module else "op", _last(path) or definition.name, at, env, path=path)
        node.detail = f"{definition.name} from {definition.module}"
        node.family = "extern"
        self.connect(list(given.values()), node)
        types = tuple(_evaluated(r.type, inner, method) for r in method.results)
        return self.results(node, types if method.results_tuple or len(types) > 1 else types[0])

    @contextmanager
    def _refusals(self, at: model.Node, env: Env) -> Iterator[None]:
        """Where in the spec an op refuses its inputs."""
        try:
            yield
        except OpError as error:
            raise EvaluationError(error.code, error.message, env.file, at.span, error.help) from None

    # --- Tensors and modules in expressions -----------------------------------------------------

    def value(self, node: model.Expression, env: Env) -> Host:
        if isinstance(node, model.IfExp):
            return self._choice(node, env)
        if isinstance(node, model.Name) and node.ref == "builtin" and node.id == "training":
            raise Open("E0903", "whether the module trains is known when it runs", env.file, node.span)
        if isinstance(node, model.Compare) and (asked := absence(node)) is not None:
            found = self.value(asked[0], env)
            if isinstance(found, Wire) and found.optional:
                raise Open("E0903", "whether an input is there is known at a call", env.file, node.span)
        found = super().value(node, env)
        if isinstance(node, model.Binary | model.Unary | model.Subscript) and isinstance(found, Wire):
            return named(found, node.type)
        return found

    def operator(self, name: str, operands: Sequence[Host], node: model.Expression, env: Env) -> Host:
        return self.function(name, operands, {}, node, env)

    def member(self, value: Host, name: str, node: model.Expression, env: Env) -> Host:
        if isinstance(value, TensorType):
            return self._of_tensor(value, name, node, env)
        found = super().member(value, name, node, env)
        if not isinstance(found, ParamPath):
            return found
        assert isinstance(value, Instance)
        return self._parameter(value, name, found.key, node, env)

    def _parameter(self, owner: Instance, name: str, key: str, at: model.Node, env: Env) -> Host:
        """A parameter or buffer as a tensor: one node in each group that reads it."""
        template = owner.template
        made: TensorType | None = None
        kind, count = "buffer", 0
        if isinstance(template, OpTemplate):
            found = next((p for p in template.op.params() if p.name == name), None)
            if found is None:
                return None  # a bias that the arguments leave out
            made, kind = TensorType(found.dtype, found.shape), "param" if found.learned else "buffer"
        elif isinstance(template, BlockTemplate):
            declared = next(m for m in template.definition.members if m.name == name)
            assert isinstance(declared, model.Param)
            shape = tuple(dim(size(d, template.values)) for d in declared.type.dims)
            made, kind = TensorType(_dtype(declared.type), shape), declared.kind
            if kind == "param":
                count = prod(s.evaluate({}) for s in shape)
        assert made is not None
        for n in self.graph.nodes.values():
            if n.kind == "tensor" and n.path == key and n.parent == self.parent:
                return Wire(made, n.id)
        node = self.add("tensor", key.rpartition(".")[2], at, env, detail=kind, path=key, parameters=count)
        return named(Wire(made, node.id), getattr(at, "type", None))

    def _of_tensor(self, x: TensorType, name: str, node: model.Expression, env: Env) -> Host:
        if name == "shape":
            return tuple(map(plain, x.dims))
        if name == "ndim":
            return len(x.shape)
        if name == "dtype":
            return x.dtype
        return self.function(name, [x], {}, node, env)

    def item(self, value: Host, index: Sequence[Host], node: model.Expression, env: Env) -> Host:
        if not isinstance(value, Wire):
            return super().item(value, index, node, env)
        parts = tuple(
            SliceOf(i.start, i.stop, i.step)
            if isinstance(i, slice)
            else list(i)
            if isinstance(i, tuple | range)
            else i
            for i in index
        )
        return self.function(operators.INDEXING, [value, parts], {}, node, env)


def _moved(renamed: Mapping[int, int], w: Wire) -> Wire:
    return w.but(node=renamed[w.node]) if w.node in renamed else w


def _last(path: str) -> str:
    """What a module is called: its name, behind that of its list where it is a number."""
    above, _, name = path.rpartition(".")
    return f"{_last(above)}.{name}" if name.isdecimal() and above else name


def _types(value: Host) -> list[TensorType]:
    return [w.with_shape(w.shape) for w in wires(value)]


def _dtype(type: model.TensorType) -> DType:
    found = DType.named(type.dtype)
    assert found is not None
    return found


def _evaluated(type: model.Type, env: Env, method: model.Method) -> TensorType:
    """A declared type with the values of its names.

    Raises:
        EvaluationError: it is no tensor's.
    """
    if not isinstance(type, model.TensorType):
        raise EvaluationError("E0904", "an extern gives tensors, each on its own", env.file, method.span)
    shape: list[Dim] = []
    for text in type.dims:
        shape += map(dim, env.values[text]) if text.startswith("*") else [dim(size(text, env.values))]
    return TensorType(_dtype(type), tuple(shape))


_STATEMENTS: dict[type[model.Statement], Callable[[Tracer, Any, Env], None]] = {
    model.Assign: Tracer._assign,
    model.Append: Tracer._append,
    model.Return: Tracer._return,
    model.Require: lambda e, s, env: e.assume(s.test, env),
    model.For: Tracer._for,
    model.If: Tracer._if,
}
