"""What LVIS AP needs of a run's predictions and of the annotations, and no more: small enough to be published."""
