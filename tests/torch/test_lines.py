"""Expressions that take lines of their own: each value lasts until it is read, and no line runs more or less often than what it is for."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import nn

from spec_lang.loading import from_program
from tests.fuzz.held import agrees_in_onnx, compiled, computes_as_the_oracle, hold

HEAD = """
fn both(a: float[N, D], b: float[N, D]) -> float[N, D]:
    return a * 0.5 - b

model Net(flag: bool = true):
    layers:
        first                    = Linear(4, 4)
        second                   = Linear(4, 4)
        a_layer_with_a_long_name = Linear(4, 4)
        few                      = [Linear(4, 4) for i in range(2)]
        many                     = [Linear(4, 4) for i in range(3)]
        drop                     = Dropout(0.1)

    all(x: float[N, 4]) -> float[N, 4]:
        y = x -> first -> second -> a_layer_with_a_long_name
        return (x -> few -> many -> drop) if flag else y

    forward(x: float[N, 4], w: float[N, 4]) -> float[N, 4]:
"""
ROWS = ({"flag": True}, {"flag": False})
LONG = "first -> gelu -> a_layer_with_a_long_name -> relu -> second -> tanh"


def spec(body: str) -> str:
    return HEAD + "".join(f"        {line}\n" for line in body.strip().splitlines())


BODIES = {
    "a chain in an argument of one that returns": f"return (x*w) -> {LONG} -> many -> add(x -> {LONG})",
    "a chain in an argument of one that is assigned": f"z = (x*w) -> {LONG} -> many -> add(x -> {LONG})\nreturn z",
    "chains three deep": "return (x + w) -> few -> add(w -> few -> add(x -> many))",
    "a chain between a chain and its operator": f"x = (x -> {LONG}) + (w -> {LONG})\nreturn x + w",
    "an argument that is consumed before the next": f"return x -> mul(w -> few) -> {LONG} -> add(w -> many)",
    "truths on the way": f"x = x -> relu -> tanh -> gt(0) -> to(float) -> {LONG} -> gt(0) -> to(float) -> first\nreturn x",
    "a list behind a layer, in an argument": "return relu(x -> drop -> few)",
    "lists of layers in positional and named arguments": "return both((x + 1) -> few, b=x -> drop -> few -> many)",
    "lists of layers called as functions": "return relu(few(x)) + few(relu(many(x)))",
    "lists of layers in operators": "x = (x -> few) + x * (x -> drop -> many)\nreturn x",
    "lists of layers in comparisons": "return ((x -> drop -> few) > (x -> many)) -> to(float)",
    "lists of layers that are indexed": "return cat([(x -> few)[:, :2], (x -> drop -> many)[:, 2:]], dim=1)",
    "lists of layers in tuples": "y, z = (x -> few), (x -> drop -> many)\nreturn y - z",
    "lists of layers in a list": "z = [x -> few, x -> drop -> many]\nreturn both(z[0], z[1])",
    "a choice of lists": "z = [x -> few, w -> many] if flag else [x, w -> few -> many]\nreturn both(z[0], z[1])",
    "lists of layers that are appended": "all = []\nall += [x -> few]\nall += [x -> drop -> many -> first]\nreturn all[0] - all[1]",
    "lists of layers that a loop goes over": "for y in [x -> few, x -> drop -> many]:\n    x = x + y\nreturn x",
    "a list of layers inside a loop": "for layer in many:\n    x = layer(x -> drop -> few) + x\nreturn x",
    "a long chain for each item": f"all = [part -> {LONG} for part in [x, w]]\nreturn both(all[0], all[1])",
    "a list of layers for each item": "all = [part -> few for part in [x, w]]\nreturn both(all[0], all[1])",
    "a list of layers for each of many": "return cat([layer(x -> few) for layer in many], dim=1)[:, 2:6]",
    "a list of layers for each item of a list of such": "return cat([part -> few for part in [x -> many, w, x]], dim=1)[:, 2:6]",
    "lists in lists": "all = [[both(part, q -> few) for q in [x, w]] for part in [x -> many, w]]\nreturn all[0][1] - all[1][0]",
    "a choice for each item": "all = [(x -> few) if i > 0 else (w -> few -> first) for i in range(3)]\nreturn both(all[0], all[1])",
    "a choice of lists of layers": "return (x -> few) if flag else (w -> many)",
    "a choice of long chains": f"return (x -> {LONG}) if flag else (w -> {LONG})",
    "a choice that is assigned": "y = (x -> few) if flag else (w -> many -> first)\nreturn y + x",
    "a choice of what is assigned": "x = (x -> few) if flag else x\nreturn x + w",
    "a choice in an operator": "x = ((x -> few) if flag else w) + ((w -> few) if flag else (x -> many))\nreturn x",
    "a choice in a choice": "return (x -> few) if flag else ((w -> many) if not flag else (x -> drop -> few))",
    "a choice at the start of a chain": f"return ((x -> few) if flag else w) -> {LONG} -> add(x -> few)",
}

COUNTED = {
    "a test of a branch": "if len([x -> few, w]) > 1:\n    x = x + 1\nelse:\n    x = x + 2\nreturn x",
    "a test of a later branch": """
