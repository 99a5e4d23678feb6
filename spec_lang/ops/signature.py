"""From what was written to an op's arguments: one binder for the constructors of layers, their forwards and functions.

The annotations of an op's class are read once, when the op is first used; `kinds` says what each of them takes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.frozen import Record
from spec_lang.ops.base import Cx, Function, Layer, Op, OpError, known_rank, size_at
from spec_lang.ops.kinds import Choice, Real, Run, SliceOf
from spec_lang.shapes import MAX_DIMS, Cond, Dim, DType, TensorType, dim

AnOp = TypeVar("AnOp", bound=Op)
AnyResult = TypeVar("AnyResult")


class Hole:
    """`_`: an argument that the dataflow determines."""

    def __repr__(self) -> str:
        return "_"


HOLE: Final = Hole()
_MISS: Final = object()  # what a conversion gives for a value that it does not take
_REQUIRED: Final = object()

Convert = Callable[[Any], Any]
Arrange = Callable[[Sequence[Any], Mapping[str, Any]], tuple[Sequence[Any], Mapping[str, Any]]]


class NeedsCase(Exception):
    """An argument must be one concrete value, but is a condition or a choice: check the op once for each of them.

    Attributes:
        arg: The argument's name.
        value: The `Cond` or the `Choice`.
    """

    def __init__(self, arg: str, value: Cond | Choice) -> None:
        super().__init__(f"{arg} depends on {value}")
        self.arg = arg
        self.value = value


class Parameter(Record):
    """One argument of an op."""

    name: str
    kind: str
    """The annotation's text."""
    convert: Convert
    default: Any
    keyword: bool
    """Whether it must be named."""

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    @property
    def takes(self) -> str:
        """What may be written for it, in words."""
        return words(self.kind)


def _fix(kind: str, value: Any) -> str | None:
    """What to write where a value of another kind was meant."""
    if isinstance(value, TensorType):
        return "put the tensors into a list: `[a, b]`" if kind in ("list[Tensor]", "Tensors") else None
    if kind == "list[Tensor]" and isinstance(value, list) and any(isinstance(v, Run) for v in value):
        return "state how many there are by a `require`, or write them out"
    if kind == "Tensor" and isinstance(value, tuple | list):
        return "take the tensor out of it first: `y, _ = ...`"
    if kind == "Tensor" and isinstance(value, Real):
        return "a tensor's type has its dims: `x: float[N, 4]`, or `float[]` for none"
    if isinstance(value, str):
        if kind == "DType":
            return "dtypes are written without quotes: `f32`; a model runs where its inputs are"
        plain = value.removeprefix("-").replace(".", "", 1).isdigit() or value.lower() in (
            "true",
            "false",
            "none",
        )
        return f"write `{value.lower()}` without quotes" if plain else None
    if type(value) is float and value.is_integer() and "Dim" in kind:
        return f"write `{int(value)}`"
    return None


