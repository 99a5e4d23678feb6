"""Tensors for a graph: read from files without running them, or drawn from a seed, and written beside the model."""
