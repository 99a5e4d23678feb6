"""Host expressions: Python's values, and bounds on time and memory."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from spec_lang.ir.arithmetic import HostError, NotStatic, binary, compare, truth
from spec_lang.ir.builtins import call
from spec_lang.ir.dim_text import size
from spec_lang.shapes import Cond, maximum, symbol

N = symbol("N")


@pytest.mark.parametrize("op", ["+", "-", "*", "/", "//", "%", "**"])
@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7.5, 2), (2, -1), (0.5, 3)])
def test_arithmetic_is_pythons(op: str, a: Any, b: Any) -> None:
    wanted = eval(f"({a}) {op} ({b})")
    got = binary(op, a, b)
    assert got == wanted
    assert type(got) is type(wanted)


def test_sizes_stay_symbolic_until_they_are_constant() -> None:
    assert binary("*", N, 3) == 3 * N
    assert binary("-", binary("+", N, 2), N) == 2
    assert isinstance(binary("-", N, N), int)
    assert call("max", [N, 5], {}) == maximum(N, 5)


@pytest.mark.parametrize(
    ("op", "a", "b"),
    [("**", 2, 10**9), ("**", 10**9, 10**9), ("<<", 1, 10**12), ("*", [0], 10**12), ("*", "ab", 10**12), ("+", [0] * 9_999_999, [0] * 9)],
)  # fmt: skip
def test_what_would_not_fit_is_refused_at_once(op: str, a: Any, b: Any) -> None:
    started = time.process_time()
    with pytest.raises(HostError) as caught:
        binary(op, a, b)
    assert caught.value.code == "E0801"
    assert time.process_time() - started < 0.2


def test_a_long_range_is_refused() -> None:
    with pytest.raises(HostError):
        call("range", [10**12], {})


@pytest.mark.parametrize("op", ["/", "//", "%"])
def test_division_by_zero(op: str) -> None:
    with pytest.raises(HostError, match="division by zero"):
        binary(op, 1, 0)


def test_what_only_a_call_knows() -> None:
    with pytest.raises(NotStatic):
        binary("/", N, 2)
    with pytest.raises(NotStatic):
        compare("==", N, 3)
    with pytest.raises(NotStatic):
        call("range", [N], {})
    with pytest.raises(NotStatic):
        truth(Cond.gt(N, 3))
    assert compare(">=", N, 1)
    assert not compare("<", N, 1)
    assert compare("==", N + 1, 1 + N)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("768", 768), ("D", 12), ("2*D - 1", 23), ("D // heads", 4), ("depths[1]", 5), ("max(D, 20)", 20), ("round(D * 0.3)", 4), ("-D + 13", 1), ("T", symbol("T")), ("16*T + D", 16 * symbol("T") + 12)],
)  # fmt: skip
def test_the_text_of_a_size(text: str, wanted: Any) -> None:
    assert size(text, {"D": 12, "heads": 3, "depths": [2, 5]}, symbol) == wanted


def test_an_unknown_name_in_a_size() -> None:
    with pytest.raises(HostError, match="K has no value"):
        size("2*K", {})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("n", 3),
        ("-n + 2**n*2 - n//2 % 2", 12),
        ("min(n, 2) + max(n, 7) + len(xs)", 12),
        ("(64, 128)[i]", 128),
        ("sum(xs[:2]) + xs[i]*xs[-1]", 39),
        ("int(n * 0.5) + round(n / 2)", 3),
        ("n if i == 1 and not i > 1 else 0", 3),
        ("n & 1 | 4", 5),
        ("N*n", 3 * N),
        ("xs[2]", 6),
        ("cfg.width", 9),
        ("lambda*2", 8),  # names are the language's, not Python's
    ],
)
def test_sizes_are_read_with_values(text: str, value: int) -> None:
    values = {
        "n": 3,
        "i": 1,
        "xs": [4, 5, 6],
        "xs[2]": 6,
        "lambda": 4,
        "cfg": SimpleNamespace(fields={"width": 9}),
    }
    assert size(text, values, symbol) == value


@pytest.mark.parametrize(
    "text",
    ["", "n +", "m", "1.5", "none", "foo(n)", "n.width", "n[0]", "xs[9]", "cfg.depth", "xs", "n//0", "2**10**9", "((" * 200, "9" * 40 + "1*n", "xs if N > 3 else 2", "n < 2 < 3"],
)  # fmt: skip
def test_what_is_no_size(text: str) -> None:
    values = {"n": 3, "xs": [4], "cfg": SimpleNamespace(fields={}), "N": N}
    with pytest.raises(HostError):
        size(text, values)
