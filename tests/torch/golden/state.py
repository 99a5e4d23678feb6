"""Params, buffers, ties, initialisers, records, constants and functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONTEXT = 16
WIDTHS = (8, 16)


def hidden(dim: int, factor: int = 4) -> int:
    return factor * dim


def scaled(x: Tensor, by: float) -> Tensor:
    """x times a number."""
    # x: [*B] -> [*B]
    return x * by


@dataclass(frozen=True)
class Config:
    """How large."""

    dim: int = 8
    depth: int = 2
    p: float = 0.1


class MLP(nn.Module):
    def __init__(self, hidden: int, *, D: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(D, hidden)
        self.fc2 = nn.Linear(hidden, D)

    def forward(self, x: Tensor) -> Tensor:  # x: [N, T, D] -> [N, T, D]
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Encoder(nn.Module):
    steps: Tensor
    causal: Tensor

    def __init__(self, vocab: int = 30, config: Config | None = None) -> None:
        super().__init__()
        if config is None:
            config = Config(dim=12)
        self.config = config
        self.embed = nn.Embedding(vocab, config.dim)
        self.cls = nn.Parameter(torch.empty(1, 1, config.dim))
        nn.init.normal_(self.cls, std=0.02)
        self.scale = nn.Parameter(torch.ones(config.dim))
        self.register_buffer(
            "steps",
            torch.arange(CONTEXT, dtype=torch.get_default_dtype()),
            persistent=False,
        )
        self.register_buffer(
            "causal", torch.tril(torch.ones(CONTEXT + 1, CONTEXT + 1, dtype=torch.bool))
        )
        self.layers = nn.ModuleList(
            [MLP(hidden(config.dim), D=config.dim) for _ in range(config.depth)]
        )
        self.norm = nn.LayerNorm(config.dim)
        self.head = nn.Linear(config.dim, vocab)
        self.head.weight = self.embed.weight
        self.register_load_state_dict_pre_hook(self._fill_in_tied)  # type: ignore[no-untyped-call]
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        nn.init.constant_(self.norm.weight, 0.5)

    def forward(self, tokens: Tensor) -> Tensor:  # tokens: [N, T] -> [N, T + 1, vocab]
        N, T = tokens.shape
        if not torch.compiler.is_compiling() and isinstance(T, int) and T >= 16:
            raise ValueError(f"at most 15 tokens (T={T})")
        # x: [N, T + 1, config.dim]
        x = torch.cat([self.cls.expand(N, -1, -1), self.embed(tokens)], dim=1)
        x = x + self.steps[: T + 1, None] * self.scale
        x = F.dropout(x, self.config.p, training=self.training).masked_fill(
            self.causal[: T + 1, 0, None].logical_not(), 0.0
        )
        for layer in self.layers:
            x = layer(x)
        x = scaled(self.norm(x), 0.5)
        out: Tensor = self.head(x)
        return out

    @staticmethod
    def _fill_in_tied(
        _module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
    ) -> None:
        """Accept a state_dict that stores a tied tensor under one name only."""
        tied = [prefix + "head.weight", prefix + "embed.weight"]
        for name, other in (tied, reversed(tied)):
            if other in state_dict:
                state_dict.setdefault(name, state_dict[other])

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Without `strict`, list the names of tied tensors that are not stored, too."""
        tensors = self.state_dict(keep_vars=True)
        stored = {id(t) for name, t in tensors.items() if name in state_dict}
        keys = super().load_state_dict(state_dict, strict, assign)
        if not strict:
            keys.missing_keys.extend(
                n for n, t in tensors.items() if id(t) in stored and n not in state_dict
            )
        return keys


class Small(Encoder):
    def __init__(self) -> None:
        super().__init__(vocab=10, config=Config(dim=4, depth=1))
