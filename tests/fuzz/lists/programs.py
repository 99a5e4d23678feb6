"""Specs over lists of layers, as people write them, right or wrong: a source of items, a layer of an item, a way to run the list, and
something that follows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.lists.draw import Draw
from tests.fuzz.lists.nets import net
from tests.fuzz.lists.sources import IN, Hyper, Source, Width, source

WRONG = 0.06
"""How often a size is one that a person might take for the right one."""
NETS = 0.35
"""How many are whole networks."""
ROWS = 6


@dataclass(frozen=True)
class Family:
    """What the layers are: linear maps, or convolutions of one or two axes."""

    name: str
    axes: tuple[str, ...]

    @property
    def spatial(self) -> str:
        return "".join(f", {a}" for a in self.axes)

    def sized(self, size: str, keeps: bool = True) -> str:
        """A tensor's type; where the axes change, nobody writes what they become."""
        return f"float[N, {size}{self.spatial if keeps else ', _' * len(self.axes)}]"


FAMILIES = (Family("linear", ()), Family("conv1d", ("L",)), Family("conv2d", ("H", "W")))


@dataclass
class Item:
    """A layer of an item."""

    text: str
    width: Width
    keeps: bool = True
    definitions: list[str] = field(default_factory=list)
    runs: str = ""
    """What is run behind it, as ` -> relu`."""


@dataclass(frozen=True)
class Program:
    """A spec, and values of its hyperparameters as texts that are both the spec's and Python's."""

    text: str
    rows: tuple[dict[str, str], ...]
    kind: dict[str, str]
    taken: tuple[int, ...]


def written(rng: Random | None, given: tuple[int, ...] | list[int] = ()) -> Program:
    """A program, drawn at random or from choices made before."""
    d = Draw(rng, given)
    if d.chance(NETS):
        text, hypers = net(d)
        return Program(text, _rows(hypers, tuple(d.taken)), dict(d.kind), tuple(d.taken))
    family = d.pick(FAMILIES, (5, 1, 3))
    s = source(d)
    item = _item(d, family, s)
    container, layers, lists = _container(d, s, item)
    lines, result, heads = _run_and_follow(d, family, s, item, container, lists)
    return _assemble(d, family, s, item, [*layers, *heads], lines, result)


# --- a layer of an item ---


def _item(d: Draw, family: Family, s: Source) -> Item:
    if s.shift is not None and d.chance(0.7):
        into, out, last = s.shift
        d.kind["use"] = "from one to the next"
        return _layer(d, family, s, into, Width(out, into, last))
    if s.layers and d.chance(0.6):
        d.kind["use"] = "a layer"
        other = d.pick(s.layers)
        same = Width(IN, IN, IN, even=True)
        return (
            Item(other, same)
            if d.chance(0.7)
            else Item(f"Sequential({_plain(family, '_', IN)}, {other})", same)
        )
    width = d.pick(s.widths)
    d.kind["use"] = _shape_of(width.text)
    into = "_"
    if width.before is not None:
        into = d.pick(("_", width.before), (3, 1))
    if into == "_" and d.chance(WRONG):
        into = d.pick((IN, "6"))
    if into != "_":
        d.kind["use"] += ", said in"
    return _layer(d, family, s, into, width)


def _shape_of(text: str) -> str:
    """An expression without its names and numbers, to count kinds by."""
    return re.sub(r"\b\d+\b", "k", re.sub(r"\b(?!if\b|else\b|max\b|sum\b|int\b|len\b)[a-z]\w*", "v", text))


def _plain(family: Family, into: str, out: str) -> str:
    return f"Linear({into}, {out})" if family.name == "linear" else f"C{family.name[1:]}({into}, {out}, 1)"


