"""A block is checked once for all its uses, and each use owes what it assumes."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from spec_lang.ir.model import Call, Layer
from spec_lang.targets.torch import emit
from tests.check.checking import block, check_text, checked, codes, messages

HEADS = """
    block Attention(heads: int):
        require D % heads == 0, "heads must divide the width"

        layers:
            qkv = Linear(_, 3 * D)
            out = Linear(_, D)

        forward(x: float[N, T, D]) -> float[N, T, D]:
            q, k, v = x -> qkv -> rearrange("n t (three h d) -> three n h t d", three=3, h=heads)
            y = scaled_dot_product_attention(q, k, v)
            return y -> rearrange("n h t d -> n t (h d)") -> out
"""


def model(heads: str, width: str, hypers: str = "") -> str:
    return (
        HEADS
        + f"""
    model M{hypers}:
        layers:
            a = Attention({heads})

        forward(x: float[N, T, {width}]) -> float[N, T, {width}]:
            return x -> a
"""
    )


def test_implicit_dims() -> None:
    program = checked(model("2", "8"))
    assert block(program, "Attention").dims == ("D",)
    (layer,) = block(program, "M").members
    assert isinstance(layer, Layer)
    assert isinstance(layer.value, Call)
    assert [(d.name, d.value.model_dump()["value"]) for d in layer.value.dims] == [("D", 8)]


def test_a_size_is_written_plainly() -> None:
    out = block(checked(model("2", "8")), "Attention").members[1]
    assert isinstance(out, Layer)
    assert isinstance(out.value, Call)
    assert out.value.args[0].model_dump(include={"id"}) == {"id": "D"}


def test_obligations() -> None:
    assert codes(model("3", "8")) == ["E0601"]
    assert "heads must divide the width" in messages(model("3", "8"))[0]
    assert codes(model("h", "d", "(h: int = 2, d: int = 8)")) == []
    assert codes(model("h", "d", "(h: int = 3, d: int = 8)")) == ["E0603"]


def test_a_missing_require_is_asked_for() -> None:
    text = model("2", "8").replace('require D % heads == 0, "heads must divide the width"', "let unused_ = 1")
    assert codes(text) == ["E0306"]


def test_a_model_has_no_implicit_dims() -> None:
    assert codes(model("2", "D")) == ["E0311"]


def test_uses_of_layer_arguments_must_agree() -> None:
    text = """
        block Wrap(inner: layer):
            layers:
                a = inner({args})

            forward(x: float[N, 8]) -> float[N, 8]:
                return x -> a

        block Sized:
            layers:
                fc = Linear(_, D)

            forward(x: float[N, D]) -> float[N, D]:
                return x -> fc

        model M:
            layers:
                one = Wrap({one})
                two = Wrap({two})

            forward(x: float[N, 8]) -> float[N, 8]:
                return x -> one -> two
    """
    assert codes(text.format(args="", one="ReLU", two="Identity")) == []
    assert codes(text.format(args="", one="Sized", two="Sized")) == []
    assert codes(text.format(args="", one="Sized", two="ReLU")) == ["E0504"]


def test_variants() -> None:
    text = """
        model M(d: int = 8, h: int = 2):
            require d % h == 0

            forward(x: float[N, d]) -> float[N, h, d // h]:
                return x.reshape(N, h, d // h)

        model Good = M(d=9, h=3)
        model Bad = M(d=9)
    """
    assert codes(text) == ["E0603"]


@pytest.mark.parametrize("of", ["Wide", "Wide()", "Wide(h=4)"])
def test_a_variant_has_no_variants(of: str) -> None:
    text = f"""
        model M(d: int = 8, h: int = 2):
            require d % h == 0

            forward(x: float[N, d]) -> float[N, h, d // h]:
                return x.reshape(N, h, d // h)

        model Wide = M(d=16)
        model Wider = {of}
    """
    assert codes(text) == ["E0510"]


def test_imports() -> None:
    layers = """
        WIDTH = 8

        block Double:
            layers:
                fc = Linear(_, 2 * D)

            forward(x: float[N, D]) -> float[N, 2 * D]:
                return x -> fc
    """
    text = """
        from layers import Double as Twice, WIDTH

        model M:
            layers:
                t = Twice()

            forward(x: float[N, WIDTH]) -> float[N, 2 * WIDTH]:
                return x -> t
    """
    program = checked(text, layers=layers)
    (layer,) = block(program, "M").members
    assert isinstance(layer, Layer)
    assert isinstance(layer.value, Call)
    assert layer.value.name == "layers.Double"
    assert codes(text.replace("Double", "Duoble"), layers=layers) == ["E0208"]
    assert codes(text) == ["E0704"]


def test_optional_inputs_bind_nothing_where_absent() -> None:
    text = """
        block Cache:
            forward(x: float[N, T, D], past: float[N, P, D]? = none) -> float[N, P + T, D]:
                return x if past is none else cat([past, x], dim=1)

        model M:
            layers:
                c = Cache()

            forward(x: float[N, T, 4], past: float[N, P, 4]? = none) -> (float[N, T, 4], float[N, P + T, 4]):
                return c(x), c(x, past)
    """
    assert codes(text) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("x", None),
        ("x, mask, past", None),
        ("x, none, past", "E0406"),
        ("x, mask", "E0406"),
        ("x, small, past", "E0301"),
        ("x, small", None),
        ("x, mask if more else none, past if more else none", "E0406"),
        ("x, mask if more else none, past", "E0406"),
        ("x, mask, past if more else none", "E0406"),
    ],
)
def test_optional_inputs_that_tell_one_dim_are_there_together(arguments: str, code: str | None) -> None:
    """Where `past` is absent, P is 0 in the block, whatever the mask says."""
    text = f"""
        block Cache:
            forward(x: float[N, T, D], mask: bool[T, P + T]? = none, past: float[N, P, D]? = none) -> float[N, P + T, D]:
                return x if past is none else cat([past, x], dim=1)

        model M(more: bool = true):
            layers:
                c = Cache()

            forward(x: float[N, T, 4], mask: bool[T, 5 + T], small: bool[T, T], past: float[N, 5, 4]) -> float[N, _, 4]:
                if more:
                    x = x + 1
                return c({arguments})
    """
    assert codes(text) == ([code] if code else [])


def test_an_optional_input_that_no_result_shows_may_be_left_out_by_a_condition() -> None:
    text = """
        block Cross:
            forward(x: float[N, T, D], memory: float[N, S, D]? = none) -> float[N, T, D]:
                return x if memory is none else x + memory.mean(dim=1, keepdim=true)

        model M(cross: bool = true):
            layers:
                c = Cross()

            forward(x: float[N, T, 4], memory: float[N, S, 4]) -> float[N, T, 4]:
                return c(x, memory if cross else none)
    """
    assert codes(text) == []


def test_branches_join() -> None:
    text = """
        block Shortcut(stride: int, width: int):
            layers:
                conv = Conv2d(_, width, 3, stride=stride, padding=1)
                skip = Identity() if stride == 1 and C == width else Conv2d(C, width, 1, stride=stride)

            forward(x: float[N, C, H, W]) -> float[N, width, (H - 1)//stride + 1, (W - 1)//stride + 1]:
                return conv(x) + skip(x)
    """
    assert codes(text) == []
    assert codes(text.replace("stride == 1 and ", "")) == ["E0305"]


@pytest.mark.parametrize(
    ("declared", "given", "refused"),
    [
        ("list[int]", "[2, 0]", True),
        ("(int, int)", "(1, 0)", True),
        ("list[(int, int)]", "[(2, 1), (2, 0)]", True),
        ("list[int]", "[2, 1]", False),
        ("list[int >= 0]", "[2, 0]", False),
    ],
)
def test_ints_within_lists_and_tuples_have_the_bounds_of_their_type(
    declared: str, given: str, refused: bool
) -> None:
    text = f"""
model Net(sizes: {declared} = {given}):
    layers:
        fc = Linear(len(sizes), 2)
    forward(x: float[N, len(sizes)]) -> float[N, 2]:
        return fc(x)
"""
    found = codes(text)
    assert ("E0507" in found) is refused
    assert refused or not found


FLOATS = """
    block B(p: float, q: float, a: "x" | "y" | "z", b: "x" | "y" | "z"):
        require CONDITION
        require p > -9.0 and q > -9.0 and (a != "z" or b != "z")

        layers:
            fc = Linear(D, D)

        forward(x: float[N, D]) -> float[N, D]:
            return fc(x)

    model M(D: int = 4, r: float = 3.0):
        require r > 0.0

        layers:
            b = B(ARGUMENTS)

        forward(x: float[N, D]) -> float[N, D]:
            return b(x)
"""


@pytest.mark.parametrize(
    ("condition", "arguments", "found"),
    [
        ("p <= 1.0", '0.5, 1.0, "x", "y"', []),
        ("p <= 1.0", '4.0, 1.0, "x", "y"', ["E0601"]),
        ("sqrt(p) <= 1.0", '0.5, 1.0, "x", "y"', []),
        ("sqrt(p) <= 1.0", '4.0, 1.0, "x", "y"', ["E0601"]),
        ("sqrt(p) <= 1.0", 'r, 1.0, "x", "y"', ["E0603"]),
        ("p * q < 1.0 / (p - q)", '2.0, 1.0, "x", "y"', ["E0601"]),
        ("1.0 / (p - q) < 1.0", '1.0, 1.0, "x", "y"', ["E0601"]),
        ("p >= 1e-5", '1e-6, 1.0, "x", "y"', ["E0601"]),
        ("p * D <= 10.0", '4.0, 1.0, "x", "y"', ["E0603"]),
        ("a == b", '1.0, 1.0, "x", "x"', []),
        ("a == b", '1.0, 1.0, "x", "y"', ["E0601"]),
    ],
)
def test_floats_and_choices_decide_what_a_use_owes(condition: str, arguments: str, found: list[str]) -> None:
    assert codes(FLOATS.replace("CONDITION", condition).replace("ARGUMENTS", arguments)) == found


def test_a_part_of_a_condition_may_have_no_value_where_an_earlier_one_decides() -> None:
    assert not codes(
        """
        block B(n: int >= 0, d: int):
            require n == 0 or d % n == 0
            layers:
                fc = Linear(d, d)
            forward(x: float[N, d]) -> float[N, d]:
                return x -> fc

        model M:
            layers:
                none_of = B(0, 4)
                some_of = B(2, 4)
            forward(x: float[N, 4]) -> float[N, 4]:
                return x -> none_of -> some_of
        """
    )


def test_a_condition_on_a_float_and_a_dim_is_one_of_the_call() -> None:
    program = checked(
        """
        model M(p: float = 0.5):
            layers:
                fc = Linear(4, 4)
            forward(x: float[N, 4]) -> float[N, 4]:
                require p * N <= 10.0
                return x -> fc
        """
    )
    found = block(program, "M")
    assert not found.requires
    assert [r.at for r in found.methods[0].body if r.kind == "require"] == ["call"]


HALVED = """
    block Halved(by: float):
        layers:
            fc = Linear(C, max(1, int(by * C)))

        forward(x: float[N, C]) -> float[N, max(1, int(by * C))]:
            return fc(x)
"""


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("one(x)", "one(x)", []),
        ("one(x)", "same(y)", ["E0305"]),
        ("one(x)", "other(x)", ["E0305"]),
        ("one(x)", "twice(x)", ["E0305"]),
        ("known(x)", "one(x)", ["E0305"]),
        ("fc(x)", "one(x)", []),
    ],
)
def test_a_size_made_of_a_float_is_another_one_at_each_use(first: str, second: str, wrong: list[str]) -> None:
    found = codes(
        HALVED
        + f"""
    model M(a: int = 4, b: int = 8, p: float = 0.5, q: float = 0.25):
        layers:
            one   = Halved(p)
            same  = Halved(p)
            other = Halved(q)
            twice = Halved(2.0 * p)
            known = Halved(0.75)
            fc    = Linear(a, max(1, int(p * a)))

        forward(x: float[N, a], y: float[N, b]) -> float[N, _]:
            rest = x.sum() + y.sum() + same(y).sum() + one(x).sum() + other(x).sum() + twice(x).sum()
            return {first} + {second} + (rest + known(x).sum() + fc(x).sum())
    """
    )
    assert found == wrong


@pytest.mark.parametrize(
    ("rows", "clauses", "size"),
    [
        ("list[float] = [1.0, 2.0]", "r in rows", "8 * r"),
        ("list[Row] = [Row(1.0, 2), Row(2.0, 1)]", "r in rows", "r.n * r.ratio"),
        ("list[Row] = [Row(1.0, 2), Row(2.0, 1)]", "i, r in enumerate(rows)", "r.n * r.ratio"),
        ("list[(float, int)] = [(1.0, 2), (2.0, 1)]", "a, b in rows", "a * b"),
    ],
)
def test_floats_of_a_lists_items_are_each_items_own(rows: str, clauses: str, size: str) -> None:
    text = f"""
    record Row:
        ratio: float
        n: int

    block Layer(ratio: float):
        layers:
            fc = Linear(_, max(1, int(3 * ratio)))

        forward(x: float[N, C]) -> float[N, max(1, int(3 * ratio))]:
            return fc(x)

    model M(rows: {rows}, row: Row = Row(1.0, 1)):
        layers:
            plain = [Linear(_, max(1, int({size}))) for {clauses}]
            block = [Layer({size}) for {clauses}]
            last  = Linear(_, row.n)

        forward(x: float[N, 4]) -> float[N, row.n]:
            return x -> plain -> block -> last
    """
    program, diagnostics = check_text(text)
    assert [f"{d.code} {d.message}" for d in diagnostics] == []
    assert program is not None
    (source,) = emit(program).values()
    assert f" = max(int({size}), 1)" in source
    assert f" = max(int(3 * ({size})), 1)" in source
    module = sys.modules["spec"] = ModuleType("spec")
    exec(compile(source, "spec", "exec", dont_inherit=True), vars(module))
    assert module.M()(torch.zeros(2, 4)).shape == (2, 1)


@pytest.mark.parametrize(
    "dense",
    [
        "block Dense(depth: int) = Sequential(*[Layer() for i in range(depth)])",
        """block Dense(depth: int):
        layers:
            body = [Layer() for i in range(depth)]

        forward(x: float[N, C]) -> float[N, C + 3 * depth]:
            return x -> body""",
    ],
)
def test_a_list_that_grows_needs_the_size_that_it_starts_from(dense: str) -> None:
    text = f"""
    block Layer:
        layers:
            fc = Linear(_, 3)

        forward(x: float[N, C]) -> float[N, C + 3]:
            return cat([x, fc(x)], dim=1)

    {dense}

    model M(depth: int = 2):
        layers:
            first  = Dense(depth)
            second = Dense(3)

        forward(x: float[N, 4]) -> float[N, _]:
            return x -> first -> second
    """
    program, diagnostics = check_text(text)
    assert [f"{d.code} {d.message}" for d in diagnostics] == []
    assert program is not None
    (source,) = emit(program).values()
    module = sys.modules["spec"] = ModuleType("spec")
    exec(compile(source, "spec", "exec", dont_inherit=True), vars(module))
    assert module.M(1)(torch.zeros(2, 4)).shape == (2, 16)
