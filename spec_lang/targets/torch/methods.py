"""The body of a method or a function over tensors: IR statements as Python statements."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from spec_lang.ir import model as m
from spec_lang.targets.torch.calls import Calls, target_names
from spec_lang.targets.torch.chains import NESTED, has_chain, stages
from spec_lang.targets.torch.code import Atom, Attr, Binary, Call, Code, Tuple, flat
from spec_lang.targets.torch.dims import sizes
from spec_lang.targets.torch.expressions import chosen
from spec_lang.targets.torch.layout import WIDTH, statement
from spec_lang.targets.torch.liveness import Later
from spec_lang.targets.torch.text import comment
from spec_lang.targets.torch.types import annotation, shape
from spec_lang.targets.torch.walk import names_in, nodes

_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
"""The names in a dim's text, without the fields of records."""


class Methods(Calls):
    """Writes the statements of one method."""

    def body(self, statements: Sequence[m.Stmt], live: Container[str] = (), *, loop: bool = False) -> None:
        """Statements in order; `live` are the names that are read after them."""
        after = Later(statements, live, loop=loop)
        for after.at, s in enumerate(statements):
            if _only_conditions(s):
                continue
            for text in s.comments:
                self.lines += comment(self.indent, text)
            self.statement(s, after)

    def statement(self, s: m.Stmt, live: Container[str]) -> None:
        match s:
            case m.Assign():
                self.assign(s, live)
            case m.Append(name=name, value=m.List(items=(item,))):
                self.simple(f"{self.scope.local(name)}.append(", item, None, live, s.trailing, ")")
            case m.Append(name=name, value=value):
                self.simple(f"{self.scope.local(name)} += ", value, None, live, s.trailing)
            case m.Return(value=value):
                self.simple("return ", value, None, live, s.trailing)
            case m.For():
                self.loop(s, live)
            case m.If():
                self.branch(s, live)

    def assign(self, s: m.Assign, live: Container[str]) -> None:
        target = self.target(s.target)
        note = self.note(s)
        bound = [self.scope.local(n) for n in target_names(s.target)]
        if bound and not any(n in live for n in target_names(s.target)) and not s.dims and len(bound) == 1:
            if isinstance(s.value, m.Call):
                self.simple("", s.value, None, live, s.trailing)
            return
        annotated = ""
        if s.target.name is not None and isinstance(s.value, m.List) and not s.value.items:
            annotated = f": list[{self.item_annotation(s.target.name)}]"
        self.simple(
            f"{flat(target)}{annotated} = ",
            s.value,
            s.target.name,
            live,
            s.trailing,
            note=note,
            unpack=s.target.items is not None,
        )
        wanted = [d for d in s.dims if d.name in live]
        self.lines += [" " * self.indent + line for line in sizes(wanted, self, {})]

    def item_annotation(self, name: str) -> str:
        """The annotation of what is appended to a list."""
        appended = [s.value for s in nodes(self.method.body) if isinstance(s, m.Append) and s.name == name]
        for value in appended:
            match value:
                case m.List(items=(first, *_)):
                    return self.annotation_of(first)
                case m.Expression(type=m.ListType(item=kind) | m.TupleType(items=(kind, *_))):
                    return annotation(kind, self.imports)
        return self.imports.use("Tensor")

    def annotation_of(self, e: m.Expr) -> str:
        """The annotation of a value; where its type changes from step to step, it is a tensor."""
        if e.type is None and isinstance(e, m.Tuple):
            return f"tuple[{', '.join(map(self.annotation_of, e.items))}]"
        return self.imports.use("Tensor") if e.type is None else annotation(e.type, self.imports)

    def simple(
        self,
        prefix: str,
        value: m.Expr,
        into: str | None,
        live: Container[str],
        trailing: str | None,
        suffix: str = "",
        unpack: bool = False,
        note: str | None = None,
    ) -> None:
        """A statement of one line where it fits, its chains broken into statements where it does not."""
        self.rhs, self.into, self.live = value, into, live
        start, chained = len(self.lines), has_chain(value)
        before = len(self.scope.taken)
        for self.hoisting in (False, True):
            del self.lines[start:]
            self.temporary = set()
            if self.hoisting:
                self.scope.taken.shrink(before)
            code = self.value(value)
            if unpack and isinstance(value.type, m.TensorType):
                code = Call(Attr(code, "unbind"), (Atom("0"),))
            if suffix == ")":
                whole: Code = Call(Atom(prefix[:-1]), (code,))
                written = statement(self.indent, "", whole)
            else:
                whole = _bare(code) if prefix.endswith((" = ", "return ")) else code
                written = statement(self.indent, prefix, whole, suffix)
            if len(written) == 1 or not chained:
                break
        self.hoisting = False
        if trailing and len(self.lines) > start:
            self.lines[start:start] = comment(self.indent, trailing)
            trailing = None
        note = trailing or note
        if prefix == f"{flat(whole)} = ":
            return
        self.emit("" if suffix == ")" else prefix, whole, "" if suffix == ")" else suffix, note)

    def value(self, e: m.Expr) -> Code:
        """The right side of a statement; a long chain leaves statements before it."""
        if isinstance(e, m.Call):
            _, calls = stages(e)
            if len(calls) > NESTED or (self.hoisting and len(calls) > 1) or any(c.to == "run" for c in calls):
                return self.chain(e)
        return self.expr(e)

    def note(self, s: m.Assign) -> str | None:
        """The shape of what is assigned, where it is not that of what it is made from."""
        kind = s.value.type
        if isinstance(s.target.name, str) and isinstance(kind, m.TensorType):
            text = shape(kind) if self.knows(kind) else None
            before, self.shown[s.target.name] = self.shown.get(s.target.name), text
            if text is None or not kind.dims or before == text:
                return None
            _, calls = stages(s.value)
            last = calls[-1].args[0].type if len(calls) > NESTED else None
            known = {shape(t) for t in _tensor_types(s.value)} if last is None else {shape(last)}
            return None if known == {text} else text
        if s.target.items and isinstance(kind, m.TensorType):
            return f"each [{', '.join(kind.dims[1:])}]"
        return None

    def knows(self, kind: m.TensorType) -> bool:
        """Whether a reader knows every name in a shape."""
        if self.known is None:
            self.known = self.known_names()
        known = self.known
        return all(word in known for dim in kind.dims for word in _WORD.findall(dim))

    def known_names(self) -> set[str]:
        """The names that stand in the inputs' shapes, or are bound in the body."""
        inside = [n for i in self.method.inputs for n in nodes(i.type) if isinstance(n, m.TensorType)]
        found = {word for t in inside for dim in t.dims for word in _WORD.findall(dim)}
        return found | {"min", "max"} | self.local_dims | {i.name for i in self.method.inputs}

    def loop(self, s: m.For, live: Container[str]) -> None:
        iterable = self.module(s.iterable)
        target = self.loop_target(s.target, names_in(*s.body))
        self.looping(s)
        self.emit(f"for {flat(target)} in ", iterable, ":", s.trailing)
        self.indented(s.body, live, loop=True)

    def looping(self, s: m.For) -> None:
        """Note what a loop runs over."""

    def branch(self, s: m.If, live: Container[str]) -> None:
        test = self.condition(s.test)
        body = s.body
        while not s.orelse and len(body) == 1 and isinstance(body[0], m.If) and not body[0].orelse:
            test = Binary("and", test, self.condition(body[0].test))
            body = body[0].body
        if self.as_choice(s, test):
            return
        self.emit("if ", test, ":", s.trailing)
        self.indented(body, live)
        orelse = s.orelse
        while len(orelse) == 1 and isinstance(orelse[0], m.If) and not orelse[0].comments:
            self.emit("elif ", self.condition(orelse[0].test), ":", orelse[0].trailing)
            self.indented(orelse[0].body, live)
            orelse = orelse[0].orelse
        if orelse:
            self.lines.append(" " * self.indent + "else:")
            self.indented(orelse, live)

    def as_choice(self, s: m.If, test: Code) -> bool:
        """Write two assignments of one variable as one, where that is a line."""
        if len(s.body) != 1 or len(s.orelse) != 1:
            return False
        a, b = s.body[0], s.orelse[0]
        if not (isinstance(a, m.Assign) and isinstance(b, m.Assign) and a.target.name == b.target.name):
            return False
        if a.target.name is None or a.dims or b.dims or _runs(a.value) or _runs(b.value):
            return False
        code = chosen(test, self.expr(a.value), self.expr(b.value))
        remarks = [*a.comments, *filter(None, [a.trailing]), *b.comments, *filter(None, [b.trailing])]
        line = " " * self.indent + f"{self.scope.local(a.target.name)} = {flat(code)}"
        if len(line) > WIDTH:
            return False
        self.lines += [text for remark in remarks for text in comment(self.indent, remark)]
        self.lines.append(line)
        return True

    def indented(self, statements: Sequence[m.Stmt], live: Container[str], *, loop: bool = False) -> None:
        self.indent += 4
        before = len(self.lines)
        self.body(statements, live, loop=loop)
        if all(line.lstrip().startswith("#") for line in self.lines[before:]):
            self.lines.append(" " * self.indent + "pass")
        self.indent -= 4


def _only_conditions(s: m.Stmt) -> bool:
    """Whether nothing is left of a statement: the model checks its caller's values first."""
    match s:
        case m.Require():
            return True
        case m.If(body=body, orelse=orelse):
            return all(map(_only_conditions, (*body, *orelse)))
        case m.For(body=body):
            return all(map(_only_conditions, body))
        case _:
            return False


def _bare(code: Code) -> Code:
    return Tuple(code.items, bare=True) if isinstance(code, Tuple) and code.items else code


def _runs(e: m.Expr) -> bool:
    return any(isinstance(n, m.Call) and n.to == "run" for n in nodes(e))


def _tensor_types(e: m.Expr) -> list[m.TensorType]:
    names = [n for n in nodes(e) if isinstance(n, m.Name) and n.ref == "local"]
    return [n.type for n in names if isinstance(n.type, m.TensorType)]
