"""`specc`: the command line. It reads files, writes files and prints; what it calls does neither."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import NoReturn

import click

from spec_lang import __version__
from spec_lang.diagnostics import SpecError
from spec_lang.settings import BadSettings

COMMANDS = (
    "compile",
    "check",
    "fmt",
    "ir",
    "summary",
    "view",
    "ops",
    "explain",
    "new",
    "weights",
    "verify",
    "run",
    "bench",
    "lsp",
    "plan",
)
"""In the order in which they are used; each is the function of that name in the module `NAME_command`."""


class Group(click.Group):
    """Loads a command's module when it is called: no command pays for another's imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"spec_lang.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each command's first sentence, whole: click would cut it."""
        rows = [(n, c.get_short_help_str(10_000)) for n in COMMANDS if (c := self.get_command(ctx, n))]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="specc")
def cli() -> None:
    """Neural networks as specs: check every shape, compile to PyTorch or ONNX."""


def run() -> NoReturn:
    """Run the command line and end the process: whatever happens, a message and an exit status, never a traceback."""
    try:
        _run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        status = 130
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:  # as whoever starts us may have them
                stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)  # every command has finished its own work: Python's taking itself apart costs 30 ms


def _end(number: int, frame: object) -> NoReturn:
    """Unwind, so that temporary files are removed."""
    raise SystemExit(128 + number)


def _run() -> NoReturn:
    from spec_lang.cli.shared import fail, report

    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    try:
        cli.main(prog_name="specc")
    except SpecError as error:
        report(error.diagnostics, "text")
        sys.exit(1)
    except BadSettings as error:
        fail(str(error))
    except RecursionError:
        fail("this spec nests too deeply")
    except MemoryError:
        fail("this needs more memory than there is")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except Exception as error:  # a bug of ours must not print a traceback at people either
        if isinstance(error.__cause__, KeyboardInterrupt | SystemExit):
            raise error.__cause__ from None  # a signal while an extension module was loading
        from spec_lang.extras import EXTRAS, lacking

        if isinstance(error, ModuleNotFoundError) and error.name in EXTRAS:
            fail(lacking([error.name], EXTRAS[error.name]))
        if os.environ.get("SPECC_TRACEBACK"):
            raise
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        fail(f"specc itself failed ({what}); please report it with what SPECC_TRACEBACK=1 prints")
    sys.exit(0)
