"""Whole networks around lists of layers, as people write them: pyramids, stages of blocks, ways down and up, branches side by side."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.fuzz.lists.draw import Draw
from tests.fuzz.lists.sources import DEPTHS, FLAGS, WIDTHS, Hyper, N

Net = tuple[list[str], list[Hyper], str]
"""Definitions, hyperparameters that the model may name, and the model's body."""

C = Hyper("c", "int", "4", ("6", "3"))
OUT = Hyper("out", "int", "6", ("4", "5"))
K = Hyper("k", "int >= 0", "1", ("0", "2"))
WIDE = Hyper("wide", "bool", "True", ("False",))
GROUPS = Hyper("groups", "int", "2", ("1", "4"))
GROWTH = Hyper("growth", "int", "3", ("1", "5"))
DEPTH = Hyper("depth", "int", "2", ("1", "3"))


def _layers(*lines: str) -> str:
    return "    layers:\n" + "".join(f"        {x}\n" for x in lines) + "\n"


def _forward(head: str, *lines: str) -> str:
    return f"    forward({head}:\n" + "".join(f"        {x}\n" for x in lines)


def _stated(d: Draw, *options: str) -> str:
    """Some of these conditions."""
    kept = [f"    require {x}\n" for x in options if d.chance(0.5)]
    return "".join(kept) + ("\n" if kept else "")


def pyramid(d: Draw) -> Net:
    """Features of several stages, each brought to one width."""
    widths = d.pick(WIDTHS)
    n = d.pick(("len(widths)", "len(features)", "3"))
    stage = d.pick(
        (
            "[Conv2d(_, w, 3, padding=1) for w in widths]",
            "[Sequential(Conv2d(_, w, 1), ReLU()) for w in widths]",
            "[Conv2d(_, w, 3, stride=2, padding=1) for w in widths]",
            "[Conv2d(_, w, 3, stride=1 if i == 0 else 2, padding=1) for i, w in enumerate(widths)]",
        )
    )
    lateral = d.pick(
        ("[Conv2d(_, out, 1) for w in widths]", "[Conv2d(w, out, 1) for w in widths]", "[Conv2d(widths[i], out, 1) for i in range(len(widths))]")
    )  # fmt: skip
    even = "stride" not in stage
    lines = ["features = []", "for stage in stages:", "    x = x -> stage", "    features += [x]"]
    lines += d.pick(
        (
            ["ys = [layer(f) for layer, f in zip(lateral, features)]"],
            ["ys = [lateral[i](features[i]) for i in range(len(widths))]"],
            ["ys = []", "for i, f in enumerate(features):", "    ys += [lateral[i](f)]"],
            ["ys = [layer(f) for layer, f in zip(reversed(lateral), reversed(features))]"],
            ["ys = [layer(f) for layer, f in zip(lateral[1:], features[1:])]"],
            ["ys = [layer(f) for layer, f in zip(lateral, reversed(features))]"],
        )
    )
    how = d.pick(("top", "down", "cat", "list", "means", "smooth"))
    layers = [f"stages = {stage}", f"lateral = {lateral}"]
    sizes = ", H, W" if even else ", _, _"
    result = f"float[N, out{sizes}]"
    match how:
        case "top":
            lines += ["return ys[-1]"]
        case "down":
            at = d.pick((f"{n} - 2 - i", "-2 - i"))
            step = f"ys[{at}]"
            lines += ["y = ys[-1]", f"for i in range({n} - 1):"]
            lines += [
                f"    y = {step} + y"
                if even or d.chance(0.3)
                else f"    y = interpolate(y, {step}.shape[2:]) + {step}"
            ]
            lines += ["return y"]
        case "cat":
            lines += ["return cat([mean(y, dim=(2, 3)) for y in ys], dim=1)"]
            result = f"float[N, {d.pick(('len(widths) * out', '_'))}]"
        case "list":
            lines += ["return ys"]
            result = f"[float[N, out{', H, W' if even else ', _, _'}] for w in widths]"
        case "means":
            layers += ["head = Linear(_, 3)"]
            lines += ["return stack([mean(y, dim=(2, 3)) for y in ys], dim=1) -> head"]
            result = "float[N, _, 3]"
        case _:
            layers += ["smooth = [Conv2d(_, out, 3, padding=1) for w in widths]"]
            lines += ["zs = [s(y) for s, y in zip(smooth, ys)]", d.pick(("return zs[0]", "return zs[-1]"))]
    return (
        [], [widths, OUT, C],
        _stated(d, "len(widths) >= 2", "len(widths) == 3")
        + _layers(*layers) + _forward(f"x: float[N, {d.pick(('3', 'c'))}, H, W]) -> {result}", *lines),
    )  # fmt: skip


