"""Why a token does not fit, in words: one function a kind of mistake, the first that recognises it speaks."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from spec_lang.diagnostics import Diagnostic, Edit, Fix, Label, Source, Span
from spec_lang.diagnostics.fix import Instead, instead
from spec_lang.diagnostics.suggest import did_you_mean
from spec_lang.syntax.habits import IN_TYPES, NAMESPACES, declared
from spec_lang.syntax.recover import Problem
from spec_lang.syntax.token import CLOSING, CONTEXTUAL, LAYOUT, OPENING, Token

_OPERATORS = frozenset(
    [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "@",
        "**",
        "|",
        "&",
        "^",
        "<<",
        ">>",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
    ]
)
_OPERANDS = frozenset({"NAME", "NUMBER", "STRING", "FSTRING", "true", "false", "none", "HOLE"})
_ENDS = _OPERANDS | frozenset(OPENING)
_WORDS = frozenset(
    {"and", "or", "not", "if", "elif", "else", "for", "in", "is", "return", "true", "false", "none"}
)
_BEFORE_OPERAND = _OPERATORS | {"=", ":", ".", ",", "(", "[", "{", "return", "require", "expect", "->"}
_HEADERS = frozenset(
    {"model", "block", "fn", "record", "extern", "layers", "init", "for", "if", "elif", "else"}
)

# What belongs where, for lines that stand in the wrong part.
_BELONGS = {
    "return": "`return` stands in `forward` or another method",
    "for": "a `for` over statements stands in a method; in `layers:` write `[... for i in range(n)]`",
    "if": "an `if` over statements stands in a method; in `layers:` write `a if condition else b`",
    "elif": "`elif` follows the lines of an `if`, at the same indentation",
    "else": "`else:` follows the lines of an `if`, at the same indentation",
    "layers": "`layers:` stands directly under a model or block",
    "init": "`init:` stands directly under a model or block",
    "let": "`let` stands directly under a model or block; in a method write `name = value`",
    "tie": "`tie` stands directly under a model or block",
    "expect": "`expect` stands directly under a model or block",
    "require": "`require` stands under a model, a block or in a method",
    "param": "`param` stands under `layers:`",
    "buffer": "`buffer` stands under `layers:`",
    "model": "a model is defined at the left margin, not inside another part",
    "block": "a block is defined at the left margin, not inside another part",
    "fn": "a function is defined at the left margin, not inside another part",
    "record": "a record is defined at the left margin, not inside another part",
    "extern": "an extern is declared at the left margin, not inside another part",
    "from": "imports stand at the left margin",
}
# Words of other languages at the start of a line.
_FOREIGN = {
    "def": "a method is written without `def`: `forward(x: float[N, D]) -> float[N, D]:`; a function with `fn`",
    "class": "write `block Name(...):`, or `model Name(...):` for an entry point",
    "import": "write `from file import Name`; what PyTorch has needs no import",
    "assert": 'write `require condition, "why"`',
    "raise": 'write `require condition, "why"`',
    "while": "loops run over what is known without the data: `for i in range(n):`",
    "with": "there are no context managers; `x.detach()` stops gradients, and dtypes are `to(...)`",
    "try": 'nothing is caught: what must hold is stated, `require condition, "why"`',
    "except": 'nothing is caught: what must hold is stated, `require condition, "why"`',
    "del": "leave it out: values go when nothing reads them",
    "global": "write a constant at the left margin: `NAME = 8`",
    "break": "a loop runs to its end: leave items out by a slice or an `if`",
    "continue": "put the rest of the loop's body under an `if`",
    "yield": "`return` the values, or append to a list: `ys += [y]`",
    "pass": "leave the part out",
    "print": "a spec prints nothing; `specc ir` shows what it means",
    "lambda": "define a function with `fn`",
    "network": "write `model Name(...):`",
    "module": "write `block Name(...):`",
    "layer": "layers are made in `layers:`; a reusable part is a `block`",
    "elseif": "write `elif`",
    "elsif": "write `elif`",
}


class Way(NamedTuple):
    """A fix without its source: what it does, and what to write in which places."""

    title: str
    edits: tuple[tuple[Span, str], ...]
    safe: bool = True

    def fix(self, source: Source) -> Fix:
        return Fix(self.title, tuple(Edit(source, span, text) for span, text in self.edits), self.safe)


class Said(NamedTuple):
    """A diagnostic without its source."""

    code: str
    message: str
    span: Span
    help: str | None = None
    label: tuple[Span, str] | None = None
    ways: tuple[Way, ...] = ()


class Place(NamedTuple):
    """A problem with its neighbourhood."""

    problem: Problem
    token: Token
    before: Token | None  # on the same line
    first: Token
    source: Source

    @property
    def starts_line(self) -> bool:
        return self.problem.at == self.problem.first

    @property
    def line(self) -> list[Token]:
        """The line's tokens before the one that does not fit."""
        return self.problem.tokens[self.problem.first : self.problem.at]

    @property
    def after(self) -> Token:
        return self.problem.tokens[min(self.problem.at + 1, len(self.problem.tokens) - 1)]


