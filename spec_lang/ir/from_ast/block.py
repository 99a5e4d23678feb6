"""The check of one block, model, extern layer or tensor function."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from spec_lang.diagnostics import Diagnostic
from spec_lang.ir.from_ast import host
from spec_lang.ir.from_ast.base import NeedsValue
from spec_lang.ir.from_ast.binding import type_symbols
from spec_lang.ir.from_ast.hypers import is_mono
from spec_lang.ir.from_ast.iteration import Carried
from spec_lang.ir.from_ast.members import Members
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.scope import Def, Scope
from spec_lang.ir.from_ast.summary import Entry, InputSummary, MethodSummary, Summary, tensors
from spec_lang.ir.from_ast.values import POISON, Mapped, Maybe, Value, is_module, is_tensor, substitute
from spec_lang.ir.reserved import MODULE_ATTRIBUTES
from spec_lang.ops.kinds import Real
from spec_lang.shapes import Cond, Dim, Pack, TensorType, dim, symbol
from spec_lang.shapes.linear import linear
from spec_lang.syntax import ast
from spec_lang.syntax.node import Node
from spec_lang.syntax.walk import walk

if TYPE_CHECKING:
    from spec_lang.ir.from_ast.checker import Checker


class BlockCheck(Members):
    """Checks a definition once, for all values of what has symbols."""

    def __init__(self, program: Checker, definition: Def, mono: dict[str, Value]) -> None:
        super().__init__(program, definition)
        self.mono = mono
        self.caller: BlockCheck | None = None
        """Who inlines this function over hyperparameters."""
        self.wild: set[str] = set()
        self.wild_values: dict[str, Dim] = {}
        self.carried: dict[str, Carried] = {}
        self.summary = Summary(definition)
        self.summary.mono = mono
        self.checking: list[str] = []
        self.broken_inputs: set[str] = set()
        """Methods whose inputs are mistaken: calls of them say nothing more."""

    # --- the whole ---

    def check(self) -> Summary:
        """Check everything.

        Raises:
            NeedsValue: some hyperparameter must have a value.
        """
        node = self.definition.node
        if isinstance(node, ast.Function):
            self.declare([as_method(node)])
            self.method_summary(as_method(node))
        elif isinstance(node, ast.Extern):
            self._extern(node)
        elif isinstance(node, ast.Block):
            self._block(node)
        self.summary.broken = self.tainted or bool(self.diagnostics)
        return self.summary

    def _block(self, node: ast.Block) -> None:
        methods = [p for p in node.parts if isinstance(p, ast.Method)]
        self._names(node, methods)
        self.set_hypers(node.hypers or ())
        self.methods = {m.name.id: m for m in methods}
        self.declare(methods)
        for part in node.parts:
            if isinstance(part, ast.Let):
                self._let(part)
            elif isinstance(part, ast.Require):
                self.require(part)
        for part in node.parts:
            if isinstance(part, ast.LayersSection):
                self.section(part)
        for name in self.methods:
            self.own_method(name, node.name)
        self.paths(node)
        self._finish(node, methods)

    def _extern(self, node: ast.Extern) -> None:
        self.set_hypers(node.hypers)
        for h in node.hypers:
            self.used.add(h.name.id)
        if node.forward is None:
            self.error("E0706", f"extern {node.name.id} states no `forward`", node.name)
            return
        self.declare([node.forward])
        self.method_summary(node.forward, has_body=False)

    def check_alias(
        self, node: ast.Block, input: TensorType, names: dict[int, str], sizes: dict[int, Dim]
    ) -> dict[int, str]:
        """Check a container for an input of some rank, whose sizes are `sizes` or have `names` by axis.

        Returns:
            Better names for the sizes that the layers need: those of the arguments that they are.
        """
        assert node.alias is not None
        self._names(node, [])
        self.set_hypers(node.hypers or ())
        shape: list[Dim | Pack] = []
        result = MethodSummary("forward", _as_forward(node))
        for axis, d in enumerate(input.shape):
            if axis in sizes:
                shape.append(sizes[axis])
                result.entries.append(Entry((0,), axis, sizes[axis], None))
                continue
            name = names.get(axis, f"size_{axis}")
            self.free_axes[name] = axis
            one = d if isinstance(d, Pack) else symbol(name)
            shape.append(one)
            self.dims[one.name if isinstance(one, Pack) else name] = one
            result.entries.append(Entry((0,), axis, one, one.name if isinstance(one, Pack) else name))
        result.dims = dict(self.dims)
        type = TensorType(input.dtype, tuple(shape))
        result.inputs = [InputSummary("input", type, False, None, result.node.inputs[0])]
        module = self.ev(node.alias)
        self.locals = {}
        if module is not POISON:
            args = Args()
            args.values, args.nodes = [type], [node.alias]
            result.result = self.run(module, args, node.alias) if is_module(module) else POISON
            if not is_module(module):
                self.error("E0408", f"{node.name.id} is {host.kind_of(module)}, no container", node.alias)
        self.locals = None
        result.results = [result.result]
        result.owed = [o for o in self.opens if self.time(o.cond) == "call"]
        self.summary.methods["forward"] = result
        if not (self.diagnostics or self.tainted):
            self._unused(node)
            self._undetermined()
        self._leave()
        self.diagnostics = [_for_container(d, node, shape) for d in self.diagnostics]
        self.summary.broken = self.tainted or bool(self.diagnostics)
        better: dict[int, str] = {}
        for axis, d in enumerate(shape):
            cell = next((c for cs in self.cells.values() for c in cs if c.value == d), None)
            if cell is not None and cell.name not in self.hypers and cell.name not in better.values():
                better[axis] = cell.name
        return better

    def state_size(self, stated: Dim, size: Dim) -> bool:
        """Take what a layer states of a container's input as the input's size there."""
        axis = self.free_axes.get(str(size))
        if axis is None or not all(re.split(r"[.\[]", n)[0] in self.hypers for n in stated.symbols):
            return False
        self.stated_sizes[axis] = stated
        return True

    # --- names ---

    def _names(self, node: ast.Block, methods: list[ast.Method]) -> None:
        """Duplicates, Python's keywords, and names that nn.Module has."""
        seen: dict[str, object] = {}
        own = {h.name for h in node.hypers or ()}
        for name, what in _declared(node, methods):
            if keyword.iskeyword(name.id) or name.id.startswith("__"):
                self.error(
                    "E0207",
                    f"`{name.id}` is a word of Python's own, so nothing can be called that",
                    name,
                    help=f"write `{name.id}_`",
                )
            elif what != "hyperparameter" and name.id in MODULE_ATTRIBUTES and name.id not in ("forward",):
                self.error(
                    "E0207",
                    f"a {what} called `{name.id}` would hide nn.Module's own `{name.id}`",
                    name,
                    help="use another name",
                )
            earlier = seen.get(name.id)
            if what == "layer" and isinstance(earlier, ast.Name) and earlier in own:
                seen[name.id] = name  # `norm = norm(out)`: methods mean the layer
            elif earlier is not None:
                self.error(
                    "E0205",
                    f"`{name.id}` is defined twice in {node.name.id}",
                    name,
                    labels=(self.label(earlier, "first defined here"),),
                )
            if what != "hyperparameter" or earlier is None:
                seen.setdefault(name.id, name)

    def set_hypers(self, hypers: tuple[ast.Hyper, ...]) -> None:
        for h in hypers:
            name = h.name.id
            if keyword.iskeyword(name):
                continue
            if name in self.mono:
                self.hypers[name] = self.abstract(name, self.mono[name])
            elif is_mono(h.type):
                raise NeedsValue(frozenset({name}))
            else:
                self.hypers[name] = self.symbolic(name, h.type)
            if h.default is not None:
                self.program.default(self.definition, h)

    def need_floats(self, value: Real) -> None:
        """A size computed from a float: an opaque term in a model, by value in a block."""
        if self.caller is not None:
            self.caller.need_floats(value)
            return
        node = self.definition.node
        if isinstance(node, ast.Block) and node.kind == "model":
            return
        names = set(re.findall(r"[A-Za-z_]\w*", value.text)) & set(self.hypers)
        if names - set(self.mono):
            raise NeedsValue(frozenset(names))

    def _let(self, node: ast.Let) -> None:
        value = self.ev(node.value)
        if value is not POISON and is_tensor(value):
            value = self.error("E0402", "`let` names a number; tensors are computed in methods", node.value)
        elif is_module(value):
            hint = "write it there without `let`"
            value = self.error(
                "E0408", "`let` names a number; layers stand in `layers:`", node.value, help=hint
            )
        self.lets[node.name.id] = value

    # --- dims ---

    def declare(self, methods: list[ast.Method]) -> None:
        """The dims that the methods' inputs bind."""
        required: set[str] = set()
        for m in methods:
            for item in m.inputs:
                optional = isinstance(item.type, ast.OptionalType)
                for name in _dim_names(item.type):
                    if isinstance(name, ast.Name):
                        self._declare(name.id, optional, required)
                    elif isinstance(name.value, ast.Name) and name.value.id not in self.dims:
                        self.dims[name.value.id] = Pack(name.value.id)

    def _declare(self, name: str, optional: bool, required: set[str]) -> None:
        if name in self.hypers or name in self.loops or name in self.lets or self._is_constant(name):
            return
        if any(
            isinstance(p, ast.Let) and p.name.id == name for p in getattr(self.definition.node, "parts", ())
        ):
            return
        if not optional:
            required.add(name)
        if name not in self.dims or (not optional and isinstance(self.dims[name], Dim)):
            self.dims[name] = symbol(name, 1 if name in required else 0)

    def _is_constant(self, name: str) -> bool:
        found = self.scope.names.get(name)
        return found is not None and isinstance(found.node, ast.ConstantDef)

    @contextmanager
    def in_scope(self, definition: object) -> Iterator[None]:
        """Names of a type mean what they mean in the file that states it."""
        assert isinstance(definition, Def)
        scope: Scope = self.scope
        self.scope = definition.scope
        try:
            yield
        finally:
            self.scope = scope

    # --- methods ---

    def own_method(self, name: str, node: object) -> MethodSummary | None:
        """The summary of one of this block's methods, checked on demand."""
        found = self.summary.methods.get(name)
        if found is not None:
            return None if name in self.broken_inputs else found
        if name in self.checking:
            cycle = " -> ".join([*self.checking[self.checking.index(name) :], name])
            self.error("E0701", f"methods call each other in a circle: {cycle}", node)
            return None
        self.checking.append(name)
        saved = self.locals, self.loops, self.facts, self.path, self.bound, self.partial
        pass_, self.unrolled, self.last_pass = (self.unrolled, self.retry, self.last_pass), False, False
        types = self.result_types, self.result_value, self.results_tuple, self.returned
        nodes, own = self.result_nodes, self.own_dims
        self.loops, self.path, self.bound, self.partial = {}, [], {}, set()
        result = self.method_summary(self.methods[name])
        self.locals, self.loops, self.facts, self.path, self.bound, self.partial = saved
        self.unrolled, self.retry, self.last_pass = pass_
        self.result_types, self.result_value, self.results_tuple, self.returned = types
        self.result_nodes, self.own_dims = nodes, own
        self.checking.pop()
        return None if name in self.broken_inputs else result

    def method_summary(self, node: ast.Method, has_body: bool = True) -> MethodSummary | None:
        """Check a method."""
        result = MethodSummary(node.name.id, node)
        before = len(self.opens)
        start, self.retry = self.mark(), False
        self.locals = {}
        self.own_dims = frozenset(
            n.id if isinstance(n, ast.Name) else getattr(n.value, "id", "")
            for item in node.inputs
            for n in _dim_names(item.type)
        )
        good = self._inputs(node, result)
        declared = self._results(node)
        if not good:
            self.broken_inputs.add(node.name.id)
            self.locals = {i.name.id: self.locals.get(i.name.id, POISON) for i in node.inputs}
        self.result_types, self.result_value, self.returned = declared, None, False
        self.result_nodes = tuple(r.type for r in node.results or ())
        self.results_tuple = node.results_tuple
        if has_body:
            inputs, facts = dict(self.locals), self.facts
            ends = self.body(node.body)
            if self.retry and not self.last_pass:
                # Later statements have determined what an earlier one asked for.
                self.forget(start.reported)
                del self.opens[start.owed :]
                self.locals, self.facts, self.bound, self.path, self.partial = inputs, facts, {}, [], set()
                self.result_value, self.returned, self.last_pass = None, False, True
                ends = self.body(node.body)
                self.last_pass = False
            if not ends and not any(d.severity == "error" for d in self.diagnostics):
                self.error("E0706", f"{node.name.id} ends without a `return`", node.name)
        if declared is None:
            result.results = [self.result_value]
            result.result = self.result_value
        else:
            types = [substitute(d, dict(self.wild_values)) for d in declared]
            result.results = types
            result.result = types[0] if len(types) == 1 and not node.results_tuple else tuple(types)
        result.owed = [o for o in self.opens[before:] if self.time(o.cond) == "call"]
        for o in self.opens[before:]:
            o.at = self.time(o.cond)
        self.summary.methods[node.name.id] = result
        self.locals = self.own_dims = None
        return result

    def _inputs(self, node: ast.Method, result: MethodSummary) -> bool:
        assert self.locals is not None
        good = True
        for item in node.inputs:
            name = item.name.id
            if name in self.locals:
                self.error("E0205", f"`{name}` is an input twice", item.name)
            scalar = isinstance(item.type, ast.NamedType | ast.BoundedType)
            if name in self.dims and not scalar:
                self.error("E0206", f"the input `{name}` would hide the dim `{name}`", item.name)
            value = self._input(item, result)
            good &= value is not POISON
            self.untyped |= value is POISON
            self.locals[name] = value
            if isinstance(value, TensorType):
                self.required_inputs[name] = value
            if item.default is not None and value is not POISON:
                self._default(item, value)
        return self._bind_dims(result) and good

    def _input(self, item: ast.Input, result: MethodSummary) -> Value:
        name = item.name.id
        if isinstance(item.type, ast.NamedType | ast.BoundedType | ast.ChoiceType):
            value = self.symbolic(name, item.type)
            if isinstance(value, Dim):
                self.dims[name] = value
                result.dims[name] = value
            result.inputs.append(InputSummary(name, value, False, item.default, item))
            return value
        type = self.type_of(item.type)
        optional = isinstance(type, Maybe)
        if isinstance(type, Maybe):
            flag = f"{name} is none"
            type = Maybe(Cond.flag(flag), type.value)
            others = {n for i in result.inputs if not i.optional for n in _symbols_in(i.type)}
            result.absent[name] = [
                n
                for n in sorted(_symbols_in(type.value))
                if n in self.dims
                and n not in others
                and self.dims[n] == symbol(n, 0)
                and self._optional_only(n)
            ]
            self.absent[flag] = [symbol(n, 0) for n in result.absent[name]]
            if item.default is None:
                hint = f"write `{name}: ...? = none`"
                self.error("E0406", f"the optional input `{name}` needs a default", item.name, help=hint)
        result.inputs.append(InputSummary(name, type, optional, item.default, item))
        if isinstance(type, TensorType):
            self.came[id(type)] = (type, None, name)
        return type

    def _optional_only(self, name: str) -> bool:
        d = self.dims[name]
        return isinstance(d, Dim) and d.bounds[0] == 0

    def _default(self, item: ast.Input, value: Value) -> None:
        """`memory: float[N, S, D] = x`, `mask: ...? = none`."""
        default = item.default
        assert default is not None
        if isinstance(default, ast.Constant) and default.value is None:
            if not isinstance(value, Maybe):
                hint = "make its type optional: put `?` behind it"
                self.error("E0406", f"`{item.name.id}` may not be none", default, help=hint)
            return
        found = self.ev(default)
        if found is POISON:
            return
        wanted = value.value if isinstance(value, Maybe) else value
        if isinstance(wanted, TensorType) and not isinstance(found, TensorType):
            self.error(
                "E0404", f"the default of `{item.name.id}` is {host.kind_of(found)}, no tensor", default
            )
        elif isinstance(wanted, TensorType) and isinstance(found, TensorType):
            alike = wanted.dtype is found.dtype and len(wanted.shape) == len(found.shape)
            if not alike:
                self.error("E0308", f"`{item.name.id}` is {wanted}, but its default is {found}", default)

    def _bind_dims(self, result: MethodSummary) -> bool:
        """Which input entry tells each dim: one linear in exactly one unknown, left to right."""
        entries: list[tuple[int, tuple[int, ...], int, Dim | Pack, ast.Input]] = []
        for i, item in enumerate(result.inputs):
            inner = item.type.value if isinstance(item.type, Maybe) else item.type
            for path, t in self._always_there(inner):
                packed = next((k for k, d in enumerate(t.shape) if isinstance(d, Pack)), len(t.shape))
                for axis, d in enumerate(t.shape):
                    entries.append((i, path, axis if axis <= packed else axis - len(t.shape), d, item.node))
        unknown: dict[str, Dim | Pack] = {}
        for _, _, _, d, _ in entries:
            for name in [d.name] if isinstance(d, Pack) else sorted(d.symbols):
                if name in self.dims:
                    unknown[name] = self.dims[name]
        for item in result.inputs:
            for name in sorted(_symbols_in(item.type)):
                if name in self.dims:
                    unknown.setdefault(name, self.dims[name])
        order = [n for n in self.dims if n in unknown]
        result.dims = result.dims | {n: unknown[n] for n in order}
        left = set(unknown)
        progress = True
        while left and progress:
            progress = False
            for i, path, axis, d, _ in entries:
                bound = self._bound_by(d, left)
                if bound is not None:
                    left.discard(bound)
                    result.entries.append(Entry((i, *path), axis, d, bound))
                    progress = True
        stuck = [n for n in order if n in left]
        for name in stuck:
            entry = next((e for e in entries if not isinstance(e[3], Pack) and name in e[3].symbols), None)
            if entry is None:
                self._perhaps_nowhere(name, result)
                continue
            self.error(
                "E0307",
                f"no input tells what `{name}` is: `{entry[3]}` alone does not",
                entry[4].type,
                help=f"give `{name}` a size of its own, or make it a hyperparameter",
            )
        return not stuck

    def _always_there(
        self, value: Value, path: tuple[int, ...] = ()
    ) -> list[tuple[tuple[int, ...], TensorType]]:
        """The tensors of an input that every call has, each with its path of indices; of a list, the first."""
        if isinstance(value, Mapped):
            if not self.decide(Cond.ge(value.length, 1)):
                return []
            (index,) = value.index.symbols
            return self._always_there(substitute(value.item, {index: dim(0)}), (*path, 0))
        if isinstance(value, tuple | list):
            return [t for i, v in enumerate(value) for t in self._always_there(v, (*path, i))]
        return [(path, value)] if isinstance(value, TensorType) else []

    def _perhaps_nowhere(self, name: str, result: MethodSummary) -> None:
        """A dim that only the items of a list tell, which may have none."""
        item = next(i for i in result.inputs if name in _symbols_in(i.type))
        inner = _inner(item.type)
        length = f"{inner.length}" if isinstance(inner, Mapped) else "its length"
        self.error(
            "E0307",
            f"no input tells what `{name}` is where the list `{item.name}` is empty",
            item.node.type,
            help=f"state `require {length} >= 1`, or give another input a size `{name}`",
        )

    def _bound_by(self, d: Dim | Pack, left: set[str]) -> str | None:
        if isinstance(d, Pack):
            return d.name if d.name in left else None
        unknown = d.symbols & left
        if len(unknown) != 1:
            return None
        (name,) = unknown
        return name if linear(d, name) is not None else None

    def _results(self, node: ast.Method) -> list[Value] | None:
        if node.results is None:
            return None
        found: list[Value] = []
        for r in node.results:
            if r.name is not None and r.name.id in [x.name.id for x in node.results if x.name and x is not r]:
                self.error("E0205", f"two results are called `{r.name.id}`", r.name)
            value = self.type_of(r.type)
            if isinstance(value, Maybe):
                value = Maybe(Cond.flag(f"{r.name.id if r.name else 'result'} is none"), value.value)
            found.append(value)
        return found

    # --- what is left at the end ---

    def _finish(self, node: ast.Block, methods: list[ast.Method]) -> None:
        if not methods and node.alias is None:
            self.error("E0706", f"{node.name.id} has no `forward`", node.name, help=_FORWARD)
        elif methods and "forward" not in self.methods and node.kind == "model":
            self.error("E0706", f"the model {node.name.id} has no `forward`", node.name, help=_FORWARD)
        if self.diagnostics or self.tainted:
            self._leave()
            return
        self._unused(node)
        if self.fit_items():
            self._undetermined()
        self._implicit(node)
        self._leave()

    def _leave(self) -> None:
        order = [n for n in self.dims if n in self.static_dims]
        self.summary.dims = {n: self.static_dims[n] for n in order}
        self.summary.members = self.members
        self.summary.owed = [o for o in self.opens if self.time(o.cond) == "init"]
        for m in self.summary.methods.values():
            m.owed = [o for o in m.owed if self.time(o.cond) == "call"]

    def _unused(self, node: ast.Block) -> None:
        """Unused: on no static path, in no method."""
        for part in node.parts:
            if isinstance(part, ast.LayersSection):
                for item in part.items:
                    name = item.name.id
                    if name in self.used or self.members.get(name) is None:
                        continue
                    if isinstance(item, ast.Param) and item.kind == "buffer":
                        continue
                    what = "layer" if isinstance(item, ast.Layer) else item.kind
                    self.error(
                        "E0707",
                        f"the {what} `{name}` is never used",
                        item.name,
                        help="use it in `forward`, or remove it: its parameters would be in every checkpoint",
                    )
        for h in node.hypers or ():
            if h.name.id not in self.used:
                self.error(
                    "E0708", f"the hyperparameter `{h.name.id}` is never used", h.name, help="remove it"
                )

    def _undetermined(self) -> None:
        for cells in self.cells.values():
            for cell in cells:
                for name in cell.value.symbols & set(self.carried) if cell.value is not None else ():
                    if self.carried[name].owner is None:
                        self.error(
                            "E0307",
                            f"{cell.name} changes from iteration to iteration, and no formula was found for it",
                            cell.node,
                            help="write the size out in terms of the loop's variable",
                        )
                        return
                if cell.value is None and isinstance(cell.node, ast.Hole):
                    self.error(
                        "E0307",
                        f"nothing determines this `_` ({cell.name}): the layer is never run",
                        cell.node,
                        help="write the size out",
                    )
                    return

    def running(self, node: ast.Comprehension) -> list[str]:
        """The running sizes along a comprehension that some layer needs."""
        own = {n for n, c in self.carried.items() if c.owner is node}
        if not own:
            return []
        needed = frozenset().union(
            *(c.value.symbols for cs in self.cells.values() for c in cs if c.value is not None)
        )
        return [n for n in self.carried if n in own & needed]

    def _implicit(self, node: ast.Block) -> None:
        """Implicit dims occur in a required input; a model has none."""
        if node.kind == "model":
            for name in self.static_dims:
                cell = next(
                    (
                        c
                        for cs in self.cells.values()
                        for c in cs
                        if c.value is not None and name in c.value.symbols
                    ),
                    None,
                )
                at = _naming(node, name) if cell is None else cell.node
                what = (
                    "construction"
                    if cell is None
                    else f"this {'`_`' if isinstance(cell.node, ast.Hole) else 'block'}"
                )
                self.error(
                    "E0311",
                    f"{what} needs `{name}`, which only a call of {node.name.id} knows",
                    at,
                    help=f"make `{name}` a hyperparameter of {node.name.id} with a default, or a number",
                )
            return
        for name in self.static_dims:
            if self._optional_only(name):
                self.error(
                    "E0311",
                    f"the layers need `{name}`, which only an optional input tells",
                    node.name,
                    help=f"make `{name}` a hyperparameter",
                )


