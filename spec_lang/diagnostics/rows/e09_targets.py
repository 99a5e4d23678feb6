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
        "An ONNX graph is written once for all inputs, so branches and sizes of parameters can only depend on "
        "hyperparameters and on dims that construction fixes, not on a dim that each call brings. A loop may, where it is "
        "`for t in range(T)` and all that it does is to assign tensors whose shapes stay, or to join a piece to one in each step.",
    ),
    "E0904": Code(
        "An input is no tensor",
        "The inputs of an ONNX model are tensors. Tuples and lists of tensors become one input each; numbers, strings "
        "and lists whose length only a call knows cannot.",
    ),
    "E0905": Code(
        "The model has no such method",
        "`--method` names one of the model's methods, and `--with loss` needs a `loss`.",
    ),
    "E0906": Code(
        "A start that only running the model gives",
        "The expression that a buffer or parameter starts as is computed while the model is exported. It must be made of "
        "constants, hyperparameters and functions of them.",
    ),
    "E0907": Code(
        "The method has no such input",
        "`--input` names an input of the exported method that may be absent, so that the graph has it: by its own name, "
        "not by those of a list's items (`past`, not `past_0`).",
    ),
    "E0908": Code(
        "The graph's inputs have no such dim",
        "`--dim N=1` gives a dim a size for good: one of those that stand in the types of the graph's inputs and that "
        "neither a hyperparameter nor another dim decides. A dim of an input that may be absent needs that input "
        "(`--input`).",
    ),
    "E0909": Code(
        "The graph would give nothing",
        "What the method gives is a list, which is empty for these values of the hyperparameters. A graph without outputs "
        "is run by nothing: export it with values for which the list has items.",
    ),
    "E0920": Code(
        "The devices cannot share a size equally",
        "What is cut over `tp` must be divisible by the number of devices there: each of them computes with as many heads, "
        "or columns, as the others. Take another mesh, one of those that the message names, or other hyperparameters.",
    ),
    "E0921": Code(
        "The devices cannot share the samples equally",
        "Each device of `replicate` and `dp` computes the mean over its own samples, so that the mean of these is that of "
        "all only where they have equally many. Give the inputs a size that divides.",
    ),
}
