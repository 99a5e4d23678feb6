"""Doing what a page says: its files are written, its commands and snippets run in their order, in one folder."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.docs.fences import Fence, fences

WRITTEN = {"nnspec", "python", "toml", "yaml"}


def follow(page: Path, folder: Path, environment: Mapping[str, str]) -> list[Fence]:
    """Do all that a page says, and hold what its commands print to what it shows; gives the blocks that were run.

    Raises:
        AssertionError: a command exits with another status or prints something else, or a block is of no kind that is
            known here.
    """
    printed, ran = "", []
    for fence in fences(page):
        match fence.language, fence.words:
            case _, {"install": _} | {"shown": _}:
                continue
            case "sh", _:
                printed = run(["bash", "-euo", "pipefail", "-c", fence.text], fence, folder, environment)
                ran.append(fence)
            case "text", _:
                assert re.fullmatch(pattern(fence.text), printed.strip()), f"{fence} differs from:\n{printed}"
            case "python", {"is": name}:
                assert (folder / name).read_text(encoding="utf-8") == fence.text, fence
            case language, {"file": name} if language in WRITTEN:
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(fence.text, encoding="utf-8")
            case "python", _:
                run(["python", "-c", fence.text], fence, folder, environment)
                ran.append(fence)
            case other:
                raise AssertionError(f"{fence} is neither written nor run nor compared: {other}")
    return ran


def pattern(text: str) -> str:
    """What a shown output stands for: `...` is any text of a line."""
    return re.escape(text.strip()).replace(re.escape("..."), ".*")


def run(command: list[str], fence: Fence, folder: Path, environment: Mapping[str, str]) -> str:
    """What a command prints, on either stream."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == int(fence.words.get("exit", 0)), f"{fence}:\n{done.stdout}"
    return done.stdout
