"""Calls of every layer and function in random programs: the cases of each op, fitted to the values that are there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, OpError
from spec_lang.ops.kinds import SliceOf
from spec_lang.shapes import (
    Cond,
    Dim,
    DType,
    Facts,
    MixedPrecision,
    TensorType,
    TooLarge,
    Undefined,
    dim,
    symbol,
)
from tests.fuzz.bodies import Body, Value, shown
from tests.fuzz.reach import OPERATORS
from tests.ops import cases_elementwise, cases_layers, cases_nn, cases_shape
from tests.ops.harness import hosted
from tests.ops.oracle import SYMBOLS, Nested, tensors
from tests.ops.test_twins import TWINS, layer_cases

_EXACT = """
floor ceil trunc fix round frac sign sgn floor_divide remainder fmod div divide true_divide eq ne lt le gt ge  argmax
argmin argsort sort topk max min hardshrink threshold isnan isinf isfinite logical_and logical_or logical_xor
logical_not  bool long int short char byte to half bfloat16 double type_as log log2 log10 log1p rsqrt reciprocal sqrt
tan acos asin acosh  atanh asinh logit pow norm std cumprod prod exp exp2 expm1 sinh cosh normalize cosine_similarity
pairwise_distance  any all nan_to_num reduce batch_norm lp_pool1d lp_pool2d lp_pool3d linspace rad2deg  Hardshrink
Threshold LPPool1d LPPool2d LPPool3d CosineSimilarity PairwiseDistance  max_pool1d max_pool2d max_pool3d
adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d MaxPool1d MaxPool2d MaxPool3d  AdaptiveMaxPool1d
AdaptiveMaxPool2d AdaptiveMaxPool3d  searchsorted bucketize greater greater_equal less less_equal not_equal isclose
isneginf isposinf heaviside signbit copysign count_nonzero  cummax cummin kthvalue median  arccos arccosh arcsin arctanh
arctan2 atan2 xlogy addcdiv std_mean dist cdist
"""
EXACT = frozenset(_EXACT.split())
"""What jumps, or magnifies roundings: it takes inputs as they are, which every runtime has bit for bit."""

LEFT_OUT = frozenset({"rand", "randn", "rand_like", "randn_like", "bfloat16"})
"""ONNX Runtime has no random operator of the newest opset, and the numbers would differ; numpy has no bfloat16."""
LEAST = 6
"""Open conditions ask for sizes of at most this in what is drawn."""
INVERSE = {name: op for op, name in OPERATORS.items() if op not in ("%", "//", "@")}


@dataclass(frozen=True)
class Template:
    """One case of an op; tensors and sizes are texts."""

    name: str
    layer: bool
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    low: int = 0
    high: int = 3
    floats: str = "normal"

    @property
    def exact(self) -> bool:
        losses = self.name.endswith(("_loss", "Loss", "entropy", "_div", "with_logits"))
        return losses or self.name in EXACT


@cache
def templates() -> Mapping[str, tuple[Template, ...]]:
    """The cases that ONNX can express, by op."""
    found: dict[str, list[Template]] = {}
    for c in (*cases_elementwise.CASES, *cases_shape.CASES, *cases_nn.CASES):
        if c.onnx and c.name not in LEFT_OUT:
            found.setdefault(c.name, []).append(
                Template(c.name, False, tuple(c.args), c.kwargs, low=c.low, high=c.high, floats=c.floats)
            )
    layers = (cases_layers.plain, cases_layers.spatial, cases_layers.recurrent, cases_layers.attention, cases_layers.transformers)  # fmt: skip
    for row in (r for make in layers for r in make()):
        if row.onnx is True:
            found.setdefault(row.layer, []).append(
                Template(row.layer, True, row.args, row.kwargs, tuple(row.inputs), row.named)
            )
    for name in TWINS:
        for c, inputs, arguments in (x for x in layer_cases(LAYERS[name]) if x[0].onnx):
            found.setdefault(name, []).append(
                Template(name, True, (), arguments, tuple(map(str, inputs)), {}, c.low, c.high, c.floats)
            )
    return {name: tuple(cases) for name, cases in found.items()}


class Misfit(Exception):
    """The case does not fit what is there."""


@dataclass
class Made:
    """An argument: its text, and what the rules of ops take for it."""

    text: str
    value: Any


def library(b: Body, v: Value) -> Value | None:
    """A call of some op, with values that are there where they fit, else with new ones."""
    every = templates()
    name = b.rng.choice(sorted(every))
    one = b.rng.choice(every[name])
    if one.exact and not b.entry:
        return None
    try:
        return Fit(b, v, one).call()
    except (Misfit, OpError, MixedPrecision, TooLarge, Undefined, TypeError, signature.NeedsCase):
        return None


class Fit:
    """One case, fitted to a body."""

    def __init__(self, b: Body, v: Value, one: Template) -> None:
        self.b, self.v, self.one = b, v, one
        self.bound: dict[str, Dim] = {}
        self.hypers = one.layer and b.rng.random() < 0.35

    def call(self) -> Value:
        return self._layer() if self.one.layer else self._function()

    # --- calls ---

    def _function(self) -> Value:
        one = self.one
        op = FUNCTIONS[one.name]
        sorts = sorted(range(len(one.args)), key=lambda i: not _has_tensor(one.args[i]))
        made = {i: self.argument(one.args[i]) for i in sorts}
        args = [made[i] for i in range(len(one.args))]
        kwargs = {k: self.argument(a) for k, a in one.kwargs.items()}
        args, kwargs = self._keywords(signature.of(op), args, kwargs)
        cx = self._cx()
        bound = signature.bind(op, [a.value for a in args], {k: a.value for k, a in kwargs.items()})
        result = bound.infer(cx)
        self._settle(cx)
        return self._named(self._text(args, kwargs), result)

    def _keywords(
        self, declared: signature.Signature, args: list[Made], kwargs: dict[str, Made]
    ) -> tuple[list[Made], dict[str, Made]]:
        """Some of the arguments behind the first by their names."""
        names = [p.name for p in declared.parameters]
        if (
            len(args) < 2
            or len(args) > len(names)
            or self.one.name == "getitem"
            or self.b.rng.random() < 0.75
        ):
            return args, kwargs
        count = self.b.rng.randint(1, len(args) - 1)
        named = dict(zip(names[count : len(args)], args[count:], strict=True))
        return args[:count], named | kwargs

    def _text(self, args: Sequence[Made], kwargs: Mapping[str, Made]) -> str:
        """A call in one of the ways to write it."""
        name, rng = self.one.name, self.b.rng
        if name == "getitem":
            return f"{args[0].text}[{args[1].text.removeprefix('(').removesuffix(')').rstrip(',')}]"
        if name in INVERSE and len(args) == 2 and not kwargs and rng.random() < 0.6:
            left, right = (a.text if a.text.isidentifier() else f"({a.text})" for a in args)
            return f"{left} {INVERSE[name]} {right}"
        first = args[0] if args else None
        if first and isinstance(first.value, TensorType) and first.text.isidentifier():
            style = rng.randrange(3)
            if style == 0:
                return f"{first.text}.{_called(name, args[1:], kwargs)}"
            if style == 1:
                return f"{first.text} -> {_called(name, args[1:], kwargs)}"
        return _called(name, args, kwargs)

    def _layer(self) -> Value:
        one, b = self.one, self.b
        given = [self.tensors_in(i) for i in one.inputs]
        named = {k: self.tensors_in(i) for k, i in one.named.items()}
        args = [self.argument(a, i) for i, a in enumerate(one.args)]
        kwargs = {k: self.argument(a) for k, a in one.kwargs.items()}
        op = signature.bind(
            LAYERS[one.name], [a.value for a in args], {k: a.value for k, a in kwargs.items()}
        )
        cx = self._cx()
        op.check(cx)
        result = signature.call_layer(
            cx, op, [g.value for g in given], {k: g.value for k, g in named.items()}
        )
        self._settle(cx)
        for i, name in enumerate(LAYERS[one.name].arguments[: len(args)]):
            if name in op.holes and op.holes[name].input < len(given) and b.rng.random() < 0.5:
                args[i] = Made("_", args[i].value)
        layer = b.layer(_called(one.name, args, kwargs), "op")
        if len(given) == 1 and not named and given[0].text.isidentifier() and b.rng.random() < 0.7:
            return self._named(f"{given[0].text} -> {layer}", result)
        return self._named(_called(layer, given, named), result)

    def _cx(self) -> Cx:
        facts = Facts()
        for r in self.b.requires:
            facts = facts.assume(r)
        return Cx(facts, self.one.name)

    def _settle(self, cx: Cx) -> None:
        """State the open conditions that construction can decide; leave some of the others to the caller."""
        b = self.b
        known = {h.name for h in b.hypers} | b.features
        for cond in cx.open:
            if cond.symbols <= known:
                if not b.owe(cond):
                    raise Misfit
            elif b.rng.random() < 0.5 or not cond.evaluate(_large(cond, b)):
                raise Misfit

    # --- results ---

    def _named(self, text: str, result: Any) -> Value:
        b = self.b
        if isinstance(result, TensorType):
            self._small(result)
            value = b.let(text, result.dims, self.v, str(result.dtype), pack=False)
            return self._calmed(value)
        found: list[Value] = []
        target = self._target(result, found)
        if not found or len(found) > 6 or len(result) == 1:
            raise Misfit
        b.lines.append(f"{b.indent}{target.removeprefix('(').removesuffix(')')} = {text}")
        for value in found:
            b.values.append(value)
        return self._calmed(b.values[-1])

    def _target(self, result: Any, found: list[Value]) -> str:
        if isinstance(result, TensorType):
            self._small(result)
            found.append(Value(self.b.fresh("v"), result.dims, str(result.dtype)))
            return found[-1].text
        if isinstance(result, tuple | list):
            return "(" + ", ".join(self._target(r, found) for r in result) + ")"
        return "_"

    def _small(self, t: TensorType) -> None:
        if t.rank is None or t.rank > 5 or sum(len(str(d)) for d in t.dims) > 60:
            raise Misfit
        if math.prod(d.evaluate(dict.fromkeys(d.symbols, 3)) for d in t.dims) > 20_000:
            raise Misfit

    def _calmed(self, v: Value) -> Value:
        """What jumps or explodes is a result as it is; what later steps get is finite and small."""
        b = self.b
        if not self.one.exact or v.dtype != "float":
            return v
        if b.rng.random() < 0.5:
            b.shown.append(v)
        b.values.remove(v)
        return b.let(f"{v.text} -> nan_to_num(0.0, 1.0, -1.0) -> clamp(-3.0, 3.0)", v.dims, v)

    # --- arguments ---

    def argument(self, value: Any, at: int | None = None) -> Made:
        """An argument of a call or constructor."""
        if isinstance(value, str) and value.endswith("]") and DType.named(value.partition("[")[0]):
            return self.tensor(value)
        if isinstance(value, Nested):
            return self._nested(value)
        if isinstance(value, str) and self.one.layer and value in SYMBOLS:
            return self._size(symbol(value))
        if isinstance(value, slice):
            return self._slice(hosted(value))
        if isinstance(value, Dim):
            return self._size(value)
        if isinstance(value, list | tuple):
            items = [self.argument(v) for v in value]
            inner = ", ".join(i.text for i in items)
            comma = "," * (isinstance(value, tuple) and len(items) == 1)
            text = f"[{inner}]" if isinstance(value, list) else f"({inner}{comma})"
            return Made(text, type(value)(i.value for i in items))
        if type(value) is int and value >= 2 and at is not None and self.hypers:
            h = self.b.hyper("size", "int", value, value, value + 1)
            if h.default == value:
                return Made(h.name, symbol(h.name))
        return Made(literal(value), value)

    def _nested(self, value: Nested) -> Made:
        args = [self.argument(a) for a in value.args]
        kwargs = {k: self.argument(a) for k, a in value.kwargs.items()}
        layer = signature.bind(
            LAYERS[value.name], [a.value for a in args], {k: a.value for k, a in kwargs.items()}
        )
        return Made(_called(value.name, args, kwargs), layer)

    def _size(self, d: Dim) -> Made:
        for name in sorted(d.symbols - self.bound.keys()):
            self.bound[name] = self._chosen(name)
        found = d.substitute(self.bound)
        if self.one.layer and not self.b.static(found):
            raise Misfit
        return Made(str(found), found)

    def _chosen(self, name: str) -> Dim:
        """A size that no tensor binds: one that is there, or a static one."""
        b = self.b
        there = [x for w in b.values if not w.pack for x in w.dims if len(str(x)) < 12]
        if not self.one.layer and there and b.rng.random() < 0.6:
            return b.rng.choice(there)
        return b.size()

    def _slice(self, s: SliceOf) -> Made:
        parts = [None if e is None else self._size(e) for e in (s.start, s.stop, s.step)]
        texts = ["" if p is None else p.text for p in parts]
        text = ":".join(texts if texts[2] else texts[:2])
        return Made(text, SliceOf(*(None if p is None else p.value for p in parts)))

    # --- tensors ---

    def tensors_in(self, value: Any) -> Made:
        """A tensor, or a tuple of them, among a layer's inputs."""
        if isinstance(value, tuple | list):
            items = [self.tensors_in(v) for v in value]
            return Made("(" + ", ".join(i.text for i in items) + ")", tuple(i.value for i in items))
        if isinstance(value, str) and "[" in value:
            return self.tensor(value)
        return Made(literal(value), value)

    def tensor(self, text: str) -> Made:
        """A value of this type: one that is there, one that a layer adapts, or a new one."""
        kind = tensors(text)
        value = self._there(kind) or self._adapted(kind) or self._new(kind)
        for d, actual in zip(kind.dims, value.dims, strict=True):
            if not self._unify(d, actual):
                raise Misfit
        actual_type = TensorType(kind.dtype, value.dims)
        return Made(self._within(value, kind), actual_type)

    def _within(self, v: Value, kind: TensorType) -> str:
        """The value in the range and order that the case asks for."""
        text = self._ranged(v, kind)
        if self.one.name != "searchsorted" or not kind.rank:
            return text
        name = self.b.fresh("v")
        self.b.lines.append(f"{self.b.indent}{name}, _ = sort({text}, dim=-1)")
        return name

    def _ranged(self, v: Value, kind: TensorType) -> str:
        if kind.dtype.is_int and (self.one.low >= 0 or self.one.name == "getitem"):
            if self.one.low < 0 and self.b.rng.random() < 0.5:
                return f"{v.text} % 1 - 1"
            if self.one.low > 0:
                return f"abs({v.text}) % {min(self.one.high - self.one.low, 3)} + {self.one.low}"
            return f"{v.text} % 1"
        if kind.dtype.is_float and self.one.floats == "unit":
            return f"sigmoid({v.text})"
        if kind.dtype.is_float and self.one.floats == "sign":
            return f"where({v.text} > 0, 1.0, -1.0)"
        return v.text

    def _there(self, kind: TensorType) -> Value | None:
        b = self.b
        fits = [w for w in [self.v, *b.values] if self._fits(w, kind)]
        if not fits or b.rng.random() < 0.1:
            return None
        return fits[0] if b.rng.random() < 0.5 else b.rng.choice(fits)

    def _fits(self, w: Value, kind: TensorType) -> bool:
        if w.pack or w.rank != len(kind.dims) or DType.named(w.dtype) is not kind.dtype:
            return False
        if self.one.exact and kind.dtype.is_float and w not in self.b.inputs:
            return False
        before = dict(self.bound)
        fits = all(self._unify(d, a) for d, a in zip(kind.dims, w.dims, strict=True))
        self.bound = before
        return fits

    def _unify(self, d: Dim, actual: Dim) -> bool:
        """Whether a template's dim may be the actual one; binds its only unknown."""
        unknown = d.symbols - self.bound.keys()
        if not unknown:
            return d.substitute(self.bound) == actual
        if len(unknown) > 1:
            return False
        [name] = unknown
        zero, one, two = (d.substitute({**self.bound, name: dim(i)}) for i in (0, 1, 2))
        scale = one - zero
        if two - one != scale or (actual - zero) % scale != 0:
            return False
        value = (actual - zero) // scale
        low = value.bounds[0]
        if low is None or low < 1:
            return False
        self.bound[name] = value
        return True

    def _adapted(self, kind: TensorType) -> Value | None:
        """A value of the same rank whose channels or features a layer brings to a constant number."""
        b = self.b
        if kind.dtype is not DType.FLOAT or self.one.exact or b.rng.random() < 0.5:
            return None
        for axis, text in ((-1, "Linear(_, {})"), (1, f"Conv{len(kind.dims) - 2}d(_, {{}}, 1)")):
            if len(kind.dims) < 2 or (axis == 1 and len(kind.dims) not in (3, 4, 5)):
                continue
            size = kind.dims[axis].const
            rest = [d for i, d in enumerate(kind.dims) if i != axis % len(kind.dims)]
            if size is None or any(d.const is not None for d in rest):
                continue
            w = b.partner(lambda w, axis=axis: _image(w, len(kind.dims)) and b.static(w.dims[axis]))  # type: ignore[misc]
            if w is None:
                continue
            dims = list(w.dims)
            dims[axis] = dim(size)
            made = b.let(f"{w.text} -> {b.layer(text.format(size), 'to')}", dims, w)
            if self._fits(made, kind):
                return made
        return None

    def _new(self, kind: TensorType) -> Value:
        """A new parameter, buffer or input of the model."""
        b = self.b
        if math.prod(d.evaluate(dict.fromkeys(d.symbols, 3)) for d in kind.dims) > 10_000:
            raise Misfit
        dims = tuple(self._introduced(d) for d in kind.dims)
        floats = kind.dtype is DType.FLOAT and not self.one.exact
        if all(b.static(d) for d in dims) and floats and (not b.entry or b.rng.random() < 0.3):
            name = b.fresh("own")
            b.layers.append(f"param {name}: {Value(name, dims).type} = normal(std=0.7)")
            value = Value(name, dims)
            b.values.append(value)
            return value
        if not b.entry or len(b.added) > 5:
            raise Misfit
        value = Value(b.fresh("y"), dims, str(kind.dtype))
        b.added.append(value)
        b.inputs.append(value)
        b.values.append(value)
        return value

    def _introduced(self, d: Dim) -> Dim:
        """A size for a template's dim: its unknown is a dim that is there, a static size or a new dim."""
        b = self.b
        unknown = sorted(d.symbols - self.bound.keys())
        if len(unknown) > 1:
            raise Misfit
        for name in unknown:
            roll = b.rng.random()
            if name == "N" and b.entry:
                self.bound[name] = symbol("N")
            elif roll < 0.3 or not b.entry:
                self.bound[name] = b.size()
            elif roll < 0.5 and "T" in {s for w in b.inputs for x in w.dims for s in x.symbols}:
                self.bound[name] = symbol("T")
            else:
                self.bound[name] = symbol(b.fresh("K"))
        return d.substitute(self.bound)


def literal(value: Any) -> str:
    """A value as the language writes it."""
    if value is None:
        return "none"
    if value is ...:
        return "..."
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, DType):
        return str(value)
    return shown(value)


def _called(name: str, args: Sequence[Made], kwargs: Mapping[str, Made]) -> str:
    parts = [a.text for a in args] + [f"{k}={a.text}" for k, a in kwargs.items()]
    return f"{name}({', '.join(parts)})"


def _has_tensor(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_tensor, value))
    return isinstance(value, str) and value.endswith("]")


def _image(w: Value, rank: int) -> bool:
    return w.dtype == "float" and not w.pack and w.rank == rank


def _large(cond: Cond, b: Body) -> dict[str, Any]:
    """Values with which a condition should hold: the defaults, and dims of a common size."""
    defaults = {h.name: h.default for h in b.hypers}
    return {s: defaults.get(s, LEAST) for s in cond.symbols}
