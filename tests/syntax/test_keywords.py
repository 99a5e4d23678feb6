"""Keywords are keywords by position only: any other word may name anything."""

from __future__ import annotations

import pytest

from spec_lang.diagnostics import Source
from spec_lang.diagnostics.render import render
from spec_lang.syntax import ast
from spec_lang.syntax.from_text import parse
from spec_lang.syntax.walk import walk

WORDS = [
    "layers",
    "model",
    "block",
    "init",
    "norm",
    "loss",
    "param",
    "buffer",
    "tie",
    "let",
    "expect",
    "require",
    "record",
    "extern",
    "layer",
    "list",
    "training",
    "from",
    "fn",
    "import",
    "as",
    "forward",
    "persistent",
    "parameters",
    "keys",
    "int",
    "float",
    "bool",
    "str",
    "partial",
    "range",
]

SPEC = """
{w} = 3
{w}s = [{w}, {w}[0], {w}(1), {w}.{w}, {w}({w}={w}), {{"{w}": {w}}}, -{w}, ({w}), [{w} for {w} in {w}]]

record {w}:
    {w}: int = {w}

fn {w}({w}: int, list: list[int] = [1]) = {w} + 1

block {w}({w}: int, {w}2: {w}? = none):
    let {w} = {w} // 2
    require {w} > 0, "{w}"
    expect {w} == 0
    layers:
        {w} = {w}({w}, {w}={w})
        {w}2 = [{w}(i) for i in range({w})]
        {w}3 = {w} if {w} else none
        param {w}: float[{w}] = {w}
        buffer {w}: float[{w}] = {w}
    tie {w}.{w} = {w}[0].{w}
    {w}({w}: float[{w}, *{w}]) -> ({w}: float[{w}]):
        {w} = {w}
        {w}, {w} = {w} -> {w} -> {w}.{w}({w}) -> {w}
        {w} += [{w}]
        {w}: float[{w}] = {w}.{w}
        require {w}
        for {w} in {w}:
            {w} = {w} -> {w}
        if {w} is none:
            {w} = {w}
        return {w}
    init:
        {w} = {w}
        {w}.{w} = {w}({w}={w})
        {w}[0].{w} = {w}

model {w} = {w}({w})
extern layer {w}({w}: int) from "{w}" as "{w}":
    {w}({w}: float[{w}]) -> float[{w}]
extern fn {w}({w}: float[{w}]) -> float[{w}] from "{w}"
"""


@pytest.mark.parametrize("word", WORDS)
def test_any_word_names_anything(word: str) -> None:
    text = SPEC.format(w=word)
    module, wrong = parse(Source("spec", text))
    assert not wrong, render(wrong)
    assert module is not None
    kinds = [type(definition).__name__ for definition in module.definitions]
    assert kinds == ["ConstantDef", "ConstantDef", "Record", "Function", "Block", "Block", "Extern", "Extern"]
    block = module.definitions[4]
    assert isinstance(block, ast.Block)
    parts = [type(part).__name__ for part in block.parts]
    assert parts == ["Let", "Require", "Expect", "LayersSection", "Tie", "Method", "InitSection"]
    section = block.parts[3]
    assert isinstance(section, ast.LayersSection)
    assert [type(item).__name__ for item in section.items] == ["Layer"] * 3 + ["Param"] * 2


def test_imports_of_any_word() -> None:
    for word in WORDS:
        module, wrong = parse(Source("spec", f"from {word}.{word} import {word} as {word}, {word}\n"))
        assert not wrong, render(wrong)
        assert module is not None
        found = module.definitions[0]
        assert isinstance(found, ast.Import)
        assert [n.name.id for n in found.names] == [word, word]
        assert [n.id for n in found.module] == [word, word]


@pytest.mark.parametrize("word", ["if", "for", "in", "and", "none", "True", "class", "lambda"])
def test_any_word_is_an_attribute(word: str) -> None:
    module, wrong = parse(Source("spec", f"a = x.{word}.{word}(1)\n"))
    assert not wrong
    assert module is not None
    assert [node.name for node in walk(module) if isinstance(node, ast.Attribute)] == [word, word]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("require (a + b) % 2 == 0", ast.Require),
        ("require (a)", ast.Require),
        ("require [1, 2] == xs", ast.Require),
        ("require not a", ast.Require),
        ("require -a < 0", ast.Require),
        ("expect forward(N=2) == [2]", ast.Expect),
        ('expect "a" in keys', ast.Expect),
        ("let let = 3", ast.Let),
        ("tie tie.a = let.b", ast.Tie),
    ],
)
def test_keywords_before_expressions(line: str, kind: type[ast.Node]) -> None:
    module, wrong = parse(Source("spec", f"block A():\n    {line}\n"))
    assert not wrong, render(wrong)
    assert module is not None
    block = module.definitions[0]
    assert isinstance(block, ast.Block)
    assert type(block.parts[0]) is kind
