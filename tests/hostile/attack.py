"""Hostile inputs for the command line, each run in a process of its own: `python -m tests.hostile.attack SEED COUNT`.

Prints one JSON object for each input that is answered by anything but a result or a message: a traceback, `itself failed`, another
exit status, too much time or memory. The processes are forks of this one, which has everything imported, so that what is counted is
what the input costs. `SEED:N` and 1 give the N-th input again.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.mutations import HOSTILE, _bytes_changed, mutated

ROOT = Path(__file__).parents[2]
SECONDS = 2.0
"""CPU time of one input."""
MEGABYTES = 500
"""Peak memory of one input's process, with all that is imported before."""

SPEC = """
model Net(width: int = 4, depth: int = 2, rate: float = 0.5, names: list[int] = [1, 2], mode: "a" | "b" = "a"):
    require width >= 1
    layers:
        fc = Linear(3, width)
        h = [Linear(width, width) for i in range(depth)]

    forward(x: float[N, T, 3], mask: float[N, T, 1]? = none) -> float[N, T, width]:
        require T <= 64
        y = x -> fc -> h
        if mode == "b":
            y = y * 2.0
        y = y * sum(names)
        if mask is not none:
            y = y * mask
        return y * rate

    twice(x: float[*B, 3]) -> float[*B, width]:
        return fc(x) * 2.0

    loss(output: float[N, T, width], target: float[N, T, width]) -> float[]:
        return mse_loss(output, target)

model Other:
    forward(x: float[N, 3]) -> float[N, 3]:
        return x + 1.0
"""
PART = "block Part(n: int):\n    forward(x: float[N, n]) -> float[N, n]:\n        return x * 2.0\n"
WHOLE = "from part import Part\n\nmodel Whole:\n    layers:\n        p = Part(4)\n\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return p(x)\n"