if len([part -> few for part in [x, w]]) > 3:
    x = x + 1
elif len([x -> few, x]) > 1:
    x = x + 2
elif flag:
    x = x + 3
return x""",
    "the right side of `and` and `or`": """
for i in range(4):
    if i > 1 and len([x -> few, w]) > 1:
        x = x + 1
    elif i < 1 or len([x -> few]) > 1:
        x = x * 2
    elif i == 7:
        x = x + 3
    else:
        x = x - 1
return x""",
    "a test in a test": "if flag:\n    if len([x -> few]) > 0:\n        x = x + 1\nreturn x",
    "a comparison of three": "if 0 < len([x]) < len([x -> few, w]) < 4:\n    x = x + 1\nreturn x",
    "a test in a comprehension": "all = [part -> few for part in [x, w] if len([part -> many]) > 0]\nreturn all[0] + all[1]",
}


@pytest.mark.parametrize("name", BODIES)
def test_lines(name: str) -> None:
    hold(spec(BODIES[name]), ROWS)


@pytest.mark.parametrize("name", COUNTED)
def test_lines_of_tests(name: str) -> None:
    program = compiled(spec(COUNTED[name])).checked()
    for row in ROWS:
        agrees_in_onnx(program, "Net", row)


class Expressions:
    """Random expressions over `x`, `w` and the layers of `HEAD`."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.bound = 0

    def some(self, depth: int, *names: str) -> str:
        """One expression, of names that are bound here too."""
        r = self.random
        if depth == 0:
            return r.choice(["x", "w", *names])

        def part() -> str:
            return self.some(depth - 1, *names)

        match r.randrange(6):
            case 0:
                return f"({part()} {r.choice('+-*')} {part()})"
            case 1:
                return f"(({part()}) if {r.choice(['flag', 'not flag'])} else ({part()}))"
            case 2:
                self.bound += 1
                name = f"p{self.bound}"
                inside = self.some(depth - 1, *names, name)
                return f"([{inside} for {name} in [{part()}, {part()}]][{r.randrange(2)}])"
            case 3:
                return f"both({part()}, b={part()})"
            case _:
                return f"({part()}{''.join(self.call(depth, *names) for _ in range(r.randint(1, 5)))})"

    def call(self, depth: int, *names: str) -> str:
        r = self.random
        if r.random() < 0.25:
            return f" -> {r.choice(['add', 'mul'])}({self.some(depth - 1, *names)})"
        return " -> " + r.choice(
            ["first", "second", "few", "many", "drop", "tanh", "relu", "a_layer_with_a_long_name"]
        )


