"""The initialisers that a spec may name, with torch.nn.init's names, arguments and defaults.

Source: https://docs.pytorch.org/docs/stable/nn.init.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any, Final

from spec_lang.ops.init import (
    Dirac,
    Eye,
    Fill,
    Init,
    Normal,
    Orthogonal,
    TruncNormal,
    Uniform,
    XavierNormal,
    XavierUniform,
)
from spec_lang.shapes import dim

REQUIRED: Final = object()
"""The default of an argument that must be given."""

NAMES: Final[dict[str, dict[str, Any]]] = {
    "uniform": {"a": 0.0, "b": 1.0},
    "normal": {"mean": 0.0, "std": 1.0},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
    "constant": {"val": REQUIRED},
    "ones": {},
    "zeros": {},
    "eye": {},
    "dirac": {"groups": 1},
    "xavier_uniform": {"gain": 1.0},
    "xavier_normal": {"gain": 1.0},
    "kaiming_uniform": {"a": 0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "kaiming_normal": {"a": 0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "orthogonal": {"gain": 1},
}
"""Each initialiser's arguments, in order, with their defaults."""

NONLINEARITIES: Final[dict[str, float | None]] = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": sqrt(2.0),
    "leaky_relu": None,
    "selu": 3.0 / 4,
}
"""torch.nn.init.calculate_gain; None where the gain depends on the slope `a`."""


class InitError(Exception):
    """An initialiser that does not fit the parameter or its arguments; the message says why."""


def initialiser(name: str, shape: tuple[int, ...], arguments: Mapping[str, Any]) -> Init:
    """What `name(**arguments)` means for a parameter of this shape; numbers are plain ones.

    Raises:
        InitError: the arguments or the shape are not what it takes.
    """
    values = {**NAMES[name], **arguments}
    if name in ("xavier_uniform", "xavier_normal"):
        fan_in, fan_out = fans(name, shape)
        cls = XavierUniform if name == "xavier_uniform" else XavierNormal
        return cls(dim(fan_in), dim(fan_out), float(values["gain"]))
    if name in ("kaiming_uniform", "kaiming_normal"):
        return _kaiming(name, shape, values)
    if name in ("eye", "dirac", "orthogonal"):
        return _matrix(name, shape, values)
    if name == "uniform":
        return Uniform(float(values["a"]), float(values["b"]))
    if name == "normal":
        return Normal(float(values["mean"]), float(values["std"]))
    if name == "trunc_normal":
        if not values["a"] < values["b"] or values["std"] <= 0:
            raise InitError("trunc_normal needs a < b and std > 0")
        return TruncNormal(*(float(values[key]) for key in ("mean", "std", "a", "b")))
    return Fill({"ones": 1.0, "zeros": 0.0}[name] if name != "constant" else float(values["val"]))


def fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """fan_in and fan_out, as torch.nn.init._calculate_fan_in_and_fan_out counts them.

    Raises:
        InitError: the parameter has fewer than 2 dims.
    """
    if len(shape) < 2:
        raise InitError(f"{name} needs a parameter of at least 2 dims, not {list(shape)}")
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _kaiming(name: str, shape: tuple[int, ...], values: Mapping[str, Any]) -> Init:
    mode, nonlinearity, slope = values["mode"], values["nonlinearity"], values["a"]
    if mode not in ("fan_in", "fan_out"):
        raise InitError(f"{name} knows the modes fan_in and fan_out, not {mode}")
    if nonlinearity not in NONLINEARITIES:
        raise InitError(f"{name} does not know the nonlinearity {nonlinearity}")
    gain = NONLINEARITIES[nonlinearity]
    std = (sqrt(2.0 / (1 + slope**2)) if gain is None else gain) / sqrt(fans(name, shape)[mode == "fan_out"])
    if name == "kaiming_normal":
        return Normal(0.0, std)
    bound = sqrt(3.0) * std
    return Uniform(-bound, bound)


def _matrix(name: str, shape: tuple[int, ...], values: Mapping[str, Any]) -> Init:
    if name == "eye":
        if len(shape) != 2:
            raise InitError(f"eye needs a parameter of 2 dims, not {list(shape)}")
        return Eye()
    if name == "dirac":
        groups = int(values["groups"])
        if len(shape) not in (3, 4, 5) or groups < 1 or shape[0] % groups:
            raise InitError(
                f"dirac needs 3 to 5 dims, the first divisible by groups={groups}, not {list(shape)}"
            )
        return Dirac(groups)
    if len(shape) < 2:
        raise InitError(f"orthogonal needs a parameter of at least 2 dims, not {list(shape)}")
    return Orthogonal(float(values["gain"]))