VALUES = (
    "", " ", "0", "1", "2", "-1", "4", "64", "65", "1e9", "1e400", "inf", "nan", "9" * 30, "9" * 5000, "99999999999", "2147483647",
    "2147483648", "none", "true", "[]", "[1, 2, 3]", "[[]]", "(1,)", "range(10**9)", "[0] * 10**9", "10**10**6", "'a'", '"a"', '"c"', "a",
    "lambda: 1", "x.y", "_", "*", "**", "=", "==", "=1", "N", "N=", "N=1", "N=0", "T=65", "T=64", "T=-1", "T=1e3", "T=9" + "9" * 40, "B=2",
    "width=3", "width=0", "width=-1", "width=10**12", "width=1.5", "depth=0", "depth=10**7", "rate=inf", "rate=\"x\"", "names=[]",
    "mode=\"b\"", "mode=\"c\"", "names=[1]*10**8", "\0", "\x1b[31m", "\n", "é", "\u202e", "../..", "/", "/dev/null", "/dev/zero", ".",
    "..", "net", "Net", "Other", "forward", "twice", "loss", "__init__", "x", "mask", "x=x.npy", "x.npy", "mask=x.npy", "nowhere", "net.nnspec",
    "w.safetensors", "w.pt", "w.pt:a", "w.pt:", "w.index.json", "m.onnx", "out", "out.py", "out.onnx", "a" * 300, "a/" * 200 + "b",
    "*=*", "*=", "=*", "/(/=x", "/.*/=\\9", "/./=x", "*=a*b*", "fc.*=*", "f*", "**", "/[/", "24", "17", "16", "29", "f32", "f16", "bf16", "f64",
    "dp=2,tp=2", "tp=0", "dp=-1,tp=2", "tp=99999999999999999999", "tp=3,tp=3", "pp=2", "dp=,tp=", "width=8,depth=2", "adamw", "mermaid", "markdown", "table", "all",
    "E0101", "e0601", "E9999", "Linear", "relu", "gpt2", "lenet5", "forward " * 500,
)  # fmt: skip
"""What options and arguments get."""
PATHS = (
    "net.nnspec",
    "whole.nnspec",
    ".",
    "specs",
    "w.safetensors",
    "w.pt",
    "w.index.json",
    "m.onnx",
    "bad.nnspec",
    "deep.nnspec",
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "check": ("--set", "--model", "--format", "--root"),
    "compile": (
        "--target", "-o", "--check", "--force", "--set", "--model", "--format", "--weights", "--rename", "--ignore", "--dtype", "--opset",
        "--method", "--dim", "--seed", "--no-weights", "--zero-copy", "--embed", "--input", "--with", "--no-checks", "--parallel",
    ),
    "summary": ("--model", "--set", "--dim", "--method", "--depth", "--dtype", "--format"),
    "view": ("--model", "--set", "--method", "--format", "--depth", "--names", "--diff", "--port", "-o"),
    "plan": ("--mesh", "--dtype", "--optimizer", "--format", "--set", "--model"),
    "fmt": ("--check", "--diff", "-"),
    "ir": ("--schema", "--set"),
    "ops": (),
    "explain": (),
    "new": ("-o", "--force"),
    "weights": ("--format", "--to", "--rename", "--ignore", "--model", "--set", "--force"),
    "run": ("--input", "-o", "--onnx", "--set", "--model", "--method", "--dim", "--opset", "--dtype", "--weights", "--seed"),
}  # fmt: skip
GOOD = {
    "--target": ("onnx", "torch"), "--format": ("json", "text"), "--dtype": ("f16", "bf16"), "--with": ("loss",), "--weights": ("w.safetensors", "w.pt", "w.index.json"),
    "--onnx": ("m.onnx",), "--input": ("mask", "x=x.npy"), "--method": ("twice",), "--model": ("Net",), "--dim": ("N=1", "T=4"), "--set": ("width=3", "depth=1"),
    "--to": ("o.safetensors",), "--mesh": ("dp=2,tp=2", "tp=4", "dp=1"), "--optimizer": ("sgd", "adamw"), "--depth": ("0", "1", "9", "all"), "--diff": ("whole.nnspec",),
    "--opset": ("17", "22"), "-o": ("out", "out.onnx"),
}  # fmt: skip
FLAGS = {
    "--check",
    "--force",
    "--no-weights",
    "--zero-copy",
    "--embed",
    "--schema",
    "--no-checks",
    "--parallel",
    "--names",
}


class Case(NamedTuple):
    """One input: files to write, and the command; `call` in place of one is Python's side of it."""

    kind: str
    files: dict[str, bytes]
    command: list[str]
    call: Callable[[], None] | None = None
    messages: Sequence[dict[str, Any]] = ()
    """What an editor says to the language server."""


# --- What is attacked with ------------------------------------------------------------------


@cache
def sound() -> dict[str, bytes]:
    """Sound files of each kind, of the same small model; another process makes them, so that this one needs no torch."""
    code = "import pickle, sys; from tests.hostile.attack import made; pickle.dump(made(), sys.stdout.buffer)"
    found: dict[str, bytes] = pickle.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))
    return found


def made() -> dict[str, bytes]:
    """The files that `sound` gives."""
    import numpy as np
    import torch
    from safetensors.numpy import save

    import spec_lang

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "net.nnspec").write_text(SPEC)
        spec_lang.compile_onnx(path / "net.nnspec", path / "m.onnx", model="Net", seed=0, mode="embed")
        onnx = (path / "m.onnx").read_bytes()
    shapes = {"fc.weight": (4, 3), "fc.bias": (4,)} | {
        f"h.{i}.{k}": s for i in range(2) for k, s in {"weight": (4, 4), "bias": (4,)}.items()
    }
    arrays = {k: np.ones(s, np.float32) for k, s in shapes.items()}
    tensors = {k: torch.ones(s) for k, s in shapes.items()}
    zipped, legacy, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"a": tensors, "epoch": 3, "opt": {0: tensors}}, zipped)
    torch.save(tensors, legacy, _use_new_zipfile_serialization=False)
    np.save(array, np.ones((2, 3, 3), np.float32))
    index = {"metadata": {"total_size": 9}, "weight_map": dict.fromkeys(shapes, "w.safetensors")}
    return {
        "net.nnspec": SPEC.encode(),
        "part.nnspec": PART.encode(),
        "whole.nnspec": WHOLE.encode(),
        "w.safetensors": save(arrays),
        "w.pt": zipped.getvalue(),
        "l.pt": legacy.getvalue(),
        "w.index.json": json.dumps(index).encode(),
        "m.onnx": onnx,
        "x.npy": array.getvalue(),
    }