@pytest.mark.parametrize("seed", range(40))
def test_random_lines(seed: int) -> None:
    some = Expressions(seed)
    given = "x" if seed % 2 else some.some(2)
    result = compiled(spec(f"x = {given}\ny = {some.some(3)}\nreturn {some.some(3, 'y')} + y"))
    computes_as_the_oracle(result, from_program(result.checked(), "lines"), "Net")


MODES = """
model Net(flag: bool = true):
    layers:
        norm  = [BatchNorm1d(4) for i in range(2)]
        other = [BatchNorm1d(4) for i in range(2)]

    forward(x: float[N, 4]) -> float[N, 4]:
        return {result}
"""


@pytest.mark.parametrize(
    "result",
    [
        "((x -> norm) if flag else (x -> other)) -> relu",
        "(x -> norm -> relu -> norm[0] -> tanh -> norm[1] -> relu -> norm[0] -> sigmoid -> norm[1] -> tanh) if flag else (x -> other)",
        "[(x -> norm) if flag else (x -> other) for i in range(2)][1]",
    ],
)
def test_what_is_not_chosen_does_not_run(result: str) -> None:
    module = from_program(compiled(MODES.replace("{result}", result)).checked(), "modes")
    for flag in (True, False):
        net: nn.Module = module.Net(flag)
        net(torch.randn(3, 4))
        seen = {name: value for name, value in net.state_dict().items() if name.endswith("tracked")}
        assert all((int(n) > 0) == (name.startswith("norm") == flag) for name, n in seen.items())


def test_numbers_in_lists_are_no_modules() -> None:
    hold("""
model Net(dim: int = 4):
    let grid = [[dim, i] for i in range(3)]
    let rows = [[[i, j] for j in range(2)] for i in range(3)]
    layers:
        fc = [Linear(dim, dim, bias=[[i, j][0] for j in range(2)][1] > 0) for i in range(2)]
    forward(x: float[N, dim]) -> float[N, dim]:
        return (x -> fc) * grid[1][0] + rows[2][1][0]
""")


def test_a_default_that_runs_a_list_of_layers() -> None:
    hold("""
model Net:
    layers:
        few = [Linear(4, 4) for i in range(2)]
    forward(x: float[N, 4], y: float[N, 4] = x -> few, z: float[N, 4] = y -> few) -> float[N, 4]:
        return x + y * z
""")


TOWERS = {
    "in each entry of a dict": (
        '{f"a{i}": Sequential(*[Linear(_, w + i) for w in [5, 6, 4]]) for i in range(2)}',
        'x -> few["a0"]',
    ),
    "in a choice inside a Sequential": (
        "Sequential(Sequential(*[Linear(_, w) for w in [5, 4]]) if flag else Linear(4, 4), Tanh())",
        "x -> few",
    ),
    "in a choice for each item": (
        "[Sequential(*[Linear(_, w) for w in [5, 6, 4]]) if i > 0 else Sequential(*[Linear(_, w) for w in [5, 4]]) for i in range(2)]",
        "x -> few[0] -> few[1]",
    ),
    "in an item that may be none": (
        "[Tanh(), Sequential(*[Linear(_, w) for w in [5, 4]]) if flag else none, Sequential(*[Linear(_, w) for w in [6, 4]])]",
        "x -> few",
    ),
    "in an entry that may be none": (
        '{"a": Sequential(*[Linear(_, w) for w in [5, 4]]) if flag else none, "b": Tanh()}',
        '(x -> few["a"] -> few["b"]) if few["a"] is not none else x',
    ),
}


@pytest.mark.parametrize("name", TOWERS)
def test_running_dims(name: str) -> None:
    layers, result = TOWERS[name]
    chosen = "flag" in layers
    hold(
        f"""
model Net({"flag: bool = true" if chosen else ""}):
    layers:
        few = {layers}
    forward(x: float[N, 4]) -> float[N, 4]:
        return {result}
""",
        ROWS if chosen else ({},),
    )
