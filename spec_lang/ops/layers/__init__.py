"""The layers of the library, one family a file; importing this registers them."""

from spec_lang.ops.layers import (  # noqa: F401 # imported for their registration
    adaptive_pooling,
    attention,
    batch_norm,
    convolution,
    distance,
    dropout,
    embedding,
    instance_norm,
    linear,
    norm,
    padding,
    pooling,
    recurrent,
    recurrent_cells,
    resampling,
    reshaping,
    transformer,
    transposed_convolution,
)