def _json_changed(raw: bytes, dice: Random) -> bytes:
    """A JSON text with some of its values replaced, lost or doubled."""
    value = json.loads(raw)
    for _ in range(dice.choice((1, 1, 2, 5))):
        at: Any = value
        while isinstance(at, dict | list) and at:
            key = dice.choice(list(at)) if isinstance(at, dict) else dice.randrange(len(at))
            if not isinstance(at[key], dict | list) or not at[key] or dice.random() < 0.15:
                _change(at, key, dice)
                break
            at = at[key]
    return json.dumps(value).encode()


_JSON: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 1.5, float("nan"), "", "a", "../x", "/dev/zero", "\0", "é" * 99, [], {}, [[]],
    [0] * 99, {"a": 1}, "w.safetensors", "__class__", "import os", "F32", "I64", "U9", [2**40, 2**40], [-1], [0, 2**62], "N + 1", "10**10**6",
)  # fmt: skip


def _change(holder: Any, key: Any, dice: Random) -> None:
    kind = dice.randrange(4)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[dice.choice((*HOSTILE, "metadata", "weight_map", "", "x" * 99))] = holder.pop(key)
    elif kind == 1:
        many = 999 if len(json.dumps(holder[key])) < 1000 else 1
        holder[key:key] = [holder[key]] * dice.choice((1, 9, many))
    else:
        holder[key] = dice.choice(_JSON)


def _header_changed(raw: bytes, dice: Random) -> bytes:
    """A safetensors file whose header is another JSON."""
    length = int.from_bytes(raw[:8], "little")
    header = _json_changed(raw[8 : 8 + length], dice)
    return len(header).to_bytes(8, "little") + header + raw[8 + length :]


def _cut(raw: bytes, dice: Random) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)] * dice.choice((1, 1, 1, 2))


# --- Cases ----------------------------------------------------------------------------------


def spec(dice: Random) -> Case:
    command = dice.choice(
        (["check"], ["compile"], ["compile", "--parallel"], ["compile", "--target", "onnx", "--no-weights"], ["fmt"], ["ir"], ["summary"], ["plan"], ["view", "--format", "mermaid"], ["view", "-o", "out.html"], ["view", "--depth", "all", "--format", "mermaid"])
    )  # fmt: skip
    return Case("spec", {"bad.nnspec": mutated(dice)}, [*command, "bad.nnspec"])


def imported(dice: Random) -> Case:
    """A spec that another one imports, or its name."""
    files = {"part.nnspec": mutated(dice), "whole.nnspec": WHOLE.encode()}
    if dice.random() < 0.5:
        word = dice.choice((*HOSTILE, ".", "..", "a." * 99 + "b", "whole", "part.part", "os", "é", "x" * 300))
        files = {
            "part.nnspec": PART.encode(),
            "whole.nnspec": WHOLE.replace("part", word, 1).encode("utf-8", "replace"),
        }
    return Case("import", files, [dice.choice(("check", "compile")), dice.choice(("whole.nnspec", "."))])


SETTINGS = b"""[project]
name = "x"

[tool.specc]
root = "."
output = "build"
line-length = 100

[tool.specc.onnx]
opset = 21
dtype = "f16"
embed = true
"""


