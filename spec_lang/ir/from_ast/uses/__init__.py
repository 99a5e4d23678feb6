"""Calls of blocks, methods and functions of the program: what they bind, and what they owe."""
