"""Lists of layers, `for` and comprehensions."""
