"""Size of evidence, and what making, writing and reading it takes."""
