"""`specc ops`."""

from __future__ import annotations

import click

from spec_lang.cli.shared import fail


@click.command("ops")
@click.argument("name", required=False)
def command(name: str | None) -> None:
    """List the layers and functions there are, or show one: its arguments, what it does, its source."""
    from spec_lang.ops import pages

    if name is None:
        click.echo(pages.index(), nl=False)
        return
    page = pages.page(name)
    if page is None:
        near = pages.similar(name)
        fail(f"there is no layer or function `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    click.echo(page, nl=False)
