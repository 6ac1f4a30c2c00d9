"""LVIS average precision, by lvis-api itself and by vernier."""
