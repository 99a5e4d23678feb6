"""Specs as Python modules without files on disk: `load`, and an import hook for `import lenet5`."""

from __future__ import annotations

import builtins
import hashlib
import linecache
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name, spec_from_loader
from itertools import count
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

    The same text gives the same module, so that what was made of it before is of the same classes; a spec that has changed
    gives another one, and the classes from before stay where they are.

    Args:
        path: The spec.
        allow_extern: Whether the Python code that it declares as `extern` may be imported, and so run.
        checks: Whether methods of models check what they are called with.

    Raises:
        SpecError: the spec, or one that it imports, does not check.
        ExternsNotAllowed: it declares externs, and `allow_extern` is False.
    """
    path = Path(path).absolute()
    return _loaded(_program(path, None, allow_extern), checks)


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
    if not allow_extern:
        _refuse_externs(program)
    return _loaded(program, checks)


def _loaded(program: Program, checks: bool) -> ModuleType:
    """The module of a program in the package `loaded`, under a name that its text decides wherever it lies."""
    from spec_lang import loaded

    sources = _sources(program, checks)
    print_ = hashlib.sha256(repr([(name, text) for name, (_, text) in sources.items()]).encode())
    prefix = f"{loaded.__name__}.p{print_.hexdigest()[:12]}"
    first = _name(prefix, program.files[0].module)
    return sys.modules.get(first) or _run(program, sources, prefix)


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
    return _run(program, _sources(program, checks), prefix)


def _name(prefix: str, module: str) -> str:
    return f"{prefix}_{module.replace('.', '_')}"


def _run(program: Program, sources: Mapping[str, tuple[str, str]], prefix: str) -> ModuleType:
    modules: dict[str, ModuleType] = {}
    for name, (file, _) in sources.items():
        module = ModuleType(_name(prefix, name))
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
        self._read: dict[str, tuple[int, int]] = {}

    def exec_module(self, module: ModuleType) -> None:
        """Run the generated source in the module.

        Raises:
            SpecError: the spec does not check.
            ExternsNotAllowed: it declares externs that may not be imported.
        """
        self._read = {str(self.path): _state(str(self.path))}
        program = _program(self.path, self.root, self.allow_extern)
        self._read = {f.path: _state(f.path) for f in program.files}
        file, self.source = _sources(program)[program.files[0].module]
        module.__file__ = file  # where `inspect` and tracebacks find the generated lines
        exec(_code(file, self.source), module.__dict__)

    @property
    def changed(self) -> bool:
        """Whether its spec, or one that it imports, is another file than the one that was read."""
        return any(_state(path) != before for path, before in self._read.items())

    def get_source(self, fullname: str) -> str | None:
        """The generated source, for tools that show it."""
        return self.source


def _state(path: str) -> tuple[int, int]:
    """What tells a file from what it was."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


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
            module.__package__ = name.rpartition(".")[0]
            exec(_code(file, source), module.__dict__)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        full = name
        if level and globals is not None:
            full = resolve_name("." * level + name, str(globals["__package__"]))
        if fromlist and full in self.modules:
            self.run(full)
            return self.modules[full]
        return __import__(name, globals, locals, fromlist or (), level)


def _program(path: Path, root: Path | None, allow_extern: bool) -> Program:
    program = workspace.compiled(path, root).checked()
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
        file.module: (_shown(file.path, source), source)
        for file in program.files
        for source in (sources[file.module.replace(".", "/") + ".py"],)
    }


def _shown(path: str, source: str) -> str:
    """The name under which tracebacks show a source: one that changed has a number, so that what was made before keeps its lines."""
    for n in count(1):
        file = f"<generated from {path}{'' if n == 1 else f' ({n})'}>"
        if "".join(linecache.getlines(file)) in ("", source):
            return file
    raise AssertionError


def _code(file: str, source: str) -> CodeType:
    """Compiled source whose lines tracebacks and `inspect` find."""
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return compile(source, file, "exec", dont_inherit=True)
