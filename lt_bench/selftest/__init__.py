"""`python -m lt_bench selftest`: whether this installation computes what it should, on a CPU or a GPU.

One file a group of checks; `suite` runs them, `report` writes what they found. Nothing but the command line imports
this package.
"""