def project(dice: Random) -> Case:
    """A project's settings, and a package in it."""
    text = SETTINGS.decode()
    for _ in range(dice.choice((1, 1, 2))):
        words = re.findall(r"[\w.]+|\S|\s", text)
        at = dice.randrange(len(words))
        words[at] = dice.choice(
            (*HOSTILE, *VALUES, '"/"', '".."', '"no\\u0000"', "1e9", "{}", "[]", "1979-05-27")
        )
        text = "".join(words)
    changed = text.encode("utf-8", "replace") if dice.random() < 0.7 else _bytes_changed(SETTINGS, dice)
    dots = dice.choice(("", ".", "..", "...", "....", "." * 999))
    files = {
        "pyproject.toml": changed,
        "__init__.py": b"",
        "part.nnspec": PART.encode(),
        "whole.nnspec": WHOLE.replace("part", dots + "part", 1).encode(),
    }
    command = dice.choice(
        (["check"], ["compile"], ["compile", "--target", "onnx", "whole.nnspec"], ["check", "whole.nnspec"])
    )
    return Case(
        "project",
        files,
        [*command, *dice.choice(([], [], ["--root", dice.choice((".", "..", "/", "part.nnspec"))]))],
    )


def weights(dice: Random) -> Case:
    name = dice.choice(("w.safetensors", "w.pt", "l.pt", "w.index.json"))
    raw = sound()[name]
    if name == "w.index.json":
        changed = dice.choice((_json_changed, _json_changed, _bytes_changed, _cut))(raw, dice)
    elif name == "w.safetensors":
        changed = dice.choice((_header_changed, _header_changed, _bytes_changed, _cut))(raw, dice)
    else:
        changed = dice.choice((_bytes_changed, _bytes_changed, _bytes_changed, _cut))(raw, dice)
    command = dice.choice(
        (
            ["weights", name],
            ["weights", name, "--format", "json"],
            ["weights", name, "--to", "o.safetensors"],
            ["weights", name, "--to", "o.safetensors", "--model", "net.nnspec:Net"],
            ["compile", "net.nnspec", "--model", "Net", "--target", "onnx", "-o", "o.onnx", "--weights", name],
            ["compile", "net.nnspec", "--model", "Net", "--target", "onnx", "-o", "o.onnx", "--zero-copy", "--weights", name],
        )
    )  # fmt: skip
    files = {"net.nnspec": SPEC.encode(), "w.safetensors": sound()["w.safetensors"], name: changed}
    return Case("weights", files, command)


def graph(dice: Random) -> Case:
    """An ONNX file: as it is written over, listed, run."""
    raw = sound()["m.onnx"]
    changed = dice.choice((_bytes_changed, _bytes_changed, _bytes_changed, _cut))(raw, dice)
    if dice.random() < 0.3:
        _, end = json.JSONDecoder().raw_decode(raw[(at := raw.find(b'{"hyper":')) :].decode("latin-1"))
        new = _json_changed(raw[at : at + end], dice)
        changed = raw[:at] + new[:end].ljust(end) + raw[at + end :]
    run = ["run", "net.nnspec", "--model", "Net", "--onnx", "m.onnx", "--input", "x=x.npy", "-o", "out"]
    command = dice.choice(
        (["weights", "m.onnx"], ["compile", "net.nnspec", "--model", "Net", "--target", "onnx", "-o", "m.onnx"], run, run)
    )  # fmt: skip
    return Case("onnx", sound() | {"m.onnx": changed}, command)


def array(dice: Random) -> Case:
    changed = dice.choice((_bytes_changed, _cut))(sound()["x.npy"], dice)
    run = ["run", "net.nnspec", "--model", "Net", "--onnx", "m.onnx", "--input", "x=x.npy", "-o", "out"]
    return Case("npy", sound() | {"x.npy": changed}, run)


def program(dice: Random) -> Case:
    """IR as JSON, from outside, to both targets."""
    from spec_lang.compiler import compile_sources
    from spec_lang.diagnostics import Source

    source = Source("net.nnspec", SPEC)
    text = compile_sources({"net": source}).checked().model_dump_json()
    changed = dice.choice((_json_changed, _json_changed, _json_changed, _bytes_changed))(text.encode(), dice)
    return Case(
        "ir", {}, [changed.decode("utf-8", "replace")], lambda: read_ir(changed.decode("utf-8", "replace"))
    )


