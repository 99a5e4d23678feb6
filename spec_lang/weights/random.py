"""Draws a model's weights from a seed, in the order in which PyTorch's constructors draw them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from spec_lang.ops.init import (
    Clone,
    Dirac,
    Draw,
    Eye,
    Fill,
    Init,
    Normal,
    Orthogonal,
    TruncNormal,
    Uniform,
    UniformFan,
    XavierNormal,
    XavierUniform,
)
from spec_lang.shapes import Dim
from spec_lang.weights.generator import CHUNK, Generator

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from spec_lang.weights.generator import Floats


class Step(NamedTuple):
    """One draw, and the keys whose tensors have its values in the end: none if all of it is overwritten."""

    init: Init
    shape: tuple[int, ...]
    keys: tuple[str, ...]


def steps(draws: Iterable[Draw | Clone], shapes: Mapping[str, tuple[int, ...]]) -> list[Step]:
    """The draws in order, with who keeps them once later draws and clones have overwritten what they do."""
    drawn: list[Draw] = []
    holds: dict[str, int] = {}
    for event in draws:
        if isinstance(event, Clone):
            if event.source in holds:
                holds[event.name] = holds[event.source]
            else:
                holds.pop(event.name, None)
        else:
            holds[event.name] = len(drawn)
            drawn.append(event)
    keys: list[list[str]] = [[] for _ in drawn]
    for key, index in holds.items():
        keys[index].append(key)
    return [Step(d.init, shapes[d.name], tuple(k)) for d, k in zip(drawn, keys, strict=True)]


def draw(generator: Generator, init: Init, shape: tuple[int, ...]) -> Iterator[tuple[int, Floats]]:
    """The values, flat, in chunks with the element where each starts; where chunks overlap, the later one counts.

    Raises:
        ValueError: the initialiser does not fit the shape.
    """
    count = math.prod(shape)
    bounds = _bounds(init)
    if bounds is not None:
        yield from generator.uniform(count, *bounds)
    elif isinstance(init, (Normal, XavierNormal)):
        yield from generator.normal(count, *_moments(init))
        if isinstance(init, Normal) and init.zero_row is not None:
            row = count // shape[0]
            for at, zeros in _constant(generator, row, 0.0):
                yield init.zero_row % shape[0] * row + at, zeros
    elif isinstance(init, Fill):
        yield from _constant(generator, count, init.value)
    elif isinstance(init, TruncNormal):
        yield from _truncated(generator, count, init)
    else:
        yield 0, _whole(generator, init, shape).reshape(-1)


def skip(generator: Generator, init: Init, shape: tuple[int, ...]) -> None:
    """Leave the generator as `draw` would."""
    count = math.prod(shape)
    if _bounds(init) is not None:
        generator.skip(count)
    elif isinstance(init, (Normal, XavierNormal, Orthogonal)):
        generator.skip_normal(count)
    elif isinstance(init, TruncNormal):
        for _ in draw(generator, init, shape):
            pass


def _bounds(init: Init) -> tuple[float, float] | None:
    """The bounds of a uniform draw, computed in PyTorch's order, since their last bits count."""
    if isinstance(init, Uniform):
        return init.low, init.high
    if isinstance(init, UniformFan):
        fan = _size(init.fan)
        if fan == 0:
            return 0.0, 0.0
        if init.kaiming:
            std = math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(fan)
            bound = math.sqrt(3.0) * std
        else:
            bound = 1 / math.sqrt(fan)
        return -bound, bound
    if isinstance(init, XavierUniform):
        bound = math.sqrt(3.0) * _xavier(init)
        return -bound, bound
    return None


def _moments(init: Normal | XavierNormal) -> tuple[float, float]:
    return (init.mean, init.std) if isinstance(init, Normal) else (0.0, _xavier(init))


def _xavier(init: XavierUniform | XavierNormal) -> float:
    return init.gain * math.sqrt(2.0 / float(_size(init.fan_in) + _size(init.fan_out)))


def _size(size: Dim) -> int:
    if size.const is None:
        raise ValueError(f"the size {size} is not known")
    return size.const


def _constant(generator: Generator, count: int, value: float) -> Iterator[tuple[int, Floats]]:
    np = generator.np
    chunk = np.full(min(count, CHUNK), value, np.float32)
    for at in range(0, count, CHUNK):
        yield at, chunk[: min(CHUNK, count - at)]


def _truncated(generator: Generator, count: int, init: TruncNormal) -> Iterator[tuple[int, Floats]]:
    """Inverse transform: the normal quantile of a uniform number between the bounds' own probabilities."""
    np = generator.np
    low, high = (math.erf((x - init.mean) / (init.std * math.sqrt(2.0))) for x in (init.a, init.b))
    for at, chunk in generator.uniform(count, low, high):
        values = _inverse_erf(chunk.astype(np.float64), generator) * (init.std * math.sqrt(2.0)) + init.mean
        yield at, np.clip(values, init.a, init.b).astype(np.float32)


def _inverse_erf(x: NDArray[numpy.float64], generator: Generator) -> NDArray[numpy.float64]:
    """erf⁻¹ to 4e-7. Source: M. Giles, Approximating the erfinv function (2012), single precision."""
    np = generator.np
    w = -np.log(np.maximum((1.0 - x) * (1.0 + x), 1e-38))
    near = np.polyval(_NEAR, w - 2.5)
    far = np.polyval(_FAR, np.sqrt(np.maximum(w, 5.0)) - 3.0)
    return np.where(w < 5.0, near, far) * x  # type: ignore[no-any-return]  # numpy's stubs lose it


_NEAR = (
    2.81022636e-08,
    3.43273939e-07,
    -3.5233877e-06,
    -4.39150654e-06,
    0.00021858087,
    -0.00125372503,
    -0.00417768164,
    0.246640727,
    1.50140941,
)
_FAR = (
    -0.000200214257,
    0.000100950558,
    0.00134934322,
    -0.00367342844,
    0.00573950773,
    -0.0076224613,
    0.00943887047,
    1.00167406,
    2.83297682,
)


def _whole(generator: Generator, init: Init, shape: tuple[int, ...]) -> Floats:
    """A tensor that is made in one piece."""
    np = generator.np
    if isinstance(init, Eye):
        eye: Floats = np.eye(*shape, dtype=np.float32)
        return eye
    if isinstance(init, Dirac):
        return _dirac(generator, init.groups, shape)
    if isinstance(init, Orthogonal):
        return _orthogonal(generator, init.gain, shape)
    raise ValueError(f"no way to draw {type(init).__name__}")


def _dirac(generator: Generator, groups: int, shape: tuple[int, ...]) -> Floats:
    values: Floats = generator.np.zeros(shape, generator.np.float32)
    out = shape[0] // groups
    centre = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for channel in range(min(out, shape[1])):
            values[(group * out + channel, channel, *centre)] = 1.0
    return values


def _orthogonal(generator: Generator, gain: float, shape: tuple[int, ...]) -> Floats:
    """Q of a normal matrix, its columns' signs made uniform. Source: https://arxiv.org/abs/math-ph/0609050."""
    np = generator.np
    rows, columns = shape[0], math.prod(shape[1:])
    flat = np.empty(rows * columns, np.float32)
    for at, chunk in generator.normal(rows * columns, 0.0, 1.0):
        flat[at : at + len(chunk)] = chunk
    matrix = flat.reshape(rows, columns)
    q, r = np.linalg.qr(matrix.T if rows < columns else matrix)
    q = q * np.sign(np.diag(r))
    result: Floats = np.ascontiguousarray(q.T if rows < columns else q) * np.float32(gain)
    return result