def down_and_up(d: Draw) -> Net:
    """A U-Net, with or without pooling."""
    how = d.pick(("linear", "pooled"))
    by_list = d.chance(0.5)
    n = "len(widths)" if by_list else "n"
    out = "widths[i]" if by_list else d.pick(("c * 2**i", "c * (i + 1)", "c"))
    last = n + " - 1"

    def at(text: str) -> str:
        return re.sub(r"\bi\b", f"({text})", out)

    join = d.pick(("cat", "add"))
    up_out = at(f"{last} - i")
    into = at(f"{n} - i") if not by_list else "_"
    deepest = at(n) if not by_list else "2 * widths[-1]"
    if how == "linear":
        layers = [f"downs = [Linear(_, {out}) for i in range({n})]", f"mid = Linear(_, {deepest})"]
        axes, entry = "", "float[N, 3"
        define = [
            "block Up(out: int):\n    layers:\n        up = Linear(_, out)\n        join = Linear(_, out)\n\n"
            "    forward(x: float[N, C], skip: float[N, S]) -> float[N, out]:\n"
            + (
                "        return cat([up(x), skip], dim=1) -> join\n"
                if join == "cat"
                else "        return (up(x) + skip) -> join\n"
            )
        ]
        if join == "add":
            define = [define[0].replace("skip: float[N, S]", "skip: float[N, out]")]
    else:
        layers = [
            f"downs = [Conv2d(_, {out}, 3, padding=1) for i in range({n})]",
            f"mid = Conv2d(_, {deepest}, 1)",
        ]
        axes, entry = (
            f", 2**{n} * h, 2**{n} * w" if not by_list else ", 2**len(widths) * h, 2**len(widths) * w",
            "float[N, 3",
        )
        define = [
            "block Up(out: int):\n    layers:\n        up = ConvTranspose2d(_, out, 2, stride=2)\n        join = Conv2d(_, out, 3, padding=1)\n\n"
            f"    forward(x: float[N, C, H, W], skip: float[N, {'S' if join == 'cat' else 'out'}, 2 * H, 2 * W]) -> float[N, out, 2 * H, 2 * W]:\n"
            + (
                "        return cat([up(x), skip], dim=1) -> join\n"
                if join == "cat"
                else "        return (up(x) + skip) -> join\n"
            )
        ]
    ups = d.pick(
        (f"ups = [Up({up_out}) for i in range({n})]", f"ups = [Up({out}) for i in range({n})]"), (4, 1)
    )
    if by_list:
        ups = d.pick((ups, "ups = [Up(w) for w in reversed(widths)]"))
    del into
    layers += [ups]
    lines = ["skips = []", "for down in downs:", "    x = x -> down -> relu", "    skips += [x]"]
    if how == "pooled":
        lines += ["    x = max_pool2d(x, 2)"]
    lines += ["x = mid(x)"]
    lines += d.pick(
        (
            ["for up, skip in zip(ups, reversed(skips)):", "    x = up(x, skip)"],
            ["for i, up in enumerate(ups):", f"    x = up(x, skips[{last} - i])"],
            ["for i, up in enumerate(ups):", "    x = up(x, skips[-1 - i])"],
            [f"for i in range({n}):", f"    x = ups[i](x, skips[{n} - i - 1])"],
            ["for up, skip in zip(reversed(ups), reversed(skips)):", "    x = up(x, skip)"],
        ),
        (3, 2, 2, 2, 1),
    )
    result = d.pick((f"float[N, {at('0')}{axes}]", f"float[N, _{axes}]", f"float[N, 5{axes}]"), (2, 1, 1))
    if "N, 5" in result:
        layers += ["head = " + ("Linear(_, 5)" if how == "linear" else "Conv2d(_, 5, 1)")]
        lines += ["return head(x)"]
    else:
        lines += ["return x"]
    return (
        define, [d.pick(WIDTHS), N, C],
        _stated(d, f"{n} >= 1") + _layers(*layers) + _forward(f"x: {entry}{axes}]) -> {result}", *lines),
    )  # fmt: skip


