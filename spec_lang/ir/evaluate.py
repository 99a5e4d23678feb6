"""Expressions of a checked program with values for the hyperparameters: pure, and bounded by fuel.

`Evaluator` knows host values. Modules and tensors are added by those who know them: `instantiate` constructs layers,
and the ONNX target runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from spec_lang.diagnostics import Diagnostic, Label, Source
from spec_lang.diagnostics import Span as TextSpan
from spec_lang.ir import builtins, model, operators
from spec_lang.ir.arithmetic import (
    Host,
    HostError,
    binary,
    check_length,
    chosen,
    compare,
    open_condition,
    plain,
    truth,
    unary,
)
from spec_lang.shapes import Dim, DType, TensorType, TooLarge

FUEL: Final = 5_000_000
"""Steps that one program may take."""


class EvaluationError(Exception):
    """A program that fails with these values.

    Attributes:
        code: A key of the table of codes.
        message: One line.
        file: The index of the file in `Program.files`.
        span: The place there, where there is one.
        help: A likely fix.
    """

    def __init__(
        self, code: str, message: str, file: int, span: model.Span | None, help: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.file = file
        self.span = span
        self.help = help

    def diagnostic(self, program: model.Program, sources: Mapping[str, Source]) -> Diagnostic:
        """The error as a diagnostic; `sources` are the texts by the paths of `Program.files`.

        Without the text that was checked, the diagnostic has the line and column alone.
        """
        file = program.files[self.file]
        source = sources.get(file.path)
        if self.span is None:
            label = Label(source or Source(file.path, ""), TextSpan(0, 0))
        else:
            if source is None or source.starts != file.lines:
                source = Source(file.path, "", file.lines)
            label = Label(source, TextSpan(*self.span))
        return Diagnostic(self.code, self.message, label, help=self.help)


class Env:
    """What names mean in one place: `values` holds hyperparameters, dims, lets and loop variables."""

    __slots__ = ("file", "locals", "module", "values")

    def __init__(
        self,
        file: int,
        values: dict[str, Host],
        locals: dict[str, Host] | None = None,
        module: Any = None,
    ) -> None:
        self.file = file
        self.values = values
        self.locals = {} if locals is None else locals
        self.module = module

    def inner(self) -> Env:
        """The same names, to which a loop may add its own."""
        return Env(self.file, self.values.copy(), self.locals, self.module)


class Constructor:
    """A layer, block or extern as a value, with the arguments that `partial` fixed."""

    __slots__ = ("args", "kwargs", "target")

    def __init__(
        self, target: Host, args: tuple[Host, ...] = (), kwargs: Mapping[str, Host] | None = None
    ) -> None:
        self.target = target
        self.args = args
        self.kwargs = dict(kwargs or {})


class RecordValue:
    """A record with its fields."""

    __slots__ = ("definition", "fields")

    def __init__(self, definition: model.Record, fields: dict[str, Host]) -> None:
        self.definition = definition
        self.fields = fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordValue) and (
            self.definition is other.definition and self.fields == other.fields
        )

    __hash__ = None  # type: ignore[assignment]  # fields may be lists

    def __repr__(self) -> str:
        return f"{self.definition.name}({', '.join(f'{k}={v!r}' for k, v in self.fields.items())})"


DTYPES: Final = {d.value: d for d in DType} | {"int": DType.I64}
NAMES: Final[dict[str, Host]] = {
    **{name: row.value for name, row in builtins.CONSTANTS.items()},
    **DTYPES,
}


class Evaluator:
    """Evaluates the expressions of one program.

    Attributes:
        training: Whether the model trains.
    """

    training = False

    def __init__(self, program: model.Program, fuel: int = FUEL) -> None:
        self.program = program
        self.fuel = fuel
        self.depth = 0
        self._modules = {f.module: i for i, f in enumerate(program.files)}
        self._definitions = {(d.file, d.name): d for d in program.definitions}
        self._constants: dict[tuple[int, str], Host] = {}

    def definition(self, name: str, file: int) -> model.Definition:
        """What a name defines: `Name` in the file itself, `module.Name` in another one."""
        module, _, last = name.rpartition(".")
        return self._definitions[self._modules[module] if module else file, last]

    def spend(self, node: model.Node, env: Env) -> None:
        """Count a step.

        Raises:
            EvaluationError: there were too many.
        """
        self.fuel -= 1
        if self.fuel < 0:
            raise EvaluationError("E0802", "the program takes too many steps", env.file, node.span)

    def value(self, node: model.Expression, env: Env) -> Host:
        """The value of an expression.

        Raises:
            EvaluationError: it has none.
        """
        self.spend(node, env)
        rule = _RULES[type(node)]
        try:
            return rule(self, node, env)
        except HostError as error:
            raise EvaluationError(error.code, error.message, env.file, node.span, error.help) from None
        except TooLarge as error:
            raise EvaluationError("E0801", str(error), env.file, node.span) from None

    def condition(self, node: model.Expression, env: Env) -> bool:
        """The value of a test."""
        value = self.value(node, env)
        try:
            return truth(value)
        except HostError as error:
            raise EvaluationError(error.code, error.message, env.file, node.span) from None

    def fail(self, code: str, message: str, node: model.Node, env: Env, help: str | None = None) -> Exception:
        """An error to raise."""
        return EvaluationError(code, message, env.file, node.span, help)

    # --- What others add ----------------------------------------------------------------------

    def module(self, name: str, node: model.Expression, env: Env) -> Host:
        """A layer or parameter of the block."""
        raise self.fail("E0500", f"{name} has no value here", node, env)

    def construct(self, node: model.Call, env: Env) -> Host:
        """A call that makes a layer, a block or an extern."""
        raise self.fail("E0500", f"{node.name} cannot be made here", node, env)

    def run(self, node: model.Call, env: Env) -> Host:
        """A call of an op, a module or a method on tensors."""
        raise self.fail("E0500", f"{node.name} cannot be run here", node, env)

    def operator(self, name: str, operands: Sequence[Host], node: model.Expression, env: Env) -> Host:
        """An operator on a tensor, by the name of its function."""
        raise self.fail("E0500", "a tensor has no value here", node, env)

    def member(self, value: Host, name: str, node: model.Expression, env: Env) -> Host:
        """An attribute of a module or tensor."""
        raise self.fail("E0500", f"there is no {name} here", node, env)

    def item(self, value: Host, index: Sequence[Host], node: model.Expression, env: Env) -> Host:
        """An item of a container of modules, or a part of a tensor."""
        raise self.fail("E0500", "this has no items", node, env)

    def items(self, value: Host, node: model.Expression, env: Env) -> Sequence[Host]:
        """What iterating over a value gives."""
        if isinstance(value, dict):
            return list(value)
        if isinstance(value, list | tuple | range | str):
            return value
        raise self.fail("E0500", "this cannot be iterated over", node, env)

    # --- Calls --------------------------------------------------------------------------------

    def arguments(self, node: model.Call, env: Env) -> tuple[list[Host], dict[str, Host]]:
        """The values of a call's arguments."""
        args: list[Host] = []
        for a in node.args:
            if isinstance(a, model.Star):
                args.extend(self.items(self.value(a.value, env), a, env))
            else:
                args.append(self.value(a, env))
        kwargs: dict[str, Host] = {}
        for k in node.kwargs:
            if k.name is None:
                kwargs.update(self.value(k.value, env))
            else:
                kwargs[k.name] = self.value(k.value, env)
        return args, kwargs

    def bind(
        self,
        hypers: Sequence[model.Hyper],
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        env: Env,
    ) -> dict[str, Host]:
        """The values of a definition's hyperparameters, whose defaults stand in `env`."""
        values: dict[str, Host] = dict(zip((h.name for h in hypers), args, strict=False)) | dict(kwargs)
        for h in hypers:
            if h.name not in values:
                if h.default is None:
                    raise EvaluationError("E0511", f"{h.name} has no value", env.file, h.span)
                values[h.name] = self.value(h.default, env)
        return {h.name: values[h.name] for h in hypers}

    def _function(self, node: model.Call, env: Env) -> Host:
        definition = self.definition(node.name, env.file)
        if not isinstance(definition, model.Function):
            return self.run(node, env)
        args, kwargs = self.arguments(node, env)
        self.depth += 1
        if self.depth > 100:
            raise self.fail("E0802", f"{node.name} calls itself without end", node, env)
        inner = Env(definition.file, {})
        inner.values = self.bind(definition.inputs, args, kwargs, inner)
        result = self.value(definition.value, inner)
        self.depth -= 1
        return result

    def _record(self, node: model.Call, env: Env) -> Host:
        definition = self.definition(node.name, env.file)
        assert isinstance(definition, model.Record)
        args, kwargs = self.arguments(node, env)
        return RecordValue(definition, self.bind(definition.fields, args, kwargs, Env(definition.file, {})))

    def _builtin(self, node: model.Call, env: Env) -> Host:
        args, kwargs = self.arguments(node, env)
        args = [a if isinstance(a, _HOST) else self.items(a, node, env) for a in args]
        return builtins.call(node.name, args, kwargs)

    # --- Names --------------------------------------------------------------------------------

    def _name(self, node: model.Name, env: Env) -> Host:
        ref, name = node.ref, node.id
        if ref == "local":
            return env.locals[name] if name in env.locals else env.values[name]
        if ref in ("hyper", "dim", "let", "loop", "carry"):
            return env.values[name] if name in env.values else env.locals[name]
        if ref in ("layer", "param"):
            return self.module(name, node, env)
        if ref == "builtin":
            return self.training if name == "training" else NAMES[name]
        if ref == "op":
            from spec_lang.ops.base import LAYERS

            return Constructor(LAYERS[name])
        definition = self.definition(name, env.file)
        return (
            self.constant(definition) if isinstance(definition, model.Constant) else Constructor(definition)
        )

    def constant(self, definition: model.Constant) -> Host:
        """The value of a file-level constant."""
        key = (definition.file, definition.name)
        if key not in self._constants:
            self._constants[key] = self.value(definition.value, Env(definition.file, {}))
        return self._constants[key]

    # --- Lists --------------------------------------------------------------------------------

    def sequence(self, nodes: Sequence[model.Expression], env: Env) -> list[Host]:
        """The values of a list's items."""
        values: list[Host] = []
        for n in nodes:
            if isinstance(n, model.Star):
                values.extend(self.items(self.value(n.value, env), n, env))
            else:
                values.append(self.value(n, env))
        return values

    def listed(self, node: model.List, env: Env) -> Host:
        """A list that is written out."""
        return self.sequence(node.items, env)

    def comprehension(self, node: model.Comprehension, env: Env) -> Host:
        """A list, or a dict where there is a key."""
        inner = env.inner()
        for c in node.carry:
            inner.values[c.name] = self.value(c.start, env)
        keys: list[Host] = []
        values: list[Host] = []

        def one() -> None:
            if node.key is not None:
                keys.append(self.value(node.key, inner))
            if isinstance(node.value, model.Star) and isinstance(node.value.value, model.Dict):
                found = self.value(node.value.value, inner)
                keys.extend(found)
                values.extend(found.values())
            else:
                values.extend(self.sequence((node.value,), inner))
            inner.values.update({c.name: self.value(c.next, inner) for c in node.carry})
            check_length(len(values))

        self._generate(node.generators, inner, one)
        # What a list leaves of its running sizes is read by the layers behind it.
        env.values.update({c.name: inner.values[c.name] for c in node.carry})
        return values if not node.keyed else dict(zip(keys, values, strict=True))

    def _generate(self, generators: Sequence[model.Generator], env: Env, one: Callable[[], None]) -> None:
        if not generators:
            one()
            return
        first, *rest = generators
        for value in self.items(self.value(first.iterable, env), first.iterable, env):
            bind_target(first.target, value, env.values)
            if all(self.condition(t, env) for t in first.tests):
                self._generate(rest, env, one)


