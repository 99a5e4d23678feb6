"""Writing a checked program's ONNX model and its weights, and what the model says of how it was made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from spec_lang.asking import asked
from spec_lang.frozen import Frozen
from spec_lang.generated import foreign
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.templates import BlockTemplate
from spec_lang.targets.onnx.export import Options, emit
from spec_lang.weights import export as weights_of
from spec_lang.weights import fingerprint
from spec_lang.weights.named import named
from spec_lang.weights.onnx_file import about
from spec_lang.weights.place import TensorData

if TYPE_CHECKING:
    from pathlib import Path

    from spec_lang.ir.arithmetic import Host
    from spec_lang.ir.model import Program
    from spec_lang.weights.export import Mode

KEY: Final = "specc.export"
"""The key of the model's metadata under which it stands how the model was made, as JSON."""


SMALL: Final = 1024
"""Bytes from which on a tensor that is copied stands in the file beside the model, and not in the model itself."""


class Written(Frozen):
    """What an export wrote.

    Attributes:
        data: Where each of the model's weights is.
        notes: What to tell the user of the weights.
        drawn: Whether the weights are random, and nobody asked for that.
        changed: The files that were written or, where only that was asked, would be.
    """

    data: Mapping[str, TensorData]
    notes: tuple[str, ...]
    drawn: bool
    changed: tuple[str, ...]


def export(
    program: Program,
    name: str,
    output: Path,
    options: Options,
    *,
    overrides: Mapping[str, Host] | None = None,
    weights: str | None = None,
    seed: int | None = None,
    mode: Mode = "copy",
    renames: Sequence[str] = (),
    ignores: Sequence[str] = (),
    force: bool = False,
    only_check: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Write the model `name` of a program to the file `output`.

    Args:
        program: The checked program.
        name: A model or variant of it.
        output: The file; its folder is made.
        options: What the graph is of.
        overrides: Hyperparameters in place of their defaults.
        weights: A weights file, or `FILE:NAME`; without it they are drawn from `seed`, or from 0.
        seed: What random weights are drawn from, where they are meant to be random.
        mode: Where the weights go.
        renames: Patterns from the file's keys to the model's.
        ignores: Patterns of the file's keys that are left out.
        force: Whether a file that specc did not write may be replaced.
        only_check: Write nothing, and say what would change.
        progress: Told how many bytes are done, and of how many.

    Raises:
        EvaluationError: ONNX cannot express the model, or the values do not fit.
        WeightsError: the weights do not fit, or something cannot be read or written.
        FileExistsError: a file that specc did not write would be replaced, or weights from a file by random ones.
    """
    if not force and not only_check and foreign([output]):
        raise FileExistsError(
            f"{output} is there, and specc did not write it; {asked('--force')} replaces it"
        )
    made = emit(program, name, overrides, options)
    drawn = bool(weights is None and seed is None and mode != "none" and made.needed)
    if drawn:
        _keep_weights(output)
    if only_check and not output.parent.is_dir():
        return Written({}, (), drawn, (str(output),))
    output.parent.mkdir(parents=True, exist_ok=True)
    with weights_of.export(
        made.state,
        made.needed,
        str(output),
        weights=weights,
        seed=seed or 0,
        mode=mode,
        small=SMALL,
        renames=renames,
        ignores=ignores,
        precision=options.dtype,
        progress=progress,
    ) as job:
        about_it: dict[str, Any] = {
            "hyper": _values(program, name, overrides),
            "method": options.method,
            "dtype": options.dtype.value,
        }
        if options.dims:
            about_it["dims"] = dict(options.dims)
        if weights is not None:
            about_it["weights"] = _source(weights, output) | {
                "rename": [*renames],
                "ignore": [*ignores],
                "mode": mode,
            }
        text = json.dumps(about_it, separators=(",", ":"))
        chunks = made.chunks(job.data, {**job.metadata, KEY: text})
        if only_check:
            return Written({}, (), drawn, tuple(sorted(job.differs(chunks))))
        job.commit(chunks)
    return Written(job.data, job.notes, drawn, (str(output),))


def _keep_weights(output: Path) -> None:
    """Hold on where weights that nobody asked for would take the place of those of a file.

    Raises:
        FileExistsError: they would.
    """
    known = about(str(output)).metadata.get(fingerprint.KEY) if output.is_file() else None
    if known is not None:
        places = [os.path.normpath(output.parent / name) for name in fingerprint.files(known)]
        files = ", ".join(places[:3]) or "a file"
        raise FileExistsError(
            f"{output} has its weights from {files}, and would get random ones: name the file with {asked('--weights')}, "
            f"or ask for random ones with {asked('--seed', '0')}"
        )


def _values(program: Program, name: str, overrides: Mapping[str, Host] | None) -> dict[str, Any]:
    """The hyperparameters' values, as JSON has them."""
    template = Constructions(program).entry(name, overrides or {}).template
    assert isinstance(template, BlockTemplate)
    values = {h.name: template.values[h.name] for h in template.definition.hypers}
    return {k: as_json(v) for k, v in values.items() if _is_plain(v)}


def _is_plain(value: Host) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def as_json(value: Host) -> Any:
    """A plain value in JSON, which has no tuples: those are objects with one key."""
    if isinstance(value, tuple):
        return {"tuple": [as_json(v) for v in value]}
    return [as_json(v) for v in value] if isinstance(value, list) else value


def _source(weights: str, output: Path) -> dict[str, Any]:
    """The weights file from the model's folder, and the name of the state_dict in it."""
    file, name = named(weights)
    return {"file": os.path.relpath(file, output.parent), "name": name}