def _layer(d: Draw, family: Family, s: Source, into: str, width: Width) -> Item:
    how = d.pick(
        ("plain", "Sequential", "block", "container", "choice", "bias", "dropout"), (5, 1, 2, 2, 1, 1, 1.5)
    )
    if into != "_" and how in ("block", "container"):
        how = "plain"
    d.kind["layer"] = f"{family.name} {how}"
    args, keeps = _more(d, family, s)
    conv = f"C{family.name[1:]}"
    if how in ("block", "container"):
        given = "" if family.name == "linear" else "".join(f", {a}" for a in args.values())
        cell = _cell(family, how == "block")
        return Item(f"Cell({width.text}{given})", width, keeps, [cell])
    if family.name == "linear":
        plain = f"Linear({into}, {width.text}{_bias(d, s) if how == 'bias' else ''})"
    else:
        kernel = args["kernel"]
        more = f", stride={args['stride']}" if args["stride"] != "1" else ""
        padding = {"1": "0", "3": "1"}.get(kernel, f"{kernel} // 2")
        more += f", padding={padding}" if padding != "0" else ""
        more += d.pick(("", ", groups=2"), (9, 1))
        plain = f"{conv}({into}, {width.text}, {kernel}{more}{_bias(d, s) if how == 'bias' else ''})"
    if how == "Sequential":
        norm = {"linear": "LayerNorm(_)", "conv1d": "BatchNorm1d(_)", "conv2d": "BatchNorm2d(_)"}[family.name]
        return Item(f"Sequential({plain}, {d.pick(('ReLU()', norm))})", width, keeps)
    if how == "dropout":
        return Item(f"Sequential({plain}, Dropout({d.pick(s.rates or ('0.1',))}))", width, keeps)
    if how == "choice" and s.flags:
        flag = d.pick(s.flags)
        other = d.pick((f"Sequential({plain}, ReLU())", "Identity()", _plain(family, "_", "4")))
        return Item(f"{plain} if {flag} else {other}", width, keeps)
    return Item(plain, width, keeps, runs=d.pick(("", " -> relu"), (2, 1)))


def _bias(d: Draw, s: Source) -> str:
    return f", bias={d.pick(s.flags)}" if s.flags else ", bias=false"


def _more(d: Draw, family: Family, s: Source) -> tuple[dict[str, str], bool]:
    """The kernel and stride of a convolution, and whether they keep its axes."""
    if family.name == "linear":
        return {}, True
    kernel = d.pick(("1", "3", *s.numbers), (2, 3, *[1.0] * len(s.numbers)))
    strides = ["1", "2", *s.numbers, *(f"2 if {f} else 1" for f in s.flags)]
    if s.index is not None:
        strides.append(f"1 if {s.index} == 0 else 2")
    stride = d.pick(strides, (8, 1, *[0.7] * (len(strides) - 2)))
    return {"kernel": kernel, "stride": stride}, kernel in ("1", "3") and stride == "1"


def _cell(family: Family, named: bool) -> str:
    """A block, or one that is a container, for an item."""
    if family.name == "linear":
        if not named:
            return "block Cell(out: int) = Sequential(Linear(_, out), ReLU())\n"
        return (
            "block Cell(out: int):\n    layers:\n        fc = Linear(_, out)\n\n"
            "    forward(x: float[N, D]) -> float[N, out]:\n        return x -> fc -> relu\n"
        )
    conv, norm = f"C{family.name[1:]}", f"BatchNorm{family.name[4:]}"
    made = f"{conv}(_, out, kernel, stride=stride, padding=kernel // 2)"
    if not named:
        return f"block Cell(out: int, kernel: int, stride: int) = Sequential({made}, {norm}(_), ReLU())\n"
    sizes = "".join(f", ({a} + 2 * (kernel // 2) - kernel) // stride + 1" for a in family.axes)
    return (
        f"block Cell(out: int, kernel: int, stride: int):\n    layers:\n        conv = {made}\n\n"
        f"    forward(x: float[N, D{family.spatial}]) -> float[N, out{sizes}]:\n        return x -> conv\n"
    )


# --- the list ---


