"""From a checked program to the graph of a method: it is run on types, with the model's values, and every call leaves a node.

The shapes are those that the ops' own rules give for sizes that only a call knows, so a picture says what holds for
all calls; beside them stand the checker's texts in the names of the block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from math import prod
from typing import Any

from spec_lang.accounting.trace import flops_of_op
from spec_lang.diagnostics import Source
from spec_lang.frozen import Frozen
from spec_lang.ir import model, operators
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.conditions import condition_of
from spec_lang.ir.entry import Inputs, method_named
from spec_lang.ir.evaluate import FUEL, Env, EvaluationError, bind_target
from spec_lang.ir.execution import Execution
from spec_lang.ir.externs import declared
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, ContainerTemplate, Instance
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, Function, Layer
from spec_lang.shapes import Cond, Dim, Facts, TensorType, dim, symbol
from spec_lang.view import branches, describe
from spec_lang.view.conditions import Open, absence
from spec_lang.view.costs import add_up
from spec_lang.view.drawing import Drawing
from spec_lang.view.fold import Fold
from spec_lang.view.graph import Graph, Node
from spec_lang.view.notes import note_shared
from spec_lang.view.values import Wire, mapped, named, wires


class Options(Frozen):
    """What is drawn.

    Attributes:
        dims: The sizes of dims that a call brings, by their names; others stay symbols.
        fuel: How many steps the program may take.
    """

    dims: Mapping[str, int] = {}
    fuel: int = FUEL


def trace(
    program: model.Program,
    name: str,
    sources: Mapping[str, Source],
    method: str = "forward",
    options: Options | None = None,
) -> Graph:
    """The graph of a method of the model or variant called `name`; `sources` are the texts by the paths of its files.

    Raises:
        EvaluationError: the values do not fit, the model has no such method, or it is too large for a picture.
        KeyError: the program has no such model.
    """
    options = options or Options()
    root = instantiate(program, name, fuel=options.fuel)
    graph = Graph(name, method)
    tracer = Tracer(program, sources, root, graph, options)
    tracer.entry(method)
    note_shared(program, root, graph, tracer.calls)
    add_up(graph, tracer.state.parameters)
    return graph


def traced(
    program: model.Program, name: str, sources: Mapping[str, Source], options: Options | None = None
) -> list[Graph]:
    """The graphs of all methods of a model, `forward` first.

    Raises:
        EvaluationError: as `trace`.
        KeyError: as `trace`.
    """
    template = instantiate(program, name, fuel=(options or Options()).fuel).template
    assert isinstance(template, BlockTemplate)
    names = [m.name for m in template.definition.methods]
    names.sort(key=lambda n: n != "forward")
    return [trace(program, name, sources, n, options) for n in names]


class Tracer(Execution):
    """Runs methods of a constructed model on types, and draws what they call."""

    def __init__(
        self,
        program: model.Program,
        sources: Mapping[str, Source],
        root: Instance,
        graph: Graph,
        options: Options,
    ) -> None:
        super().__init__(program, options.fuel)
        self.drawing = Drawing(graph, program, sources)
        self.root = root
        self.state = State(program, root, options.fuel)
        self.calls: dict[str, list[int]] = {}
        """The nodes that run each layer, by its path."""
        self._options = options
        self._facts = Facts()
        self._sums: dict[int, int] = {}
        self._joins: list[list[branches.Join]] = []
        """For each method that runs: what returns in branches, joined with what the rest returns."""
        self._at: tuple[model.Node, Env] = (root.template.definition, Env(0, {}, {}))  # type: ignore[union-attr]

    # --- What is known --------------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        return self._facts

    def learn(self, cond: Cond) -> None:
        self._facts = self._facts.assume(cond)

    def suppose(self, test: model.Expression, env: Env) -> None:
        """Take a test as a fact."""
        condition = condition_of(self, test, env)
        if condition is not None:
            self.learn(condition)

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """What becomes known of sizes holds here alone."""
        before = self._facts
        try:
            yield
        finally:
            self._facts = before

    @contextmanager
    def place(self, what: Any, node: model.Node, env: Env) -> Iterator[None]:
        outer, self._at = self._at, (node, env)
        try:
            with super().place(what, node, env):
                yield
        finally:
            self._at = outer

    def parameters(self, template: Any) -> int:
        """The learned numbers of a module, shared ones once."""
        found = self._sums.get(id(template))
        if found is None:
            found = self._sums[id(template)] = State(self.program, Instance(template, "")).parameters
        return found

    # --- The method that is drawn --------------------------------------------------------------

    def entry(self, name: str) -> None:
        """Draw a method of the model itself.

        Raises:
            EvaluationError: it has none, or one that cannot be drawn.
        """
        template = self.root.template
        assert isinstance(template, BlockTemplate)
        block = template.definition
        env = Env(block.file, template.values.copy(), {}, self.root)
        method = method_named(block, name, env)
        shown = self.drawing.graph.dims
        for i in method.inputs:
            env.locals[i.name] = self._input(i, env, shown)
        self.prepare(method, self.root, env)
        result = self.body(method.body, env)
        several = len(method.results) > 1
        values = result if several and isinstance(result, tuple) else (result,)
        for n, (value, r) in enumerate(zip(values, method.results or (None,) * len(values), strict=False)):
            title = (r and r.name) or (f"output {n}" if several else "output")
            node = self.drawing.add("output", title, r, env)
            self.drawing.connect(named(value, None if r is None else r.type), node)

    def _input(self, i: model.Input, env: Env, shown: set[str]) -> Host:
        """What stands for an input: a tensor that may be absent where it may, and a size for an int."""
        if i.default is not None and not (isinstance(i.default, model.Literal_) and i.default.value is None):
            default = self.value(i.default, env)
            if not any(wires(default)):
                return default
        if isinstance(i.type, model.ScalarType) and i.type.name == "int":
            return symbol(i.name, None)

        def make(name: str, type: TensorType) -> Wire:
            detail = "optional" if i.optional else ""
            return Wire(type, self.drawing.add("input", name, i, env, detail=detail).id)

        inputs = _Inputs(make, env.values, (), {}, self._options.dims, shown)
        try:
            made = named(inputs.made(i, env.file), i.type)
        except EvaluationError as error:
            if error.code != "E0904":
                raise
            if i.optional:
                return None
            error.message = (
                f"the input {i.name} is no tensor and no int, and has no default: it cannot be drawn"
            )
            raise
        if isinstance(made, Wire) and (i.optional or isinstance(i.type, model.OptionalType)):
            return made.but(optional=True)
        return made

    # --- Methods ------------------------------------------------------------------------------

    def prepare(self, method: model.Method, at: Instance | None, env: Env) -> None:
        for i in method.inputs:
            env.locals[i.name] = named(env.locals[i.name], i.type)
        super().prepare(method, at, env)

    def body(self, statements: Sequence[model.Statement], env: Env) -> Host:
        """What a method's body returns, on all ways through it."""
        self._joins.append([])
        result = super().body(statements, env)
        for join in reversed(self._joins.pop()):
            result = join(result)
        return result

    def branch(self, s: model.If, env: Env) -> None:
        join = branches.statement(self, s, env)
        if join is not None:
            self._joins[-1].append(join)

    def part(self, x: TensorType, i: int, s: model.Assign, env: Env) -> Host:
        assert isinstance(x, Wire)
        with self.place(None, s, env):
            op = signature.bind(FUNCTIONS[operators.INDEXING], [x, (i,)], {})
            return Wire(op.infer(self._cx(op)), x.node, x.port * 100 + i)

    # --- Loops --------------------------------------------------------------------------------

    def looped(self, s: model.For, env: Env) -> bool:
        title = f"for {_target(s.target)} in {self.drawing.text(s.iterable, env)}"
        steps = self.steps(s, env)
        if steps is not None:
            self._open_loop(s, title, steps, env)
            return True
        fold = Fold(self.drawing)
        for value in self.items(self.value(s.iterable, env), s.iterable, env):
            bind_target(s.target, value, env.values)
            bind_target(s.target, value, env.locals)
            first = self.drawing.next
            self.run_all(s.body, env)
            alive = {w.node for names in (env.locals, env.values) for w in wires(names)}
            moved = partial(_moved, fold.ended(first, alive))
            for names in (env.locals, env.values):
                names.update({k: mapped(v, moved) for k, v in names.items()})
        fold.close(lambda: self.drawing.add("loop", title, s, env, exact=title))
        return True

    def _open_loop(self, s: model.For, title: str, steps: Dim, env: Env) -> None:
        """A loop whose count only a call knows: one step; sizes that it changes are some size behind it."""
        before = env.locals.copy()
        for names in (env.values, env.locals):
            bind_target(s.target, symbol(s.target.name or "_", 0), names)
        with self.drawing.group("loop", title, s, env, exact=title, times=steps) as node:
            self.run_all(s.body, env)
        node.notes.append(f"runs as often as a call says: {self.drawing.text(s.iterable, env)}")
        for name, old in before.items():
            new = env.locals.get(name)
            if isinstance(old, Wire) and isinstance(new, Wire) and old.shape != new.shape:
                pairs = zip(old.shape, new.shape, strict=False)
                shape = tuple(b if a == b else symbol("?", 0) for a, b in pairs)
                env.locals[name] = Wire(new.with_shape(shape), new.node, new.port)

    # --- Modules and functions of the program ---------------------------------------------------

    def run(self, node: model.Call, env: Env) -> Host:
        first = self.drawing.next
        try:
            return named(super().run(node, env), node.type)
        except Open as asked:
            if asked.test is None or asked.env is not env:
                raise
            self._undo(first)
            return branches.both(self, asked.test, node, env, lambda _, inner: self.run(node, inner))

    def _undo(self, first: int) -> None:
        """Draw nothing of what was drawn from this node on."""
        drawing = self.drawing
        drawing.graph.remove({n.id for n in drawing.since(first)})
        for ids in self.calls.values():
            ids[:] = [i for i in ids if i < first]

    def construct(self, node: model.Call, env: Env) -> Host:
        found = super().construct(node, env)
        return named(found, node.type) if node.to == "extern" else found

    def _fn(self, node: model.Call, args: list[Host], kwargs: dict[str, Host], env: Env) -> Host:
        definition = self.definition(node.name, env.file)
        if isinstance(definition, model.Extern):
            return super()._fn(node, args, kwargs, env)
        assert isinstance(definition, model.TensorFunction)
        with self.drawing.group("function", definition.name, node, env, detail="fn", exact=node.name):
            return super()._fn(node, args, kwargs, env)

    def _sequence(
        self, callee: Host, args: list[Host], kwargs: dict[str, Host], node: model.Call, env: Env
    ) -> Host:
        """A list of modules, each on what the one before it gave: in a box, where it has a name."""
        if not isinstance(callee, Instance):
            return self._row(self.items(callee, node, env), args, kwargs, node, env)
        kind = getattr(callee.template, "kind", "")
        what = {"list": "list", "dict": "dict"}.get(kind, "Sequential")
        with self.drawing.group(
            "list", _last(callee.path), node, env, path=callee.path, detail=what, exact=what
        ) as group:
            group.parameters = self.parameters(callee.template)
            found = self._row([child for _, child in callee.registered()], args, kwargs, node, env)
        self._merge(group)
        return found

    def _merge(self, group: Node) -> None:
        """Draw a list whose layers are all equal as one of them, with their count."""
        nodes = self.drawing.graph.nodes
        inside = [n for n in self.drawing.since(group.id + 1) if n.parent == group.id]
        if len(inside) == 1 and group.id in nodes:
            only = inside[0]
            only.title, only.parent = group.title, group.parent
            del nodes[group.id]

    def _row(
        self,
        modules: Sequence[Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        """Modules in a row with the same further arguments; what is repeated is drawn once."""
        x, *rest = args
        fold = Fold(self.drawing)
        at = 0
        while at < len(modules):
            first = self.drawing.next
            before, x = x, self.apply(modules[at], "forward", [x, *rest], kwargs, node, env)
            equal = sum(1 for _ in takewhile(partial(_equal, modules[at]), modules[at:]))
            count = equal if equal > 1 and _types(before) == _types(x) else 1
            labels = _label(modules[at]), _label(modules[at + count - 1])
            moved = fold.ended(first, {w.node for w in wires(x)}, count, labels)
            x = mapped(x, partial(_moved, moved))
            at += count
        fold.close(lambda: self.drawing.add("list", "", node, env))
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
        template = module.template if isinstance(module, Instance) else None
        if isinstance(template, ContainerTemplate):
            return self._sequence(module, list(args), dict(kwargs), node, env)
        if not isinstance(template, BlockTemplate):
            return super().apply(module, method, args, kwargs, node, env)
        assert isinstance(module, Instance)
        if module == env.module:  # another method of the same block
            with self.drawing.group("function", method, node, env, exact=method):
                return super().apply(module, method, args, kwargs, node, env)
        block = template.definition
        given = {h.name: template.values[h.name] for h in block.hypers}
        with self.drawing.group("block", _last(module.path), node, env, path=module.path) as group:
            group.detail = f"{block.name}({describe.values(given)})"
            group.exact = f"{block.name}.{method}({describe.whole(given)})"
            group.parameters = self.parameters(template)
            self.calls.setdefault(module.path, []).append(group.id)
            if not isinstance(block.body, model.Call):
                return super().apply(module, method, args, kwargs, node, env)
            self.spend(node, env)  # what the block is stands in its own file
            children = [child for _, child in module.registered()]
            inner = Env(block.file, template.values, {}, module)
            return self._sequence(children, list(args), dict(kwargs), block.body, inner)

    # --- What is called -------------------------------------------------------------------------

    def of_layer(self, op: Layer, values: Mapping[str, Host], types: Any) -> Host:
        node = self.drawing.add(
            "layer", _last(self.path), *self._at, path=self.path, exact=describe.exact(op)
        )
        node.detail = f"{op.name}({describe.arguments(op)})"
        node.family = describe.family(type(op))
        node.parameters = sum(prod(s.evaluate({}) for s in p.shape) for p in op.params() if p.learned)
        node.flops, _ = flops_of_op(op, lambda: op.flops(types, **values))
        self.calls.setdefault(self.path, []).append(node.id)
        self.drawing.connect(list(values.values()), node)
        return self.drawing.results(node, types)

    def of_function(self, op: Function, types: Any) -> Host:
        if isinstance(types, tuple | list) and not types:
            return types
        node = self.drawing.add("op", describe.symbol(op.name), *self._at, exact=describe.exact(op))
        node.detail = describe.arguments(op)
        node.family = describe.family(type(op))
        node.flops, _ = flops_of_op(op, lambda: op.flops(types))
        self.drawing.connect([getattr(op, a) for a in op.arguments], node)
        return self.drawing.results(node, types)

    def of_extern(
        self,
        definition: model.Extern,
        values: Mapping[str, Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
    ) -> Host:
        given, types = declared(self, definition, values, args, kwargs)
        path = self.path if definition.layer else ""
        node = self.drawing.add(
            "layer" if path else "op", _last(path) or definition.name, *self._at, path=path
        )
        node.detail = f"{definition.name} from {definition.module}"
        node.exact = f"{node.detail} {describe.whole(dict(values))}"
        node.family = "extern"
        node.flops = None  # what it computes is not known
        self.drawing.connect(list(given.values()), node)
        return self.drawing.results(node, types)

    def stored(self, at: Instance, name: str) -> Host:
        """A parameter or buffer as a tensor: one node in each box that reads it."""
        tensor = next((t for t in self.state.own(at.template) if t.key == name), None)
        if tensor is None:
            return None  # a bias that the arguments leave out
        made = TensorType(tensor.dtype, tuple(map(dim, tensor.shape)))
        key = at.below(name)
        drawing = self.drawing
        for n in drawing.since(-1 if drawing.parent is None else drawing.parent):
            if n.kind == "tensor" and n.path == key and n.parent == drawing.parent:
                return Wire(made, n.id)
        node = drawing.add(
            "tensor", name, *self._at, detail="param" if tensor.learned else "buffer", path=key
        )
        node.exact = name
        if isinstance(at.template, BlockTemplate) and tensor.learned:
            node.parameters = prod(tensor.shape)
        return Wire(made, node.id)

    # --- Tensors in expressions -------------------------------------------------------------------

    def value(self, node: model.Expression, env: Env) -> Host:
        if isinstance(node, model.IfExp):
            return branches.choice(self, node, env, lambda: super(Tracer, self).value(node, env))
        if isinstance(node, model.Name) and node.ref == "builtin" and node.id == "training":
            raise Open("E0903", "whether the module trains is known when it runs", env, node)
        if isinstance(node, model.Compare) and (asked := absence(node)) is not None:
            found = self.value(asked[0], env)
            if isinstance(found, Wire) and found.optional:
                raise Open("E0903", "whether an input is there is known at a call", env, node)
        found = super().value(node, env)
        if isinstance(node, model.Binary | model.Unary | model.Subscript) and isinstance(found, Wire):
            return named(found, node.type)
        return found

    def member(self, value: Host, name: str, node: model.Expression, env: Env) -> Host:
        with self.place(None, node, env):
            found = super().member(value, name, node, env)
        return named(found, node.type) if isinstance(value, Instance) and isinstance(found, Wire) else found


class _Inputs(Inputs):
    """Inputs whose leading dims stay `*B`."""

    def pack(self, name: str) -> list[Dim]:
        return [symbol(f"*{name}")]


def _moved(renamed: Mapping[int, int], w: Wire) -> Wire:
    return w.but(node=renamed[w.node]) if w.node in renamed else w


def _equal(a: Host, b: Host) -> bool:
    """Whether two modules of a list are made alike."""
    if isinstance(a, Instance) and isinstance(b, Instance):
        return a.template is b.template
    return a is b


def _label(module: Host) -> str:
    return _last(module.path) if isinstance(module, Instance) else ""


def _last(path: str) -> str:
    """What a module is called: its name, behind that of its list where it is a number."""
    above, _, name = path.rpartition(".")
    return f"{_last(above)}.{name}" if name.isdecimal() and above else name


def _target(target: model.Target) -> str:
    if target.items is not None:
        return ", ".join(map(_target, target.items))
    return target.name or "_"


def _types(value: Host) -> list[TensorType]:
    return [w.with_shape(w.shape) for w in wires(value)]
