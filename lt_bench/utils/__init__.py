"""Files, locks, threads and the terminal. Imports nothing of the other rooms but errors."""
