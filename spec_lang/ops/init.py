"""How a parameter starts: distributions as data; whoever draws them computes the bounds."""

from __future__ import annotations

from typing import TypeAlias

from spec_lang.frozen import Record
from spec_lang.shapes import Dim


class Uniform(Record):
    """U(low, high)."""

    low: float
    high: float


class UniformFan(Record):
    """U(-1/sqrt(fan), 1/sqrt(fan)), written by PyTorch as kaiming_uniform_(a=sqrt(5)) or directly.

    `kaiming` says which: their bounds differ in the last bit. Source: torch/nn/modules/linear.py.
    """

    fan: Dim
    kaiming: bool = False


class XavierUniform(Record):
    """U(-b, b), b = gain * sqrt(6 / (fan_in + fan_out)). Source: torch.nn.init.xavier_uniform_."""

    fan_in: Dim
    fan_out: Dim
    gain: float = 1.0


class Normal(Record):
    """N(mean, std); `zero_row` is a row set to zero after the draw (an embedding's padding_idx)."""

    mean: float = 0.0
    std: float = 1.0
    zero_row: int | None = None


class XavierNormal(Record):
    """N(0, gain * sqrt(2 / (fan_in + fan_out))). Source: torch.nn.init.xavier_normal_."""

    fan_in: Dim
    fan_out: Dim
    gain: float = 1.0


class Fill(Record):
    """Every element is `value`; nothing is drawn."""

    value: float


class TruncNormal(Record):
    """N(mean, std) within [a, b]. Source: torch.nn.init.trunc_normal_; the values are of the distribution, not torch's own."""

    mean: float = 0.0
    std: float = 1.0
    a: float = -2.0
    b: float = 2.0


class Orthogonal(Record):
    """A random (semi-)orthogonal matrix times `gain`. Source: torch.nn.init.orthogonal_; as for `TruncNormal`."""

    gain: float = 1.0


class Eye(Record):
    """The identity; nothing is drawn. Source: torch.nn.init.eye_."""


class Dirac(Record):
    """A convolution that hands its channels on; nothing is drawn. Source: torch.nn.init.dirac_."""

    groups: int = 1


Init: TypeAlias = (
    Uniform
    | UniformFan
    | XavierUniform
    | Normal
    | XavierNormal
    | Fill
    | TruncNormal
    | Orthogonal
    | Eye
    | Dirac
)


class Draw(Record):
    """`init` is drawn into the parameter `name`; a later draw of the same parameter overwrites it."""

    name: str
    init: Init


class Clone(Record):
    """The parameter `name` takes the values that `source` has at this point; nothing is drawn."""

    name: str
    source: str
