"""Loops are checked once: invariants, peeled iterations, closed forms, running sizes."""

from __future__ import annotations

from time import process_time

import pytest

from spec_lang.ir.model import Carry, Comprehension, Layer, Literal_, Name, Program
from tests.check.checking import block, check_text, checked, codes


def carries(program: Program, name: str, layer: str) -> list[Carry]:
    member = next(m for m in block(program, name).members if m.name == layer)
    assert isinstance(member, Layer)
    assert isinstance(member.value, Comprehension)
    return list(member.value.carry)


@pytest.mark.parametrize("count", ["10", "100_000", "10**12", "n"])
def test_a_stack_costs_what_one_layer_costs(count: str) -> None:
    text = f"""
        model M(n: int = 3):
            layers:
                stack = [Linear(_, 8) for i in range({count})]
                fc = Linear(_, n)

            forward(x: float[N, 8]) -> float[N, n]:
                return x -> stack -> fc
    """
    check_text(text)
    start = process_time()
    assert carries(checked(text), "M", "stack") == []
    assert process_time() - start < 0.5


def test_an_empty_list_is_the_identity() -> None:
    text = """
        model M(n: int >= 0 = 2):
            layers:
                stack = [Linear(8, {out}) for i in range(n)]

            forward(x: float[N, 8]) -> float[N, {out}]:
                return x -> stack
    """
    assert codes(text.format(out=8)) == []
    program, diagnostics = check_text(
        """
        model M(n: int >= 0 = 2):
            layers:
                stack = [Linear(_, 4) for i in range(n)]

            forward(x: float[N, 8]) -> float[N, 4]:
                return x -> stack
        """
    )
    assert not diagnostics
    assert program is not None
    assert [r.message for r in block(program, "M").requires if r.message == "n must be at least 1"]


def test_the_first_layer_differs() -> None:
    program = checked(
        """
        model M(n: int = 3):
            layers:
                stack = [Linear(_, 4) for i in range(n)]

            forward(x: float[N, 8]) -> float[N, 4]:
                return x -> stack
        """
    )
    (carry,) = carries(program, "M", "stack")
    assert carry.start.model_dump(include={"value"}) == {"value": 8}
    assert carry.next.model_dump(include={"value"}) == {"value": 4}


def test_an_affine_size() -> None:
    text = """
        model Dense(growth: int = 12, n: int = 4):
            layers:
                convs = [Conv2d(_, growth, 3, padding=1) for i in range(n)]
                out = Conv2d(_, 10, 1)

            forward(x: float[N, 16, H, W]) -> float[N, 10, H, W]:
                for conv in convs:
                    x = cat([x, conv(x)], dim=1)
                return out(x)

            expect shape("out.weight") == [10, 16 + 4 * 12, 1, 1]
            expect shape("convs.3.weight") == [12, 16 + 3 * 12, 3, 3]
    """
    assert len(carries(checked(text), "Dense", "convs")) == 1


def test_a_size_that_follows_the_index() -> None:
    text = """
        model Pyramid(depth: int = 3):
            layers:
                convs = [Conv2d(_, 8 * 2**i, 3, padding=1) for i in range(depth)]
                head = Linear(_, 10)

            forward(x: float[N, 3, H, W]) -> float[N, 10]:
                for i in range(depth):
                    x = x -> convs[i] -> relu
                return x -> mean((2, 3)) -> head

            expect shape("convs.2.weight") == [32, 16, 3, 3]
            expect shape("head.weight") == [10, 32]
    """
    (carry,) = carries(checked(text), "Pyramid", "convs")
    assert carry.name == "in_channels"


def test_a_list_of_sizes() -> None:
    text = """
        model Net(widths: list[int] = [64, 128, 256], classes: int = 10):
            require len(widths) >= 1

            layers:
                stages = [Conv2d(_, width, 3, stride=2, padding=1) for width in widths]
                fc = Linear(_, classes)

            forward(x: float[N, 3, H, W]) -> float[N, classes]:
                return x -> stages -> adaptive_avg_pool2d(1) -> flatten(1) -> fc

            expect shape("fc.weight") == [10, 256]
            expect Net(widths=[5]).shape("fc.weight") == [10, 5]
    """
    assert len(carries(checked(text), "Net", "stages")) == 1