class Signature:
    """The arguments of a function, of a layer's constructor or of a layer's forward."""

    def __init__(
        self,
        name: str,
        parameters: tuple[Parameter, ...],
        gathers: str = "",
        holes: frozenset[str] = frozenset(),
        arrange: Arrange | None = None,
        extras: str = "",
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.gathers = gathers
        self.holes = holes
        self._arrange = arrange
        self.extras = extras
        self.by_name = {p.name: p for p in parameters}
        self._positional = tuple(p for p in parameters if not p.keyword)
        self._defaults = {p.name: p.default for p in parameters if not p.required}
        self._required = tuple(p.name for p in parameters if p.required)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], called: str = "") -> dict[str, Any]:
        """Each argument by its name, converted to its kind, defaults filled in.

        Messages about the call as a whole say that it is of `called`.

        Raises:
            OpError: E0510 too many, E0511 missing, E0512 unknown, E0513 twice, E0514 of the wrong kind, E0515 known to
                PyTorch but without a meaning in a spec, E0516 a `_` that nothing determines.
            NeedsCase: one is a condition or choice where the op needs a value.
        """
        called = called or self.name
        values = self._defaults.copy()
        if self._arrange is not None:
            args, kwargs = self._arrange(args, kwargs)
        if len(args) > len(self._positional) or self.gathers:
            args = self._gathered(args, called)
        for parameter, value in zip(self._positional, args, strict=False):
            values[parameter.name] = self.convert(parameter, value)
        for name, value in kwargs.items():
            known = self.by_name.get(name) if name != self.extras else None
            if known is None and self.extras:
                values[self.extras] = (*values[self.extras], (name, self._extra(name, value)))
                continue
            if known is None:
                raise self._unknown(name, called)
            if len(args) and known in self._positional[: len(args)]:
                raise OpError(f"{called} gets `{name}` twice", code="E0513", arg=name)
            if name == self.gathers and not isinstance(value, list | tuple):
                raise OpError(
                    f"{called} takes a list for `{name}` where it is named, not {described(value)}",
                    code="E0514",
                    arg=name,
                    refused=value,
                )
            values[name] = self.convert(known, value)
        if len(values) < len(self.parameters):
            raise self._missing(values, called)
        return {p.name: values[p.name] for p in self.parameters}

    def convert(self, parameter: Parameter, value: Any) -> Any:
        """One argument as its kind."""
        if value is HOLE:
            if parameter.name in self.holes:
                return HOLE
            raise self._no_hole(parameter.name)
        try:
            converted = parameter.convert(value)
        except NeedsCase as case:
            raise NeedsCase(parameter.name, case.value) from None
        if converted is _MISS:
            raise OpError(
                f"{self.name}'s `{parameter.name}` takes {parameter.takes}, not {described(value)}",
                code="E0514",
                arg=parameter.name,
                help=_fix(parameter.kind, value),
                refused=value,
            )
        return converted

    def _extra(self, name: str, value: Any) -> Dim:
        size = _to_dim(value)
        if isinstance(size, Dim):
            return size
        raise OpError(
            f"{self.name}'s `{name}` takes an int, not {described(value)}",
            code="E0514",
            arg=name,
            refused=value,
        )

    def _gathered(self, args: Sequence[Any], called: str) -> Sequence[Any]:
        """`view(2, 3)` as `view((2, 3))`, where the op takes that; too many arguments are refused."""
        names = [p.name for p in self._positional]
        if self.gathers:
            at = names.index(self.gathers)
            if len(args) > at and not isinstance(args[at], list | tuple):
                return (*args[:at], tuple(args[at:]))
        if len(args) > len(names):
            takes = f"{len(names)} arguments" if len(names) != 1 else "1 argument"
            rest = [p.name for p in self.parameters if p.keyword]
            raise OpError(
                f"{called} takes at most {takes} by position ({', '.join(names)}), but gets {len(args)}",
                code="E0510",
                help=f"name the rest: {', '.join(f'{r}=...' for r in rest)}" if rest else None,
            )
        return args

    def _missing(self, values: Mapping[str, Any], called: str) -> OpError:
        missing = [name for name in self._required if name not in values]
        listed = " and ".join(f"`{m}`" for m in missing)
        inferred = [m for m in missing if m in self.holes]
        help = f"`{inferred[0]}` may be `_`: it is then inferred from what flows in" if inferred else None
        return OpError(f"{called} needs {listed}", code="E0511", help=help or self._how_to_give(missing))

    def _how_to_give(self, missing: Sequence[str]) -> str | None:
        """What is mostly forgotten where these arguments are missing."""
        inferred = next(iter(self._required), None)
        if len(missing) == 1 and missing[0].startswith("out_") and inferred in self.holes:
            return f"`{inferred}` comes first, and may be `_`: `{self.name}(_, ...)`"
        return _MISSING.get((self.name, *missing)) or _MISSING.get(tuple(missing))

    def _unknown(self, name: str, called: str) -> OpError:
        reason = _REFUSED.get(name)
        if reason:
            return OpError(f"{called} takes no `{name}` in a spec: {reason}", code="E0515", arg=name)
        help = _INSTEAD.get(name) or did_you_mean(name, self.by_name, _OTHERS)
        help = help or f"its arguments are: {', '.join(self.by_name) or 'none'}"
        return OpError(f"{called} has no argument `{name}`", code="E0512", arg=name, help=help)

    def _no_hole(self, name: str) -> OpError:
        able = " and ".join(f"`{h}`" for h in self.by_name if h in self.holes)
        return OpError(
            f"{self.name}'s `{name}` cannot be `_`: what flows in does not determine it",
            code="E0516",
            arg=name,
            help=f"{able} can" if able else None,
        )

    def __str__(self) -> str:
        return f"{self.name}({', '.join(_written(self.parameters))})"


