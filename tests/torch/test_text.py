"""What a stranger writes stays inside its string, docstring or comment."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest

from spec_lang.ir import model as m
from spec_lang.targets.torch import BadProgram, emit
from spec_lang.targets.torch.fstrings import fstring
from spec_lang.targets.torch.text import comment, docstring, number, quoted
from tests.torch.handmade import give, hyper, lit, local, method, name, program, tensor

HOSTILE = [
    '"""\nimport os\nos.system("true")\n"""',
    "'''\nimport os\n'''",
    'ends with a quote"',
    'ends with quotes""""',
    "ends with a backslash\\",
    "\\",
    '\\"""',
    '\\\\"""',
    "{__import__('os')} {{x}} }{",
    "# noqa\n# type: ignore\nimport os",
    "\r\nimport os",
    "\x00\x0b\x0c\x1b[31m\x85\u2028\u2029import os",
    "\u202eright to left",
    "\ud800 alone",
    "N{BULLET} \\N{BULLET} \\x41 \\u0041",
    '"' * 7,
    "%s %(x)s $x `x`",
    "-*- coding: utf-7 -*-",
    "x" * 300,
    "word " * 60,
    "\t tabs\n\t\tinside",
    "é × – 中文",
    "",
    " ",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_string(text: str) -> None:
    assert ast.literal_eval(quoted(text)) == text
    assert "\n" not in quoted(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_fstring(text: str) -> None:
    parts = (lit(text), name("x"), lit(text))
    code = fstring(parts, lambda e: __import__("spec_lang.targets.torch.code", fromlist=["Atom"]).Atom("x"))
    assert eval(code.text, {"x": 7}) == f"{text}7{text}"


@pytest.mark.parametrize("text", HOSTILE)
def test_docstring_is_one_string(text: str) -> None:
    lines = docstring(4, text)
    if not lines:
        assert not text.strip()
        return
    source = "\n".join(["def f():", *lines, "    return 1"])
    (function,) = ast.parse(source.encode("utf-8", "surrogatepass").decode("utf-8", "replace")).body
    assert isinstance(function, ast.FunctionDef)
    assert len(function.body) == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_comment_is_only_a_comment(text: str) -> None:
    for line in comment(0, text):
        kinds = {t.type for t in tokenize.generate_tokens(io.StringIO(line + "\n").readline)}
        assert kinds <= {tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER}


def block(text: str) -> m.Block:
    x = local("x", "N")
    choice = m.make(m.Hyper, name="kind", type=m.make(m.ChoiceType, values=(text, "b")), default=lit(text))
    test = m.make(m.Compare, first=name("n"), ops=(">",), rest=(lit(3),))
    require = m.make(m.Require, test=test, message=text, at="init", open=True)
    result = m.make(m.Assign, target=m.make(m.Target, name="y"), value=x, comments=(text,), trailing=text)
    return m.make(
        m.Block,
        file=0,
        name="Model",
        entry=True,
        doc=text,
        comments=(text,),
        hypers=(hyper("n", "int", lit(4)), choice),
        requires=(require,),
        methods=(
            method(
                "forward", {"x": tensor("N")}, tensor("N"), result, give(local("y", "N")), doc=text or None
            ),
        ),
    )


@pytest.mark.parametrize("text", [t for t in HOSTILE if "\ud800" not in t])
def test_a_whole_module_says_only_what_the_program_says(text: str) -> None:
    source = emit(program(text, "model", block(text)))["model.py"]
    harmless = emit(program("doc", "model", block("harmless")))["model.py"]
    assert _skeleton(source) == _skeleton(harmless)
    compile(source.encode(), "model.py", "exec")


def _skeleton(source: str) -> str:
    """The program without its strings."""

    class Blank(ast.NodeTransformer):
        def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
            return ast.Constant("f")

        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            return ast.Constant("s") if isinstance(node.value, str) else node

        def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
            return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    return ast.dump(Blank().visit(ast.parse(source)))


@pytest.mark.parametrize("bad", ["x y", "x;import os", "1x", "", "a-b", "\u212b", "x\n"])
def test_names_that_are_none_are_refused(bad: str) -> None:
    broken = block("doc").model_copy(update={"name": bad})
    with pytest.raises(BadProgram):
        emit(program("doc", "model", broken))
    with pytest.raises(BadProgram):
        emit(program("doc", "model", block("doc").model_copy(update={"hypers": (hyper(bad, "int"),)})))


def test_text_of_shapes_stays_in_its_comment() -> None:
    kind = tensor("N\nimport os\n", '"""')
    x = m.make(m.Name, id="x", ref="local", type=kind)
    y = m.make(m.Name, id="y", ref="local", type=tensor("N\n1/0"))
    twice = m.make(m.Binary, op="+", left=y, right=y, type=y.type)
    body = (m.make(m.Assign, target=m.make(m.Target, name="y"), value=x), give(twice))
    model = m.make(
        m.Block,
        file=0,
        name="Model",
        entry=True,
        hypers=(),
        methods=(method("forward", {"x": kind}, kind, *body),),
    )
    source = emit(program("doc", "model", model))["model.py"]
    (_, _, cls) = ast.parse(source).body
    assert isinstance(cls, ast.ClassDef)
    (function,) = cls.body
    assert isinstance(function, ast.FunctionDef)
    assert len(function.body) == 2


@pytest.mark.parametrize("part", ["op", "compare", "method", "builtin", "attribute", "param"])
def test_programs_from_elsewhere_cannot_bring_code(part: str) -> None:
    bad = "x; import os"
    x = local("x", "N")
    value: m.Expr = {
        "op": m.make(m.Binary, op=bad, left=x, right=x),
        "compare": m.make(m.Compare, first=x, ops=(bad,), rest=(x,)),
        "builtin": m.make(m.Call, to="builtin", name=bad),
        "attribute": m.make(m.Attribute, value=x, name=bad),
    }.get(part, x)
    made = method(bad if part == "method" else "forward", {"x": tensor("N")}, tensor("N"), give(value))
    param = m.make(
        m.Param, kind="param", name=bad, type=tensor("3"), value=m.make(m.Call, to="init", name="zeros")
    )
    members = (param,) if part == "param" else ()
    model = m.make(m.Block, file=0, name="Model", entry=True, hypers=(), members=members, methods=(made,))
    with pytest.raises(BadProgram):
        emit(program("doc", "model", model))


@pytest.mark.parametrize("bad", ["../model", "a/b", "a..b", "", "/etc/x", "class", "a.class"])
def test_paths_stay_in_their_folder(bad: str) -> None:
    with pytest.raises(BadProgram):
        emit(program("doc", bad, block("doc")))


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (81290, "81_290", "81_290"),
        (1e-5, "1E-5", "1e-5"),
        (0.5, ".5", "0.5"),
        (1.0, "1.", "1.0"),
        (255, "0XfF", "0xFF"),
        (3, "3;import os", "3"),
        (3, None, "3"),
        (float("inf"), None, "math.inf"),
    ],
)
def test_numbers(value: float, text: str | None, expected: str) -> None:
    assert number(value, text) == (expected,)


def test_python_words_get_an_underscore() -> None:
    reserved = ("lambda", "F", "torch", "l", "class", "range")
    x = local("x", "N")
    model = m.make(
        m.Block,
        file=0,
        name="Model",
        entry=True,
        hypers=tuple(hyper(n, "int", lit(1)) for n in reserved),
        methods=(method("forward", {"x": tensor("N"), "self": tensor("N")}, tensor("N"), give(x)),),
    )
    source = emit(program("doc", "model", model))["model.py"]
    for n in reserved:
        assert f"{n}_: int = 1" in source
    assert "self, x: Tensor, self_: Tensor" in source
