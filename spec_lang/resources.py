"""Files that come with the package: the grammar and the models.

In a wheel they are inside the package; in a checkout and in an editable install they lie beside it.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """The path of a file or folder that ships with the package.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError(f"{'/'.join(parts)} is missing from the installation of spec-lang")


def grammar() -> Path:
    """The grammar of the language."""
    return resource("grammar", "nnspec.lark")


def models() -> Path:
    """The folder of models that people start from."""
    return resource("models")
