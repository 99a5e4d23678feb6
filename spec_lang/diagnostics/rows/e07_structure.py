"""Structure, such as unused parts, cycles and imports: E07xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0701": Code(
        "a definition that needs itself",
        "Constants, functions, blocks and methods may be in any order, but none may need itself, directly or through others.",
        "A = B + 1\nB = A + 1",
        "A = B + 1\nB = 1",
    ),
    "E0702": Code(
        "a computation in `layers:`",
        "Layers are constructed in `layers:` and run in methods.",
        "model M:\n    layers:\n        a = relu(4)\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
        "model M:\n    layers:\n        a = ReLU()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
    ),
    "E0703": Code(
        "a layer constructed in a method",
        "State lives in `layers:`: a layer that is constructed in `forward` would have new weights at every call.",
        "fn f(x: float[N, 8]) -> float[N, 4]:\n    return x -> Linear(8, 4)",
        "model M:\n    layers:\n        fc = Linear(8, 4)\n\n    forward(x: float[N, 8]) -> float[N, 4]:\n        return x -> fc",
    ),
    "E0704": Code(
        "an import of a file that is not there",
        "`from folder.file import Name` names `folder/file.nnspec`, beside the importing file or from the root: what `--root` or "
        "`root` under `[tool.specc]` in `pyproject.toml` says, else the folder above the outermost package. `from .file import Name` "
        "names one in the importing file's folder, with two dots one above it.",
        "from nowhere import Attention\n\nmodel M:\n    layers:\n        a = Attention()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
        "from parts import Attention\n\nmodel M:\n    layers:\n        a = Attention()\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> a",
    ),
    "E0705": Code(
        "statements that are never reached",
        "What stands behind a `return` never runs, and a loop does not return.",
        "fn f(x: float[N]) -> float[N]:\n    return x\n    return x",
        "fn f(x: float[N]) -> float[N]:\n    return x",
    ),
    "E0706": Code(
        "a method that is missing or does not end",
        "A model has a `forward`, and every path through a method ends with `return`.",
        "fn f(x: float[N]) -> float[N]:\n    y = x",
        "fn f(x: float[N]) -> float[N]:\n    return x",
    ),
    "E0707": Code(
        "a layer that is never used",
        "A layer in no method and on no path would only add parameters to every checkpoint.",
        "model M:\n    layers:\n        a = Linear(8, 8)\n        b = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a",
        "model M:\n    layers:\n        a = Linear(8, 8)\n        b = Linear(8, 8)\n\n    forward(x: float[N, 8]) -> float[N, 8]:\n        return x -> a -> b",
    ),
    "E0708": Code(
        "a hyperparameter that is never used",
        "A hyperparameter that changes nothing misleads whoever sets it.",
        "model M(p: float = 0.5):\n    forward(x: float[N]) -> float[N]:\n        return x",
        "model M(p: float = 0.5):\n    forward(x: float[N]) -> float[N]:\n        return x -> dropout(p)",
    ),
    "E0709": Code(
        "a variant of nothing",
        "`model Name = Base(...)` names a model of this file or an import, with values.",
        "N = 4\nmodel M = N",
        "model Base(d: int = 4):\n    forward(x: float[N, d]) -> float[N, d]:\n        return x\n\nmodel M = Base(d=8)",
    ),
    "E0712": Code(
        "an `init` rule that selects nothing",
        "A rule by type starts the parameters of every such layer in the block and in what the block is made of. Where there is none, the rule does nothing, and was probably meant for another type.",
        "model M:\n    layers:\n        fc = Linear(4, 4)\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> fc\n\n    init:\n        Conv2d.weight = normal(std=0.02)",
        "model M:\n    layers:\n        fc = Linear(4, 4)\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return x -> fc\n\n    init:\n        Linear.weight = normal(std=0.02)",
    ),
    "E0710": Code(
        "no checked program",
        "The file is not the JSON of a checked program of this version, as `specc ir` writes it and `docs/ir.schema.json` describes it.",
    ),
    "E0711": Code(
        "a program that does not hold together",
        "A checked program from outside names a definition, layer, function or hyperparameter that is not there, or has a size that cannot be read.",
    ),
    "E0714": Code(
        "a part without a type",
        "Everything in a method must have a type that the checker can prove; nothing is guessed. Write the part in smaller steps, with annotations (`x: float[N, D] = ...`).",
    ),
}
