"""Names: E02xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0201": Code(
        "a name that nothing defines",
        "A name stands for a local, an input, a layer, a hyperparameter, a dim of the inputs, or something that the file defines or imports. Dims are bound by the inputs: a name that occurs in a result only is bound by nothing.",
        "fn f(x: float[N]) -> float[N]:\n    return x + y",
        "fn f(x: float[N], y: float[N]) -> float[N]:\n    return x + y",
    ),
    "E0202": Code(
        "there is no such layer",
        "Layers are those of torch.nn that the library declares (`specc ops`), and the blocks of this file and its imports.",
        "model M:\n    layers:\n        fc = Linaer(_, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc",
        "model M:\n    layers:\n        fc = Linear(_, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc",
    ),
    "E0203": Code(
        "there is no such function",
        "Functions are those of torch.nn.functional, torch and tensors' methods that the library declares (`specc ops`), and the `fn`s of this file and its imports.",
        "fn f(x: float[N]) -> float[N]:\n    return x -> rleu",
        "fn f(x: float[N]) -> float[N]:\n    return x -> relu",
    ),
    "E0204": Code(
        "there is no such type",
        "A hyperparameter is an `int`, `float`, `bool`, `str`, `layer`, a choice, a list, a tuple or a record of this file.",
        "block B(n: integer):\n    forward(x: float[N]) -> float[N]:\n        return x * n",
        "block B(n: int):\n    forward(x: float[N]) -> float[N]:\n        return x * n",
    ),
    "E0205": Code(
        "a name is defined twice",
        "Each name means one thing: in a file, among the parts of a block, among a method's inputs.",
        "model M:\n    layers:\n        a = Linear(8, 8)\n        a = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(8, 8)\n        b = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a -> b",
    ),
    "E0206": Code(
        "a name hides another",
        "A local may not take the name of a dim, nor a loop's variable that of a local, an argument or a hyperparameter: a reader would take one for the other.",
        "fn f(x: float[N, T]) -> float[N, T]:\n    T = x * 2\n    return T",
        "fn f(x: float[N, T]) -> float[N, T]:\n    y = x * 2\n    return y",
    ),
    "E0207": Code(
        "a name that PyTorch or Python has taken",
        "Layers become attributes of an nn.Module, so they may not be called as its own attributes are (`training`, `parameters`, `type`), and nothing may be called as a word of Python's.",
        "model M:\n    layers:\n        train = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> train",
        "model M:\n    layers:\n        fc = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> fc",
    ),
    "E0208": Code(
        "an import of a name that is not there",
        "`from file import Name` takes a definition of that file itself; what the file has imported is not passed on.",
        "from parts import Atention\n\nmodel M:\n    layers:\n        a = Atention()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
        "from parts import Attention\n\nmodel M:\n    layers:\n        a = Attention()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
    ),
    "E0209": Code(
        "there is no such part",
        "A path goes through layers, their parameters and records' fields, each by its name.",
        "model M:\n    layers:\n        fc = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return fc(x) + fc.wieght.sum()",
        "model M:\n    layers:\n        fc = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return fc(x) + fc.weight.sum()",
    ),
    "E0210": Code(
        "there is no such model",
        "`--model` names a model or variant of the file.",
        "",
        "",
    ),
}
