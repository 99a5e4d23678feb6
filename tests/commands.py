"""`specc` as a shell starts it: a process of its own, forked from one that has torch and the runtimes imported."""

from __future__ import annotations

import multiprocessing
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import spec_lang
from spec_lang.__main__ import main

ROOT = Path(__file__).parent.parent
OPTIONAL = ("spec_lang.__main__", "spec_lang.lsp")

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "torch",
        "onnx",
        "onnxruntime",
        "safetensors.torch",
        *(
            m.name
            for m in pkgutil.walk_packages(spec_lang.__path__, "spec_lang.")
            if not m.name.startswith(OPTIONAL)
        ),
    ]
)


def specc(
    *arguments: object, cwd: Path | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for its end; what must not be imported is for a test that starts Python itself."""
    return _run(main, ["specc", *map(str, arguments)], cwd, stdin)


def python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a process that has never seen this one's modules, but torch and specc."""
    return _run(_script, [code], cwd)


def _run(
    what: Callable[[], object], arguments: list[str], cwd: Path | None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        for file, text in zip(files, (stdin or "", "", ""), strict=True):
            file.write_text(text)
        child = _forks.Process(target=_child, args=(what, arguments, cwd or ROOT, dict(os.environ), files))
        child.start()
        child.join()
        _, out, err = (file.read_bytes().decode() for file in files)
    assert child.exitcode is not None
    return subprocess.CompletedProcess(arguments, child.exitcode, out, err)


def _child(
    what: Callable[[], object],
    arguments: list[str],
    cwd: Path,
    environment: dict[str, str],
    files: list[Path],
) -> None:
    for stream, file in enumerate(files):
        opened = os.open(file, os.O_RDWR | os.O_APPEND)
        if opened != stream:
            os.dup2(opened, stream)
            os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.path = arguments, [str(cwd), *sys.path]
    what()


def _script() -> None:
    exec(compile(sys.argv[0], "<script>", "exec"), {"__name__": "__main__"})
