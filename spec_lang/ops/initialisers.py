"""The initialisers that a spec may name, with torch.nn.init's names, arguments and defaults.

Source: https://docs.pytorch.org/docs/stable/nn.init.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod, sqrt
from typing import Any, Final

from spec_lang.ops.base import Cx, OpError
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
from spec_lang.ops.kinds import Choice, Real
from spec_lang.ops.rules.arguments import number, open_flag
from spec_lang.shapes import Compared, Cond, Dim, TensorType, dim

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

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": tuple(NONLINEARITIES),
}
"""The arguments that are words, with those that they may be."""
LARGEST: Final = 3.4028234663852886e38
"""The largest number that a parameter holds."""
_RANKS: Final[dict[str, tuple[int, ...]]] = {"eye": (2,), "dirac": (3, 4, 5)}
_FANS: Final = frozenset({"xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"})
SHAPED: Final = frozenset({*_RANKS, *_FANS, "orthogonal"})
"""The initialisers that not every parameter takes, since they look at its shape."""
_FILLS: Final = frozenset({"ones", "zeros", "constant", "eye", "dirac"})


def hold_arguments(cx: Cx, name: str, values: Mapping[str, Any]) -> None:
    """Demand what an initialiser's arguments must be whatever it starts; those that are left out are not among `values`.

    Raises:
        OpError: an argument is none that it takes.
    """
    for key, default in NAMES[name].items():
        if key not in values:
            if default is REQUIRED:
                raise OpError(f"{name} needs `{key}`", code="E0511")
            continue
        _of_kind(name, key, values[key])
    given = {**NAMES[name], **values}
    if name == "normal":
        number(cx, ">=", 0, std=given["std"])
    elif name in ("xavier_uniform", "xavier_normal"):
        number(cx, ">=", 0, gain=given["gain"])
    elif name == "trunc_normal":
        number(cx, ">", 0, std=given["std"])
        _ordered(cx, given["a"], given["b"], strict=True)
    elif name == "uniform":
        _ordered(cx, given["a"], given["b"], strict=False)
    elif name == "dirac":
        number(cx, ">=", 1, groups=given["groups"])


def _of_kind(name: str, key: str, value: object) -> None:
    if key in WORDS:
        options = value.options or (None,) if isinstance(value, Choice) else (value,)
        for option in options:
            if not isinstance(option, str):
                raise OpError(f"{name} takes a word for `{key}`", code="E0514", arg=key)
            if option not in WORDS[key]:
                listed = ", ".join(WORDS[key])
                raise OpError(
                    f"{name} has no {key} `{option}`", code="E0514", arg=key, help=f"it is one of {listed}"
                )
        return
    if key == "groups" and not isinstance(value, Dim):
        raise OpError(f"{name} takes an int for `{key}`", code="E0514", arg=key)
    if isinstance(value, bool | Cond) and key != "val":
        raise OpError(f"{name} takes a number for `{key}`, no bool", code="E0514", arg=key)
    if isinstance(value, str | Choice):
        raise OpError(f"{name} takes a number for `{key}`, no string", code="E0514", arg=key)
    plain = value.const if isinstance(value, Dim) else value
    finite = isinstance(plain, int | float) and -LARGEST <= plain <= LARGEST
    if isinstance(plain, int | float) and not finite and (key != "val" or isfinite(plain)):
        raise OpError(f"{name} takes no {key} of {value}: no parameter holds it", code="E0501", arg=key)


def _ordered(cx: Cx, low: Any, high: Any, *, strict: bool) -> None:
    """Demand `a < b`, or `a <= b`."""
    sign = "<" if strict else "<="
    message = f"{cx.name} takes a {sign} b, but a is {low}, and b is {high}"
    if isinstance(low, Dim) and isinstance(high, Dim):
        cx.require((Cond.lt if strict else Cond.le)(low, high), message, code="E0501", arg="a")
    elif isinstance(low, Real | Dim) or isinstance(high, Real | Dim):
        open_flag(cx, Compared(_number(low), sign, _number(high)), message, "a")
    elif not (low < high or (low == high and not strict)):
        raise OpError(message, code="E0501", arg="a")


def _number(value: Any) -> Any:
    return dim(value) if isinstance(value, int) else value


def hold_tensor(cx: Cx, name: str, values: Mapping[str, Any], label: str, tensor: TensorType) -> None:
    """Demand that an initialiser takes a parameter of this type; `label` is what the parameter is called.

    Raises:
        OpError: it does not.
    """
    sizes = [d for d in tensor.shape if isinstance(d, Dim)]
    rank = len(sizes)
    ranks = _RANKS.get(name)
    if (ranks is not None and rank not in ranks) or (name in SHAPED and rank < 2):
        wanted = "2 dims or more" if ranks is None else "2 dims" if name == "eye" else "3 to 5 dims"
        raise OpError(f"{name} starts a parameter of {wanted}, but {label} is {tensor}", code="E0302")
    if not tensor.dtype.is_float and (name not in _FILLS or not _whole(values)):
        raise OpError(
            f"{name} starts a float parameter, but {label} is {tensor}",
            code="E0401",
            help="`zeros()`, `ones()` and `constant(1)` fill it",
        )
    if name == "dirac":
        groups = values.get("groups", dim(1))
        if groups != 1:
            cx.require(
                Cond.divides(groups, sizes[0]),
                f"dirac needs its {groups} groups to divide the first dim of {label}, which is {tensor}",
                code="E0502",
                arg="groups",
            )
    if name in _FANS and name.startswith("xavier"):
        for size in sizes:
            cx.require(
                Cond.ge(size, 1),
                f"{name} starts a parameter that has elements, but {label} is {tensor}",
                code="E0501",
            )


def _whole(values: Mapping[str, Any]) -> bool:
    return all(isinstance(v, Dim | bool) for v in values.values())


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
    if 0 in shape:
        return Fill(0.0)
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
    if 0 in shape:
        return Fill(0.0)
    return Orthogonal(float(values["gain"]))
