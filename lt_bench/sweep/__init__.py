"""Many runs: a matrix of losses, backbones, schedules and seeds, on this machine or through SLURM."""
