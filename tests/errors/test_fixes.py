"""Mending as data: which edits a diagnostic offers, and what a text is with them."""

from __future__ import annotations

import json
import pickle

import pytest

from spec_lang import check_text
from spec_lang.diagnostics import Diagnostic, Edit, Fix, Label, Source, Span
from spec_lang.diagnostics.fix import Instead, applied, instead
from spec_lang.diagnostics.to_json import to_json

SOURCE = Source("net.nnspec", "abc 'abc' def")


def fix(start: int, end: int, text: str) -> Fix:
    return Fix(f"write `{text}`", (Edit(SOURCE, Span(start, end), text),), True)


def test_a_help_that_is_an_edit_replaces_what_is_marked() -> None:
    d = Diagnostic("E0203", "no `abc`", Label(SOURCE, Span(0, 3)), help=instead("xyz", "abc"))
    assert applied(SOURCE, d.fixes)[0] == "xyz 'abc' def"
    quoted = d.replace(primary=Label(SOURCE, Span(4, 9)))
    assert applied(SOURCE, quoted.fixes)[0] == "abc 'xyz' def"
    assert d.replace(primary=Label(SOURCE, Span(10, 13))).fixes == ()


def test_edits_that_overlap_are_not_both_applied() -> None:
    first, second, third = fix(0, 3, "x"), fix(2, 5, "y"), fix(10, 13, "")
    text, used = applied(SOURCE, [first, second, third])
    assert (text, [f.title for f in used]) == ("x 'abc' ", [first.title, third.title])
    assert applied(SOURCE, [fix(3, 3, "1"), fix(3, 3, "2")])[0] == "abc12 'abc' def"


def test_edits_of_another_source_are_left() -> None:
    assert applied(Source("other.nnspec", SOURCE.text), [fix(0, 3, "x")]) == (SOURCE.text, [])


def test_a_help_survives_being_sent_to_another_process() -> None:
    help = pickle.loads(pickle.dumps(instead("b", "a", safe=False)))
    assert isinstance(help, Instead)
    assert (str(help), help.text, help.of, help.safe) == ("write `b`", "b", "a", False)


@pytest.mark.parametrize(("written", "safe"), [("Conv2D", True), ("Lineer", False)])
def test_a_name_is_safe_where_its_letters_are_the_same(written: str, safe: bool) -> None:
    text = f"model Net:\n    layers:\n        fc = {written}(3, 4, 1)\n\n    forward(x: float[N, 3, 8, 8]) -> float[N, 4, 8, 8]:\n        return fc(x)\n"
    (found,) = check_text(text)
    assert [f.safe for f in found.fixes] == [safe]
    (fix,) = json.loads(to_json([found]))["fixes"]
    (edit,) = fix["edits"]
    assert (edit["line"], edit["column"], edit["endColumn"], edit["text"]) == (
        3,
        14,
        20,
        {"Conv2D": "Conv2d", "Lineer": "Linear"}[written],
    )
