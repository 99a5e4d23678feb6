"""Where the items of a list come from: what a comprehension goes over, and what may be said of an item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fuzz.lists.draw import Draw

IN = "@"
"""Stands for the size that flows into the list, until a program says what it is."""


@dataclass(frozen=True)
class Hyper:
    """A hyperparameter, its default and other values, as spec and Python both write them."""

    name: str
    type: str
    default: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Width:
    """A size of an item.

    Attributes:
        text: The size, in the item's terms.
        before: The size of the item before it, or what flows in; none where nothing says it.
        last: The size of the last item, outside of the list.
        total: The sum of all items' sizes, outside of the list.
        even: Whether it is the same for all items.
    """

    text: str
    before: str | None = None
    last: str | None = None
    total: str | None = None
    even: bool = False


@dataclass
class Source:
    """What a list is made from."""

    clauses: str
    length: str | None
    hypers: list[Hyper] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    lets: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    widths: list[Width] = field(default_factory=list)
    index: str | None = None
    """The number of an item from 0, or an expression for it."""
    numbers: list[str] = field(default_factory=list)
    """Small integers of an item, 1 or more."""
    rates: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    """Expressions that are layers of any size, of an item."""
    shift: tuple[str, str, str] | None = None
    """Sizes into and out of an item, and out of the last, where it says both."""
    entry: str | None = None
    """The size that flows in, where the source says it."""


N = Hyper("n", "int", "3", ("1", "2", "4"))
WIDTHS = (
    Hyper("widths", "list[int]", "[4, 8, 8]", ("[4]", "[8, 4]", "[2, 6, 4, 4]", "[]")),
    Hyper("widths", "list[int]", "[4, 4]", ("[4, 6]", "[6, 4, 2]", "[2]", "[]")),
    Hyper("widths", "list[int]", "[6, 4, 2]", ("[4, 4, 4]", "[8]", "[2, 4]", "[4, 8, 2, 6]")),
)
DEPTHS = Hyper("depths", "list[int]", "[1, 2, 1]", ("[2]", "[1, 1]", "[2, 1, 3, 1]", "[2, 1, 1]"))
RATES = Hyper("rates", "list[float]", "[0.1, 0.2, 0.5]", ("[0.5]", "[0.0, 0.3]", "[0.1, 0.1, 0.2, 0.3]"))
RATE = Hyper("rate", "float", "0.1", ("0.2", "0.0"))
FLAGS = Hyper(
    "flags", "list[bool]", "[True, False, True]", ("[False]", "[True, True]", "[False, True, True, False]")
)
ACTS = (
    Hyper("acts", "list[str]", '["relu", "tanh"]', ('["tanh"]', '["relu", "relu", "tanh"]', '["tanh", "relu"]')),
    Hyper(
        "acts", 'list["relu" | "tanh"]', '["relu", "tanh"]',
        ('["tanh"]', '["relu", "relu", "tanh"]', '["tanh", "relu"]'),
    ),
)  # fmt: skip
PAIRS = Hyper(
    "pairs",
    "list[(int, int)]",
    "[(4, 1), (8, 3)]",
    ("[(8, 3)]", "[(6, 3), (4, 1), (2, 5)]", "[(4, 3), (4, 3)]"),
)
ACT = """
    forward(x: float[N, *S]) -> float[N, *S]:
        return relu(x) if act == "relu" else tanh(x)
"""
STAGE = """record Stage:
    out: int = 8
    depth: int = 2
    kernel: int = 3
    stride: int = 1
    norm: layer = Identity
    act: str = "relu"
"""
STAGES = Hyper(
    "stages", "list[Stage]", "[Stage(4, 2, 3, 1), Stage(8, 1, 1, 2)]",
    ("[Stage(8, 1, 3, 2)]", "[Stage(6, 1), Stage(4, 2, 1, 2), Stage(6, 3)]", "[Stage(4, 1, 3, 1, ReLU), Stage(4, 1, act=\"tanh\")]"),
)  # fmt: skip


def _requires(d: Draw, source: Source, name: str, length: int) -> Source:
    """State something of a list's length, or of its items."""
    stated = d.pick(
        ((), (f"len({name}) >= 1",), (f"len({name}) == {length}",), (f"len({name}) >= 2",)), (5, 2, 1, 1)
    )
    source.requires += stated
    return source


