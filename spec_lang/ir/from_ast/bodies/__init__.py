"""Methods and their statements."""
