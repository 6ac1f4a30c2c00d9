"""The two files that are evaluated: annotations and predictions, read and checked."""
