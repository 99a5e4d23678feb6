"""Built-in functions: what they give while a spec is checked, and that each is known wherever one has to be."""

from __future__ import annotations

import inspect
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spec_lang.diagnostics import SpecError
from spec_lang.ir.builtins import CONSTANTS, FUNCTIONS, call
from spec_lang.ir.model import Call, Program
from spec_lang.ir.verify import verify
from spec_lang.shapes import symbol
from spec_lang.targets.torch import emit
from tests.check.checking import check_text, checked, codes, messages

ROOT = Path(__file__).parent.parent.parent
N = symbol("N")


def sized(size: str, hypers: str = "n: int = 3") -> str:
    """A model whose output has a size."""
    return f"""
model M({hypers}):
    forward(x: float[N, D]) -> float[N, {size}]:
        return x.new_zeros((N, {size}))
"""


def told(size: str, wanted: str, hypers: str = "n: int = 3") -> bool:
    """Whether the checker knows one size to be another."""
    text = f"""
model M({hypers}):
    forward(x: float[n, {wanted}]) -> float[n, {size}]:
        return x
"""
    return codes(text) == []


@pytest.mark.parametrize(
    ("size", "wanted"),
    [("prod([n, 2, n])", "2*n**2"), ("prod([])", "1"), ("prod([n])", "n"), ("prod(range(2, 5))", "24"), ("prod((n, 4))", "4*n"), ("prod([True, n])", "n"), ("prod([n, 0]) + n", "n"), ("int(prod([n, 0.5]) * 0) + n", "int(prod([n, 0.5]) * 0) + n"), ("int(prod([2, 0.5, 3]))", "3"), ("prod([n + 1, n - 1])", "n**2 - 1"), ("prod(xs) * n", "prod(xs) * n"), ("prod([2**k for k in [1, 2]]) * n", "8*n"), ("sum([n, 2, n])", "2*n + 2"), ("max([n, 2])", "max(2, n)")],
)  # fmt: skip
def test_sizes_that_they_give(size: str, wanted: str) -> None:
    hypers = "n: int = 3" + (", xs: list[int] = [2, 5]" if "xs" in size else "")
    assert told(size, wanted, hypers)
    assert not told(size, f"{wanted} + 1", hypers)


@pytest.mark.parametrize(
    ("size", "code", "message"),
    [
        ("prod()", "E0510", "`prod` takes 1 argument, but gets 0"),
        ("prod(n, 2)", "E0510", "`prod` takes 1 argument, but gets 2"),
        ("prod([n], start=2)", "E0512", "`prod` takes no named arguments here"),
        ("prod(n)", "E0403", "only a list whose items are known can be spread out, not an int"),
        ("prod(range(n))", "E0403", "only a list whose items are known can be spread out, not a range of n"),
        ('prod(["a"])', "E0402", "`*` does not go with an int and a string"),
        ("prod([[2], n])", "E0402", "`*` does not go with an int and a list"),
        ("prod([n > 2])", "E0402", "`*` does not go with an int and a condition"),
        ("prod([2**40, 2**40])", "E0801", "this is a size that does not fit 64 bits"),
        ("prod([n, 0.5])", "E0404", "a dim is an int, and this is a float"),
        ("len(enumerate([n], 0.5))", "E0402", "`enumerate` counts from an int, not from a float"),
        ("len(enumerate([n], first=1))", "E0512", "`enumerate` has no argument `first`"),
        ("min()", "E0510", "`min` takes at least 1 argument, but gets 0"),
        ("len(range(1, 2, 3, n))", "E0510", "`range` takes 1 to 3 arguments, but gets 4"),
        ("len(range(0.5))", "E0402", "`range` takes ints, not a float"),
    ],
)  # fmt: skip
def test_arguments_that_they_do_not_take(size: str, code: str, message: str) -> None:
    found = check_text(sized(size))[1]
    assert (code, message) in [(d.code, d.message) for d in found]


def test_a_product_in_all_places() -> None:
    program = checked("""
    GRID = [2, 3]
    fn volume(sizes: list[int]) = prod(sizes)

    block Wide(sizes: list[int]):
        let cells = prod(sizes)
        layers:
            fc = Linear(_, cells)
        forward(x: float[N, D]) -> float[N, prod(sizes)]:
            return x -> fc

    model M(n: int = 3, grid: list[int] = [2, 5]):
        let cells = prod([n, *GRID])
        require prod(grid) > 4
        layers:
            one = Linear(cells, volume([n, 2]))
            two = Wide([n, n])
            three = Wide(grid)
        forward(x: float[N, cells]) -> (float[N, 4 * n], float[N]):
            y = x -> one -> two -> three
            return x.new_zeros((N, prod([4, n]))), prod(y, dim=1)
        expect forward(N=2) == [[2, 12], [2]]
    """)
    (file,) = emit(program).values()
    assert "math.prod([n, *GRID])" in file
    assert "return math.prod(sizes)" in file
    assert "torch.prod(y, dim=1)" in file or "y.prod(dim=1)" in file


