"""What a record says, held against everything that knows better: one file per witness."""
