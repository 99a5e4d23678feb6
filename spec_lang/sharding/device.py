"""A model's run as one device of a mesh makes it: with its parts of the weights, and what it sends.

Source: https://docs.pytorch.org/docs/stable/distributed.tensor.parallel.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spec_lang.accounting.calls import Call, Kept, Sent
from spec_lang.accounting.tensors import Storage, Traced, size_of
from spec_lang.accounting.trace import Options, Tracer
from spec_lang.frozen import Record
from spec_lang.ir import model
from spec_lang.ir.arithmetic import Host
from spec_lang.ir.conditions import condition_of
from spec_lang.ir.evaluate import Env
from spec_lang.ir.execution import Execution
from spec_lang.ir.state import State
from spec_lang.ir.templates import BlockTemplate, Instance, OpTemplate
from spec_lang.ops.base import Layer
from spec_lang.shapes import Dim, TensorType, Verdict, dim
from spec_lang.sharding.notation import read


class Part(Record):
    """How a layer is cut: the role of its weight's axis, and its argument that has the size.

    `gathered` where what columns give is brought together at once.
    """

    role: str
    argument: str
    gathered: bool


def part_of(op: Layer, axis: int, role: str, gathered: bool) -> Part:
    """How a layer is whose weight is cut along an axis, which is called as the argument that gives its size."""
    operands = read(op.placement).operands
    weight = next(o for o in operands if o.name == "weight")
    return Part(role, weight.axes[axis], gathered)


class Device(Tracer):
    """Runs methods on the sizes of one of `tp` devices.

    `parts` are the layers that are cut, by their paths; `local` the hyperparameters of which a device has its part, by the
    file and the name of their block.
    """

    def __init__(
        self,
        program: model.Program,
        state: State,
        options: Options,
        fuel: int,
        tp: int,
        parts: Mapping[str, Part],
        local: Mapping[tuple[int, str], frozenset[str]],
    ) -> None:
        super().__init__(program, state, options, fuel)
        self.tp = tp
        self.parts = parts
        self.local = local
        self._ops: dict[tuple[int, str], OpTemplate] = {}

    def values(self, template: BlockTemplate) -> dict[str, Host]:
        block = template.definition
        names = self.local.get((block.file, block.name), frozenset())
        return {n: v // self.tp if n in names else v for n, v in template.values.items()}

    def assume(self, require: model.Require, env: Env, at: model.Span | None = None) -> None:
        """Of the conditions, which hold for the whole sizes, take those as facts that these do not refute."""
        condition = condition_of(self, require.test, env)
        if condition is not None and self.facts.decide(condition) is not Verdict.REFUTED:
            self.learn(condition)

    def apply(
        self,
        module: Host,
        method: str,
        args: Sequence[Host],
        kwargs: Mapping[str, Host],
        node: model.Call,
        env: Env,
    ) -> Host:
        part = self.parts.get(module.path) if isinstance(module, Instance) else None
        if part is None:
            return super().apply(module, method, args, kwargs, node, env)
        assert isinstance(module.template, OpTemplate)
        if part.role == "columns":
            args = [self._sent(args[0], "all-reduce", back=True), *args[1:]]
        own = Instance(self._cut(module.template, part), module.path)
        result = Execution.apply(self, own, method, args, kwargs, node, env)
        if part.gathered and part.role == "columns":
            return self._sent(result, "all-gather", along=self.tp)
        return result if part.role == "columns" else self._sent(result, "all-reduce")

    def _cut(self, template: OpTemplate, part: Part) -> OpTemplate:
        """The layer with a device's part of what is cut."""
        key = id(template), part.argument
        if key not in self._ops:
            values = dict(vars(template.op))
            values[part.argument] = dim(values[part.argument]) // self.tp
            self._ops[key] = OpTemplate(type(template.op)(**values))
        return self._ops[key]

    def _sent(self, x: Host, how: str, back: bool = False, along: int = 1) -> Traced:
        """A tensor, or its gradient, after all devices have sent each other theirs; `along` parts of its last axis."""
        assert isinstance(x, Traced)
        dims: tuple[Dim, ...] = (*x.dims[:-1], x.dims[-1] * along)
        size = size_of(TensorType(x.dtype, dims), self.precision)
        storage = x.storage if back else Storage(size)
        result = Traced(x.dtype, dims, storage, x.grad, x.ordered)
        sent = (Sent(how, back, size),)
        made = 0 if back else size
        call = Call(
            how,
            "sent",
            "",
            TensorType(x.dtype, dims),
            0,
            0,
            made,
            made,
            (x,),
            (result,),
            (),
            *self._place,
            Kept(),
            sent,
        )
        self._frame.note(call, "", [x], [result])
        return result


def device(
    tp: int, parts: Mapping[str, Part], local: Mapping[tuple[int, str], frozenset[str]]
) -> Callable[[model.Program, State, Options, int], Tracer]:
    """What makes the runs of one of `tp` devices."""
    return lambda program, state, options, fuel: Device(program, state, options, fuel, tp, parts, local)


__all__ = ["Device", "Part", "device", "part_of"]
