"""The page on the command line, typed from its first line to its last; its workflow and the hooks run as they stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs.environments import working_tree
from tests.docs.fences import ROOT, fences
from tests.docs.following import follow

PAGE = ROOT / "docs" / "cli.md"
[WORKFLOW] = [f for f in fences(PAGE) if f.language == "yaml" and "file" in f.words]
GOOD = "model Net:\n    forward(x: float[N, 4]) -> float[N, 4]:\n        return relu(x)\n"
UGLY = GOOD.replace("relu(x)", "relu( x )")
WRONG = GOOD.replace("-> float[N, 4]", "-> float[N, 5]")


def test_commands(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path, working_tree())


CASES = {
    "right": (GOOD, set()),
    "changed, and not laid out": (UGLY.replace("relu", "tanh"), {"fmt", "compile"}),
    "wrong": (WRONG, {"check", "compile"}),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one spec that is right, with what it compiles to."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "pyproject.toml").write_text('[tool.specc]\nroot = "."\n')
    (folder / "net.nnspec").write_text(GOOD)
    subprocess.run(["specc", "compile"], cwd=folder, env=working_tree(), check=True, capture_output=True)
    return folder


def changed(compiled: Path, folder: Path, text: str) -> Path:
    """A copy of the project whose spec has changed since."""
    shutil.copytree(compiled, folder)
    (folder / "net.nnspec").write_text(text)
    return folder


@pytest.mark.parametrize(("text", "failing"), CASES.values(), ids=CASES)
def test_workflow(text: str, failing: set[str], compiled: Path, tmp_path: Path) -> None:
    [job] = yaml.safe_load(WORKFLOW.text)["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    commands = [step for step in steps if step.startswith("specc ")]
    assert len(commands) == 3
    assert steps[0].startswith("pip install ")
    folder = changed(compiled, tmp_path / "project", text)
    failed = {
        command.split()[1]
        for command in commands
        if subprocess.run(
            command.split(), cwd=folder, env=working_tree(), capture_output=True, check=False
        ).returncode
    }
    assert failed == failing


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that has the hooks as this one declares them."""
    folder = tmp_path_factory.mktemp("hooks")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", folder)
    git(folder, "init", "-q")
    return commit(folder)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> Path:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.long) if c == "wrong" else c for c in CASES]
)
def test_hooks(case: str, compiled: Path, hooks: Path, tmp_path: Path) -> None:
    """pre-commit runs them with the `specc` of this environment, which saves it an installation."""
    text, failing = CASES[case]
    names = [hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())]
    here = [{"id": name, "language": "system"} for name in names]
    config = {"repos": [{"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD"), "hooks": here}]}
    folder = changed(compiled, tmp_path / "project", text)
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    git(folder, "init", "-q")
    commit(folder)
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"],
        cwd=folder,
        env=working_tree() | {"PRE_COMMIT_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    results = {line.split(".")[0].split()[1]: line for line in done.stdout.splitlines() if "...." in line}
    assert set(results) == {"check", "fmt", "compile"}, done.stdout + done.stderr
    assert {name for name, line in results.items() if line.endswith("Failed")} == failing, done.stdout
    assert done.returncode == (1 if failing else 0)
