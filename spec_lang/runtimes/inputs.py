"""Random inputs for a method of a model: sizes within its conditions, tensors of its types."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import prod
from typing import TYPE_CHECKING, Any, Final

from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host, HostError
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import Env, EvaluationError, Evaluator
from spec_lang.shapes import Dim, symbol
from spec_lang.shapes.dtype import TORCH_NAMES, DType

if TYPE_CHECKING:
    from spec_lang.runtimes.request import Array

ELEMENTS: Final = 1 << 24
"""What one input may have at most."""
SMALL_INTEGER: Final = 3
"""The bound of integers that index nothing."""
_POOLS: Final = (
    (1, 3, 5),
    (3, 5, 7),
    (1, 2, 3, 4, 5, 7, 9),
    (1, 5, 11, 16, 24, 33, 48),
    (32, 64, 96, 128, 224, 256),
)
_TRIES: Final = 60
NONE: Final[Mapping[str, int]] = {}


class NoSizes(Exception):
    """No sizes were found that satisfy the conditions on the inputs; the message names the conditions."""


@dataclass(frozen=True)
class Sizes:
    """A value for every dim variable of a method's inputs.

    Attributes:
        values: By name; `*B` for a pack is the tuple of its sizes.
    """

    values: Mapping[str, int | tuple[int, ...]]

    def __str__(self) -> str:
        return ", ".join(f"{k}={v}" for k, v in self.values.items()) or "no dynamic dims"


class Sampler:
    """Draws inputs for one method of a model with known hyperparameters.

    Args:
        program: The checked program.
        definition: The model's definition in it.
        method: One of its methods.
        values: The hyperparameters and static dims by name.
        given: The inputs that may be absent, and shall not be.
        ranks: How many dims `*B` stands for, by its name; 1 where it is not there.
        fixed: The sizes of dims that are always the same.
        bounds: What integers of an input must be below, by the input's name and the sizes; see `index_bounds`.
        precision: numpy's name of what `float` is.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        program: model.Program,
        definition: model.Block,
        method: model.Method,
        values: Mapping[str, Host],
        *,
        given: Collection[str] = (),
        ranks: Mapping[str, int] | None = None,
        fixed: Mapping[str, int] | None = None,
        bounds: Callable[[str, Mapping[str, int]], int | None] = lambda name, sizes: None,
        precision: str = "float32",
        seed: int = 0,
    ) -> None:
        import numpy

        self.evaluator = Evaluator(program)
        self.definition = definition
        self.method = method
        self.static = fixed or {}
        self.known = {**values, **self.static}
        self.inputs = [
            i for i in method.inputs if i.name in given or not (i.optional or i.default is not None)
        ]
        self.ranks = ranks or {}
        self.bounds = bounds
        self.precision = precision
        self.dice = numpy.random.RandomState(seed)
        self.unit = False

    # --- Sizes --------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The dim variables of the inputs, packs as `*B`."""
        return self._variables(self.inputs)

    def _variables(self, inputs: Iterable[model.Input]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for i in inputs:
            for text in self._texts(i.type):
                if text.startswith("*"):
                    found[text] = None
                elif text != "_":
                    found.update(dict.fromkeys(sorted(_names(text, self.known))))
        return tuple(found)

    def sizes(self, count: int) -> list[Sizes]:
        """Different sizes within the conditions: every variable 1 in one of them if it may be, odd ones, larger ones.

        Raises:
            NoSizes: not even one assignment was found.
        """
        names = self.names
        found: dict[tuple[int | tuple[int, ...], ...], Sizes] = {}
        for wish in self._wishes(names):
            sizes = self._search(names, wish, found)
            if sizes is not None:
                found[tuple(sizes.values[n] for n in names)] = sizes
            if len(found) == count:
                break
        if not found:
            tests = [r.message for r in self._conditions()]
            raise NoSizes(
                f"no sizes of {', '.join(names)} satisfy {'; '.join(tests) or 'the types of the inputs'}"
            )
        return list(found.values())

    def fixed(self, chosen: Mapping[str, int]) -> Sizes:
        """Sizes that the caller chose for some of the variables, and small ones for the rest.

        Raises:
            NoSizes: they violate a condition, or one is of no variable, not even of an absent input.
        """
        variables = self._variables(self.method.inputs)
        for name in chosen:
            if name not in variables:
                raise NoSizes(
                    f"there is no dim variable `{name}`; there are: {', '.join(variables) or 'none'}"
                )
        names = self.names
        sizes = self._search(names, {n: v for n, v in chosen.items() if n in names}, {})
        if sizes is None:
            raise NoSizes(f"the sizes {', '.join(f'{k}={v}' for k, v in chosen.items())} violate a condition")
        return sizes

    def _wishes(self, names: Sequence[str]) -> Iterator[Mapping[str, int]]:
        """What should be fixed in each assignment, the most telling first."""
        yield dict.fromkeys(names, 1)
        yield {}
        for name in names:
            yield {name: 1}
        for _ in range(20):
            yield {}

    def _search(
        self, names: Sequence[str], wish: Mapping[str, int], seen: Collection[tuple[object, ...]]
    ) -> Sizes | None:
        """An assignment that grants the wish and satisfies all conditions; small sizes before large ones."""
        for pool in _POOLS:
            for _ in range(_TRIES):
                values = {n: self._size(n, pool if n not in wish else (wish[n],)) for n in names}
                if tuple(values.values()) not in seen and self.holds(values):
                    return Sizes(values)
                if len(wish) == len(names):
                    return None
        return None

    def _size(self, name: str, pool: Sequence[int]) -> int | tuple[int, ...]:
        if name.startswith("*"):
            sizes = [self.static.get(part) for part in self.parts(name)]
            return tuple(int(self.dice.choice(pool)) if n is None else n for n in sizes)
        return int(self.dice.choice(pool))

    def parts(self, name: str) -> list[str]:
        """The dims of a graph that a dim variable stands for: itself, or those of a pack."""
        if not name.startswith("*"):
            return [name]
        rank = self.ranks.get(name[1:], 1)
        return [name[1:] if rank == 1 else f"{name[1:]}{n}" for n in range(rank)]

    def holds(self, sizes: Mapping[str, int | tuple[int, ...]]) -> bool:
        """Whether sizes satisfy the conditions on the caller's values, and give tensors that can be."""
        env = self._env(sizes)
        try:
            shapes = [s for i in self.inputs for s in self._axes_of(i.type, sizes)]
        except HostError:
            return False
        if any(n < self._least(text) for axes in shapes for text, n in axes):
            return False
        if any(prod(n for _, n in axes) > ELEMENTS for axes in shapes):
            return False
        try:
            for let in self.definition.lets:
                if let.at == "call":
                    env.values[let.name] = self.evaluator.value(let.value, env)
            return all(self.evaluator.condition(r.test, env) for r in self._conditions())
        except EvaluationError:
            return False

    def _conditions(self) -> tuple[model.Require, ...]:
        owed = tuple(r for r in self.definition.requires if r.at == "call")
        certain = takewhile(lambda s: not isinstance(s, model.If | model.For), self.method.body)
        stated = tuple(s for s in certain if isinstance(s, model.Require) and s.open)
        return owed + self.method.checks + stated

    def _env(self, sizes: Mapping[str, int | tuple[int, ...]]) -> Env:
        absent = {b.name: 0 for b in self.method.dims if not b.name.startswith("*")}
        packs = {n[1:]: s for n, s in sizes.items() if n.startswith("*")}
        present = {i.name: None for i in self.method.inputs} | {i.name: i for i in self.inputs}
        return Env(self.definition.file, {**absent, **self.known, **sizes, **packs}, dict(present))

    # --- Tensors ------------------------------------------------------------------------------

    def sample(self, sizes: Sizes, *, truths: float = 0.3, unit: bool = False) -> dict[str, Any]:
        """Inputs of these sizes by name: arrays, or tuples and lists of them as the types say.

        Floats are normal, or between 0 and 1 where `unit` says so; integers are indices within their bounds; a share of
        `truths` of the booleans is true, but for one in each row that is what most are.
        """
        self.unit = unit
        return {i.name: self._value(i.name, i.type, sizes, truths) for i in self.inputs}

    def _value(
        self, name: str, type: model.Type, sizes: Sizes, truths: float, index: Mapping[str, int] | None = None
    ) -> Any:
        if isinstance(type, model.OptionalType):
            return self._value(name, type.base, sizes, truths, index)
        if isinstance(type, model.TupleType):
            return tuple(
                self._value(f"{name}_{n}", t, sizes, truths, index) for n, t in enumerate(type.items)
            )
        if isinstance(type, model.ListType):
            return [
                self._value(f"{name}_{n}", type.item, sizes, truths, {**(index or {}), type.index or "_": n})
                for n in range(self._length(type, sizes.values))
            ]
        assert isinstance(type, model.TensorType)
        return self._tensor(
            name, type.dtype, self._shape(type, {**sizes.values, **(index or {})}), sizes, truths
        )

    def _tensor(self, name: str, dtype: str, shape: tuple[int, ...], sizes: Sizes, truths: float) -> Array:
        kind = DType.named(dtype)
        assert kind is not None
        if kind is DType.BOOL:
            return self._truths(shape, truths)
        if kind.is_int:
            flat = {k: v for k, v in sizes.values.items() if isinstance(v, int)}
            bound = self.bounds(name, flat) or SMALL_INTEGER
            return self.dice.randint(0, bound, shape).astype(TORCH_NAMES[kind])
        exact = kind in (DType.F64, DType.F32, DType.F16)
        numbers = self.dice.random_sample(shape) if self.unit else self.dice.standard_normal(shape)
        return numbers.astype(TORCH_NAMES[kind] if exact else self.precision)

    def _truths(self, shape: tuple[int, ...], share: float) -> Array:
        """Booleans with one in each row that is what most are: a mask that hides all of a row tells nothing."""
        values: Array = self.dice.random_sample(shape) < share
        if shape and shape[-1]:
            rows = values.reshape(-1, shape[-1])
            rows[range(len(rows)), self.dice.randint(0, shape[-1], len(rows))] = share > 0.5
        return values

    # --- Shapes -------------------------------------------------------------------------------

    def _texts(self, type: model.Type) -> Iterable[str]:
        """The texts of the dims in a type, those of a list's items by its first one."""
        if isinstance(type, model.TensorType):
            yield from type.dims
        elif isinstance(type, model.OptionalType):
            yield from self._texts(type.base)
        elif isinstance(type, model.TupleType):
            for item in type.items:
                yield from self._texts(item)
        elif isinstance(type, model.ListType):
            if type.length is not None:
                yield type.length
            for text in self._texts(type.item):
                if type.index is None or text == "_" or text.startswith("*"):
                    yield text
                else:  # of the first item, as every other one has the same names
                    yield str(size(text, {**self.known, type.index: 0}, symbol))

    def _axes_of(
        self, type: model.Type, sizes: Mapping[str, int | tuple[int, ...]], indices: Mapping[str, int] = NONE
    ) -> Iterator[list[tuple[str, int]]]:
        """The axes of each tensor in a type, at some indices of the lists around."""
        if isinstance(type, model.TensorType):
            yield self._axes(type, sizes, indices)
        elif isinstance(type, model.OptionalType):
            yield from self._axes_of(type.base, sizes, indices)
        elif isinstance(type, model.TupleType):
            for item in type.items:
                yield from self._axes_of(item, sizes, indices)
        elif isinstance(type, model.ListType):
            for n in range(self._length(type, sizes)):
                yield from self._axes_of(type.item, sizes, {**indices, type.index or "_": n})

    def _axes(
        self, type: model.TensorType, sizes: Mapping[str, Any], indices: Mapping[str, int] = NONE
    ) -> list[tuple[str, int]]:
        """The axes of a tensor: the text of a dim, in which a list's index is a number, and its size.

        Raises:
            HostError: one has no value.
        """
        axes: list[tuple[str, int]] = []
        for text in type.dims:
            if text.startswith("*"):
                axes += [(text, n) for n in sizes[text]]
            elif text == "_":
                axes.append((text, 3))
            else:
                told = str(size(text, {**self.known, **indices}, symbol)) if indices else text
                axes.append((told, _whole(size(text, {**self.known, **sizes, **indices}), text)))
        return axes

    def _shape(self, type: model.TensorType, sizes: Mapping[str, Any]) -> tuple[int, ...]:
        """The sizes of a tensor.

        Raises:
            HostError: one has no value.
        """
        return tuple(n for _, n in self._axes(type, sizes))

    def _least(self, text: str) -> int:
        """The smallest size of an axis in a sample: 0 only where no choice of sizes gives another."""
        return 1 if text.startswith("*") or text == "_" or _names(text, self.known) else 0

    def _length(self, type: model.ListType, sizes: Mapping[str, Any]) -> int:
        if type.length is None:
            raise HostError("a list of unknown length")
        return _whole(size(type.length, {**self.known, **sizes}), type.length)


def present(name: str, names: Iterable[str]) -> bool:
    """Whether an input is among those of an exported graph: itself, or the first item of its tuples and lists."""
    item = re.compile(rf"{re.escape(name)}(_0)*")
    return any(map(item.fullmatch, names))


def flat(inputs: Mapping[str, Any]) -> dict[str, Array]:
    """Arrays by the names that an exported graph gives them: the items of `states` are `states_0`, `states_1`."""
    found: dict[str, Array] = {}

    def visit(name: str, value: Any) -> None:
        if isinstance(value, list | tuple):
            for n, item in enumerate(value):
                visit(f"{name}_{n}", item)
        else:
            found[name] = value

    for name, value in inputs.items():
        visit(name, value)
    return found


def _names(text: str, known: Mapping[str, Host]) -> set[str]:
    """The names in a dim's text that have no value."""
    value = size(text, known, symbol)
    return set(value.symbols) if isinstance(value, Dim) else set()


def _whole(value: int | Dim, text: str) -> int:
    if isinstance(value, Dim):
        if value.const is None:
            raise HostError(f"{text} has no value")
        return value.const
    return value
