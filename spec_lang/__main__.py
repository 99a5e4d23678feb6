"""The entry point of `specc`, and of `python -m spec_lang`."""

import gc
from typing import NoReturn


def main() -> NoReturn:
    gc.set_threshold(200_000)  # starting makes thousands of objects and no garbage to speak of
    from spec_lang.cli import run

    run()


if __name__ == "__main__":
    main()
