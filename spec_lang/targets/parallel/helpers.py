"""The text of the functions that a generated `model_parallel.py` brings with it, whatever the model is."""

from __future__ import annotations

ON_META = '''\
@contextmanager
def on_meta() -> Iterator[None]:
    """What is made inside has no memory for its parameters; buffers are as they are."""

    def moved(_: nn.Module, name: str, parameter: nn.Parameter | None) -> Any:
        if parameter is None or parameter.is_meta:
            return None
        return nn.Parameter(parameter.to("meta"), parameter.requires_grad)

    hook = register_module_parameter_registration_hook(moved)
    try:
        yield
    finally:
        hook.remove()
'''

MATERIALIZE = '''\
def materialize(model: nn.Module, device: str | torch.device) -> None:
    """Give a model that was made on the meta device memory, for `load` to fill.

    Make the optimiser after it: the parameters are new ones.

    Raises:
        ValueError: a buffer is on the meta device: what it is to hold is not known.
    """
    buffers = dict(model.named_buffers())
    for name, buffer in buffers.items():
        if buffer.is_meta:
            raise ValueError(f"{name} has no values: make the model under `on_meta()`")
'''
MATERIALIZE_TIED = "    shared = ties(model)\n"
MATERIALIZE_END = """\
    model.to_empty(device=device)
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
"""
MEND_TIED = "    tie(model, shared)\n"

TIES = '''\
def ties(model: nn.Module) -> list[list[str]]:
    """The names of parameters that are one, in groups."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def tie(model: nn.Module, groups: list[list[str]]) -> None:
    """Make parameters one again: what moves or cuts them makes several."""
    for first, *others in groups:
        for name in others:
            path, _, last = name.rpartition(".")
            module = model.get_submodule(path)
            module.register_parameter(last, model.get_parameter(first))
'''

SAVE = '''\
def save(model: nn.Module, folder: str, optimizer: Optimizer | None = None) -> None:
    """Save the model, and the states of its optimiser, by all devices together.

    The names and what they hold are those of the whole module, on every mesh.
    """
    alone = not dist.is_initialized()
    state = states(model, optimizer)
    state_dict_saver.save(state, checkpoint_id=folder, no_dist=alone)
'''

LOAD = '''\
def load(model: nn.Module, folder: str, optimizer: Optimizer | None = None) -> None:
    """Load what `save` wrote, on any mesh, or a folder of safetensors files.

    Each device reads its own part.

    Raises:
        ValueError: a parameter has no memory yet.
    """
    for name, parameter in model.named_parameters():
        if parameter.is_meta:
            raise ValueError(f"{name} has no memory: `materialize` the model first")
    ours = (Path(folder) / ".metadata").exists()
    reader = FileSystemReader(folder) if ours else HuggingFaceStorageReader(folder)
    alone = not dist.is_initialized()
    state = states(model, optimizer)
'''
LOAD_PLAIN = """\
    state_dict_loader.load(state, storage_reader=reader, no_dist=alone)
"""
LOAD_TIED = """\
    saved = reader.read_metadata().state_dict_metadata
    absent: dict[str, str] = {}
    for group in ties(model):
        kept = [name for name in group if name in saved] or group
        absent |= {name: kept[0] for name in group if name not in kept}
    read = {name: value for name, value in state.items() if name not in absent}
    state_dict_loader.load(read, storage_reader=reader, no_dist=alone)
    state = read | {name: read[kept] for name, kept in absent.items()}
"""
LOAD_END = """\
    model.load_state_dict(state, strict=False)  # every name was found
    if optimizer is not None:
        flat = {
            name.removeprefix("optimizer."): value
            for name, value in state.items()
            if name.startswith("optimizer.")
        }
"""
LOAD_REGROUPED = "        reorder(model, flat, saved=False)\n"
LOAD_OPTIMIZER = """\
        flattened = StateDictOptions(flatten_optimizer_state_dict=True)
        set_optimizer_state_dict(model, optimizer, flat, options=flattened)
"""