_STATE = re.compile(r"state `require (.*)` if that always holds")
_FORWARD = "say what flows in and out: `forward(x: float[N, 4]) -> float[N, 4]:`"


def _naming(node: ast.Block, name: str) -> Node:
    """Where `layers:` or another part outside of methods names a dim."""
    parts = [p for p in node.parts if not isinstance(p, ast.Method)]
    found = (n for p in parts for n in walk(p) if isinstance(n, ast.Name) and n.id == name)
    return min(found, key=lambda n: n.span.start, default=node.name)


def _for_container(d: Diagnostic, node: ast.Block, shape: list[Dim | Pack]) -> Diagnostic:
    """A mistake whose fix is a `require`, which a container has no place for."""
    stated = _STATE.fullmatch(d.help or "")
    if stated is None:
        return d
    names = ", ".join(f"*{s.name}" if isinstance(s, Pack) else str(s) for s in shape)
    help = (
        f"a container states no `require`: write {node.name.id} as a block with "
        f"`forward(x: float[{names}]) -> ...`, and `require {stated[1]}` in it"
    )
    return d.replace(help=help)


def _as_forward(node: ast.Block) -> ast.Method:
    """The forward that a container has without saying so."""
    name = ast.Name(id="forward", span=node.name.span)
    tensor = ast.TensorType(dtype="float", dims=(), span=node.name.span)
    item = ast.Input(
        name=ast.Name(id="input", span=node.name.span), type=tensor, default=None, span=node.name.span
    )
    return ast.Method(name=name, inputs=(item,), results=None, doc=None, body=(), span=node.span)


