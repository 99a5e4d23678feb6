"""The package's layers: imports point one way, and nothing loads a heavy library at import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "spec_lang"

# Each part may import from those named beside it (and from itself).
MAY_IMPORT = {
    "diagnostics": {"frozen"},
    "shapes": {"frozen", "diagnostics"},
    "syntax": {"frozen", "diagnostics", "resources"},
    "ops": {"frozen", "shapes", "diagnostics"},
    "ir": {"frozen", "syntax", "ops", "shapes", "diagnostics"},
    "weights": {"asking", "partial", "frozen", "ops", "shapes", "diagnostics"},
    "accounting": {"frozen", "weights", "ir", "ops", "shapes", "diagnostics"},
    "view": {"frozen", "accounting", "ir", "ops", "shapes", "diagnostics"},
    "sharding": {"frozen", "accounting", "weights", "ir", "ops", "shapes"},
    "targets": {"asking", "frozen", "sharding", "weights", "ir", "ops", "shapes", "diagnostics"},
    "compiler": {"frozen", "targets", "ir", "syntax", "diagnostics"},
}
# Packages whose modules import one way among themselves too, and do not build on chains of classes.
STRICT = ("ir/from_ast", "targets/onnx", "targets/torch")
HEAVY = {"torch", "numpy", "onnx", "onnxruntime", "openvino", "safetensors", "sklearn"}


def imported(path: Path) -> set[str]:
    """The parts of the package that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [node.module] if node.module != "spec_lang" else [f"spec_lang.{a.name}" for a in node.names]
            )
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        found |= {n.split(".")[1] for n in names if n.startswith("spec_lang.")}
    return found - {"__version__"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_point_one_way(part: str) -> None:
    files = sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]
    for path in files:
        wrong = imported(path) - MAY_IMPORT[part] - {part}
        assert not wrong, f"{path.relative_to(PACKAGE)} imports {sorted(wrong)}"


def modules(package: str) -> dict[str, ast.Module]:
    """The modules of a package by their dotted names."""
    found = {}
    for path in sorted((PACKAGE / package).rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    assert found
    return found


def neighbours(module: str, is_package: bool, tree: ast.Module, among: Mapping[str, object]) -> Iterator[str]:
    """The modules that one imports, anywhere in it, of those given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in among)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[
                    : None if is_package and node.level == 1 else is_package - node.level
                ]
                base = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                if whole in among or base in among:
                    yield whole if whole in among else base


@pytest.mark.parametrize("package", STRICT)
def test_modules_import_one_way(package: str) -> None:
    """An import inside a function or for type checkers only counts like any other."""
    found = modules(package)
    packages = {".".join(p.relative_to(PACKAGE.parent).parts) for p in PACKAGE.rglob("*") if p.is_dir()}
    graph = {name: set(neighbours(name, name in packages, tree, found)) for name, tree in found.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("package", STRICT)
def test_classes_have_at_most_one_base_in_their_package(package: str) -> None:
    bases: dict[str, set[str]] = {}
    for tree in modules(package).values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(map(last_name, node.bases))

    def chain(name: str) -> list[str]:
        return [name, *max((chain(b) for b in bases[name] if b in bases), key=len, default=[])]

    deep = [chain(name) for name in bases if len(chain(name)) > 2]
    assert not deep, "; ".join(" < ".join(c) for c in deep)


def last_name(e: ast.expr) -> str:
    """The class's own name in `module.Class[T]`."""
    while isinstance(e, ast.Subscript):
        e = e.value
    return e.attr if isinstance(e, ast.Attribute) else ast.unparse(e)


@pytest.mark.parametrize("package", STRICT)
def test_no_function_is_there_only_to_be_replaced(package: str) -> None:
    for name, tree in modules(package).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                *doc, last = node.body
                if all(isinstance(s, ast.Expr) for s in doc) and isinstance(last, ast.Raise):
                    text = ast.unparse(last)
                    assert "NotImplementedError" not in text, f"{name}.{node.name}"


OWNED = {"diagnostics", "owed", "determined", "needed", "used", "strangers", "tainted", "notes"}
"""What `Effects` holds."""
CHANGING = {"append", "extend", "insert", "remove", "pop", "clear", "update", "setdefault", "add", "discard"}


def written(tree: ast.Module) -> Iterator[ast.expr]:
    """What a module writes to: targets of assignments and deletions, and what is changed by a method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            yield from node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            yield node.target
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING
        ):
            yield node.func.value


def owner(e: ast.expr) -> str | None:
    """The slot of `Effects` that an expression such as `c.effects.notes.refs[n]` is part of."""
    while isinstance(e, ast.Attribute | ast.Subscript):
        if isinstance(e, ast.Attribute) and e.attr in OWNED and ast.unparse(e.value).endswith("effects"):
            return e.attr
        if isinstance(e, ast.Attribute) and e.attr == "notes" and ast.unparse(e.value) == "c":
            return e.attr
        e = e.value
    return None


def test_only_effects_writes_what_a_check_did() -> None:
    for name, tree in modules("ir/from_ast").items():
        if name.endswith(".state.effects"):
            continue
        wrong = [ast.unparse(e) for e in written(tree) if owner(e) is not None]
        assert not wrong, f"{name} writes {wrong}"


@pytest.mark.parametrize(
    "command",
    [
        ["check", "models/bert.nnspec"],
        ["compile", "models/bert.nnspec", "-o", "OUT"],
        ["fmt", "--check", "models"],
        ["ir", "models/lenet5.nnspec"],
        ["summary", "models/gpt2.nnspec"],
        ["ops", "Conv2d"],
        ["explain", "E0301"],
    ],
    ids=lambda c: c[0],
)
def test_commands_need_no_heavy_library(command: list[str], tmp_path: Path) -> None:
    command = [str(tmp_path) if c == "OUT" else c for c in command]
    code = (
        "import sys\n"
        "from spec_lang.cli import cli\n"
        f"try: cli.main({command!r}, standalone_mode=False)\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