def read_ir(text: str) -> None:
    """What a program makes of IR that somebody gives it."""
    from spec_lang.diagnostics import SpecError
    from spec_lang.ir.evaluate import EvaluationError
    from spec_lang.ir.verify import read
    from spec_lang.targets.onnx.export import emit as graph_of
    from spec_lang.targets.torch import emit
    from spec_lang.targets.torch.text import BadProgram

    try:
        found = read(text)
        compile(next(iter(emit(found).values())), "ir", "exec")
        graph_of(found, "Net")
    except (SpecError, BadProgram, EvaluationError, KeyError) as error:
        if isinstance(error, KeyError) and error.args not in (("Net",), ((0, "Net"),)):  # which is gone
            raise


PATTERNS = (
    "/(a+)+b/", "/(.*)*x/", "/(?:.?){64}x/", "/((a|a)*)*/", "/" + "(" * 3000 + "/", "/a{99999999999}/", "/(?P<n>.)(?P=n)+/", "/[/", "/(?i:x)|/",
    "*" * 500, "*a" * 300, "**", "a*\0", "/.*/", "/(?s).{0,65535}{0,65535}x/", "/\\N{BULLET}/", "\ud800",
)  # fmt: skip


def patterns(dice: Random) -> Case:
    """Patterns of names, on names that are long."""
    from numpy import ones
    from safetensors.numpy import save

    names = [
        dice.choice(("a", "ab", "x.", ".", "\u00e9")) * dice.choice((1, 30, 9999))
        for _ in range(dice.randrange(1, 4))
    ]
    files = {"net.nnspec": SPEC.encode(), "w.safetensors": save({n: ones(1) for n in names})}
    words = ["weights", "w.safetensors", "--to", "o.safetensors"]
    if dice.random() < 0.5:
        words = [
            "compile",
            "net.nnspec",
            "--model",
            "Net",
            "--target",
            "onnx",
            "-o",
            "o.onnx",
            "--weights",
            "w.safetensors",
        ]
    for _ in range(dice.choice((1, 1, 2))):
        pattern = dice.choice(PATTERNS)
        option = dice.choice(("--rename", "--ignore"))
        new = dice.choice(("", "x", "*", "\\1", "\\g<n>", "\\g<99>", "*" * 600, "\\1" * 999))
        words += [option, f"{pattern}={new}" if option == "--rename" else pattern]
    return Case("patterns", files, [w.replace("\0", "").encode("utf-8", "replace").decode() for w in words])


NAMES = (
    "l", "I", "O", "self", "F", "nn", "torch", "Tensor", "math", "len", "isinstance", "x", "super", "T", "N", "_", "__init__", "training",
    "forward", "class", "None", "true", "Net", "cls", "dtype", "device", "size", "weight", "print", "type", "é", "ﬁ", "Any", "partial",
)  # fmt: skip
NAMED = """
record {0}:
    {1}: int = 4

fn {2}(x: float[N, D], {3}: float = 0.5) -> float[N, D]:
    return x * {3}

model {4}({5}: {0} = {0}(), {6}: int = 3):
    layers:
        {7} = Linear({6}, {5}.{1})

    forward({8}: float[{9}, {6}], {10}: float[{9}, {6}]? = none) -> float[{9}, {5}.{1}]:
        {11} = {8} if {10} is none else {8} + {10}
        return {2}({7}({11}), {3}=2.0)
"""


def names(dice: Random) -> Case:
    """A spec whose names are those that Python and PyTorch have, through every command that runs it."""
    given = [dice.choice(NAMES) if dice.random() < 0.25 else f"name{i}" for i in range(12)]
    given[0], given[4] = (
        g if g[:1].isupper() else g.capitalize() + str(i) for i, g in enumerate((given[0], given[4]))
    )
    command = dice.choice(
        (["check"], ["compile"], ["compile", "--parallel"], ["compile", "--target", "onnx", "--no-weights"], ["fmt"], ["ir"], ["run", "--model", given[4], "-o", "out"], ["summary"], ["plan"], ["view", "--format", "mermaid"])
    )  # fmt: skip
    return Case(
        "names", {"net.nnspec": NAMED.format(*given).encode()}, [command[0], "net.nnspec", *command[1:]]
    )


