"""Time and memory of the package's parts, each measured by a module of its own: `python -m benchmarks.losses`, ..."""