def branches(d: Draw) -> Net:
    """Tensors side by side, each from the sum of all."""
    by_list = d.chance(0.4)
    n = "len(widths)" if by_list else d.pick(("n", "3"))
    size = "widths[{}]" if by_list else d.pick(("c * 2**{}", "c", "c * ({} + 1)"))
    i, j = size.format("i"), size.format("j")
    inner = d.pick(
        (
            f"Linear({j}, {i})",
            f"Linear(_, {i})",
            f"none if i == j else Linear(_, {i})",
            f"Identity() if i == j else Linear({j}, {i})",
        )
    )
    layers = [f"fuse = [[{inner} for j in range({n})] for i in range({n})]"]
    start = [f"own = [Linear({i}, {i}) for i in range({n})]"] if d.chance(0.5) else []
    lines = ["ys = [layer(x) for layer, x in zip(own, xs)]"] if start else ["ys = xs"]
    adds = d.pick(
        (
            ["    y = fuse[i][0](ys[0])", f"    for j in range(1, {n}):", "        y = y + fuse[i][j](ys[j])"],
            ["    y = ys[i]", f"    for j in range({n}):", "        if j != i:", "            y = y + fuse[i][j](ys[j])"],
            ["    y = ys[i]", f"    for j in range({n}):", "        if j > i:", "            y = y + fuse[i][j](ys[j])",
             "        elif j < i:", "            y = y + relu(fuse[i][j](ys[j]))"],
            ["    y = ys[i]", "    for layer, z in zip(fuse[i], ys):", "        y = y + layer(z)"],
            ["    zs = [layer(z) for layer, z in zip(fuse[i], ys)]", "    y = stack(zs, dim=0).sum(dim=0)"],
        )
    )  # fmt: skip
    loop = d.pick(([f"for i in range({n}):"], ["for i, row in enumerate(fuse):"]))
    body = [x.replace("fuse[i]", "row") if "enumerate" in loop[0] else x for x in adds]
    lines += ["outs = []", *loop, *body, "    outs += [y]"]
    entry = f"[float[N, {i}] for i in range({n})]"
    ends = d.pick(("list", "cat", "first", "last"))
    result = entry
    match ends:
        case "list":
            lines += ["return outs"]
        case "cat":
            lines += ["return cat(outs, dim=1)"]
            result = "float[N, _]"
        case "first":
            lines += ["return outs[0]"]
            result = f"float[N, {size.format('0')}]"
        case _:
            lines += ["return outs[-1]"]
            result = f"float[N, {size.format(f'({n} - 1)')}]"
    return (
        [], [d.pick(WIDTHS), N, C],
        _stated(d, f"{n} >= 1") + _layers(*start, *layers) + _forward(f"xs: {entry}) -> {result}", *lines),
    )  # fmt: skip


