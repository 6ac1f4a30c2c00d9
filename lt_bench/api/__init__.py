"""What a loss sees: the base class, the class statistics, and the registry that finds losses."""
