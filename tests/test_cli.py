"""The command line: exit statuses, what goes where, and that nothing half-written is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import specc

ROOT = Path(__file__).parent.parent
GOOD = ROOT / "models" / "lenet5.nnspec"
BAD = "model Net:\n    layers:\n        fc = Liner(3, 4)\n\n    forward(x: float[N, 3]) -> float[N, 4]:\n        return fc(x)\n"


def test_errors_go_to_stderr_and_exit_with_1(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(BAD)
    for command in ("check", "compile", "ir"):
        done = specc(command, spec)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error[E0202]" in done.stderr
        assert "did you mean `Linear`?" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.nnspec"]


def test_json_goes_to_stdout(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(BAD)
    done = specc("check", spec, "--format", "json")
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert (done.returncode, found["code"], found["line"], found["column"]) == (1, "E0202", 3, 14)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", "no_such.nnspec"],
        ["compile"],
        ["nonsense"],
        ["compile", GOOD, "--seed", "3"],
        ["compile", GOOD, "--target", "onnx", "--embed", "--no-weights"],
        ["compile", GOOD, "--target", "onnx", "--zero-copy"],
        ["compile", GOOD, "--target", "onnx", "--opset", "3"],
        ["compile", GOOD, "-o", "lenet5.onnx"],
        ["compile", GOOD, "--target", "onnx", "-o", "lenet5.py"],
        ["compile", GOOD, ROOT / "models" / "gpt2.nnspec", "-o", "both.py"],
        ["compile", GOOD, "--target", "onnx", "--no-weights", "--seed", "1"],
        ["compile", GOOD, ROOT / "models" / "gpt2.nnspec", "--target", "onnx", "-o", "both.onnx"],
        ["compile", GOOD, "-o", GOOD],
        ["compile", ROOT / "models" / "resnet.nnspec", "--target", "onnx"],
        ["check", GOOD, "--set", "classes"],
    ],
    ids=lambda a: " ".join(Path(str(x)).name for x in a),
)
def test_usage_errors_exit_with_2(arguments: list[str | Path], tmp_path: Path) -> None:
    done = specc(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_values_that_were_given_are_no_defaults() -> None:
    spec = ROOT / "tests" / "errors" / "bad" / "default_breaks_require.nnspec"
    done = specc("check", spec, "--set", "heads=3")
    assert done.returncode == 1
    assert "the values of Net do not satisfy" in done.stdout + done.stderr
    assert "= here, dim = 10, heads = 3" in done.stdout + done.stderr


EXTERN = """
extern layer Foo() from "no_such.package" as "com.example":
    forward(x: float[N, 4]) -> float[N, 4]

model Net:
    layers:
        foo = Foo()

    forward(x: float[N, 4]) -> float[N, 4]:
        return foo(x)
