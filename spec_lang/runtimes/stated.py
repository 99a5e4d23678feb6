"""What an exported model says of how it was made, and its values as the language writes them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping
from typing import Any, Final

from spec_lang.exporting import KEY, as_json
from spec_lang.frozen import Frozen
from spec_lang.ir.evaluate import EvaluationError
from spec_lang.ir.instantiate import Constructions
from spec_lang.ir.model import Program
from spec_lang.ir.templates import BlockTemplate
from spec_lang.runtimes.request import CannotRun
from spec_lang.weights.onnx_file import about
from spec_lang.weights.stored import shown

MAX_DEPTH: Final = 20


class Stated(Frozen):
    """What a model says; what it does not say is None or empty.

    Attributes:
        values: Its hyperparameters, as JSON has them.
        weights: The weights file, or `FILE:NAME`, from the working folder.
        dims: The sizes of the dims that it has fixed.
        points: Whether it reads its weights from that file.
    """

    model: str | None
    values: Mapping[str, Any]
    method: str | None
    dtype: str | None
    weights: str | None
    renames: tuple[str, ...]
    ignores: tuple[str, ...]
    dims: Mapping[str, int]
    points: bool


def stated(path: str) -> Stated:
    """What the model in a file says of itself.

    Raises:
        CannotRun: what it says is malformed.
        WeightsError: the file cannot be read.
    """
    metadata = about(path).metadata
    text = metadata.get(KEY)
    nothing = Stated(metadata.get("model"), {}, None, None, None, (), (), {}, True)
    if text is None:
        return nothing
    try:
        found = json.loads(text)
        values, source = dict(found["hyper"]), dict(found.get("weights", {}))
        texts = [found["method"], found["dtype"], source.get("file", ""), source.get("name") or ""]
        patterns = tuple(source.get("rename", ())), tuple(source.get("ignore", ()))
        if not all(isinstance(t, str) for t in (*texts, *patterns[0], *patterns[1])):
            raise ValueError
        for value in values.values():
            literal(value)
        dims = dict(found.get("dims", {}))
        if not all(type(n) is int and 0 <= n < 1 << 31 for n in dims.values()):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CannotRun(f"{path} says how it was made in a way that is malformed") from None
    method, dtype, file, name = texts
    weights = None
    if file:
        weights = os.path.normpath(os.path.join(os.path.dirname(path), file)) + (f":{name}" if name else "")
    return Stated(
        metadata.get("model"),
        values,
        method,
        dtype,
        weights,
        *patterns,
        dims,
        source.get("mode") == "point",
    )


def literal(value: Any, depth: int = 0) -> str:
    """A value of the metadata as the language writes it.

    Raises:
        ValueError: it is none that a hyperparameter can have.
    """
    if depth > MAX_DEPTH:
        raise ValueError
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str) and value.isprintable() and not set(value) & set('"\\'):
        return f'"{value}"'
    if isinstance(value, list):
        return f"[{', '.join(literal(v, depth + 1) for v in value)}]"
    if isinstance(value, dict) and value.keys() == {"tuple"} and isinstance(value["tuple"], list):
        items = [literal(v, depth + 1) for v in value["tuple"]]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    raise ValueError


def others(
    program: Program, name: str, overrides: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The hyperparameters that a program has with other values than a model was exported with: theirs, and the model's."""
    try:
        template = Constructions(program).entry(name, overrides).template
        own = template.values if isinstance(template, BlockTemplate) else {}
    except EvaluationError:  # one has no default
        own = {}
    return {k: (own.get(k), v) for k, v in values.items() if k not in own or _differs(as_json(own[k]), v)}


def _differs(a: Any, b: Any) -> bool:
    return type(a) is not type(b) or a != b


def check_values(
    path: str,
    program: Program,
    name: str,
    overrides: Mapping[str, Any],
    values: Mapping[str, Any],
    only: Collection[str] | None = None,
) -> None:
    """Hold a program's hyperparameters, or some of them, to those that a model was exported with.

    Raises:
        CannotRun: they differ.
    """
    found = others(program, name, overrides, values)
    wrong = [k for k in found if only is None or k in only]
    if wrong:
        theirs = ", ".join(f"{k}={literal(found[k][1])}" for k in wrong)
        ours = ", ".join(f"{k}={found[k][0]}" for k in wrong)
        raise CannotRun(
            f"{path} was exported with {theirs}, not with {ours}: {shown(name)} is another model then"
        )
