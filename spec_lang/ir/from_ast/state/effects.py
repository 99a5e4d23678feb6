"""What checking did: reported, owed, determined, noted. It grows; a trial that is not kept takes its part back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

from spec_lang.ir.from_ast.state.mistake import Mistake
from spec_lang.ir.from_ast.state.notes import Notes
from spec_lang.ir.from_ast.state.place import Place
from spec_lang.ir.from_ast.values.value import (
    AliasModule,
    BlockModule,
    Cell,
    MethodSummary,
    OpModule,
    Owed,
    Summary,
)
from spec_lang.ops.base import Layer
from spec_lang.shapes import Dim

K = TypeVar("K")
V = TypeVar("V")
_ABSENT = object()


class Effects:
    """All that a check leaves behind beside its block's tables; only its own methods write here."""

    __slots__ = (
        "_log",
        "determined",
        "diagnostics",
        "needed",
        "notes",
        "owed",
        "strangers",
        "tainted",
        "used",
    )

    def __init__(self) -> None:
        self.diagnostics: list[Mistake] = []
        self.owed: list[Owed] = []
        """What the block's uses must prove or pass on."""
        self.determined: list[Cell | OpModule | AliasModule | _Method] = []
        """What was found out: `_` and implicit dims, layers with such, containers by their input, methods."""
        self.needed: dict[str, Dim] = {}
        """The dims that layers need, in the order of need."""
        self.used: dict[str, bool] = {}
        """The names of members, hyperparameters and lets that something uses."""
        self.strangers: dict[str, int] = {}
        """Unknown names, each reported once, with how many mistakes were reported before."""
        self.tainted = False
        """Whether something used here is broken: what seems to follow from its absence is not reported."""
        self.notes = Notes()
        self._log: list[tuple[dict[object, object], object, object]] | None = None
        """What notes and uses replaced, while a trial goes on."""

    def report(self, mistake: Mistake) -> None:
        """A mistake."""
        self.diagnostics.append(mistake)

    def report_anew(self, diagnostics: Sequence[Mistake], tainted: bool) -> None:
        """The mistakes of a check as they were when it was done."""
        self.diagnostics, self.tainted = list(diagnostics), tainted

    def report_again(self, diagnostics: Sequence[Mistake]) -> None:
        """Mistakes that an undone trial had found."""
        self.diagnostics.extend(diagnostics)

    def amend(self, change: Callable[[Mistake], Mistake | None], since: int = 0) -> None:
        """Change the mistakes reported from one on; None drops one."""
        changed = [change(d) for d in self.diagnostics[since:]]
        self.diagnostics[since:] = [d for d in changed if d is not None]

    def take(self) -> list[Mistake]:
        """The mistakes, which are here no longer."""
        found, self.diagnostics = self.diagnostics, []
        return found

    def owe(self, owed: Owed) -> None:
        self.owed.append(owed)

    def determine(self, cell: Cell, value: Dim) -> None:
        """The value of a `_` or an implicit dim."""
        cell.value = value
        self.determined.append(cell)

    def ready(self, module: OpModule, layer: Layer) -> None:
        """A layer has its sizes."""
        module.ready = layer
        self.determined.append(module)

    def become(self, module: AliasModule, block: BlockModule) -> None:
        """A container is a block, by what flows into it."""
        module.block = block
        self.determined.append(module)

    def summarise(self, summary: Summary, method: MethodSummary) -> None:
        """A method is checked; its mistakes are among those that are reported here."""
        summary.methods[method.name] = method
        self.determined.append(_Method(summary, method.name))

    def need(self, name: str, value: Dim) -> None:
        """A dim of the inputs is needed at construction; the first need places it."""
        self.needed.setdefault(name, value)

    def need_again(self, needed: Mapping[str, Dim]) -> None:
        """Construction needs these dims, and no others until it is said again."""
        self.needed = dict(needed)

    def use(self, name: str) -> None:
        if name not in self.used:
            self.note(self.used, name, True)

    def taint(self, broken: bool = True) -> None:
        self.tainted |= broken

    def estrange(self, name: str) -> None:
        """A name is unknown, which is reported right away."""
        self.strangers[name] = len(self.diagnostics)

    def note(self, table: dict[K, V], key: K, value: V) -> None:
        """Write into one of the tables of notes."""
        if self._log is not None:
            self._log.append((table, key, table.get(key, _ABSENT)))  # type: ignore[arg-type]  # any table
        table[key] = value

    def since(self) -> Since:
        """What is done from here on, to be looked at."""
        return Since(self)

    def trial(self, at: Place) -> Trial:
        """A trial from a place on: a context."""
        return Trial(self, at)


