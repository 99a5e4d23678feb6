"""Specs as Python modules without files on disk: `load`, and an import hook for `import lenet5`."""

from __future__ import annotations

import builtins
import hashlib
import linecache
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from spec_lang import workspace

if TYPE_CHECKING:
    from spec_lang.ir.model import Program


class ExternsNotAllowed(ImportError):
    """A spec names Python code of somebody else's, and nobody said that it may be imported."""


def load(path: str | Path, *, allow_extern: bool = False, checks: bool = True) -> ModuleType:
    """The generated module of a spec: its models, blocks, records and functions by name.

    Args:
        path: The spec.
        allow_extern: Whether the Python code that it declares as `extern` may be imported, and so run.
        checks: Whether methods of models check what they are called with.

    Raises:
        SpecError: the spec, or one that it imports, does not check.
        ExternsNotAllowed: it declares externs, and `allow_extern` is False.
    """
    path = Path(path).absolute()
    program = _program(path, path.parent, allow_extern)
    prefix = "nnspec_" + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    return from_program(program, prefix, allow_extern=allow_extern, checks=checks)


def load_text(
    text: str, *, folder: str | Path | None = None, allow_extern: bool = False, checks: bool = True
) -> ModuleType:
    """The generated module of a spec that is no file.

    Args:
        text: The spec.
        folder: Where the specs that it imports lie; without it there are none.
        allow_extern: Whether the Python code that it declares as `extern` may be imported, and so run.
        checks: Whether methods of models check what they are called with.

    Raises:
        SpecError: the spec, or one that it imports, does not check.
        ExternsNotAllowed: it declares externs, and `allow_extern` is False.
    """
    from spec_lang.compiler import compile_sources

    find = workspace.finder(() if folder is None else (Path(folder),))
    program = compile_sources({"spec": workspace.from_text(text)}, find).checked()
    prefix = "nnspec_" + hashlib.sha256(f"{folder}\0{text}".encode(errors="replace")).hexdigest()[:12]
    return from_program(program, prefix, allow_extern=allow_extern, checks=checks)


def from_program(
    program: Program, prefix: str, *, allow_extern: bool = False, checks: bool = True
) -> ModuleType:
    """The generated module of a checked program; `prefix` stands before the names of all its modules.

    Without `checks`, methods of models check nothing of what they are called with.

    Raises:
        ExternsNotAllowed: it declares externs, and `allow_extern` is False.
    """
    if not allow_extern:
        _refuse_externs(program)
    modules: dict[str, ModuleType] = {}
    sources = _sources(program, checks)
    for name, (file, _) in sources.items():
        module = ModuleType(f"{prefix}_{name.replace('.', '_')}")
        module.__file__ = file
        modules[name] = module
    waiting = dict(sources)
    importer = _Importer(modules, waiting)
    for name in sources:
        importer.run(name)
    sys.modules.update({module.__name__: module for module in modules.values()})
    return modules[program.files[0].module]


def install(*, allow_extern: bool = False) -> None:
    """From now on `import lenet5` finds `lenet5.nnspec` in the folders of `sys.path`, behind Python's own modules.

    Calling it again changes `allow_extern`.
    """
    uninstall()
    sys.meta_path.append(SpecFinder(allow_extern))


def uninstall() -> None:
    """Take the import hook away; modules that it made stay."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, SpecFinder)]


class SpecFinder(MetaPathFinder):
    """Finds specs in the folders of `sys.path`, or of a package."""

    def __init__(self, allow_extern: bool = False) -> None:
        self.allow_extern = allow_extern

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        *package, name = fullname.split(".")
        for entry in sys.path if path is None else path:
            folder = Path(entry or ".").absolute()
            found = folder / f"{name}{workspace.SUFFIX}"
            if found.is_file():
                root = folder.parents[len(package) - 1] if package else folder
                loader = SpecLoader(found, root, self.allow_extern)
                return spec_from_loader(fullname, loader, origin=str(found))
        return None


class SpecLoader(Loader):
    """Compiles a spec anew whenever its module is executed."""

    def __init__(self, path: Path, root: Path, allow_extern: bool) -> None:
        self.path = path
        self.root = root
        self.allow_extern = allow_extern
        self.source: str | None = None

    def exec_module(self, module: ModuleType) -> None:
        """Run the generated source in the module.

        Raises:
            SpecError: the spec does not check.
            ExternsNotAllowed: it declares externs that may not be imported.
        """
        program = _program(self.path, self.root, self.allow_extern)
        file, self.source = _sources(program)[program.files[0].module]
        module.__file__ = str(self.path)
        exec(_code(file, self.source), module.__dict__)

    def get_source(self, fullname: str) -> str | None:
        """The generated source, for tools that show it."""
        return self.source


class _Importer:
    """Runs the modules of one program; imports between them stay among them."""

    def __init__(self, modules: Mapping[str, ModuleType], waiting: dict[str, tuple[str, str]]) -> None:
        self.modules = modules
        self.waiting = waiting
        self.builtins = {**vars(builtins), "__import__": self._import}

    def run(self, name: str) -> None:
        if name in self.waiting:
            file, source = self.waiting.pop(name)
            module = self.modules[name]
            module.__dict__["__builtins__"] = self.builtins
            exec(_code(file, source), module.__dict__)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and fromlist and name in self.modules:
            self.run(name)
            return self.modules[name]
        return __import__(name, globals, locals, fromlist or (), level)


def _program(path: Path, root: Path, allow_extern: bool) -> Program:
    from spec_lang.compiler import compile_sources

    folders = tuple(dict.fromkeys((path.parent, root)))
    source = workspace.read(path)
    found = compile_sources({workspace.module_name(path, root): source}, workspace.finder(folders))
    program = found.checked()
    if not allow_extern:
        _refuse_externs(program)
    return program


def _refuse_externs(program: Program) -> None:
    from spec_lang.ir.model import Extern

    externs = [f"{d.module}.{d.name}" for d in program.definitions if isinstance(d, Extern)]
    if externs:
        path = program.files[0].path
        raise ExternsNotAllowed(
            f"{path} imports {', '.join(externs)}; allow_extern=True imports and so runs that code", path=path
        )


def _sources(program: Program, checks: bool = True) -> dict[str, tuple[str, str]]:
    """Each module's file name for tracebacks, and its source."""
    from spec_lang.targets.torch import emit

    sources = emit(program, checks=checks)
    return {
        file.module: (f"<generated from {file.path}>", sources[file.module.replace(".", "/") + ".py"])
        for file in program.files
    }


def _code(file: str, source: str) -> CodeType:
    """Compiled source whose lines tracebacks and `inspect` find."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return compile(source, file, "exec", dont_inherit=True)
