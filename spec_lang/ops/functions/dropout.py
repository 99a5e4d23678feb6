"""Dropout, active in training only.

Source: https://docs.pytorch.org/docs/stable/nn.functional.html#dropout-functions
"""

from __future__ import annotations

from spec_lang.ops.functions.as_layer import _AsLayer
from spec_lang.ops.kinds import Number
from spec_lang.ops.layers import dropout as layers


class _Dropping(_AsLayer):
    """In training, elements are dropped with probability p."""

    p: Number = 0.5
    inplace: bool = False

    trains = True
    shares = "idle"
    keywords = ("inplace",)
    placement = "each"


class dropout(_Dropping):
    """Drops each element with probability p in training, and divides the rest by 1 - p."""

    torch = "F.dropout"
    layer = layers.Dropout


class dropout1d(_Dropping):
    """Drops whole channels of [N, C, L] with probability p in training."""

    torch = "F.dropout1d"
    layer = layers.Dropout1d


class dropout2d(_Dropping):
    """Drops whole channels of [N, C, H, W] with probability p in training."""

    torch = "F.dropout2d"
    layer = layers.Dropout2d


class dropout3d(_Dropping):
    """Drops whole channels of [N, C, D, H, W] with probability p in training."""

    torch = "F.dropout3d"
    layer = layers.Dropout3d


class alpha_dropout(_Dropping):
    """Drops elements to SELU's negative saturation in training."""

    torch = "F.alpha_dropout"
    layer = layers.AlphaDropout


class feature_alpha_dropout(_Dropping):
    """Drops whole channels to SELU's negative saturation in training."""

    torch = "F.feature_alpha_dropout"
    layer = layers.FeatureAlphaDropout
