"""What to run: a model, its weights, and which of its methods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from spec_lang.extras import lacking
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.shapes.dtype import TORCH_NAMES, DType
from spec_lang.targets.onnx import proto

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

Progress: TypeAlias = Callable[[str], None]
"""Told what is being done, in a few words."""

NUMPY: Final = TORCH_NAMES | {DType.BF16: "uint16"}
"""numpy's name of each dtype; bf16, which it lacks, as its bits."""


class CannotRun(Exception):
    """A runtime is not installed or cannot run this; the message says what to do."""


class LacksOperator(CannotRun):
    """A runtime that does not know an operator of the model; the message says which."""


def first_line(error: Exception) -> str:
    """What an error of a library says, without the rest of its report."""
    return next(iter(str(error).splitlines()), type(error).__name__)


@dataclass(frozen=True)
class Request:
    """A model, its weights, and which of its methods.

    Attributes:
        program: The checked program.
        name: A model or variant of it.
        overrides: Hyperparameters in place of their defaults.
        weights: A weights file; without it they are drawn from `seed`.
        renames: Patterns from the file's keys to the model's.
        ignores: Patterns of the file's keys that are left out.
        dtype: What `float` is.
        given: The inputs that may be absent, and shall not be.
        ranks: How many dims `*B` stands for, by its name.
        dims: The sizes of dims that the exported graph has fixed.
        onnx: An exported model to run instead of a new one.
        allow_extern: Whether Python code that the spec declares may be imported.
    """

    program: model.Program
    name: str
    overrides: Mapping[str, Host] = field(default_factory=dict)
    weights: str | None = None
    seed: int = 0
    renames: Sequence[str] = ()
    ignores: Sequence[str] = ()
    dtype: DType = DType.F32
    opset: int = proto.DEFAULT_OPSET
    method: str = "forward"
    given: Collection[str] = ()
    ranks: Mapping[str, int] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    onnx: str | None = None
    allow_extern: bool = False


def needs(*packages: str) -> None:
    """Demand packages that are imported only where they are used.

    Raises:
        CannotRun: one is not installed.
    """
    from importlib.util import find_spec

    missing = [p for p in packages if find_spec(p) is None]
    if missing:
        raise CannotRun(lacking(missing, "openvino" if "openvino" in missing else "run"))