def test_lists_of_tensors_grow_and_are_read_backwards() -> None:
    checked(
        """
        model Skips(width: int = 8):
            layers:
                down = [Conv2d(_, width, 3, padding=1) for i in range(4)]
                up = [ConvTranspose2d(width, width, 2, stride=2) for i in range(4)]

            forward(x: float[N, 3, 16*h, 16*w]) -> float[N, width, 16*h, 16*w]:
                skips = []
                for conv in down:
                    x = x -> conv -> relu
                    skips += [x]
                    x = x -> max_pool2d(2)
                for i in range(4):
                    x = up[i](x) + skips[3 - i]
                return x
        """
    )


def test_no_formula() -> None:
    text = """
        model M(n: int = 3):
            layers:
                fc = Linear(_, 4)

            forward(x: float[N, 8]) -> float[N, 4]:
                for i in range(n):
                    x = cat([x, x, x[:, :i + 1]], dim=1)
                return fc(x[:, :8])
    """
    assert codes(text) == ["E0310"] or codes(text) == ["E0307"]


def test_dicts_are_not_run() -> None:
    text = """
        model M:
            layers:
                d = {"a": Linear(8, 8)}

            forward(x: float[N, 8]) -> float[N, 8]:
                return x -> d
    """
    assert codes(text) == ["E0407"]


STAGES = """
        block Stage(out: int):
            layers:
                conv = Conv2d(C, out, 1)

            forward(x: float[N, C, H, W]) -> float[N, out, H, W]:
                return x -> conv

        model Net:
            layers:
                stages = {stages}

            forward(x: float[N, 3, H, W]) -> float[N, 9, H, W]:
                return x -> stages{a} -> stages{b}
"""


@pytest.mark.parametrize(
    "stages",
    [
        'Stage(c) for k, c in [("a", 8), ("b", 9)]',
        "Stage(c) for c, act in [(8, true), (9, false)]",
        "Stage(c) for c in [2, 8, 9] if c > 2",
        "Stage(c) for k in range(1) for c in [8, 9]",
    ],
)
def test_what_items_determine_one_by_one_runs_along_the_list(stages: str) -> None:
    text = STAGES.format(stages=f"[{stages}]", a="[0]", b="[1]")
    (carry,) = carries(checked(text), "Net", "stages")
    assert isinstance(carry.start, Literal_)
    assert isinstance(carry.next, Name)
    assert (carry.start.value, carry.next.id, carry.next.ref) == (3, "c", "loop")


def test_what_items_determine_is_a_variable_of_the_list() -> None:
    text = """
        model Net:
            layers:
                convs = [Conv2d(_, 4, k) for c, k in [(3, 1), (5, 3)]]

            forward(x: float[N, 3, H, W], y: float[N, 5, H + 2, W + 2]) -> float[N, 4, H, W]:
                return convs[0](x) + convs[1](y)
    """
    assert carries(checked(text), "Net", "convs") == []


@pytest.mark.parametrize(
    ("stages", "a", "b"),
    [
        ("[Stage(c + 1) for c, k in [(4, 1), (8, 1), (8, 2)]]", "[0] -> stages[1]", "[2]"),
        ('{k: Stage(c) for k, c in [("a", 5), ("b", 9)]}', '["a"]', '["b"]'),
        ('[[Stage(c) for c, k in [(8, "a"), (9, "b")]] for t in ["c", "d"]]', "[0][0]", "[1][1]"),
    ],
)
def test_what_items_determine_without_a_formula_is_refused(stages: str, a: str, b: str) -> None:
    assert codes(STAGES.format(stages=stages, a=a, b=b)) == ["E0313"]
