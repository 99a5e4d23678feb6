# ruff: noqa

from collections.abc import Callable, Sequence

from torch import Tensor, nn

MYPY = False
if MYPY:
    from typing import Annotated as Float

from jaxtyping import Float  # type: ignore[no-redef, import-not-found, unused-ignore]

def twice(n: int) -> int: ...

def joined(
    x: Float[Tensor, "*B D"], y: Float[Tensor, "*B D"]
) -> Float[Tensor, "*B 2*D"]: ...

class Inner(nn.Module):
    heads: int
    K: int
    q: nn.Linear
    def __init__(self, heads: int, *, D: int) -> None: ...
    def forward(
        self, x: Float[Tensor, "N T D"]
    ) -> Float[Tensor, "N T heads D//heads"]: ...
    __call__ = forward

class Net(nn.Module):
    steps: Float[Tensor, "2 dim"]
    dim: int
    scale: Float[nn.Parameter, "dim"]
    inner: Inner
    last: nn.Linear | None
    outs: nn.ModuleList
    acts: nn.Module
    def __init__(
        self,
        dim: int = 12,
        widths: Sequence[int] = (3, 4),
        extra: int | None = None,
        act: Callable[..., nn.Module] = nn.ReLU,
    ) -> None: ...
    def forward(
        self, x: Float[Tensor, "N H dim"], past: Float[Tensor, "N P dim"] | None = None
    ) -> tuple[Float[Tensor, "N H//4 4*dim"], Float[Tensor, "N H 3 dim//3"], list[Float[Tensor, "N H _"]], Float[Tensor, "N _ _"]]: ...
    __call__ = forward
    def encode(self, x: Float[Tensor, "N _"], k: int = 2) -> Float[Tensor, "N k"]: ...

class Small(Net):
    def __init__(
        self,
        widths: Sequence[int] = (3, 4),
        extra: int | None = None,
        act: Callable[..., nn.Module] = nn.ReLU,
    ) -> None: ...