def order(dice: Random) -> Case:
    """Words of a sound spec in another order, doubled or lost: parameters, arguments, statements, definitions."""
    lines = SPEC.splitlines()
    for _ in range(dice.choice((1, 1, 2, 3))):
        at = dice.randrange(len(lines))
        kind = dice.randrange(4)
        if kind == 0:
            found = re.findall(r"\(([^()]*, [^()]*)\)", lines[at])
            if found:
                parts = found[0].split(", ")
                dice.shuffle(parts)
                lines[at] = lines[at].replace(found[0], ", ".join(parts))
        elif kind == 1:
            lines[at] = lines[at].replace(
                *dice.choice(
                    (
                        (" = none", ""),
                        ("?", ""),
                        (" = 4", ""),
                        ("width", "depth"),
                        ("N", "T"),
                        ("float", "int"),
                    )
                )
            )
        elif kind == 2:
            lines.insert(dice.randrange(len(lines)), lines[at])
        else:
            del lines[at]
    command = dice.choice(
        (
            ["check"],
            ["compile"],
            ["compile", "--target", "onnx", "--model", "Net"],
            ["ir"],
            ["summary", "--model", "Net"],
            ["plan", "--model", "Net"],
            ["view", "--model", "Net", "-o", "out.html"],
        )
    )
    return Case("order", {"net.nnspec": "\n".join(lines).encode()}, [command[0], "net.nnspec", *command[1:]])


def options(dice: Random) -> Case:
    """Options and arguments of every command, some as they should be."""
    name = dice.choice(tuple(OPTIONS))
    words: list[str] = [name]
    places = [
        dice.choice(PATHS) if dice.random() < 0.8 else dice.choice(VALUES)
        for _ in range(dice.choice((1, 1, 1, 0, 2)))
    ]
    words += [dice.choice(("net.nnspec", place)) if name in ("compile", "run") else place for place in places]
    if name == "compile" and dice.random() < 0.7:
        words += ["--target", "onnx"]
    if name in ("compile", "run") and dice.random() < 0.7:
        words += ["--model", "Net"]
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        option = dice.choice(
            (*OPTIONS[name], "--help", dice.choice(VALUES))
            if dice.random() < 0.1
            else OPTIONS[name] or ("--help",)
        )
        words.append(option)
        if option not in FLAGS and option != "--help":
            words.append(
                dice.choice(GOOD.get(option, VALUES)) if dice.random() < 0.4 else dice.choice(VALUES)
            )
    if name == "view" and not {"-o", "--format", "--help"} & {*words}:
        words += ["--format", "mermaid"]  # in place of a server, which does not end
    words = [w.replace("\0", "") for w in words]  # no process can be given one
    deep = (
        "model M:\n    forward(x: float[N]) -> float[N]:\n        return "
        + "(" * 5000
        + "x"
        + ")" * 5000
        + "\n"
    ).encode()
    return Case("options", sound() | {"bad.nnspec": b"\xff\xfe", "deep.nnspec": deep}, words)


class _Shell:
    """What a notebook's cell sees of IPython."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}


def cell(dice: Random) -> Case:
    """A notebook's cell of `%%nnspec`."""
    from spec_lang.notebook import define

    line = dice.choice(("", "", "", "--allow-extern", *VALUES))
    text = mutated(dice).decode("utf-8", dice.choice(("replace", "surrogateescape")))
    return Case("cell", {}, [line, text], lambda: define(_Shell(), line, text))


ASKED = (
    "hover", "definition", "references", "completion", "signatureHelp", "documentSymbol", "codeAction", "formatting", "inlayHint", "codeLens",
    "rename", "prepareRename", "semanticTokens/full", "documentHighlight", "nothing/of/the/kind",
)  # fmt: skip