"""


def test_code_of_others_that_is_not_installed_is_told(tmp_path: Path) -> None:
    spec = tmp_path / "net.nnspec"
    spec.write_text(EXTERN)
    done = specc("bench", spec, "--runtime", "torch", "--allow-extern")
    assert done.returncode == 1
    assert done.stderr == "error: the spec's extern code needs no_such, which is not installed\n"


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("numpy", ["run", GOOD], "run"),
        ("torch", ["verify", GOOD], "run"),
        ("numpy", ["compile", GOOD, "--target", "onnx", "--seed", "1", "-o", "OUT"], "onnx"),
    ],
)
def test_a_package_that_is_missing_is_told(
    package: str, arguments: list[str | Path], extra: str, tmp_path: Path
) -> None:
    """Where nothing of that name can be found, as in an environment without it."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import importlib.abc, sys
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "{package}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Gone())
""")
    done = subprocess.run(
        [sys.executable, "-m", "spec_lang", *map(str, arguments)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"error: this needs {package}: pip install 'spec-lang[{extra}]'\n"


def test_a_folder_is_compiled_whole_or_not_at_all(tmp_path: Path) -> None:
    source, target = tmp_path / "specs", tmp_path / "out"
    (source / "parts").mkdir(parents=True)
    (source / "parts" / "norm.nnspec").write_text(
        "block Norm:\n    layers:\n        norm = LayerNorm(_)\n\n"
        "    forward(x: float[N, D]) -> float[N, D]:\n        return norm(x)\n"
    )
    (source / "net.nnspec").write_text(
        "from parts.norm import Norm\n\nmodel Net:\n    layers:\n        norm = Norm()\n\n"
        "    forward(x: float[N, 4]) -> float[N, 4]:\n        return norm(x)\n"
    )
    assert specc("compile", source, "-o", target).returncode == 0
    code = "import torch, net; print(list(net.Net()(torch.ones(2, 4)).shape))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=target, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "[2, 4]", run.stderr
    before = {p: p.read_text() for p in target.rglob("*.py")}
    (source / "bad.nnspec").write_text(BAD)
    (source / "net.nnspec").write_text((source / "net.nnspec").read_text().replace("4", "5"))
    assert specc("compile", source, "-o", target).returncode == 1
    assert {p: p.read_text() for p in target.rglob("*.py")} == before


def test_fmt_reads_stdin_and_says_what_would_change(tmp_path: Path) -> None:
    loose = "model  Net :\n  forward( x:float[N] )->float[N]:\n    return x->relu\n"
    neat = "model Net:\n    forward(x: float[N]) -> float[N]:\n        return x -> relu\n"
    assert specc("fmt", "-", stdin=loose).stdout == neat
    spec = tmp_path / "net.nnspec"
    spec.write_text(loose)
    assert specc("fmt", "--check", spec).returncode == 1
    assert spec.read_text() == loose
    assert specc("fmt", spec).returncode == 0
    assert spec.read_text() == neat


def test_a_kill_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "lenet5.py").write_text("before")
    command = [sys.executable, "-m", "spec_lang", "compile", "--force", str(GOOD), "-o", str(tmp_path)]
    for delay in (0.05, 0.15, 0.25, 0.35):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        text = (tmp_path / "lenet5.py").read_text()
        assert text == "before" or text.endswith("\n")
        assert text == "before" or "class LeNet5" in text


def test_ops_and_explain_answer_and_suggest() -> None:
    assert "kernel_size" in specc("ops", "Conv2d").stdout
    assert "did you mean `Conv2d`" in specc("ops", "Conv2D").stderr
    assert "Wrong:" in specc("explain", "e0301").stdout
    assert specc("explain", "E9999").returncode == 1


def test_new_starts_from_a_model_and_overwrites_nothing(tmp_path: Path) -> None:
    assert specc("new", "gpt2", cwd=tmp_path).returncode == 0
    assert specc("check", "gpt2.nnspec", cwd=tmp_path).returncode == 0
    assert specc("new", "gpt2", cwd=tmp_path).returncode == 1


def onnx_folder(tmp_path: Path) -> Path:
    """A folder with a spec and its weights."""
    import numpy
    from safetensors.numpy import save_file

    (tmp_path / "net.nnspec").write_text(SMALL)
    tensors = {"fc.weight": numpy.ones((300, 3), numpy.float32), "fc.bias": numpy.ones(300, numpy.float32)}
    save_file(tensors, tmp_path / "w.safetensors")
    return tmp_path


SMALL = "model Net:\n    layers:\n        fc = Linear(3, 300)\n\n    forward(x: float[N, 3]) -> float[N, 300]:\n        return fc(x)\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "wrote net.onnx (weights in net.onnx.data, 4.8 kB)\n"),
        (["--embed"], "wrote net.onnx (weights inside, 4.8 kB)\n"),
        (
            ["--zero-copy"],
            "wrote net.onnx (weights in w.safetensors, 4.8 kB; it reads w.safetensors as long as it lives)\n",
        ),
        (["--zero-copy", "--dtype", "f16"], "wrote net.onnx (weights in net.onnx.data, 2.4 kB)\n"),
    ],
    ids=" ".join,
)
def test_what_was_written_and_what_it_depends_on_is_said(
    options: list[str], said: str, tmp_path: Path
) -> None:
    folder = onnx_folder(tmp_path)
    done = specc(
        "compile", "net.nnspec", "--target", "onnx", "--weights", "w.safetensors", *options, cwd=folder
    )
    assert (done.returncode, done.stderr) == (0, said)


def version() -> str:
    import spec_lang

    return ".".join(spec_lang.__version__.split(".")[:2])


def test_generated_python_says_so_and_nothing_else_is_replaced(tmp_path: Path) -> None:
    spec, made = tmp_path / "net.nnspec", tmp_path / "net.py"
    spec.write_text(SMALL)
    assert specc("compile", "net.nnspec", cwd=tmp_path).returncode == 0
    first = f"# Generated from net.nnspec by specc {version()}; edit the spec instead."
    assert made.read_text().splitlines()[0] == first
    assert specc("compile", "net.nnspec", cwd=tmp_path).returncode == 0
    for mine in ("", "import torch\n", f"'''\n{first}\n'''\n", "# Generated from net.nnspec by hand\n"):
        made.write_text(mine)
        done = specc("compile", "net.nnspec", cwd=tmp_path)
        assert (done.returncode, made.read_text()) == (1, mine)
        assert done.stderr == "error: net.py is there, and specc did not write it; --force replaces it\n"
    assert specc("compile", "net.nnspec", "--force", cwd=tmp_path).returncode == 0
    assert made.read_text().startswith(first)


def test_of_several_files_none_is_written_where_one_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "a.nnspec").write_text(SMALL)
    (tmp_path / "b.nnspec").write_text(SMALL)
    (tmp_path / "b.py").write_text("mine")
    assert specc("compile", ".", cwd=tmp_path).returncode == 1
    assert not (tmp_path / "a.py").exists()


@pytest.mark.parametrize("kind", ["py", "onnx"])
def test_check_says_what_would_change_and_writes_nothing(kind: str, tmp_path: Path) -> None:
    options = ["compile", "net.nnspec", "-o", "out"] + (["--target", "onnx"] if kind == "onnx" else [])
    names = ["net.py"] if kind == "py" else ["net.onnx", "net.onnx.data"]
    spec = tmp_path / "net.nnspec"
    spec.write_text(SMALL)

    def check() -> tuple[int, list[str]]:
        done = specc(*options, "--check", cwd=tmp_path)
        return done.returncode, done.stderr.splitlines()

    status, said = check()
    assert status == 1
    assert f"would write out/{names[0]}" in said
    assert not (tmp_path / "out").exists()
    assert specc(*options, cwd=tmp_path).returncode == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    assert check() == (0, [])
    spec.write_text(SMALL.replace("300", "301"))
    assert check() == (1, [f"would write out/{name}" for name in names])
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before


def test_a_models_module_may_have_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "part.nnspec").write_text(SMALL.replace("model Net", "block Part"))
    (tmp_path / "net.nnspec").write_text(
        "from part import Part\n\nmodel Net:\n    layers:\n        p = Part()\n\n"
        "    forward(x: float[N, 3]) -> float[N, 300]:\n        return p(x)\n"
    )
    done = specc("compile", "net.nnspec", "-o", "x/crnn.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "x").iterdir()) == ["crnn.py", "part.py"]
    code = "import torch, crnn; print(list(crnn.Net()(torch.ones(2, 3)).shape))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "x", capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "[2, 300]", run.stderr


def test_a_graph_of_another_program_is_not_replaced(tmp_path: Path) -> None:
    import onnx

    folder = onnx_folder(tmp_path)
    command = ["compile", "net.nnspec", "--target", "onnx"]
    other = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []), producer_name="pytorch")
    for mine in (b"", b"mine", other.SerializeToString(), b"\x12\x05specc\xff" * 3):
        (folder / "net.onnx").write_bytes(mine)
        done = specc(*command, cwd=folder)
        assert done.returncode == 1
        assert done.stderr == "error: net.onnx is there, and specc did not write it; --force replaces it\n"
        assert (folder / "net.onnx").read_bytes() == mine
        assert not (folder / "net.onnx.data").exists()
    assert specc(*command, "--force", cwd=folder).returncode == 0
    assert specc(*command, cwd=folder).returncode == 0


def test_random_weights_are_said_and_take_no_trained_ones_place(tmp_path: Path) -> None:
    folder = onnx_folder(tmp_path)
    command = ["compile", "net.nnspec", "--target", "onnx", "-o", "out"]
    random = "random, drawn from seed 0"
    assert random in specc(*command, cwd=folder).stderr
    assert random not in specc(*command, "--seed", "0", cwd=folder).stderr
    assert random in specc(*command, cwd=folder).stderr
    assert random not in specc(*command, "--weights", "w.safetensors", cwd=folder).stderr
    trained = {p.name: p.read_bytes() for p in (folder / "out").iterdir()}
    for options in ([], ["--embed"], ["--force"], ["--check"]):
        done = specc(*command, *options, cwd=folder)
        assert done.returncode == 1
        assert "out/net.onnx has its weights from w.safetensors" in done.stderr
        assert {p.name: p.read_bytes() for p in (folder / "out").iterdir()} == trained
    assert specc(*command, "--weights", "w.safetensors", "--embed", cwd=folder).returncode == 0
    assert specc(*command, "--seed", "3", cwd=folder).returncode == 0