def explain(problem: Problem, source: Source) -> Diagnostic:
    """The diagnostic for a token that does not fit."""
    token = problem.tokens[problem.at]
    before = problem.tokens[problem.at - 1] if problem.at > problem.first else None
    place = Place(problem, token, before, problem.tokens[problem.first], source)
    for rule in _RULES:
        said = rule(place)
        if said is not None:
            labels = (Label(source, *said.label),) if said.label else ()
            ways = tuple(way.fix(source) for way in said.ways)
            return Diagnostic(
                said.code, said.message, Label(source, said.span), labels, help=said.help, ways=ways
            )
    return Diagnostic(
        "E0100", f"{_shown(token)} is not expected here", Label(source, token.span), help=_wanted(place)
    )


# --- Blocks and lines ------------------------------------------------------------------------


def _indent(p: Place) -> Said | None:
    if p.token.type != "_INDENT":
        return None
    at = p.after.start
    start = p.source.text.rfind("\n", 0, at) + 1
    return Said(
        "E0104",
        "this line is indented, but the line above opens no block",
        Span(start, at),
        "a block's first line ends with `:`; a long line goes on inside brackets, or after `->`",
    )


def _missing_block(p: Place) -> Said | None:
    if p.token.type == "_INDENT" or "_INDENT" not in p.problem.expected:
        return None
    tokens = p.problem.tokens
    end = p.problem.first
    while tokens[end].type not in LAYOUT:
        end += 1
    what = p.first.text if p.first.type in _HEADERS else _header_name(p)
    return Said(
        "E0105",
        f"`{what}` has no lines under it",
        Span(p.first.start, tokens[end - 1].end),
        "indent its lines under it, or leave it out",
    )


def _header_name(p: Place) -> str:
    return p.first.text or "this block"


def _only_doc(p: Place) -> Said | None:
    if p.token.type not in ("_DEDENT", "$END"):
        return None
    tokens = p.problem.tokens
    last = p.problem.at - 1
    while last > 0 and tokens[last].type in LAYOUT:
        last -= 1
    return Said("E0105", "this block has a docstring and nothing else", tokens[last].span, "add what it does")


def _missing_colon(p: Place) -> Said | None:
    if ":" not in p.problem.expected or p.before is None:
        return None
    ends = p.token.type == "NEWLINE"
    tokens = p.problem.tokens
    header = p.first.type in _HEADERS or (ends and tokens[p.problem.at + 1].type == "_INDENT")
    at_depth_0 = _depth(p.line) == 0
    if not header or not at_depth_0 or not ends:
        return None
    end = p.before.end
    return _without_colon(end, f"write `:` after {_shown(p.before)}")


def _without_colon(end: int, help: str) -> Said:
    way = Way(help, ((Span(end, end), ":"),))
    return Said("E0106", "this line ends without `:`", Span(end, end + 1), help, ways=(way,))


def _bare_section(p: Place) -> Said | None:
    """`layers` without its colon."""
    if p.token.type == "NEWLINE" and p.before is p.first and p.first.text in ("layers", "init"):
        end = p.first.end
        return _without_colon(end, f"write `{p.first.text}:`")
    return None


def _one_line_body(p: Place) -> Said | None:
    if p.before is None or p.before.type != ":" or p.problem.expected != {"NEWLINE"}:
        return None
    return Said(
        "E0105", "a block's lines stand under it, indented", p.token.span, "begin a new line after `:`"
    )


# --- The line as a whole ---------------------------------------------------------------------


def _wrong_part(p: Place) -> Said | None:
    if not p.starts_line:
        return None
    kind = p.token.type
    if p.token.text in _FOREIGN and p.after.type not in ("=", ":", "(", ".", ","):
        return _foreign(p, p.token, p.after)
    if (kind in ("if", "for") and p.after.type in ("=", ":", "(", ",")) or kind in _WORDS - set(_BELONGS):
        return _reserved_name(p)
    if kind == "if" and p.after.text == "__name__":
        help = "leave it out: a spec defines models, and runs nothing; `specc run` and Python run them"
        return Said("E0122", "`if` cannot stand here", p.token.span, help)
    if kind in _BELONGS:
        return Said("E0122", f"`{p.token.text}` cannot stand here", p.token.span, _BELONGS[kind])
    if kind == "STRING":
        return Said(
            "E0122",
            "a string on its own is a docstring, which comes first",
            p.token.span,
            "make it a comment, with `#`",
        )
    if kind == "->":
        return Said(
            "E0115", "nothing stands before this arrow", p.token.span, "begin with a value: `x -> layer`"
        )
    return None


