"""`specc explain`."""

from __future__ import annotations

import click

from spec_lang.cli.shared import fail


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say more about an error code; without one, list them all."""
    from spec_lang.diagnostics.codes import CODES, page

    if code is None:
        for key in sorted(CODES):
            click.echo(f"{key}  {CODES[key].title}")
    elif code.upper() in CODES:
        click.echo(page(code.upper()), nl=False)
    else:
        fail(f"there is no error code {code}; `specc explain` lists them")
