"""`specc explain`."""

from __future__ import annotations

import click

from spec_lang.cli.shared import examples, fail
from spec_lang.diagnostics.code import Code


@click.command("explain", epilog=examples("specc explain", "specc explain E0301"))
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say more about an error code; without one, list them all."""
    from spec_lang.diagnostics.codes import CODES

    if code is None:
        for key in sorted(CODES):
            click.echo(f"{key}  {CODES[key].title}")
    elif code.upper() in CODES:
        click.echo(_page(code.upper(), CODES[code.upper()]))
    else:
        fail(f"there is no error code {code}; `specc explain` lists them")


def _page(key: str, code: Code) -> str:
    """A code's explanation with its examples."""
    parts = [f"{key}: {code.title}", code.explanation]
    for title, example in (("Wrong:", code.bad), ("Right:", code.good)):
        if example:
            indented = "\n".join(f"    {line}".rstrip() for line in example.strip("\n").splitlines())
            parts.append(f"{title}\n\n{indented}")
    return "\n\n".join(parts)
