"""How the tools that read shapes in annotations spell them.

Source: the documentation of `pyrefly-shape-extensions`, and https://docs.kidger.site/jaxtyping/api/array/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from spec_lang.frozen import Record


class Dialect(Record):
    """One tool's spelling.

    Attributes:
        unknown: What stands for a size that the tool cannot be told.
        module: Where its names are imported from.
        declares: Whether names of sizes are declared, by `@shape_vars`.
    """

    unknown: str
    module: str
    declares: bool

    def tensor(self, base: str, dtype: str, dims: Sequence[str]) -> str:
        """A tensor, or a parameter, with sizes."""
        if self.declares:
            return f'Shaped[{base}, "[{", ".join(dims)}]"]'
        return f'{_DTYPES[dtype]}[{base}, "{" ".join(d.replace(" ", "") for d in dims)}"]'

    def number(self, size: str) -> str:
        """An int that is a size by this name."""
        return f'Shaped[int, "{size}"]' if self.declares else "int"

    def head(self, used: Sequence[str]) -> list[str]:
        """The import of those of its names that a file uses.

        The tool need not be there for mypy, which holds `MYPY` to be true: it reads `Annotated`, thus plain types.
        """
        if not used:
            return []
        lines = ["MYPY = False", "if MYPY:"]
        lines += [f"    from typing import Annotated as {name}" for name in used if name != _DECLARE]
        if _DECLARE in used:
            lines.insert(0, '_T = TypeVar("_T")')
            lines += ["", f"    def {_DECLARE}(declaration: str, /) -> Callable[[_T], _T]: ..."]
        ignored = "no-redef, import-not-found, unused-ignore"
        return [*lines, "", f"from {self.module} import {', '.join(used)}  # type: ignore[{ignored}]"]

    @property
    def names(self) -> tuple[str, ...]:
        """All that a file may import from its module, in the order of an import."""
        return ("Shaped", _DECLARE) if self.declares else tuple(sorted({*_DTYPES.values()}))


_DECLARE: Final = "shape_vars"
_DTYPES: Final = {
    "float": "Float",
    "f64": "Float64",
    "f32": "Float32",
    "f16": "Float16",
    "bf16": "BFloat16",
    "int": "Int",
    "i64": "Int",
    "i32": "Int32",
    "i16": "Int16",
    "i8": "Int8",
    "u8": "UInt8",
    "bool": "Bool",
}
"""jaxtyping's names of dtypes; an `int` of a spec is any, as PyTorch's embeddings take any."""

DIALECTS: Final = {
    "pyrefly": Dialect(unknown="int", module="shape_extensions", declares=True),
    "jaxtyping": Dialect(unknown="_", module="jaxtyping", declares=False),
}
