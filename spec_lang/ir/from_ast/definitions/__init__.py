"""Definitions, each checked once."""
