"""What a stranger's spec may cost to export: graphs, models and constants have bounds, and going over one is an error."""

from __future__ import annotations

import pytest

from spec_lang.compiler import compile_sources
from spec_lang.diagnostics import Source
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.targets.onnx.export import emit
from tests.fuzz.test_mutations import limited

HUGE = 10**9


def nested(levels: int) -> str:
    """Blocks that each have a thousand of the one before."""
    text = "block B0:\n    layers:\n        inner = Linear(4, 4)\n"
    text += "    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> inner\n\n"
    for n in range(1, levels):
        text += f"block B{n}:\n    layers:\n        inner = [B{n - 1}() for i in range(1000)]\n"
        text += "    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> inner\n\n"
    return text + (
        f"model M:\n    layers:\n        top = B{levels - 1}()\n"
        "    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> top\n"
    )


def layers(made: str, use: str = "x -> inner") -> str:
    return f"""
model M(n: int = {HUGE}):
    layers:
        inner = {made}

    forward(x: float[N, T, 8]) -> float[N, T, 8]:
        y = {use}
        return y
"""


def body(*lines: str, result: str = "float[N, 8]", input: str = "float[N, 8]") -> str:
    inside = "\n".join(f"        {line}" for line in lines)
    hypers = f"(n: int = {HUGE})" if "range(n)" in inside else ""
    return f"model M{hypers}:\n    forward(x: {input}) -> {result}:\n{inside}\n"


OVER = {
    "layers in a list": layers("[Linear(8, 8) for i in range(n)]"),
    "layers in a dict": layers(
        '{f"l{i}": Linear(8, 8) for i in range(n)}', 'inner["l0"](x)'
    ),
    "layers of an LSTM": layers("LSTM(8, 8, num_layers=n, batch_first=true)", "inner(x)[0]"),
    "layers of a transformer": layers("TransformerEncoder(TransformerEncoderLayer(8, 2, batch_first=true), n)"),
    "lists of lists of layers": nested(8),
    "iterations": body("for i in range(n):", "    x = x -> relu", "return x"),
    "nested iterations": body(
        "for i in range(n):", "    for j in range(n):", "        x = x + 1.0", "return x"
    ),
    "inputs": body("return x[0]", input=f"[float[N, 8] for i in range({HUGE})]"),
    "channels of a norm": (
        f"model M:\n    layers:\n        norm = BatchNorm1d({HUGE}, affine=false)\n"
        f"    forward(x: float[N, {HUGE}]) -> float[N, {HUGE}]:\n        return x -> norm\n"
    ),
    "a window matrix": body(
        f"return x -> adaptive_avg_pool1d({HUGE - 1})",
        result=f"float[N, 8, {HUGE - 1}]", input=f"float[N, 8, {HUGE}]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OVER)
def test_going_over_a_bound_is_an_error_in_little_time(name: str) -> None:
    with limited(20):
        program = compile_sources({"m": Source("m.nnspec", OVER[name])}).checked()
        with pytest.raises(EvaluationError) as caught:
            emit(program, "M")
    assert caught.value.code in ("E0801", "E0802")


@pytest.mark.parametrize("size", ["floor(p)", "k", "k * k"])
def test_a_hyperparameter_that_makes_a_size_too_large_is_an_error(size: str) -> None:
    text = (
        f"model M(p: float = 2.5):\n    let k = max(1, int(p))\n    layers:\n        fc = Linear(2, {size})\n"
        "    forward(x: float[N, 2]) -> float[N, _]:\n        return fc(x) * k\n"
    )
    program = compile_sources({"m": Source("m.nnspec", text)}).checked()
    with pytest.raises(EvaluationError) as caught:
        emit(program, "M", {"p": 1e300})
    assert caught.value.code == "E0801"


def test_a_long_range_is_counted_by_the_graph() -> None:
    text = body(f"return x + arange({HUGE})", result=f"float[N, {HUGE}]", input="float[N, 1]")
    program = compile_sources({"m": Source("m.nnspec", text)}).checked()
    assert "Range" in {node.op_type for node in emit(program, "M").model.nodes}


def test_an_item_that_only_a_call_knows_is_told() -> None:
    text = """
model M(n: int = 3):
    layers:
        up = [Linear(4, 4) for i in range(n)]

    forward(x: float[N, 4]) -> float[N, 4]:
        return x -> up[N]
"""
    program = compile_sources({"m": Source("m.nnspec", text)}).checked()
    with pytest.raises(EvaluationError, match="known at run time only"):
        emit(program, "M")
