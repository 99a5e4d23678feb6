"""A page for each spec in `models/`: its pictures, what it takes, the spec, and the PyTorch module that it becomes."""

from __future__ import annotations

from pathlib import Path

from spec_lang import workspace
from spec_lang.accounting.summary import summarise
from spec_lang.accounting.text import shown
from spec_lang.accounting.trace import Options
from spec_lang.compiler import Compilation
from spec_lang.generated import torch_files
from spec_lang.ir.model import Block
from spec_lang.view.assets import Unbuilt
from spec_lang.view.graph import Graph
from spec_lang.view.mermaid import mermaid
from spec_lang.view.svg import svg
from spec_lang.view.trace import trace


def pages(folder: Path) -> dict[str, str | bytes]:
    """The pages by their paths, and their pictures."""
    found: dict[str, str | bytes] = {}
    listed = ["# Models", "", "Specs that people start from: `specc new NAME`.", "", "| | |", "| --- | --- |"]
    for path in sorted(folder.glob("*.nnspec")):
        result = workspace.compiled(path)
        program = result.checked()
        doc = " ".join((program.files[0].doc or "").split())
        listed.append(f"| [{path.stem}]({path.stem}.md) | {doc} |")
        lines = [f"# {path.stem}", "", doc, ""]
        for d in program.definitions:
            if isinstance(d, Block) and d.entry and d.file == 0:
                lines += _model(path.stem, result, d, found)
        lines += ["## Spec", "", "```python", path.read_text().rstrip(), "```", ""]
        source = next(iter(torch_files(result).values()))
        lines += ['??? quote "The PyTorch module that it becomes"', ""]
        lines += [f"    {line}".rstrip() for line in ("```python", *source.rstrip().split("\n"), "```")]
        found[f"models/{path.stem}.md"] = "\n".join(lines) + "\n"
    found["models/index.md"] = "\n".join(listed) + "\n"
    return found


def _model(stem: str, result: Compilation, block: Block, found: dict[str, str | bytes]) -> list[str]:
    """A model's part of its page; its picture goes to what is found."""
    lines = [f"## {block.name}", ""]
    lines += [block.doc.strip(), ""] if block.doc else []
    names = [method.name for method in block.methods]
    method = "forward" if "forward" in names else names[0]
    graph = trace(result.checked(), block.name, result.sources, method)
    picture = _picture(graph)
    if picture is None:
        lines += ["```mermaid", mermaid(graph, 1).rstrip(), "```", ""]
    else:
        found[f"models/{stem}.{block.name}.svg"] = picture
        lines += [
            '<div class="specc-picture" markdown>',
            "",
            f"![{block.name}]({stem}.{block.name}.svg)",
            "",
            "</div>",
            "",
        ]
    summary = summarise(result.checked(), block.name, options=Options(method=method))
    return [
        *lines,
        f"What it takes (`specc summary models/{stem}.nnspec --model {block.name}`):",
        "",
        shown(summary, "markdown", 1).replace("*", r"\*"),
        "",
    ]


def _picture(graph: Graph) -> str | None:
    """An SVG, where the extra `view` and the layout library are there to draw it."""
    try:
        return svg(graph, 1)
    except (ModuleNotFoundError, Unbuilt):
        return None
