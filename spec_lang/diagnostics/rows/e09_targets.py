"""What a target cannot express: E09xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E0901": Code(
        "ONNX cannot express this",
        "The layer or function, with these arguments, has no counterpart among ONNX's standard operators of the "
        "chosen opset, or it is Python code of yours. Nothing is dropped or approximated: choose another opset "
        '(`--opset`), other arguments, or give an extern a domain of its own (`as "my.domain"`).',
    ),
    "E0903": Code(
        "A size is known at run time only",
        "An ONNX graph is written once for all inputs, so loops, branches and sizes of parameters can only depend on "
        "hyperparameters and on dims that construction fixes, not on a dim that each call brings.",
    ),
    "E0904": Code(
        "An input is no tensor",
        "The inputs of an ONNX model are tensors. Tuples and lists of tensors become one input each; numbers, strings "
        "and lists whose length only a call knows cannot.",
    ),
    "E0905": Code(
        "The model has no such method or input",
        "`--method` names one of the model's methods, `--input` an input of it, and `--with loss` needs a `loss`.",
    ),
    "E0906": Code(
        "A start that only running the model gives",
        "The expression that a buffer or parameter starts as is computed while the model is exported. It must be made of "
        "constants, hyperparameters and functions of them.",
    ),
}
