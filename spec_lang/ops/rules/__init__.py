"""Rules that several ops share: conditions on arguments, and the shape arithmetic of a family."""
