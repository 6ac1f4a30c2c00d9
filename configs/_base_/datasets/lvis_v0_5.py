# LVIS v0.5: the same images, sizes and batch as v1; the class list and the counts come from its own JSON.
_base_ = "lvis_v1.py"