def _formulas(index: str, length: str) -> list[Width]:
    """Sizes that follow from the number of an item."""
    i, n = index, length
    return [
        Width(IN, IN, IN, f"{n} * {IN}", even=True),
        Width(f"{i} + {IN}", f"{IN} if {i} == 0 else {i} + {IN} - 1", f"{n} + {IN} - 1"),
        Width(f"{IN} * ({i} + 1)", f"{IN} * max(1, {i})", f"{IN} * {n}"),
        Width(f"{IN} * 2**{i}", f"{IN} if {i} == 0 else {IN} * 2**({i} - 1)", f"{IN} * 2**({n} - 1)"),
        Width(f"{IN} if {i} == 0 else 6", f"{IN} if {i} <= 1 else 6", f"{IN} if {n} == 1 else 6"),
        Width(f"max(1, 8 // ({i} + 1))", None, f"max(1, 8 // {n})"),
        Width("6", f"{IN} if {i} == 0 else 6", "6", f"6 * {n}", even=True),
    ]


def over_range(d: Draw) -> Source:
    i = d.pick(("i",))
    shift = d.pick((None, *_shifts("i", "n")), (4, 1, 1, 1, 1))
    return Source(
        "for i in range(n)", "n", [N, RATE], index=i, widths=_formulas("i", "n"), shift=shift,
        rates=["rate", "rate * i / n", "0.1 * i"], flags=["i % 2 == 0", "i == 0", "i == n - 1"], numbers=["i + 1"],
    )  # fmt: skip


def _shifts(i: str, n: str) -> tuple[tuple[str, str, str], ...]:
    """Sizes into and out of an item that go on from item to item."""
    return (
        (f"{IN} + {i}", f"{IN} + {i} + 1", f"{IN} + {n}"),
        (f"{IN} * 2**{i}", f"{IN} * 2**({i} + 1)", f"{IN} * 2**{n}"),
        (f"{IN} * ({i} + 1)", f"{IN} * ({i} + 2)", f"{IN} * ({n} + 1)"),
        (f"{IN} + 2 * {i}", f"{IN} + 2 * ({i} + 1)", f"{IN} + 2 * {n}"),
    )


def over_range_from(d: Draw) -> Source:
    a = d.pick((1, 2))
    return Source(
        f"for i in range({a}, n)", f"n - {a}", [N], index=f"(i - {a})", numbers=["i"],
        requires=[f"n > {a}"] if d.chance(0.4) else [],
        widths=[
            Width(IN, IN, IN, f"(n - {a}) * {IN}", even=True),
            Width("4 * i", f"4 * (i - 1) if i > {a} else {IN}", "4 * (n - 1)"),
            Width(f"{IN} * i", None, f"{IN} * (n - 1)"),
        ],
        flags=[f"i == {a}", "i % 2 == 1"],
    )  # fmt: skip


def over_steps(d: Draw) -> Source:
    low = Hyper("low", "int", "2", ("1", "3"))
    clauses, length, first, last, hypers = d.pick(
        (
            ("for i in range(low, n + low)", "n", "low", "n + low - 1", [N, low]),
            ("for i in range(2, 2 * n + 2, 2)", "n", "2", "2 * n", [N]),
            ("for i in range(3, 0, -1)", "3", "3", "1", []),
            ("for i in range(n, 0, -1)", "n", "n", "1", [N]),
        )
    )
    return Source(
        clauses, length, hypers, numbers=["i"], flags=[f"i == {first}", "i % 2 == 0"],
        widths=[Width("i", None, last), Width("4 * i", None, f"4 * ({last})"), Width(f"{IN} + i", None, f"{IN} + {last}")],
    )  # fmt: skip


def over_literal(d: Draw) -> Source:
    items = d.pick(("[4, 8]", "[4, 4]", "[2, 3, 5]", "[6]"))
    values = eval(items)
    return Source(
        f"for w in {items}", str(len(values)),
        widths=[
            Width("w", None, str(values[-1]), str(sum(values)), even=len(set(values)) == 1),
            Width("2 * w", None, str(2 * values[-1]), str(2 * sum(values))),
            Width("w + 1", None, str(values[-1] + 1)),
        ],
        flags=["w > 3", f"w == {values[0]}"], numbers=["w"],
    )  # fmt: skip


def over_counted_literal(d: Draw) -> Source:
    items = d.pick(("[4, 8]", "[4, 4]", "[2, 3, 5]"))
    values = eval(items)
    return Source(
        f"for i, w in enumerate({items})", str(len(values)), index="i",
        widths=[Width("w", None, str(values[-1]), str(sum(values)), even=len(set(values)) == 1)],
        flags=["i == 0", "w > 3"], numbers=["i + 1"],
    )  # fmt: skip


