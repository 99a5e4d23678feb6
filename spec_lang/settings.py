"""What a project says of its specs: `[tool.specc]` in its `pyproject.toml`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

from spec_lang.frozen import Frozen

FILE: Final = "pyproject.toml"
LINE_LENGTHS: Final = range(88, 321)
"""What generated files carry whatever their spec, such as the hook of tied tensors, has lines of up to 88 columns."""


class BadSettings(Exception):
    """A `[tool.specc]` that says something that is not understood; the message says what."""


class Settings(Frozen):
    """What a project says; None where it says nothing.

    Attributes:
        folder: Where the file is.
        root: The folder that imports start from.
        output: The folder for what is compiled.
        line_length: Of generated Python.
        onnx: Options of the ONNX target, by their names in Python.
    """

    folder: Path | None = None
    root: Path | None = None
    output: Path | None = None
    line_length: int | None = None
    onnx: dict[str, Any] = {}


_NONE: Final = Settings(None, None, None, None, {})
_ONNX: Final = {"dtype": str, "opset": int, "embed": bool, "no-weights": bool}
_DTYPES: Final = ("f32", "f16", "bf16")


def settings(folder: Path) -> Settings:
    """What the nearest `pyproject.toml` with a `[tool.specc]`, from a folder upwards, says.

    Raises:
        BadSettings: it says something that is not understood.
    """
    here = folder.absolute()
    for above in (here, *here.parents):
        file = above / FILE
        if file.is_file():
            stat = file.stat()
            found = _read(file, stat.st_mtime_ns, stat.st_size)
            if found is not None:
                return found
    return _NONE


@cache
def _read(file: Path, time: int, size: int) -> Settings | None:
    text = file.read_bytes()
    if b"specc" not in text:
        return None
    import tomllib

    try:
        said = tomllib.loads(text.decode()).get("tool", {}).get("specc")
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadSettings(f"{file} cannot be read: {error}") from None
    if said is None:
        return None
    if not isinstance(said, dict):
        raise BadSettings(f"{file}: [tool.specc] is a table")
    known = {"root", "output", "line-length", "onnx"}
    if unknown := sorted(set(said) - known):
        raise BadSettings(f"{file}: [tool.specc] has no `{unknown[0]}`; it has: {', '.join(sorted(known))}")
    length = said.get("line-length")
    if length is not None and (type(length) is not int or length not in LINE_LENGTHS):
        raise BadSettings(f"{file}: `line-length` goes from {LINE_LENGTHS[0]} to {LINE_LENGTHS[-1]}")
    return Settings(
        file.parent,
        _folder(file, said, "root"),
        _folder(file, said, "output"),
        length,
        _options(file, said.get("onnx", {})),
    )


def _folder(file: Path, said: dict[str, Any], name: str) -> Path | None:
    value = said.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise BadSettings(f"{file}: `{name}` is the name of a folder")
    found = (file.parent / value).resolve()
    if name == "root" and not found.is_dir():
        raise BadSettings(f"{file}: `root` is no folder: {value}")
    return found


def _options(file: Path, said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise BadSettings(f"{file}: [tool.specc.onnx] is a table")
    for name, value in said.items():
        if name not in _ONNX:
            raise BadSettings(f"{file}: [tool.specc.onnx] has no `{name}`; it has: {', '.join(_ONNX)}")
        if type(value) is not _ONNX[name]:
            raise BadSettings(f"{file}: `{name}` in [tool.specc.onnx] is {_ONNX[name].__name__}")
    if said.get("dtype", "f32") not in _DTYPES:
        raise BadSettings(f"{file}: `dtype` in [tool.specc.onnx] is one of {', '.join(_DTYPES)}")
    return {name.replace("-", "_"): value for name, value in said.items()}
