"""The table of codes, one family a file."""