def over_let(d: Draw) -> Source:
    what, last, hypers = d.pick(
        (
            (f"[{IN}, 2 * {IN}, 4 * {IN}]", f"4 * {IN}", []),
            (f"[{IN} * 2**i for i in range(n)]", None, [N]),
            ("[int(alpha * w) for w in [8, 16]]", None, [Hyper("alpha", "float", "1.0", ("0.5", "2.0"))]),
            ("[w if w > 4 else 4 for w in widths]", None, [WIDTHS[0]]),
        )
    )
    return Source(
        *d.pick((("for w in sizes", "len(sizes)"), ("for i, w in enumerate(sizes)", "len(sizes)"))),
        hypers=hypers, lets=[f"sizes = {what}"], flags=["w > 4"],
        requires=["all([s >= 1 for s in sizes])"] if "alpha" in what else [],
        widths=[Width("w", None, d.pick((last or "sizes[-1]", "sizes[-1]")), "sum(sizes)")],
    )  # fmt: skip


def over_constant(d: Draw) -> Source:
    items, last, total = d.pick((("[4, 8, 8]", "8", "20"), ("[6, 6]", "6", "12"), ("[8, 4]", "4", "12")))
    return Source(
        "for w in SIZES", "len(SIZES)", definitions=[f"SIZES = {items}\n"], flags=["w > 4"],
        widths=[Width("w", None, d.pick((last, "SIZES[-1]")), d.pick((total, "sum(SIZES)")), even=last == "6")],
    )  # fmt: skip


def over_function(d: Draw) -> Source:
    return Source(
        *d.pick((("for w in sizes(n, 4)", "n"), ("for i, w in enumerate(sizes(n, 4))", "n"))), hypers=[N],
        definitions=["fn sizes(n: int, c: int) = [c * (i + 1) for i in range(n)]\n"], flags=["w > 4"],
        widths=[Width("w", None, d.pick(("4 * n", "sizes(n, 4)[-1]")), "sum(sizes(n, 4))")],
    )  # fmt: skip


def over_widths(d: Draw) -> Source:
    widths = d.pick(WIDTHS)
    kind = d.pick(("plain", "reversed", "tail", "head", "part", "filtered"), (5, 1, 1, 1, 1, 1))
    clause, last, total, length = {
        "plain": ("for w in widths", "widths[-1]", "sum(widths)", "len(widths)"),
        "reversed": ("for w in reversed(widths)", "widths[0]", "sum(widths)", "len(widths)"),
        "tail": ("for w in widths[1:]", "widths[-1]", "sum(widths[1:])", "len(widths) - 1"),
        "head": ("for w in widths[:-1]", "widths[-2]", "sum(widths[:-1])", "len(widths) - 1"),
        "part": ("for w in widths[:2]", "widths[1]", "sum(widths[:2])", "2"),
        "filtered": ("for w in widths if w > 4", None, None, None),
    }[kind]
    source = Source(clause, length, [widths], flags=["w > 4", "w == widths[0]"])
    source.widths = [
        Width("w", None, last, total),
        Width("2 * w", None, last and f"2 * {last}", total and f"2 * {total}"),
        Width("max(w, 4)", None, last and f"max({last}, 4)"),
        Width("w if w > 4 else 4", None, None),
        Width("w // 2 + 1", None, last and f"{last} // 2 + 1"),
        Width("6", None, "6", length and f"6 * ({length})", even=True),
    ]
    d.kind["part"] = kind
    return _requires(d, source, "widths", widths.default.count(",") + 1)


def over_counted(d: Draw) -> Source:
    widths = d.pick(WIDTHS)
    clause, w = d.pick((("for i, w in enumerate(widths)", "w"), ("for i in range(len(widths))", "widths[i]")))
    source = Source(
        clause, "len(widths)", [widths, RATE], index="i", flags=["i == 0", "i % 2 == 0", f"{w} > 4"], numbers=["i + 1"],
        rates=["rate * i / len(widths)", "rate", "0.01 * sum(widths[:i])"],
        widths=[
            Width(w, f"widths[i - 1] if i > 0 else {IN}", "widths[-1]", "sum(widths)"),
            Width(w, f"{IN} if i == 0 else widths[i - 1]", "widths[-1]", "sum(widths)"),
            Width(f"{IN} + sum(widths[:i + 1])", f"{IN} + sum(widths[:i])", f"{IN} + sum(widths)"),
            Width(f"2 * {w}", f"2 * widths[i - 1] if i > 0 else {IN}", "2 * widths[-1]", "2 * sum(widths)"),
            Width(f"{w} if i == 0 else widths[0]", None, "widths[0]"),
            *_formulas("i", "len(widths)")[:3],
        ],
    )  # fmt: skip
    return _requires(d, source, "widths", widths.default.count(",") + 1)


