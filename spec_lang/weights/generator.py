"""PyTorch's CPU generator, drawn with NumPy: the same Mersenne Twister, the same use of its numbers.

Uniform draws equal PyTorch's bit for bit, normal ones to float32 rounding (PyTorch's vectorised logarithm and sine differ
in the last bit). Source: aten/src/ATen/core/DistributionsHelper.h, aten/src/ATen/native/cpu/DistributionTemplates.h.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]

CHUNK: Final = 1 << 18
"""Elements at a time: what stays in a processor's cache."""
_BLOCK: Final = 16
"""Normal draws come in blocks of 16: 8 radii and 8 angles."""


class Generator:
    """The state of `torch.manual_seed(seed)`."""

    def __init__(self, seed: int) -> None:
        import numpy

        self.np = numpy
        self._source = numpy.random.RandomState(seed & 0xFFFFFFFF)
        self._next_normal: float | None = None
        self._wide = numpy.empty(CHUNK, numpy.float64)

    def skip(self, count: int) -> None:
        """Pass over that many 32-bit numbers."""
        while count > 0:
            self._numbers(min(count, CHUNK))
            count -= CHUNK

    def uniform(self, count: int, low: float, high: float) -> Iterator[tuple[int, Floats]]:
        """`Tensor.uniform_(low, high)`: chunks with the place where each starts."""
        np = self.np
        first, last = np.float32(low), np.float32(high)
        width = float(last - first)
        reaches_last = np.float32(width * (1 - 2.0**-24) + float(first)) >= last
        for at in range(0, count, CHUNK):
            raw = self._numbers(min(CHUNK, count - at))
            wide = self._wide[: len(raw)]
            # A fused multiply-add in float32 rounds once: float64 holds the product of two 24-bit numbers.
            np.multiply(raw, width * 2.0**-24, out=wide)
            wide += float(first)
            values = wide.astype(np.float32)
            if reaches_last:  # by rounding; PyTorch gives the lower bound then
                values[values == last] = first
            yield at, values

    def normal(self, count: int, mean: float, std: float) -> Iterator[tuple[int, Floats]]:
        """`Tensor.normal_(mean, std)`: as `uniform`; the last chunk may overwrite the end of the one before."""
        if count < _BLOCK:
            values = [self._one_normal() * std + mean for _ in range(count)]
            yield 0, self.np.array(values, self.np.float32)
            return
        whole = count // _BLOCK * _BLOCK
        for at in range(0, whole, CHUNK):
            yield at, self._blocks(min(CHUNK, whole - at), mean, std)
        if whole < count:
            self._numbers(count - whole)
            yield count - _BLOCK, self._blocks(_BLOCK, mean, std)

    def skip_normal(self, count: int) -> None:
        """Pass over what `normal` of that many would use."""
        if count < _BLOCK:
            for _ in range(count):
                self._one_normal()
        else:
            self.skip(count + (_BLOCK if count % _BLOCK else 0))

    def _numbers(self, count: int) -> NDArray[np.uint32]:
        """The low 24 bits of that many numbers: a bound of a power of two masks and never rejects."""
        return self._source.randint(0, 1 << 24, size=count, dtype=self.np.uint32)

    def _blocks(self, count: int, mean: float, std: float) -> Floats:
        """Box-Muller on blocks of 16. Source: normal_fill in DistributionTemplates.h."""
        np = self.np
        unit = self._numbers(count).astype(np.float32)
        unit *= np.float32(2.0**-24)
        pairs = unit.reshape(-1, 2, _BLOCK // 2)
        radius = np.log(np.float32(1) - pairs[:, 0])
        radius *= np.float32(-2)
        np.sqrt(radius, out=radius)
        angle = pairs[:, 1] * np.float32(2 * math.pi)
        np.multiply(np.cos(angle), radius, out=pairs[:, 0])
        np.multiply(np.sin(angle), radius, out=pairs[:, 1])
        if std != 1.0:
            unit *= np.float32(std)
        if mean != 0.0:
            unit += np.float32(mean)
        return unit

    def _one_normal(self) -> float:
        """One normal number in float64; every other one is kept from the draw before. Source: normal_distribution."""
        if self._next_normal is not None:
            value, self._next_normal = self._next_normal, None
            return value
        angle = 2.0 * math.pi * self._one_double()
        radius = math.sqrt(-2.0 * math.log1p(-self._one_double()))
        self._next_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _one_double(self) -> float:
        high, low = self._source.randint(0, 1 << 32, size=2, dtype=self.np.uint32).tolist()
        return float(((high << 32 | low) & ((1 << 53) - 1)) * 2.0**-53)
