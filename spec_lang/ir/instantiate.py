"""From a checked program and values for its hyperparameters to a tree of modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, check_length
from spec_lang.ir.evaluate import FUEL, Constructor, Env, EvaluationError, Evaluator, bind_target
from spec_lang.ir.templates import (
    BlockTemplate,
    Child,
    ContainerTemplate,
    ExternTemplate,
    Instance,
    OpTemplate,
    Repeated,
    Template,
)
from spec_lang.ops import signature
from spec_lang.ops.base import LAYERS, Layer, OpError
from spec_lang.shapes import TooLarge


class Initialiser:
    """An initialiser with its arguments (`normal(std=0.02)`)."""

    __slots__ = ("args", "kwargs", "name")

    def __init__(self, name: str, args: Sequence[Host], kwargs: Mapping[str, Host]) -> None:
        self.name = name
        self.args = args
        self.kwargs = kwargs


def instantiate(
    program: model.Program,
    name: str,
    overrides: Mapping[str, Host] | None = None,
    *,
    fuel: int = FUEL,
) -> Instance:
    """The model (or variant of one) called `name`, constructed with `overrides` in place of its defaults.

    Raises:
        EvaluationError: a condition does not hold, or the values do not fit.
        KeyError: the program has no such model.
    """
    return Constructions(program, fuel).entry(name, overrides or {})


class Constructions(Evaluator):
    """Evaluates what stands in `layers:`; equal calls give one template."""

    def __init__(self, program: model.Program, fuel: int = FUEL) -> None:
        super().__init__(program, fuel)
        self._made: dict[tuple[object, ...], Template] = {}
        self._nesting: list[str] = []

    def entry(self, name: str, overrides: Mapping[str, Host]) -> Instance:
        """The model or variant called `name` in the program's entry file."""
        definition = self.definition(name, 0)
        env = Env(definition.file, {})
        args: list[Host] = []
        kwargs: dict[str, Host] = {}
        while isinstance(definition, model.Variant):
            env = Env(definition.file, {})
            own, named = self._variant(definition, env)
            args, kwargs = args or own, named | kwargs
            definition = self.definition(definition.base, definition.file)
        if not isinstance(definition, model.Block):
            raise KeyError(name)
        names = [h.name for h in definition.hypers]
        positional = dict(zip(names, args, strict=False))
        unknown = [o for o in overrides if o not in names]
        if unknown:
            raise EvaluationError(
                "E0512",
                f"{name} has no hyperparameter {unknown[0]}",
                definition.file,
                definition.span,
                f"its hyperparameters are: {', '.join(names)}" if names else None,
            )
        return Instance(self._block(definition, [], positional | kwargs | dict(overrides), {}, None, env), "")

    def _variant(self, definition: model.Variant, env: Env) -> tuple[list[Host], dict[str, Host]]:
        args = self.sequence(definition.args, env)
        kwargs = {k.name: self.value(k.value, env) for k in definition.kwargs if k.name is not None}
        return args, kwargs

    # --- Calls that make something ------------------------------------------------------------

    def construct(self, node: model.Call, env: Env) -> Host:
        args, kwargs = self.arguments(node, env)
        if node.to == "init":
            return Initialiser(node.name, args, kwargs)
        if node.to == "make" and node.name == "partial":
            return self._partial(args[0], args[1:], kwargs)
        if node.to == "make" and node.name == "Sequential":
            return self._sequential(args, kwargs)
        dims = {d.name: self.value(d.value, env) for d in node.dims if d.name is not None}
        return self.make(self._target(node, env), args, kwargs, dims, node, env)

    def _target(self, node: model.Call, env: Env) -> Host:
        if node.to == "make":
            return LAYERS[node.name]
        if node.to == "value":
            assert node.callee is not None
            return self.value(node.callee, env)
        return self.definition(node.name, env.file)

    def _partial(self, inner: Host, args: Sequence[Host], kwargs: Mapping[str, Host]) -> Constructor:
        assert isinstance(inner, Constructor)
        return Constructor(inner.target, (*inner.args, *args), inner.kwargs | dict(kwargs))

    def make(
        self,
        target: Host,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        dims: Mapping[str, Host],
        node: model.Call | None,
        env: Env,
    ) -> Template:
        """A module of a layer class, a block, a variant or an extern."""
        while isinstance(target, Constructor | model.Variant):
            if isinstance(target, Constructor):
                args, kwargs = (*target.args, *args), target.kwargs | dict(kwargs)
                target = target.target
            else:
                own, named = self._variant(target, Env(target.file, {}))
                args, kwargs = (*own, *args), named | dict(kwargs)
                target = self.definition(target.base, target.file)
        key = _key(target, args, kwargs, dims)
        found = self._made.get(key) if key is not None else None
        if found is None:
            found = self._make(target, args, kwargs, dims, node, env)
            if key is not None:
                self._made[key] = found
        return found

    def _make(
        self,
        target: Host,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        dims: Mapping[str, Host],
        node: model.Call | None,
        env: Env,
    ) -> Template:
        if isinstance(target, model.Block):
            return self._block(target, args, kwargs, dims, node, env)
        if isinstance(target, model.Extern):
            return ExternTemplate(target, self.bind(target.hypers, args, kwargs, Env(target.file, {})))
        return self._op(target, args, kwargs, node, env)

    def _op(
        self,
        target: type[Layer],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call | None,
        env: Env,
    ) -> OpTemplate:
        plain = [_as_argument(a) for a in args]
        try:
            return OpTemplate(signature.bind(target, plain, {k: _as_argument(v) for k, v in kwargs.items()}))
        except OpError as error:
            span = None if node is None else node.span
            raise EvaluationError(error.code, error.message, env.file, span, error.help) from None
        except TooLarge as error:
            raise EvaluationError(
                "E0801", str(error), env.file, None if node is None else node.span
            ) from None

    # --- Blocks -------------------------------------------------------------------------------

    def _block(
        self,
        definition: model.Block,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        dims: Mapping[str, Host],
        node: model.Call | None,
        env: Env,
    ) -> BlockTemplate:
        if len(self._nesting) > 200:
            raise EvaluationError(
                "E0802", f"{definition.name} is nested too deeply", env.file, definition.span
            )
        inner = Env(definition.file, {})
        inner.values = self.bind(definition.hypers, args, kwargs, inner)
        inner.values.update((d, dims[d]) for d in definition.dims)
        children: dict[str, Child] = {}
        for let in definition.lets:
            if let.at == "init":
                inner.values[let.name] = self.value(let.value, inner)
        self._require(definition, inner, node, env)
        self._nesting.append(definition.name)
        for member in definition.members:
            if isinstance(member, model.Layer):
                children[member.name] = self._child(self.value(member.value, inner), member, inner)
        if definition.body is not None:
            body = self._child(self.value(definition.body, inner), definition.body, inner)
            assert isinstance(body, ContainerTemplate)
            children.update(body.children)
        self._nesting.pop()
        return BlockTemplate(definition, inner.values, children)

    def _require(self, definition: model.Block, inner: Env, node: model.Call | None, env: Env) -> None:
        for r in definition.constructing:
            if not self.condition(r.test, inner):
                at, file = (node.span, env.file) if node is not None else (r.span, definition.file)
                raise EvaluationError("E0601", broken(r, inner), file, at)

    def _child(self, value: Host, node: model.Node, env: Env) -> Child:
        if value is None or isinstance(value, Template):
            return value
        if isinstance(value, list | tuple):
            if len(value) > 1 and isinstance(value[0], Template) and value.count(value[0]) == len(value):
                return ContainerTemplate("list", Repeated(value[0], len(value)))
            return ContainerTemplate("list", {str(i): self._child(v, node, env) for i, v in enumerate(value)})
        if isinstance(value, dict):
            return ContainerTemplate("dict", {str(k): self._child(v, node, env) for k, v in value.items()})
        raise self.fail("E0500", "this is no layer", node, env)

    def _sequential(self, args: Sequence[Host], kwargs: Mapping[str, Host]) -> ContainerTemplate:
        """`Sequential`: what is none is left out, without taking an index."""
        children: dict[str, Child] = {}
        for a in args:
            if a is not None:
                children[str(len(children))] = self._child(a, _NOWHERE, _NO_ENV)
        for name, a in kwargs.items():
            if a is not None:
                children[name] = self._child(a, _NOWHERE, _NO_ENV)
        return ContainerTemplate("Sequential", children)

    def items(self, value: Host, node: model.Expression, env: Env) -> Sequence[Host]:
        """What iterating gives; over a `Sequential`, its layers."""
        if isinstance(value, ContainerTemplate):
            return list(value.children.values())
        return super().items(value, node, env)

    def listed(self, node: model.List, env: Env) -> Host:
        """Of layers, an item that is none is left out, unless it stands in a comprehension, where it keeps its place."""
        if node.type is None or node.type.kind != "module":
            return super().listed(node, env)
        found: list[Host] = []
        for item in node.items:
            if isinstance(item, model.Star):
                found.extend(self.items(self.value(item.value, env), item, env))
            elif (value := self.value(item, env)) is not None:
                found.append(value)
        return found

    def comprehension(self, node: model.Comprehension, env: Env) -> Host:
        """As an evaluator does, but evaluates an item that is the same each time once."""
        if len(node.generators) != 1 or node.carry or node.key is not None or node.generators[0].tests:
            return super().comprehension(node, env)
        generator = node.generators[0]
        names = _target_names(generator.target)
        if isinstance(node.value, model.Star) or names & names_in(node.value):
            return super().comprehension(node, env)
        values = self.items(self.value(generator.iterable, env), generator.iterable, env)
        check_length(len(values))
        if not len(values):
            return []
        inner = env.inner()
        bind_target(generator.target, values[0], inner.values)
        return [self.value(node.value, inner)] * len(values)