def grouped(d: Draw) -> Net:
    """A block that is a container, with conditions on its input's sizes."""
    named = d.chance(0.8)
    head = " on float[N, C, H, W]" if named else ""
    into = d.pick(("C", "_")) if named else "_"
    conv = f"Conv2d({into}, out, 3, padding=1, groups=groups)"
    stated = d.pick(
        (["C % groups == 0", "out % groups == 0"], ["C % groups == 0 and out % groups == 0"], ["out % groups == 0"], ["C % groups == 0"])
        if named else (["out % groups == 0"], [])
    )  # fmt: skip
    cell = f"block Cell(out: int, groups: int = 1){head} = Sequential({conv}, BatchNorm2d(_), ReLU())"
    cell += ":\n" + "".join(f"    require {x}\n" for x in stated) if stated else "\n"
    if d.chance(0.3) and named:
        cell = (
            "block Cell(out: int, groups: int = 1) on float[N, C, H, W] = Sequential(\n"
            "    Conv2d(C, C, 3, padding=1, groups=C), Conv2d(_, out, 1, groups=groups)\n):\n"
            "    require C % groups == 0 and out % groups == 0\n"
        )
    widths = d.pick(WIDTHS)
    item = d.pick(("Cell(w, groups)", "Cell(w)", "Cell(groups * w, groups)", "Cell(2 * w, 2)"))
    body = d.pick(
        (
            f"[{item} for w in widths]",
            f"Sequential(*[{item} for w in widths])",
            f"[Cell({IN_}, groups), *[{item} for w in widths]]",
        )
    )
    layers = [f"body = {body}"]
    lines = d.pick((["return x -> body"], ["for layer in body:", "    x = layer(x)", "return x"]))
    entry = d.pick(("groups", "2 * groups", "c", "4"))
    result = "float[N, _, H, W]"
    if d.chance(0.4):
        layers += ["head = Linear(_, 3)"]
        lines = ["return x -> body -> mean(dim=(2, 3)) -> head"]
        result = "float[N, 3]"
    body_text = "".join(layers).replace(IN_, "2 * groups")
    layers = [x.replace(IN_, "2 * groups") for x in layers]
    del body_text
    return (
        [cell], [widths, GROUPS, C],
        _stated(d, "all([w % groups == 0 for w in widths])", "all([w % 2 == 0 for w in widths])", "c % groups == 0")
        + _layers(*layers) + _forward(f"x: float[N, {entry}, H, W]) -> {result}", *lines),
    )  # fmt: skip


IN_ = "@@"

RESIDUAL = """block Residual(out: int, stride: int = 1):
    layers:
        conv     = Conv2d(_, out, 3, stride=stride, padding=1)
        shortcut = {shortcut}

    forward(x: float[N, C, H, W]) -> float[N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]:
        y = conv(x)
        return relu(y + (x if shortcut is none else shortcut(x)))
"""
STAGE = """block Stage(out: int, depth: int, stride: int = 1):
    layers:
        body = {body}

    forward(x: float[N, C, H, W]) -> float[N, out, (H - 1)//stride + 1, (W - 1)//stride + 1]:
        return x -> body
"""


