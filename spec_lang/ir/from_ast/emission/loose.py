"""What layers need and no constructor could compute: names of loops that have ended, items of a default."""

from __future__ import annotations

from spec_lang.diagnostics import Diagnostic, Label, Span
from spec_lang.ir import model as ir
from spec_lang.ir.from_ast.definitions.known import Known
from spec_lang.ir.scopes import items_of, unbound, undetermined
from spec_lang.syntax import ast


def report_loose(known: Known, program: ir.Program) -> None:
    """Report each definition's first use of what is not known where it is needed."""
    blocks = {(d.file, d.name): d.dims for d in program.definitions if isinstance(d, ir.Block)}
    for d in program.definitions:
        found = next(unbound(d), None)
        if found is not None:
            _report(
                known,
                d,
                found.span,
                f"this depends on `{found.name}`, which has no value where it is needed",
                note="it is a loop's, or one of another block",
                help="write out what it is here in terms of hyperparameters",
            )
            continue
        missing = next(undetermined(d, blocks), None)
        if missing is not None:
            _report(
                known,
                d,
                missing.span,
                f"`{missing.name}` of this layer is not determined: nothing is known to flow into it",
                note="a list of layers is run in an order, each on what the one before it gives",
                help="make it a hyperparameter of the block, and write it out here",
            )
            continue
        lengths = _lengths(known, d)
        for name, index, place in items_of(d) if lengths else ():
            if name in lengths:
                _report(
                    known,
                    d,
                    place,
                    f"this would be `{name}[{index}]`, which is right for as many items as `{name}` has by default",
                    note=f"something here needs the items of `{name}` one by one",
                    help=f"state how many there are, `require len({name}) == {lengths[name]}`, or write the size out",
                )
                break


def _report(
    known: Known, d: ir.AnyDefinition, place: ir.Span | None, message: str, note: str, help: str
) -> None:
    source = known.scopes[d.file].names[d.name].source
    span = Span(*(place or d.span or (0, 0)))
    diagnostic = Diagnostic("E0307", message, Label(source, span), notes=(note,), help=help)
    known.diagnostics.append((d.file, diagnostic))


def _lengths(known: Known, d: ir.AnyDefinition) -> dict[str, int]:
    """The list hyperparameters of a model that it was checked for by their defaults, and how many items those have."""
    definition = known.scopes[d.file].names.get(d.name)
    if definition is None or not isinstance(definition.node, ast.Block) or definition.node.kind != "model":
        return {}
    checks = known.by_definition.get(definition, ())
    return {n: len(v) for c in checks for n, v in c.summary.mono.items() if isinstance(v, list)}
