"""PyTorch source from a checked program: one module per spec, as an engineer would have written it."""

from spec_lang.targets.torch.modules import emit
from spec_lang.targets.torch.text import BadProgram

__all__ = ["BadProgram", "emit"]