_WORD_FOR = {"assert": "require", "elseif": "elif", "elsif": "elif", "network": "model"}


def _foreign(p: Place, word: Token, after: Token) -> Said:
    """A line that begins as in Python or another language."""
    help = _FOREIGN[word.text]
    ways: tuple[Way, ...] = ()
    if (instead_of := _WORD_FOR.get(word.text)) is not None:
        ways = (Way(f"write `{instead_of}`", ((word.span, instead_of),)),)
    elif word.text == "def" and after.type in {"NAME"} | CONTEXTUAL:
        ways = (Way("delete `def`", ((Span(word.start, after.start), ""),)),)
    elif word.text == "import" and after.text in NAMESPACES:
        ways = _without_line(p.source, word.start)
    return Said("E0122", f"`{word.text}` begins no line here", word.span, help, ways=ways)


def _without_line(source: Source, at: int) -> tuple[Way, ...]:
    """The line at an offset is deleted, but not one with a comment, which would be lost."""
    start = source.text.rfind("\n", 0, at) + 1
    end = source.text.find("\n", at) + 1 or len(source.text)
    kept = "#" in source.text[start:end]
    return () if kept else (Way("delete this line", ((Span(start, end), ""),)),)


def _reserved_name(p: Place) -> Said:
    text = p.token.text
    return Said(
        "E0110",
        f"`{text}` is a reserved word, so nothing can have that name",
        p.token.span,
        f"call it `{text}_`",
    )


def _reserved(p: Place) -> Said | None:
    if p.token.type in _WORDS and "NAME" in p.problem.expected and "NUMBER" not in p.problem.expected:
        return _reserved_name(p)
    if p.token.type == "HOLE" and "NAME" in p.problem.expected:
        return Said("E0110", "`_` is no name: it stands for what is inferred or dropped", p.token.span)
    return None


def _keyword_elsewhere(p: Place) -> Said | None:
    """A line that a keyword begins, in a part that has no such lines."""
    kind = p.first.type
    if (
        p.starts_line
        or kind not in _BELONGS
        or kind in p.problem.at_line
        or p.token.type in ("_DEDENT", "$END")
    ):
        return None
    return Said("E0122", f"`{kind}` cannot stand here", p.first.span, _BELONGS[kind])


def _foreign_line(p: Place) -> Said | None:
    """A line whose first word is read as a name, and a second word follows: an unknown or misspelled keyword."""
    if len(p.line) != 1 or p.first.type not in CONTEXTUAL | {"NAME"} or p.token.type in LAYOUT:
        return None
    word = p.first.text
    if word in _FOREIGN:
        return _foreign(p, p.first, p.token)
    if p.token.type not in _OPERANDS:
        return None
    keywords = [kind for kind in p.problem.at_line if kind.isalpha() and kind.islower()]
    near = did_you_mean(word, keywords)
    if near is None and "=" in p.problem.expected and p.after.type in ("(", ".", "[", "NEWLINE"):
        return None
    help = near or _line_kinds(keywords)
    return Said("E0100", f"`{word}` begins no line here", p.first.span, help)


def _line_kinds(keywords: list[str]) -> str | None:
    if not keywords:
        return None
    shown = ", ".join(f"`{word}`" for word in sorted(keywords))
    return f"lines here begin with {shown}, or with a name"


def _layer_outside(p: Place) -> Said | None:
    """`fc = Linear(...)` directly under a block."""
    if len(p.line) != 1 or p.first.type != "NAME" or "layers" not in p.problem.at_line:
        return None
    if p.token.type in ("=", ":", ",", "+="):
        space = " " if p.token.type in ("=", "+=") else ""
        return Said(
            "E0122",
            f"`{p.first.text}{space}{p.token.text} ...` stands outside of any part",
            Span(p.first.start, p.token.end),
            "layers go under `layers:`, dataflow into `forward(...)`, and a value for the whole block is a `let`",
        )
    return None


def _not_a_layer(p: Place) -> Said | None:
    """Under `layers:`, a line that is none."""
    if len(p.line) != 1 or p.first.type != "NAME" or "param" not in p.problem.at_line:
        return None
    if p.token.type not in (".", ":", "->", "(", "[", "+=", ","):
        return None
    span = Span(p.first.start, p.token.end)
    help = "a line under `layers:` is `name = layer`"
    rest = _rest_of_line(p)
    whole = Span(p.first.start, rest[-1][0].end)
    written = declared(p.source.at(whole))
    ways: tuple[Way, ...] = ()
    if written is not None:
        help = written.help
        if written.text is not None and "#" not in p.source.at(whole):
            ways = (Way(f"write `{written.text}`", ((whole, written.text),)),)
    elif p.first.text == "super":
        help = _EFFECTS[("super",)]
        ways = _without_line(p.source, p.first.start)
    elif p.first.text == "setattr":
        help = "layers whose names are counted are a list: `fc = [Linear(4, 4) for i in range(3)]`, run by `fc[i]`"
    return Said("E0122", "this line makes no layer", span, help, ways=ways)


