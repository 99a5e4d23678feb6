"""A spec with other defaults of its models, and what its class is but for them."""

from __future__ import annotations

import ast as python
from random import Random

from spec_lang.compiler import Compilation
from spec_lang.ir.from_ast.types.hyper_types import is_mono
from spec_lang.syntax import ast
from spec_lang.syntax.walk import walk
from tests.fuzz.held import compiled

SATISFIED = ("E06", "E0507")
"""What a refusal of other defaults says: that they break a condition, or a bound of their type."""


class Changed(AssertionError):
    """The class that is written depends on a model's defaults."""


def defaults_do_not_matter(text: str, rng: Random, times: int = 3) -> int:
    """Hold a spec to this: with other defaults it gives the same classes, or is refused for what the defaults break.

    Gives how often it was compared.

    Raises:
        Changed: it does not.
    """
    first = compiled(text)
    if not first.modules:
        return 0
    tree = first.modules[0].tree
    plain = _without_expects(text, tree)
    first = compiled(plain)
    if any(d.code.startswith("E06") for d in first.errors):
        return 0  # its own defaults break a condition: the others may not
    if not first.modules:
        return 0
    tree = first.modules[0].tree
    count = 0
    for _ in range(times):
        other = with_other_defaults(plain, tree, rng)
        if other == plain:
            continue
        second = compiled(other)
        errors = [d for d in second.errors if not d.code.startswith(SATISFIED)]
        if second.errors and not errors:
            continue
        count += 1
        if bool(first.errors) is not bool(errors):
            [said] = (errors or first.errors)[:1]
            raise Changed(f"{said.code} {said.message}: with one of these defaults only:\n{plain}\n{other}")
        if not errors and classes(first) != classes(second):
            raise Changed(f"the classes differ:\n{_difference(first, second)}\nof\n{other}")
    return count


def _difference(a: Compilation, b: Compilation) -> str:
    pairs = zip(classes(a).splitlines(), classes(b).splitlines(), strict=False)
    return "\n".join(f"- {x}\n+ {y}" for x, y in pairs if x != y)


def classes(result: Compilation) -> str:
    """The PyTorch source of a spec, without the defaults in its signatures."""
    return "\n".join(
        python.unparse(_Undefaulted().visit(python.parse(source)))
        for source in result.torch_sources().values()
    )


class _Undefaulted(python.NodeTransformer):
    """Takes the defaults out of constructors: those that are written there, and those that none stands for."""

    def visit_FunctionDef(self, node: python.FunctionDef) -> python.FunctionDef:
        if node.name == "__init__":
            node.args.defaults = []
            node.args.kw_defaults = [None for _ in node.args.kwonlyargs]
            node.body = [s for s in node.body if not _sets_default(s)]
        return node


def _sets_default(node: python.stmt) -> bool:
    """`if config is None: config = Config()`."""
    if not (isinstance(node, python.If) and len(node.body) == 1 and isinstance(node.body[0], python.Assign)):
        return False
    [target] = node.body[0].targets
    return python.unparse(node.test) == f"{python.unparse(target)} is None"


# --- other defaults ---


def with_other_defaults(text: str, tree: ast.Module, rng: Random) -> str:
    """A spec's text with some of its models' defaults changed; those that a class is checked for by value are kept."""
    records = {d.name.id: d for d in tree.definitions if isinstance(d, ast.Record)}
    edits: list[tuple[int, int, str]] = []
    writer = _Other(text, records, rng)
    for d in tree.definitions:
        if not isinstance(d, ast.Block) or d.kind != "model":
            continue
        for h in d.hypers or ():
            if h.default is None or rng.random() < 0.2:
                continue
            other = writer.of(h.default, h.type)
            edits.append((h.default.span.start, h.default.span.end, other))
    return _edited(text, edits)


class _Other:
    """Writes other values of a type near to one that is written."""

    def __init__(self, text: str, records: dict[str, ast.Record], rng: Random) -> None:
        self.text = text
        self.records = records
        self.rng = rng
        self.together = rng.choice((None, 0, 1, 2, 3, 4))
        """What all lists become, so that conditions on their lengths go on to hold; None where each is changed alone."""

    def of(self, node: ast.Expr, type: ast.Type) -> str:
        same = self.text[node.span.start : node.span.end]
        if isinstance(type, ast.OptionalType):
            return self.of(node, type.base)
        if is_mono(type):
            return same
        if isinstance(type, ast.NamedType | ast.BoundedType):
            return self.named(node, type, same)
        if isinstance(type, ast.ChoiceType) and isinstance(node, ast.String):
            option = self.rng.choice(type.options)
            return self.text[option.span.start : option.span.end]
        if isinstance(type, ast.TupleType) and isinstance(node, ast.Tuple):
            items = [self.of(n, t) for n, t in zip(node.items, type.items, strict=False)]
            return f"({', '.join(items)}{',' * (len(items) == 1)})"
        if isinstance(type, ast.ListType) and isinstance(node, ast.List):
            return f"[{', '.join(self.listed([self.of(n, type.item) for n in node.items]))}]"
        return same

    def listed(self, items: list[str]) -> list[str]:
        kind = self.rng.randrange(5) if self.together is None else self.together
        if kind == 0 and len(items) > 1:
            return items[:-1]
        if kind == 1 and items:
            return [*items, items[0]]
        if kind == 2:
            return self.rng.sample(items, len(items))
        if kind == 3 and len(items) > 2:
            return items[:1]
        return items

    def named(self, node: ast.Expr, type: ast.NamedType | ast.BoundedType, same: str) -> str:
        name = type.name if isinstance(type, ast.NamedType) else type.base.name
        if name == "int" and isinstance(node, ast.Number) and isinstance(node.value, int):
            return str(self.rng.choice([node.value, node.value + 1, max(node.value - 1, 1), node.value * 2]))
        if name == "float" and isinstance(node, ast.Number):
            return repr(self.rng.choice([float(node.value), node.value / 2, node.value * 0.75]))
        if name == "bool" and isinstance(node, ast.Constant):
            return self.rng.choice(["true", "false"])
        record = self.records.get(name)
        if record is not None and isinstance(node, ast.Call):
            fields = {f.name.id: f.type for f in record.fields}
            written = []
            for position, argument in zip([*fields, *[""] * len(node.args)], node.args, strict=False):
                field = argument.name or position
                head = f"{argument.name}=" if argument.name else ""
                if argument.star or field not in fields:
                    return same
                written.append(head + self.of(argument.value, fields[field]))
            return f"{name}({', '.join(written)})"
        return same


def _without_expects(text: str, tree: ast.Module) -> str:
    """A spec's text without its tests, which are of its defaults."""
    return _edited(text, [(e.span.start, e.span.end, "") for e in walk(tree) if isinstance(e, ast.Expect)])


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text
