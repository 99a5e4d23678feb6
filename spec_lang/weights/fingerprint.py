"""Tells whether a weights file is still the one that a model was exported with.

The fingerprint is the size and a hash of the file's first megabyte (in a safetensors file the header: names, dtypes, shapes) and
of 1,024 evenly spaced kilobytes, which any training or conversion changes; a full hash is for who asks for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Final

from spec_lang.diagnostics import Diagnostic
from spec_lang.weights.elements import BUFFER
from spec_lang.weights.stored import open_regular, problem

KEY: Final = "specc.weights"
"""The key of the model's metadata under which the fingerprints stand, as JSON."""
HEAD: Final = 1 << 20
SAMPLES: Final = 1024
SAMPLE: Final = 1024


def fingerprint(path: str, *, full: bool = False) -> dict[str, str | int]:
    """Size and hash of a file; `full` hashes every byte of it.

    Raises:
        WeightsError: the file cannot be read (E1001).
    """
    from hashlib import sha256

    fd = open_regular(path)
    try:
        size = os.fstat(fd).st_size
        hasher = sha256(os.pread(fd, HEAD, 0))
        if full or size <= HEAD + SAMPLES * SAMPLE:
            for at in range(HEAD, size, BUFFER):
                hasher.update(os.pread(fd, BUFFER, at))
            return {"size": size, "sha256": hasher.hexdigest()}
        for i in range(SAMPLES):
            hasher.update(os.pread(fd, SAMPLE, HEAD + (size - HEAD - SAMPLE) * i // (SAMPLES - 1)))
        return {"size": size, "sampled": hasher.hexdigest()}
    finally:
        os.close(fd)


def record(paths: Iterable[str], folder: str, *, full: bool = False) -> str:
    """The metadata's text for the weights files of a model in `folder`."""
    files = [{"file": os.path.relpath(p, folder), **fingerprint(p, full=full)} for p in paths]
    return json.dumps(files, separators=(",", ":"))


def files(text: str) -> list[str]:
    """The names of the weights files in the metadata's text, relative to the model's folder; none where it is malformed."""
    try:
        return [str(f["file"]) for f in json.loads(text)]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []


def changed(metadata: Mapping[str, str], folder: str) -> tuple[Diagnostic, ...]:
    """What is wrong with the weights files of an exported model: gone or changed since (E1015).

    A file that was copied from elsewhere may be gone; one that is there must be the same.
    """
    problems = []
    try:
        files = json.loads(metadata.get(KEY, "[]"))
        expected = [
            (str(f["file"]), {k: f[k] for k in ("size", "sha256", "sampled") if k in f}) for f in files
        ]
        if not all(type(marks.get("size")) is int for _, marks in expected):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        return (problem("E1015", f"the model's `{KEY}` metadata is malformed", folder),)
    for name, marks in expected:
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            continue
        now = fingerprint(path, full="sha256" in marks)
        if now != marks:
            size = (
                ""
                if now["size"] == marks["size"]
                else f" ({marks['size']:,} bytes then, {now['size']:,} now)"
            )
            message = f"the weights changed since the model was exported{size}"
            problems.append(problem("E1015", message, path, help="export the model again"))
    return tuple(problems)
