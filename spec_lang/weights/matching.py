"""Holds the tensors of a weights file to a model's state: every key, shape and dtype, all mismatches at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from spec_lang.asking import asked
from spec_lang.diagnostics import Diagnostic
from spec_lang.shapes.dtype import DType
from spec_lang.weights.elements import same
from spec_lang.weights.state import Entry
from spec_lang.weights.stored import Stored, WeightsError, problem, shown

LISTED: Final = 20
"""Keys that one message lists."""
_WIDER: Final = {
    DType.F16: (DType.F32, DType.F64),
    DType.BF16: (DType.F32, DType.F64),
    DType.F32: (DType.F64,),
}
"""The float dtypes that hold every number of a narrower one."""


def roots(entries: Iterable[Entry]) -> dict[str, str]:
    """The key that each key's tensor goes by."""
    shares = {e.key: e.shared for e in entries}
    found: dict[str, str] = {}
    for key in shares:
        root, steps = key, 0
        while (shared := shares.get(root)) is not None and steps <= len(shares):
            root, steps = shared, steps + 1
        found[key] = root
    return found


def match(
    entries: tuple[Entry, ...], tensors: Mapping[str, Stored], precision: DType, path: str
) -> tuple[dict[str, Stored], tuple[str, ...]]:
    """The stored tensor of each root key, and what to tell the user.

    `precision` is what FLOAT is exported as. A tied tensor may be stored under any of its keys, or under several if
    they agree.

    Raises:
        WeightsError: keys are missing (E1008) or unexpected (E1009), shapes (E1010) or dtypes (E1011) differ, tied tensors
            differ (E1012).
    """
    root_of = roots(entries)
    by_key = {e.key: e for e in entries}
    found: dict[str, Stored] = {}
    problems: list[Diagnostic] = []
    rounded = 0
    shapes: list[str] = []
    dtypes: list[str] = []
    for key, stored in tensors.items():
        entry = by_key.get(key)
        if entry is None:
            continue
        root = by_key.get(root_of[key], entry)
        if stored.shape != entry.shape and isinstance(stored.dtype, DType):
            shapes.append(_shape_note(entry, stored))
        elif not _fits(stored.dtype, root.dtype, precision):
            wanted = precision if root.dtype is DType.FLOAT else root.dtype
            dtypes.append(f"{shown(key)} is {wanted.value} in the model, {_named(stored.dtype)} in the file")
        elif root.key not in found:
            found[root.key] = stored
            rounded += root.dtype is DType.FLOAT and stored.dtype is DType.F64 and precision is DType.F32
        elif not _agree(found[root.key], stored):
            message = f"{shown(key)} and {shown(root.key)} are tied in the model, but differ in the file"
            problems.append(
                problem("E1012", message, path, help="remove the `tie`, or store the tensor once")
            )
    held = {root_of[key] for key in tensors if key in root_of}
    missing = [root for root in dict.fromkeys(root_of.values()) if root not in held]
    optional = {e.key for e in entries if e.optional}
    absent = dict.fromkeys(key.rpartition(".")[2] for key in missing if key in optional)
    missing = [key for key in missing if key not in optional]
    unexpected = [key for key in tensors if key not in by_key]
    problems += _keys(missing, unexpected, by_key, tensors, path)
    if shapes:
        problems.append(_listed("E1010", "have another shape in the file", shapes, path))
    if dtypes:
        problems.append(_listed("E1011", "have another dtype in the file", dtypes, path))
    if problems:
        raise WeightsError(tuple(problems))
    notes = [f"`{name}` is not in the file; it starts as 0" for name in absent]
    if rounded:
        notes.append(f"{rounded:,} tensor{'s' * (rounded != 1)} of f64 rounded to f32")
    return found, tuple(notes)


def _named(dtype: DType | str) -> str:
    return dtype.value if isinstance(dtype, DType) else shown(dtype)


def _fits(stored: DType | str, wanted: DType, precision: DType) -> bool:
    """Whether a stored dtype may serve: the same, a narrower float, or any float where the model has its own precision."""
    if wanted is DType.FLOAT:
        if isinstance(stored, DType) and stored.is_float:
            return True
        wanted = precision
    return isinstance(stored, DType) and (stored is wanted or wanted in _WIDER.get(stored, ()))


