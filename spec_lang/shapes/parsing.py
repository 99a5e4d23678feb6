"""Text to trees and dims, the inverse of `render` and `str`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from spec_lang.shapes.dim import Dim, Tree, opaque, symbol
from spec_lang.shapes.errors import ParseError, TooLarge
from spec_lang.shapes.printing import (
    BINARY,
    BITS,
    COMPARE,
    COMPARISONS,
    NOT,
    POWER,
    PREFIXES,
    SIGNS,
    UNARY,
    WORDS,
    from_tree,
)

_TOKEN = (
    r"(\d+(?:_\d+)*(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
    r"|([^\W\d]\w*)"
    r"|(\"[^\"]*\"|'[^']*')"
    r"|//|\*\*|<<|>>|[<>=!]=|[-+*/%&|^~<>()\[\],.:]"
    r"|\S"
)
_NUMBER, _NAME, _STRING, _END = range(1, 5)
_DEPTH = 100
"""Brackets inside each other."""
_HEIGHT = 400
"""Operators inside each other: whoever goes over a tree calls itself for the parts."""
_LENGTH = 2**18
_DIGITS = 32
_SHORT = 256
"""The length of a text whose tree is kept."""
_PREFIX_LEVELS = {"not": NOT} | dict.fromkeys(["-", "+", "~"], UNARY)
_PREFIX_KINDS = {sign: kind for kind, sign in PREFIXES.items()}
_BINARY = {SIGNS[kind]: (level, kind) for kind, (level, _) in BINARY.items()}
_BINARY |= {sign: (COMPARE, sign) for sign in COMPARISONS}
_VALUES = {word: value for value, word in WORDS.items()} | {str(value): value for value in WORDS}
_KEYWORDS = frozenset({"if", "else", "and", "or", "not", "in", "is"})


def read(text: str) -> Tree:
    """The tree of a dim's or a condition's text, precedence as in Python.

    It is made of what `Dim.tree` gives, without opaque parts, and of

    ("const", value) for floats, strings, and `none true false` in either spelling; ("div", a, b), ("pos", a);
    ("bitand", a, b), ("bitor", a, b), ("bitxor", a, b), ("lshift", a, b), ("rshift", a, b), ("invert", a);
    ("compare", a, "<", b, "<=", c), ("and", a, b), ("or", a, b), ("not", a), ("if", test, body, orelse);
    ("attribute", a, "name"), ("index", a, b, ...), ("slice", a, b, c) with None for what is left out,
    ("call", "len", a, ...), ("tuple", a, ...), ("list", a, ...), ("each", "i", a, b, c) for `[a for i in b if c]`,
    ("each", ("i", "k"), a, b) for `[a for i, k in b]`.

    Strings have no escapes. Names are the language's: `class` is one.

    Raises:
        ParseError: it is neither.
        TooLarge: over the limits.
    """
    return _kept(text) if len(text) <= _SHORT else _Reader(text, True).all()


@lru_cache(4096)
def _kept(text: str) -> Tree:
    return _Reader(text, True).all()


def parse(text: str, symbols: Mapping[str, Dim] | None = None) -> Dim:
    """The dim of an expression; names that `symbols` does not give are symbols of at least 1.

    What the algebra does not look into is an uninterpreted term by its text: `name[...]`, `name.attribute`, calls other
    than of `min` and `max`, operators on bits in parentheses.

    Raises:
        ParseError: no dim expression.
        TooLarge: over the limits.
    """
    known = symbols or {}

    def leaf(kind: str, name: str) -> Dim:
        found = known.get(name)
        return found if found is not None else symbol(name) if kind == "symbol" else opaque(name)

    return from_tree(_Reader(text, False).all(), leaf)


class _Reader:
    """Reads one text; with `whole`, the inside of uninterpreted terms, else these are opaque."""

    def __init__(self, text: str, whole: bool) -> None:
        if len(text) > _LENGTH:
            raise TooLarge("a size that is too long to follow")
        self.text = text
        self.whole = whole
        found = list(re.finditer(_TOKEN, text))
        self.tokens = [m[0] for m in found] + [""]
        self.kinds = [m.lastindex for m in found] + [_END]
        self.places = [m.span() for m in found] + [(len(text), len(text))]
        self.at = 0
        self.depth = 0
        self.waiting = 0

    def error(self) -> ParseError:
        return ParseError(f"`{self.text}` is no dim expression: at {self.text[self.places[self.at][0] :]!r}")

    def all(self) -> Tree:
        result = self.expression()
        if self.kinds[self.at] != _END:
            raise self.error()
        if self.whole and len(self.tokens) > _HEIGHT:
            _check_height(result)
        return result

    def take(self, text: str) -> bool:
        """Pass the next token if it is this one."""
        if self.tokens[self.at] != text:
            return False
        self.at += 1
        return True

    def need(self, text: str) -> None:
        if not self.take(text):
            raise self.error()

    def expression(self) -> Tree:
        self.depth += 1
        if self.depth > _DEPTH:
            raise TooLarge("a size that is nested too deeply")
        result = self.operators()
        if self.take("if"):
            test = self.operators()
            self.need("else")
            result = ("if", test, result, self.expression())
        self.depth -= 1
        return result

    def operators(self) -> Tree:
        """Operands with the operators between them; those that wait for their right side are on a stack."""
        operands: list[Tree] = []
        waiting: list[tuple[int, str]] = []
        while True:
            while (sign := self.tokens[self.at]) in _PREFIX_LEVELS:
                level = _PREFIX_LEVELS[sign]
                if level == NOT and waiting and waiting[-1][0] > NOT:
                    raise self.error()
                self.at += 1
                if sign == "-" and not self.whole and waiting and waiting[-1][1] == "neg":
                    waiting.pop()
                else:
                    waiting.append((level, _PREFIX_KINDS[sign]))
            self.waiting += len(waiting)
            if self.waiting > _HEIGHT:
                raise TooLarge("a size that is nested too deeply")
            operands.append(self.operand())
            self.waiting -= len(waiting)
            level, kind = self.binary()
            while waiting and (waiting[-1][0] > level or waiting[-1][0] == level not in (COMPARE, POWER)):
                _reduce(operands, waiting)
            if not kind:
                return operands[0]
            waiting.append((level, kind))

    def binary(self) -> tuple[int, str]:
        """The level and kind of the next binary operator, which is passed; no kind if there is none."""
        sign = self.tokens[self.at]
        if sign in ("is", "not"):
            second = self.tokens[self.at + 1]
            if second == ("not" if sign == "is" else "in"):
                sign = f"{sign} {second}"
        found = _BINARY.get(sign)
        if found is None:
            return -1, ""
        self.at += 1 + (" " in sign)
        return found

    def operand(self) -> Tree:
        """A name, literal or bracket, with the attributes and indices after it."""
        first = self.at
        kind, text = self.kinds[first], self.tokens[first]
        self.at += 1
        result: Tree
        looked_into = True
        if kind == _NAME:
            if text in _VALUES:
                result = ("const", _VALUES[text])
            elif text in _KEYWORDS:
                self.at = first
                raise self.error()
            elif self.take("("):
                looked_into = text in ("min", "max")
                args = self.items(")")
                if looked_into and not args:
                    raise self.error()
                result = (text, *args) if looked_into else ("call", text, *args)
            else:
                result = ("symbol", text)
        elif kind == _NUMBER:
            result = ("const", _number(text))
        elif kind == _STRING:
            result = ("const", text[1:-1])
        elif text == "[":
            result = self.listed()
        elif text == "(":
            result = self.group()
            looked_into = result[0] not in BITS
        else:
            self.at = first
            raise self.error()
        while True:
            if self.take("["):
                result = ("index", result, *self.indices())
            elif self.take("."):
                if self.kinds[self.at] != _NAME:
                    raise self.error()
                result = ("attribute", result, self.tokens[self.at])
                self.at += 1
            else:
                break
            looked_into = False
        if looked_into or self.whole:
            return result
        return "opaque", self.text[self.places[first][0] : self.places[self.at - 1][1]]

    def group(self) -> Tree:
        """The rest of a parenthesis: an expression, or a tuple."""
        if self.take(")"):
            return ("tuple",)
        first = self.expression()
        if self.take(")"):
            return first
        self.need(",")
        return ("tuple", first, *self.items(")"))

    def listed(self) -> Tree:
        """The rest of a list, or of a comprehension of one `for`."""
        if self.take("]"):
            return ("list",)
        first = self.expression()
        if self.take("for"):
            names: list[str] = []
            while not names or self.take(","):
                if self.kinds[self.at] != _NAME:
                    raise self.error()
                names.append(self.tokens[self.at])
                self.at += 1
            self.need("in")
            over = self.operators()
            tests: list[Tree] = []
            while self.take("if"):
                tests.append(self.operators())
            self.need("]")
            return ("each", names[0] if len(names) == 1 else tuple(names), first, over, *tests)
        if self.take("]"):
            return ("list", first)
        self.need(",")
        return ("list", first, *self.items("]"))

    def items(self, close: str) -> list[Tree]:
        """Expressions up to a bracket."""
        result: list[Tree] = []
        while not self.take(close):
            result.append(self.expression())
            if not self.take(","):
                self.need(close)
                break
        return result

    def indices(self) -> list[Tree]:
        result: list[Tree] = []
        while True:
            result.append(self.index())
            if self.take("]"):
                return result
            self.need(",")

    def index(self) -> Tree:
        """An index or a slice."""
        parts: list[Tree | None] = [None]
        while True:
            if self.tokens[self.at] not in (":", ",", "]"):
                parts[-1] = self.expression()
            if len(parts) == 3 or not self.take(":"):
                break
            parts.append(None)
        if len(parts) > 1:
            return ("slice", *parts, *[None] * (3 - len(parts)))
        if parts[0] is None:
            raise self.error()
        return parts[0]


def _reduce(operands: list[Tree], waiting: list[tuple[int, str]]) -> None:
    """Give the operator that waited last what is on its sides."""
    level, kind = waiting.pop()
    right = operands.pop()
    if kind in PREFIXES:
        operands.append((kind, right))
    elif level != COMPARE:
        operands.append((kind, operands.pop(), right))
    else:
        rest: list[object] = [kind, right]
        while waiting and waiting[-1][0] == COMPARE:
            rest[:0] = [waiting.pop()[1], operands.pop()]
        operands.append(("compare", operands.pop(), *rest))


def _number(text: str) -> int | float:
    digits = text.replace("_", "")
    if digits.isdecimal():
        if len(digits) > _DIGITS:
            raise TooLarge("a size that does not fit 64 bits")
        return int(digits)
    value = float(digits)
    if value == float("inf"):
        raise TooLarge("a number that is larger than a float can be")
    return value


def _check_height(tree: Tree) -> None:
    """Refuse a tree that is too high.

    Raises:
        TooLarge: it is.
    """
    level = [tree]
    for _ in range(_HEIGHT):
        level = [part for t in level for part in t if type(part) is tuple]
        if not level:
            return
    raise TooLarge("a size that is nested too deeply")
