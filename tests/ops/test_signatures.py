"""Argument names, order and keywords are PyTorch's, and binding refuses what it should."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from spec_lang.ops import signature
from spec_lang.ops.base import FUNCTIONS, LAYERS, Cx, OpError
from spec_lang.ops.kinds import Choice
from spec_lang.ops.signature import HOLE, NeedsCase
from spec_lang.shapes import Cond, DType, Facts, TensorType, Truth, dim, symbol
from tests.ops.harness import OPERATORS, concrete, flat_result, maker, symbols, torch_function
from tests.ops.test_functions import CASES

LEFT_OUT = {
    *signature._REFUSED,
    "antialias",  # its filter is not what ONNX computes
    "max_norm",  # changes the weight while the model runs
    "norm_type",
    "scale_grad_by_freq",
    "sparse",
    "sparse_grad",
    "output_size",
    "use_input_stats",
    "align_to_window",  # newer than the oldest PyTorch that runs generated code
    "weight",  # where PyTorch adds it to a loss that had none
}
OVERLOADED = {
    "max", "min", "sum", "mean", "prod", "any", "all", "argmax", "var", "std", "median", "nansum", "var_mean", "std_mean",  # their docs list the other overload
    "squeeze", "concatenate", "true_divide", "type_as", "broadcast_to", "expand", "full_like", "to",  # docs differ from names
    "instance_norm", "argsort", "one_hot", "scatter", "scatter_add", "repeat_interleave", "adaptive_avg_pool1d",
    "searchsorted",
}  # fmt: skip


def documented(name: str) -> list[str] | None:
    """The arguments of the PyTorch function, from its signature or the first line of its docs."""
    torch_name = FUNCTIONS[name].torch
    head, _, tail = torch_name.rpartition(".")
    owner: Any = {"F": F, "torch": torch, "": torch.Tensor}.get(head)
    if owner is None or "." not in torch_name:
        return None
    function = getattr(owner, tail)
    try:
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
        return None if names == ["args"] else names
    except ValueError:
        match = re.match(r"(?:torch\.)?\w+\((.*?)\)\s*(?:->|\n|$)", (function.__doc__ or "").strip(), re.S)
    if match is None:
        return None
    parts = re.split(r",(?![^(\[]*[)\]])", match[1])
    names = [re.split(r"[=:]", p.strip())[0].strip().lstrip("*").split(" ")[-1] for p in parts]
    return [n for n in names if n and n != "/"]


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - OVERLOADED))
def test_names_and_order_are_pytorchs(name: str) -> None:
    theirs = documented(name)
    if theirs is None:
        pytest.skip("PyTorch documents no signature")
    method = FUNCTIONS[name].torch.startswith(".")
    ours = [p.name for p in signature.of(FUNCTIONS[name]).parameters[method:]]
    kept = [n for n in theirs if n not in LEFT_OUT - set(ours) and n != "self"]
    assert ours == kept


def calls_by_name(name: str) -> Iterator[dict[str, Any]]:
    """The arguments of some calls by name, as PyTorch takes them; the first is a tensor where operators take numbers."""
    op = FUNCTIONS[name]
    if name in ("getitem", "einsum", "where", "xlogy", "meshgrid", "tensor_split") or op.extras:
        pytest.skip("written by position only")
    for case in [c for c in CASES if c.name == name][:4]:
        bound = signature.bind(op, *written(case))
        if name in OPERATORS and not isinstance(vars(bound)[op.arguments[0]], TensorType):
            continue
        make, _ = maker(case, 0)
        _, names = symbols(case)
        env = {n: max(case.sizes.get(n, (4,))) for n in names}
        values = {k: v for k, v in vars(bound).items() if k in given(case, op)}
        yield {k: concrete(v, env, make) for k, v in values.items()}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_pytorch_takes_every_argument_by_name(name: str) -> None:
    """Keyword names are right where documentation is wrong."""
    op = FUNCTIONS[name]
    for arguments in calls_by_name(name):
        receiver = [arguments.pop(op.arguments[0])] if op.torch.startswith(".") else []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert flat_result(torch_function(name)(*receiver, **arguments))


METHODS = [n for n, op in FUNCTIONS.items() if op.torch.startswith("torch.") and op.method is not False]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_every_argument_by_name(name: str) -> None:
    """But for those that it calls otherwise."""
    op = FUNCTIONS[name]
    for arguments in calls_by_name(name):
        receiver = arguments.pop(op.arguments[0])
        if not isinstance(receiver, torch.Tensor):
            continue
        method = getattr(receiver, op.torch.removeprefix("torch."))
        if arguments.keys() & set(op.renames):
            with pytest.raises(TypeError):
                method(**arguments)
        else:
            assert flat_result(method(**arguments))


@pytest.mark.parametrize("name", METHODS)
def test_what_takes_a_tensor_first_is_a_method_of_tensors(name: str) -> None:
    """Else generated code would call a method that there is none of."""
    op, x = FUNCTIONS[name], TensorType(DType("float"), (dim(4),))
    if not hasattr(torch.Tensor, op.torch.removeprefix("torch.")):
        with pytest.raises(OpError):
            signature.bind(op, (x,), {}).infer(Cx(Facts(), name))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_without_annotations_is_known(name: str) -> None:
    method = getattr(torch.Tensor, FUNCTIONS[name].torch.removeprefix("torch."), None)
    bare = inspect.isfunction(method) and not method.__annotations__
    assert FUNCTIONS[name].untyped == bare


def written(case: Any) -> tuple[Any, Any]:
    from tests.ops.harness import hosted

    return hosted(case.args), {k: hosted(v) for k, v in case.kwargs.items()}


def given(case: Any, op: Any) -> set[str]:
    """The arguments that a case gives, by name."""
    args, kwargs = case.args, dict(case.kwargs)
    if op.arrange is not None:
        args, kwargs = op.arrange(*written(case))
    return {*op.arguments[: len(args)], *kwargs}


# --- What binding refuses -------------------------------------------------------------------

N, D = symbol("N"), symbol("D")
X = TensorType(DType.FLOAT, (N, D))


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "code", "words"),
    [
        ("relu", (X, False, 3), {}, "E0510", "at most 2 arguments"),
        ("softmax", (), {}, "E0511", "needs `input`"),
        ("softmax", (X,), {"dims": 1}, "E0512", "did you mean `dim`?"),
        ("softmax", (X, 1), {"dim": 1}, "E0513", "twice"),
        ("softmax", (X, 1.5), {}, "E0514", "a constant int or none, not the float 1.5"),
        ("softmax", (X, N), {}, "E0514", "not the int N"),
        ("gelu", (X, "tahn"), {}, "E0514", '"none" or "tanh"'),
        ("cat", (X,), {}, "E0514", "a list"),
        ("zeros", (3,), {"device": "cuda"}, "E0515", "lives where its inputs do"),
        ("softmax", (X, HOLE), {}, "E0516", "cannot be `_`"),
        ("rearrange", (X, "n d -> d n"), {"h": 1.5}, "E0514", "takes an int"),
        ("dropout", (X,), {"training": True}, "E0515", "follows the module's mode"),
        ("relu", (3,), {}, "E0514", "takes a tensor, not the int 3"),
        ("matmul", (X, None), {}, "E0514", "not none"),
        ("view", (X, N, 2.5), {}, "E0514", "takes ints"),
    ],
)
def test_wrong_arguments_are_refused(name: str, args: Any, kwargs: Any, code: str, words: str) -> None:
    with pytest.raises(OpError) as caught:
        signature.bind(FUNCTIONS[name], args, kwargs)
    assert caught.value.code == code
    assert words in f"{caught.value.message} {caught.value.help}"


@pytest.mark.parametrize("name", [n for n, op in FUNCTIONS.items() if op.torch.startswith("torch.")])
def test_what_tensors_have_as_a_method_is_known(name: str) -> None:
    op = FUNCTIONS[name]
    if op.method is not False and not op.creates and annotation(op, op.arguments[0]) == "Tensor":
        assert hasattr(torch.Tensor, op.torch.removeprefix("torch."))


def annotation(op: type, argument: str) -> str:
    return next(
        str(c.__annotations__[argument]) for c in op.__mro__ if argument in vars(c).get("__annotations__", {})
    )


def test_sizes_are_gathered() -> None:
    for args in ((X, N, -1), (X, (N, -1)), (X, [N, -1])):
        assert signature.bind(FUNCTIONS["reshape"], args, {}).shape == (N, dim(-1))  # type: ignore[attr-defined]


def test_defaults_are_converted() -> None:
    pool = signature.bind(LAYERS["MaxPool2d"], (3,), {})
    assert (pool.kernel_size, pool.stride, pool.padding) == ((3, 3), None, (0, 0))  # type: ignore[attr-defined]


def test_conditions_and_choices_need_cases() -> None:
    flag = Cond.flag(Truth("norm_first"))
    with pytest.raises(NeedsCase) as caught:
        signature.bind(LAYERS["Linear"], (N, D), {"bias": flag})
    assert (caught.value.arg, caught.value.value) == ("bias", flag)
    with pytest.raises(NeedsCase) as caught:
        signature.bind(FUNCTIONS["gelu"], (X, Choice("act", ("none", "tanh"))), {})
    assert caught.value.arg == "approximate"
    assert signature.bind(LAYERS["Linear"], (N, D), {"bias": Cond.TRUE}).bias is True  # type: ignore[attr-defined]


def test_holes() -> None:
    linear = signature.bind(LAYERS["Linear"], (HOLE, 3), {})
    cx = Cx(Facts(), "fc")
    assert signature.holes(cx, linear, [X], {}) == {"in_features": D}
    filled = signature.replace(linear, in_features=D)
    assert signature.call_layer(cx, filled, [X], {}) == TensorType(DType.FLOAT, (N, dim(3)))
    wrong = signature.bind(LAYERS["Linear"], (7, 3), {})
    with pytest.raises(OpError, match="expects 7 input features, but gets D"):
        signature.call_layer(cx, wrong, [X], {})


@pytest.mark.parametrize("name", [*sorted(FUNCTIONS), *sorted(LAYERS)])
def test_every_op_reads_and_is_documented(name: str) -> None:
    op = FUNCTIONS.get(name) or LAYERS[name]
    assert str(signature.of(op)).startswith(f"{name}(")
    assert op.__doc__
    assert op.torch
    if name in LAYERS:
        assert signature.forward(LAYERS[name]).parameters
