"""IR to Python source that cuts a generated model over several devices."""

from spec_lang.targets.parallel.emit import NotCut, parallel

__all__ = ["NotCut", "parallel"]