def editor(dice: Random) -> Case:
    """An editor that says and asks anything of the language server, as a file is typed."""
    uri = dice.choice(
        (
            "file:///net.nnspec",
            "file:///a%00b.nnspec",
            "untitled:Untitled-1",
            "file:///é/\ud800.nnspec",
            "x",
            "",
        )
    )
    if dice.random() < 0.7:
        uri = "file:///net.nnspec"
    text = mutated(dice).decode("utf-8", "replace")
    text = dice.choice(
        (
            text,
            text,
            text,
            SPEC,
            SPEC + "# \ud800\U0001f600\n",
            SPEC + "x" * 300_000,
            "(" * 100_000,
            SPEC.replace("\n", "\r\n"),
            "\ud800" * 99,
        )
    )
    said: list[dict[str, Any]] = [
        {"id": 0, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}},
        {"method": "initialized", "params": {}},
        _opened(uri, text),
    ]
    lines = text.count("\n") + 1
    for n in range(1, dice.choice((2, 5, 12))):
        for _ in range(dice.choice((0, 1, 3))):
            said.append(_typed(uri, n, lines, dice))
        said.append(
            {"id": n, "method": f"textDocument/{dice.choice(ASKED)}", "params": _asked(uri, lines, dice)}
        )
    if dice.random() < 0.2:
        said.insert(
            dice.randrange(2, len(said)),
            dice.choice(
                (_closed(uri), _opened(uri, ""), {"method": "$/cancelRequest", "params": {"id": 99}})
            ),
        )
    return Case("lsp", {}, ["lsp"], messages=said)


def _opened(uri: str, text: str) -> dict[str, Any]:
    document = {"uri": uri, "languageId": "nnspec", "version": 1, "text": text}
    return {"method": "textDocument/didOpen", "params": {"textDocument": document}}


def _closed(uri: str) -> dict[str, Any]:
    return {"method": "textDocument/didClose", "params": {"textDocument": {"uri": uri}}}


def _place(lines: int, dice: Random) -> dict[str, int]:
    line = dice.choice((dice.randrange(lines), dice.randrange(lines), 0, lines, 10**6))
    return {"line": line, "character": dice.choice((0, 1, 4, 8, 9, 20, 40, 10**6))}


def _typed(uri: str, version: int, lines: int, dice: Random) -> dict[str, Any]:
    new = dice.choice(
        (
            *HOSTILE,
            "\n",
            " ",
            "\ud800",
            "\udfff\ud800",
            "x" * 10_000,
            "\n" * 1000,
            mutated(dice).decode("utf-8", "replace"),
        )
    )
    change: dict[str, Any] = {"text": new}
    if dice.random() < 0.9:
        change["range"] = {
            "start": (at := _place(lines, dice)),
            "end": dice.choice((at, _place(lines, dice))),
        }
    document = {"uri": uri, "version": dice.choice((version, 0, 2**31 - 1))}
    return {
        "method": "textDocument/didChange",
        "params": {"textDocument": document, "contentChanges": [change]},
    }


def _asked(uri: str, lines: int, dice: Random) -> dict[str, Any]:
    at = _place(lines, dice)
    return {
        "textDocument": {"uri": dice.choice((uri, uri, uri, uri, "file:///other.nnspec"))},
        "position": at,
        "range": {"start": at, "end": _place(lines, dice)},
        "context": {"diagnostics": [], "includeDeclaration": True, "triggerKind": 1, "isRetrigger": False},
        "options": {"tabSize": 4, "insertSpaces": True},
        "newName": dice.choice(("x", "new_name", "", "1", "class", "é", "\ud800", "a b", "_", "forward")),
    }


KINDS = (
    spec,
    spec,
    spec,
    imported,
    project,
    weights,
    weights,
    graph,
    array,
    program,
    patterns,
    names,
    order,
    options,
    options,
    options,
    cell,
    editor,
)


# --- Running --------------------------------------------------------------------------------


UNANSWERED = "the editor waits for an answer"


