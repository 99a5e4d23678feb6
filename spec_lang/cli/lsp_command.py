"""`specc lsp`."""

from __future__ import annotations

import click

from spec_lang.cli.shared import fail


@click.command("lsp")
def command() -> None:
    """Start the language server, which an editor talks to by stdin and stdout."""
    try:
        from spec_lang.lsp.server import make
    except ModuleNotFoundError as error:
        from spec_lang.extras import lacking

        if error.name not in ("pygls", "lsprotocol"):
            raise
        fail(lacking(["pygls"], "lsp"))
    make().start_io()
