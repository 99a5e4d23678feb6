"""Small specs that mean something huge: what doubles or squares with each line, in all places where values are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

LEVELS = 60

FORWARD = """    forward(x: float[N, 4]) -> float[N, 4]:
        return x
"""
HOST = {
    "lists": ("[1]", "{0} + {0}", "len({0}) > 1"),
    "nested lists": ("[1]", "[{0}, {0}]", "len({0}) > 1"),
    "tuples": ("(1, 2)", "({0}, {0})", "len({0}) > 1"),
    "joined tuples": ("(1, 2)", "{0} + {0}", "len({0}) > 1"),
    "repeated lists": ("[1]", "{0} * 2", "len({0}) > 1"),
    "spread lists": ("[1]", "[*{0}, *{0}]", "len({0}) > 1"),
    "texts": ('"ab"', 'f"{{{0}}}{{{0}}}"', '{0} != ""'),
    "joined texts": ('"ab"', "{0} + {0}", '{0} != ""'),
    "comprehensions": ("[1]", "[{0} for i in range(2)]", "len({0}) > 1"),
    "joined comprehensions": ("[1]", "[k for i in range(2) for k in {0}]", "len({0}) > 1"),
    "numbers": ("2", "{0} * {0}", "{0} > 1"),
    "powers": ("2", "{0} ** {0}", "{0} > 1"),
    "floats": ("2.5", "{0} * {0}", "{0} > 1"),
    "zips": ("[1]", "[p for p in zip({0}, {0})]", "len({0}) > 0"),
}
SYMBOLIC = {
    "sums": ("a", "{0} + {0} * b", "{0} > 0"),
    "products": ("a", "{0} * ({0} + b)", "{0} > 0"),
    "divisions": ("a", "({0} + b) // ({0} + 1)", "{0} > -1"),
    "floats of sizes": ("a / 3", "{0} + {0} / b", "{0} > 0"),
    "conditions": ("a > b", "({0} and b > 1) or ({0} and a > 2)", "{0} or true"),
    "choices": ("a", "({0} if a > {0} else {0} + 1)", "{0} > 0"),
    "pairs by a choice": ("(a, b)", "(({0}, 1) if a > b else ({0}, 2))", "len({0}) > 0"),
    "lists of unknown length": ("c", "{0} + {0}", "len({0}) > 0"),
    "nested lists of unknown length": ("c", "[{0}, {0}]", "len({0}) > 0"),
    "texts of sizes": ('f"{a}"', 'f"{{{0}}}{{{0}}}"', '{0} != ""'),
    "the least": ("a", "min({0}, {0} * b, {0} + b)", "{0} > 0"),
}
TENSORS = {
    "tuples of tensors": ("x", "({0}, {0})"),
    "lists of tensors": ("x", "[{0}, {0}]"),
    "joined lists of tensors": ("[x]", "{0} + {0}"),
    "lists of lists of tensors": ("[x]", "[{0}, {0}]"),
    "stacked tensors": ("x", "stack([{0}, {0}])"),
    "joined tensors": ("x", "cat([{0}, {0}])"),
    "choices of tensors": ("x", "({0}, x) if training else ({0}, x, x)"),
    "comprehensions of tensors": ("x", "[{0} for i in range(2)]"),
}
CALLS = {
    "sums of calls": ("n + 1", "{0}(n) + {0}(n)"),
    "calls of calls": ("n + 1", "{0}({0}(n))"),
    "lists of calls": ("[n]", "[{0}(n), {0}(n)]"),
    "choices of calls": ("n + 1", "{0}(n) if n > 2 else {0}(n + 1)"),
}


def _model(lines: str, test: str, hypers: str = "") -> str:
    return f"{lines}model M{hypers}:\n    require {test}\n{FORWARD}"


def bombs(levels: int = LEVELS) -> Iterator[tuple[str, str]]:
    """Each kind by its name, with a spec of it."""
    for name, (first, next_, test) in HOST.items():
        lines = [f"K0 = {first}", *(f"K{i} = {next_.format(f'K{i - 1}')}" for i in range(1, levels))]
        yield f"constants: {name}", _model("\n".join(lines) + "\n", test.format(f"K{levels - 1}"))
    for name, (first, next_, test) in {**HOST, **SYMBOLIC}.items():
        lines = [f"    let k0 = {first}"]
        lines += [f"    let k{i} = {next_.format(f'k{i - 1}')}" for i in range(1, levels)]
        text = "\n".join(lines) + f"\n    require {test.format(f'k{levels - 1}')}\n"
        yield (
            f"lets: {name}",
            f"model M(a: int = 1, b: int = 2, c: list[int] = [1]):\n{text}    require a + b + len(c) > 0\n{FORWARD}",
        )
    for name, (first, next_) in TENSORS.items():
        lines = [f"        y0 = {first}"]
        lines += [f"        y{i} = {next_.format(f'y{i - 1}')}" for i in range(1, levels)]
        body = "\n".join(lines)
        yield (
            f"methods: {name}",
            f"model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n{body}\n        return x\n",
        )
        looped = (
            f"        y = {first}\n        for i in range({levels}):\n            y = {next_.format('y')}\n"
        )
        yield (
            f"loops: {name}",
            f"model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n{looped}        return x\n",
        )
    for name, (first, next_) in CALLS.items():
        lines = [f"fn f0(n: int) = {first}"]
        lines += [f"fn f{i}(n: int) = {next_.format(f'f{i - 1}')}" for i in range(1, levels)]
        test = f"f{levels - 1}(a) != none" if "list" in name else f"f{levels - 1}(a) > 0"
        yield f"functions: {name}", _model("\n".join(lines) + "\n", test, "(a: int = 1)")
    yield from _definitions(levels)


def _definitions(levels: int) -> Iterator[tuple[str, str]]:
    chain: dict[str, tuple[str, Callable[[int], str], str]] = {
        "records": (
            "record R0:\n    a: int = 1\n",
            lambda i: f"record R{i}:\n    a: R{i - 1} = R{i - 1}()\n    b: R{i - 1} = R{i - 1}()\n",
            f"model M(r: R{levels - 1} = R{levels - 1}()):\n    require r == r\n{FORWARD}",
        ),
        "blocks": (
            f"block B0:\n    layers:\n        l = Linear(4, 4)\n{_run('l', 'l')}",
            lambda i: (
                f"block B{i}:\n    layers:\n        l = B{i - 1}()\n        m = B{i - 1}()\n{_run('l', 'm')}"
            ),
            f"model M:\n    layers:\n        l = B{levels - 1}()\n    init:\n        Linear.bias = eye()\n{_run('l', 'l')}",
        ),
        "blocks with values": (
            f"block B0(n: int):\n    layers:\n        l = Linear(4, n)\n        m = Linear(n, 4)\n{_run('l', 'm')}",
            lambda i: (
                f"block B{i}(n: int):\n    layers:\n        l = B{i - 1}(2 * n)\n        m = B{i - 1}(2 * n + 1)\n"
                f"{_run('l', 'm')}"
            ),
            f"model M:\n    layers:\n        l = B{levels - 1}(1)\n    init:\n        Linear.weight = eye()\n{_run('l', 'l')}",
        ),
        "functions of tensors": (
            "fn f0(x: float[N, 4]) -> (float[N, 4], float[N, 4]):\n    return x, x\n",
            lambda i: f"fn f{i}(x: float[N, 4]) = (f{i - 1}(x), f{i - 1}(x))\n",
            f"model M:\n    forward(x: float[N, 4]) -> float[N, 4]:\n        y = f{levels - 1}(x)\n        return x\n",
        ),
        "layers as values": (
            "block B(a: layer, b: layer):\n    layers:\n        l = a()\n        m = b()\n"
            f"{_run('l', 'm')}P0 = partial(Linear, 4, 4)\n",
            lambda i: f"P{i} = partial(B, P{i - 1}, P{i - 1})\n",
            f"model M:\n    layers:\n        l = P{levels - 1}()\n{_run('l', 'l')}",
        ),
    }
    for name, (first, next_, last) in chain.items():
        yield f"definitions: {name}", first + "".join(next_(i) for i in range(1, levels)) + last
    for count in (10_000, 10**9, 10**18):
        yield (
            f"constants: long lists of long lists ({count})",
            _model(f"K = [[j for j in range({count})] for i in range({count})]\n", "len(K) > 0"),
        )
        yield f"constants: repeated ({count})", _model(f"K = [[0] * {count}] * {count}\n", "len(K) > 0")


def _run(a: str, b: str) -> str:
    return f"    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> {a} -> {b}\n"