_REFUSED = {
    "device": "what a model makes lives where its inputs do",
    "dtype": "its dtype follows from its inputs",
    "out": "results are values; nothing is written into a tensor",
    "memory_format": "layouts in memory are not part of a spec",
    "layout": "layouts in memory are not part of a spec",
    "pin_memory": "layouts in memory are not part of a spec",
    "training": "it follows the module's mode",
    "generator": "random draws come from PyTorch's own generator",
    "requires_grad": "`param` is learned, `buffer` is not",
    "names": "dims have names in a spec's types",
    "size_average": "PyTorch deprecated it for `reduction`",
    "reduce": "PyTorch deprecated it for `reduction`",
    "_stacklevel": "it is an internal of PyTorch",
    "copy": "results are values; whether memory is shared cannot be seen",
    "non_blocking": "results are values; whether memory is shared cannot be seen",
}


_OTHERS = {
    "axis": "dim",
    "axes": "dims",
    "keepdims": "keepdim",
    "filters": "out_channels",
    "units": "out_features",
    "strides": "stride",
    "kernel": "kernel_size",
    "pool_size": "kernel_size",
    "rate": "p",
    "dropout_rate": "p",
    "use_bias": "bias",
    "epsilon": "eps",
    "heads": "num_heads",
    "vocab_size": "num_embeddings",
    "dilation_rate": "dilation",
}
"""The words of other libraries."""

_MISSING: Mapping[tuple[str, ...], str] = {
    (
        "key",
        "value",
    ): "a sequence that attends to itself is given three times, `x, x, x`; what comes out is `y, weights`",
    (
        "where",
        "other",
    ): "`where(condition, a, b)` takes what stands where the condition holds, and what stands elsewhere",
}
_INSTEAD = {
    "activation": "call the activation behind it: `x -> fc -> relu`",
    "input_shape": "leave it out: `_` infers what flows in",
    "input_dim": "leave it out: `_` infers what flows in",
    "name": "its name is the one before the `=`",
}


# --- The signatures of ops ------------------------------------------------------------------

_BASES = frozenset({object, Op, Function, Layer})
_SIGNATURES: dict[type[Op], Signature] = {}
_FORWARDS: dict[type[Layer], Signature] = {}


def of(op: type[Op]) -> Signature:
    """The arguments of a function or of a layer's constructor."""
    found = _SIGNATURES.get(op)
    if found is None:
        found = _SIGNATURES[op] = _read(op)
    return found


def forward(layer: type[Layer]) -> Signature:
    """The arguments of a layer's forward: those of `infer` after `cx`."""
    found = _FORWARDS.get(layer)
    if found is None:
        found = _FORWARDS[layer] = _read_infer(layer)
    return found


def bind(op: type[AnOp], args: Sequence[Any], kwargs: Mapping[str, Any]) -> AnOp:
    """The op with these arguments.

    Raises:
        OpError: as `Signature.bind`.
        NeedsCase: as `Signature.bind`.
    """
    instance = op.__new__(op)
    instance.__dict__ = (_SIGNATURES.get(op) or of(op)).bind(args, kwargs)
    return instance


def replace(instance: AnOp, **values: Any) -> AnOp:
    """The same op with other values for some of its arguments.

    Raises:
        OpError: a value is of the wrong kind.
    """
    signature = of(type(instance))
    copy = instance.__new__(type(instance))
    copy.__dict__ = instance.__dict__ | {
        name: signature.convert(signature.by_name[name], value) for name, value in values.items()
    }
    return copy


