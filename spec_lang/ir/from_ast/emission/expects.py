"""`expect`: tests that travel with the spec, run on its IR with concrete values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from spec_lang.diagnostics import Diagnostic, Label
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.ir import model as ir
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.from_ast.definitions.checked import checked
from spec_lang.ir.from_ast.definitions.definitions import Definitions
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.from_ast.emission.emit import Emitter
from spec_lang.ir.from_ast.expressions.arguments import evaluated
from spec_lang.ir.from_ast.names.names import lookup, meaning
from spec_lang.ir.from_ast.names.remarks import Remarks
from spec_lang.ir.from_ast.names.scope import Def
from spec_lang.ir.from_ast.state.check import Check
from spec_lang.ir.from_ast.state.place import Mode, Place
from spec_lang.ir.from_ast.types.fitting import bind_hypers
from spec_lang.ir.from_ast.types.hypers import bindings
from spec_lang.ir.from_ast.values.args import Args
from spec_lang.ir.from_ast.values.substitution import substitute, substitute_cond
from spec_lang.ir.from_ast.values.value import DefCtor, Env, Maybe, MethodSummary, Value
from spec_lang.ir.instantiate import instantiate
from spec_lang.ir.model import make
from spec_lang.ir.state import State
from spec_lang.shapes import Dim, Pack, TensorType, TooLarge, Undefined, dim
from spec_lang.syntax import ast

Plain: TypeAlias = "int | float | str | bool | list[Plain] | None"
_COMPARE: dict[str, Callable[[Plain, Plain], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,  # type: ignore[operator]  # both are numbers, or it is reported
    "<=": lambda a, b: a <= b,  # type: ignore[operator]  # as above
    ">": lambda a, b: a > b,  # type: ignore[operator]  # as above
    ">=": lambda a, b: a >= b,  # type: ignore[operator]  # as above
    "in": lambda a, b: a in b,  # type: ignore[operator]  # as above
    "not in": lambda a, b: a not in b,  # type: ignore[operator]  # as above
}
_ARITHMETIC: dict[str, Callable[[int, int], int | float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}
MAX_SHOWN = 8


class _Wrong(Exception):
    """A mistake in an expectation, or one that fails."""

    def __init__(
        self, code: str, message: str, node: object, help: str | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.node = node
        self.help = help
        self.notes = notes


def run_expects(definitions: Definitions, program: ir.Program) -> None:
    """Run the expectations of the entry file's models; what fails is reported."""
    for definition in list(definitions.known.scopes[0].names.values()):
        node = definition.node
        if definition.file != 0 or not isinstance(node, ast.Block):
            continue
        tests = [p for p in node.parts if isinstance(p, ast.Expect)]
        if not tests:
            continue
        if node.kind != "model":
            _report(definitions.known, definition, _Wrong("E0605", "only a model has expectations", tests[0]))
            continue
        if any(d.is_set for (owner, _), d in definitions.known.defaults.items() if owner is definition):
            continue
        runner = Expects(definitions, program, definition)
        for part in tests:
            try:
                runner.check(part)
            except _Wrong as wrong:
                _report(definitions.known, definition, wrong)
            except (TooLarge, Undefined) as error:
                code = "E0801" if isinstance(error, TooLarge) else "E0803"
                _report(
                    definitions.known,
                    definition,
                    _Wrong(code, f"with these values there is {error}", part.test),
                )
            except EvaluationError as error:
                _report(
                    definitions.known, definition, _Wrong(error.code, error.message, part.test, error.help)
                )


def _report(known: Known, definition: Def, wrong: _Wrong) -> None:
    span = wrong.node.span  # type: ignore[attr-defined]  # nodes have spans
    known.report(
        definition,
        Diagnostic(
            wrong.code, wrong.message, Label(definition.source, span), notes=wrong.notes, help=wrong.help
        ),
    )


class Subject:
    """A model with values for its hyperparameters."""

    def __init__(self, name: str, program: ir.Program, base: Def, values: dict[str, Value]) -> None:
        self.name = name
        self.program = program
        self.base = base
        self.values = values
        self._state: State | None = None

    @property
    def state(self) -> State:
        if self._state is None:
            self._state = State(self.program, instantiate(self.program, self.name))
        return self._state


