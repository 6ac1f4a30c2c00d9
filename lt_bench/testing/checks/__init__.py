"""The checks of a loss."""
