"""Rules of expressions."""