def stages(d: Draw) -> Net:
    """Stages of residual blocks, the first of which may stride."""
    shortcut = d.pick(
        (
            "none if C == out and stride == 1 else Conv2d(C, out, 1, stride=stride)",
            "Conv2d(C, out, 1, stride=stride) if stride != 1 or C != out else none",
            "Conv2d(_, out, 1, stride=stride)",
            "none if C == out else Conv2d(C, out, 1, stride=stride)",
        ),
        (4, 2, 1, 1),
    )
    define = [RESIDUAL.format(shortcut=shortcut)]
    if "is none" in define[0] and "none" not in shortcut:
        define = [define[0].replace("(x if shortcut is none else shortcut(x))", "shortcut(x)")]
    inner = d.pick(
        (
            "[Residual(out, stride if i == 0 else 1) for i in range(depth)]",
            "Sequential(*[Residual(out, stride if i == 0 else 1) for i in range(depth)])",
            "[Residual(out, stride), *[Residual(out) for i in range(depth - 1)]]",
            "Sequential(Residual(out, stride), *[Residual(out) for i in range(1, depth)])",
        )
    )
    way = d.pick(("block", "container", "nested", "flat"))
    stride = d.pick(("1", "2", "1 if i == 0 else 2", "s"))
    clauses = d.pick(
        ("for i, (w, d) in enumerate(zip(widths, depths))", "for w, d, s in zip(widths, depths, strides)")
    )
    if "strides" in clauses:
        stride = d.pick(("s", "1"))
    elif stride == "s":
        stride = "1 if i == 0 else 2"
    if way == "block":
        define.append(STAGE.format(body=inner))
        body = f"[Stage(w, d, {stride}) {clauses}]"
    elif way == "container":
        define.append(
            "block Stage(out: int, depth: int, stride: int = 1) = Sequential(*[Residual(out, stride if i == 0 else 1) for i in range(depth)])\n"
        )
        body = f"[Stage(w, d, {stride}) {clauses}]"
    elif way == "nested":
        body = (
            f"[Sequential(*[Residual(w, {'(' + stride + ')'} if j == 0 else 1) for j in range(d)]) {clauses}]"
        )
    else:
        body = f"[Residual(w, {'(' + stride + ')'} if j == 0 else 1) {clauses} for j in range(d)]"
    layers, lines = (
        [f"stages = {body}"],
        d.pick((["x = x -> stages"], ["for stage in stages:", "    x = stage(x)"])),
    )
    result = "float[N, _, _, _]"
    ends = d.pick(("head", "nothing", "collect"))
    if ends == "head":
        layers += [d.pick(("head = Linear(_, 3)", "head = Linear(widths[-1], 3)"))]
        lines = [*lines, "return x -> mean(dim=(2, 3)) -> head"]
        result = "float[N, 3]"
    elif ends == "nothing":
        lines = [*lines, "return x"]
        result = d.pick((result, "float[N, widths[-1], _, _]"))
    else:
        lines = [
            "means = []",
            "for stage in stages:",
            "    x = stage(x)",
            "    means += [mean(x, dim=(2, 3))]",
            "return cat(means, dim=1)",
        ]
        result = d.pick(("float[N, sum(widths)]", "float[N, _]"))
    strides = Hyper("strides", "list[int]", "[1, 2, 1]", ("[2]", "[1, 1]", "[2, 1, 2, 1]", "[1, 1, 1]"))
    return (
        define, [d.pick(WIDTHS), DEPTHS, strides, C],
        _stated(d, "len(widths) == len(depths)", "len(widths) >= 1")
        + _layers(*layers) + _forward(f"x: float[N, {d.pick(('3', 'c'))}, H, W]) -> {result}", *lines),
    )  # fmt: skip


RECORD = """record Part:
    out: int = 8
    norm: layer = Identity
    act: layer = ReLU
    wide: bool = false
    p: float = 0.1
"""
PARTS = Hyper(
    "parts", "list[Part]", "[Part(4), Part(6, wide=True)]",
    ("[Part(4, ReLU)]", "[Part(6, act=Identity), Part(4, Identity, ReLU, True), Part(2)]", "[Part(8, wide=True)]"),
)  # fmt: skip


def records(d: Draw) -> Net:
    """Items that are records, which hold layers, given whole to a block."""
    size = d.pick(("s.out", "2 * s.out if s.wide else s.out", "(8 if s.wide else s.out)"))
    block = (
        f"block Cell(s: Part):\n    let width = {size}\n\n    layers:\n        fc = Linear(_, width)\n        norm = s.norm()\n        act = s.act()\n"
        "        drop = Dropout(s.p)\n\n"
        "    forward(x: float[N, D]) -> float[N, width]:\n        return x -> fc -> norm -> act -> drop\n"
    )  # fmt: skip
    item = d.pick(
        (
            "Cell(s)",
            f"Sequential(Linear(_, {size}), s.norm(), s.act())",
            f"Sequential(Linear(_, {size}), s.act() if s.wide else s.norm())",
        )
    )
    clauses = d.pick(("for s in parts", "for i, s in enumerate(parts)", "for s in reversed(parts)", "for s in parts if s.wide", "for s in parts[1:]"), (4, 2, 1, 1, 1))  # fmt: skip
    layers = [f"body = [{item} {clauses}]", "head = Linear(_, 3)"]
    lines = d.pick(
        (
            ["return x -> body -> head"],
            ["for layer in body:", "    x = layer(x)", "return head(x)"],
            ["return x -> body[0] -> head"],
        )
    )
    defs = [RECORD, *([block] if item == "Cell(s)" else [])]
    return (
        defs,
        [PARTS, C],
        _stated(d, "len(parts) >= 1") + _layers(*layers) + _forward("x: float[N, 4]) -> float[N, 3]", *lines),
    )