class _Method:
    """A method that is checked."""

    __slots__ = ("_name", "_summary")

    def __init__(self, summary: Summary, name: str) -> None:
        self._summary = summary
        self._name = name

    def forget(self) -> None:
        """It is not checked."""
        self._summary.methods.pop(self._name, None)


class Since:
    """What was done since a moment."""

    __slots__ = ("_determined", "_effects", "_owed", "_reported")

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._reported = len(effects.diagnostics)
        self._owed = len(effects.owed)
        self._determined = len(effects.determined)

    @property
    def failed(self) -> bool:
        """Whether a mistake was reported."""
        return len(self._effects.diagnostics) > self._reported

    @property
    def errors(self) -> list[Mistake]:
        return self._effects.diagnostics[self._reported :]

    @property
    def owed(self) -> list[Owed]:
        return self._effects.owed[self._owed :]

    @property
    def determined(self) -> list[Cell]:
        """The `_` and implicit dims that got a value."""
        return [d for d in self._effects.determined[self._determined :] if isinstance(d, Cell)]

    def settle(self, owed: Sequence[Owed]) -> None:
        """Other conditions in place of those that were owed since."""
        self._effects.owed[self._owed :] = owed

    def amend(self, change: Callable[[Mistake], Mistake | None]) -> None:
        """Change the mistakes that were reported since."""
        self._effects.amend(change, self._reported)

    def forget(self) -> None:
        """Forget the mistakes; the names that they were about are unknown again."""
        effects, reported = self._effects, self._reported
        del effects.diagnostics[reported:]
        effects.strangers = {n: k for n, k in effects.strangers.items() if k < reported}


class Trial(Since):
    """An attempt, made at a place of its own; undone on leaving, unless it is kept.

    What an attempt that is undone has found to be broken is told by `broken`, for whoever gives up.
    """

    __slots__ = ("_from", "_keeps", "_needed", "_outer", "_start", "_strangers", "_tainted", "at", "broken")

    def __init__(self, effects: Effects, at: Place) -> None:
        super().__init__(effects)
        self._from = at
        self.at = at.fork()
        self.broken = False
        self._keeps = ""
        self._needed = dict(effects.needed)
        self._strangers = dict(effects.strangers)
        self._tainted = effects.tainted
        self._outer = effects._log
        if effects._log is None:
            effects._log = []
        self._start = len(effects._log)

    def keep(self) -> None:
        """All of it counts, and the place goes on from here."""
        self._keeps = "all"

    def keep_notes(self) -> None:
        """What was noted and used counts, and nothing else."""
        self._keeps = "notes"

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        effects = self._effects
        self.broken = effects.tainted
        if self._keeps == "all":
            self._from.adopt(self.at)
        else:
            self._undo()
        effects._log = self._outer

    def _undo(self) -> None:
        effects = self._effects
        log = effects._log
        assert log is not None
        if self._keeps != "notes":
            for table, key, old in reversed(log[self._start :]):
                if old is _ABSENT:
                    del table[key]
                else:
                    table[key] = old
            del log[self._start :]
        del effects.diagnostics[self._reported :]
        del effects.owed[self._owed :]
        for each in effects.determined[self._determined :]:
            each.forget()
        del effects.determined[self._determined :]
        effects.needed, effects.strangers = self._needed, self._strangers
        effects.tainted = self._tainted
