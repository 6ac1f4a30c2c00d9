"""What makes a run that was killed go on as if it had not been: data order, loops, random states, checkpoints."""
