"""`python -m spec_lang` is `specc`."""

from spec_lang.cli import main

main()
