"""The tensors of a constructed model under PyTorch's names, and what its construction draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import prod
from typing import Final

from spec_lang.frozen import Frozen
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.dim_text import size
from spec_lang.ir.evaluate import FUEL, Env, EvaluationError
from spec_lang.ir.instantiate import Constructions, Initialiser
from spec_lang.ir.paths import ParamPath, Paths
from spec_lang.ir.templates import BlockTemplate, Child, ContainerTemplate, Instance, OpTemplate, Repeated
from spec_lang.ops.base import OpError, Param
from spec_lang.ops.init import Clone, Draw, Fill, Init
from spec_lang.ops.initialisers import NAMES, InitError, initialiser
from spec_lang.shapes import DType


class Tensor(Frozen):
    """A parameter or buffer.

    Attributes:
        key: Its name in the state_dict.
        shared: The earlier key of the same tensor, where this is a second name of it.
        learned: Whether it is a parameter.
        persistent: Whether the state_dict has it.
        optional: Whether a file of weights may lack it; it then is 0.
        value: The expression that gives its start, where no initialiser does, and where it stands.
        init: How it starts where nothing is drawn.
    """

    key: str
    shape: tuple[int, ...]
    dtype: DType
    learned: bool = True
    persistent: bool = True
    shared: str | None = None
    init: Init | None = None
    value: tuple[model.Expression, Env] | None = None
    optional: bool = False


MAX_TENSORS: Final = 200_000
"""Modules and tensors of a model that are listed one by one."""


class State:
    """The tensors of one constructed model; they are listed when they are first asked for."""

    def __init__(self, program: model.Program, root: Instance, fuel: int = FUEL) -> None:
        self._paths = Paths(program, fuel)
        self._make = Constructions(program, fuel)
        self._cache: dict[int, list[Tensor]] = {}
        self._sums: dict[int, int] = {}
        self.root = root

    @cached_property
    def tensors(self) -> list[Tensor]:
        """All of them in state_dict order, those that are not persistent included.

        Raises:
            EvaluationError: there are too many.
        """
        self._count(self.root.template, {})
        return self._resolved(self._of(self.root.template), self.root)

    @cached_property
    def by_key(self) -> dict[str, Tensor]:
        """The tensors by their keys."""
        return {t.key: t for t in self.tensors}

    @property
    def keys(self) -> list[str]:
        """The keys of the state_dict."""
        return [t.key for t in self.tensors if t.persistent]

    @property
    def parameters(self) -> int:
        """The number of learned numbers, shared ones once."""
        if _has_ties(self.root.template, set()):
            return sum(prod(t.shape) for t in self.tensors if t.learned and t.shared is None)
        return self._sum(self.root.template)

    def _sum(self, template: Child) -> int:
        """The number of learned numbers below a template without ties: equal layers are counted once."""
        if template is None:
            return 0
        found = self._sums.get(id(template))
        if found is None:
            if isinstance(template, OpTemplate):
                own = iter(self._of(template))
            else:
                own = self._own(template) if isinstance(template, BlockTemplate) else iter(())
            found = sum(prod(t.shape) for t in own if t.learned)
            found += sum(n * self._sum(child) for child, n in _parts(template))
            self._sums[id(template)] = found
        return found

    def _count(self, template: Child, known: dict[int, int]) -> int:
        """How many modules and tensors there are below a template; equal layers are counted once.

        Raises:
            EvaluationError: more than can be listed.
        """
        if template is None:
            return 0
        found = known.get(id(template))
        if found is None:
            found = 1 + (len(self._of(template)) if isinstance(template, OpTemplate) else 0)
            found += sum(n * self._count(child, known) for child, n in _parts(template))
            known[id(template)] = found
        if found > MAX_TENSORS:
            assert isinstance(self.root.template, BlockTemplate)
            model = self.root.template.definition
            message = f"{model.name} has more than {MAX_TENSORS:,} modules and tensors"
            raise EvaluationError("E0802", message, model.file, model.span)
        return found

    # --- Tensors ------------------------------------------------------------------------------

    def _of(self, template: Child) -> list[Tensor]:
        """The tensors of a template under relative keys, but for ties."""
        if isinstance(template, OpTemplate):
            found = self._cache.get(id(template))
            if found is None:
                found = self._cache[id(template)] = self._of_op(template)
            return found
        if isinstance(template, BlockTemplate):
            found = self._cache.get(id(template))
            if found is None:
                own = list(self._own(template))
                found = [t for t in own if t.learned] + [t for t in own if not t.learned]
                self._children(template.children, "", found)
                self._cache[id(template)] = found
            return found
        return []

    def _of_op(self, template: OpTemplate) -> list[Tensor]:
        try:
            return [_of_param(p) for p in template.op.params()]
        except OpError as error:
            assert isinstance(self.root.template, BlockTemplate)
            model = self.root.template.definition
            raise EvaluationError(error.code, error.message, model.file, model.span) from None

    def own(self, template: Child) -> list[Tensor]:
        """The tensors that a module itself has, by their names, those of modules inside a layer of the library included."""
        if isinstance(template, OpTemplate):
            return self._of(template)
        return list(self._own(template)) if isinstance(template, BlockTemplate) else []

    @property
    def tied(self) -> list[Tensor]:
        """The tensors that are another name of one before them."""
        return (
            [t for t in self.tensors if t.shared is not None] if _has_ties(self.root.template, set()) else []
        )

    def _children(self, children: Mapping[str, Child], prefix: str, into: list[Tensor]) -> None:
        for name, child in children.items():
            path = f"{prefix}{name}."
            if isinstance(child, ContainerTemplate):
                self._children(child.children, path, into)
            else:
                into += [_moved(t, path) for t in self._of(child)]

    def _own(self, template: BlockTemplate) -> Iterator[Tensor]:
        """The tensors that a block declares itself."""
        file = template.definition.file
        for member in template.definition.members:
            if not isinstance(member, model.Param):
                continue
            shape = tuple(_known(size(d, template.values), member, file) for d in member.type.dims)
            dtype = DType.named(member.type.dtype)
            assert dtype is not None
            learned = member.kind == "param"
            persistent = learned or member.persistent
            init, value = None, None
            if isinstance(member.value, model.Call) and member.value.to == "init":
                init = self._init(member.value, shape, Env(file, template.values))
            else:
                value = (member.value, Env(file, template.values))
            yield Tensor(member.name, shape, dtype, learned, persistent, None, init, value)

    def _init(self, call: model.Expression, shape: tuple[int, ...], env: Env) -> Init:
        """What an initialiser means for a parameter of this shape."""
        made = self._make.value(call, env)
        assert isinstance(made, Initialiser)
        arguments = dict(zip(NAMES[made.name], made.args, strict=False)) | dict(made.kwargs)
        try:
            return initialiser(made.name, shape, arguments)
        except InitError as error:
            raise EvaluationError("E0500", str(error), env.file, call.span) from None

    # --- Ties ---------------------------------------------------------------------------------

    def _resolved(self, tensors: list[Tensor], root: Instance) -> list[Tensor]:
        """The tensors with ties applied: the first of several names is the tensor's own."""
        pairs = list(self._ties(root))
        if not pairs:
            return tensors
        order = {t.key: i for i, t in enumerate(tensors)}
        first = {t.key: t.shared or t.key for t in tensors}
        for left, right in pairs:
            a, b = first[left], first[right]
            keep, drop = (a, b) if order[a] < order[b] else (b, a)
            first = {k: keep if f == drop else f for k, f in first.items()}
        return [t.replace(shared=first[t.key]) if first[t.key] != t.key else t for t in tensors]

    def _ties(self, at: Instance) -> Iterator[tuple[str, str]]:
        """The pairs of keys that are made one, inner blocks' first."""
        for _, child in at.registered():
            yield from self._ties(child)
        if isinstance(at.template, BlockTemplate):
            env = Env(at.template.definition.file, at.template.values, module=at)
            for tie in self._holding(at.template.definition.ties, env):
                yield self._key(tie.left, env), self._key(tie.right, env)

    def _holding(self, ties: Sequence[model.Tie], env: Env) -> list[model.Tie]:
        return [t for t in ties if t.test is None or self._paths.condition(t.test, env)]

    def _key(self, path: model.Expression, env: Env) -> str:
        found = self._paths.value(path, env)
        assert isinstance(found, ParamPath)
        return found.key

    # --- Draws --------------------------------------------------------------------------------

    def draws(self) -> list[Draw | Clone]:
        """What construction draws, in order; draws of a key that is `shared` are lost.

        A draw of the tensor that a tie puts in another's place stands under the key that both have from then on.
        """
        return self._drawn(self.root)

    def _drawn(self, at: Instance) -> list[Draw | Clone]:
        template = at.template
        if isinstance(template, OpTemplate):
            return [_at(at, d) for d in template.op.draws()]
        if isinstance(template, BlockTemplate):
            return self._drawn_block(at, template)
        return [d for _, child in at.registered() for d in self._drawn(child)]

    def _drawn_block(self, at: Instance, template: BlockTemplate) -> list[Draw | Clone]:
        steps: list[Draw | Clone] = []
        if template.definition.body is not None:
            for _, part in at.registered():
                steps += self._drawn(part)
        for member in template.definition.members:
            if isinstance(member, model.Layer):
                child = at.child(member.name)
                steps += [] if child is None else self._drawn(child)
            elif (init := self.by_key[at.below(member.name)].init) is not None:
                steps.append(Draw(at.below(member.name), init))
        env = Env(template.definition.file, template.values, module=at)
        for tie in self._holding(template.definition.ties, env):
            steps = _tied(steps, self._key(tie.left, env), self._key(tie.right, env), self.by_key)
        return steps + list(self._rules(at, template, env))

    def _rules(self, at: Instance, template: BlockTemplate, env: Env) -> Iterator[Draw]:
        """What the block's `init:` draws: rules by layer type that stand together share one walk."""
        rules = list(template.definition.inits)
        while rules:
            together = [rules.pop(0)]
            while together[0].layer and rules and rules[0].layer:
                together.append(rules.pop(0))
            if together[0].layer is None:
                yield from self._by_path(together[0], env)
                continue
            for key, layer in _modules(at):
                for rule in together:
                    if rule.layer == layer:
                        yield from self._redrawn(key, rule, env)

    def _by_path(self, rule: model.InitRule, env: Env) -> Iterator[Draw]:
        assert rule.path is not None
        found = self._paths.value(rule.path, env)
        if isinstance(found, ParamPath):
            yield self._draw(found.key, rule, env)
        elif isinstance(found, Instance):
            for path, _ in _modules(found) if rule.parameter is None else ((found.path, ""),):
                yield from self._redrawn(path, rule, env)

    def _redrawn(self, path: str, rule: model.InitRule, env: Env) -> Iterator[Draw]:
        """The draws of one module's parameters."""
        for t in self._of_module.get(path, ()):
            name = t.key.rpartition(".")[2]
            if name == rule.parameter or (rule.parameter is None and t.learned):
                yield self._draw(t.key, rule, env)

    @cached_property
    def _of_module(self) -> dict[str, list[Tensor]]:
        """The tensors that each module itself has, by its path."""
        found: dict[str, list[Tensor]] = {}
        for t in self.tensors:
            found.setdefault(t.key.rpartition(".")[0], []).append(t)
        return found

    def _draw(self, key: str, rule: model.InitRule, env: Env) -> Draw:
        tensor = self.by_key[key]
        return Draw(tensor.shared or key, self._init(rule.value, tensor.shape, env))


