# ruff: noqa

from collections.abc import Callable, Sequence
from typing import TypeVar

from torch import Tensor, nn

_T = TypeVar("_T")
MYPY = False
if MYPY:
    from typing import Annotated as Shaped

    def shape_vars(declaration: str, /) -> Callable[[_T], _T]: ...

from shape_extensions import Shaped, shape_vars  # type: ignore[no-redef, import-not-found, unused-ignore]

def twice(n: int) -> int: ...

@shape_vars("*B, D")
def joined(
    x: Shaped[Tensor, "[*B, D]"], y: Shaped[Tensor, "[*B, D]"]
) -> Shaped[Tensor, "[*B, 2*D]"]: ...

@shape_vars("heads, D")
class Inner(nn.Module):
    heads: int
    K: int
    q: nn.Linear
    def __init__(self, heads: Shaped[int, "heads"], *, D: Shaped[int, "D"]) -> None: ...
    @shape_vars("N, T")
    def forward(
        self, x: Shaped[Tensor, "[N, T, D]"]
    ) -> Shaped[Tensor, "[N, T, heads, D//heads]"]: ...
    __call__ = forward

@shape_vars("dim")
class Net(nn.Module):
    steps: Shaped[Tensor, "[2, dim]"]
    dim: int
    scale: Shaped[nn.Parameter, "[dim]"]
    inner: Inner
    last: nn.Linear | None
    outs: nn.ModuleList
    acts: nn.Module
    def __init__(
        self,
        dim: Shaped[int, "dim"] = 12,
        widths: Sequence[int] = (3, 4),
        extra: int | None = None,
        act: Callable[..., nn.Module] = nn.ReLU,
    ) -> None: ...
    @shape_vars("N, H, P")
    def forward(
        self,
        x: Shaped[Tensor, "[N, H, dim]"],
        past: Shaped[Tensor, "[N, P, dim]"] | None = None,
    ) -> tuple[Shaped[Tensor, "[N, H//4, 4*dim]"], Shaped[Tensor, "[N, H, 3, dim//3]"], list[Shaped[Tensor, "[N, H, int]"]], Shaped[Tensor, "[N, int, int]"]]: ...
    __call__ = forward
    @shape_vars("N, k")
    def encode(
        self, x: Shaped[Tensor, "[N, int]"], k: Shaped[int, "k"] = 2
    ) -> Shaped[Tensor, "[N, k]"]: ...

@shape_vars("")
class Small(Shaped[Net, "9"]):
    def __init__(
        self,
        widths: Sequence[int] = (3, 4),
        extra: int | None = None,
        act: Callable[..., nn.Module] = nn.ReLU,
    ) -> None: ...
