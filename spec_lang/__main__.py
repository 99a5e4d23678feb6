"""The entry point of `specc`, and of `python -m spec_lang`."""

import gc
import signal
from typing import NoReturn


def main() -> NoReturn:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until a command runs there is nothing to clean up
    gc.set_threshold(200_000)  # starting makes thousands of objects and no garbage to speak of
    from spec_lang.cli import run

    run()


if __name__ == "__main__":
    main()
