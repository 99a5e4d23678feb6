"""Weights files: E10xx."""

from __future__ import annotations

from spec_lang.diagnostics.code import Code

ROWS: dict[str, Code] = {
    "E1001": Code(
        "The weights file cannot be read",
        "It is not there, may not be read, is a folder, pipe or device, or is of a kind that is not known. Known are "
        "safetensors, the index of sharded safetensors (`*.index.json`), and checkpoints that `torch.save` wrote.",
    ),
    "E1002": Code(
        "A malformed safetensors file",
        "A safetensors file is a header that says where each tensor is, and the tensors, which must fill the rest without "
        "holes or overlaps. A file that was cut off by a broken download is the usual cause: fetch it again.",
    ),
    "E1003": Code(
        "The weights file changed while it was read",
        "It became shorter after its header had been read. Export again once whatever writes it is done.",
    ),
    "E1004": Code(
        "An index and its shards disagree",
        "The `weight_map` of an index file names, for each tensor, the file that holds it. Every file must be there, sound, "
        "and hold exactly the tensors that the index says.",
    ),
    "E1005": Code(
        "An index names a file outside its folder",
        "The shards of a model lie beside their index. Paths that lead elsewhere are refused, so that a model from a stranger "
        "cannot make the compiler read other files.",
    ),
    "E1006": Code(
        "A malformed checkpoint",
        "The file is not what `torch.save` writes: cut off, compressed again, a TorchScript module, or made to do harm. Nothing "
        "in a checkpoint is ever run, and every size in it is checked. Save it again, best as safetensors.",
    ),
    "E1007": Code(
        "A checkpoint without a state_dict",
        "What was saved is a whole module, a list or something else, or there are several state_dicts and none is under a usual "
        "name. Save `model.state_dict()`, on its own or in a dict under `state_dict` or `model`; `--weights FILE:NAME` names "
        "one of several, as `ckpt.pth:ema`.",
    ),
    "E1008": Code(
        "Tensors are missing from the weights file",
        "Every parameter and persistent buffer of the model must be in the file under its state_dict key. `--rename "
        "OLD=NEW` maps the file's keys to the model's: `*` in OLD is any text, and `*` in NEW repeats it "
        "(`--rename 'module.*=*'`).",
    ),
    "E1009": Code(
        "The weights file has tensors that the model has not",
        "Weights that belong to nothing are a sign of another architecture. Where they are to be left out (a mask that an "
        "older library stored), say so: `--ignore 'h.*.attn.bias'`.",
    ),
    "E1010": Code(
        "A tensor has another shape",
        "The file's tensor and the model's parameter differ in shape: other hyperparameters, or a layer that stores its weight "
        "transposed.",
    ),
    "E1011": Code(
        "A tensor has another dtype",
        "Numbers are widened without loss (bf16 to f32) and shortened where `--dtype` asks for it, but never silently changed. "
        "Integers and booleans must be exactly what the model has.",
    ),
    "E1012": Code(
        "Tied tensors differ",
        "The model shares one tensor under two names, and the file stores two with different numbers, so that one of them "
        "would be lost. Remove the `tie`, or store the tensor once.",
    ),
    "E1013": Code(
        "A --rename or --ignore that cannot be",
        "OLD=NEW maps whole keys. Each `*` of NEW takes the text of a `*` of OLD; `/regex/=replacement` is for more. A pattern "
        "must fit a key, and no two keys may become one. `--ignore` takes such patterns of keys to leave out.",
    ),
    "E1014": Code(
        "The weights are too large to embed",
        "An ONNX file is one protocol buffer, which ends at 2 GiB. Without `--embed` the weights go into a file beside the "
        "model; with `--zero-copy` they stay where they are.",
    ),
    "E1015": Code(
        "The weights changed since the model was exported",
        "An exported model remembers a fingerprint of its weights file. The file is another one now, so what the model says of "
        "it may be wrong: export it again.",
    ),
    "E1016": Code(
        "The model cannot be written",
        "The folder is missing, full or read-only, or the output would overwrite the weights. What was there before is still "
        "there.",
    ),
    "E1017": Code(
        "The model cannot point into the weights",
        "With `--zero-copy` the model reads its weights from the file that was given. Runtimes read files only in the model's own "
        "folder or below it, and follow no link. Without `--zero-copy` the weights are copied.",
    ),
    "E1018": Code(
        "Not an ONNX model",
        "The file ends early, or is something else. A model's weights must lie in it, or in files in its own folder.",
    ),
}
