"""What a loss does to each class, measured from its gradient alone, as a table and as a figure."""
