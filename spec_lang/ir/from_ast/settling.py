"""What `_` and implicit dims stand for: the dataflow determines each once."""

from __future__ import annotations

from spec_lang.ir.from_ast.construction import Construction
from spec_lang.ir.from_ast.op_calls import Args
from spec_lang.ir.from_ast.values import (
    Cell,
    substitute,
)
from spec_lang.shapes import Dim, TensorType, symbol
from spec_lang.syntax import ast


class Settling(Construction):
    """Settles what construction left to the dataflow."""

    index_symbols: dict[str, Dim] = {}

    def settle(
        self, cell: Cell, size: Dim, at: dict[str, Dim], node: ast.Expr, what: str, args: Args | None = None
    ) -> bool:
        """Determine a `_` or an implicit dim, or prove that this call needs the same value."""
        if cell.value is None:
            self._own_heads(size, at)
            back = self._indexed(size, at)
            if back is None or not self.make_static(back, cell, what, node):
                if back is None:
                    self.error("E0307", f"{what} ({size}) cannot be told for every item of the list", node)
                return False
            cell.value = back
            self.journal.append(cell)
            for own in at:
                if own in self.repeats:
                    self.cell_owner[id(cell)] = self.repeats[own].node
            return True
        known = substitute(cell.value, dict(at))
        assert isinstance(known, Dim)
        if known == size or self.facts.equal(known, size):
            return True
        notes: tuple[str, ...] = ()
        if args is not None and args.values and isinstance(args.values[0], TensorType):
            notes = self.trail(args.values[0])
        self.error(
            "E0313",
            f"{what} would be {known} at one use and {size} at this one",
            self.stage(node),
            labels=(self.label(cell.node, f"one {'list' if at else 'layer'}, so one value: {known}"),),
            notes=notes,
            help=self._written_out(cell)
            if at
            else "a layer used twice is shared; use two layers where the sizes differ",
        )
        return False

    def _written_out(self, cell: Cell) -> str:
        """What to do where the items of a list need different sizes."""
        if isinstance(cell.node, ast.Hole):
            return "write the size out in terms of the list's variable"
        return (
            f"make `{cell.name}` a hyperparameter of the block, and give it in terms of the list's variable"
        )

    def _own_heads(self, size: Dim, at: dict[str, Dim]) -> None:
        """A size that changes along a loop is kept where the list that the loop indexes is made."""
        for name in size.symbols & set(self.heads):
            it = self.heads[name]
            for own, index in at.items():
                repeat = self.repeats.get(own)
                if repeat is not None and index == it.index and self.facts.equal(repeat.length, it.length):
                    it.owner = repeat.node

    def _indexed(self, size: Dim, at: dict[str, Dim]) -> Dim | None:
        """A size at one index of a list as a formula for all of them."""
        for name, index in at.items():
            if index.const is not None:
                if not self.unrolled and name not in size.symbols:
                    continue
                return None if index.symbols & size.symbols else size
            own = index.symbols
            if not own & size.symbols:
                continue
            if len(own) == 1 and str(index) in own:
                size = size.substitute({str(index): self.index_symbols.get(name, symbol(name, 0))})
            else:
                return None
        return size

    def make_static(self, size: Dim, cell: Cell, what: str, node: ast.Expr) -> bool:
        """Note the dims that construction needs for a size."""
        for name in sorted(size.symbols):
            if name in self.dynamic:
                self.error(
                    "E0307",
                    f"{what} is {size}, which is not known when the layer is constructed",
                    cell.node,
                    labels=(self.label(self.stage(node), "used here"),),
                )
                return False
            if name in self.dims:
                self.need(name)
            elif name in self.bound:
                value = self.bound[name]
                if isinstance(value, Dim) and name not in value.symbols:
                    continue
        return True