def dicts(d: Draw) -> Net:
    """Layers by name, some of several sources."""
    widths = d.pick(WIDTHS)
    one = d.pick(
        (
            '{f"fc{i}": Linear(_, w), f"act{i}": ReLU()}',
            '{f"fc{i}": Linear(_, w), f"drop{i}": none if i == 0 else Dropout(0.1)}',
            '{f"norm{i}": LayerNorm(_), f"fc{i}": Linear(_, w)}',
            '{f"skip{i}": none if i == 0 else Linear(_, 5), f"fc{i}": Linear(_, w)}',
        )
    )
    clauses = "for i, w in enumerate(widths)"
    text = d.pick(
        (
            f"Sequential(**{{**{one} {clauses}}}, head=Linear(_, 3))",
            f"Sequential(stem=Linear(_, 8), **{{**{one} {clauses}}})",
            f'Sequential(**{{f"a{{i}}": Linear(_, w) {clauses}}}, **{{f"b{{i}}": Linear(_, w) {clauses}}})',
        )
    )
    layers, lines = [f"body = {text}"], ["x = x -> body"]
    result = "float[N, _]" if "head=" not in text else "float[N, 3]"
    if d.chance(0.4) and "head=" not in text:
        layers += ["out = Linear(_, 3)"]
        lines += ["x = out(x)"]
        result = "float[N, 3]"
    return (
        [],
        [widths, C],
        _stated(d, "len(widths) >= 1")
        + _layers(*layers)
        + _forward(f"x: float[N, {d.pick(('4', 'c'))}]) -> {result}", *lines, "return x"),
    )


def slices(d: Draw) -> Net:
    """Parts of a list of layers."""
    widths = d.pick(WIDTHS)
    by = d.pick(("widths", "range"))
    n = "len(widths)" if by == "widths" else "n"
    item = (
        d.pick(("Linear(_, w)", "Sequential(Linear(_, w), ReLU())")) + " for w in widths"
        if by == "widths"
        else d.pick(
            (
                "Linear(c, c) for i in range(n)",
                "Linear(_, c + i) for i in range(n)",
                "Linear(c + i, c + i + 1) for i in range(n)",
                "Linear(_, 6) for i in range(n)",
            )
        )
    )
    low, high = d.pick(
        (
            ("", "k"),
            ("k", ""),
            ("1", ""),
            ("", "-1"),
            ("1", "-1"),
            ("1", "k"),
            ("-2", ""),
            ("k", "k + 1"),
            ("", f"{n} - 1"),
        )
    )
    part = f"body[{low}:{high}]"
    lines = d.pick(
        (
            [f"x = x -> {part}", "return x"],
            [f"for layer in {part}:", "    x = x -> layer", "return x"],
            [f"x = x -> body[:{low or high}]", f"x = x -> body[{low or high}:]", "return x"],
            [f"ys = [layer(x) for layer in {part}]", "return cat(ys, dim=1)"],
            [f"x = x + (x -> {part})", "return x"],
            [
                "ys = []",
                "for layer in body:",
                "    x = layer(x)",
                "    ys += [x]",
                f"return cat(ys[{low}:{high}], dim=1)",
            ],
            [f"for layer in reversed({part}):", "    x = layer(x)", "return x"],
        )
    )
    layers = [f"body = [{item}]"]
    if d.chance(0.4):
        layers += ["head = Linear(_, 3)"]
        lines = [*lines[:-1], lines[-1].replace("return ", "return head(") + ")"]
    return (
        [], [widths, N, C, K],
        _stated(d, f"k <= {n}", f"k < {n}", f"{n} >= 2") + _layers(*layers) + _forward("x: float[N, c]) -> float[N, _]", *lines),
    )  # fmt: skip


