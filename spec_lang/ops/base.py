"""The form in which every layer and function is declared, once.

A class is an op. Its annotations are its arguments, in PyTorch's order, with PyTorch's names and defaults; `infer` is
its shape rule; `onnx` is its lowering. Everything else (binding, `_`, messages, reference pages, tests) is derived.

    class Linear(Layer):
        \"\"\"y = x Wᵀ + b over the last axis.\"\"\"

        in_features: Dim
        out_features: Dim
        bias: bool = True

        torch = "nn.Linear"
        holes = {"in_features": Hole(-1, "input features")}

        def infer(self, cx, input: Tensor) -> Tensor:
            return input.with_shape((*input.shape[:-1], self.out_features))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from math import gcd
from typing import Any, ClassVar, Final, Literal, TypeAlias, TypeVar

from spec_lang.frozen import Record
from spec_lang.ops import index
from spec_lang.ops.init import Clone, Draw, Fill, Init
from spec_lang.ops.lowering import Graph
from spec_lang.ops.products import Products
from spec_lang.shapes import Cond, Dim, DType, Facts, Pack, Shape, TensorType, Verdict
from spec_lang.shapes.atom import MIN
from spec_lang.shapes.dim import the_atom

Tensor: TypeAlias = TensorType
AnOp = TypeVar("AnOp", bound="Op")
Sharing: TypeAlias = Literal["", "same", "moved", "ordered", "dtype", "idle"]


NO_VALUE: Final = object()
"""No value of an argument is refused."""


class OpError(Exception):
    """An op refuses its arguments or inputs; the checker adds the place and the trail of shapes.

    Attributes:
        message: One line; names the op as the author did (`cx.name`).
        code: The error code.
        arg: The argument to blame, by name, if one is: the checker labels where it was written.
        help: A likely fix.
        state: The condition that would make it right; the help says to state it where `stating` does.
        refused: The value that an argument cannot take, where that is all.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        arg: str | None = None,
        help: str | None = None,
        state: Cond | None = None,
        refused: object = NO_VALUE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.arg = arg
        self.help = help
        self.state = state
        self.refused = refused


def stating(cond: Cond) -> str | None:
    """The help for a condition that is not known to hold: to state it, or the divisibility that it follows from.

    None for an equality that follows from none: sizes with names of their own differ, and a `require` would only
    move the mistake to whoever uses the spec.
    """
    needed: Cond | None = cond
    if cond.op == "==":
        order = _order(cond)
        needed = _divisibility(cond) if order is None else order
    return None if needed is None or not needed.symbols else f"state `require {needed}` if that always holds"


def _order(cond: Cond) -> Cond | None:
    """`T <= most`, where `T == min(T, most)` is asked for."""
    for size, least in (cond.dims, cond.dims[::-1]):
        atom = the_atom(least)
        if atom is not None and atom.kind == MIN and size in atom.args and len(atom.args) == 2:
            return Cond.le(size, next(x for x in atom.args if x != size))
    return None


def _divisibility(cond: Cond) -> Cond | None:
    """What an equality with a floor division in it follows from, such as `d % heads == 0`."""
    atoms = {a for side in cond.dims for monomial in side.terms for a in monomial if a.kind == "floordiv"}
    for atom in sorted(atoms, key=str):
        size, divisor = atom.args
        divides = Cond.divides(divisor, size)
        if divides.op == "divides" and Facts().assume(divides).decide(cond) is Verdict.PROVED:
            return divides
    return None