def _method_outside(p: Place) -> Said | None:
    """`forward(...)` at the left margin."""
    if len(p.line) != 1 or "model" not in p.problem.at_line or p.token.type != "(":
        return None
    help = "a method stands under a model or block; a function of its own is an `fn`"
    return Said("E0122", f"`{p.first.text}(...)` stands outside of any block", p.first.span, help)


def _dropped_value(p: Place) -> Said | None:
    """A statement that is only an expression, or assigns to a part of something."""
    if "return" not in p.problem.at_line:
        return None
    if p.first.type == "(" and len(p.line) > 1 and p.token.type == "->":
        return Said(
            "E0122",
            "this line computes something and drops it",
            Span(p.first.start, p.token.end),
            "give it a name (`y = ...`), or `return` it",
        )
    if len(p.line) != 1 or p.first.type != "NAME":
        return None
    if p.token.type not in ("(", ".", "[", "->", "NEWLINE") and p.token.type not in _OPERATORS:
        return None
    if p.first.text in _FOREIGN:
        return _foreign(p, p.first, p.token)
    rest = _rest_of_line(p)
    if p.token.type in _OPERATORS and p.after.type == "=" and p.token.end == p.after.start:
        help = f"write `{p.first.text} = {p.first.text} {p.token.text} ...`"
        sign = f"{p.token.text}="
        span = Span(p.token.start, p.after.end)
        ways = _assigned(p, rest)
        return Said("E0122", f"`{sign}` is not part of the language", span, help, ways=ways)
    if any(token.type in ("=", "+=") and depth == 0 for token, depth in rest):
        help = "a value is given to a name: `x = ...`; tensors are not changed in place"
        if p.token.type == "[":
            name = p.first.text
            help = f"tensors are not changed in place: `{name} = where(mask, value, {name})`, `masked_fill`, `cat` and `scatter` make new ones"
        if p.first.text == "self":
            help = "layers are made under `layers:`, as `fc = Linear(_, 10)`; a value in a method has a name of its own"
        return Said("E0122", "only names can be assigned to", Span(p.first.start, p.token.end), help)
    if p.token.type == "." and p.after.text == "append":
        whole = Span(p.first.start, rest[-1][0].end)
        value = p.source.text[rest[3][0].start : rest[-1][0].start] if len(rest) > 4 else "x"
        help = f"write `{p.first.text} += [{value}]`"
        ways = (
            (Way(help, ((whole, f"{p.first.text} += [{value}]"),)),)
            if len(rest) > 4 and "#" not in value
            else ()
        )
        span = Span(p.first.start, p.after.end)
        return Said("E0122", "values are not changed in place", span, help, ways=ways)
    whole = Span(p.first.start, rest[-1][0].end if rest else p.first.end)
    where = next((h for words, h in _EFFECTS.items() if _calls(p, rest, words)), None)
    help = where or "give it a name (`y = ...`), or `return` it"
    return Said("E0122", "this line computes something and drops it", whole, help)


_EFFECTS: dict[tuple[str, ...], str] = {
    ("super",): "leave it out: what a model is made of is all that there is to construct",
    (
        "eval",
        "train",
        "requires_grad_",
        "cuda",
        "half",
        "compile",
    ): "leave it out: whoever uses the model sets its mode and its device",
    ("save", "load", "manual_seed", "load_state_dict"): "leave it out: a spec describes the model alone",
    (
        "apply",
        "_init_weights",
        "init_weights",
    ): "how parameters start stands under `init:`, as `Linear.weight = normal(std=0.02)`",
    ("append", "extend"): "`ys += [y]` appends to a list",
}
"""What Python calls for its effect, and where that is in a spec."""


def _calls(p: Place, rest: list[tuple[Token, int]], words: tuple[str, ...]) -> bool:
    """Whether a line is a call of one of these names."""
    called = [t for (t, depth), (after, _) in pairwise(rest) if depth == 0 and after.type == "("]
    named = p.first.text if p.token.type == "(" else called[-1].text if called else ""
    return named in words


def _assigned(p: Place, rest: list[tuple[Token, int]]) -> tuple[Way, ...]:
    """`x *= a + b` as `x = x * (a + b)`."""
    value = [token for token, _ in rest[2:]]
    if not value:
        return ()
    name, sign = p.first.text, p.token.text
    simple = not any(t.type in _OPERATORS | {"->"} for t, depth in rest[2:] if depth == 0)
    edits = [(Span(p.token.start, p.after.end), f"= {name} {sign}")]
    if not simple:
        edits += [(Span(value[0].start, value[0].start), "("), (Span(value[-1].end, value[-1].end), ")")]
    return (Way(f"write `{name} = {name} {sign} ...`", tuple(edits)),)