def conditional(d: Draw) -> Net:
    """Sizes that are one value or another."""
    size = d.pick(
        (
            "8 if wide else 4",
            "c if wide else 2 * c",
            "k if k > 2 else 4",
            "max(k, 2)",
            "c + int(wide)",
            "2 * c if wide and k > 1 else c",
        )
    )
    let = d.chance(0.5)
    width = "width" if let else f"({size})"
    item = d.pick(
        (
            f"Linear(_, {width})",
            f"Linear({width}, {width})",
            f"Linear(_, {width}) if wide else Linear(_, 6)",
            f"Linear(_, w if wide else {width})",
        )
    )
    over = (
        "for w in widths"
        if " w " in item or "(_, w " in item
        else d.pick(("for i in range(n)", "for w in widths"))
    )
    layers = [f"stem = Linear(_, {width})", f"body = [{item} {over}]"]
    lines = d.pick(
        (
            ["x = x -> stem -> body"],
            ["x = stem(x)", "if wide:", "    x = x -> body"],
            ["x = stem(x)", "for layer in body:", "    x = layer(x) if wide else x"],
            ["y = stem(x)", "x = y -> body", "x = x + y"],
        )
    )
    result = f"float[N, {d.pick((width, '_'))}]"
    if d.chance(0.4):
        layers += [d.pick((f"head = Linear({width}, 3)", "head = Linear(_, 3)"))]
        lines += ["x = head(x)"]
        result = "float[N, 3]"
    head = f"    let width = {size}\n\n" if let else ""
    return (
        [], [d.pick(WIDTHS), N, WIDE, K, C],
        head + _stated(d, "len(widths) >= 1") + _layers(*layers) + _forward(f"x: float[N, {d.pick(('4', 'c', width))}]) -> {result}", *lines, "return x"),
    )  # fmt: skip


def dense(d: Draw) -> Net:
    """Each layer gets all that came before it."""
    growth = d.pick(("growth", "w", "growth * (i + 1)", "c"))
    clauses = "for w in widths" if growth == "w" else d.pick(("for i in range(n)", "for i in range(depth)"))
    layers = [f"body = [Linear(_, {growth}) {clauses}]"]
    lines = d.pick(
        (
            ["for layer in body:", "    x = cat([x, layer(x)], dim=1)"],
            ["ys = [x]", "for layer in body:", "    ys += [layer(cat(ys, dim=1))]", "x = cat(ys, dim=1)"],
            ["for layer in body:", "    y = layer(x)", "    x = cat([y, x, y], dim=1)"],
        )
    )
    total = {"growth": "c + {n} * growth", "w": "c + sum(widths)", "c": "c + {n} * c"}.get(
        growth, "_"
    ).format(n="depth" if "depth" in clauses else "n")
    result = d.pick((f"float[N, {total}]", "float[N, _]"))
    if d.chance(0.5):
        layers += [d.pick(("head = Linear(_, 3)", f"head = Linear({total}, 3)"))]
        lines += ["x = head(x)"]
        result = "float[N, 3]"
    if d.chance(0.3):
        layers += [f"more = [Linear(_, {growth}) {clauses}]"]
        lines = [*lines, "for layer in more:", "    x = cat([x, layer(x)], dim=1)"]
        result = "float[N, _]"
    return (
        [],
        [d.pick(WIDTHS), N, DEPTH, GROWTH, C],
        _layers(*layers) + _forward(f"x: float[N, c]) -> {result}", *lines, "return x"),
    )


