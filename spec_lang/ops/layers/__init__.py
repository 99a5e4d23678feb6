"""The layers of the library, one family a file; importing this registers them."""

from spec_lang.ops.layers import (  # noqa: F401 # imported for their registration
    batch_norm,
    convolution,
    dropout,
    embedding,
    linear,
    norm,
    pooling,
    reshaping,
)