def _rest_of_line(p: Place) -> list[tuple[Token, int]]:
    """The tokens from the problem to the end of its line, each with its bracket depth."""
    found: list[tuple[Token, int]] = []
    depth = 0
    at = p.problem.at
    while (token := p.problem.tokens[at]).type not in LAYOUT:
        depth -= token.type in OPENING
        found.append((token, depth))
        depth += token.type in CLOSING
        at += 1
    return found


# --- Expressions -----------------------------------------------------------------------------


def _equals(p: Place) -> Said | None:
    if p.token.type != "=":
        return None
    if p.first.type in ("require", "expect", "if", "elif", "return") or (
        "==" in p.problem.expected and _depth(p.line) > 0
    ):
        help = Instead("to compare, write `==`", "==", "=")
        return Said("E0112", "`=` gives a value to a name", p.token.span, help)
    first = next((token for token in p.line if token.type == "="), None)
    if first is not None and first is not p.before and _depth(p.line) == 0:
        label = (first.span, "the first one")
        return Said("E0112", "a second `=` in one line", p.token.span, "to compare, write `==`", label)
    return None


def _missing_equals(p: Place) -> Said | None:
    if p.before is None or p.before.type not in _ENDS or p.token.type not in _OPERANDS or _depth(p.line):
        return None
    named = len(p.line) == 1 or p.first.type in ("let", "tie", "fn", "param", "buffer")
    if not named or "=" not in p.problem.expected or any(token.type == "=" for token in p.line):
        return None
    message = f"`=` is missing between {_shown(p.before)} and {_shown(p.token)}"
    return Said("E0111", message, p.token.span)


def _missing_in(p: Place) -> Said | None:
    if not p.problem.expected <= {"in", ","} or "in" not in p.problem.expected:
        return None
    return Said("E0111", "`in` is missing after `for`", p.token.span, "write `for i in range(n)`")


def _qualified_type(p: Place) -> Said | None:
    """`x: torch.float32[N, 4]`."""
    if p.token.type != "." or p.before is None or p.before.text not in NAMESPACES or p.after.type != "NAME":
        return None
    tokens = p.problem.tokens
    end = p.problem.at + 1
    while tokens[end + 1].type == "." and tokens[end + 2].type == "NAME":
        end += 2
    word, span = tokens[end].text, Span(p.before.start, tokens[end].end)
    message = f"dtypes are named without `{p.before.text}.`"
    if word not in IN_TYPES:
        return Said(
            "E0111", f"`{p.source.at(span)}` is no type", span, "say its dtype and dims: `float[N, D]`"
        )
    way = Way(f"write `{IN_TYPES[word]}`", _qualified(p))
    return Said("E0100", message, span, f"write `{IN_TYPES[word]}`", ways=(way,))


def _qualified(p: Place) -> tuple[tuple[Span, str], ...]:
    """All dtypes of the line that are written with their module: only one of them is reported."""
    tokens, at = p.problem.tokens, p.problem.first
    found: list[tuple[Span, str]] = []
    while tokens[at].type not in LAYOUT:
        start = tokens[at]
        if (
            start.text in NAMESPACES
            and tokens[at + 1].type == "."
            and tokens[at - 1].type in (":", "->", "(", "[")
        ):
            while tokens[at + 1].type == ".":
                at += 2
            if tokens[at].text in IN_TYPES:
                found.append((Span(start.start, tokens[at].end), IN_TYPES[tokens[at].text]))
        at += 1
    return tuple(found)


def _lambda(p: Place) -> Said | None:
    if p.before is None or p.before.text != "lambda":
        return None
    return Said("E0122", "`lambda` is not part of the language", p.before.span, _FOREIGN["lambda"])


def _doubled(p: Place) -> Said | None:
    """`&&` and `||`."""
    if p.before is None or p.token.type not in ("&", "|") or p.before.type != p.token.type:
        return None
    word = "and" if p.token.type == "&" else "or"
    span = Span(p.before.start, p.token.end)
    return Said("E0100", f"`{2 * p.token.type}` is not an operator", span, instead(word))


def _mixed(p: Place) -> Said | None:
    """Arrows beside operators, in one bracket and without their own."""
    region = _region(p)
    if not region:
        return None
    if p.token.type == "->":
        operator = next((token for token in region if token.type in _OPERATORS), None)
        if operator is None:
            return None
    elif p.token.type in _OPERATORS and any(token.type == "->" for token in region):
        operator = p.token
    else:
        return None
    arrow = p.token if p.token.type == "->" else [token for token in region if token.type == "->"][-1]
    ways = _readings(p, region)
    return Said(
        "E0113",
        f"an arrow and `{operator.text}` are mixed",
        p.token.span,
        _one_of(ways),
        None if operator is p.token and arrow is p.token else _other(operator, arrow, p.token),
        ways,
    )


