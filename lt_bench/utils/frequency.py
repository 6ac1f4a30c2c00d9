"""LVIS's frequency groups of classes (Gupta et al., CVPR 2019)."""

from __future__ import annotations

FREQUENCIES = {"r": "rare", "c": "common", "f": "frequent"}  # as in annotation files, and in words
RARE, COMMON = 10, 100  # the most training images that show a class of the group
