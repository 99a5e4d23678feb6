"""`specc run` with inputs that are wrong or made to harm: each is explained, with exit status 1, and nothing is unpickled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SPEC = """
model E(vocab: int = 10, context: int = 4):
    layers:
        emb = Embedding(vocab, 8)

    forward(t: int[N, T]) -> float[N, T, 8]:
        require T <= context
        return t -> emb
"""


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def write(folder: Path) -> None:
    (folder / "e.nnspec").write_text(SPEC)
    np.save(folder / "swapped.npy", np.ones((2, 3), ">i8"))
    np.save(folder / "outside.npy", np.full((2, 3), 99))
    np.save(folder / "object.npy", np.array([[{1: 2}]], dtype=object), allow_pickle=True)
    np.savez(folder / "several.npz", a=np.zeros(3))
    np.save(folder / "short.npy", np.zeros((2, 3), np.float16))
    (folder / "huge.npy").write_bytes(
        npy(b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000, 3)}\n")
    )
    (folder / "deep.npy").write_bytes(npy(b"(" * 5000))


def run(folder: Path, file: str, runtime: str = "onnxruntime") -> subprocess.CompletedProcess[str]:
    arguments = ["run", "e.nnspec", "--input", f"t={file}", "-o", "out", "--runtime", runtime]
    return subprocess.run(
        [sys.executable, "-m", "spec_lang", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("object.npy", "Object arrays cannot be loaded"),
        ("several.npz", "archive of several"),
        ("short.npy", "float16, but the model takes int64"),
        ("huge.npy", "no .npy file that can be read"),
        ("deep.npy", "no .npy file that can be read"),
        ("gone.npy", "No such file"),
        ("outside.npy", "refuses these inputs"),
    ],
)
def test_wrong_inputs_are_explained(file: str, words: str, tmp_path: Path) -> None:
    write(tmp_path)
    done = run(tmp_path, file)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_another_byte_order_is_read(runtime: str, tmp_path: Path) -> None:
    write(tmp_path)
    assert run(tmp_path, "swapped.npy", runtime).returncode == 0
    assert np.load(tmp_path / "out" / "output.npy").shape == (2, 3, 8)