STATES = '''\
def states(model: nn.Module, optimizer: Optimizer | None) -> dict[str, Any]:
    """What is saved, by its names: the optimiser's states stand under `optimizer.`."""
    state: dict[str, Any] = dict(model.state_dict())
    if optimizer is not None:
        flattened = StateDictOptions(flatten_optimizer_state_dict=True)
        flat = get_optimizer_state_dict(model, optimizer, options=flattened)
'''
STATES_REGROUPED = "        reorder(model, flat, saved=True)\n"
STATES_END = """\
        state |= {f"optimizer.{name}": value for name, value in flat.items()}
    return state
"""

REORDER = '''\
def reorder(model: nn.Module, states: dict[str, Any], saved: bool) -> None:
    """Bring an optimiser's states of regrouped rows into the module's order or back."""
    for path, module in model.named_modules():
        if module not in STORED:
            continue
        outer, inner = STORED[module] if saved else reversed(STORED[module])
        for name, parameter in module.named_parameters(recurse=False):
            prefix = f"state.{path}.{name}."
            for key in [key for key in states if key.startswith(prefix)]:
                if states[key].shape == parameter.shape:
                    states[key] = regrouped(states[key], outer, inner)
                elif states[key].dim():
                    raise ValueError(f"{key} has no row for each of {name}'s")
'''

RECOMPUTED = '''\
def recomputed(layer: nn.Module) -> None:
    """Keep the layer's inputs alone for backward, and run it once more there."""
    forward = layer.forward

    def again(*args: Any, **kwargs: Any) -> Any:
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    layer.forward = again
'''

EQUAL = '''\
class Equal:
    """A hook that refuses batches of different sizes: the mean would be another one.

    `dim` is the size's name, that of the first axis of the input `name` at place `at`.
    """

    def __init__(self, mesh: DeviceMesh, dim: str, at: int, name: str) -> None:
        self.mesh = mesh
        self.dim = dim
        self.at = at
        self.name = name

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        if not torch.is_grad_enabled():
            return
        batch: Tensor = args[self.at] if len(args) > self.at else kwargs[self.name]
        mine = torch.tensor([batch.size(0)], device=self.mesh.device_type)
        cut = [Shard(0)] * self.mesh.ndim
        sizes = DTensor.from_local(mine, self.mesh, cut, run_check=False).full_tensor()
        if not bool((sizes == mine).all()):
            raise ValueError(f"{self.dim} differs over the devices: {sizes.tolist()}")
'''


SKIPS = '''\
def skips(pipe: Pipe) -> bool:
    """Whether a stage takes what is not the result of the one before it."""
    before: fx.Node | None = None
    for node in pipe.split_gm.graph.nodes:
        if node.op == "call_module":
            taken = [
                x.args[0] if x.op == "call_function" else x
                for x in node.all_input_nodes
            ]
            if before is not None and any(x is not before for x in taken):
                return True
            before = node
    return False
'''


DIVIDED = '''\
def divided(layer: nn.Module, dim: str, axis: int, tp: int) -> None:
    """Refuse inputs whose size `dim`, of an axis, is not one that `tp` divides."""

    def check(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        size = inputs[0].size(axis)
        if size % tp:
            raise ValueError(f"tp must divide {dim} ({dim}={size}, tp={tp})")

    layer.register_forward_pre_hook(check, prepend=True)
'''


def checkpoints(tied: bool, regrouped: bool) -> list[str]:
    """`on_meta`, `materialize`, `save` and `load`; with ties and regrouped rows where the model has some."""
    return [
        ON_META,
        MATERIALIZE + MATERIALIZE_TIED * tied + MATERIALIZE_END + MEND_TIED * tied,
        SAVE,
        LOAD + (LOAD_TIED if tied else LOAD_PLAIN) + LOAD_END + LOAD_REGROUPED * regrouped + LOAD_OPTIMIZER,
        STATES + STATES_REGROUPED * regrouped + STATES_END,
        *([REORDER] if regrouped else []),
        *([TIES] if tied else []),
    ]
