"""Time and memory of the bootstrap over images and of the swap test."""
