"""A whole method or function: signature, shapes, sizes, body."""

from __future__ import annotations

import textwrap

from spec_lang.ir import model as m
from spec_lang.targets.torch.code import Code, flat
from spec_lang.targets.torch.dims import sizes
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.methods import Methods
from spec_lang.targets.torch.signature import Late, Parameter, define, is_plain
from spec_lang.targets.torch.text import attribute, docstring
from spec_lang.targets.torch.types import annotation, shape
from spec_lang.targets.torch.walk import names_in, nodes


class Routine(Methods):
    """Assembles what `Methods` writes."""

    lets: dict[str, m.Let]

    def lines_of(self) -> list[str]:
        """The whole method."""
        taken, shown = len(self.scope.taken), dict(self.shown)
        self.body(self.method.body)
        if (dtype := self.repeated_dtype()) is not None:
            self.scope.taken.shrink(taken)
            self.shown = shown
            self.dtype_local = self.scope.fresh("dtype", "float_dtype")
            self.lines = statement(self.indent, f"{self.dtype_local} = ", dtype)
            self.body(self.method.body)
        body, self.lines = self.lines, []
        self.defaults()
        defaults, self.lines = self.lines, []
        checks = self.check_lines()
        head = self.size_lines()
        signature = define(self.indent - 4, self.python_name(), self.signature(), self.result())
        lines = [*signature]
        shapes = self.shapes()
        if (
            shapes
            and len(signature) == 1
            and not self.method.doc
            and len(f"{signature[0]}  # {shapes}") <= WIDTH
        ):
            lines[-1] += f"  # {shapes}"
            shapes = None
        if self.method.doc:
            lines += docstring(self.indent, self.method.doc)
        if shapes:
            lines += self.shape_comment()
        return [*lines, *defaults, *head, *checks, *body]

    def repeated_dtype(self) -> Code | None:
        """The dtype of the parameters, where the body asks for it more than once."""
        dtype = self.parameters_dtype()
        if dtype is None:
            return None
        return dtype if sum(line.count(flat(dtype)) for line in self.lines) > 1 else None

    def python_name(self) -> str:
        return attribute(self.method.name)

    def leading(self) -> list[Parameter]:
        """The parameters before the inputs."""
        return []

    def trailing(self) -> list[Parameter]:
        """The parameters behind the inputs."""
        return []

    def check_lines(self) -> list[str]:
        """The checks of what the caller gives."""
        return []

    def signature(self) -> list[Parameter]:
        """The parameters; one with a computed default may be None."""
        parameters = self.leading()
        for i in self.method.inputs:
            kind = annotation(i.type, self.imports)
            python = self.scope.local(i.name)
            late = i.default is not None and not is_plain(i.default)
            if (i.optional or late) and not kind.endswith("| None"):
                kind += " | None"
            default = "" if i.default is None else "None" if late else flat(self.expr(i.default))
            if i.optional and not default:
                default = "None" if self._last_required(i) else ""
            parameters.append(Parameter(python, kind, default))
        return [*parameters, *self.trailing()]

    def _last_required(self, i: m.Input) -> bool:
        """Whether no input behind `i` must be given."""
        behind = self.method.inputs[self.method.inputs.index(i) + 1 :]
        return all(b.optional or b.default is not None for b in behind)

    def defaults(self) -> None:
        """Fill in the inputs that default to an expression over earlier ones."""
        for i in self.method.inputs:
            if i.default is not None and not is_plain(i.default):
                late = Late(self.scope.local(i.name), self.expr(i.default))
                self.lines += late.lines(self.indent)

    def shapes(self) -> str | None:
        """The shapes of inputs and results, for a comment."""
        given, made = self.shape_lists()
        if not given:
            return None
        return ", ".join(given) + (f" -> {', '.join(made)}" if made else "")

    def shape_lists(self) -> tuple[list[str], list[str]]:
        """Each input's and each result's shape; those of scalars say nothing."""
        inputs = [(i.name, shape(i.type)) for i in self.method.inputs]
        results = [(r.name, shape(r.type)) for r in self.method.results]
        made = [f"{n}: {s}" if n else s for n, s in results if s]
        if all(s in ("[]", None) for _, s in results):
            made = []
        return [f"{n}: {s}" for n, s in inputs if s], made

    def shape_comment(self) -> list[str]:
        """The shapes on lines of their own, results apart where one line does not do."""
        text = self.shapes()
        if text is None:
            return []
        margin = " " * self.indent
        if len(f"{margin}# {text}") <= WIDTH:
            return [f"{margin}# {text}"]
        given, made = self.shape_lists()
        lines = _packed(given, WIDTH - self.indent - 2)
        lines += _packed([f"-> {made[0]}", *made[1:]], WIDTH - self.indent - 2) if made else []
        return [f"{margin}# {line}" for line in lines]

    def size_lines(self) -> list[str]:
        """The dims and call-time `let`s that the method reads."""
        lets: list[m.Let] = []
        for let in reversed(self.lets.values()):
            if let.name in self.needed:
                lets.insert(0, let)
                self.needed |= names_in(let.value) & (self.call_dims.keys() | self.lets.keys())
        bindings = [b for n, b in self.call_dims.items() if n in self.needed]
        inputs = {i.name: i for i in self.method.inputs}
        for b in bindings:
            for text in (b.scale, b.offset):
                self.needed |= {n for n in self.call_dims if n in text.replace("*", " ").split()}
        bindings = [b for n, b in self.call_dims.items() if n in self.needed]
        lines = [" " * self.indent + line for line in sizes(bindings, self, inputs)]
        for let in lets:
            lines += statement(self.indent, f"{self.scope.local(let.name)} = ", self.expr(let.value))
        return lines

    def result(self) -> str:
        """The annotation of what is returned."""
        results = self.method.results
        returned = [s.value for s in nodes(self.method.body) if isinstance(s, m.Return)]
        if not results:
            return annotation(returned[-1].type, self.imports) if returned else "None"
        if len(results) == 1 and not self.method.results_tuple:
            return self.returns(results[0].type, returned)
        items = [[v.items[i] for v in returned if isinstance(v, m.Tuple)] for i in range(len(results))]
        kinds = [self.returns(r.type, values) for r, values in zip(results, items, strict=True)]
        return f"tuple[{', '.join(kinds)}]"

    def returns(self, kind: m.Type, values: list[m.Expr]) -> str:
        """The annotation of one result: a fixed number of tensors may be a list all the same."""
        grown = {
            s.target.name
            for s in nodes(self.method.body)
            if isinstance(s, m.Assign) and isinstance(s.value, m.List | m.Comprehension)
        }
        lists = [
            isinstance(v, m.List | m.Comprehension) or (isinstance(v, m.Name) and v.id in grown)
            for v in values
        ]
        if isinstance(kind, m.TupleType) and kind.items and lists and all(lists):
            kind = m.make(m.ListType, item=kind.items[0])
        return annotation(kind, self.imports)


def _packed(items: list[str], width: int) -> list[str]:
    """Items joined by commas, broken between them, and inside one only where a line does not hold it."""
    lines: list[str] = []
    for text in [*(f"{item}," for item in items[:-1]), items[-1]]:
        if lines and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines += textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return lines