class Cx:
    """What a shape rule may ask and say. The checker makes one for each call of an op."""

    def __init__(self, facts: Facts, name: str) -> None:
        self.facts = facts
        self.name = name
        self.open: list[Cond] = []
        self.learnt: list[Cond] = []
        """What is true of the result, and is not seen from it."""

    def learn(self, cond: Cond) -> None:
        """Say what is true of the result's sizes."""
        self.learnt.append(cond)

    def fail(self, message: str, *, code: str, arg: str | None = None, help: str | None = None) -> OpError:
        """An error to raise."""
        return OpError(message, code=code, arg=arg, help=help)

    def holds(self, cond: Cond) -> bool:
        """Whether the condition is proved; no obligation arises."""
        return self.facts.decide(cond) is Verdict.PROVED

    def require(
        self,
        cond: Cond,
        message: str,
        *,
        code: str,
        arg: str | None = None,
        help: str | None = None,
    ) -> None:
        """Demand a condition: fine where proved, an error where refuted.

        Where it is open, a bound (an order) becomes an open condition of the block, and anything else (an equality, a
        divisibility) is an error whose fix is to state it.

        Raises:
            OpError: the condition is refuted, or open and no bound.
        """
        verdict = self.facts.decide(cond)
        if verdict is Verdict.PROVED:
            return
        if verdict is Verdict.OPEN and cond.is_bound:
            self.open.append(cond)
            return
        state = _plainest(cond) if verdict is Verdict.OPEN else None
        raise OpError(message, code=code, arg=arg, help=help, state=state)

    def equal(
        self,
        a: Dim | int,
        b: Dim | int,
        message: str,
        *,
        code: str = "E0301",
        arg: str | None = None,
        help: str | None = None,
    ) -> None:
        """Demand that two sizes are equal for all values of their symbols."""
        if a != b:
            self.require(Cond.eq(a, b), message, code=code, arg=arg, help=help)


