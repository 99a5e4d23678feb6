"""The text of the parallel styles that a generated `model_parallel.py` brings with it."""

from __future__ import annotations

WHOLE = '''\
class Whole(ParallelStyle):
    """A layer that each device has whole, its parameters on the mesh as the others'.

    `taken` and `given` say how inputs and result are cut: gradients are added up then.
    """

    def __init__(
        self, taken: Placement | None = None, given: Placement | None = None
    ) -> None:
        self.taken = taken or Replicate()
        self.given = given or self.taken

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        def taken(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[DTensor, ...]:
            return tuple(
                DTensor.from_local(x, device_mesh, [self.taken], run_check=False)
                for x in inputs
            )

        def given(_: nn.Module, inputs: object, output: DTensor) -> Tensor:
            return output.redistribute(placements=[self.given]).to_local()

        module = distribute_module(module, device_mesh)
        module.register_forward_pre_hook(taken)
        module.register_forward_hook(given)
        return module
'''

GATHERED = '''\
class Gathered(ColwiseParallel):
    """Columns whose output is gathered; whole where `tp` does not divide them."""

    def __init__(self, taken: Placement | None = None) -> None:
        self.taken = taken or Replicate()
        super().__init__(input_layouts=self.taken, output_layouts=Replicate())

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        if module.get_parameter("weight").size(0) % device_mesh.size():
            return Whole(self.taken, Replicate())._apply(module, device_mesh)
        return super()._apply(module, device_mesh)
'''

SCORES = '''\
class Scores(Gathered):
    """The columns of the model's result: gathered, or left as they are for the loss."""

    def __init__(self, cut: bool, taken: Placement | None = None) -> None:
        super().__init__(taken)
        if cut:
            self.output_layouts = (Shard(-1),)
            self.use_local_output = False
'''

TABLE = '''\
class Table(RowwiseParallel):
    """Rows of an embedding; whole where `tp` does not divide them."""

    def __init__(self, given: Placement | None = None) -> None:
        self.given = given or Replicate()
        super().__init__(input_layouts=Replicate(), output_layouts=self.given)

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        if module.get_parameter("weight").size(0) % device_mesh.size():
            return Whole(Replicate(), self.given)._apply(module, device_mesh)
        return super()._apply(module, device_mesh)
'''

ONCE = '''\
class Once(ParallelStyle):
    """A block whose input `name`, at place `at`, is gathered for all its columns."""

    def __init__(self, at: int, name: str, taken: Placement) -> None:
        self.at = at
        self.name = name
        self.taken = taken

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        def gathered(
            _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> tuple[tuple[Any, ...], dict[str, Any]]:
            at, name = self.at, self.name
            x: Tensor = args[at] if len(args) > at else kwargs[name]
            part = DTensor.from_local(x, device_mesh, [self.taken], run_check=False)
            whole = part.redistribute(placements=[Replicate()])
            if len(args) > at:
                return (*args[:at], whole, *args[at + 1 :]), kwargs
            return args, {**kwargs, name: whole}

        module.register_forward_pre_hook(gathered, with_kwargs=True)
        return module
'''

REGROUPED = '''\
class Regrouped(ColwiseParallel):
    """Columns of `before` projections side by side, each of `count` parts that are cut.

    The weight's rows are stored part by part, so that a device has its parts of each
    projection. The output and the state_dict have them as the module has.
    """

    def __init__(self, before: int, count: int, taken: Placement | None = None) -> None:
        super().__init__(input_layouts=taken)
        self.before = before
        self.count = count

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        before, count, local = self.before, self.count, self.count // device_mesh.size()
        for name, parameter in list(module.named_parameters(recurse=False)):
            rows = regroup(parameter.detach(), before, count)
            stored = nn.Parameter(rows, parameter.requires_grad)
            module.register_parameter(name, stored)
        module = super()._apply(module, device_mesh)
        STORED[module] = count, before

        def ordered(_: nn.Module, inputs: object, output: Tensor) -> Tensor:
            parts = output.reshape(*output.shape[:-1], local, before, -1)
            return parts.transpose(-3, -2).flatten(-3)

        def saved(
            _: nn.Module, state: dict[str, Tensor], prefix: str, *__: object
        ) -> None:
            for name in (prefix + "weight", prefix + "bias"):
                if name in state:
                    state[name] = regrouped(state[name], count, before)

        def loaded(
            _: nn.Module, state: dict[str, Tensor], prefix: str, *__: object
        ) -> None:
            for name in (prefix + "weight", prefix + "bias"):
                if name in state:
                    state[name] = regrouped(state[name], before, count)

        module.register_forward_hook(ordered)
        module.register_state_dict_post_hook(saved)  # type: ignore[no-untyped-call]
        module.register_load_state_dict_pre_hook(loaded)  # type: ignore[no-untyped-call]
        return module


STORED: MutableMapping[nn.Module, tuple[int, int]] = WeakKeyDictionary()
"""How the rows of regrouped layers are stored: so many parts of so many projections."""


def regroup(rows: Tensor, outer: int, inner: int) -> Tensor:
    """Rows that stand as `(outer inner ...)`, as `(inner outer ...)`."""
    parts = rows.reshape(outer, inner, -1, *rows.shape[1:])
    return parts.transpose(0, 1).flatten(0, 2).contiguous()


def regrouped(rows: Tensor, outer: int, inner: int) -> Tensor:
    """The same of rows that may lie on a mesh, where the result does too."""
    if not isinstance(rows, DTensor):
        return regroup(rows, outer, inner)
    whole = regroup(rows.full_tensor().detach(), outer, inner)
    return distribute_tensor(whole, rows.device_mesh, rows.placements)
'''

STYLES = {
    "Whole": WHOLE,
    "Gathered": GATHERED,
    "Scores": SCORES,
    "Table": TABLE,
    "Once": ONCE,
    "Regrouped": REGROUPED,
}
"""The styles that a file brings with it."""