def _agree(a: Stored, b: Stored) -> bool:
    return a.dtype is b.dtype and same(a, b)


def _shape_note(entry: Entry, stored: Stored) -> str:
    hint = ""
    if len(entry.shape) > 1 and stored.shape == entry.shape[::-1]:
        hint = ": it is transposed"
    return f"{shown(entry.key)} is {list(entry.shape)} in the model, {list(stored.shape)} in the file{hint}"


def _keys(
    missing: list[str],
    unexpected: list[str],
    by_key: Mapping[str, Entry],
    tensors: Mapping[str, Stored],
    path: str,
) -> list[Diagnostic]:
    """What to say of keys that only one side has."""
    problems = []
    fix = _prefix(missing, unexpected)
    if missing:
        notes = []
        for key in missing[:LISTED]:
            alike = [] if fix else _alike(key, by_key[key].shape, unexpected, tensors)
            hint = f"; the file has {shown(alike[0])}, did you mean that?" if alike else ""
            notes.append(f"{shown(key)} {list(by_key[key].shape)}{hint}")
        problems.append(
            _listed("E1008", "are missing from the file", notes, path, count=len(missing), help=fix)
        )
    if unexpected:
        notes = [f"{shown(key)} {list(tensors[key].shape)}" for key in unexpected[:LISTED]]
        drop = None if missing else _leave_out(unexpected)
        problems.append(
            _listed(
                "E1009", "of the file are not in the model", notes, path, count=len(unexpected), help=drop
            )
        )
    return problems


def _leave_out(keys: list[str]) -> str:
    """The options that leave these keys out: by a prefix that they all have, or one by one where they are few."""
    heads = {key.partition(".")[0] for key in keys}
    patterns = [f"{next(iter(heads))}.*"] if len(keys) > 1 and len(heads) == 1 else keys
    if len(patterns) > 3 or any(set(p) & set("'\n") or not p.isprintable() or len(p) > 100 for p in patterns):
        return f"`{asked('--ignore', 'KEY')}` leaves a tensor out; `*` in KEY is any text"
    return f"`{asked('--ignore', *patterns)}` leaves {'it' if len(keys) == 1 else 'them'} out, if the model has no use for {'it' if len(keys) == 1 else 'them'}"


def _alike(
    key: str, shape: tuple[int, ...], unexpected: list[str], tensors: Mapping[str, Stored]
) -> list[str]:
    """The unexpected key that is nearly this one and has its shape."""
    from difflib import get_close_matches

    fitting = [other for other in unexpected if tensors[other].shape == shape and len(other) < 200]
    return get_close_matches(key, fitting[:500], 1, 0.75)


def _prefix(missing: list[str], unexpected: list[str]) -> str | None:
    """The fix where one side has a prefix that the other lacks, on at least half of the missing keys."""
    for ours, theirs, form in ((missing, unexpected, "{}*=*"), (unexpected, missing, "*={}*")):
        wanted = set(ours)
        prefixes: Counter[str] = Counter()
        for key in theirs:
            at = key.find(".")
            while 0 <= at < 200:
                if key[at + 1 :] in wanted:
                    prefixes[key[: at + 1]] += 1
                at = key.find(".", at + 1)
        if prefixes:
            prefix, count = prefixes.most_common(1)[0]
            if 2 * count >= len(missing):
                return f"`{asked('--rename', form.format(shown(prefix)[1:-1]))}`"
    return None


def _listed(
    code: str, what: str, notes: list[str], path: str, *, count: int | None = None, help: str | None = None
) -> Diagnostic:
    """One problem for many keys."""
    count = len(notes) if count is None else count
    words = what.split(" ", 1)
    if count == 1:
        what = {"are": "is", "have": "has"}.get(words[0], words[0]) + " " + words[1]
        what = what.replace("are not", "is not")
    lines = (*notes[:LISTED], f"and {count - LISTED:,} more") if count > LISTED else tuple(notes)
    return problem(code, f"{count:,} tensor{'s' * (count != 1)} {what}", path, notes=lines, help=help)
