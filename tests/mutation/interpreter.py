"""Runs a spec's syntax tree directly on PyTorch, checking nothing before it runs.

The oracle for the checker: what it refuses can be tried here, and what it accepts must run. It knows the language, never the
checker: `_` and implicit dims are read off the tensors that arrive, declared types are asserted on real shapes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import einops
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spec_lang.ir.from_ast.types.hyper_types import is_host
from spec_lang.ops.base import FUNCTIONS, LAYERS
from spec_lang.syntax import ast

DTYPES = {
    "float": torch.float32,
    "int": torch.int64,
    "bool": torch.bool,
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
}


class Refused(Exception):
    """The spec does not run: a name, a type or a condition is wrong."""


class ConditionFails(Refused):
    """A `require` of the author's does not hold for these values."""


class TooBig(Exception):
    """It would need more memory than the oracle grants."""


MAX_ELEMENTS = 30_000_000


@dataclass
class Constructor:
    """A layer constructor as a value: a library layer, a block or a partial of one."""

    make: Callable[..., Any]


class Hole:
    """`_` as a value."""


HOLE = Hole()


class LazyLayer:
    """A library layer, made when the first tensor arrives."""

    def __init__(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs
        self.module: nn.Module | None = None
        self.asked = False
        """Whether a parameter was read before a tensor told what `_` is."""

    def built(self, inputs: tuple[Any, ...] = ()) -> nn.Module:
        if self.module is None:
            declared = LAYERS[self.name]
            args = list(self.args)
            kwargs = dict(self.kwargs)
            for i, value in enumerate(args):
                if value is HOLE:
                    args[i] = self._size(declared.arguments[i], inputs)
            for key, value in kwargs.items():
                if value is HOLE:
                    kwargs[key] = self._size(key, inputs)
            args = [a.built() if isinstance(a, LazyLayer) else a for a in args]
            kwargs = {k: a.built() if isinstance(a, LazyLayer) else a for k, a in kwargs.items()}
            _guard_sizes([*args, *kwargs.values()])
            if declared.helper:
                scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "Tensor": Tensor, "math": math}
                exec(declared.helper, scope)
                make = scope[declared.torch]
            else:
                make = getattr(nn, self.name)
            with torch.random.fork_rng():
                self.module = make(*args, **kwargs)
        return self.module

    def _size(self, argument: str, inputs: tuple[Any, ...]) -> int:
        hole = LAYERS[self.name].holes.get(argument)
        if hole is None or hole.input >= len(inputs):
            self.asked = not inputs
            raise Refused(f"{argument} cannot be inferred")
        return int(inputs[hole.input].shape[hole.axis])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.built(args)(*args, **kwargs)


def _guard_sizes(values: list[Any]) -> None:
    """Refuse to allocate layers far beyond what the models need."""
    product = 1
    for value in values:
        for one in value if isinstance(value, tuple | list) else [value]:
            if isinstance(one, int) and not isinstance(one, bool) and one > 1:
                product *= one
    if product > MAX_ELEMENTS * 100:
        raise TooBig(str(product))


