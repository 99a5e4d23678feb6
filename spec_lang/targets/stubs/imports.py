"""What a stub imports: what it uses of the module's own imports, and what shapes need."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Sequence

from spec_lang.targets.stubs.dialects import Dialect


def imported(tree: ast.Module, body: Sequence[Sequence[str]], dialect: Dialect) -> list[str]:
    """The import block, and the names of the dialect."""
    words = set(re.findall(r"[^\W\d]\w*", "\n".join(line for part in body for line in part)))
    names = [name for name in dialect.names if name in words]
    head = dialect.head(names)
    words |= set(re.findall(r"[^\W\d]\w*", "\n".join(head)))
    wanted: set[tuple[str, str, str | None]] = {
        ("typing", "Any", None),
        ("typing", "TypeVar", None),
        ("collections.abc", "Callable", None),
    }
    plain: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            wanted |= {(module, a.name, a.asname) for a in node.names}
        elif isinstance(node, ast.Import):
            plain += [ast.unparse(node) for a in node.names if (a.asname or a.name) in words]
    froms: dict[str, list[str]] = {}
    for module, name, alias in sorted(wanted, key=lambda w: (w[0], w[1])):
        if (alias or name) in words:
            froms.setdefault(module, []).append(name if alias is None else f"{name} as {alias}")
    lines = [*plain, *(f"from {module} import {', '.join(names)}" for module, names in froms.items())]
    standard = [line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    sections = [standard, [line for line in lines if line not in standard], head]
    return [line for section in sections if section for line in ("", *section)][1:]
