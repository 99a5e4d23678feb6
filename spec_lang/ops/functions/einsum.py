"""Sums of products by Einstein's notation.

Source: https://docs.pytorch.org/docs/stable/generated/torch.einsum.html
"""

from __future__ import annotations

from spec_lang.ops.base import Cx, Function, OpError, Tensor
from spec_lang.ops.lowering import Graph, Value
from spec_lang.ops.products import Product, Products, flops_of
from spec_lang.ops.rules.elementwise import (
    INTS,
    LOWERING,
    NARROW,
    NUMBERS,
    recast,
    result_shape,
    same_dtype,
    takes,
)
from spec_lang.shapes import Dim, DType, Pack, Shape

_NARROWER = INTS - {DType.I64}


class einsum(Function):
    """The products of elements of equal indices, summed over the indices that do not go out ("bij,bjk->bik")."""

    equation: str
    operands: list[Tensor]

    torch = "torch.einsum"
    gathers = "operands"
    keeps = "factors"

    def infer(self, cx: Cx) -> Tensor:
        ins, out = self._read(cx)
        if len(ins) != len(self.operands):
            raise OpError(
                f'{cx.name}: "{self.equation}" takes {len(ins)} tensors, but gets {len(self.operands)}',
                code="E0510",
                arg="operands",
            )
        same_dtype(cx, *self.operands)
        sizes: dict[str, Dim] = {}
        rest: list[Tensor] = []
        for term, x in zip(ins, self.operands, strict=True):
            takes(cx, x, NUMBERS)
            self._match(cx, term, x, sizes, rest)
        shared: Shape = result_shape(cx, *rest) if rest else ()
        shape: list[Dim | Pack] = []
        for part in _parts(out):
            shape += shared if part == "..." else [sizes[part]]
        return Tensor(self._dtype(cx, ins, out), tuple(shape))

    def _dtype(self, cx: Cx, ins: list[str], out: str) -> DType:
        """That of the tensors; PyTorch sums narrow ints as int, but adds up products of theirs as they are.

        Raises:
            OpError: E0401, it would do one for an index and the other for another, or where sizes broadcast.
        """
        dtype = self.operands[0].dtype
        if dtype not in _NARROWER:
            return dtype
        found: dict[str, list[Dim | Pack]] = {}
        for term, x in zip(ins, self.operands, strict=True):
            head, _, tail = term.partition("...")
            dims = (*x.shape[: len(head)], *x.shape[len(x.shape) - len(tail) :])
            for name, size in zip(head + tail, dims, strict=True):
                found.setdefault(name, []).append(size)
        summed = [sizes for name, sizes in found.items() if name not in out]
        if len(self.operands) == 1:
            return DType.I64 if summed else dtype
        for sizes in summed:
            if len(sizes) < 2 or any(s != sizes[0] for s in sizes):
                raise OpError(
                    f'{cx.name}: "{self.equation}" of {dtype} gives {dtype} or int, by the sizes',
                    code="E0401",
                    arg="operands",
                    help="convert with `to(int)`",
                )
        return dtype

    def _match(self, cx: Cx, term: str, x: Tensor, sizes: dict[str, Dim], rest: list[Tensor]) -> None:
        """Take the size of each index from a tensor; sizes of 1 broadcast, as in PyTorch."""
        parts = _parts(term)
        names = len(parts) - ("..." in parts)
        known = len(x.shape) - (x.rank is None)
        if known < names or ("..." not in parts and len(x.shape) != names):
            raise OpError(
                f'{cx.name}: "{term}" of "{self.equation}" names {names} dims, but the tensor is {x}',
                code="E0302",
            )
        at = parts.index("...") if "..." in parts else names
        after = names - at
        last = len(x.shape) - after
        dims = [*x.shape[:at], *(x.shape[last:] if "..." in parts else ())]
        if "..." in parts:
            rest.append(x.with_shape(x.shape[at:last]))
        for name, size in zip([p for p in parts if p != "..."], dims, strict=True):
            if isinstance(size, Pack):
                raise OpError(f'{cx.name}: "{term}" names a dim that {x} hides', code="E0302")
            have = sizes.setdefault(name, size)
            if have == size or cx.facts.equal(size, 1):
                continue
            if cx.facts.equal(have, 1) and term.count(name) == 1:
                sizes[name] = size
                continue
            cx.equal(have, size, f'{cx.name}: `{name}` of "{self.equation}" is {have} and, in {x}, {size}')

    def _read(self, cx: Cx) -> tuple[list[str], str]:
        """The terms that come in and the one that goes out; without `->`, indices that stand once, in order."""
        text = self.equation.replace(" ", "")
        left, arrow, out = text.partition("->")
        ins = left.split(",")
        for term in (*ins, out):
            if not term.replace("...", "", 1).isalpha() and term not in ("", "..."):
                raise self._bad(cx, f"`{term}` is no list of letters")
        letters = [p for term in ins for p in _parts(term) if p != "..."]
        for term in ins:
            parts = _parts(term)
            if len(set(parts)) < len(parts):
                raise self._bad(cx, f"`{term}` takes a diagonal, which is not supported; use `diagonal`")
        dots = any("..." in term for term in ins)
        if not arrow:
            out = ("..." if dots else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        outs = _parts(out)
        if len(set(outs)) < len(outs):
            raise self._bad(cx, f"`{out}` names an index twice")
        for name in outs:
            if name != "..." and name not in letters:
                raise self._bad(cx, f"`{name}` goes out but does not come in")
        if "..." in outs and not dots:
            raise self._bad(cx, "`...` goes out but does not come in")
        if dots and "..." not in outs and arrow:
            raise self._bad(cx, "`...` comes in but does not go out")
        return ins, out

    def flops(self, out: Tensor) -> Products:
        """Operands are taken in from the left, each with what those before it gave; indices that one of the two alone has
        and nothing else needs are summed before, and where nothing then is summed, elements are multiplied.
        """
        ins, result = self._read(LOWERING)
        sized = [self._sized(term, x) for term, x in zip(ins, self.operands, strict=True)]
        kept = set(_parts(result)) - {"..."} | {i for x in sized for i in x if isinstance(i, int)}
        left, before = sized[0], self.operands[:1]
        for at, right in enumerate(sized[1:], 1):
            later = kept.union(*sized[at + 1 :])
            summed = (left.keys() & right.keys()) - later
            met = {i: size for x in (left, right) for i, size in x.items() if i in later | summed}
            if summed:
                yield Product(flops_of(tuple(met.values())), tuple(before), (self.operands[at],))
            left = {i: size for i, size in met.items() if i not in summed}
            before = self.operands[: at + 1]

    def _sized(self, term: str, x: Tensor) -> dict[str | int, Dim]:
        """The sizes of a tensor's indices, but for those of 1; a dim behind `...` is counted from its end."""
        head, dots, tail = term.partition("...")
        last = len(x.dims) - len(tail)
        found: dict[str | int, Dim] = {
            **dict(zip(head, x.dims, strict=False)),
            **dict(zip(tail, x.dims[last:], strict=True)),
        }
        if dots:
            found |= {i - last: x.dims[i] for i in range(len(head), last)}
        return {i: size for i, size in found.items() if size != 1}

    def _bad(self, cx: Cx, why: str) -> OpError:
        return OpError(f'{cx.name} cannot read "{self.equation}": {why}', code="E0520", arg="equation")

    def onnx(self, g: Graph) -> Value:
        ins, out = self._read(LOWERING)
        equation = f"{','.join(ins)}->{out}"
        dtype = self._dtype(LOWERING, ins, out)
        wide = DType.I32 if dtype in NARROW else dtype
        y = g.Einsum(*(g.cast(x, wide) for x in self.operands), equation=equation)
        return y if wide is dtype else recast(g, y, dtype)


def _parts(term: str) -> list[str]:
    """The indices of a term; `...` is one of them."""
    head, dots, tail = term.partition("...")
    return [*head, *([dots] if dots else []), *tail]