_NOWHERE = model.make(model.Node)
_NO_ENV = Env(0, {})


def _as_argument(value: Host) -> Host:
    """A module as the layer that an op takes."""
    return value.op if isinstance(value, OpTemplate) else value


def _key(
    target: Host, args: Sequence[Host], kwargs: Mapping[str, Host], dims: Mapping[str, Host]
) -> tuple[object, ...] | None:
    """What tells a construction from others, or None where its arguments cannot be compared."""
    try:
        parts = [_frozen(a) for a in args]
        named = [(k, _frozen(v)) for k, v in kwargs.items()]
        key = (id(target), *parts, None, *named, None, *dims.items())
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Host) -> object:
    """A host value with its type, as 1, 1.0 and true are equal."""
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_frozen, value))
    if isinstance(value, Template):
        return id(value)
    if isinstance(value, Constructor):
        return id(value.target), _frozen(value.args), tuple((k, _frozen(v)) for k, v in value.kwargs.items())
    return type(value), value


def _target_names(target: model.Target) -> set[str]:
    if target.items is None:
        return set() if target.name is None else {target.name}
    return set().union(*map(_target_names, target.items))


def broken(require: model.Require, env: Env) -> str:
    """What to say of a condition that fails: its reason, and the values of its names."""
    values = ", ".join(f"{n}={env.values[n]}" for n in sorted(names_in(require.test) & env.values.keys()))
    return f"{require.message} ({values})" if values else require.message


def names_in(node: Any) -> frozenset[str]:
    """All names in an expression."""
    if isinstance(node, model.Name):
        return frozenset((node.id,))
    if isinstance(node, tuple):
        return frozenset().union(*map(names_in, node))
    if not isinstance(node, model.Node):
        return frozenset()
    return frozenset().union(*(names_in(v) for k, v in node.__dict__.items() if k not in ("type", "span")))
