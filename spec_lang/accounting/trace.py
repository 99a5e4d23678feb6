"""Runs a method of a constructed model on types, and notes what is called: FLOPs, memory, which gradients are needed.

Equal layers that get equal types are run once, and a list of equal layers that keeps what it carries is run for two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from spec_lang.accounting.calls import Call, Frame, Kind
from spec_lang.accounting.counts import Count, plain, times, total
from spec_lang.accounting.gradients import training_flops
from spec_lang.accounting.kept import kept_of_op
from spec_lang.accounting.tensors import Storage, Traced, fresh, mapped, size_of, tensors_in
from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.entry import Inputs, method_named
from spec_lang.ir.evaluate import FUEL, Env, EvaluationError, bind_target
from spec_lang.ir.execution import Execution
from spec_lang.ir.externs import declared
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.state import State
from spec_lang.ir.templates import (
    BlockTemplate,
    ContainerTemplate,
    ExternTemplate,
    Instance,
    OpTemplate,
    Repeated,
)
from spec_lang.ops.base import Function, Layer, Op
from spec_lang.ops.products import Product, Products, is_free
from spec_lang.shapes import Cond, Dim, DType, Facts, TensorType, dim, symbol


class Options(Frozen):
    """What is run.

    Attributes:
        method: Which of the model's methods.
        dims: The sizes of dims that a call brings, by their names; others stay symbols.
        ranks: How many dims `*B` in an input's type stands for, by its name; 1 where it is not there.
        precision: What `float` is.
        training: Whether the model trains.
    """

    method: str = "forward"
    dims: Mapping[str, int | Dim] | None = None
    ranks: Mapping[str, int] | None = None
    precision: DType = DType.F32
    training: bool = False


class Trace(Frozen):
    """A run of a method.

    Attributes:
        options: What was asked for.
        root: The constructed model.
        state: Its tensors.
        method: The method that was run.
        call: All that was called.
        given: The bytes of the inputs.
        inputs: The tensors that the method was given, by the names of its inputs.
        flops: Where the model trains, those of its gradients are among them.
        dims: The names of dims that the inputs have.
        externs: Layers and functions that somebody wrote in Python: what they compute is not known.
    """

    options: Options
    root: Instance
    state: State
    method: model.Method
    call: Call
    flops: Count
    given: Count
    inputs: Mapping[str, Host]
    dims: frozenset[str]
    externs: tuple[str, ...]


def trace(
    program: model.Program,
    name: str,
    overrides: Mapping[str, Host] | None = None,
    options: Options | None = None,
    *,
    fuel: int = FUEL,
    runs: Callable[[model.Program, State, Options, int], Tracer] | None = None,
) -> Trace:
    """A method of the model or variant `name`, with `overrides` in place of its defaults; `runs` makes what runs it.

    Raises:
        EvaluationError: a condition fails, or what the method does depends on a size that is not given.
        KeyError: the program has no such model.
    """
    options = options or Options()
    root = Constructions(program, fuel).entry(name, overrides or {})
    template = root.template
    assert isinstance(template, BlockTemplate)
    definition = template.definition
    state = State(program, root, fuel)
    tracer = (runs or Tracer)(program, state, options, fuel)
    values = tracer.values(template)
    inputs = Inputs(
        lambda name, type: fresh(type, options.precision),
        values,
        (),
        options.ranks or {},
        options.dims or {},
        set(),
    )
    env = Env(definition.file, values.copy(), {}, root)
    method = method_named(definition, options.method, env)
    for i in method.inputs:
        if inputs.takes(i):
            env.locals[i.name] = inputs.made(i, env.file)
        else:
            env.locals[i.name] = None if i.default is None else tracer.value(i.default, env)
    given = dict(env.locals)
    frame = Frame("")
    with tracer.framed(frame):
        tracer.prepare(method, root, env)
        result = tracer.body(method.body, env)
    call = tracer.closed(frame, definition.name, "block", method.name, list(given.values()), result)
    sizes = total(s.size for s in dict.fromkeys(t.storage for v in given.values() for t in tensors_in(v)))
    flops = training_flops(call) if options.training else call.flops
    return Trace(
        options,
        root,
        state,
        method,
        call,
        flops,
        sizes,
        given,
        frozenset(inputs.shown),
        tuple(tracer.externs),
    )


class Tracer(Execution):
    """Runs methods, and notes their calls."""

    def __init__(self, program: model.Program, state: State, options: Options, fuel: int) -> None:
        super().__init__(program, fuel)
        self.state = state
        self.training = options.training
        self.precision = options.precision
        self.externs: dict[str, None] = {}
        self._facts = Facts()
        self._frame = Frame("")
        self._place: tuple[int, model.Span | None] = (0, None)
        self._known: dict[object, tuple[Call, Host]] = {}
        self._learning: dict[int, bool] = {}

    @property
    def facts(self) -> Facts:
        return self._facts

    def learn(self, cond: Cond) -> None:
        self._facts = self._facts.assume(cond)

    def values(self, template: BlockTemplate) -> dict[str, Host]:
        """A block's hyperparameters and implicit dims as its methods see them."""
        return template.values

    @contextmanager
    def framed(self, frame: Frame) -> Iterator[None]:
        """Calls are noted in this frame."""
        outer, self._frame = self._frame, frame
        try:
            yield
        finally:
            self._frame = outer

    def closed(self, frame: Frame, name: str, kind: Kind, method: str, given: Host, result: Host) -> Call:
        """The call that a frame was of."""
        return frame.closed(name, kind, method, _types(result), given, result, self._place)

    # --- The library ----------------------------------------------------------------------------

    @contextmanager
    def place(self, what: Any, node: model.Node, env: Env) -> Iterator[None]:
        outer, self._place = self._place, (env.file, node.span)
        try:
            with super().place(what, node, env):
                yield
        finally:
            self._place = outer

    def of_layer(self, op: Layer, values: Mapping[str, Host], types: Any) -> Host:
        aside = op.aside(types, **values)
        return self._op("layer", op, list(values.values()), types, lambda: op.flops(types, **values), aside)

    def of_function(self, op: Function, types: Any) -> Host:
        values = [getattr(op, name) for name in op.arguments]
        return self._op("function", op, values, types, lambda: op.flops(types), op.aside(types))

    def _op(
        self,
        kind: Kind,
        op: Op,
        values: list[Host],
        types: Any,
        products: Callable[[], Products],
        aside: Iterable[TensorType],
    ) -> Host:
        given = list(tensors_in(values))
        flops, gradients = flops_of_op(op, products)
        grad = (any(t.grad for t in given) or self._learns(op)) and not op.cuts
        result = self._made(op, given, types, grad)
        before = {t.storage for t in given}
        made = total(s.size for s in dict.fromkeys(t.storage for t in tensors_in(result)) if s not in before)
        call = Call(
            op.name,
            kind,
            "forward",
            _types(types),
            flops,
            gradients,
            made,
            made,
            () if op.cuts else tuple(given),
            tuple(tensors_in(result)),
            (),
            *self._place,
            kept_of_op(op, given, list(tensors_in(result)), aside, self.precision),
        )
        self._frame.note(call, self._frame.relative(self.path) if kind == "layer" else "", given, result)
        return result

    def _learns(self, op: Op) -> bool:
        if not isinstance(op, Layer):
            return False
        found = self._learning.get(id(op))
        if found is None:
            found = self._learning[id(op)] = any(p.learned for p in op.params())
        return found

    def _made(self, op: Op, given: Sequence[Traced], types: Any, grad: bool) -> Host:
        """The tensors that an op gives: in memory of their own, or where its first one lies."""
        first = given[0] if given else None
        shares = op.shares

        def one(type: TensorType) -> Traced:
            needs = grad and type.dtype.is_float
            if op.lies_turned:
                return Traced(
                    type.dtype, type.shape, Storage(size_of(type, self.precision)), needs, False, True
                )
            if first is not None and first.turned and op.turns:
                return Traced(type.dtype, type.shape, first.storage, needs, True)
            if first is None or not self._lies(shares, first, type):
                return fresh(type, self.precision, needs)
            return Traced(type.dtype, type.shape, first.storage, needs, first.ordered and shares != "moved")

        return mapped(types, one)

    def _lies(self, shares: str, x: Traced, type: TensorType) -> bool:
        """Whether a result lies where the op's first tensor does."""
        if shares == "ordered":
            return x.ordered
        if shares == "dtype":
            return x.dtype is type.dtype
        return shares in ("same", "moved") or (shares == "idle" and not self.training)

    def of_extern(
        self,
        definition: model.Extern,
        values: Mapping[str, Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
    ) -> Host:
        given, types = declared(self, definition, values, args, kwargs)
        result = mapped(types, lambda t: fresh(t, self.precision, t.dtype.is_float))
        self.externs[definition.name] = None
        made = total(t.storage.size for t in tensors_in(result))
        tensors = tuple(tensors_in(list(given.values()))), tuple(tensors_in(result))
        call = Call(
            definition.name, "extern", "forward", _types(result), 0, 0, made, made, *tensors, (), *self._place
        )
        path = self._frame.relative(self.path) if definition.layer else ""
        self._frame.note(call, path, list(given.values()), result)
        return result

    def stored(self, at: Instance, name: str) -> Host:
        tensor = next(t for t in self.state.own(at.template) if t.key == name)
        shape = tuple(map(dim, tensor.shape))
        return Traced(tensor.dtype, shape, Storage(0), tensor.learned, True)

    # --- Modules and functions of the program -------------------------------------------------

    def apply(
        self,
        module: Host,
        method: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        if not isinstance(module, Instance) or isinstance(module.template, ContainerTemplate):
            return super().apply(module, method, args, kwargs, node, env)
        template = module.template
        given = [*args, *kwargs.values()]
        key = _key((id(template), method, tuple(kwargs)), given)
        found = self._known.get(key) if key is not None else None
        path = self._frame.relative(module.path)
        if found is None:
            found = self._first(module, method, args, kwargs, node, env)
            if key is not None:
                self._known[key] = found
        call, outcome = found
        result = _again(outcome, list(tensors_in(given)))
        self._frame.note(call, path, given, result)
        return result

    def _first(
        self,
        module: Instance,
        method: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> tuple[Call, Host]:
        """A module's call as it is run, and what it gives in terms of what it was given."""
        frame = Frame(module.path)
        given = [*args, *kwargs.values()]
        with self.framed(frame):
            result = super().apply(module, method, args, kwargs, node, env)
        template = module.template
        if isinstance(template, OpTemplate | ExternTemplate):
            call = frame.uses[0].call
        else:
            assert isinstance(template, BlockTemplate)
            name = template.definition.name
            with self.place(template.definition, node, env):
                call = self.closed(frame, name, "block", method, given, result)
        return call, _outcome(result, list(tensors_in(given)))

    def _fn(self, node: model.Call, args: list[Host], kwargs: dict[str, Host], env: Env) -> Host:
        if isinstance(self.definition(node.name, env.file), model.Extern):
            return super()._fn(node, args, kwargs, env)
        frame = Frame(None)
        with self.framed(frame):
            result = super()._fn(node, args, kwargs, env)
        given = [*args, *kwargs.values()]
        with self.place(None, node, env):
            call = self.closed(frame, node.name.rpartition(".")[2], "fn", "", given, result)
        self._frame.note(call, "", given, result)
        return result

    def call(
        self,
        method: model.Method,
        at: Instance | None,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        values: dict[str, Host],
        file: int,
    ) -> Host:
        if at is not None and isinstance(at.template, BlockTemplate):
            values = self.values(at.template)
        return super().call(method, at, args, kwargs, values, file)

    def _sequence(
        self, callee: Host, args: list[Host], kwargs: dict[str, Host], node: model.Call, env: Env
    ) -> Host:
        """A list of modules; of one that is equal modules, the rest costs what the second one does, if that keeps types."""
        template = callee.template if isinstance(callee, Instance) else None
        if not isinstance(template, ContainerTemplate) or not isinstance(template.children, Repeated):
            return super()._sequence(callee, args, kwargs, node, env)
        x, *rest = args
        for n in range(template.children.length):
            module = callee.child(str(n))
            before = len(self._frame.uses)
            y = self.apply(module, "forward", [x, *rest], kwargs, node, env)
            left = template.children.length - n - 1
            if left and n and _alike(x, y) and len(self._frame.uses) == before + 1:
                use = self._frame.uses.pop()
                self._frame.uses.append(use.replace(count=left + 1, along=True))
                return y
            x = y
        return x

    # --- Loops ----------------------------------------------------------------------------------

    def looped(self, s: model.For, env: Env) -> bool:
        """A loop over a size that is not given: one step is run, and counted as often.

        Raises:
            EvaluationError: E0903, a step changes what it carries.
        """
        count = self.steps(s, env)
        if count is None:
            return False
        assert s.target.name is not None
        index = symbol(f"{s.target.name}.{len(self._facts.given)}", 0)
        self.learn(Cond.lt(index, count))
        carried = {n: v for n, v in env.locals.items() if n != s.target.name}
        before = list(carried.values())
        for _ in range(2):  # in the second step, gradients of all that it carries are known to be needed
            frame = Frame(self._frame.base)
            for names in (env.values, env.locals):
                bind_target(s.target, index, names)
            given = [env.locals[n] for n in carried]
            with self.framed(frame):
                self.run_all(s.body, env)
            result = [env.locals[n] for n in carried]
            for n, v in carried.items():
                if not _alike(v, env.locals[n], grads=False):
                    message = f"`{n}` is not the same before and behind a step of this loop, whose length {count} is not given"
                    raise EvaluationError("E0903", message, env.file, s.span)
        with self.place(None, s, env):
            call = self.closed(frame, s.target.name, "loop", "", given, result)
        self._frame.note(call, "", before, result, count)
        return True


def flops_of_op(op: Op, products: Callable[[], Products]) -> tuple[Count, Count]:
    """The FLOPs of an op's products, and of their gradients."""
    found = [] if is_free(type(op)) else list(products())
    return total(plain(p.flops) for p in found), total(times(plain(p.flops), _sides(p)) for p in found)


def _sides(p: Product) -> int:
    """How many sides of a product need a gradient."""
    return _needed(p.left) + _needed(p.right)


def _types(value: Host) -> Host:
    """The types of a value's tensors, in place of them."""
    return mapped(value, lambda t: TensorType(t.dtype, t.shape))


def _needed(side: Sequence[TensorType]) -> bool:
    """Whether a side of a product needs a gradient: what an op itself makes or learns does."""
    return any(not isinstance(t, Traced) or t.grad for t in side)


# --- Equal calls --------------------------------------------------------------------------------


def _key(what: tuple[object, ...], given: Sequence[Host]) -> object | None:
    """What tells a call from others, or None where its arguments cannot be compared."""
    places: dict[Storage, int] = {}

    def frozen(value: Host) -> object:
        if isinstance(value, Traced):
            at = places.setdefault(value.storage, len(places))
            return (Traced, value.dtype, value.shape, value.grad, value.ordered, value.turned, at)
        if isinstance(value, list | tuple):
            return (type(value), *map(frozen, value))
        return type(value), value

    key = (what, *map(frozen, given))
    try:
        hash(key)
    except TypeError:
        return None
    return key


class _Given(TensorType):
    """A result that is one of the tensors that a call was given."""

    def __init__(self, at: int) -> None:
        self.at = at


class _New(TensorType):
    """A result in memory of its own, or in that of a tensor that the call was given."""

    def __init__(self, x: Traced, at: int, own: bool) -> None:
        super().__init__(x.dtype, x.shape)
        self.x = x
        self.at = at
        self.own = own


def _outcome(result: Host, given: Sequence[Traced]) -> Host:
    """A result in terms of what was given."""
    places = [t.storage for t in given]
    own: list[Storage] = []

    def one(x: TensorType) -> TensorType:
        assert isinstance(x, Traced)
        same = next((i for i, t in enumerate(given) if t is x), None)
        if same is not None:
            return _Given(same)
        if x.storage in places:
            return _New(x, places.index(x.storage), False)
        if x.storage not in own:
            own.append(x.storage)
        return _New(x, own.index(x.storage), True)

    return mapped(result, one)


def _again(outcome: Host, given: Sequence[Traced]) -> Host:
    """The result of an equal call, for what that was given."""
    own: dict[int, Storage] = {}

    def one(x: TensorType) -> TensorType:
        if isinstance(x, _Given):
            return given[x.at]
        assert isinstance(x, _New)
        old = x.x
        storage = own.setdefault(x.at, Storage(old.storage.size)) if x.own else given[x.at].storage
        return Traced(old.dtype, old.shape, storage, old.grad, old.ordered, old.turned)

    return mapped(outcome, one)


def _alike(a: Host, b: Host, grads: bool = True) -> bool:
    """Whether two values have equal types."""
    if isinstance(a, Traced) and isinstance(b, Traced):
        same = (a.dtype, a.shape) == (b.dtype, b.shape)
        return same and (not grads or (a.grad, a.ordered) == (b.grad, b.ordered))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(_alike(x, y, grads) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and (isinstance(a, Instance) or a == b)
