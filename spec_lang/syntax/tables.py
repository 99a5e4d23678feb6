"""The LALR tables that Lark makes of the grammar, kept between runs.

Building them takes Lark some 300 ms, so they are kept as JSON (which executes nothing when read) in the user's
cache directory. A file names the grammar, the Lark and the Python that its tables are for, whole: its own name and its first
line are mere checksums, since `hashlib` costs 3 ms to import.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from spec_lang import resources
from spec_lang.frozen import Frozen

_FORMAT = "2"


class Rule(Frozen):
    """One alternative: what it makes, the callback's name, how many symbols it takes."""

    origin: str
    action: str
    size: int
    inline: bool  # `?rule` with one symbol and no alias: the value goes through


class Tables(Frozen):
    """Actions by state and token type: a state to shift to, or `~rule` to reduce by; gotos by state and rule name."""

    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    rules: list[Rule]
    start: int
    end: int
    patterns: dict[str, str]
    words: list[str]
    operators: list[str]


@cache
def load() -> Tables:
    """The tables of the grammar, from the cache where they are there and sound."""
    grammar = resources.grammar().read_text(encoding="utf-8")
    key = "\0".join((_FORMAT, grammar, _lark(), sys.version))
    path = _cache_path(key)
    if path is not None:
        data = _read(path, key)
        if data is not None:
            return data
    tables = _build(grammar)
    if path is not None:
        _write(path, key, tables)
    return tables


def _cache_path(key: str) -> Path | None:
    root = os.environ.get("SPECC_CACHE_DIR")
    if root is None:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        root = os.path.join(os.path.expanduser(base), "specc")
        if root.startswith("~"):
            return None
    return Path(root) / f"nnspec-{_checksum(key.encode())}.json"


def _lark() -> str:
    """Which Lark is installed, without importing it (`importlib.metadata` costs as much as the parse)."""
    found = find_spec("lark")
    if found is None or found.origin is None:
        return ""
    there = os.stat(found.origin)
    return f"{found.origin} {there.st_mtime_ns} {there.st_size}"


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def _read(path: Path, key: str) -> Tables | None:
    """The tables in a cache file, if it is whole and for this key."""
    try:
        checksum, data = path.read_bytes().split(b"\n", 1)
        if _checksum(data).encode() != checksum:
            return None
        written, rules, fields = json.loads(data)
        return Tables(rules=[Rule(*rule) for rule in rules], **fields) if written == key else None
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, key: str, tables: Tables) -> None:
    """Write the cache whole or not at all; a cache that cannot be written is done without."""
    fields = {name: getattr(tables, name) for name in Tables.node_fields}
    rules = [[getattr(rule, name) for name in Rule.node_fields] for rule in fields.pop("rules")]
    data = json.dumps([key, rules, fields]).encode()
    from tempfile import NamedTemporaryFile

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            file.write(_checksum(data).encode() + b"\n" + data)
        os.replace(file.name, path)
    except OSError:
        return


def _build(grammar: str) -> Tables:
    from lark import Lark
    from lark.grammar import Rule as LarkRule
    from lark.lexer import PatternStr
    from lark.parsers.lalr_analysis import Shift

    lark = Lark(grammar, parser="lalr", lexer="basic", start="module", maybe_placeholders=False)
    literals = {t.name: t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    patterns = {t.name: t.pattern.to_regexp() for t in lark.terminals if t.name not in literals}
    parser: Any = lark.parser.parser
    table = parser._parse_table
    numbers: dict[LarkRule, int] = {}
    rules: list[Rule] = []
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    for state in range(len(table.states)):
        row: dict[str, int] = {}
        goto: dict[str, int] = {}
        for symbol, (action, argument) in table.states[state].items():
            if action is Shift:
                is_term = (
                    symbol in literals
                    or symbol.isupper()
                    or (symbol.startswith("_") and symbol[1:].isupper())
                )
                if is_term:
                    row[literals.get(symbol, symbol)] = argument
                else:
                    goto[str(symbol)] = argument
                continue
            if argument not in numbers:
                numbers[argument] = len(rules)
                rules.append(_rule(argument))
            row[literals.get(symbol, symbol)] = ~numbers[argument]
        actions.append(row)
        gotos.append(goto)
    words = sorted(text for text in literals.values() if text.isalpha())
    operators = sorted((text for text in literals.values() if not text.isalpha()), key=lambda o: (-len(o), o))
    return Tables(
        actions,
        gotos,
        rules,
        table.start_states["module"],
        table.end_states["module"],
        patterns,
        words,
        operators,
    )


def _rule(rule: Any) -> Rule:
    size = len(rule.expansion)
    name = rule.alias or rule.origin.name
    inline = size == 1 and rule.alias is None and bool(rule.options.expand1)
    if name.startswith("__"):
        name = "append" if size == 2 else "first"
    return Rule(str(rule.origin.name), str(name), size, inline)