def _one_of(ways: tuple[Way, ...]) -> str:
    if not ways:
        return "put the arrow chain in parentheses, as in `x + (y -> f)`, or what flows into it, as in `(x + y) -> f`"
    return ", or ".join(way.title for way in ways)


_LOOSE = frozenset({"and", "or", "not", "in", "is", "if", "else", "<", "<=", ">", ">=", "==", "!="})


def _readings(p: Place, region: list[Token]) -> tuple[Way, ...]:
    """What an expression with arrows and operators side by side may mean, with the parentheses that say so.

    An operator behind a chain takes its result: nothing else is a layer. One before it may take what the chain gives, or be
    part of what flows into it.
    """
    rest = [token for token, depth in _rest_of_line(p)]
    whole, ends = list(region), None
    depth = 0
    for token in rest:
        if token.type in OPENING:
            depth -= 1
        if depth < 0 or (depth == 0 and token.type in (",", ":", "=", "for")):
            break
        if depth == 0:
            whole.append(token)
        depth += token.type in CLOSING
        ends = token
    if ends is None or any(t.type in _LOOSE for t in whole) or any(t.type == "#" for t in whole):
        return ()
    arrows = [k for k, t in enumerate(whole) if t.type == "->"]
    operators = [k for k, t in enumerate(whole) if t.type in _OPERATORS]
    text = p.source.text[whole[0].start : ends.end]
    if "\n" in text or "#" in text or not arrows or not operators:
        return ()
    before = [k for k in operators if k < arrows[0]]
    after = [k for k in operators if k > arrows[0]]
    close = _end_of(p, whole, after[0]) if after else ends.end
    if any(arrow > after[0] for arrow in arrows if after):
        return ()  # a second chain: what belongs together is for the author to say
    if not before:
        return (_bracketed(p, text, whole[0].start, whole[0].start, close, safe=True),)
    last = whole[before[-1] + 1] if before[-1] + 1 < len(whole) else None
    if last is None or last.type == "->":
        return ()
    inner = _bracketed(p, text, whole[0].start, last.start, close, safe=False)
    if after:
        return (inner,)
    number = last.type == "NUMBER"  # which flows into nothing
    flows = _bracketed(p, text, whole[0].start, whole[0].start, _end_of(p, whole, arrows[0]), safe=number)
    return (flows,) if number else (inner, flows)


def _end_of(p: Place, whole: list[Token], at: int) -> int:
    """Where what stands before a token of an expression ends."""
    return len(p.source.text[: whole[at].start].rstrip())


def _bracketed(p: Place, text: str, origin: int, start: int, end: int, safe: bool) -> Way:
    """A part of an expression in parentheses."""
    shown = f"{text[: start - origin]}({text[start - origin : end - origin]}){text[end - origin :]}"
    return Way(f"write `{shown}`", ((Span(start, start), "("), (Span(end, end), ")")), safe)


def _other(operator: Token, arrow: Token, token: Token) -> tuple[Span, str]:
    if token is arrow:
        return operator.span, f"`{operator.text}` is here"
    return arrow.span, "the arrow is here"


def _region(p: Place) -> list[Token]:
    """The tokens of the expression so far, in the same bracket and outside of inner ones."""
    region: list[Token] = []
    depth = 0
    for token in reversed(p.line):
        kind = token.type
        if kind in OPENING:
            depth += 1
        elif kind in CLOSING:
            if depth == 0:
                break
            depth -= 1
        elif depth == 0:
            if kind in (",", "=", ":", "+=", "return", "require", "expect"):
                break
            region.append(token)
    if region and region[-1].type in ("if", "elif", "for", "in"):
        region.pop()
    return region[::-1]


def _unclosed_inputs(p: Place) -> Said | None:
    """`forward(x: float[N] -> float[N]:`."""
    if p.token.type != "->" or "," not in p.problem.expected or p.first.type == "(":
        return None
    opened: list[Token] = []
    for token in p.line:
        if token.type in CLOSING:
            opened.append(token)
        elif token.type in OPENING:
            opened.pop()
    if not opened:
        return None
    return Said(
        "E0101",
        f"`{opened[-1].type}` is not closed before the arrow",
        opened[-1].span,
        f"add `{CLOSING[opened[-1].type]}` before `->`",
        ways=_closed_before(p, opened),
    )


def _closed_before(p: Place, opened: list[Token]) -> tuple[Way, ...]:
    if len(opened) != 1 or p.before is None:
        return ()
    mark = CLOSING[opened[0].type]
    return (Way(f"add `{mark}`", ((Span(p.before.end, p.before.end), mark),)),)


