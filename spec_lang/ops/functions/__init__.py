"""The functions of the library, one family a file; importing this registers them."""

from spec_lang.ops.functions import (  # noqa: F401 # imported for their registration
    arithmetic,
    attention,
    comparison,
    conversion,
    convolution,
    creation,
    dropout,
    einops,
    einsum,
    elementwise,
    indexing,
    matmul,
    norm,
    pooling,
    reductions,
    resampling,
    selection,
    shape,
)
