"""One block, model or function as it is written: its values, their types, its layers and lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from spec_lang.shapes import Cond, Dim, Facts, Verdict, dim, symbol

Sizes = tuple[Dim, ...]


@dataclass(frozen=True)
class Value:
    """A tensor with a name in a method; `pack` says that `*B` stands before its dims."""

    text: str
    dims: Sizes
    dtype: str = "float"
    pack: bool = False

    @property
    def type(self) -> str:
        return f"{self.dtype}[{', '.join([*['*B'] * self.pack, *map(str, self.dims)])}]"

    @property
    def rank(self) -> int:
        return len(self.dims)

    def same_type(self, other: Value) -> bool:
        return (self.dims, self.dtype, self.pack) == (other.dims, other.dtype, other.pack)


@dataclass
class Hyper:
    """A hyperparameter: its type as written, its default, and other values to try."""

    name: str
    type: str
    default: object
    others: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        return shown(self.default)


def shown(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not (value[:1].isupper() or value.startswith("partial(")):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


@dataclass
class Body:
    """What is being written. In a model only hyperparameters are static; a block may also use its inputs' feature dims."""

    rng: Random
    name: str
    entry: bool
    blocks: Sequence[Body] = ()
    features: frozenset[str] = frozenset()
    hypers: list[Hyper] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    """Methods that stand behind `forward`."""
    requires: list[Cond] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    added: list[Value] = field(default_factory=list)
    """Inputs that steps asked for; they stand behind the first ones."""
    shown: list[Value] = field(default_factory=list)
    """Values that are results, but that no step may take."""
    results: list[Value] = field(default_factory=list)
    implicit: set[str] = field(default_factory=set)
    functions: list[str] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)
    indent: str = "        "
    count: int = 0

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    # --- hyperparameters ---

    def hyper(self, stem: str, type: str, default: object, *others: object) -> Hyper:
        """A new hyperparameter, or one of the same type and stem that is there already."""
        old = [h for h in self.hypers if h.type == type and h.name.startswith(stem)]
        if old and self.rng.random() < 0.6:
            return self.rng.choice(old)
        new = Hyper(self.fresh(stem), type, default, others)
        self.hypers.append(new)
        return new

    def size(self) -> Dim:
        """A small static size: a number, a hyperparameter, or a multiple of one."""
        kind = self.rng.randrange(5)
        if kind == 0:
            return dim(self.rng.randint(1, 6))
        new = symbol(self.hyper("width", "int", self.rng.randint(2, 5), *range(1, 7)).name)
        return (
            new if kind < 3 else new * self.rng.randint(2, 3) if kind == 3 else new + self.rng.randint(1, 2)
        )

    def static(self, d: Dim) -> bool:
        """Whether layers may depend on a size; then its dims become implicit ones of the block."""
        known = {h.name for h in self.hypers}
        free = d.symbols - known
        if not free <= self.features or any(c in str(d) for c in ("max(", "min(")):
            return False
        self.implicit |= free
        return True

    def default_of(self, test: Cond) -> bool:
        """Whether a condition holds with the defaults."""
        known = {h.name: h.default for h in self.hypers if isinstance(h.default, int)}
        return test.symbols <= known.keys() and test.evaluate(known)  # type: ignore[arg-type]

    def owe(self, test: Cond) -> bool:
        """Whether a condition is proved; else it is stated, where the defaults satisfy it."""
        facts = Facts()
        for r in self.requires:
            facts = facts.assume(r)
        verdict = facts.decide(test)
        if verdict is Verdict.PROVED:
            return True
        if verdict is Verdict.REFUTED or facts.assume(test).contradictory:
            return False
        if self.entry and not self.default_of(test):
            return False
        known = {h.name for h in self.hypers} | self.features
        if not test.symbols <= known:
            return False
        self.implicit |= test.symbols & self.features
        self.requires.append(test)
        return True

    # --- lines ---

    def layer(self, value: str, stem: str = "layer") -> str:
        name = self.fresh(stem)
        self.layers.append(f"{name} = {value}")
        return name

    def let(
        self,
        text: str,
        dims: Sequence[Dim | int],
        like: Value,
        dtype: str | None = None,
        pack: bool | None = None,
    ) -> Value:
        """A line that names the value of an expression."""
        made = Value(
            self.fresh("v"),
            tuple(dim(d) for d in dims),
            dtype or like.dtype,
            like.pack if pack is None else pack,
        )
        note = f": {made.type}" if self.rng.random() < 0.15 else ""
        self.lines.append(f"{self.indent}{made.text}{note} = {text}")
        self.values.append(made)
        return made

    def partner(self, fits: Callable[[Value], bool]) -> Value | None:
        found = [v for v in self.values if fits(v)]
        return self.rng.choice(found) if found else None

    # --- text ---

    def prune(self) -> None:
        """Drop the hyperparameters that nothing uses."""
        written = " ".join([*self.layers, *self.others, *map(str, self.requires)])
        words = set(re.findall(r"\w+", written))
        self.hypers = [h for h in self.hypers if h.name in words]

    def signature(self) -> str:
        return ", ".join(f"{h.name}: {h.type}" + (f" = {h.text}" if self.entry else "") for h in self.hypers)

    def method(
        self, name: str, inputs: Sequence[str], results: Sequence[tuple[str, str]], lines: Sequence[str]
    ) -> list[str]:
        """The text of a method; a result is its type and its value."""
        types, values = zip(*results, strict=True)
        declared, given = types[0], values[0]
        if len(results) > 1:
            named = self.rng.random() < 0.5
            declared = ", ".join((f"out{i}: " if named else "") + t for i, t in enumerate(types))
            declared = f"({declared})"
            given = ", ".join(values)
        return [f"    {name}({', '.join(inputs)}) -> {declared}:", *lines, f"        return {given}"]

    def text(self) -> str:
        """The whole definition."""
        lines = [f"{'model' if self.entry else 'block'} {self.name}({self.signature()}):"]
        lines += [f"    require {spaced(str(r))}" for r in self.requires]
        if self.layers:
            lines += ["    layers:", *(f"        {line}" for line in self.layers)]
        lines += self.others
        return "\n".join(lines) + "\n"


def spaced(text: str) -> str:
    """A condition as the formatter writes it, since the message of a `require` is its text."""
    return re.sub(r" *(//|(?<![*])[*](?![*])) *", r" \1 ", text)