def _container(d: Draw, s: Source, item: Item) -> tuple[str, list[str], list[str]]:
    """What kind of a container it is, its lines in `layers:`, and the lists of layers that the lines make."""
    text, clauses = item.text, s.clauses
    kinds = [
        "list",
        "Sequential",
        "lists",
        "Sequential in Sequential",
        "list of Sequential",
        "with more",
        "two lists",
        "runs",
    ]
    often = [8.0, 1.5, 1, 1, 1, 1, 1, 1]
    if s.index is not None:
        kinds += ["dict", "joined dicts"]
        often += [1.0, 0.4]
    kind = d.pick(kinds, often)
    inner = _inner(d, s)
    d.kind["container"] = kind
    many = f"[{text} {clauses}]"
    if kind == "Sequential":
        return kind, [f"body = Sequential(*{many})"], ["body"]
    if kind == "lists":
        return kind, [f"body = [[{text} for j in range({inner})] {clauses}]"], ["body"]
    if kind == "Sequential in Sequential":
        return (
            "Sequential",
            [f"body = Sequential(*[Sequential(*[{text} for j in range({inner})]) {clauses}])"],
            ["body"],
        )
    if kind == "list of Sequential":
        return "list", [f"body = [Sequential(*[{text} for j in range({inner})]) {clauses}]"], ["body"]
    if kind == "with more":
        more = d.pick((f"[*{many}, ReLU()]", f"[Identity(), *{many}]", f"Sequential(*{many}, Tanh())"))
        return "list" if more[0] == "[" else "Sequential", [f"body = {more}"], ["body"]
    if kind == "two lists":
        return kind, [f"body = {many}", f"others = {many}"], ["body", "others"]
    if kind == "runs":
        one = d.pick((f"[{text}, ReLU()]", f"[Tanh(), {text}]", f"[{text}]", f"[{text}, {text}]"))
        if d.chance(0.5):
            deep = d.pick((f"*{one} for j in range({inner})", f"y for j in range({inner}) for y in {one}"))
            one = d.pick((f"[*[{deep}], Tanh()]", f"[{deep}]"))
        flat = d.pick((f"[*{one} {clauses}]", f"[z {clauses} for z in {one}]"))
        return (
            kind,
            [f"body = {d.pick((flat, f'Sequential(*{flat})', f'Sequential(ReLU(), *{flat})'))}"],
            ["body"],
        )
    if kind == "dict":
        return kind, [f'body = {{f"l{{{s.index}}}": {text} {clauses}}}'], ["body"]
    if kind == "joined dicts":
        return "dict", [f'body = {{**{{f"l{{{s.index}}}": {text} {clauses}}}}}'], ["body"]
    return kind, [f"body = {many}"], ["body"]


def _inner(d: Draw, s: Source) -> str:
    options = ["2", *s.numbers]
    return d.pick(options)


# --- how it is run, and what follows ---


def _run_and_follow(
    d: Draw, family: Family, s: Source, item: Item, container: str, lists: list[str]
) -> tuple[list[str], str, list[str]]:
    """The lines of `forward`, its result's type, and the lines of `layers:` that they need."""
    run = item.runs
    n = s.length or "len(body)"
    width, keeps = item.width, item.keeps
    many = False
    size: str | None = width.last
    options: dict[str, float]
    if container == "dict":
        options = {"dict": 3, "dict collects": 1}
    elif container == "lists":
        options = {"for for": 3, "for list": 1, "for for collects": 1}
    elif container == "runs":
        options = {"whole": 6, "for": 0.5, "first": 0.2, "tail": 0.2}
    elif container == "two lists":
        options = {"zip": 3, "zip sums": 1, "down and up": 2}
    else:
        options = {
            "whole": 4, "for": 3, "by index": 2, "enumerate": 1, "residual": 1.5, "grows": 1, "each": 3, "each appended": 1.5,
            "every": 2, "first": 1, "last": 1, "k-th": 1, "tail": 1, "head": 1, "reversed": 1, "skips": 1, "nth": 1,
        }  # fmt: skip
    how = d.pick(tuple(options), tuple(options.values()))
    d.kind["run"] = how
    hypers: list[str] = []
    match how:
        case "whole":
            lines = [f"x = x -> body{run}"]
        case "for":
            lines = ["for layer in body:", f"    x = x -> layer{run}"]
        case "by index":
            lines = [f"for k in range({n}):", f"    x = x -> body[k]{run}"]
        case "enumerate":
            lines = ["for k, layer in enumerate(body):", f"    x = (x -> layer{run}) * (k + 1)"]
        case "residual":
            lines = ["for layer in body:", f"    x = x + (x -> layer{run})"]
            size = IN
        case "grows":
            lines = ["for layer in body:", f"    x = cat([x, x -> layer{run}], dim=1)"]
            size = f"{IN} + {width.total}" if width.total else None
        case "each":
            lines, many = [f"ys = [x -> layer{run} for layer in body]"], True
        case "each appended":
            lines, many = ["ys = []", "for layer in body:", f"    ys += [x -> layer{run}]"], True
        case "every":
            lines, many = ["ys = []", "for layer in body:", f"    x = x -> layer{run}", "    ys += [x]"], True
        case "first":
            lines, size = [f"x = x -> body[0]{run}"], None
        case "last":
            lines = [f"x = x -> body[-1]{run}"]
        case "k-th":
            lines, size = [f"x = x -> body[k]{run}"], None
            hypers = ["k"]
        case "nth":
            lines = [f"x = x -> body[{n} - 1]{run}"]
        case "tail":
            lines = d.pick((["x = x -> body[1:]"], ["for layer in body[1:]:", f"    x = x -> layer{run}"]))
        case "head":
            lines = d.pick((["x = x -> body[:k]"], ["for layer in body[:k]:", f"    x = x -> layer{run}"]))
            size, hypers = None, ["k"]
        case "reversed":
            lines, size = ["for layer in reversed(body):", f"    x = x -> layer{run}"], None
        case "skips":
            back = d.pick((f"skips[{n} - 1 - k]", "skips[-1 - k]", "skips[k]"))
            lines = ["skips = []", "for layer in body:", f"    x = x -> layer{run}", "    skips += [x]"]
            lines += d.pick(
                (
                    [f"for k in range({n}):", f"    x = x + {back}"],
                    ["for y in reversed(skips):", "    x = x + y"],
                )
            )
        case "zip":
            lines = ["for a, b in zip(body, others):", f"    x = x -> a{run} -> b"]
        case "zip sums":
            lines, many = ["ys = [(x -> a) + (x -> b) for a, b in zip(body, others)]"], True
        case "down and up":
            lines = ["skips = []", "for layer in body:", f"    x = x -> layer{run}", "    skips += [x]"]
            back = d.pick((f"skips[{n} - 1 - k]", "skips[k]"))
            lines += d.pick(
                (
                    ["for k, layer in enumerate(others):", f"    x = {back} -> layer"],
                    ["for layer, y in zip(others, skips):", "    x = y -> layer"],
                )
            )
        case "dict":
            lines = [f"for k in range({n}):", f'    x = x -> body[f"l{{k}}"]{run}']
        case "dict collects":
            lines, many = [f'ys = [body[f"l{{k}}"](x) for k in range({n})]'], True
        case "for for":
            lines = ["for some in body:", "    for layer in some:", f"        x = x -> layer{run}"]
        case "for list":
            lines = ["for some in body:", f"    x = x -> some{run}"]
        case _:
            lines, many = ["ys = []", "for some in body:", f"    x = x -> some{run}", "    ys += [x]"], True
    d.kind["k"] = ",".join(hypers)
    if many:
        return _after_many(d, family, s, width, keeps, lines, n)
    return _after_one(d, family, size, keeps, lines)


