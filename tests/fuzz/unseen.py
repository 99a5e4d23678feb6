"""Code that is never taken: branches on what is false, loops over nothing, and in them whatever would have an effect elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

NEVER = (
    "1 == 2", "false", "not true", "2 > 3 or false", '"a" == "b"', "len([]) > 0", "none is not none", "3 in [1, 2]", "true and 1 > 2",
)  # fmt: skip
"""Conditions that are false whatever the values are."""
NOTHING = ("[]", "range(0)", "range(2, 2)", "[0, 1][2:]", "[i for i in range(0)]")
PAIRS_OF_NOTHING = (
    "enumerate([])",
    "zip(range(0), range(0))",
    "enumerate(range(0))",
    "zip([], range(2)[2:])",
)


@dataclass
class Scope:
    """The names at a place, and where fresh ones come from."""

    rng: Random
    fresh: Callable[[str], str]
    tensors: Sequence[str]
    """Locals that may be tensors."""
    sizes: Sequence[str] = ()
    """Dims, each at least 1."""
    layers: Sequence[str] = ()
    lists: Sequence[str] = ()
    methods: Sequence[str] = ()
    modes: Sequence[str] = field(default=())
    """Hyperparameters that are never "narrow"."""
    returns: bool = True

    def tensor(self) -> str:
        return self.rng.choice(self.tensors)


def unseen(s: Scope) -> list[str]:
    """Statements without an effect, as lines."""
    kind = s.rng.randrange(10)
    if kind < 5:
        return [f"if {never(s)}:", *indented(several(s))]
    if kind == 5:
        return [f"if not ({never(s)}):", f"    {s.fresh('gone')} = 1", "else:", *indented(several(s))]
    if kind < 8:
        return [*over_nothing(s), *indented(several(s))]
    if kind == 8:
        name, x = s.fresh("gone"), s.tensor()
        return [
            s.rng.choice(
                [
                    f"{name} = ({expression(s)}) if {never(s)} else {x}",
                    f"{name} = {x} if not ({never(s)}) else ({expression(s)})",
                ]
            )
        ]
    return s.rng.choice([_unasked, _no_items])(s)


def never(s: Scope) -> str:
    """A condition that is false."""
    if s.modes and s.rng.random() < 0.5:
        return f'{s.rng.choice(s.modes)} == "narrow"'
    if s.sizes and s.rng.random() < 0.2:
        return f"{s.rng.choice(s.sizes)} < 1"
    return s.rng.choice(NEVER)


def over_nothing(s: Scope) -> list[str]:
    """The head of a loop over nothing."""
    if s.rng.random() < 0.6:
        return [f"for {s.fresh('gone')} in {s.rng.choice(NOTHING)}:"]
    return [f"for {s.fresh('gone')}, {s.fresh('gone')} in {s.rng.choice(PAIRS_OF_NOTHING)}:"]


def _unasked(s: Scope) -> list[str]:
    """The right side of `and` and `or`, which nobody asks for."""
    test = s.rng.choice([f"false and {s.rng.choice(_TESTS)(s)}", f"not (true or {s.rng.choice(_TESTS)(s)})"])
    return [f"if {test}:", *indented(several(s))]


def _no_items(s: Scope) -> list[str]:
    k = s.fresh("gone")
    return [f"{s.fresh('gone')} = [{expression(s)} for {k} in {s.rng.choice(NOTHING)}]"]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def several(s: Scope) -> list[str]:
    """One to three statements that would matter if they were taken; the last may return."""
    lines: list[str] = []
    for _ in range(s.rng.choice((1, 1, 2, 3))):
        lines += s.rng.choice(STATEMENTS)(s)
    if s.returns and s.rng.random() < 0.1:
        lines.append(f"return {s.tensor()}")
    return lines


# --- expressions ---


def expression(s: Scope) -> str:
    """An expression that asks for a condition, determines a `_`, fixes a dim, or is a mistake."""
    return s.rng.choice(_EXPRESSIONS)(s)


def _size(s: Scope) -> str:
    return s.rng.choice(s.sizes) if s.sizes else "nowhere"


def _layer(s: Scope) -> str:
    return s.rng.choice(s.layers) if s.layers else "nothing"


_EXPRESSIONS: tuple[Callable[[Scope], str], ...] = (
    lambda s: f"{s.tensor()}[:, 3]",
    lambda s: f"{s.tensor()}[3]",
    lambda s: f"{s.tensor()}[..., 7:]",
    lambda s: f"narrow({s.tensor()}, 1, 0, 4)",
    lambda s: f"narrow({s.tensor()}, -1, 1, 2)",
    lambda s: f"{s.tensor()} -> {_layer(s)}",
    lambda s: f"{s.tensor()} -> {_layer(s)}",
    lambda s: f"{s.tensor()} -> flatten(1) -> {_layer(s)}",
    lambda s: f"{_layer(s)}({s.tensor()}, {s.tensor()})",
    lambda s: f"{s.tensor()} @ {_layer(s)}.weight",
    lambda s: f"{_layer(s)}[0]({s.tensor()})",
    lambda s: f"{s.tensor()} -> chunk(2, dim=1)",
    lambda s: f"{s.tensor()} + {s.tensor()}",
    lambda s: f"cat([{s.tensor()}, {s.tensor()}], dim=1)",
    lambda s: f"{s.tensor()} @ {s.tensor()}",
    lambda s: f'{s.tensor()} -> rearrange("(a b) c -> a b c", a=2)',
    lambda s: f"{s.tensor()}.reshape(2, -1)",
    lambda s: f"{s.tensor()} + {_size(s)}",
    lambda s: f"zeros({_size(s)}, {_size(s)} - 2)",
    lambda s: f"{s.tensor()} * arange({_size(s)})",
    lambda s: f"{s.tensor()} -> unflatten(-1, (3, {_size(s)}))",
    lambda s: f"{s.fresh('foo')}({s.tensor()})",
    lambda s: f"foo({s.tensor()}) + foo({s.tensor()})",
    lambda s: f"{s.fresh('bar')} + 1",
    lambda s: f"{s.tensor()}.{s.fresh('baz')}(3)",
    lambda s: f"Linear(4, 4)({s.tensor()})",
    lambda s: f"{s.rng.choice(s.methods) if s.methods else 'relu'}({s.tensor()})",
    lambda s: f"[{s.tensor()}, 1][2]",
    lambda s: "1 // 0",
)
_TESTS: tuple[Callable[[Scope], str], ...] = (
    lambda s: f"{_size(s)} == 4",
    lambda s: f"{_size(s)} % 7 == 0",
    lambda s: f"{_size(s)} <= 2",
    lambda s: f"{s.fresh('foo')}({_size(s)})",
    lambda s: "1 == 2",
    lambda s: f"len({s.tensor()}) == 3",
)


# --- statements ---


def _nested(s: Scope) -> list[str]:
    """A name that one branch defines, under a condition that is open."""
    name = s.fresh("gone")
    return [
        f"if {_size(s)} == {s.rng.randint(1, 5)}:",
        f"    {name} = {expression(s)}",
        f"{s.fresh('gone')} = {name}",
    ]


def _loop(s: Scope) -> list[str]:
    """A loop that would run, whose index is used on a tensor."""
    k, x = s.fresh("k"), s.tensor()
    uses = [
        f"{x} = {x}[:, {k}]",
        f"{x} = {x} + {k}",
        f"{x} = {x} -> {_layer(s)}",
        f"{s.fresh('gone')} = {x}[{k}]",
    ]
    head = s.rng.choice(
        [
            f"for {k} in range(3):",
            f"for {k}, {s.fresh('k')} in zip(range(9), range(9)):",
            f"for {k} in {_layer(s)}:",
        ]
    )
    return [head, f"    {s.rng.choice(uses)}"]


def _list(s: Scope) -> list[str]:
    name = s.rng.choice(s.lists) if s.lists and s.rng.random() < 0.7 else None
    fresh = s.fresh("gone")
    return (
        [f"{name} += [{expression(s)}]"]
        if name
        else [f"{fresh} = []", f"{fresh} += [{s.tensor()}, {expression(s)}]"]
    )


STATEMENTS: tuple[Callable[[Scope], list[str]], ...] = (
    lambda s: [f"require {s.rng.choice(_TESTS)(s)}"],
    lambda s: [f"require {_size(s)} == {s.rng.randint(1, 8)}"],
    lambda s: [f'require {_size(s)} >= {s.rng.randint(2, 9)}, "never asked"'],
    lambda s: [f"{s.fresh('gone')} = {expression(s)}"],
    lambda s: [f"{s.fresh('gone')} = {expression(s)}"],
    lambda s: [f"{s.fresh('gone')} = {expression(s)}"],
    lambda s: [f"{s.tensor()} = {expression(s)}"],
    lambda s: [f"{s.tensor()} = {expression(s)}"],
    lambda s: [f"{s.tensor()} = {s.rng.choice(['3', 'none', '[1]', 'true'])}"],
    lambda s: [f"{s.fresh('gone')}, {s.fresh('gone')} = {expression(s)}"],
    lambda s: [f"{s.fresh('gone')}: float[{s.fresh('Gone')}, 4] = {s.tensor()}"],
    lambda s: [f"{s.fresh('gone')}: float[{_size(s)}, {_size(s)}] = {s.tensor()}"],
    _nested,
    _loop,
    _list,
)
