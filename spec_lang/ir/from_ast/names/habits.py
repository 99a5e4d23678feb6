"""What people write who come from PyTorch's Python or from another library, and how a spec says it."""

from __future__ import annotations

from collections.abc import Mapping

from spec_lang.syntax.habits import DTYPES, IN_TYPES, NAMESPACES

__all__ = ["DTYPES", "IN_TYPES", "NAMESPACES"]

LAYERS: Mapping[str, str] = {
    "Dense": "Linear",
    "FullyConnected": "Linear",
    "FC": "Linear",
    "Conv": "Conv2d",
    "Convolution2D": "Conv2d",
    "BatchNorm": "BatchNorm2d",
    "BatchNormalization": "BatchNorm2d",
    "LayerNormalization": "LayerNorm",
    "InstanceNorm": "InstanceNorm2d",
    "MaxPool": "MaxPool2d",
    "MaxPooling2D": "MaxPool2d",
    "AvgPool": "AvgPool2d",
    "AveragePooling2D": "AvgPool2d",
    "GlobalAveragePooling2D": "AdaptiveAvgPool2d",
    "MultiHeadAttention": "MultiheadAttention",
    "Attention": "MultiheadAttention",
    "Embed": "Embedding",
    "Swish": "SiLU",
}

TENSOR_OF_VALUES = "tensors of given values are joined: `cat([full((1,), 0.5), full((1,), 0.25)])`"

FUNCTION_HELP: Mapping[str, str] = {
    "tensor": TENSOR_OF_VALUES,
    "as_tensor": TENSOR_OF_VALUES,
    "FloatTensor": TENSOR_OF_VALUES,
    "from_numpy": TENSOR_OF_VALUES,
    "array": TENSOR_OF_VALUES,
    "newaxis": "`none` in an index adds a dim: `x[:, none]`",
    "save": "a spec describes the model alone: saving and loading stand where it is used",
    "load": "a spec describes the model alone: saving and loading stand where it is used",
    "no_grad": "leave it out: whoever calls the model decides; `x.detach()` stops gradients in it",
    "getattr": "layers whose names are counted are a list: `fc = [Linear(4, 4) for i in range(3)]`, run by `fc[i](x)`",
    "isinstance": "what a value is is known from its type: leave the question out",
    "super": "leave it out: what a model is made of is all that there is to construct",
    "print": "a spec prints nothing; `specc ir` shows what it means",
    "dict": 'a dict of layers is written as one: `{"a": Linear(4, 4)}`',
}

LAYER_HELP: Mapping[str, str] = {
    "ModuleList": "a list of layers is written as one: `[Linear(4, 4), Linear(4, 4)]`",
    "ModuleDict": 'a dict of layers is written as one: `{"a": Linear(4, 4)}`',
    "Parameter": "a learned tensor is declared: `param w: float[4] = normal(std=0.02)`",
    "Buffer": "a fixed tensor is declared: `buffer mask: bool[4] = ...`",
    "Module": "a reusable part is a `block`",
    "OrderedDict": "names are arguments: `Sequential(fc=Linear(4, 4), act=ReLU())`",
    "Reshape": "`reshape` is a function: call it in `forward`",
    "Lambda": "functions are called in `forward`",
    "Concatenate": "`cat` is a function: `cat([x, y], dim=1)` in `forward`",
}

NEEDLESS = frozenset({"ModuleList", "ModuleDict", "ParameterList"} & LAYER_HELP.keys())
"""What PyTorch needs around a list or a dict, and a spec does not."""

METHODS: Mapping[str, str] = {
    "shape": "name the dims in a type: with `x: float[N, T, D]`, N, T and D are numbers",
    "size": "name the dims in a type: with `x: float[N, T, D]`, N, T and D are numbers",
    "cuda": "leave it out: what a model makes lives where its inputs do",
    "cpu": "leave it out: what a model makes lives where its inputs do",
    "device": "leave it out: what a model makes lives where its inputs do",
    "item": "leave it out: a tensor without dims (`float[]`) is the number",
    "tolist": "values are not known before the model runs",
    "numpy": "leave it out: a spec has tensors only",
    "backward": "leave it out: a spec describes the forward pass",
    "data": "leave it out: a spec has values, not memory",
    "append": "`ys += [x]` appends to a list of tensors",
    "astype": "`to(float)`, `to(int)` and `to(f32)` convert",
}

TYPES: Mapping[str, str] = {
    "Tensor": "say its dtype and dims: `float[N, D]`",
    "tensor": "say its dtype and dims: `float[N, D]`",
    "integer": "did you mean `int`?",
    "string": "did you mean `str`?",
    "boolean": "did you mean `bool`?",
    "double": "did you mean `float`?",
    "Module": "a layer that is passed in has the type `layer`",
}