def as_method(node: ast.Function) -> ast.Method:
    """A function over tensors as the method that it is."""
    return ast.Method(
        name=node.name,
        inputs=node.inputs,
        results=node.results,
        doc=node.doc,
        body=node.body,
        results_tuple=node.results_tuple,
        span=node.span,
    )


def _declared(node: ast.Block, methods: list[ast.Method]) -> list[tuple[ast.Name, str]]:
    found = [(h.name, "hyperparameter") for h in node.hypers or ()]
    for part in node.parts:
        if isinstance(part, ast.LayersSection):
            found += [(i.name, "layer" if isinstance(i, ast.Layer) else i.kind) for i in part.items]
        elif isinstance(part, ast.Let):
            found.append((part.name, "let"))
    return found + [(m.name, "method") for m in methods]


def _dim_names(type: object) -> Iterator[ast.Name | ast.Star]:
    """The names in a type's dims, in order."""
    if isinstance(type, ast.TensorType):
        for d in type.dims:
            yield from _names_in(d)
    elif isinstance(type, ast.OptionalType):
        yield from _dim_names(type.base)
    elif isinstance(type, ast.TupleType):
        for t in type.items:
            yield from _dim_names(t)
    elif isinstance(type, ast.TensorListType):
        own = type.generator.target
        for name in [*_dim_names(type.item), *_names_in(type.generator.iterable)]:
            if isinstance(name, ast.Name) and isinstance(own, ast.Name) and name.id == own.id:
                continue
            yield name


def _names_in(node: object) -> Iterator[ast.Name | ast.Star]:
    if isinstance(node, (ast.Name, ast.Star)):
        yield node
    elif isinstance(node, ast.Unary):
        yield from _names_in(node.operand)
    elif isinstance(node, ast.Binary):
        yield from _names_in(node.left)
        yield from _names_in(node.right)
    elif isinstance(node, ast.Call):
        for a in node.args:
            yield from _names_in(a.value)


def _symbols_in(value: Value) -> frozenset[str]:
    names = type_symbols(value)
    packs = {d.name for _, t in tensors(_inner(value)) for d in t.shape if isinstance(d, Pack)}
    return names | packs


def _inner(value: Value) -> Value:
    return value.value if isinstance(value, Maybe) else value
