"""`specc ops`."""

from __future__ import annotations

import click

from spec_lang.cli.shared import RESULT_FORMAT, echo_json, examples, fail


@click.command("ops", epilog=examples("specc ops", "specc ops Conv2d", "specc ops --format json relu"))
@click.argument("name", required=False)
@RESULT_FORMAT
def command(name: str | None, style: str) -> None:
    """List the layers and functions there are, or show one: its arguments, what it does, its source."""
    from spec_lang.ops import pages

    if style == "json" and (rows := pages.rows(name)):
        for row in rows:
            echo_json(row)
        return
    if name is None:
        click.echo(pages.index(), nl=False)
        return
    page = pages.page(name)
    if page is None:
        near = pages.similar(name)
        fail(f"there is no layer or function `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    click.echo(page, nl=False)