def test_tensors_stay_pytorchs() -> None:
    text = """
    model M:
        forward(x: float[N, 4], y: float[N, 4]) -> float[N]:
            return prod([x, y])
    """
    assert messages(text) == ["prod's `input` takes a tensor, not a list of 2"]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [([[2, 3]], 6), ([[]], 1), ([[2, 0.5]], 1.0), ([[N, 2, N]], 2 * N**2), ([(4, True)], 4)],
)
def test_products_of_values(args: list[Any], wanted: Any) -> None:
    found = call("prod", args, {})
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    "test", ['str(n) != "4"', 'f"{n}" == "3"', 'f"{p}" == "0.5"', 'str(n) in ["3", "4"]', 'str(p) == "0.5"']
)
def test_texts_that_are_not_known_do_not_compare(test: str) -> None:
    text = f"""
    block B(n: int, p: float):
        require {test}
        layers:
            fc = Linear(n, n)
            drop = Dropout(p)
        forward(x: float[N, n]) -> float[N, n]:
            return x -> fc -> drop
    """
    assert messages(text) == ["texts that are not known do not compare"]


def test_texts_of_counts_are_keys() -> None:
    checked("""
    model M(n: int = 3):
        layers:
            fc = {str(i): Linear(4, 4) for i in range(n)}
            two = {str(2): Linear(4, 4), f"a{str(3)}": Linear(4, 4), str(True): Linear(4, 4)}
        forward(x: float[N, 4]) -> float[N, 4]:
            for l in fc:
                x = x -> l
            return x -> two["2"] -> two["a3"] -> two["True"]
    """)


# --- one row each ---


@pytest.mark.parametrize("name", FUNCTIONS)
def test_python_has_it(name: str) -> None:
    row = FUNCTIONS[name]
    module, _, own = row.spelling.rpartition(".")
    found = getattr({"": __import__("builtins"), "math": math}[module], own)
    assert callable(found)
    assert row.fits(row.arity[0])
    if own in ("zip", "sum"):
        assert not row.flags or found([1], [2], **row.flags)
    if own in ("prod", "ceil", "floor", "sum", "round"):
        assert len(inspect.signature(found).parameters) >= row.arity[0]


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_is_pythons(name: str) -> None:
    row = CONSTANTS[name]
    assert eval(row.python, {"math": math}) == row.value


def test_the_reference_lists_them() -> None:
    text = " ".join((ROOT / "docs/language.md").read_text().split())
    found = re.search(r"the functions `([^`]*)`, and ((?:`\w+`(?: and )?)+)", text)
    assert found is not None
    assert sorted(found[1].split()) == sorted(FUNCTIONS)
    assert re.findall(r"`(\w+)`", found[2]) == list(CONSTANTS)


def _renamed(program: Program, name: str, other: str) -> Program:
    return Program.model_validate_json(program.model_dump_json().replace(f'"{name}"', f'"{other}"'))


def test_ir_calls_no_other() -> None:
    program = checked(sized("prod([n, 2])"))
    assert any(isinstance(n, Call) and n.name == "prod" for n in _nodes(program))
    verify(program)
    with pytest.raises(SpecError, match="there is no built-in function `exec`"):
        verify(_renamed(program, "prod", "exec"))


def test_no_path_leads_to_an_unknown_function() -> None:
    program = checked("""
    model M:
        forward(x: float[N, 4]) -> float[N, 4]:
            return x if true else foo(x)
    """)
    assert "else foo(x)" in emit(program)["main.py"]


def _nodes(value: object) -> list[object]:
    if isinstance(value, tuple):
        return [n for v in value for n in _nodes(v)]
    fields = getattr(type(value), "model_fields", None)
    return [] if fields is None else [value, *(n for f in fields for n in _nodes(getattr(value, f)))]


def test_reading_ir_needs_no_checker() -> None:
    code = (
        "import sys, spec_lang.ir.evaluate, spec_lang.ir.verify, spec_lang.targets.torch, spec_lang.targets.onnx\n"
        "print(sorted(m for m in sys.modules if m.startswith('spec_lang.ir.from_ast')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_variable_hides_one_that_is_called() -> None:
    program = checked("""
    model M(n: int = 3):
        layers:
            all = [Linear(_, 8 + i) for i in range(n)]
            fc = Linear(_, n, bias=all([n > 2, n > 5]))
        forward(x: float[N, 4]) -> float[N, n]:
            wide = any([n > 2, n > 5])
            any = x -> all -> fc
            return any if wide else any + 1
    """)
    file = emit(program)["main.py"]
    assert "layers: list[nn.Module] = []" in file
    assert "wide = any([self.n > 2, self.n > 5])" in file
    assert "any_ = self.fc(x)" in file


@pytest.mark.parametrize("number", ["n", "p", "2", "0.5"])
@pytest.mark.parametrize("name", ["min", "max"])
def test_the_extreme_of_one_number_is_none(name: str, number: str) -> None:
    text = f"""
    model M(n: int = 2, p: float = 2.0):
        layers:
            used = Linear(n, max(1, int(p)))
            fc   = Linear(n, max(1, int({name}({number}))))

        forward(x: float[N, n]) -> float[N, _]:
            return cat([fc(x), used(x)], dim=1)
    """
    assert codes(text) == ["E0402"]