def spread(d: Draw) -> Net:
    """One list from several, gone through by number."""
    widths = d.pick(WIDTHS)
    first = d.pick(("Linear(_, 8)", "Linear(_, c)", "Identity()"))
    last = d.pick(("Linear(_, 3)", "ReLU()", "LayerNorm(_)"))
    second = d.pick(
        (
            "*[Linear(_, w) for w in widths]",
            "*[Linear(_, c) for i in range(n)]",
            "*[Linear(_, w + 1) for w in widths if w > 4]",
            "*[Sequential(Linear(_, c + i), ReLU()) for i in range(n)]",
        )
    )
    n = "len(widths)" if "widths" in second else "n"
    third = d.pick((last, f"*[Linear(_, 5) for j in range(depth)], {last}"))
    layers = [f"body = [{first}, {second}, {third}]"]
    lines = d.pick(
        (
            ["x = x -> body"],
            ["x = body[0](x)", f"for i in range({n}):", "    x = body[i + 1](x)", f"x = body[{n} + 1](x)"],
            ["for layer in body:", "    x = layer(x)"],
            ["x = body[0](x)", "x = x -> body[1:]"],
            ["x = x -> body[:-1]", "x = body[-1](x)"],
            ["x = body[0](x)", "for layer in body[1:-1]:", "    x = layer(x) -> relu", "x = body[-1](x)"],
        )
    )
    if d.chance(0.3):
        layers = [f"some = [{second}]", f"body = Sequential({first}, *some, {last})"]
        lines = ["x = x -> body"]
    return (
        [],
        [widths, N, DEPTH, C],
        _stated(d, f"{n} >= 1")
        + _layers(*layers)
        + _forward("x: float[N, c]) -> float[N, _]", *lines, "return x"),
    )


def chosen(d: Draw) -> Net:
    """Layers of a list that a truth or a number of the item chooses."""
    flags = d.chance(0.5)
    clauses = (
        d.pick(("for f in flags", "for i, f in enumerate(flags)", "for w, f in zip(widths, flags)"))
        if flags
        else "for i in range(n)"
    )
    cond = "f" if flags else d.pick(("i % 2 == 0", "i == 0", "i == n - 1", "i < k"))
    size = "w" if "w, f" in clauses else d.pick(("c", "6"))
    a = d.pick((f"Linear(_, {size})", f"Sequential(Linear(_, 4), ReLU(), Linear(_, {size}))"))
    b = d.pick(
        (f"Sequential(Linear(_, {size}), Tanh())", "none", "Identity()", f"Linear(_, {size}, bias=false)")
    )
    layers = [f"body = [{a} if {cond} else {b} {clauses}]"]
    if b == "none" and not flags:
        layers = [f"body = [{a} {clauses} if {cond}]"]
    lines = d.pick(
        (
            ["x = x -> body"],
            ["for layer in body:", "    x = layer(x)"],
            ["for layer in body:", "    x = x + layer(x)"],
            ["x = stack([layer(x) for layer in body]).sum(dim=0)"],
        )
    )
    layers += ["head = Linear(_, 3)"] if d.chance(0.5) else []
    if len(layers) > 1:
        lines = [*lines, "x = head(x)"]
    return (
        [],
        [d.pick(WIDTHS), FLAGS, N, K, C],
        _layers(*layers) + _forward("x: float[N, c]) -> float[N, _]", *lines, "return x"),
    )


NETS: dict[str, tuple[Callable[[Draw], Net], float]] = {
    "slices": (slices, 2), "pyramid": (pyramid, 2), "down and up": (down_and_up, 2), "branches": (branches, 2),
    "grouped": (grouped, 1.5), "stages": (stages, 2), "records": (records, 1.5), "dicts": (dicts, 1.5),
    "conditional": (conditional, 1.5), "dense": (dense, 1), "spread": (spread, 1.5), "chosen": (chosen, 1.5),
}  # fmt: skip


def net(d: Draw) -> tuple[str, list[Hyper]]:
    """A whole network: its text, but for the model's head, and the hyperparameters that it names."""
    name = d.pick(tuple(NETS), tuple(often for _, often in NETS.values()))
    d.kind.update(
        source=f"net: {name}", use=name, layer="", container=name, run=name, follow="", host="model", k=""
    )
    definitions, known, body = NETS[name][0](d)
    words = set(re.findall(r"\w+", body))
    used = list({h.name: h for h in known if h.name in words}.values())
    hypers = ", ".join(f"{h.name}: {h.type} = {h.default}" for h in used)
    hypers = hypers.replace("True", "true").replace("False", "false")
    head = f"model Net({hypers}):\n" if hypers else "model Net:\n"
    return "\n".join([*definitions, head + body]), used