def _stage(p: Place) -> Said | None:
    if (
        p.before is None
        or p.before.type != "->"
        or "NAME" not in p.problem.expected
        or "NUMBER" in p.problem.expected
    ):
        return None
    if p.token.type == "NEWLINE":
        return Said("E0111", "this arrow leads nowhere", p.before.span, "name a layer or function after it")
    if p.token.type == ":" and p.before is not None and p.line[-2:-1] and p.line[-2].type == ")":
        help = "say what flows out: `-> float[N, D]:`; or leave the arrow out, and the type is inferred"
        return Said("E0111", "the result's type is missing after this arrow", p.before.span, help)
    help = "after an arrow stands a name, a path (`layer[0].norm`) or a call of one"
    return Said("E0115", f"{_shown(p.token)} is no layer or function", p.token.span, help)


def _after_stage(p: Place) -> Said | None:
    """`x -> f(a)[0]`."""
    if p.token.type not in ("[", ".", "(") or p.before is None or p.before.type != ")":
        return None
    if not any(token.type == "->" for token in _region(p)):
        return None
    chain = Span(_region(p)[0].start, p.before.end)
    written = p.source.at(chain)
    shown = f"({written}){_taken(p)}" if "\n" not in written else "(x -> f(a))[0]"
    way = Way(f"write `{shown}`", ((Span(chain.start, chain.start), "("), (Span(chain.end, chain.end), ")")))
    return Said(
        "E0115",
        f"{_shown(p.token)} cannot follow a call after an arrow",
        p.token.span,
        f"put the chain in parentheses: `{shown}`",
        ways=(way,),
    )


def _taken(p: Place) -> str:
    """What follows a call, to the end of its own bracket."""
    rest = _rest_of_line(p)
    end = next((t.end for t, depth in rest[1:] if depth == 0 and t.type in OPENING), rest[-1][0].end)
    return p.source.text[p.token.start : end] if p.token.type != "." else "." + p.after.text


def _ends_early(p: Place) -> Said | None:
    if p.token.type != "NEWLINE" or p.before is None:
        return None
    end = p.before.end
    if p.before.type in _ENDS:
        wanted = _expected_words(p)
        if wanted is None:
            return None
        return Said("E0111", f"the line ends where {wanted} is expected", Span(end, end + 1), _example(p))
    return Said(
        "E0111",
        f"something is missing after {_shown(p.before)}",
        p.before.span,
        "a long line goes on inside brackets, or on lines that begin with `->`"
        if p.problem.tokens[p.problem.at + 1].type == "_INDENT"
        else None,
    )


def _example(p: Place) -> str | None:
    if "=" in p.problem.expected and len(p.line) == 1:
        return "give it a value: `name = ...`"
    return None


def _any_arguments(p: Place) -> Said | None:
    """`block B(n: int, **kwargs)`."""
    if p.token.type not in ("*", "**") or p.before is None or p.before.type not in (",", "("):
        return None
    if p.after.type != "NAME" or p.token.type in p.problem.expected or _depth(p.line) == 0:
        return None
    return Said(
        "E0111",
        f"`{p.token.text}{p.after.text}` would take whatever is passed, and a definition names all that it takes",
        Span(p.token.span.start, p.after.span.end),
        "name each one, with its type: `width: int = 8`, `x: float[N, D]`",
    )


def _closed_early(p: Place) -> Said | None:
    """`f(a, +)`: an operand is missing."""
    if p.token.type not in OPENING and p.token.type not in _OPERATORS | {",", "for", "="}:
        return None
    if p.before is None or p.before.type not in _BEFORE_OPERAND or "NAME" not in p.problem.expected:
        return None
    message = f"something is missing between {_shown(p.before)} and {_shown(p.token)}"
    return Said("E0111", message, p.token.span)


def _missing_comma(p: Place) -> Said | None:
    if p.before is None or p.before.type not in _ENDS or p.token.type not in _OPERANDS | {"(", "[", "{"}:
        return None
    if _depth(p.line) == 0 or "," not in p.problem.expected:
        return None
    return Said(
        "E0100",
        f"{_shown(p.token)} follows {_shown(p.before)} without a comma or an operator",
        p.token.span,
        f"is a comma missing before {_shown(p.token)}?",
    )


def _untyped(p: Place) -> Said | None:
    """`model Tiny(n = 1):`, `forward(x):`."""
    if p.problem.expected != {":"} or p.before is None or p.before.type != "NAME" or _depth(p.line) == 0:
        return None
    if p.before.text == "self":
        end = p.after.start if p.token.type == "," else p.before.end
        way = Way("delete `self`", ((Span(p.before.start, end), ""),))
        message = "a method's inputs are listed without `self`"
        return Said("E0111", message, p.before.span, "leave it out", ways=(way,))
    if re.fullmatch(r"_?(?:make|build|create)_?\w*", p.first.text) and p.first.type == "NAME":
        return Said(
            "E0122",
            f"`{p.first.text}` has no place in a spec: no method makes layers",
            p.first.span,
            "what repeats is a `block`, and a list of it stands under `layers:`: `stage = [Basic(64) for i in range(2)]`",
        )
    if p.first.type in ("model", "block") and p.before.text[:1].isupper():
        help = f"nothing inherits: hold the other as a layer, `base = {p.before.text}()`, or name a variant of it, `model {p.line[1].text} = {p.before.text}(...)`"
        return Said("E0111", f"`{p.before.text}` is no hyperparameter with a type", p.before.span, help)
    example = "n: int = 10" if "layers" not in p.problem.at_line else "x: float[N, D]"
    return Said(
        "E0111", f"`{p.before.text}` has no type", p.before.span, f"write its type, as in `{example}`"
    )


