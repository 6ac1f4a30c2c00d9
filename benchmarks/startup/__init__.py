"""Time until training begins, and memory of the data."""
