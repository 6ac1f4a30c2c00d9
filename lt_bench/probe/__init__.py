"""Trains a detector's classifier anew with each loss, on features that are stored once: the decoupled tracks."""
