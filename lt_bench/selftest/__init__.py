"""`python -m lt_bench selftest`: whether this installation computes what it should, on a CPU or a GPU.

One file per group of checks; `suite` runs them, `report` writes what they found, `stock` is mmdet beside our modules.
Only the command line and the benchmarks import this package.
"""
