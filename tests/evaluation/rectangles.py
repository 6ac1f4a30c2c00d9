"""Images of one size, and rectangular masks in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pycocotools.mask as mask_utils

HEIGHT, WIDTH = 160, 200
Rows = list[dict[str, Any]]


def rectangle_mask(x: int, y: int, width: int, height: int) -> dict[str, Any]:
    """Compressed RLE; position and size in pixels."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    pixels[y : y + height, x : x + width] = 1
    return {"size": [HEIGHT, WIDTH], "counts": mask_utils.encode(pixels)["counts"].decode()}
