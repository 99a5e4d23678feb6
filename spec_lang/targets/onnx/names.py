"""Unique names that stay readable."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """Hands out each name once: the second `h.0.attn.MatMul` is `h.0.attn.MatMul_1`."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._next: dict[str, int] = dict.fromkeys(reserved, 1)

    def take(self, wanted: str) -> str:
        """`wanted`, or it with the first number that makes it unique."""
        seen = self._next
        if wanted not in seen:
            seen[wanted] = 1
            return wanted
        while True:
            name = f"{wanted}_{seen[wanted]}"
            seen[wanted] += 1
            if name not in seen:
                seen[name] = 1
                return name
