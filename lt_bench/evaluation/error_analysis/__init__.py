"""What kind of error costs how much AP."""
