"""The command line with options, folders and signals as strangers and clumsy users give them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spec_lang.cli import _run, cli
from tests.commands import ROOT, specc

SPEC = """
model M(n: int = 64):
    layers:
        a = Linear(n, n)

    forward(x: float[N, n], mask: float[N, n]? = none) -> float[N, n]:
        if mask is none:
            return x -> a
        return (x -> a) * mask
"""
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
COMMAND = [sys.executable, "-m", "spec_lang"]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "m.nnspec"
    path.write_text(SPEC)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


# --- What is read is not written over -------------------------------------------------------


@pytest.mark.parametrize(("name", "target"), [("m.py", "torch"), ("m.onnx", "onnx")])
def test_a_spec_is_not_overwritten_by_what_it_compiles_to(name: str, target: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(SPEC)
    done = specc("compile", tmp_path / name, "--target", target)
    assert done.returncode == 1
    assert f"{name} is read, and would be overwritten" in done.stderr
    assert contents(tmp_path) == {name: SPEC.encode()}
    assert specc("compile", tmp_path / name, "--target", target, "-o", tmp_path / "out").returncode == 0


@pytest.mark.parametrize("target", ["torch", "onnx"])
def test_two_specs_with_one_output_are_refused(target: str, tmp_path: Path) -> None:
    for folder, width in (("a", "8"), ("b", "9")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.nnspec").write_text(SPEC.replace("64", width))
    arguments = ["--target", target, "-o", "out"]
    done = specc("compile", "a/m.nnspec", "b/m.nnspec", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "both become out/m" in done.stderr
    assert not (tmp_path / "out").exists()
    assert specc("compile", "a/m.nnspec", "./b/../a/m.nnspec", *arguments, cwd=tmp_path).returncode == 0


# --- Options that name nothing --------------------------------------------------------------


@pytest.mark.parametrize("name", ["masks", "", "../x", "x" * 100_000])
def test_an_input_that_is_not_there_is_told(name: str, spec: Path) -> None:
    done = specc("compile", spec, "--target", "onnx", "--input", name)
    assert done.returncode == 1
    assert "error[E0907]: forward has no input `" in done.stderr
    assert ("did you mean `mask`?" if name == "masks" else "optional inputs: mask") in done.stderr
    assert len(done.stderr) < 5000
    assert contents(spec.parent).keys() == {"m.nnspec"}


def test_names_of_files_do_not_reach_the_terminal_as_controls(spec: Path) -> None:
    for done in (specc("explain", "\x1b[31m\u202e"), specc("compile", spec, "-o", spec.parent / "a\u202e")):
        assert "\ufffd" in done.stderr
        assert not {"\x1b", "\u202e"} & set(done.stderr)


# --- Folders and disks ----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["torch", "onnx"])
@pytest.mark.parametrize("folder", ["link", "file/below", "/dev/null", "/proc/nothing"])
def test_a_folder_that_cannot_be_is_told(target: str, folder: str, spec: Path) -> None:
    (spec.parent / "link").symlink_to("nowhere")
    (spec.parent / "file").write_text("")
    done = specc("compile", "m.nnspec", "--target", target, "-o", folder, cwd=spec.parent)
    assert done.returncode in (1, 2)
    assert "rror: " in done.stderr
    assert "specc itself" not in done.stderr
    assert contents(spec.parent).keys() == {"m.nnspec", "file"}


@pytest.mark.parametrize(
    "options", [["--target", "torch"], ["--target", "onnx"], ["--target", "onnx", "--embed"]]
)
def test_a_full_disk_leaves_what_was_there(options: list[str], spec: Path) -> None:
    before = {"m.nnspec": SPEC.encode()} | dict.fromkeys(("m.py", "m.onnx", "m.onnx.data"), b"before")
    for name, data in before.items():
        (spec.parent / name).write_bytes(data)
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *COMMAND, "compile", "--force", str(spec), *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert contents(spec.parent) == before


# --- Signals and streams --------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_traceback_and_without_rests(number: int, tmp_path: Path) -> None:
    """After the temporary folder is there: `verify` then has the weights in it."""
    process = subprocess.Popen(
        [*COMMAND, "verify", str(ROOT / "models" / "lenet5.nnspec"), "--samples", "1000"],
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not list(tmp_path.glob("specc-*/model.onnx")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode in {signal.SIGINT: (1, 130), signal.SIGTERM: (143,)}[number]
    assert "Traceback" not in output
    assert not list(tmp_path.glob("specc-*"))


def test_an_interrupt_while_it_starts_prints_no_traceback() -> None:
    """The interrupt comes from an import of ours, the earliest that `main` makes."""
    code = (
        "import os, signal, sys\n"
        "from spec_lang.__main__ import main\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'spec_lang.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize("command", [["ops"], ["explain"], ["ir", "models/lenet5.nnspec"]])
def test_what_cannot_be_printed_is_an_error(command: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, *command],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_what_a_command_has_not_flushed_is_not_lost_silently() -> None:
    code = (
        "import sys\n"
        "from spec_lang import cli\n"
        "def main(prog_name): sys.stdout.write('x'); sys.exit(0)\n"
        "cli.cli.main = main\n"
        "cli.run()\n"
    )
    environment = ENVIRONMENT | {"PYTHONUNBUFFERED": ""}
    with open("/dev/full", "wb") as full:
        assert subprocess.run([sys.executable, "-c", code], env=environment, stdout=full).returncode == 1
    written = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert written.stdout == b"x"


def test_a_slow_reader_gets_everything() -> None:
    whole = specc("ir", "models/gpt2.nnspec").stdout
    piped = subprocess.run(
        f"{sys.executable} -m spec_lang ir models/gpt2.nnspec | (sleep 1; cat)",
        shell=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(whole) > 1 << 16  # what a pipe holds
    assert piped.stdout == whole


def test_a_signal_while_an_extension_loads_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """pybind11 raises an ImportError from whatever a signal raises in the course of its initialisation."""

    def main(prog_name: str) -> None:
        raise ImportError("initialization failed") from SystemExit(143)

    monkeypatch.setattr(cli, "main", main)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit, match="143"):
            _run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
