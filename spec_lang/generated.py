"""What specc writes says that specc wrote it, and what does not say so is somebody's own.

Generated Python says it in its first line, a graph in its `producer_name`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spec_lang import __version__

if TYPE_CHECKING:
    from spec_lang.compiler import Compilation
    from spec_lang.ir.model import Program

MARK: Final = re.compile(rb"# Generated from .* by specc [0-9][^ ]*; edit the spec instead\.\r?\n")
HEAD: Final = 4096
"""Bytes in which the mark stands: a file's name has at most 255."""


def header(spec: str) -> str:
    """The first line of the Python that is generated from a spec, whatever its name holds."""
    name = "".join(c if c.isprintable() else "?" for c in os.path.basename(spec))
    version = ".".join(__version__.split(".")[:2])
    return f"# Generated from {name} by specc {version}; edit the spec instead.\n"


def models(program: Program) -> list[str]:
    """The models that the first file of a program has, variants included."""
    from spec_lang.ir.model import Block, Variant

    return [
        d.name
        for d in program.definitions
        if d.file == 0 and (isinstance(d, Variant) or (isinstance(d, Block) and d.entry))
    ]


def torch_files(
    result: Compilation,
    line_length: int | None = None,
    *,
    checks: bool = True,
    parallel: bool = False,
    stubs: str | None = None,
) -> dict[str, str]:
    """The PyTorch target's files by relative path, as they are written: each says in its first line what it is generated from.

    Args:
        result: What came of the spec.
        line_length: The columns of a line, 88 where none is given.
        checks: Whether methods of models check what they are called with.
        parallel: Whether what cuts the models over several devices is written beside them.
        stubs: The tool that a stub beside each module writes shapes for, one of `targets.stubs.DIALECTS`.

    Raises:
        SpecError: the program does not check.
        NotCut: `parallel`, and the spec has no model.
    """
    program = result.checked()
    specs = {f"{f.module.replace('.', '/')}.py": f.path for f in program.files}
    sources = result.torch_sources(line_length, checks=checks)
    beside: dict[str, str] = {}
    if stubs is not None:
        from spec_lang.targets.stubs import DIALECTS
        from spec_lang.targets.stubs import stubs as signatures

        width = {} if line_length is None else {"columns": line_length}
        beside = signatures(program, sources, DIALECTS[stubs], **width)
        specs |= {f"{path}i": spec for path, spec in specs.items()}
    if parallel:
        from spec_lang.targets.parallel import parallel as cutting

        for name, text in cutting(program, sources).items():
            specs[name] = program.files[0].path
            sources[name] = text
    return {name: header(specs[name]) + text for name, text in {**sources, **beside}.items()}


def is_generated(path: Path) -> bool:
    """Whether specc wrote the file: its first line says so, or it is a graph that names specc as what produced it.

    Raises:
        OSError: the file cannot be read.
    """
    if not path.is_file():
        return False
    if path.suffix == ".onnx":
        from spec_lang.weights.onnx_file import about

        return about(str(path)).producer == "specc"
    with path.open("rb") as file:
        return MARK.match(file.read(HEAD)) is not None


def foreign(paths: Iterable[Path]) -> list[Path]:
    """Those of the paths where something stands that specc did not write.

    Raises:
        OSError: a file cannot be read.
    """
    return [path for path in paths if os.path.lexists(path) and not path.is_dir() and not is_generated(path)]