def _parts(template: Child) -> Iterable[tuple[Child, int]]:
    """What a template consists of, and how often."""
    if not isinstance(template, BlockTemplate | ContainerTemplate):
        return ()
    if isinstance(template.children, Repeated):
        return ((template.children.child, template.children.length),)
    return ((child, 1) for child in template.children.values())


def _has_ties(template: Child, seen: set[int]) -> bool:
    """Whether a block below a template ties parameters; `seen` are the templates that were looked at."""
    if id(template) in seen:
        return False
    seen.add(id(template))
    if isinstance(template, BlockTemplate) and template.definition.ties:
        return True
    return any(_has_ties(child, seen) for child, _ in _parts(template))


def _of_param(p: Param) -> Tensor:
    shape = tuple(d.evaluate({}) for d in p.shape)
    init = p.init if isinstance(p.init, Fill) else None
    return Tensor(p.name, shape, p.dtype, p.learned, p.persistent, None, init, None, p.optional)


def _moved(t: Tensor, prefix: str) -> Tensor:
    shared = None if t.shared is None else prefix + t.shared
    start = t.init, t.value
    return Tensor(prefix + t.key, t.shape, t.dtype, t.learned, t.persistent, shared, *start, t.optional)


def _known(value: Host, node: model.Node, file: int) -> int:
    if not isinstance(value, int):
        raise EvaluationError("E0500", f"the size {value} is not known at construction", file, node.span)
    return value


def _at(at: Instance, step: Draw | Clone) -> Draw | Clone:
    if isinstance(step, Clone):
        return Clone(at.below(step.name), at.below(step.source))
    return Draw(at.below(step.name), step.init)


def _tied(
    steps: list[Draw | Clone], left: str, right: str, tensors: Mapping[str, Tensor]
) -> list[Draw | Clone]:
    """The steps so far, with what was drawn for `right` under the key that both have, and the rest under the other."""
    keep = tensors[left].shared or left
    if keep != left:
        return steps
    swap = {left: right, right: left}
    return [
        s.replace(name=swap.get(s.name, s.name))
        if isinstance(s, Draw)
        else Clone(swap.get(s.name, s.name), swap.get(s.source, s.source))
        for s in steps
    ]


def _modules(at: Instance) -> Iterator[tuple[str, str]]:
    """The modules below, itself first: path and constructor."""
    template = at.template
    if isinstance(template, OpTemplate):
        for path, name in template.op.modules():
            yield at.below(path) if path else at.path, name
    elif not isinstance(template, ContainerTemplate):
        yield at.path, template.definition.name
    for _, child in at.registered():
        yield from _modules(child)


__all__ = ["State", "Tensor"]