class Expects:
    """Evaluates expectations of one model."""

    def __init__(self, definitions: Definitions, program: ir.Program, definition: Def) -> None:
        self.definitions = definitions
        self.program = program
        self.definition = definition
        self.source = definition.source
        node = definition.node
        assert isinstance(node, ast.Block)
        values = {h.name.id: definitions.default(definition, h) for h in node.hypers or ()}
        self.own = Subject(definition.name, program, definition, values)

    def check(self, part: ast.Expect) -> None:
        """Run one expectation.

        Raises:
            _Wrong: it fails, or says nothing that can be tested.
        """
        test = part.test
        if not isinstance(test, ast.Compare):
            raise _Wrong("E0605", "an expectation compares: `expect parameters == 81_290`", test)
        left = self.value(test.first)
        for op, node in test.rest:
            right = self.value(node)
            self._compared(op, left, right, test)
            left = right

    def _compared(self, op: str, left: Plain, right: Plain, node: ast.Compare) -> None:
        compare = _COMPARE.get(op)
        if compare is None:
            raise _Wrong("E0605", f"an expectation does not compare with `{op}`", node)
        try:
            holds = compare(left, right)
        except TypeError:
            raise _Wrong("E0605", "these two do not compare", node) from None
        if holds:
            return
        text = self.source.at(node.first.span)
        if op == "in" and isinstance(left, str) and isinstance(right, list):
            help = did_you_mean(left, map(str, right)) or f"there are {_shown(right)}"
            raise _Wrong("E0604", f'there is no "{left}" among the keys', node, help)
        wanted = f"{op} {_shown(right)}" if op != "==" else _shown(right)
        raise _Wrong("E0604", f"{text} is {_shown(left)}, but {wanted} is expected", node)

    # --- values ---

    def value(self, node: ast.Expr) -> Plain:
        if isinstance(node, ast.Number):
            return node.value
        if isinstance(node, ast.String):
            return node.value
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(i) for i in node.items]
        if isinstance(node, ast.Unary) and node.op == "-":
            inner = self.value(node.operand)
            if isinstance(inner, int | float):
                return -inner
        if isinstance(node, ast.Binary) and node.op in _ARITHMETIC:
            left, right = self.value(node.left), self.value(node.right)
            if isinstance(left, int) and isinstance(right, int):
                try:
                    return _ARITHMETIC[node.op](left, right)
                except ZeroDivisionError:
                    raise _Wrong("E0803", "a division by zero", node) from None
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._of(self.subject(node.value), node.name, (), node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise _Wrong("E0605", "this is nothing that an expectation can compare", node, _KNOWN)

    def _name(self, node: ast.Name) -> Plain:
        if node.id in ("parameters", "keys"):
            return self._of(self.own, node.id, (), node)
        value = self.own.values.get(node.id)
        if value is None:
            c = Check(self.definitions, self.definition)
            found = meaning(c, Place(self.definition.scope, Mode.BODY), node.id)
            value = found[1] if found is not None else None
        if isinstance(value, Dim) and value.const is not None:
            return value.const
        if isinstance(value, int | float | str):
            return value
        raise _Wrong("E0605", f"an expectation knows no `{node.id}`", node, _KNOWN)

    def _call(self, node: ast.Call) -> Plain:
        if isinstance(node.func, ast.Name):
            return self._of(self.own, node.func.id, node.args, node)
        if isinstance(node.func, ast.Attribute):
            return self._of(self.subject(node.func.value), node.func.name, node.args, node)
        raise _Wrong("E0605", "this is nothing that an expectation can call", node, _KNOWN)

    def _of(self, subject: Subject, name: str, args: tuple[ast.Argument, ...], node: ast.Expr) -> Plain:
        if name == "parameters":
            return subject.state.parameters
        if name == "keys":
            return list(subject.state.keys)
        if name == "shape":
            key = self.value(args[0].value) if len(args) == 1 else None
            if not isinstance(key, str):
                raise _Wrong("E0605", 'write `shape("wte.weight")`', node)
            found = subject.state.by_key.get(key)
            if found is None:
                help = did_you_mean(key, subject.state.keys)
                raise _Wrong("E0604", f'there is no "{key}" among the keys', node, help)
            return list(found.shape)
        return self._run(subject, name, args, node)

    # --- other values of the hyperparameters ---

    def subject(self, node: ast.Expr) -> Subject:
        """`GPT2(depth=24)`, `ResNet50`: a model, with values."""
        func = node.func if isinstance(node, ast.Call) else node
        check = Check(self.definitions, self.definition)
        at = Place(self.definition.scope, Mode.LAYERS)
        target = lookup(check, at, func) if isinstance(func, ast.Name) else None
        if not isinstance(target, DefCtor) or not isinstance(target.definition.node, ast.Block):
            raise _Wrong("E0605", "before the dot stands a model of this file", func, _KNOWN)
        definition = target.definition
        args = evaluated(check, at, node.args) if isinstance(node, ast.Call) else Args()
        base = definition
        if isinstance(definition.node, ast.Block) and definition.node.hypers is None:
            partial = self.definitions.variant(definition)
            if partial is None or not isinstance(partial.ctor, DefCtor):
                raise _Wrong("E0605", "this variant has a mistake", node)
            base = partial.ctor.definition
            args.values = [*partial.args, *args.values]
            args.kwargs = {**partial.kwargs, **args.kwargs}
        hypers = base.node.hypers if isinstance(base.node, ast.Block) else None
        values = bind_hypers(check, at, hypers or (), args, base, node, base.name)
        if values is None:
            first = check.effects.diagnostics[0]
            raise _Wrong(first.code, first.message, node, first.help)
        return self._variant(definition, base, values, node, check)

    def _variant(
        self, definition: Def, base: Def, values: dict[str, Value], node: ast.Expr, check: Check
    ) -> Subject:
        scope = self.definition.scope
        if not isinstance(node, ast.Call):
            return Subject(scope.path(definition), self.program, base, values)
        emitter = Emitter(checked(check), self.definitions.known, Remarks(self.source, ()), {})
        args, kwargs = emitter.arguments(node.args)
        name = f"{definition.name} at {node.span.start}"
        variant = make(
            ir.Variant,
            file=self.definition.file,
            name=name,
            doc=None,
            comments=(),
            base=scope.path(definition),
            args=tuple(args),
            kwargs=tuple(kwargs),
            span=None,
        )
        program = make(
            ir.Program,
            version=ir.VERSION,
            files=self.program.files,
            definitions=(*self.program.definitions, variant),
            span=None,
        )
        return Subject(name, program, base, values)

    # --- shapes of results ---

    def _run(self, subject: Subject, name: str, args: tuple[ast.Argument, ...], node: ast.Expr) -> Plain:
        """`forward(N=2, T=16)`: the shape of each result."""
        summary = self.definitions.summary(subject.base, subject.values, None, node)
        method = None if summary is None else summary.methods.get(name)
        if summary is None or method is None:
            raise _Wrong("E0605", f"{subject.base.name} has no method `{name}`", node, _KNOWN)
        env: Env = {}
        target = subject.base.node
        assert isinstance(target, ast.Block)
        for h in target.hypers or ():
            bindings(h.name.id, subject.values[h.name.id], h.type, env)
        for a in args:
            value = self.value(a.value)
            if a.name is None or not (isinstance(value, (int, list))):
                raise _Wrong("E0605", f"write `{name}({', '.join(f'{d}=...' for d in method.dims)})`", node)
            if a.name not in method.dims:
                listed = ", ".join(method.dims)
                raise _Wrong("E0605", f"{name} has no dim `{a.name}`: its dims are {listed}", a.value)
            if isinstance(method.dims[a.name], Pack):
                sizes = value if isinstance(value, list) else [value]
                env[f"*{a.name}"] = tuple(dim(s) for s in sizes if isinstance(s, int))
            elif isinstance(value, int):
                env[a.name] = dim(value)
        self._allowed(method, env, node)
        shapes = [self._shape(r, env, method, node) for r in method.results]
        return shapes[0] if len(shapes) == 1 and not method.node.results_tuple else shapes

    def _allowed(self, method: MethodSummary, env: Env, node: ast.Expr) -> None:
        for o in method.owed:
            if substitute_cond(o.cond, env) is False:
                raise _Wrong("E0604", f"these sizes do not satisfy `{o.cond}`", node)

    def _shape(self, result: Value, env: Env, method: MethodSummary, node: ast.Expr) -> Plain:
        if isinstance(result, Maybe):
            result = result.value
        result = substitute(result, env)
        if isinstance(result, tuple | list):
            return [self._shape(r, env, method, node) for r in result]
        if not isinstance(result, TensorType):
            raise _Wrong("E0605", "this method's results are no tensors", node)
        sizes: list[Plain] = []
        for d in result.shape:
            if isinstance(d, Pack) or d.const is None:
                missing = [n for n in method.dims if n not in env and f"*{n}" not in env]
                listed = ", ".join(f"{n}=..." for n in missing) or str(d)
                raise _Wrong("E0605", f"the sizes do not determine the result: say {listed} too", node)
            sizes.append(d.const)
        return sizes


_KNOWN = 'it knows `parameters`, `keys`, `shape("name")`, `forward(N=2)`, and these of `Model(...)`'


def _shown(value: Plain) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list):
        items = [_shown(v) for v in value[:MAX_SHOWN]]
        return f"[{', '.join([*items, '...'] if len(value) > MAX_SHOWN else items)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
