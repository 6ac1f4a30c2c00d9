"""Whether short runs, killed at random for a long time, leave anything behind but their records."""