def _after_one(
    d: Draw, family: Family, size: str | None, keeps: bool, lines: list[str], already: str = ""
) -> tuple[list[str], str, list[str]]:
    """A head, or nothing."""
    follow = d.pick(("nothing", "head", "sized head", "activation"), (4, 2.5, 1, 0.5))
    if not already:
        d.kind["follow"] = follow
    else:
        d.kind["follow"] = f"{already}, {follow}"
    if size is not None and d.chance(WRONG):
        size = d.pick((IN, "8"))
    if follow in ("head", "sized head"):
        into = "_" if follow == "head" or size is None else size
        pool = (
            "" if family.name == "linear" else f" -> mean(dim={'2' if family.name == 'conv1d' else '(2, 3)'})"
        )
        return [*lines, f"return x{pool} -> head"], "float[N, 5]", [f"head = Linear({into}, 5)"]
    said = size if size is not None and d.chance(0.5) else "_"
    if said != "_":
        d.kind["follow"] += ", said"
    return (
        [*lines, "return x -> relu" if follow == "activation" else "return x"],
        family.sized(said, keeps),
        [],
    )


def _after_many(
    d: Draw, family: Family, s: Source, width: Width, keeps: bool, lines: list[str], n: str
) -> tuple[list[str], str, list[str]]:
    """What is made of a list of results."""
    follow = d.pick(
        ("list", "cat", "stack", "sum", "first and last", "last", "index", "stack and sum"),
        (2, 3, 2, 2, 1, 1, 1, 1),
    )
    match follow:
        case "cat":
            return _after_one(d, family, width.total, keeps, [*lines, "x = cat(ys, dim=1)"], follow)
        case "stack":
            d.kind["follow"] = follow
            size = d.pick(("_", width.last or "_"))
            front = d.pick(("_", n), (1, 2)) if "body" not in n else "_"
            axes = family.spatial if keeps else ", _" * len(family.axes)
            return [*lines, "return stack(ys, dim=1)"], f"float[N, {front}, {size}{axes}]", []
        case "sum":
            more = ["x = ys[0]", "for y in ys[1:]:", "    x = x + y"]
            return _after_one(d, family, width.last, keeps, [*lines, *more], follow)
        case "first and last":
            return _after_one(d, family, width.last, keeps, [*lines, "x = ys[0] + ys[-1]"], follow)
        case "last":
            return _after_one(d, family, width.last, keeps, [*lines, "x = ys[-1]"], follow)
        case "index":
            return _after_one(
                d, family, None, keeps, [*lines, f"x = ys[{d.pick(('0', '1', f'{n} - 1'))}]"], follow
            )
        case "stack and sum":
            return _after_one(
                d, family, width.last, keeps, [*lines, "x = stack(ys, dim=0) -> sum(dim=0)"], follow
            )
    d.kind["follow"] = follow
    size = width.text if (s.clauses.count(" for ") == 0 and width.before is not None) or width.even else "_"
    over = s.clauses if " if " not in s.clauses and "(*" not in s.clauses else f"for k in range({n})"
    if "body" in n:
        return [*lines, "return ys"], f"[{family.sized('_', keeps)} for k in range(2)]", []
    if not any(name in size for name in ("w", "i", "s", "p", "k")):
        over = f"for k in range({n})"
    return [*lines, "return ys"], f"[{family.sized(size, keeps)} {over}]", []