def over_shifted(d: Draw) -> Source:
    """From each size of a list to the next one."""
    widths = d.pick(WIDTHS)
    clause, first, then, index = d.pick(
        (
            ("for a, b in zip(widths[:-1], widths[1:])", "a", "b", None),
            ("for a, b in zip(widths, widths[1:])", "a", "b", None),
            ("for i in range(len(widths) - 1)", "widths[i]", "widths[i + 1]", "i"),
            ("for i, (a, b) in enumerate(zip(widths[:-1], widths[1:]))", "a", "b", "i"),
        )
    )
    source = Source(
        clause, "len(widths) - 1", [widths], index=index, entry="widths[0]", shift=(first, then, "widths[-1]"),
        widths=[Width(then, first, "widths[-1]", "sum(widths[1:])"), Width(first, None, "widths[-2]")],
    )  # fmt: skip
    return _requires(d, source, "widths", widths.default.count(",") + 1)


def over_zip(d: Draw) -> Source:
    widths, other, item = WIDTHS[0], *d.pick(((DEPTHS, "d"), (RATES, "p"), (FLAGS, "f")))
    count = d.chance(0.4)
    inner = f"zip(widths, {other.name})"
    source = Source(
        f"for i, (w, {item}) in enumerate({inner})" if count else f"for w, {item} in {inner}",
        "len(widths)", [widths, other], index="i" if count else None,
        requires=[f"len(widths) == len({other.name})"] if d.chance(0.7) else [],
        widths=[
            Width("w", f"widths[i - 1] if i > 0 else {IN}" if count else None, "widths[-1]", "sum(widths)"),
            Width(IN, IN, IN, f"len(widths) * {IN}", even=True),
        ],
        flags=["w > 4"],
    )  # fmt: skip
    if item == "d":
        source.numbers.append("d")
        source.widths.append(Width("w * d"))
        if count:
            source.rates.append("0.01 * sum(depths[:i])")
    elif item == "p":
        source.rates.append("p")
    else:
        source.flags.insert(0, "f")
    return source


def over_floats(d: Draw) -> Source:
    clause, index = d.pick((("for p in rates", None), ("for i, p in enumerate(rates)", "i")))
    return Source(
        clause, "len(rates)", [RATES], index=index, rates=["p", "p / 2"], flags=["p > 0.1"],
        widths=[Width(IN, IN, IN, f"len(rates) * {IN}", even=True), Width("int(10 * p) + 1", None, None)],
    )  # fmt: skip


def over_flags(d: Draw) -> Source:
    clause, index = d.pick((("for f in flags", None), ("for i, f in enumerate(flags)", "i")))
    return Source(
        clause, "len(flags)", [FLAGS], index=index, flags=["f", "not f"],
        widths=[Width(IN, IN, IN, f"len(flags) * {IN}", even=True), Width("8 if f else 4"), Width(f"6 if f else {IN}")],
    )  # fmt: skip


def over_texts(d: Draw) -> Source:
    acts = d.pick(ACTS)
    clause, length, index = d.pick(
        (
            ("for a in acts", "len(acts)", None),
            ("for i, a in enumerate(acts)", "len(acts)", "i"),
            ("for a in acts[1:]", "len(acts) - 1", None),
            ("for a in reversed(acts)", "len(acts)", None),
            ("for w, a in zip(widths, acts)", "len(acts)", None),
        )
    )
    zipped = "zip" in clause
    act = "str" if acts.type == "list[str]" else d.pick(("str", '"relu" | "tanh"'))
    source = Source(
        clause, length, [WIDTHS[0], acts], [f"block Act(act: {act}):{ACT}"], index=index,
        requires=["len(widths) == len(acts)"] if zipped and d.chance(0.7) else [],
        flags=['a == "relu"', 'a != "tanh"', 'a in ["relu", "gelu"]'],
        layers=['ReLU() if a == "relu" else Tanh()', "Act(a)"],
        widths=[Width(IN, IN, IN, f"{length} * {IN}", even=True), Width('8 if a == "relu" else 4')],
    )  # fmt: skip
    if zipped:
        source.widths += [Width("w", None, "widths[-1]"), Width('w if a == "relu" else 4')]
    return source