def bind_target(target: model.Target, value: Host, names: dict[str, Host]) -> None:
    """Give the names of a target their values.

    Raises:
        HostError: the value has another number of parts.
    """
    if target.items is None:
        if target.name is not None:
            names[target.name] = value
        return
    parts = list(value)
    if len(parts) != len(target.items):
        raise HostError(f"{len(target.items)} names for {len(parts)} values")
    for t, v in zip(target.items, parts, strict=True):
        bind_target(t, v, names)


_HOST = (int, float, str, list, tuple, dict, range, type(None), Dim, TensorType)


def _attribute(e: Evaluator, node: model.Attribute, env: Env) -> Host:
    value = e.value(node.value, env)
    return (
        value.fields[node.name] if isinstance(value, RecordValue) else e.member(value, node.name, node, env)
    )


def _slice(e: Evaluator, node: model.Slice, env: Env) -> Host:
    parts = (None if p is None else e.value(p, env) for p in (node.start, node.stop, node.step))
    return slice(*parts)


def _subscript(e: Evaluator, node: model.Subscript, env: Env) -> Host:
    value = e.value(node.value, env)
    index = [e.value(i, env) for i in node.index]
    if not isinstance(value, list | tuple | range | str | dict):
        return e.item(value, index, node, env)
    try:
        return value[index[0]]
    except (IndexError, KeyError):
        raise e.fail("E0500", f"there is no item {index[0]}", node, env) from None
    except TypeError:
        raise e.fail("E0903", f"which item {index[0]} is, is known at run time only", node, env) from None