@dataclass
class Items:
    """A container of layers."""

    kind: str
    items: list[tuple[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Any]:
        return (layer for _, layer in self.items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return dict(self.items)[index]
        if isinstance(index, slice):
            return Items(self.kind, self.items[index])
        return self.items[index][1]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.kind == "dict":
            raise Refused("a dict is not run")
        if not self.items:
            return args[0]
        first, *rest = args
        for layer in self:
            if layer is None:
                continue
            first = layer(first, *rest, **kwargs)
        return first


class Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class Spec:
    """One file, ready to make its models."""

    def __init__(self, module: ast.Module) -> None:
        self.definitions: dict[str, Any] = {}
        for d in module.definitions:
            if isinstance(d, ast.Import):
                raise Refused("imports are not interpreted")
            if d.name.id in self.definitions:
                raise Refused(f"{d.name.id} twice")
            self.definitions[d.name.id] = d

    def model(self, name: str, hypers: dict[str, Any]) -> Any:
        """An instance of a model; its layers are made when it first runs."""
        definition = self.definitions[name]
        if definition.hypers is None and definition.alias is not None:
            return Evaluator(self, {}).value(definition.alias)
        return self.instance(definition, (), hypers)

    def instance(self, block: ast.Block, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hypers = bind(self, block.hypers or (), args, kwargs)
        if block.takes is not None:
            return Stated(self, block, hypers)
        if block.alias is not None:
            holds(Evaluator(self, hypers), block)
            return Evaluator(self, hypers).value(block.alias)
        return Instance(self, block, hypers)


def bind(
    spec: Spec, declared: tuple[ast.Hyper, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    names = [h.name.id for h in declared]
    if len(args) > len(names) or set(kwargs) - set(names) or set(kwargs) & set(names[: len(args)]):
        raise Refused("arguments do not bind")
    given = dict(zip(names, args, strict=False)) | kwargs
    values: dict[str, Any] = {}
    for h in declared:
        if h.name.id in given:
            values[h.name.id] = typed(spec, given[h.name.id], h.type, values)
        elif h.default is not None:
            values[h.name.id] = typed(spec, Evaluator(spec, values).value(h.default), h.type, values)
        else:
            raise Refused(f"{h.name.id} is missing")
    return values


def typed(spec: Spec, value: Any, kind: ast.Type, scope: dict[str, Any]) -> Any:
    """The value, if a hyperparameter of this type may have it."""
    if isinstance(kind, ast.OptionalType):
        return None if value is None else typed(spec, value, kind.base, scope)
    if isinstance(kind, ast.BoundedType):
        compare = OPERATORS[kind.op]
        if not compare(value, Evaluator(spec, scope).value(kind.bound)):
            raise Refused(f"{value} is out of bounds")
        return value
    if isinstance(kind, ast.ChoiceType):
        for option in kind.options:
            if isinstance(option, ast.String):
                if value == option.value:
                    return value
                continue
            try:
                return typed(spec, value, option, scope)
            except Refused:
                continue
        raise Refused(f"{value!r} is not a choice")
    if isinstance(kind, ast.ListType):
        if not isinstance(value, list | tuple):
            raise Refused("not a list")
        return [typed(spec, v, kind.item, scope) for v in value]
    if isinstance(kind, ast.TupleType):
        if not isinstance(value, list | tuple) or len(value) != len(kind.items):
            raise Refused("not such a tuple")
        return tuple(typed(spec, v, k, scope) for v, k in zip(value, kind.items, strict=True))
    if isinstance(kind, ast.NamedType):
        fits: dict[str, Callable[[Any], bool]] = {
            "int": lambda v: type(v) is int and v >= 1,
            "float": lambda v: type(v) in (int, float),
            "bool": lambda v: type(v) is bool,
            "str": lambda v: type(v) is str,
            "layer": lambda v: isinstance(v, Constructor),
        }
        if kind.name in fits and not fits[kind.name](value):
            raise Refused(f"{value!r} is no {kind.name}")
        return float(value) if kind.name == "float" else value
    raise Refused("not a hyperparameter's type")


def holds(scope: Evaluator, block: ast.Block) -> None:
    """Raise where a container's requirement fails."""
    for part in block.parts:
        if isinstance(part, ast.Require) and not scope.value(part.test):
            raise ConditionFails("a require fails")


class Stated(Items):
    """A container that says what flows in: made at the first call, when its dims are known."""

    def __init__(self, spec: Spec, block: ast.Block, hypers: dict[str, Any]) -> None:
        super().__init__("sequential")
        self.spec, self.block, self.hypers = spec, block, hypers
        self.build_dims: dict[str, int] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope = Evaluator(self.spec, dict(self.hypers), dims={})
        assert self.block.takes is not None
        scope.match(args[0], self.block.takes)
        scope.used_dims.clear()  # matching names them all
        holds(scope, self.block)
        if self.build_dims is None:
            scope.building = True
            made = scope.value(self.block.alias)
            assert isinstance(made, Items)
            self.items, self.build_dims = made.items, {n: scope.dims[n] for n in scope.used_dims}
        if any(scope.dims[n] != size for n, size in self.build_dims.items()):
            raise Refused("other dims than the layers were made for")
        return super().__call__(*args, **kwargs)


class Instance:
    """A block with its hyperparameters; layers are made at the first call, when its dims are known."""

    def __init__(self, spec: Spec, block: ast.Block, hypers: dict[str, Any]) -> None:
        self.spec, self.block, self.hypers = spec, block, hypers
        self.layers: dict[str, Any] | None = None
        self.methods = {m.name.id: m for m in block.parts if isinstance(m, ast.Method)}
        self.build_dims: dict[str, int] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.run("forward", args, kwargs)

    def run(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        method = self.methods.get(name)
        if method is None:
            raise Refused(f"no method {name}")
        result = run_method(self.spec, method, args, kwargs, self)
        self.check_ties()
        return result

    def ready(self, dims: dict[str, int]) -> None:
        """Make the layers, with the dims of the call that came first; later calls must agree on those."""
        if self.layers is not None:
            for name in self.build_dims.keys() & dims.keys():
                if self.build_dims[name] != dims[name] and name in self.used:
                    raise Refused(f"{name} is {dims[name]}, but layers were made for {self.build_dims[name]}")
            return
        self.layers = {}
        self.used: set[str] = set()
        self.build_dims = dims
        scope = Evaluator(self.spec, dict(self.hypers), dims=dims, instance=self)
        for part in self.block.parts:
            if isinstance(part, ast.Let):
                try:
                    self.hypers[part.name.id] = scope.scope[part.name.id] = scope.value(part.value)
                except Refused:
                    continue
            if isinstance(part, ast.Require) and not scope.value(part.test):
                raise ConditionFails("a require fails")
        for part in self.block.parts:
            if not isinstance(part, ast.LayersSection):
                continue
            for item in part.items:
                scope.building = True
                if isinstance(item, ast.Layer):
                    made = scope.value(item.value)
                    self.layers[item.name.id] = Items("list") if made == [] else made
                else:
                    self.layers[item.name.id] = scope.parameter(item)
        self.used = scope.used_dims

    def check_ties(self) -> None:
        """Tied tensors have one shape; every layer has been made by now."""
        for part in self.block.parts:
            if isinstance(part, ast.Tie):
                scope = Evaluator(self.spec, dict(self.hypers), instance=self)
                if part.test is not None and not scope.value(part.test):
                    continue
                if scope.value(part.left).shape != scope.value(part.right).shape:
                    raise Refused("tied tensors differ in shape")


def run_method(
    spec: Spec, method: ast.Method, args: tuple[Any, ...], kwargs: dict[str, Any], instance: Instance | None
) -> Any:
    names = [i.name.id for i in method.inputs]
    if len(args) > len(names) or set(kwargs) - set(names) or set(kwargs) & set(names[: len(args)]):
        raise Refused("inputs do not bind")
    given = dict(zip(names, args, strict=False)) | kwargs
    hypers = dict(instance.hypers) if instance else {}
    body = Evaluator(spec, hypers, dims={}, instance=instance)
    for i in method.inputs:
        if i.name.id in given:
            value = given[i.name.id]
        elif i.default is not None:
            value = body.value(i.default)
        else:
            raise Refused(f"{i.name.id} is missing")
        if is_host(i.type):
            value = typed(spec, value, i.type, body.scope)
        else:
            body.match(value, i.type)
        body.locals[i.name.id] = value
    if instance:
        instance.ready(dict(body.dims))
        body.scope = dict(instance.hypers)
    try:
        body.block(method.body)
    except Returned as done:
        result = done.value
    else:
        raise Refused("nothing is returned")
    if method.results is not None:
        kinds = [r.type for r in method.results]
        values = list(result) if isinstance(result, tuple) else [result]
        if len(kinds) != len(values):
            raise Refused("another number of results")
        for name in set().union(*map(body.unknown, kinds)):
            if not method_binds(method, body, name):
                raise Refused(f"nothing binds {name}")
            body.dims[name] = 0  # only an absent input binds it
        for value, kind in zip(values, kinds, strict=True):
            body.match(value, kind)
    return result


def method_binds(method: ast.Method, body: Evaluator, name: str) -> bool:
    """Whether an input's type names a dim."""
    fresh = Evaluator(body.spec, {}, dims={})
    return any(name in fresh.unknown(i.type) for i in method.inputs)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}

COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

PYTHON: dict[str, Any] = {
    "range": range,
    "len": len,
    "enumerate": lambda values, start=0: [*enumerate(values, start)],
    "zip": lambda *values: [*zip(*values, strict=False)],
    "min": min,
    "max": max,
    "sum": sum,
    "prod": math.prod,
    "all": all,
    "any": any,
    "str": str,
    "reversed": lambda items: list(items)[::-1],
    "int": int,
    "float": float,
    "bool": bool,
    "round": round,
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
}


OF_LISTS = ("len", "enumerate", "zip", "reversed", "sum")
"""What takes lists of tensors as it takes others."""
SIZES_FOLLOW = ("reshape", "permute", "tile", "flip", "expand", "repeat", "view")
"""Methods of tensors that take sizes one by one, where the function in `torch` wants a tuple."""


class Evaluator:
    """Evaluates expressions and statements: hyperparameters in `scope`, dims, and a method's locals."""

    def __init__(
        self,
        spec: Spec,
        scope: dict[str, Any],
        dims: dict[str, int] | None = None,
        instance: Instance | None = None,
    ) -> None:
        self.spec, self.scope, self.instance = spec, scope, instance
        self.dims = dims if dims is not None else {}
        self.packs: dict[str, tuple[int, ...]] = {}
        self.locals: dict[str, Any] = {}
        self.used_dims: set[str] = set()
        self.building = False

    # --- types ---

    def match(self, value: Any, kind: ast.Type) -> None:
        """Bind and assert the dims of a declared type on what is there."""
        if isinstance(kind, ast.OptionalType):
            if value is not None:
                self.match(value, kind.base)
            return
        if isinstance(kind, ast.TupleType):
            if not isinstance(value, tuple | list) or len(value) != len(kind.items):
                raise Refused("not such a tuple")
            for v, k in zip(value, kind.items, strict=True):
                self.match(v, k)
            return
        if isinstance(kind, ast.TensorListType):
            if not isinstance(value, list | tuple):
                raise Refused("not a list")
            indices = list(self.value(kind.generator.iterable))
            if len(indices) != len(value):
                raise Refused("another number of tensors")
            for index, v in zip(indices, value, strict=True):
                self.assign(kind.generator.target, index)
                self.match(v, kind.item)
            return
        if not isinstance(kind, ast.TensorType) or not isinstance(value, Tensor):
            raise Refused("not a tensor")
        if value.dtype != DTYPES[kind.dtype]:
            raise Refused(f"{value.dtype} is not {kind.dtype}")
        shape = list(value.shape)
        star = next((i for i, d in enumerate(kind.dims) if isinstance(d, ast.Star)), None)
        if star is None:
            if len(shape) != len(kind.dims):
                raise Refused("another rank")
        else:
            after = len(kind.dims) - star - 1
            if len(shape) < star + after:
                raise Refused("another rank")
            pack = kind.dims[star]
            assert isinstance(pack, ast.Star)
            assert isinstance(pack.value, ast.Name)
            leading = tuple(shape[star : len(shape) - after])
            if self.packs.setdefault(pack.value.id, leading) != leading:
                raise Refused("other leading dims")
        pairs = (
            list(zip(kind.dims, shape, strict=True))
            if star is None
            else [
                *zip(kind.dims[:star], shape[:star], strict=True),
                *zip(kind.dims[star + 1 :], shape[len(shape) - after :], strict=True),
            ]
        )
        for d, size in pairs:
            self.match_dim(d, size)

    def match_dim(self, d: ast.Expr, size: int) -> None:
        if isinstance(d, ast.Hole):
            return
        unknown = sorted(self.unknown(d))
        if not unknown:
            if self.value(d) != size:
                raise Refused(f"a dim is {size}, not as declared")
            return
        if len(unknown) > 1:
            raise Refused("two unknown dims in one")
        name = unknown[0]
        for candidate in range(1, 4096):
            self.dims[name] = candidate
            reached = self.value(d)
            if reached == size:
                return
            if reached > size:
                break
        del self.dims[name]
        raise Refused(f"no {name} gives {size}")

    def unknown(self, e: Any) -> set[str]:
        """Names in a dim's expression that nothing has bound yet."""
        if isinstance(e, ast.Name):
            defined = self.spec.definitions.get(e.id)
            known = e.id in self.dims or e.id in self.scope or e.id in self.locals
            known |= isinstance(defined, ast.ConstantDef | ast.Function)
            return set() if known or e.id in PYTHON else {e.id}
        if isinstance(e, ast.TensorListType):
            return (self.unknown(e.item) | self.unknown(e.generator.iterable)) - self.unknown(
                e.generator.target
            )
        if isinstance(e, ast.Node):
            return set().union(*(self.unknown(getattr(e, f)) for f in e.node_fields if f != "span"))
        if isinstance(e, tuple):
            return set().union(*map(self.unknown, e))
        return set()

    # --- statements ---

    def block(self, body: tuple[ast.Statement, ...]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, s: ast.Statement) -> None:
        if isinstance(s, ast.Assign):
            value = self.value(s.value)
            if s.type is not None:
                self.match(value, s.type)
            self.assign(s.target, value)
        elif isinstance(s, ast.Append):
            self.locals[s.target.id] = [*self.locals[s.target.id], *self.value(s.value)]
        elif isinstance(s, ast.Return):
            raise Returned(self.value(s.value))
        elif isinstance(s, ast.Require):
            if not self.value(s.test):
                raise ConditionFails("a require fails")
        elif isinstance(s, ast.If):
            self.block(s.body if self.truth(s.test) else s.orelse)
        elif isinstance(s, ast.For):
            for item in self.value(s.iterable):
                self.assign(s.target, item)
                self.block(s.body)

    def truth(self, test: ast.Expr) -> bool:
        value = self.value(test)
        if isinstance(value, Tensor):
            raise Refused("a condition on data")
        return bool(value)

    def assign(self, target: ast.Target, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.locals[target.id] = value
        elif isinstance(target, ast.TargetTuple):
            if isinstance(value, Tensor):
                value = list(value)
            values = list(value)
            if len(values) != len(target.items):
                raise Refused("another number of values")
            for t, v in zip(target.items, values, strict=True):
                self.assign(t, v)

    # --- expressions ---

    def value(self, e: ast.Expr) -> Any:
        return getattr(self, f"_{type(e).__name__.lower()}")(e)

    def _name(self, e: ast.Name) -> Any:
        if e.id in self.locals:
            return self.locals[e.id]
        layers = self.instance.layers if self.instance and not self.building else None
        if layers and e.id in layers:
            return layers[e.id]
        if e.id in self.scope:
            return self.scope[e.id]
        if e.id in self.dims:
            self.used_dims.add(e.id)
            return self.dims[e.id]
        if e.id in self.spec.definitions:
            return self.definition(e.id)
        if e.id == "training":
            return False
        if e.id in ("inf", "pi"):
            return getattr(math, e.id)
        if e.id in LAYERS:
            return Constructor(lambda *a, **k: LazyLayer(e.id, a, k))
        if e.id in DTYPES:
            return DTYPES[e.id]
        raise Refused(f"nothing is called {e.id}")

    def definition(self, name: str) -> Any:
        d = self.spec.definitions[name]
        if isinstance(d, ast.ConstantDef):
            return Evaluator(self.spec, {}).value(d.value)
        if isinstance(d, ast.Block):
            return Constructor(lambda *a, **k: self.spec.instance(d, a, k))
        if isinstance(d, ast.Record):
            return lambda *a, **k: SimpleNamespace(**bind(self.spec, d.fields, a, k))
        if isinstance(d, ast.Function):
            return lambda *a, **k: self.function(d, a, k)
        raise Refused(f"{name} is no value")

    def function(self, d: ast.Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if d.value is not None:
            given = dict(zip([i.name.id for i in d.inputs], args, strict=False)) | kwargs
            for i in d.inputs:
                if i.name.id not in given:
                    if i.default is None:
                        raise Refused(f"{i.name.id} is missing")
                    given[i.name.id] = Evaluator(self.spec, given).value(i.default)
            return Evaluator(self.spec, given).value(d.value)
        method = ast.Method(d.span, d.name, d.inputs, d.results, d.doc, d.body, d.results_tuple)
        return run_method(self.spec, method, args, kwargs, None)

    def _number(self, e: ast.Number) -> Any:
        return e.value

    def _string(self, e: ast.String) -> Any:
        return e.value

    def _fstring(self, e: ast.FString) -> Any:
        return "".join(p.value if isinstance(p, ast.String) else str(self.value(p)) for p in e.parts)

    def _constant(self, e: ast.Constant) -> Any:
        return e.value

    def _hole(self, e: ast.Hole) -> Any:
        return HOLE

    def _unary(self, e: ast.Unary) -> Any:
        value = self.value(e.operand)
        if e.op == "not":
            return not value
        return {"-": operator.neg, "+": operator.pos, "~": operator.invert}[e.op](value)

    def _binary(self, e: ast.Binary) -> Any:
        if e.op in ("and", "or"):
            left = self.truth(e.left)
            return left and self.truth(e.right) if e.op == "and" else left or self.truth(e.right)
        return OPERATORS[e.op](self.value(e.left), self.value(e.right))

    def _compare(self, e: ast.Compare) -> Any:
        left = self.value(e.first)
        result: Any = True
        for op, right_side in e.rest:
            right = self.value(right_side)
            now = OPERATORS[op](left, right)
            if isinstance(now, Tensor):
                return now
            result = result and now
            left = right
        return result

    def _ifexp(self, e: ast.IfExp) -> Any:
        return self.value(e.body if self.truth(e.test) else e.orelse)

    def _tuple(self, e: ast.Tuple) -> Any:
        return tuple(self.items(e.items))

    def _list(self, e: ast.List) -> Any:
        items = self.items(e.items)
        if self.building and any(callable(i) or i is None for i in items):
            parts = ((i, self.items((i,))) for i in e.items)
            kept = [x for i, part in parts for x in part if x is not None or isinstance(i, ast.Star)]
            return Items("list", [(str(i), x) for i, x in enumerate(kept)])
        return items

    def items(self, items: tuple[ast.Expr, ...]) -> list[Any]:
        result: list[Any] = []
        for i in items:
            if isinstance(i, ast.Star):
                result += list(self.value(i.value))
            else:
                result.append(self.value(i))
        return result

    def _dict(self, e: ast.Dict) -> Any:
        pairs: list[tuple[str, Any]] = []
        for item in e.items:
            if item.key is None:
                pairs += self.value(item.value).items
            else:
                pairs.append((self.value(item.key), self.value(item.value)))
        return Items("dict", pairs)

    def _comprehension(self, e: ast.Comprehension) -> Any:
        results: list[Any] = []
        outer = dict(self.locals)

        def walk(generators: tuple[ast.Generator, ...]) -> None:
            if not generators:
                if len(results) > 2000:
                    raise TooBig("too many items")
                if isinstance(e.value, ast.Star) and isinstance(e.value.value, ast.Dict):
                    results.extend(self.value(e.value.value).items)
                    return
                key = self.value(e.key) if e.key else None
                results.extend((key, v) for v in self.items((e.value,)))
                return
            for item in self.value(generators[0].iterable):
                self.assign(generators[0].target, item)
                if all(self.truth(t) for t in generators[0].tests):
                    walk(generators[1:])

        walk(e.generators)
        self.locals = outer
        if e.key is not None or (isinstance(e.value, ast.Star) and isinstance(e.value.value, ast.Dict)):
            return Items("dict", results)
        if self.building and any(isinstance(v, LazyLayer | Instance | Items) for _, v in results):
            return Items("list", [(str(i), v) for i, (_, v) in enumerate(results)])
        return [v for _, v in results]

    def _attribute(self, e: ast.Attribute) -> Any:
        value = self.value(e.value)
        if isinstance(value, Instance):
            if e.name in value.methods:
                return lambda *a, **k: value.run(e.name, a, k)
            value.ready({})
            assert value.layers is not None
            if e.name in value.layers:
                return value.layers[e.name]
            raise Refused(f"no {e.name}")
        if isinstance(value, LazyLayer):
            return getattr(value.built(), e.name)
        if isinstance(value, Items):
            return value[e.name]
        return getattr(value, e.name)

    def _slice(self, e: ast.Slice) -> Any:
        return slice(*(None if x is None else self.value(x) for x in (e.start, e.stop, e.step)))

    def _ellipsis(self, e: ast.Ellipsis) -> Any:
        return ...

    def _subscript(self, e: ast.Subscript) -> Any:
        index = tuple(self.value(i) for i in e.index)
        return self.value(e.value)[index if len(index) != 1 else index[0]]

    def _arrow(self, e: ast.Arrow) -> Any:
        value = self.value(e.value)
        if isinstance(e.stage, ast.Call):
            return self.call(e.stage.func, e.stage.args, (value,))
        return self.call(e.stage, (), (value,))

    def _call(self, e: ast.Call) -> Any:
        if isinstance(e.func, ast.Attribute) and not self.is_path(e.func.value):
            return self.call(ast.Name(e.span, e.func.name), e.args, (self.value(e.func.value),))
        return self.call(e.func, e.args, ())

    def is_path(self, e: ast.Expr) -> bool:
        """Whether an expression leads to a module, so that what follows the dot is a child or a method."""
        while isinstance(e, ast.Attribute | ast.Subscript):
            e = e.value
        layers = (self.instance.layers if self.instance else None) or {}
        if not isinstance(e, ast.Name):
            return False
        found = self.locals.get(e.id, layers.get(e.id))
        return isinstance(found, LazyLayer | Instance | Items)

    def call(self, func: ast.Expr, arguments: tuple[ast.Argument, ...], first: tuple[Any, ...]) -> Any:
        args: list[Any] = list(first)
        kwargs: dict[str, Any] = {}
        for a in arguments:
            if a.star == "*":
                args += list(self.value(a.value))
            elif a.star == "**":
                kwargs |= dict(self.value(a.value).items)
            elif a.name:
                if a.name in kwargs:
                    raise Refused(f"{a.name} twice")
                kwargs[a.name] = self.value(a.value)
            else:
                args.append(self.value(a.value))
        result = self.apply(func, args, kwargs)
        for t in result if isinstance(result, tuple | list) else [result]:
            if isinstance(t, Tensor) and t.numel() > MAX_ELEMENTS:
                raise TooBig(str(tuple(t.shape)))
        return result

    def apply(self, func: ast.Expr, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if isinstance(func, ast.Name):
            name = func.id
            layers = (self.instance.layers if self.instance and not self.building else None) or {}
            known = (
                name in self.locals or name in layers or name in self.scope or name in self.spec.definitions
            )
            if not known:
                if self.instance and name in self.instance.methods and not self.building:
                    return self.instance.run(name, tuple(args), kwargs)
                return self.library(name, args, kwargs)
        target = self.value(func)
        if target is None:
            raise Refused("none is not run")
        if isinstance(target, Constructor):
            if not self.building and self.instance:
                raise Refused("a layer is constructed in forward")
            return target.make(*args, **kwargs)
        return target(*args, **kwargs)

    def library(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        if name == "partial":
            make = args[0].make
            rest, named = args[1:], kwargs
            return Constructor(lambda *a, **k: make(*rest, *a, **(named | k)))
        if name == "Sequential":
            items = [(str(i), a) for i, a in enumerate(x for x in args if x is not None)]
            items += [(k, v) for k, v in kwargs.items() if v is not None]
            return Items("sequential", items)
        if name in LAYERS:
            if not self.building and self.instance:
                raise Refused("a layer is constructed in forward")
            return LazyLayer(name, tuple(args), kwargs)
        on_tensors = any(isinstance(a, Tensor) for a in [*args, *kwargs.values()])
        in_lists = any(isinstance(x, Tensor) for a in args if isinstance(a, list | tuple) for x in a)
        if name in PYTHON and not on_tensors and (not in_lists or name in OF_LISTS):
            return PYTHON[name](*args, **kwargs)
        if name in COMPARISONS:
            first, other = (*args, *(kwargs[n] for n in ("input", "other") if n in kwargs))
            return OPERATORS[COMPARISONS[name]](first, other)
        patterned = "pattern" in kwargs or (len(args) > 1 and isinstance(args[1], str))
        if name in ("rearrange", "reduce", "repeat") and patterned:
            return getattr(einops, name)(*args, **kwargs)
        if name == "einsum" and isinstance(args[0], Tensor):
            raise Refused("einsum takes its pattern first")
        if name.startswith("min_pool"):
            return -getattr(F, name.replace("min", "max"))(-args[0], *args[1:], **kwargs)
        if name in ("to", "float", "int", "bool"):
            dtype = torch.int32 if name == "int" else DTYPES.get(name)  # as PyTorch's method, not as the type
            return args[0].to(*args[1:], **kwargs) if dtype is None else args[0].to(dtype)
        if name == "scaled_dot_product_attention":
            args, kwargs["dropout_p"] = args[:4], 0.0
        if name in FUNCTIONS and FUNCTIONS[name].trains:
            kwargs["training"] = False
        spread = len(args) > 1 and all(type(a) is int for a in args[1:])
        if name in SIZES_FOLLOW and isinstance(args[0], Tensor) and spread:
            return getattr(args[0], name)(*args[1:], **kwargs)
        for home in (F, torch):
            found = getattr(home, name, None)
            if callable(found) and not isinstance(found, type):
                return found(*args, **kwargs)
        if args and isinstance(args[0], Tensor) and callable(getattr(args[0], name, None)):
            return getattr(args[0], name)(*args[1:], **kwargs)
        raise Refused(f"no function {name}")

    def parameter(self, p: ast.Param) -> Tensor:
        """A `param` or `buffer`: random numbers of its declared shape, or the tensor that its expression gives."""
        assert isinstance(p.type, ast.TensorType)
        if p.kind == "buffer" and p.value is not None:
            self.building = False
            value = self.value(p.value)
            self.building = True
            if isinstance(value, Tensor):
                self.match(value, p.type)
                return value
        sizes = [self.value(d) for d in p.type.dims]
        return torch.randn(sizes).to(DTYPES[p.type.dtype])
