"""Paths in a constructed model: `wte.weight`, `h[0].attn`, `self.layers[2:]`."""

from __future__ import annotations

from collections.abc import Sequence

from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.evaluate import Env, Evaluator
from spec_lang.ir.templates import BlockTemplate, ContainerTemplate, Instance


class ParamPath(Record):
    """A parameter or buffer, by its key."""

    key: str


class Paths(Evaluator):
    """Evaluates expressions in which layers are the instances of a constructed model; `Env.module` is the block."""

    def module(self, name: str, node: model.Expression, env: Env) -> Host:
        assert isinstance(env.module, Instance)
        return self.member(env.module, name, node, env)

    def member(self, value: Host, name: str, node: model.Expression, env: Env) -> Host:
        if not isinstance(value, Instance):
            raise self.fail("E0500", f"there is no {name} here", node, env)
        try:
            return value.child(name)
        except KeyError:
            pass
        template = value.template
        if isinstance(template, BlockTemplate) and name in template.values:
            return template.values[name]
        return ParamPath(value.below(name))

    def item(self, value: Host, index: Sequence[Host], node: model.Expression, env: Env) -> Host:
        if not isinstance(value, Instance) or not value.is_container:
            raise self.fail("E0500", "this has no items", node, env)
        at = index[0]
        try:
            return value.child(at) if isinstance(at, str) else self.items(value, node, env)[at]
        except (IndexError, KeyError):
            raise self.fail("E0500", f"there is no item {at}", node, env) from None
        except TypeError:
            raise self.fail("E0903", f"which item {at} is, is known at run time only", node, env) from None

    def items(self, value: Host, node: model.Expression, env: Env) -> Sequence[Host]:
        if isinstance(value, Instance) and isinstance(value.template, ContainerTemplate):
            if value.template.kind == "dict":
                return list(value.names)
            return [value.child(name) for name in value.template.children]
        return super().items(value, node, env)