def _unary(e: Evaluator, node: model.Unary, env: Env) -> Host:
    value = e.value(node.operand, env)
    if isinstance(value, TensorType):
        return e.operator(operators.UNARY[node.op], [value], node, env)
    return unary(node.op, value)


def _binary(e: Evaluator, node: model.Binary, env: Env) -> Host:
    if node.op in ("and", "or"):
        left = e.condition(node.left, env)
        return e.condition(node.right, env) if left is (node.op == "and") else left
    a, b = e.value(node.left, env), e.value(node.right, env)
    if isinstance(a, TensorType) or isinstance(b, TensorType):
        return e.operator(operators.BINARY[node.op], [a, b], node, env)
    return binary(node.op, a, b)


def _compare(e: Evaluator, node: model.Compare, env: Env) -> Host:
    left = e.value(node.first, env)
    for op, right_node in zip(node.ops, node.rest, strict=True):
        right = e.value(right_node, env)
        if op in operators.COMPARISONS and (isinstance(left, TensorType) or isinstance(right, TensorType)):
            return e.operator(operators.COMPARISONS[op], [left, right], node, env)
        if not compare(op, left, right):
            return False
        left = right
    return True


def _if(e: Evaluator, node: model.IfExp, env: Env) -> Host:
    test = node.test
    if isinstance(test, model.Compare) and len(test.ops) == 1:
        sides = [e.value(x, env) for x in (test.first, *test.rest)]
        cond = open_condition(test.ops[0], *sides)
        if cond is not None:
            return chosen(cond, e.value(node.body, env), e.value(node.orelse, env))
    return e.value(node.body if e.condition(test, env) else node.orelse, env)


