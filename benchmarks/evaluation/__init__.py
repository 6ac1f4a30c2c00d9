"""Time and memory of LVIS AP."""
