"""Blocks and models as the classes of a stub."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from spec_lang.ir import model as m
from spec_lang.shapes.printing import render
from spec_lang.targets.stubs.annotations import tensor, written
from spec_lang.targets.stubs.attributes import attributes
from spec_lang.targets.stubs.dialects import Dialect
from spec_lang.targets.stubs.signatures import Shaped, signature
from spec_lang.targets.stubs.sizes import Sizes, Statics
from spec_lang.targets.torch.attributes import tree_of
from spec_lang.targets.torch.names import parameters


class Class:
    """The class of a block.

    Attributes:
        names: The hyperparameters and implicit dims that its shapes name, in order: what a subclass gives to it.
    """

    def __init__(
        self, block: m.Block, node: ast.ClassDef, dialect: Dialect, classes: Collection[str]
    ) -> None:
        self._block, self._node, self._dialect = block, node, dialect
        lets = {let.name: tree_of(let.value) for let in block.lets if let.at == "init"}
        statics = Statics(
            [*(h.name for h in block.hypers if is_int(h.type)), *block.dims],
            {name: tree for name, tree in lets.items() if tree is not None},
        )
        methods = {method.name: method for method in block.methods}
        self._init = next((n for n in _functions(node) if n.name == "__init__"), None)
        self._methods = [
            (n, Shaped(n, methods[n.name], dialect, statics) if n.name in methods else None)
            for n in _functions(node)
            if not n.name.startswith("_")
        ]
        self._fields = _fields(block, node, self._init, dialect, statics, classes)
        order = [*(h.name for h in block.hypers), *block.dims]
        self.names = tuple(n for n in order if n in statics.used) if dialect.declares else ()
        self.block = block

    def lines(self) -> list[str]:
        """The class."""
        dialect = self._dialect
        around = bool(self.names) or any("Shaped[" in text for text in self._fields.values())
        lines = [f"    {name}: {text}" for name, text in self._fields.items()]
        if self._init is not None:
            numbers = init_annotations(self._init, self.block, self.names, dialect)
            lines += signature(self._init, 4, numbers)
        for node, method in self._methods:
            lines += signature(node, 4) if method is None else method.lines(dialect, 4, around)
            if node.name == "forward":
                lines.append("    __call__ = forward")
        head = f"class {self._node.name}({', '.join(map(written, self._node.bases))}):"
        declared = [f'@shape_vars("{", ".join(self.names)}")'] if around and dialect.declares else []
        return [*declared, head, *lines] if lines else [*declared, f"{head} ..."]


def subclass(variant: m.Variant, node: ast.ClassDef, base: Class, dialect: Dialect) -> list[str]:
    """`model ResNet50 = ResNet(...)`: its base has the sizes that it fixes."""
    hypers = [h.name for h in base.block.hypers]
    fixed = dict(zip(hypers, variant.args, strict=False))
    fixed |= {k.name: k.value for k in variant.kwargs if k.name}
    own = tuple(n for n in base.names if n not in fixed)
    given = [_argument(fixed[n], dialect) if n in fixed else n for n in base.names]
    (parent,) = map(written, node.bases)
    if given:
        parent = f'Shaped[{parent}, "{", ".join(given)}"]'
    init = next((n for n in _functions(node) if n.name == "__init__"), None)
    lines = signature(init, 4, init_annotations(init, base.block, own, dialect)) if init is not None else []
    declared = [f'@shape_vars("{", ".join(own)}")'] if given else []
    return [*declared, f"class {node.name}({parent}):" + ("" if lines else " ..."), *lines]


def _argument(value: m.Expr, dialect: Dialect) -> str:
    """A fixed size, where it is a number."""
    tree = tree_of(value)
    if tree is not None and tree[0] == "const" and type(tree[1]) is int:
        return render(tree)
    return dialect.unknown


def is_int(kind: m.Type) -> bool:
    """Whether a hyperparameter is an int, or may be one."""
    if isinstance(kind, m.OptionalType):
        return is_int(kind.base)
    return isinstance(kind, m.ScalarType) and kind.name == "int"


def init_annotations(
    init: ast.FunctionDef, block: m.Block, names: Collection[str], dialect: Dialect
) -> Mapping[str, str]:
    """The annotations of the parameters that are sizes."""
    python = parameters([*(h.name for h in block.hypers), *block.dims])
    sizes = {python[name]: name for name in names}
    return {
        a.arg: written(a.annotation).replace("int", dialect.number(sizes[a.arg]), 1)
        for a in (*init.args.args, *init.args.kwonlyargs)
        if a.arg in sizes and a.annotation is not None
    }


def _functions(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [n for n in node.body if isinstance(n, ast.FunctionDef)]


def _fields(
    block: m.Block,
    node: ast.ClassDef,
    init: ast.FunctionDef | None,
    dialect: Dialect,
    statics: Statics,
    classes: Collection[str],
) -> dict[str, str]:
    """The annotations of what an instance has: buffers, then what construction keeps."""
    found = {
        n.target.id: written(n.annotation)
        for n in node.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and not n.target.id.startswith("_")
    }
    found |= attributes(init, classes) if init is not None else {}
    sizes = Sizes(statics)
    for p in block.members:
        base = found.get(p.name)
        if isinstance(p, m.Param) and base in ("Tensor", "nn.Parameter"):
            found[p.name] = tensor(base, p.type, dialect, sizes.made)
    return found
