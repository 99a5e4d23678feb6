"""Trees of programs: places, precedence, forms of text."""

from __future__ import annotations

import ast as python
from random import Random

import pytest

from spec_lang.diagnostics import Source, Span
from spec_lang.diagnostics.render import render
from spec_lang.syntax import ast
from spec_lang.syntax.from_bytes import read_source
from spec_lang.syntax.from_text import parse, parse_expr
from spec_lang.syntax.walk import same, walk


def expr(text: str) -> ast.Expr:
    value, wrong = parse_expr(text)
    assert not wrong, render(wrong)
    assert value is not None
    return value


def shape(node: object) -> object:
    """A tree of ours as nested tuples, like `python_shape` of Python's."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Binary):
        return (node.op, shape(node.left), shape(node.right))
    if isinstance(node, ast.Unary):
        return (node.op, shape(node.operand))
    if isinstance(node, ast.Compare):
        return ("compare", shape(node.first), *((op, shape(value)) for op, value in node.rest))
    assert isinstance(node, ast.IfExp)
    return ("if", shape(node.test), shape(node.body), shape(node.orelse))


_PYTHON = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**", "MatMult": "@",
    "BitOr": "|", "BitXor": "^", "BitAnd": "&", "LShift": "<<", "RShift": ">>", "And": "and", "Or": "or",
    "USub": "-", "UAdd": "+", "Invert": "~", "Not": "not", "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=",
    "Gt": ">", "GtE": ">=", "In": "in", "NotIn": "not in", "Is": "is", "IsNot": "is not",
}  # fmt: skip


def python_shape(node: python.expr) -> object:
    if isinstance(node, python.Name):
        return node.id
    if isinstance(node, python.BinOp):
        return (_PYTHON[type(node.op).__name__], python_shape(node.left), python_shape(node.right))
    if isinstance(node, python.BoolOp):
        op = _PYTHON[type(node.op).__name__]
        value = python_shape(node.values[0])
        for other in node.values[1:]:
            value = (op, value, python_shape(other))
        return value
    if isinstance(node, python.UnaryOp):
        return (_PYTHON[type(node.op).__name__], python_shape(node.operand))
    if isinstance(node, python.Compare):
        rest = zip(node.ops, node.comparators, strict=True)
        return (
            "compare",
            python_shape(node.left),
            *((_PYTHON[type(op).__name__], python_shape(v)) for op, v in rest),
        )
    assert isinstance(node, python.IfExp)
    return ("if", python_shape(node.test), python_shape(node.body), python_shape(node.orelse))


@pytest.mark.parametrize("seed", range(300))
def test_precedence_is_pythons(seed: int) -> None:
    random = Random(seed)
    binary = [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "@",
        "&",
        "|",
        "^",
        "<<",
        ">>",
        "and",
        "or",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "in",
        "is",
        "not in",
        "is not",
    ]
    words = [random.choice("abc")]
    for _ in range(random.randint(1, 8)):
        words += [random.choice(binary), *random.choice([[], ["-"], ["~"], []]), random.choice("abc")]
    if random.random() < 0.3:
        words += ["if", "a", "or", "b", "else", "c", "+", "a"]
    text = " ".join(words)
    assert shape(expr(text)) == python_shape(python.parse(text, mode="eval").body), text


def test_chains_are_no_conjunctions() -> None:
    """Python folds `a and b and c` into one node; ours nest to the left, which means the same."""
    assert shape(expr("a and b and c")) == ("and", ("and", "a", "b"), "c")


def test_every_place_is_its_text() -> None:
    text = "a = x.norm(1, n=[2, (b)])[0, :3] + f'{c}_{d + 1}' if -e else {'k': none}\n"
    module, wrong = parse(Source("a", text))
    assert not wrong
    assert module is not None
    for node in walk(module):
        part = text[node.span.start : node.span.end]
        if isinstance(node, ast.Name):
            assert part.strip("()") == node.id
        elif isinstance(node, ast.Number):
            assert part == node.text
        elif isinstance(node, ast.Attribute):
            assert text[node.name_span.start : node.name_span.end] == node.name


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        ("'a'", "a"),
        (r'"\n\t\\\"\x41\u00e9\101"', '\n\t\\"A\u00e9A'),
        (r'"\d"', "\\d"),
        ('""', ""),
        ('"""a\n"b" """', 'a\n"b" '),
        ('"""a\r\nb"""', "a\nb"),
        ('"a # b"', "a # b"),
    ],
)
def test_strings(text: str, value: str) -> None:
    found = expr(text)
    assert isinstance(found, ast.String)
    assert found.value == value


@pytest.mark.parametrize("text", ["81_290", "1e-5", ".5", "2.", "1_0.5e1_0", "0", "00", "1E5"])
def test_numbers_are_pythons(text: str) -> None:
    found = expr(text)
    assert isinstance(found, ast.Number)
    assert found.value == python.literal_eval(text)
    assert type(found.value) is type(python.literal_eval(text))
    assert found.text == text


def test_fstring_parts() -> None:
    found = expr('f"a{{{x + 1}_{y}"')
    assert isinstance(found, ast.FString)
    assert [
        part.value if isinstance(part, ast.String) else shape(part) if isinstance(part, ast.Name) else "..."
        for part in found.parts
    ] == ["a{", "...", "_", "y"]


def test_arrows_nest_to_the_left_and_go_on() -> None:
    text = "a = x\n\n    # why\n    -> f  # first\n\n  -> g(1)\nb = 2\n"
    module, wrong = parse(Source("a", text))
    assert not wrong
    assert module is not None
    first, second = module.definitions
    assert isinstance(first, ast.ConstantDef)
    assert same(first.value, expr("x -> f -> g(1)"))
    assert isinstance(second, ast.ConstantDef)
    assert [comment.text for comment in module.comments] == ["# why", "# first"]


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa = 1\n", b"a = 1\r\n", b"a = 1", b"\n\n  # x\na = 1\n\n"])
def test_forms_of_files(data: bytes) -> None:
    source, wrong = read_source("a", data)
    module, more = parse(source)
    assert not wrong + more
    assert module is not None
    assert len(module.definitions) == 1


def test_whole_definitions_are_kept_beside_broken_ones() -> None:
    module, wrong = parse(Source("a", "a = 1\nblock B():\n    layers:\n        c = = 2\nd = 3\n"))
    assert len(wrong) == 1
    assert module is not None
    assert [definition.name.id for definition in module.definitions] == ["a", "d"]
    assert module.broken == ("B",)


def test_true_and_True() -> None:
    assert [expr(word).value for word in ("true", "True", "false", "False", "none", "None")] == [
        True, True, False, False, None, None,
    ]  # fmt: skip


def test_span_of_a_whole_definition() -> None:
    text = "block A():\n    forward(x: float[N]) -> float[N]:\n        return x\n\nb = 1\n"
    module, _ = parse(Source("a", text))
    assert module is not None
    assert module.definitions[0].span == Span(0, text.index("\n\nb"))
