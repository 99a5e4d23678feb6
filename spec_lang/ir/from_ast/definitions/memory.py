"""What checks of definitions came to, kept for the next check of a program of which only a part has changed.

A check is a function of its definition, of the values that it is made for, and of all that it asks of other definitions.
What it asked is kept with it; asking the same again must give the very same answers, which also leaves behind whatever a
check that is made anew would have left.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from spec_lang.ir.from_ast.names.scope import Def, LoadedModule, Makes, Scope
from spec_lang.ir.from_ast.state.check import COMPARED, Check, NeedsValue
from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.values.value import MethodSummary, Summary, Value
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk

Answer = TypeVar("Answer")
GENERATIONS = 32
"""For how many checks of the program what none of them uses is kept."""

Run = Callable[[Check], "Check | Value"]
"""Makes a check, and gives what it comes to; or a check that counts in its place."""
Outcome = tuple[Check, Value, NeedsValue | None]


class _Asked:
    """A question to another definition, and its answer."""

    __slots__ = ("answer", "args", "ask", "broken")

    def __init__(self, ask: Callable[..., object], args: tuple[object, ...], answer: object) -> None:
        self.ask = ask
        self.args = args
        self.answer = answer
        self.broken = _is_broken(answer)

    def stands(self) -> bool:
        answer = self.ask(*self.args)
        return (answer is self.answer or (isinstance(answer, bool) and answer == self.answer)) and _is_broken(
            answer
        ) == self.broken


def _is_broken(answer: object) -> bool:
    return isinstance(answer, Summary | MethodSummary) and answer.broken


class _Kept:
    """One check that was made, as it was when it was done."""

    __slots__ = (
        "asked",
        "broken",
        "check",
        "compared",
        "needs",
        "reported",
        "tainted",
        "touched",
        "used",
        "value",
    )

    def __init__(self, definition: Def, check: Check) -> None:
        self.check = check
        self.touched = {definition}
        """The definitions whose change makes it another."""
        self.asked: list[_Asked] = []
        self.value: Value = None
        self.needs: NeedsValue | None = None
        self.reported: list[Mistake] = []
        self.tainted = self.broken = False
        self.compared = 0
        self.used = 0

    def again(self) -> Outcome:
        self.check.effects.report_anew(self.reported, self.tainted)
        self.check.block.summary.broken = self.broken
        return self.check, self.value, self.needs


class Memory(Makes):
    """Checks by what they were made of, and the definitions that they are about."""

    def __init__(self) -> None:
        self._scopes: dict[str, Scope] = {}
        self._definitions: dict[ast.Definition, Def] = {}
        self._means: dict[Def, tuple[object, ...]] = {}
        self._visible: tuple[frozenset[str], ...] = ()
        self._kept: dict[Hashable, _Kept] = {}
        self._making: list[_Kept | None] = []
        """The checks that are being made, each asked for by the one before it; None for one that is not kept."""
        self._round = 0
        self.made = 0
        """How many checks were made and not taken from here, in this round."""

    # --- what stays the same object ---

    def scope(self, module: LoadedModule, file: int) -> Scope:
        scope = self._scopes.setdefault(module.name, Scope(module, file))
        scope.module, scope.file, scope.names, scope.broken = module, file, {}, set()
        return scope

    def definition(self, node: ast.Definition, name: str, scope: Scope) -> Def:
        known = self._definitions.get(node)
        if known is None or known.scope is not scope:
            known = self._definitions[node] = super().definition(node, name, scope)
        known.file = scope.file
        return known

    # --- rounds ---

    def begin(self, scopes: list[Scope]) -> None:
        """Forget what the program's changes have made another."""
        self._round += 1
        self.made = 0
        self._making.clear()
        present = [d for s in scopes for d in s.names.values() if d.scope is s]
        means = {d: tuple(_meanings(d)) for d in present}
        stale = {d for d, meant in means.items() if self._means.get(d) != meant}
        stale |= self._means.keys() - means.keys()
        _spread(stale, means)
        self._means = means
        visible = tuple(frozenset(s.names) for s in scopes)
        renamed, self._visible = visible != self._visible, visible
        oldest = self._round - GENERATIONS
        self._kept = {
            key: kept
            for key, kept in self._kept.items()
            # what is wrong may say which names there are
            if kept.used >= oldest and not (renamed and kept.reported) and kept.touched.isdisjoint(stale)
        }
        nodes = {node for s in scopes for node in s.module.tree.definitions}
        self._definitions = {node: d for node, d in self._definitions.items() if node in nodes}
        names = {s.module.name for s in scopes}
        self._scopes = {name: s for name, s in self._scopes.items() if name in names}

    # --- checks ---

    def check(self, key: Hashable, check: Check, run: Run) -> Outcome:
        """A check with what it gives, and what would have to be known for it: as it was, or made now."""
        kept = self._kept.get(key)
        if kept is not None and self._stands(kept):
            kept.used = self._round
            check.program.compared += kept.compared
            return kept.again()
        self.made += 1
        kept = _Kept(check.definition, check)
        depth = len(self._making)
        self._making.append(kept)
        before = check.program.compared
        try:
            came = run(check)
            if isinstance(came, Check):
                kept.check = check = came
            else:
                kept.value = came
        except NeedsValue as needs:
            kept.needs = needs.with_traceback(None)
        finally:
            stays = self._making[depth] is kept
            del self._making[depth:]
        kept.reported = list(check.effects.diagnostics)
        kept.tainted = check.effects.tainted
        kept.broken = check.block.summary.broken
        kept.compared = check.program.compared - before
        kept.used = self._round
        if stays and check.program.compared < COMPARED:
            self._kept[key] = kept
        else:
            self._kept.pop(key, None)
        return check, kept.value, kept.needs

    def _stands(self, kept: _Kept) -> bool:
        if kept.check.program.compared + kept.compared >= COMPARED:
            return False
        self._making.append(None)  # what these ask is no question of who asks for this
        try:
            return all(asked.stands() for asked in kept.asked)
        finally:
            self._making.pop()

    def ask(
        self, answer: Callable[..., Answer], args: tuple[object, ...], definition: Def, circle: bool
    ) -> Answer:
        """An answer to the check that is being made, noted as one; in a circle it depends on who began it."""
        if circle:
            self._making = [None] * len(self._making)
        self._making.append(None)
        try:
            given = answer(*args)
        except BaseException:
            self._making[-2:-1] = [None]  # there is no answer that could be the same again
            raise
        finally:
            self._making.pop()
        asker = self._making[-1] if self._making else None
        if asker is not None:
            asker.touched.add(definition)
            asker.asked.append(_Asked(answer, args, given))
        return given


def _meanings(definition: Def) -> Iterator[object]:
    """What each word of a definition means in its file: a definition, or that an import failed to bring it."""
    scope = definition.scope
    for word in words(definition.node):
        found = scope.names.get(word)
        yield (word in scope.broken) if found is None else found


def _spread(stale: set[Def], means: dict[Def, tuple[object, ...]]) -> None:
    """Add to some definitions those that mean them, and those that mean these."""
    users: dict[Def, list[Def]] = {}
    for user, meant in means.items():
        for one in meant:
            if isinstance(one, Def):
                users.setdefault(one, []).append(user)
    waiting = list(stale)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in stale:
                stale.add(user)
                waiting.append(user)


def words(node: ast.Definition) -> tuple[str, ...]:
    """Every word of a definition that may be a name of its file."""
    known: tuple[str, ...] | None = node.__dict__.get("words")
    if known is None:
        found: dict[str, None] = {}
        for each in walk(node):
            if isinstance(each, ast.Name):
                found[each.id] = None
            elif isinstance(each, ast.NamedType | ast.Attribute):
                found[each.name] = None
        known = node.__dict__["words"] = tuple(found)
    return known