# --- the spec ---


def _assemble(
    d: Draw, family: Family, s: Source, item: Item, layers: list[str], lines: list[str], result: str
) -> Program:
    within = d.chance(0.2)
    d.kind["host"] = "block" if within else "model"
    known = [*s.hypers]
    if d.kind["k"]:
        known.append(Hyper("k", "int >= 0", "1", ("0", "2")))
    entry = s.entry if s.entry is not None and d.chance(0.8) else None
    if within:
        size = "C"
    elif entry is not None:
        size = entry
    else:
        size = d.pick(("4", "c"))
    if size == "c":
        known.append(Hyper("c", "int", "4", ("6", "3")))
    parts = [*(f"require {r}" for r in s.requires), *(f"let {x}" for x in s.lets)]
    inner = "C" if within and entry is None else entry or size
    section = "".join(f"        {x}\n" for x in layers)
    body = "".join(f"        {x}\n" for x in lines)
    stated = "".join(f"    {x}\n" for x in parts if x.startswith("let"))
    stated += "".join(f"    {x}\n" for x in parts if x.startswith("require"))
    stated += "\n" if stated else ""
    whole = (
        f"{stated}    layers:\n{section}\n    forward(x: float[N, {IN}{family.spatial}]) -> {result}:\n{body}"
    ).replace(IN, inner)
    used = _used(known, whole)
    definitions = [*(x for x in s.definitions if x.split()[1].split("(")[0].rstrip(":") in _words(whole)
                     or x.split()[0] in _words(whole)), *item.definitions]  # fmt: skip
    if within:
        heads = ", ".join(f"{h.name}: {h.type}" for h in used)
        given = ", ".join(h.name for h in used)
        outer = d.pick(("4", "c"))
        outside = entry or outer
        if outside == "c":
            used = [*used, Hyper("c", "int", "4", ("6", "3"))]
        block = f"block Body({heads}):\n{whole}"
        declared = result.replace(IN, outside if entry is None else entry)
        text = (
            f"    layers:\n        body = Body({given})\n\n"
            f"    forward(x: float[N, {outside}{family.spatial}]) -> {declared}:\n        return x -> body\n"
        )
        definitions.append(block)
        lets = [x for x in s.lets if x.split()[0] in _words(declared)]
        text = "".join(f"    let {x}\n".replace(IN, outside) for x in lets) + ("\n" if lets else "") + text
    else:
        text = whole
    hypers = ", ".join(f"{h.name}: {h.type} = {_as_spec(h.default)}" for h in used)
    model = f"model Net({hypers}):\n{text}" if hypers else f"model Net:\n{text}"
    return Program(
        "\n".join([*definitions, model]), _rows(used, tuple(d.taken)), dict(d.kind), tuple(d.taken)
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def _used(hypers: list[Hyper], text: str) -> list[Hyper]:
    """The hyperparameters that a text names; a model with others is refused."""
    found = {h.name: h for h in hypers if h.name in _words(text)}
    return list(found.values())


def _as_spec(text: str) -> str:
    return text.replace("True", "true").replace("False", "false")


def _rows(hypers: list[Hyper], taken: tuple[int, ...]) -> tuple[dict[str, str], ...]:
    """Values to try: the defaults, each hyperparameter changed alone, and several at once."""
    rng = Random(str([(h.name, h.default) for h in hypers]))
    rows: list[dict[str, str]] = [{h.name: other} for h in hypers for other in h.others]
    rng.shuffle(rows)
    rows = rows[:ROWS]
    if len(hypers) > 1:
        rows += [{h.name: rng.choice((h.default, *h.others)) for h in hypers} for _ in range(4)]
        longest = max(len(h.others) for h in hypers)
        rows += [{h.name: h.others[min(i, len(h.others) - 1)] for h in hypers} for i in range(longest)]
    unique = {tuple(sorted(r.items())): r for r in rows}
    return ({}, *unique.values())