def over_pairs(d: Draw) -> Source:
    clause, w, k, index = d.pick(
        (
            ("for w, k in pairs", "w", "k", None),
            ("for p in pairs", "p[0]", "p[1]", None),
            ("for i, (w, k) in enumerate(pairs)", "w", "k", "i"),
            ("for i in range(len(pairs))", "pairs[i][0]", "pairs[i][1]", "i"),
        )
    )
    source = Source(
        clause, "len(pairs)", [PAIRS], index=index, numbers=[k], flags=[f"{k} == 3", f"{w} > 4"],
        widths=[
            Width(w, f"pairs[i - 1][0] if i > 0 else {IN}" if index else None, "pairs[-1][0]"),
            Width(f"{w} * {k}"),
            Width(IN, IN, IN, even=True),
        ],
    )  # fmt: skip
    return _requires(d, source, "pairs", 2)


def over_records(d: Draw) -> Source:
    clause, s, index = d.pick(
        (
            ("for s in stages", "s", None),
            ("for i, s in enumerate(stages)", "s", "i"),
            ("for i in range(len(stages))", "stages[i]", "i"),
            ("for s in reversed(stages)", "s", None),
            ("for s in stages[1:]", "s", None),
        )
    )
    last = "stages[0].out" if "reversed" in clause else "stages[-1].out"
    source = Source(
        clause, "len(stages)" if "[1:]" not in clause else "len(stages) - 1", [STAGES], [STAGE], index=index,
        numbers=[f"{s}.depth", f"{s}.kernel", f"{s}.stride"], flags=[f"{s}.stride == 2", f"{s}.out > 4", f'{s}.act == "relu"'],
        layers=[f"{s}.norm()"],
        widths=[
            Width(f"{s}.out", f"stages[i - 1].out if i > 0 else {IN}" if index else None, last,
                  "sum([s.out for s in stages])" if "[1:]" not in clause else None),
            Width(f"{s}.out * {s}.depth"),
            Width(IN, IN, IN, even=True),
        ],
    )  # fmt: skip
    return _requires(d, source, "stages", 2)


def over_nested(d: Draw) -> Source:
    kind = d.pick(("numbers", "zipped", "records", "square"))
    if kind == "numbers":
        return Source(
            "for d in depths for i in range(d)", "sum(depths)", [DEPTHS], numbers=["d"], flags=["i == 0"],
            widths=[Width(IN, IN, IN, f"sum(depths) * {IN}", even=True), Width("4 * d"), Width("i + 4")],
        )  # fmt: skip
    if kind == "zipped":
        return Source(
            "for w, d in zip(widths, depths) for i in range(d)", None, [WIDTHS[0], DEPTHS], numbers=["d"],
            requires=["len(widths) == len(depths)"], flags=["i == 0"], widths=[Width("w", None, "widths[-1]")],
        )  # fmt: skip
    if kind == "records":
        return Source(
            "for s in stages for i in range(s.depth)", None, [STAGES], [STAGE], numbers=["s.kernel"],
            flags=["i == 0", "s.stride == 2"], widths=[Width("s.out", None, "stages[-1].out")],
        )  # fmt: skip
    return Source(
        "for j in range(2) for i in range(n)", "2 * n", [N], flags=["i == 0", "j == 0"],
        widths=[Width(IN, IN, IN, f"2 * n * {IN}", even=True), Width("4 * (j + 1)", None, "8"), Width("i + 4")],
    )  # fmt: skip


SOURCES: dict[str, tuple[Callable[[Draw], Source], float]] = {
    "range(n)": (over_range, 3),
    "widths": (over_widths, 4),
    "range(a, n)": (over_range_from, 1),
    "steps": (over_steps, 1),
    "literal": (over_literal, 2),
    "enumerate(literal)": (over_counted_literal, 1),
    "let": (over_let, 1.5),
    "constant": (over_constant, 1),
    "fn": (over_function, 1),
    "enumerate(widths)": (over_counted, 3),
    "w[i] to w[i + 1]": (over_shifted, 2),
    "zip": (over_zip, 2),
    "floats": (over_floats, 1),
    "bools": (over_flags, 1),
    "strings": (over_texts, 1),
    "pairs": (over_pairs, 2),
    "records": (over_records, 2.5),
    "nested": (over_nested, 2),
}


def source(d: Draw) -> Source:
    name = d.pick(tuple(SOURCES), tuple(often for _, often in SOURCES.values()))
    d.kind["source"] = name
    return SOURCES[name][0](d)