def _plainest(cond: Cond) -> Cond:
    """`3*D % (3*heads) == 0` as `D % heads == 0`."""
    if cond.op != "divides":
        return cond
    divisor, dividend = cond.dims
    common = gcd(*(abs(c) for d in cond.dims for c in d.terms.values()))
    return Cond.divides(divisor // common, dividend // common) if common > 1 else cond


class Hole(Record):
    """Where an argument that may be written `_` is found: an axis of one of the inputs, and its name in messages."""

    axis: int
    what: str
    input: int = 0


class Param(Record):
    """A tensor of a layer: its state_dict name below the layer, its shape, how it starts.

    `learned` is False for a buffer; a buffer that is not `persistent` is left out of the state_dict. A file of weights
    may lack what is `optional`, which then is 0.
    """

    name: str
    shape: tuple[Dim, ...]
    init: Init
    dtype: DType = DType.FLOAT
    learned: bool = True
    persistent: bool = True
    optional: bool = False


class Registry(Mapping[str, type[AnOp]]):
    """Ops by name; the family that declares one is imported when it is first asked for."""

    def __init__(self, families: Mapping[str, str]) -> None:
        self._families = families
        self._modules: dict[str, str] = {}
        self.declared: dict[str, type[AnOp]] = {}
        """Those whose family has been imported."""

    @property
    def modules(self) -> Mapping[str, str]:
        """The family that declares each op, by `index`."""
        if not self._modules:
            self._modules = {
                name: family for family, names in self._families.items() for name in names.split()
            }
        return self._modules

    def __getitem__(self, name: str) -> type[AnOp]:
        found = self.declared.get(name)
        if found is None:
            import_module(f"spec_lang.ops.{self.modules[name]}")
            found = self.declared[name]
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.declared or name in self.modules

    def __iter__(self) -> Iterator[str]:
        yield from self.modules
        yield from (name for name in self.declared if name not in self.modules)

    def __len__(self) -> int:
        return len(self.modules.keys() | self.declared.keys())


LAYERS: Registry[Layer] = Registry(index.LAYERS)
FUNCTIONS: Registry[Function] = Registry(index.FUNCTIONS)


class Op:
    """The base of layers and functions; instances have one attribute per argument."""

    name: ClassVar[str]
    torch: ClassVar[str]
    """How generated code spells it: `nn.Linear`, `F.relu`, `torch.cat`, or `.view` for a tensor's method."""
    source: ClassVar[str] = ""
    """The page or paper that defines it; PyTorch's page for `torch` where empty."""
    helper: ClassVar[str] = ""
    """Python source of a class or function that generated files carry, for what PyTorch lacks."""
    arguments: ClassVar[tuple[str, ...]] = ()
    keywords: ClassVar[tuple[str, ...]] = ()
    """The arguments that must be named, as in PyTorch."""
    gathers: ClassVar[str] = ""
    """The last positional argument, where its items may be written as several (`permute(0, 2, 1)`); any `Sizes` may."""

    extras: ClassVar[str] = ""
    """The argument (of kind `Extras`) that gathers ints under names of the author's, as `rearrange(..., h=4)`."""
    arrange: ClassVar[Callable[..., Any] | None] = None
    """For what PyTorch overloads: turns (args, kwargs) as written into those of this declaration (`arange(end)`)."""
    placement: ClassVar[str] = ""
    """How its axes hang together when a tensor is cut over several devices, in the notation of `sharding/notation.py`;
    what has none runs on whole tensors."""
    helps: ClassVar[Mapping[str, str]] = {}
    """What helps where an argument is refused and the refusal names no fix; by the error's code where it names no argument."""

    shares: ClassVar[Sharing] = ""
    """Whether its results lie in the memory of its first tensor: as they are (`same`), as another order or part of it
    (`moved`), where that tensor lies in order (`ordered`), has the dtype already (`dtype`), or the model does not train
    (`idle`)."""
    keeps: ClassVar[str | None] = None
    """What autograd keeps of a call until its gradient is taken, in the words of `accounting/kept.py`; '' for nothing,
    None where that is not said."""
    lies_turned: ClassVar[bool] = False
    """Whether its result lies in memory as if its second and third last axes were swapped."""
    turns: ClassVar[bool] = False
    """Whether it swaps these axes of its tensor, and perhaps joins axes thereafter."""
    cuts: ClassVar[bool] = False
    """Whether no gradient flows through it."""
    free: ClassVar[bool] = False
    """Whether it multiplies no matrices, where its family's ops do (`products.FREE`)."""

    def __init_subclass__(cls) -> None:
        own = tuple(
            a for a, t in vars(cls).get("__annotations__", {}).items() if not str(t).startswith("ClassVar")
        )
        cls.arguments = (*(a for a in cls.arguments if a not in own), *own)

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def aside(self, out: Any, *inputs: Any, **named: Any) -> Iterator[TensorType]:
        """The types of what it makes for its gradient beside its result, of the type `out`; a layer is handed its inputs."""
        return iter(())


class Function(Op):
    """A function of tensors: its tensors are among its arguments.

    Subclasses define `infer(self, cx)`, `onnx(self, g)` and, where they are not free, `flops(self, out)`; in `onnx`, tensor arguments are `Value`s.
    A class whose name starts with an underscore is a base for others and is not registered.
    """

    trains: ClassVar[bool] = False
    """Whether generated code passes `training=self.training` (dropout and its kin)."""
    method: ClassVar[bool | None] = None
    """Whether generated code calls `torch.f(x)` as `x.f()`: True behind an arrow too, False where a tensor has no such
    method or one with other arguments, None where the author wrote a method."""
    renames: ClassVar[tuple[str, ...]] = ()
    """The arguments that the tensor's method calls otherwise: where one is named, generated code calls the function."""
    untyped: ClassVar[bool] = False
    """Whether the tensor's method has no annotations, so that strict mypy refuses it on a Tensor."""
    drops: ClassVar[str] = ""
    """The argument that is a probability in training and 0 in evaluation, which PyTorch leaves to the caller."""
    lists: ClassVar[tuple[str, ...]] = ()
    """The arguments that may be lists of ints, for which PyTorch's annotations have tensors only: generated code makes
    tensors of them."""
    creates: ClassVar[bool] = False
    """Whether it makes a tensor from no other one: generated code says where it lives, and its dtype."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            cls.name = cls.__dict__.get("name", cls.__name__)
            FUNCTIONS.declared[cls.name] = cls

    def check(self, cx: Cx) -> None:
        """Conditions on the arguments that are no tensors; `infer` calls it."""

    def infer(self, cx: Cx) -> Any:
        """The type of the result: a Tensor, or a tuple or list of them.

        Raises:
            OpError: the inputs do not fit.
        """
        raise NotImplementedError

    def flops(self, out: Any) -> Products:
        """The products of matrices that it computes; `out` is the type of its result."""
        raise NotImplementedError

    def onnx(self, g: Graph) -> Any:
        """Emit the op and give its result: a Value, or a tuple of them as in `infer`.

        Raises:
            Unsupported: ONNX cannot express it.
        """
        raise NotImplementedError


class Layer(Op):
    """A module: arguments at construction, tensors when it is run.

    Subclasses define `infer(self, cx, ...)`, whose signature after `cx` is that of PyTorch's `forward` (names,
    order, defaults), `onnx(self, g, ...)` and, where they are not free, `flops(self, out, ...)` with the same signature
    after the first argument.
    """

    holes: ClassVar[Mapping[str, Hole]] = {}
    """The arguments that may be `_`; each must equal the size found there, which is checked before `infer`."""
    ranks: ClassVar[tuple[int, ...]] = ()
    """The ranks that the first input may have; empty for any."""
    always: ClassVar[tuple[str, ...]] = ()
    """The learned parameters that it has whatever its arguments are; of those of layers inside it, some."""
    sole: ClassVar[bool] = False
    """Whether the one in `always` is the only one that it ever has."""
    absent: ClassVar[bool] = False
    """Whether PyTorch's module has no attribute, rather than None, for a parameter that the arguments leave out."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            cls.name = cls.__dict__.get("name", cls.__name__)
            LAYERS.declared[cls.name] = cls

    def check(self, cx: Cx) -> None:
        """Conditions on the arguments alone, whatever flows in (`out_features >= 1`, `p` in [0, 1])."""

    def infer(self, cx: Cx, *inputs: Any, **named: Any) -> Any:
        """The type of the result.

        Raises:
            OpError: the inputs do not fit.
        """
        raise NotImplementedError

    def flops(self, out: Any, *inputs: Any, **named: Any) -> Products:
        """The products of matrices that it computes; `out` is the type of its result, the rest as in `infer`."""
        raise NotImplementedError

    def onnx(self, g: Graph, *inputs: Any, **named: Any) -> Any:
        """Emit the layer and give its result.

        Raises:
            Unsupported: ONNX cannot express it.
        """
        raise NotImplementedError

    def params(self) -> Iterator[Param]:
        """The tensors of the layer in state_dict order."""
        return iter(())

    def modules(self) -> Iterator[tuple[str, str]]:
        """The layer and those inside it, as PyTorch's `modules()` walks them: path below the layer, and class name."""
        yield "", self.name

    def draws(self) -> Iterator[Draw | Clone]:
        """What PyTorch's `__init__` draws from the generator, in order; by default each parameter once."""
        for p in self.params():
            if not isinstance(p.init, Fill):
                yield Draw(p.name, p.init)


