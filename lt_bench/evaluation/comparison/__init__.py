"""How sure a difference between runs is: resampled images, several seeds, and both together."""
