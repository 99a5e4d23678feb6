"""Methods of a constructed model run on tensors of which only the types are known.

`Execution` runs statements and calls. What a call of the library makes is added by those who know: the ONNX target
emits nodes, `accounting` notes what happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from spec_lang.ir import model, operators
from spec_lang.ir.arithmetic import Host, HostError, plain
from spec_lang.ir.binding import bind_dims
from spec_lang.ir.conditions import condition_of
from spec_lang.ir.evaluate import Env, EvaluationError, bind_target
from spec_lang.ir.instantiate import broken
from spec_lang.ir.paths import ParamPath, Paths
from spec_lang.ir.templates import BlockTemplate, ExternTemplate, Instance, OpTemplate
from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, Cx, Function, Layer, Op, OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import Cond, Dim, Facts, TensorType, dim


class Returned(Exception):
    """A method's result, from wherever in its body."""

    def __init__(self, value: Host) -> None:
        self.value = value


class Execution(Paths):
    """Runs methods of a constructed model."""

    # --- What others add ----------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """What is known of the sizes."""
        raise NotImplementedError

    def learn(self, cond: Cond) -> None:
        """Take a condition as a fact."""
        raise NotImplementedError

    def of_layer(self, op: Layer, values: Mapping[str, Host], types: Any) -> Host:
        """What a layer of the library gives, of these types."""
        raise NotImplementedError

    def of_function(self, op: Function, types: Any) -> Host:
        """What a function of the library gives, of these types."""
        raise NotImplementedError

    def of_extern(
        self,
        definition: model.Extern,
        values: Mapping[str, Host],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
    ) -> Host:
        """What a layer or function that somebody wrote in Python gives."""
        raise NotImplementedError

    def stored(self, at: Instance, name: str) -> Host:
        """A parameter or buffer of a module."""
        raise NotImplementedError

    path = ""
    """The module whose work is done."""

    @contextmanager
    def within(self, path: str | None) -> Iterator[None]:
        """The module whose work comes next; None for the one that it is."""
        outer = self.path
        self.path = outer if path is None else path
        try:
            yield
        finally:
            self.path = outer

    def called(self, name: str, value: Host) -> None:
        """A statement gives a value a name."""

    def looped(self, s: model.For, env: Env) -> bool:
        """Whether a loop was run as a whole, and not step by step."""
        return False

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
                env.locals[i.name] = given[i.name]
            else:
                env.locals[i.name] = None if i.default is None else self.value(i.default, env)
        self.prepare(method, at, env)
        with self.within(None if at is None else at.path):
            return self.body(method.body, env)

    def prepare(self, method: model.Method, at: Instance | None, env: Env) -> None:
        """Bind the dims of a call, and take its conditions as facts."""
        bind_dims(self, method.dims, env, method.inputs)
        if at is not None and isinstance(at.template, BlockTemplate):
            block = at.template.definition
            for let in block.lets:
                if let.at == "call":
                    env.values[let.name] = self.value(let.value, env)
            for require in block.requires:
                if require.at == "call":
                    self.assume(require, env, method.span)
        for require in method.checks:
            self.assume(require, env, method.span)

    def assume(self, require: model.Require, env: Env, at: model.Span | None = None) -> None:
        """Take a condition that the program states or owes as a fact.

        Raises:
            EvaluationError: it fails, whatever the inputs' sizes are.
        """
        if require.open and self._fails(require, env):
            raise EvaluationError("E0601", broken(require, env), env.file, require.span or at)
        condition = condition_of(self, require.test, env)
        if condition is not None:
            self.learn(condition)

    def _fails(self, require: model.Require, env: Env) -> bool:
        try:
            return not self.condition(require.test, env)
        except EvaluationError:  # only a call's sizes tell
            return False

    def body(self, statements: Sequence[model.Statement], env: Env) -> Host:
        """What a method's body returns."""
        try:
            self.run_all(statements, env)
        except Returned as result:
            return result.value
        return None

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
        self._call_results(s.target, value)
        bind_dims(self, s.dims, env)

    def _unpacked(self, target: model.Target, value: Host, s: model.Assign, env: Env) -> Host:
        """A value as its target takes it: a tensor for several names is taken apart along its first axis."""
        if target.items is None:
            return value
        if isinstance(value, TensorType):
            value = tuple(self.part(value, i, s, env) for i in range(len(target.items)))
        return tuple(self._unpacked(t, v, s, env) for t, v in zip(target.items, value, strict=True))

    def part(self, x: TensorType, i: int, s: model.Assign, env: Env) -> Host:
        """One of the tensors that a tensor is along its first axis."""
        return self.function(operators.INDEXING, [x, (i,)], {}, s, env)

    def _call_results(self, target: model.Target, value: Host) -> None:
        if target.items is not None:
            for t, v in zip(target.items, value, strict=True):
                self._call_results(t, v)
        elif target.name is not None:
            self.called(target.name, value)

    def _append(self, s: model.Append, env: Env) -> None:
        names = env.locals if s.name in env.locals else env.values
        names[s.name] = [*names[s.name], *self.value(s.value, env)]

    def _return(self, s: model.Return, env: Env) -> None:
        raise Returned(self.value(s.value, env))

    def _for(self, s: model.For, env: Env) -> None:
        if self.looped(s, env):
            return
        for value in self.items(self.value(s.iterable, env), s.iterable, env):
            bind_target(s.target, value, env.values)
            bind_target(s.target, value, env.locals)
            self.run_all(s.body, env)

    def steps(self, s: model.For, env: Env) -> Dim | None:
        """How many steps a loop over a `range` has whose size only a call tells; None for any other loop."""
        iterable = s.iterable
        if s.target.name is None or not isinstance(iterable, model.Call):
            return None
        if iterable.to != "builtin" or iterable.name != "range":
            return None
        args, kwargs = self.arguments(iterable, env)
        if kwargs or len(args) > 2 or not any(isinstance(a, Dim) and a.const is None for a in args):
            return None
        return dim(args[0]) if len(args) == 1 else dim(args[1]) - dim(args[0])

    def branch(self, s: model.If, env: Env) -> None:
        """Run the way of an `if` that is taken."""
        self.run_all(s.body if self.condition(s.test, env) else s.orelse, env)

    # --- Calls --------------------------------------------------------------------------------

    def run(self, node: model.Call, env: Env) -> Host:
        args, kwargs = self.arguments(node, env)
        if node.to == "op":
            return self.function(node.name, args, kwargs, node, env)
        if node.to == "method":
            return self.apply(env.module, node.name, args, kwargs, node, env)
        if node.to == "fn":
            return self._fn(node, args, kwargs, env)
        assert node.callee is not None
        callee = self.value(node.callee, env)
        if node.to == "run":
            return self._sequence(callee, args, kwargs, node, env)
        return self.apply(callee, node.name, args, kwargs, node, env)

    def _fn(self, node: model.Call, args: list[Host], kwargs: dict[str, Host], env: Env) -> Host:
        definition = self.definition(node.name, env.file)
        if isinstance(definition, model.Extern):
            return self._extern(definition, {}, "", args, kwargs, node, env)
        assert isinstance(definition, model.TensorFunction)
        return self.call(definition.method, None, args, kwargs, {}, definition.file)

    def construct(self, node: model.Call, env: Env) -> Host:
        if node.to != "extern":
            return super().construct(node, env)
        args, kwargs = self.arguments(node, env)
        definition = self.definition(node.name, env.file)
        assert isinstance(definition, model.Extern)
        return self._extern(definition, {}, "", args, kwargs, node, env)

    def _sequence(
        self, callee: Host, args: list[Host], kwargs: dict[str, Host], node: model.Call, env: Env
    ) -> Host:
        """A list of modules, each on what the one before it gave, with the same further arguments."""
        x, *rest = args
        for module in self.items(callee, node, env):
            x = self.apply(module, "forward", [x, *rest], kwargs, node, env)
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
            return self._sequence(module, list(args), dict(kwargs), node, env)
        if not isinstance(module, Instance):
            raise self.fail("E0500", "this is none here, and cannot be run", node, env)
        template = module.template
        if isinstance(template, OpTemplate):
            return self._layer(template.op, module.path, args, kwargs, node, env)
        if isinstance(template, ExternTemplate):
            return self._extern(template.definition, template.values, module.path, args, kwargs, node, env)
        if not isinstance(template, BlockTemplate) or template.definition.body is not None:
            children = [child for _, child in module.registered()]
            return self._sequence(children, list(args), dict(kwargs), node, env)
        found = next(m for m in template.definition.methods if m.name == method)
        return self.call(found, module, args, kwargs, template.values, template.definition.file)

    def _layer(
        self,
        op: Any,
        path: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Node,
        env: Env,
    ) -> Host:
        with self.within(path), self.place(op, node, env):
            values = signature.forward(type(op)).bind(args, kwargs)
            return self.of_layer(op, values, signature.infer_layer(self._cx(op), op, values))

    def function(
        self, name: str, args: Sequence[Host], kwargs: Mapping[str, Host], node: model.Node, env: Env
    ) -> Host:
        """The result of a function of the library."""
        op_class = FUNCTIONS[name]
        with self.place(op_class, node, env):
            op = signature.bind(op_class, args, kwargs)
            types = op.infer(self._cx(op))
            if isinstance(types, Dim | int | bool | float):
                return plain(types)
            return self.of_function(op, types)

    def _extern(
        self,
        definition: model.Extern,
        values: dict[str, Host],
        path: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        with self.within(path or None), self.place(definition, node, env):
            return self.of_extern(definition, values, args, kwargs)

    def _cx(self, op: Op) -> Cx:
        return Cx(self.facts, op.name)

    @contextmanager
    def place(self, what: Any, node: model.Node, env: Env) -> Iterator[None]:
        """Where in the spec something is called: what goes wrong with it is an error there."""
        try:
            yield
        except OpError as error:
            raise EvaluationError(error.code, error.message, env.file, node.span, error.help) from None

    # --- Tensors and modules in expressions -----------------------------------------------------

    def operator(self, name: str, operands: Sequence[Host], node: model.Expression, env: Env) -> Host:
        return self.function(name, operands, {}, node, env)

    def member(self, value: Host, name: str, node: model.Expression, env: Env) -> Host:
        if isinstance(value, TensorType):
            return self._of_tensor(value, name, node, env)
        found = super().member(value, name, node, env)
        return self.stored(value, name) if isinstance(found, ParamPath) else found

    def _of_tensor(self, x: TensorType, name: str, node: model.Expression, env: Env) -> Host:
        if name == "shape":
            return tuple(map(plain, x.dims))
        if name == "ndim":
            return len(x.shape)
        if name == "dtype":
            return x.dtype
        return self.function(name, [x], {}, node, env)

    def item(self, value: Host, index: Sequence[Host], node: model.Expression, env: Env) -> Host:
        if not isinstance(value, TensorType):
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


_STATEMENTS: dict[type[model.Statement], Callable[[Execution, Any, Env], None]] = {
    model.Assign: Execution._assign,
    model.Append: Execution._append,
    model.Return: Execution._return,
    model.Require: lambda e, s, env: e.assume(s, env),
    model.For: Execution._for,
    model.If: lambda e, s, env: e.branch(s, env),
}
