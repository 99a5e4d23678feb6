"""From what is checked to the IR."""
