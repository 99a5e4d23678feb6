"""How layers are constructed, named and run."""
