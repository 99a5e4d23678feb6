"""Signals over time: spectra of windows.

Source: https://docs.pytorch.org/docs/stable/generated/torch.stft.html
"""

from __future__ import annotations

import math
from typing import Literal

from spec_lang.ops.base import Cx, Function, OpError, Tensor, known_rank
from spec_lang.ops.kinds import Dim
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.rules.arguments import at_least, known
from spec_lang.ops.rules.elementwise import FLOATS, same_dtype, takes
from spec_lang.ops.rules.padding import pad_onnx, pad_sizes
from spec_lang.shapes import Cond, DType, TensorType, dim


class hann_window(Function):
    """sin²(pi i / n): a window that starts at 0 and, but for a periodic one, ends there."""

    window_length: Dim
    periodic: bool = True
    dtype: DType | None = None

    torch = "torch.hann_window"
    keywords = ("dtype",)
    creates = True

    def infer(self, cx: Cx) -> Tensor:
        at_least(cx, 1, window_length=self.window_length)
        result = TensorType(self.dtype or DType.FLOAT, (self.window_length,))
        takes(cx, result, FLOATS)
        return result

    def onnx(self, g: Graph) -> Value:
        [count], dtype = known([self.window_length], "window_length"), self.dtype or DType.FLOAT
        if count == 1:
            return g.const([1.0], dtype)
        period = count if self.periodic else count - 1
        return g.const([math.sin(math.pi * i / period) ** 2 for i in range(count)], dtype)


class stft(Function):
    """The spectrum of each window of a signal as (real, imaginary) pairs: [..., L] to [..., frequencies, windows, 2]."""

    input: Tensor
    n_fft: Dim
    hop_length: Dim | None = None
    win_length: Dim | None = None
    window: Tensor | None = None
    center: bool = True
    pad_mode: Literal["constant", "reflect", "replicate", "circular"] = "reflect"
    normalized: bool = False
    onesided: bool | None = None
    return_complex: bool | None = None

    torch = "torch.stft"

    @property
    def hop(self) -> Dim:
        """The distance of windows."""
        return self.n_fft // 4 if self.hop_length is None else self.hop_length

    @property
    def width(self) -> Dim:
        """The size of the window inside the frame of `n_fft`."""
        return self.n_fft if self.win_length is None else self.win_length

    @property
    def bins(self) -> Dim:
        """The number of frequencies: a real signal's negative ones are left out unless asked for."""
        return self.n_fft if self.onesided is False else self.n_fft // 2 + 1

    def infer(self, cx: Cx) -> Tensor:
        x = self.input
        if self.return_complex is not False:
            raise OpError(
                f"{cx.name} gives pairs of floats in a spec, which has no complex numbers",
                code="E0503",
                arg="return_complex",
                help="write `return_complex=false`",
            )
        takes(cx, x, {DType.FLOAT, DType.F32, DType.F64})
        known_rank(cx, x, (1, 2))
        at_least(cx, 1, n_fft=self.n_fft, hop_length=self.hop, win_length=self.width)
        cx.require(
            Cond.le(self.width, self.n_fft),
            f"{cx.name} takes a window of at most {self.n_fft}, but win_length is {self.width}",
            code="E0501",
            arg="win_length",
        )
        if self.window is not None:
            same_dtype(cx, x, self.window)
            known_rank(cx, self.window, (1,), "its window")
            cx.equal(
                self.window.dims[0],
                self.width,
                f"{cx.name} takes a window of {self.width}, but gets {self.window}",
                arg="window",
            )
        length = self._padded(cx, x.dims[-1])
        cx.require(
            Cond.ge(length, self.n_fft),
            f"{cx.name} of {length} elements has no frame of {self.n_fft}",
            code="E0304",
        )
        return x.with_shape((*x.shape[:-1], self.bins, (length - self.n_fft) // self.hop + 1, dim(2)))

    def _padded(self, cx: Cx, length: Dim) -> Dim:
        if not self.center:
            return length
        side = self.n_fft // 2
        return pad_sizes(cx, [length], [(side, side)], self.pad_mode, "n_fft")[0]

    def onnx(self, g: Graph) -> Value:
        x: Value = self.input
        [frame, width] = known([self.n_fft, self.width], "n_fft")
        if len(x.shape) == 1:
            x = g.typed(g.Unsqueeze(x, g.ints([0])), x.dtype, (dim(1), *x.shape))
        if self.center:
            rank3 = g.typed(g.Unsqueeze(x, g.ints([1])), x.dtype, (x.dims[0], dim(1), x.dims[1]))
            side = dim(frame // 2)
            x = g.Squeeze(pad_onnx(g, rank3, [(side, side)], self.pad_mode), g.ints([1]))
        signal = g.Unsqueeze(x, g.ints([2]))
        y = g.STFT(
            signal,
            g.dim(self.hop),
            self._window(g, frame, width),
            g.dim(frame),
            onesided=0 if self.onesided is False else None,
        )
        y = g.Transpose(y, perm=[0, 2, 1, 3])
        if self.normalized:
            y = g.Mul(y, g.const(frame**-0.5, self.input.dtype))
        return y if len(self.input.shape) == 2 else g.Squeeze(y, g.ints([0]))

    def _window(self, g: Graph, frame: int, width: int) -> Value:
        """The window in the middle of the frame."""
        dtype = self.input.dtype
        before = (frame - width) // 2
        if self.window is None:
            inside = [float(before <= i < before + width) for i in range(frame)]
            return g.const(inside, dtype)
        if frame == width:
            return self.window
        return g.Pad(self.window, g.ints([before, frame - width - before]))