def known_rank(cx: Cx, x: Tensor, ranks: tuple[int, ...] = (), what: str = "its input") -> int:
    """The rank of `x`, which must be known, and one of `ranks` where those are given.

    Raises:
        OpError: the rank is another, or hidden behind `*B`.
    """
    rank = x.rank
    if rank is None:
        raise OpError(
            f"{cx.name} needs to know the rank of {what}, but {x} has any number of leading dims",
            code="E0302",
        )
    if ranks and rank not in ranks:
        wanted = " or ".join(f"{r}" for r in ranks)
        raise OpError(f"{cx.name} takes {what} with {wanted} dims, but {x} has {rank}", code="E0302")
    return rank


def axis_of(cx: Cx, x: Tensor, axis: int, arg: str = "dim") -> int:
    """`axis` as a non-negative index into `x.shape`; a negative one may stay so where `*B` hides the rank.

    Raises:
        OpError: out of range.
    """
    rank = x.rank
    if rank is None:
        after = next(len(x.shape) - 1 - i for i, d in enumerate(x.shape) if isinstance(d, Pack))
        if -after <= axis < 0:
            return len(x.shape) + axis
        raise OpError(
            f"{cx.name} cannot tell which axis {axis} of {x} is; count from the end", code="E0302", arg=arg
        )
    if not -max(rank, 1) <= axis < max(rank, 1):
        raise OpError(f"{cx.name} has no axis {axis}: {x} has {rank} dims", code="E0303", arg=arg)
    return axis % max(rank, 1)


def size_at(cx: Cx, x: Tensor, axis: int, arg: str = "dim") -> Dim:
    """The size of one axis."""
    if not x.shape:
        raise OpError(f"{cx.name} needs an axis {axis}, but {x} has no dims", code="E0303", arg=arg)
    size = x.shape[axis_of(cx, x, axis, arg)]
    if isinstance(size, Pack):
        raise OpError(
            f"{cx.name} needs one size, but {x} has any number of dims there", code="E0302", arg=arg
        )
    return size


__all__ = [
    "FUNCTIONS",
    "LAYERS",
    "NO_VALUE",
    "Cx",
    "Function",
    "Hole",
    "Layer",
    "Op",
    "OpError",
    "Param",
    "Shape",
    "Tensor",
    "axis_of",
    "known_rank",
    "size_at",
]
