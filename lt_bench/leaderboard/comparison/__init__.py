"""What `lt_bench compare` is asked to compare: from arguments and boards to runs, their evidence and their names."""
