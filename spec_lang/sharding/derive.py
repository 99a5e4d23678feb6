"""From a checked program to how the axes of its tensors hang together.

Each block's method is gone through once, for all uses of the block and for all values of its hyperparameters: what a list
of layers does, once for all items; both branches of a choice. What cannot be told stays whole, and the reason is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from spec_lang.ir import model, operators
from spec_lang.ir.evaluate import Env, EvaluationError, Evaluator
from spec_lang.ir.instantiate import names_in
from spec_lang.ops.base import FUNCTIONS, LAYERS, Op
from spec_lang.shapes import Dim, dim, symbol
from spec_lang.sharding.factors import Axis, Factor, Reason, flat, size_in, unify, whole
from spec_lang.sharding.notation import read
from spec_lang.sharding.placing import Place, come_from, function, keep_whole, layer, tensors_in
from spec_lang.sharding.values import (
    UNKNOWN,
    BlockModule,
    Chain,
    Choice,
    Items,
    Meeting,
    Opaque,
    OpModule,
    Parameter,
    Source,
    Traced,
    axis,
    of_type,
    sizes_of,
)


class Scope:
    """A definition while it is gone through: what its names are."""

    def __init__(self, name: str, file: int, definition: model.Block | None) -> None:
        self.name = name
        self.file = file
        self.definition = definition
        self.values: dict[str, Any] = {}
        self.modules: dict[str, Any] = {}
        self.tensors: dict[str, Traced] = {}


class Summary:
    """What a block's method does to axes: its inputs by name, and its result."""

    def __init__(self, inputs: Mapping[str, Any], result: Any) -> None:
        self.inputs = dict(inputs)
        self.result = result