def _format(e: Evaluator, node: model.Format, env: Env) -> Host:
    parts = (e.value(p, env) for p in node.parts)
    return "".join(p if isinstance(p, str) else str(plain(p)) for p in parts)


def _dict(e: Evaluator, node: model.Dict, env: Env) -> Host:
    result: dict[Host, Host] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            result.update(e.value(value, env))
        else:
            result[e.value(key, env)] = e.value(value, env)
    return result


def _call(e: Evaluator, node: model.Call, env: Env) -> Host:
    return _CALLS[node.to](e, node, env)


_CALLS: dict[str, Callable[[Evaluator, model.Call, Env], Host]] = {
    "builtin": Evaluator._builtin,
    "fn": Evaluator._function,
    "record": Evaluator._record,
    "make": lambda e, node, env: e.construct(node, env),
    "block": lambda e, node, env: e.construct(node, env),
    "value": lambda e, node, env: e.construct(node, env),
    "extern": lambda e, node, env: e.construct(node, env),
    "init": lambda e, node, env: e.construct(node, env),
    "op": lambda e, node, env: e.run(node, env),
    "apply": lambda e, node, env: e.run(node, env),
    "run": lambda e, node, env: e.run(node, env),
    "method": lambda e, node, env: e.run(node, env),
}

_RULES: dict[type[model.Expression], Callable[[Evaluator, Any, Env], Host]] = {
    model.Literal_: lambda e, node, env: node.value,
    model.Name: Evaluator._name,
    model.Attribute: _attribute,
    model.Slice: _slice,
    model.Ellipsis_: lambda e, node, env: ...,
    model.Subscript: _subscript,
    model.Unary: _unary,
    model.Binary: _binary,
    model.Compare: _compare,
    model.IfExp: _if,
    model.Tuple: lambda e, node, env: tuple(e.sequence(node.items, env)),
    model.List: lambda e, node, env: e.listed(node, env),
    model.Dict: _dict,
    model.Format: _format,
    model.Comprehension: lambda e, node, env: e.comprehension(node, env),
    model.Call: _call,
}