class Outcome(NamedTuple):
    status: int
    output: str
    seconds: float
    megabytes: float

    @property
    def wrong(self) -> str | None:
        """What is wrong with it."""
        if self.status not in (0, 1, 2):
            return f"exit status {self.status}"
        for sign in ("Traceback (most recent call last)", "itself failed", "Fatal Python error", UNANSWERED):
            if sign in self.output:
                return sign
        if self.seconds > SECONDS:
            return f"{self.seconds:.1f} s"
        if self.megabytes > MEGABYTES:
            return f"{self.megabytes:.0f} MB"
        return None


def run(case: Case, folder: Path) -> Outcome:
    """Run one input in a fork of this process."""
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    said = folder / "said.txt"
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _child(case, folder, said)
    deadline = time.monotonic() + 60
    while True:
        done, status, used = os.wait4(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.001)
    output = said.read_bytes().decode("utf-8", "replace") if said.exists() else ""
    return Outcome(
        os.waitstatus_to_exitcode(status), output, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    )


def _child(case: Case, folder: Path, said: Path) -> None:
    status = 99
    try:
        os.chdir(folder)
        out = os.open(said, os.O_WRONLY | os.O_CREAT)
        for fd, target in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (out, 2)):
            os.dup2(fd, target)
        faulthandler.enable()
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
        if case.messages:
            _speak(case.messages, said)
        sys.argv = ["specc", *case.command]
        if case.call is not None:
            case.call()
            status = 0
        else:
            from spec_lang.__main__ import main

            main()  # ends the process
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _speak(messages: Sequence[dict[str, Any]], said: Path) -> None:
    """Say to this process what an editor does; it ends the server once all that it asked is answered."""
    here, there = os.pipe()
    os.dup2(here, 0)

    def send(message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        rest = b"Content-Length: %d\r\n\r\n" % len(body) + body
        while rest:
            rest = rest[os.write(there, rest) :]

    def talk() -> None:
        for message in messages:
            send(message)
        asked = {m["id"] for m in messages if "id" in m}
        deadline = time.monotonic() + 30
        while (
            asked - set(map(int, re.findall(rb'"id": ?(\d+)', said.read_bytes())))
            and time.monotonic() < deadline
        ):
            time.sleep(0.01)
        if time.monotonic() >= deadline:
            os.write(2, UNANSWERED.encode())
        send({"id": 10**6, "method": "shutdown"})
        send({"method": "exit"})

    threading.Thread(target=talk, daemon=True).start()


def prepared() -> None:
    """Import what an input may need, and build what is built once."""
    import click.testing
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401

    import spec_lang.cli.running
    import spec_lang.lsp.server
    import spec_lang.notebook
    import spec_lang.runtimes.run  # noqa: F401
    from spec_lang.cli import COMMANDS, cli

    context = click.Context(cli)
    for name in COMMANDS:
        assert cli.get_command(context, name) is not None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, content in sound().items():
            Path(name).write_bytes(content)
        click.testing.CliRunner().invoke(
            cli, ["compile", "net.nnspec", "--target", "onnx", "--model", "Net", "--force"]
        )
        os.chdir("/")
    read_ir(json.dumps({}))  # pydantic builds its validators


def attack(seed: str, count: int) -> list[dict[str, Any]]:
    """Run so many inputs; gives those that are answered wrongly."""
    prepared()
    name, _, first = seed.partition(":")
    found = []
    for n in range(int(first or 0), int(first or 0) + count):
        dice = Random(f"{name}:{n}")
        case = dice.choice(KINDS)(dice)
        with tempfile.TemporaryDirectory(prefix="attack-") as folder:
            outcome = run(case, Path(folder))
        if (wrong := outcome.wrong) is not None:
            command = [w[:200] for w in case.command]
            found.append(
                {
                    "n": n,
                    "kind": case.kind,
                    "wrong": wrong,
                    "command": command,
                    "output": outcome.output[-1500:],
                }
            )
            print(json.dumps(found[-1]), flush=True)
    return found


if __name__ == "__main__":
    attack(sys.argv[1], int(sys.argv[2]))