class Derivation:
    """How the axes of one program's models hang together."""

    def __init__(self, program: model.Program) -> None:
        self.program = program
        self.parameters: dict[tuple[str, str], Parameter] = {}
        """Those that methods use, by their definition and the path below it."""
        self.unknown: dict[str, Reason] = {}
        """What runs on whole tensors because nothing says how its axes hang together."""
        self.mixed: Reason | None = None
        """Where one path is that of several kinds of layers."""
        self.meetings: list[Meeting] = []
        """What each call of an op takes."""
        self.links: list[tuple[Source, Source]] = []
        """Values that are one: what a block takes and what it is given, the one first."""
        self.bodies: list[tuple[model.Method, Mapping[str, Any]]] = []
        """The methods that were gone through, with their inputs."""
        self.read: list[Source] = []
        """Values that something else than an op looks into."""
        self.axes: dict[str, list[Axis]] = {}
        """The axes that were met, by the definition."""
        self._evaluator = Evaluator(program)
        self._scopes: dict[tuple[int, str], Scope] = {}
        self._summaries: dict[tuple[int, str, str], Summary] = {}
        self._depth = 0

    def blocks(self) -> Iterator[model.Block]:
        """The blocks that were gone through, in the program's order."""
        for d in self.program.definitions:
            if isinstance(d, model.Block) and (d.file, d.name) in self._scopes:
                yield d

    def stretches(self, scope: str) -> Iterator[tuple[Sequence[Factor], Dim]]:
        """Neighbouring factors of the axes that were met in a definition, and their sizes."""
        for a in self.axes.get(scope, ()):
            factors = flat(a)
            for start in range(len(factors)):
                for stop in range(start + 1, len(factors) + 1):
                    size = size_in(factors[start:stop], scope)
                    if size is not None:
                        yield factors[start:stop], size

    def local_names(self, block: model.Block, cut: Factor) -> list[str]:
        """The hyperparameters of a block that are sizes of what is cut: each device computes with its part of them."""
        names = {h.name for h in block.hypers}
        return sorted(names & {str(size) for factors, size in self.stretches(block.name) if cut in factors})

    def met(self, value: Any, scope: str) -> Any:
        """Remember the axes of a value that is met in a definition."""
        for x in tensors_in(value):
            self.axes.setdefault(scope, []).extend(a for a in x.axes if a)
        return value

    def method(self, definition: model.Block, name: str) -> Summary:
        """What one method of a block does."""
        key = (definition.file, definition.name, name)
        found = self._summaries.get(key)
        if found is None:
            method = next(m for m in definition.methods if m.name == name)
            scope = self.scope(definition)
            inputs = {i.name: self.met(of_type(i.type, scope.name), scope.name) for i in method.inputs}
            found = self._summaries[key] = Summary(inputs, None)
            self.bodies.append((method, inputs))
            body = _Body(self, scope, dict(inputs))
            found.result = body.run(method.body, method.results, method.results_tuple)
        return found

    def scope(self, definition: model.Block) -> Scope:
        """The block's names: hyperparameters as symbols, its layers by what they are."""
        key = (definition.file, definition.name)
        scope = self._scopes.get(key)
        if scope is None:
            scope = self._scopes[key] = Scope(definition.name, definition.file, definition)
            for h in definition.hypers:
                scope.values[h.name] = _symbolic(h)
            scope.values |= {d: symbol(d) for d in definition.dims}
            for let in definition.lets:
                scope.values[let.name] = self.scalar(let.value, scope, {})
            for member in definition.members:
                if isinstance(member, model.Layer):
                    scope.modules[member.name] = self._made(member.value, member.name, scope, {})
                else:
                    value: Any = of_type(member.type, scope.name)
                    scope.tensors[member.name] = come_from(value, Source(member.kind == "param"))
                    if member.kind == "param":
                        made = Parameter((scope.name, member.name), value.axes)
                        self.parameters[made.key] = made
            if definition.body is not None:
                scope.modules[""] = self._made(definition.body, "", scope, {})
            for tie in definition.ties:
                self._tie(tie, scope)
        return scope

    def scalar(self, node: model.Expression, scope: Scope, names: Mapping[str, Any]) -> Any:
        """The value of an expression without tensors, as far as it is known."""
        values = {**scope.values, **names}
        used = names_in(node)
        if any(isinstance(values.get(n), _NO_HOSTS) or values.get(n) is UNKNOWN for n in used):
            return UNKNOWN
        try:
            return self._evaluator.value(node, Env(scope.file, values, values))
        except (EvaluationError, LookupError, TypeError, AttributeError):
            return UNKNOWN  # what hangs on a name without a value here

    # --- Layers -------------------------------------------------------------------------------

    def _made(self, node: model.Expression, path: str, scope: Scope, names: Mapping[str, Any]) -> Any:
        """The module that an expression among the layers makes."""
        match node:
            case model.Call(to="make", name="Sequential"):
                return Chain(dict(self._children(node, path, scope, names)))
            case model.Call(to="make", name="partial"):
                return Opaque("a partial layer")
            case model.Call(to="make"):
                return self._op(node, path, scope, names)
            case model.Call(to="block"):
                return self._block(node.name, scope.file)
            case model.IfExp():
                both = [self._made(n, path, scope, names) for n in (node.body, node.orelse)]
                return Choice([m for m in both if m is not None])
            case model.Comprehension():
                inner = self._generated(node, scope, names)
                below = _below(path, "*")
                value = node.value.value if isinstance(node.value, model.Star) else node.value
                if isinstance(node.value, model.Star) and isinstance(value, model.List):
                    what = f"{scope.name}.{path}, whose items are of several kinds"
                    self.mixed = self.mixed or Reason(what, scope.file, node.span)
                    items = {str(i): self._made(v, below, scope, inner) for i, v in enumerate(value.items)}
                    return Chain(items, repeated=True)
                return Chain({"*": self._made(value, below, scope, inner)}, repeated=True)
            case model.List():
                parts = enumerate(node.items)
                return Chain(
                    {str(i): self._made(_item(v), _below(path, _at(v, i)), scope, names) for i, v in parts}
                )
            case model.Dict():
                found: dict[str, Any] = {}
                for key, value in zip(node.keys, node.values, strict=True):
                    text = self.scalar(key, scope, names) if key is not None else UNKNOWN
                    name = text if isinstance(text, str) else "*"
                    found[name] = self._made(value, _below(path, name), scope, names)
                return Chain(found, repeated="*" in found)
            case model.Literal_(value=None):
                return None
            case model.Star():
                return self._made(node.value, path, scope, names)
        return Opaque("a layer that a hyperparameter gives")

    def _children(
        self, node: model.Call, path: str, scope: Scope, names: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        if any(isinstance(a, model.Star) for a in node.args):
            if len(node.args) > 1:
                self.mixed = self.mixed or Reason(
                    f"{scope.name}.{path}, a list of several", scope.file, node.span
                )
            for i, a in enumerate(node.args):
                yield str(i), self._made(a, _below(path, "*"), scope, names)
        else:
            for i, a in enumerate(node.args):
                yield str(i), self._made(a, _below(path, str(i)), scope, names)
        for k in node.kwargs:
            name = k.name or "*"
            yield name, self._made(k.value, _below(path, name), scope, names)

    def _generated(self, node: model.Comprehension, scope: Scope, names: Mapping[str, Any]) -> dict[str, Any]:
        inner = dict(names)
        for g in node.generators:
            inner |= dict.fromkeys(_names(g.target), UNKNOWN)
        for c in node.carry:
            inner[c.name] = UNKNOWN
        return inner

    def _block(self, name: str, file: int) -> Any:
        definition = self._evaluator.definition(name, file)
        while isinstance(definition, model.Variant):
            definition = self._evaluator.definition(definition.base, definition.file)
        return BlockModule(definition) if isinstance(definition, model.Block) else Opaque(name)

    def _op(self, node: model.Call, path: str, scope: Scope, names: Mapping[str, Any]) -> OpModule:
        op = LAYERS[node.name]
        args = dict(zip(op.arguments, (self.scalar(a, scope, names) for a in node.args), strict=False))
        args |= {k.name: self.scalar(k.value, scope, names) for k in node.kwargs if k.name is not None}
        module = OpModule(op, scope.name, path, args, node)
        rule = read(op.placement) if op.placement else None
        for operand in rule.operands[1:] if rule is not None else ():
            axes = [self._parameter_axis(a, args, scope) for a in operand.axes]
            key = (scope.name, _below(path, operand.name))
            if key in self.parameters:
                what = f"{scope.name}.{path}, which is one of several layers"
                self.mixed = self.mixed or Reason(what, scope.file, node.span)
            self.parameters[key] = Parameter(key, axes)
            self.axes.setdefault(scope.name, []).extend(axes)
        return module

    def _parameter_axis(self, name: str, args: Mapping[str, Any], scope: Scope) -> Axis:
        """An axis of a parameter; the rule calls it as the layer calls the argument that gives its size."""
        size = args.get(name, UNKNOWN)
        size = dim(size) if isinstance(size, int) and not isinstance(size, bool) else size
        return axis(size, scope.name) if isinstance(size, Dim) else (Factor(),)

    def _tie(self, tie: model.Tie, scope: Scope) -> None:
        """Tied parameters are one tensor: their axes are cut alike."""
        both = [self._parameter_at(side, scope) for side in (tie.left, tie.right)]
        if both[0] is None or both[1] is None:
            for p in both:
                if p is not None:
                    whole(p.axes, Reason("a tie with something else", scope.file, tie.span))
            return
        for a, b in zip(both[0].axes, both[1].axes, strict=False):
            unify(a, b, Reason("a tie of two shapes", scope.file, tie.span))

    def _parameter_at(self, node: model.Expression, scope: Scope) -> Any:
        if isinstance(node, model.Name):
            return scope.tensors.get(node.id)
        parts: list[str] = []
        while isinstance(node, model.Attribute | model.Subscript):
            parts.append(node.name if isinstance(node, model.Attribute) else "*")
            node = node.value
        if not isinstance(node, model.Name):
            return None
        module, path, owner = scope.modules.get(node.id), node.id, scope
        for part in reversed(parts):
            if isinstance(module, BlockModule):
                owner, path = self.scope(module.definition), part
                module = owner.modules.get(part)
                continue
            path = _below(path, part)
            if isinstance(module, Chain):
                module = module.modules.get(part)
        return self.parameters.get((owner.name, path)) or owner.tensors.get(path)

    # --- Running ------------------------------------------------------------------------------

    def apply(
        self,
        module: Any,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        node: model.Call,
        scope: Scope,
    ) -> Any:
        """The result of a module's method."""
        result = of_type(node.type, scope.name)
        if isinstance(module, Items):
            module = module.item
        if isinstance(module, OpModule):
            op = module.op
            reason = self.reason(op.name, scope.file, node.span)
            if not op.placement:
                self.unknown.setdefault(op.name, reason)
            made = {}
            rule = read(op.placement) if op.placement else None
            for operand in rule.operands[1:] if rule is not None else ():
                made[operand.name] = self.parameters[module.owner, _below(module.path, operand.name)]
            inputs = [*args, *kwargs.values()]
            if node.to == "run":
                result = args[0] if args else result
            found = layer(Place(op, scope.name, reason), inputs, module.args, made, result)
            given = tensors_in(inputs)
            found = come_from(found, Source(bool(op.always), [x.source for x in given]))
            path = module.owner, module.path
            given_back = tuple(tensors_in(found))
            self.meetings.append(Meeting(op, tuple(given), given_back, reason, tuple(made.values()), path))
            return found
        if isinstance(module, BlockModule):
            return self._apply_block(module.definition, method, args, kwargs, node, scope, result)
        if isinstance(module, Choice):
            results = [self.apply(m, method, args, kwargs, node, scope) for m in module.modules]
            for other in results[1:]:
                self.join(results[0], other, node, scope)
            return results[0] if results else args[0]
        if isinstance(module, Chain):
            return self._in_order(module, args, kwargs, node, scope)
        what = module.what if isinstance(module, Opaque) else "a layer that is not known here"
        reason = self.reason(what, scope.file, node.span)
        self.unknown.setdefault(what, reason)
        keep_whole([args, list(kwargs.values()), result], reason)
        self.read += [x.source for x in tensors_in([args, list(kwargs.values()), result])]
        return come_from(result, Source(learned=True))

    def _in_order(
        self, chain: Chain, args: Sequence[Any], kwargs: Mapping[str, Any], node: model.Call, scope: Scope
    ) -> Any:
        """The layers of a list one after another; the axes of one that stands for all are those before and behind it."""
        x, *rest = args
        for module in chain.modules.values():
            if module is not None:
                x = self.apply(module, "forward", [x, *rest], kwargs, node, scope)
        if chain.repeated:
            self.join(args[0], x, node, scope)
        return x

    def _apply_block(
        self,
        definition: model.Block,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        node: model.Call,
        scope: Scope,
        result: Any,
    ) -> Any:
        if definition.body is not None:
            inner = self.scope(definition)
            return self.apply(inner.modules[""], "forward", args, kwargs, node, inner)
        summary = self.method(definition, method)
        given = dict(zip(summary.inputs, args, strict=False)) | dict(kwargs)
        for name, value in given.items():
            self.join(summary.inputs.get(name), value, node, scope)
        return _with_sizes(summary.result, result)

    def join(self, a: Any, b: Any, node: model.Node, scope: Scope) -> None:
        """Two values that are one: their axes are cut alike."""
        reason = self.reason("two shapes that meet", scope.file, node.span)
        if isinstance(a, Traced) and isinstance(b, Traced):
            a.source.add(b.source)
            b.source.add(a.source)
            self.links.append((a.source, b.source))
            if len(a.axes) != len(b.axes):
                keep_whole([a, b], reason)
                return
            for left, right in zip(a.axes, b.axes, strict=True):
                if left and right:
                    unify(left, right, reason)
        elif isinstance(a, Items) or isinstance(b, Items):
            left = a.item if isinstance(a, Items) else a
            right = b.item if isinstance(b, Items) else b
            for x in left if isinstance(left, tuple | list) and not isinstance(a, Items) else (left,):
                for y in right if isinstance(right, tuple | list) and not isinstance(b, Items) else (right,):
                    self.join(x, y, node, scope)
        elif isinstance(a, tuple | list) and isinstance(b, tuple | list):
            for x, y in zip(a, b, strict=False):
                self.join(x, y, node, scope)

    def reason(self, what: str, file: int, span: model.Span | None) -> Reason:
        return Reason(what, file, span)

    def tensor_function(
        self, definition: model.TensorFunction, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """The result of a function over tensors: its body is gone through for each call."""
        method = definition.method
        scope = Scope(definition.name, definition.file, None)
        inputs = {i.name: of_type(i.type, scope.name) for i in method.inputs}
        given = dict(zip(inputs, args, strict=False)) | dict(kwargs)
        if self._depth > 50:
            keep_whole(given, self.reason(f"{definition.name} calling itself", definition.file, None))
            return None
        for name, value in given.items():
            if isinstance(value, Traced) and isinstance(inputs.get(name), Traced):
                same = len(value.axes) == len(inputs[name].axes)
                inputs[name] = Traced(value.axes, inputs[name].dims, value.source) if same else value
            else:
                inputs[name] = value
        self.bodies.append((method, inputs))
        self._depth += 1
        result = _Body(self, scope, inputs).run(method.body, method.results, method.results_tuple)
        self._depth -= 1
        return result


_NO_HOSTS = (Traced, Items, OpModule, BlockModule, Chain, Choice, Opaque)


def _symbolic(h: model.Hyper) -> Any:
    if isinstance(h.type, model.ScalarType) and h.type.name == "int":
        return symbol(h.name)
    return UNKNOWN


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _item(node: model.Expression) -> model.Expression:
    return node.value if isinstance(node, model.Star) else node


def _at(node: model.Expression, i: int) -> str:
    return "*" if isinstance(node, model.Star) else str(i)


def _names(target: model.Target) -> set[str]:
    if target.items is None:
        return set() if target.name is None else {target.name}
    return set().union(*map(_names, target.items))


def _with_sizes(value: Any, like: Any) -> Any:
    """A value's axes with the sizes that another, of the same type, has where it is met."""
    if isinstance(value, Traced) and isinstance(like, Traced) and len(value.axes) == len(like.axes):
        return Traced(value.axes, like.dims, value.source)
    if isinstance(value, Items) and isinstance(like, Items):
        return Items(_with_sizes(value.item, like.item))
    if isinstance(value, tuple) and isinstance(like, tuple) and len(value) == len(like):
        return tuple(_with_sizes(v, w) for v, w in zip(value, like, strict=True))
    return value


class _Body:
    """A method's body, while it is gone through."""

    def __init__(self, derivation: Derivation, scope: Scope, names: dict[str, Any]) -> None:
        self.d = derivation
        self.scope = scope
        self.names = names
        self.results: list[Any] = []

    def run(self, body: Sequence[model.Statement], results: Sequence[model.Result], several: bool) -> Any:
        """What the body returns, cut as the declared results are."""
        self.all(body)
        if not self.results:
            return None
        first = self.results[0]
        for other in self.results[1:]:
            self.d.join(first, other, body[-1], self.scope)
        types = tuple(of_type(r.type, self.scope.name) for r in results)
        like: Any = types if several or len(types) > 1 else types[0] if types else None
        return _with_sizes(first, like)

    def all(self, body: Sequence[model.Statement]) -> None:
        for s in body:
            _STATEMENTS[type(s)](self, s)

    def assign(self, s: model.Assign) -> None:
        self.bind(s.target, self.value(s.value), s)

    def bind(self, target: model.Target, value: Any, node: model.Node) -> None:
        if target.items is None:
            if target.name is not None:
                self.names[target.name] = value
            return
        if isinstance(value, Traced):
            whole(value.axes[:1], self.reason("taking it apart", node))
            self.d.read.append(value.source)
            part = Traced(value.axes[1:], value.dims[1:], value.source)
            value = [part] * len(target.items)
        elif isinstance(value, Items):
            value = [value.item] * len(target.items)
        parts = value if isinstance(value, tuple | list) else [UNKNOWN] * len(target.items)
        for t, v in zip(target.items, parts, strict=False):
            self.bind(t, v, node)

    def append(self, s: model.Append) -> None:
        new, old = self.value(s.value), self.names.get(s.name)
        items = [*_listed(old), *_listed(new)]
        for other in items[1:]:
            self.d.join(items[0], other, s, self.scope)
        self.names[s.name] = Items(items[0]) if items else Items(UNKNOWN)

    def returned(self, s: model.Return) -> None:
        self.results.append(self.value(s.value))

    def loop(self, s: model.For) -> None:
        """The body once; what it carries is cut alike before and behind it."""
        before = dict(self.names)
        self.bind(s.target, self.item_of(self.value(s.iterable)), s)
        self.all(s.body)
        for name, value in before.items():
            if self.names.get(name) is not value:
                self.d.join(value, self.names.get(name), s, self.scope)

    def branch(self, s: model.If) -> None:
        before = dict(self.names)
        self.value(s.test)
        self.all(s.body)
        taken, self.names = self.names, before
        self.all(s.orelse)
        for name, value in taken.items():
            other = self.names.get(name)
            if other is None:
                self.names[name] = value
            elif other is not value:
                self.d.join(value, other, s, self.scope)

    # --- Expressions --------------------------------------------------------------------------

    def value(self, node: model.Expression) -> Any:
        rule = _EXPRESSIONS.get(type(node))
        return self.host(node) if rule is None else rule(self, node)

    def host(self, node: model.Expression) -> Any:
        return self.d.scalar(node, self.scope, self.names)

    def reason(self, what: str, node: model.Node) -> Reason:
        return Reason(what, self.scope.file, node.span)

    def name(self, node: model.Name) -> Any:
        if node.ref == "layer":
            return self.scope.modules.get(node.id, Opaque(node.id))
        if node.ref == "param":
            return self.scope.tensors.get(node.id, UNKNOWN)
        if node.id in self.names:
            return self.names[node.id]
        return self.host(node)

    def attribute(self, node: model.Attribute) -> Any:
        value = self.value(node.value)
        if isinstance(value, Traced):
            return UNKNOWN
        if isinstance(value, OpModule):
            return self.d.parameters.get((value.owner, _below(value.path, node.name)), UNKNOWN)
        if isinstance(value, BlockModule):
            inner = self.d.scope(value.definition)
            return inner.modules.get(node.name, inner.tensors.get(node.name, UNKNOWN))
        if isinstance(value, Chain):
            return value.modules.get(node.name, value.modules.get("*", UNKNOWN))
        return self.host(node)

    def subscript(self, node: model.Subscript) -> Any:
        value = self.value(node.value)
        if isinstance(value, Traced):
            index = tuple(self.value(i) for i in node.index)
            keep_whole(list(index), self.reason("an index", node))
            if any(isinstance(i, Traced) or i is UNKNOWN for i in index):
                result = of_type(node.type, self.scope.name)
                keep_whole([value, result], self.reason("an index", node))
                self.d.read += [x.source for x in tensors_in([value, *index])]
                return come_from(result, Source(of=[x.source for x in tensors_in([value, *index])]))
            return self.function(operators.INDEXING, [value, index], {}, node)
        if isinstance(value, Items):
            return value if isinstance(node.index[0], model.Slice) else value.item
        at = self.host(node.index[0])
        if isinstance(value, Chain):
            return self.part(value, at)
        if isinstance(value, tuple | list) and isinstance(at, int | slice):
            return value[at] if isinstance(at, slice) or -len(value) <= at < len(value) else UNKNOWN
        return self.host(node)

    def part(self, chain: Chain, at: Any) -> Any:
        """An item of a container of layers; any of them, where it is not known which."""
        if isinstance(at, slice):
            return chain
        modules = list(chain.modules.values())
        if chain.repeated or not isinstance(at, int | str):
            return modules[0] if len(modules) == 1 else Choice(modules)
        if isinstance(at, int):
            return modules[at] if -len(modules) <= at < len(modules) else Choice(modules)
        return chain.modules.get(at, Choice(modules))

    def unary(self, node: model.Unary) -> Any:
        value = self.value(node.operand)
        if isinstance(value, Traced):
            return self.function(operators.UNARY[node.op], [value], {}, node)
        return self.host(node)

    def binary(self, node: model.Binary) -> Any:
        a, b = self.value(node.left), self.value(node.right)
        if isinstance(a, Traced) or isinstance(b, Traced):
            return self.function(operators.BINARY[node.op], [a, b], {}, node)
        if isinstance(a, list | Items) or isinstance(b, list | Items):
            items = [*_listed(a), *_listed(b)]
            for other in items[1:]:
                self.d.join(items[0], other, node, self.scope)
            return Items(items[0] if items else UNKNOWN)
        return self.host(node)

    def compare(self, node: model.Compare) -> Any:
        values = [self.value(n) for n in (node.first, *node.rest)]
        if any(isinstance(v, Traced) for v in values) and node.ops[0] in operators.COMPARISONS:
            return self.function(operators.COMPARISONS[node.ops[0]], values[:2], {}, node)
        return self.host(node)

    def choice(self, node: model.IfExp) -> Any:
        self.value(node.test)
        a, b = self.value(node.body), self.value(node.orelse)
        if not tensors_in(a) and not tensors_in(b):
            return self.host(node) if not isinstance(a, _NO_HOSTS) else Choice([a, b])
        self.d.join(a, b, node, self.scope)
        return a if tensors_in(a) else b

    def several(self, node: model.Tuple | model.List) -> Any:
        found: list[Any] = []
        for n in node.items:
            if isinstance(n, model.Star):
                found += _listed(self.value(n.value))
            else:
                found.append(self.value(n))
        return tuple(found) if isinstance(node, model.Tuple) else found

    def comprehension(self, node: model.Comprehension) -> Any:
        before = self.names
        self.names = dict(before)
        for g in node.generators:
            self.bind(g.target, self.item_of(self.value(g.iterable)), node)
        value = self.value(node.value.value if isinstance(node.value, model.Star) else node.value)
        self.names = before
        return value if isinstance(node.value, model.Star) else Items(value)

    def item_of(self, value: Any) -> Any:
        """What iterating gives."""
        if isinstance(value, Items):
            return value.item
        if isinstance(value, Chain):
            return self.part(value, UNKNOWN)
        if isinstance(value, Traced):
            self.d.read.append(value.source)
            return Traced(value.axes[1:], value.dims[1:], value.source)
        if isinstance(value, list | tuple) and value and tensors_in(value):
            for other in value[1:]:
                self.d.join(value[0], other, model.make(model.Node), self.scope)
            return value[0]
        return UNKNOWN

    # --- Calls --------------------------------------------------------------------------------

    def call(self, node: model.Call) -> Any:
        if node.to == "builtin":
            return self.builtin(node)
        if node.to in ("record", "init", "make", "block", "value"):
            return self.host(node)
        listed = _added_up(node)
        if listed is not None:
            item = self.item_of(self.value(listed))
            return _with_sizes(item, of_type(node.type, self.scope.name))
        args: list[Any] = []
        for a in node.args:
            if isinstance(a, model.Star):
                args += _listed(self.value(a.value))
            else:
                args.append(self.value(a))
        kwargs = {k.name: self.value(k.value) for k in node.kwargs if k.name is not None}
        if node.to == "op":
            return self.function(node.name, args, kwargs, node)
        if node.to == "method":
            assert self.scope.definition is not None
            return self.d.apply(BlockModule(self.scope.definition), node.name, args, kwargs, node, self.scope)
        if node.to in ("fn", "extern"):
            return self.fn(node, args, kwargs)
        assert node.callee is not None
        return self.d.apply(self.value(node.callee), node.name, args, kwargs, node, self.scope)

    def fn(self, node: model.Call, args: list[Any], kwargs: dict[str, Any]) -> Any:
        definition = self.d._evaluator.definition(node.name, self.scope.file)
        result = of_type(node.type, self.scope.name)
        if isinstance(definition, model.TensorFunction):
            return _with_sizes(self.d.tensor_function(definition, args, kwargs), result)
        if isinstance(definition, model.Function):
            return self.host(node)
        reason = self.reason(node.name, node)
        self.d.unknown.setdefault(node.name, reason)
        keep_whole([args, list(kwargs.values()), result], reason)
        self.d.read += [x.source for x in tensors_in([args, list(kwargs.values()), result])]
        return come_from(result, Source(learned=True))

    def builtin(self, node: model.Call) -> Any:
        args = [self.value(a) for a in node.args if not isinstance(a, model.Star)]
        if not any(isinstance(a, _NO_HOSTS) or tensors_in(a) for a in args):
            return self.host(node)
        if node.name == "enumerate":
            return Items((UNKNOWN, self.item_of(args[0])))
        if node.name == "zip":
            return Items(tuple(self.item_of(a) for a in args))
        if node.name == "reversed":
            return args[0]
        if node.name == "sum":
            item = self.item_of(args[0])
            if isinstance(item, Traced):
                return _with_sizes(item, of_type(node.type, self.scope.name))
        if node.name == "len":
            return UNKNOWN
        result = of_type(node.type, self.scope.name)
        keep_whole([args, result], self.reason(node.name, node))
        self.d.read += [x.source for x in tensors_in(args)]
        return come_from(result, Source(of=[x.source for x in tensors_in(args)]))

    def function(self, name: str, args: list[Any], kwargs: dict[str, Any], node: model.Expression) -> Any:
        """The result of a function of the library."""
        op = FUNCTIONS[name]
        reason = self.reason(_called(op), node)
        result = of_type(node.type, self.scope.name)
        if not op.placement:
            self.d.unknown.setdefault(op.name, reason)
        given = tensors_in([args, kwargs])
        found = function(Place(op, self.scope.name, reason), _by_name(op, args, kwargs), result)
        found = come_from(found, Source(of=[x.source for x in given]))
        self.d.meetings.append(Meeting(op, tuple(given), tuple(tensors_in(found)), reason))
        sizes = sizes_of(node.type)
        if isinstance(found, Traced) and sizes is not None:
            found = Traced(found.axes, sizes, found.source)
        return self.d.met(found, self.scope.name)


def _added_up(node: model.Call) -> model.Expression | None:
    """The list whose tensors are added up, where a call is that: written as the sum of a stack that has no type."""
    match node:
        case model.Call(
            to="op", name="sum", args=(model.Call(to="op", name="stack", type=None) as stack, *_)
        ):
            return stack.args[0]
    return None


def _called(op: type[Op]) -> str:
    return op.name if op.name.isidentifier() else "an operator"


def _by_name(op: type[Op], args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, as the op's binder takes them."""
    if op.arrange is not None:
        args, kwargs = op.arrange(args, kwargs)
    if op.gathers and len(args) > op.arguments.index(op.gathers):
        at = op.arguments.index(op.gathers)
        if len(args) > at + 1 or isinstance(args[at], int):
            args = [*args[:at], list(args[at:])]
    return dict(zip(op.arguments, args, strict=False)) | dict(kwargs)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, Items):
        return [value.item]
    return list(value) if isinstance(value, list | tuple) else []


_EXPRESSIONS: Mapping[type[model.Expression], Callable[[_Body, Any], Any]] = {
    model.Name: _Body.name,
    model.Attribute: _Body.attribute,
    model.Subscript: _Body.subscript,
    model.Unary: _Body.unary,
    model.Binary: _Body.binary,
    model.Compare: _Body.compare,
    model.IfExp: _Body.choice,
    model.Tuple: _Body.several,
    model.List: _Body.several,
    model.Comprehension: _Body.comprehension,
    model.Call: _Body.call,
}
_STATEMENTS: Mapping[type[model.Statement], Callable[[_Body, Any], None]] = {
    model.Assign: _Body.assign,
    model.Append: _Body.append,
    model.Return: _Body.returned,
    model.Require: lambda body, s: None,
    model.For: _Body.loop,
    model.If: _Body.branch,
}