def _python(p: Place) -> Said | None:
    """Signs of Python and other languages that no line has."""
    text = p.token.text
    if text == "@" and p.starts_line:
        help = "there are no decorators: leave the line out; a method is called by its name"
        return Said("E0100", "`@` begins no line here", p.token.span, help)
    if text == "?":
        return Said(
            "E0100",
            "`?` marks what may be none, in a type",
            p.token.span,
            "a choice is `a if condition else b`",
        )
    if text == ":" and p.after.type == "=" and p.after.start == p.token.end:
        help = "a value gets its name on a line of its own: `y = ...`"
        return Said("E0100", "`:=` is not part of the language", Span(p.token.start, p.after.end), help)
    if p.first.text == "super" and text == "." and p.before is not None and p.before.type == ")":
        help, span = _EFFECTS[("super",)], Span(p.first.start, p.token.end)
        return Said(
            "E0122",
            "`super()` has no place in a spec",
            span,
            help,
            ways=_without_line(p.source, p.first.start),
        )
    return None


def _initialiser(p: Place) -> Said | None:
    """`nn.init.normal_(fc.weight, std=0.02)` under `init:`."""
    if p.token.type != "(" or p.first.text not in NAMESPACES | {"init"} or p.before is None:
        return None
    line = Span(p.first.start, _rest_of_line(p)[-1][0].end)
    found = re.fullmatch(r"(?:\w+\.)*(\w+?)_\((?:self\.)?([\w.]+)\s*(?:,\s*(.*))?\)", p.source.at(line))
    if found is None:
        return None
    written = f"{found[2]} = {found[1]}({found[3] or ''})"
    ways = (Way(f"write `{written}`", ((line, written),)),)
    return Said(
        "E0122", "a rule of `init` gives a parameter its start", line, f"write `{written}`", ways=ways
    )


def _parenthesised_type(p: Place) -> Said | None:
    """`x: float(N, d)`."""
    if p.token.text != "(" or p.before is None or p.before.text not in IN_TYPES or _depth(p.line) == 0:
        return None
    rest = _rest_of_line(p)
    end = next((t for t, depth in rest[1:] if t.type in OPENING and depth == 0), None)
    if end is None or end.text != ")":
        return None
    sizes = p.source.text[p.token.end : end.start]
    edits = ((p.token.span, "["), (end.span, "]"))
    help = f"write `{p.before.text}[{sizes}]`"
    return Said(
        "E0111", "dims stand in brackets", Span(p.before.start, end.end), help, ways=(Way(help, edits),)
    )


_RULES: tuple[Callable[[Place], Said | None], ...] = (
    _indent,
    _python,
    _initialiser,
    _parenthesised_type,
    _missing_block,
    _only_doc,
    _keyword_elsewhere,
    _one_line_body,
    _bare_section,
    _missing_colon,
    _wrong_part,
    _foreign_line,
    _reserved,
    _layer_outside,
    _not_a_layer,
    _method_outside,
    _equals,
    _dropped_value,
    _qualified_type,
    _stage,
    _after_stage,
    _mixed,
    _unclosed_inputs,
    _untyped,
    _lambda,
    _doubled,
    _missing_in,
    _missing_equals,
    _ends_early,
    _any_arguments,
    _closed_early,
    _missing_comma,
)


# --- Words -----------------------------------------------------------------------------------


def _depth(tokens: list[Token]) -> int:
    return sum((token.type in CLOSING) - (token.type in OPENING) for token in tokens)


def _shown(token: Token) -> str:
    if token.type in LAYOUT:
        return "the end of the line"
    text = token.text if len(token.text) <= 30 else token.text[:27] + "..."
    return f"`{text}`" if "\n" not in text else "this string"


_TYPES = {"NAME": "a name", "STRING": "a string", "NUMBER": "a number", "HOLE": "`_`"}


def _expected_words(p: Place) -> str | None:
    """What could have stood here, where that is short to say."""
    wanted = sorted(kind for kind in p.problem.expected if kind not in LAYOUT)
    if not wanted or len(wanted) > 3:
        return "`=`" if "=" in p.problem.expected and p.token.type == "NEWLINE" else None
    return " or ".join(_TYPES.get(kind, f"`{kind}`") for kind in wanted)


def _wanted(p: Place) -> str | None:
    words = _expected_words(p)
    return f"expected {words}" if words else None
