"""Time and memory of the built-in losses."""