def holes(cx: Cx, layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Dim]:
    """The size that each argument which may be `_` finds in these inputs.

    Raises:
        OpError: the inputs do not bind, or have no such axis.
    """
    return _found(cx, layer, forward(type(layer)).bind(args, kwargs))


def call_layer(cx: Cx, layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The type of what a layer gives for these inputs.

    Raises:
        OpError: the inputs do not bind or do not fit; E0302 for a rank, E0301 for a size that an argument states.
    """
    return infer_layer(cx, layer, forward(type(layer)).bind(args, kwargs))


def infer_layer(cx: Cx, layer: Layer, values: Mapping[str, Any]) -> Any:
    """The type of what a layer gives for the arguments of its forward.

    Raises:
        OpError: they do not fit, as in `call_layer`.
    """
    for name, size in _found(cx, layer, values).items():
        stated = getattr(layer, name)
        hole = layer.holes[name]
        cx.equal(
            stated,
            size,
            f"{cx.name} expects {stated} {hole.what}, but gets {size}",
            code="E0301",
            arg=name,
            help=f"`{name}` may be `_`: it is then inferred",
        )
    return few_dims(cx, layer.infer(cx, **values))


def infer_function(cx: Cx, function: Function) -> Any:
    """The type of what a bound function gives.

    Raises:
        OpError: its inputs do not fit.
    """
    return few_dims(cx, function.infer(cx))


def few_dims(cx: Cx, result: AnyResult) -> AnyResult:
    """The result, which must have as few dims as PyTorch has tensors of.

    Raises:
        OpError: it has more.
    """
    for one in result if isinstance(result, tuple | list) else (result,):
        if isinstance(one, TensorType) and len(one.shape) > MAX_DIMS:
            raise OpError(f"{cx.name} would give {len(one.shape)} dims, more than {MAX_DIMS}", code="E0302")
    return result


def _found(cx: Cx, layer: Layer, values: Mapping[str, Any]) -> dict[str, Dim]:
    inputs = tuple(values.values())
    if layer.ranks and isinstance(inputs[0], TensorType):
        known_rank(cx, inputs[0], layer.ranks)
    return {
        name: size_at(cx, inputs[hole.input], hole.axis)
        for name, hole in layer.holes.items()
        if isinstance(inputs[hole.input], TensorType) and not isinstance(getattr(layer, name), tuple | None)
    }


def _read(op: type[Op]) -> Signature:
    kinds: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    for base in reversed(op.__mro__):
        if base not in _BASES:  # which have attributes that are no arguments' defaults
            kinds.update(vars(base).get("__annotations__", {}))
            defaults.update(vars(base))
    keywords = frozenset(op.keywords)
    parameters = tuple(
        _parameter(a, kinds[a], defaults.get(a, _REQUIRED), a in keywords) for a in op.arguments
    )
    sizes = next((p.name for p in parameters if p.kind == "Sizes" and not p.keyword), "")
    holes = frozenset(getattr(op, "holes", ()))
    return Signature(op.name, parameters, op.gathers or sizes, holes, op.arrange, op.extras)


def _read_infer(layer: type[Layer]) -> Signature:
    code, defaults = layer.infer.__code__, layer.infer.__defaults__ or ()
    names = code.co_varnames[2 : code.co_argcount]
    required = len(names) - len(defaults)
    kinds = layer.infer.__annotations__
    parameters = tuple(
        _parameter(name, kinds[name], defaults[i - required] if i >= required else _REQUIRED, False)
        for i, name in enumerate(names)
    )
    return Signature(layer.name, parameters)


def _parameter(name: str, kind: str, default: Any, keyword: bool) -> Parameter:
    convert = conversion(kind)
    if default is not _REQUIRED and default is not None:
        default = convert(default)
        if default is _MISS:
            raise TypeError(f"the default of {name}: {kind} is of another kind")
    return Parameter(name, kind, convert, default, keyword)


def _written(parameters: tuple[Parameter, ...]) -> list[str]:
    parts: list[str] = []
    for p in parameters:
        if p.keyword and "*" not in parts:
            parts.append("*")
        if p.kind == "Extras":
            parts.append(f"**{p.name}")
        else:
            parts.append(p.name if p.required else f"{p.name}={written(p.default)}")
    return parts


def written(value: Any) -> str:
    """A host value as an author writes it."""
    if value is None:
        return "none"
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        same = len(set(map(str, value))) == 1
        return written(value[0]) if same else f"({', '.join(map(written, value))})"
    return str(value)


# --- Conversions: one for each kind ---------------------------------------------------------


def _to_dim(value: Any) -> Any:
    if type(value) is Dim:
        return value
    return dim(value) if type(value) is int else _MISS


def _to_int(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is Dim and value.const is not None:
        return value.const
    return _MISS


def _to_axes(value: Any) -> Any:
    items = tuple(map(_to_int, value)) if isinstance(value, list | tuple) else (_to_int(value),)
    return _MISS if _MISS in items else items


def _to_dims(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        value = (value,)
    items = tuple(map(_to_dim, value))
    return _MISS if any(i is _MISS for i in items) else items


def _to_size(n: int) -> Convert:
    def convert(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            one = _to_dim(value)
            return _MISS if one is _MISS else (one,) * n
        return _to_dims(value) if len(value) == n else _MISS

    return convert


def _to_number(value: Any) -> Any:
    if type(value) is float or type(value) is Dim or type(value) is Real:
        return value
    return dim(value) if type(value) is int else _MISS


def _to_operand(value: Any) -> Any:
    if isinstance(value, TensorType) or type(value) is bool:
        return value
    if isinstance(value, Cond):
        return _to_bool(value)
    return _to_number(value)


def _to_bool(value: Any) -> Any:
    if type(value) is bool:
        return value
    if isinstance(value, Cond):
        if value == Cond.TRUE or value == Cond.FALSE:
            return value == Cond.TRUE
        raise NeedsCase("", value)
    return _MISS


def _to_str(value: Any) -> Any:
    if type(value) is str:
        return value
    if isinstance(value, Choice):
        raise NeedsCase("", value)
    return _MISS


def _to_instance(*types: type) -> Convert:
    return lambda value: value if isinstance(value, types) else _MISS


def _to_none(value: Any) -> Any:
    return None if value is None else _MISS


def _to_index(value: Any) -> Any:
    items = tuple(map(_to_index_item, value if isinstance(value, tuple) else (value,)))
    return _MISS if any(i is _MISS for i in items) else items


def _to_index_item(item: Any) -> Any:
    if item is None or item is ... or isinstance(item, TensorType):
        return item
    if isinstance(item, SliceOf):
        ends = [None if e is None else _to_dim(e) for e in (item.start, item.stop, item.step)]
        return _MISS if any(e is _MISS for e in ends) else SliceOf(*ends)
    return _to_dims(item) if isinstance(item, list) else _to_dim(item)


def _to_each(convert: Convert) -> Convert:
    def each(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return _MISS
        items = tuple(map(convert, value))
        return _MISS if any(i is _MISS for i in items) else items

    return each


def _to_tuple(parts: tuple[Convert, ...]) -> Convert:
    def each(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(parts):
            return _MISS
        items = tuple(convert(v) for convert, v in zip(parts, value, strict=True))
        return _MISS if any(i is _MISS for i in items) else items

    return each


def _to_literal(options: tuple[str, ...]) -> Convert:
    def convert(value: Any) -> Any:
        value = _to_str(value)
        return value if value in options else _MISS

    return convert


def _first(converts: tuple[Convert, ...]) -> Convert:
    def convert(value: Any) -> Any:
        for one in converts:
            converted = one(value)
            if converted is not _MISS:
                return converted
        return _MISS

    return convert


_tensor = _to_instance(TensorType)
_BASIC: dict[str, tuple[Convert, str]] = {
    "Dim": (_to_dim, "an int"),
    "Count": (_to_int, "an int that is known here"),
    "Axis": (_to_int, "a constant int"),
    "Axes": (_to_axes, "a constant int or several"),
    "Size1": (_to_size(1), "an int"),
    "Size2": (_to_size(2), "an int or a pair of them"),
    "Size3": (_to_size(3), "an int or three of them"),
    "Sizes": (_to_dims, "ints"),
    "Number": (_to_number, "a number"),
    "Operand": (_to_operand, "a tensor or a number"),
    "Module": (_to_instance(Layer), "a layer"),
    "Extras": (lambda value: value if isinstance(value, tuple) else _MISS, "named ints"),
    "Index": (_to_index, "an index"),
    "Tensor": (_tensor, "a tensor"),
    "TensorType": (_tensor, "a tensor"),
    "Tensors": (_to_each(_to_instance(TensorType, Run)), "a list of tensors"),
    "DType": (_to_instance(DType), "a dtype"),
    "bool": (_to_bool, "true or false"),
    "str": (_to_str, "a string"),
    "None": (_to_none, "none"),
}
_CONVERSIONS: dict[str, Convert] = {kind: convert for kind, (convert, _) in _BASIC.items()}


def conversion(kind: str) -> Convert:
    """How a value becomes what an annotation says; it gives a sentinel for what the annotation does not take.

    Raises:
        TypeError: the annotation is not one of `kinds`.
    """
    found = _CONVERSIONS.get(kind)
    if found is None:
        found = _CONVERSIONS[kind] = _composed(kind)
    return found


def _composed(kind: str) -> Convert:
    options = _split(kind, "|")
    if len(options) > 1:
        return _first(tuple(map(conversion, options)))
    head, inner = _generic(kind)
    if head == "Literal":
        return _to_literal(ast.literal_eval(f"({inner},)"))
    if head == "list":
        return _to_each(conversion(inner))
    if head == "tuple":
        return _to_tuple(tuple(map(conversion, _split(inner, ","))))
    raise TypeError(f"no kind of argument is called {kind}")


def words(kind: str) -> str:
    """What an annotation takes, as messages and reference pages say it."""
    basic = _BASIC.get(kind)
    if basic:
        return basic[1]
    options = _split(kind, "|")
    if len(options) > 1:
        return " or ".join(map(words, options))
    head, inner = _generic(kind)
    if head == "Literal":
        *first, last = (f'"{o}"' for o in ast.literal_eval(f"({inner},)"))
        return f"{', '.join(first)} or {last}" if first else last
    if head == "list":
        return "a list of tensors" if inner == "Tensor" else f"a list, each item {words(inner)}"
    return f"({', '.join(map(words, _split(inner, ',')))})"


def described(value: Any) -> str:
    """A host value in a message: its kind and its text."""
    if isinstance(value, TensorType):
        return f"a tensor {value}"
    if value is None or type(value) is bool:
        return written(value)
    if isinstance(value, Cond):
        return f"the condition {value}"
    if isinstance(value, Op):
        return f"a layer {type(value).name}"
    name = {float: "float", Real: "float", int: "int", Dim: "int", str: "string", DType: "dtype"}.get(
        type(value)
    )
    if name:
        return f"the {name} {written(value)}"
    if isinstance(value, list | tuple):
        counts = [v.count if isinstance(v, Run) else dim(1) for v in value]
        kind = (
            "a tuple"
            if isinstance(value, tuple) and any(isinstance(v, TensorType) for v in value)
            else "a list"
        )
        return f"{kind} of {sum(counts, start=dim(0))}"
    return f"{value}"


def _split(text: str, separator: str) -> list[str]:
    """Split outside brackets and quotes."""
    parts, depth, start, quoted = [], 0, 0, False
    for i, c in enumerate(text):
        if c in "\"'":
            quoted = not quoted
        depth += (c == "[") - (c == "]")
        if c == separator and not depth and not quoted:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def _generic(kind: str) -> tuple[str, str]:
    head, _, rest = kind.partition("[")
    return head.strip(), rest.rstrip()[:-1].strip()
