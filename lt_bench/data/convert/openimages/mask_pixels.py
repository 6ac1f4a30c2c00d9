"""A mask's PNG file as run lengths of its image's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lt_bench.data.convert.openimages.boxes import Box
from lt_bench.errors import UserError

# Masks were drawn on images of other sizes than the published ones, of nearly the same shape: sides are rounded.
SHAPE_TOLERANCE = 1.1


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The object's pixels, [height, width]: those that are not zero. Raises UserError for what is no image."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L")) > 0
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{path}: the mask can't be read: {error}", "download it again") from error


# How EXIF's orientations (1 to 8) show an image: with width and height exchanged, then mirrored along one or both.
_EXCHANGED, _MIRRORED_X, _MIRRORED_Y = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)


def turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An array [height, width] as `orientation` has it shown."""
    if orientation in _EXCHANGED:
        pixels = pixels.T
    if orientation in _MIRRORED_X:
        pixels = pixels[:, ::-1]
    if orientation in _MIRRORED_Y:
        pixels = pixels[::-1]
    return pixels


def turned_box(box: Box, orientation: int) -> Box:
    """The same of a box."""
    left, top, right, bottom = box
    if orientation in _EXCHANGED:
        left, top, right, bottom = top, left, bottom, right
    if orientation in _MIRRORED_X:
        left, right = 1 - right, 1 - left
    if orientation in _MIRRORED_Y:
        top, bottom = 1 - bottom, 1 - top
    return left, top, right, bottom


def resized(pixels: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """The same mask at another size: each pixel is what lies at its centre. One that is too small for that keeps the
    pixel in its middle."""
    rows, columns = (
        (2 * np.arange(size) + 1) * own // (2 * size) for size, own in zip((height, width), pixels.shape, strict=True)
    )
    found: NDArray[np.bool_] = pixels[np.ix_(rows, columns)]
    if not found.any() and pixels.any():
        y, x = (float(np.median(each)) + 0.5 for each in np.nonzero(pixels))
        found[int(y * height / pixels.shape[0]), int(x * width / pixels.shape[1])] = True
    return found


def fits(pixels: NDArray[np.bool_], height: int, width: int) -> bool:
    """Whether a mask has the shape of its image, at whatever size."""
    ratio = pixels.shape[0] * width / (pixels.shape[1] * height)
    return 1 / SHAPE_TOLERANCE < ratio < SHAPE_TOLERANCE


def run_lengths(pixels: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's compressed run lengths."""
    from pycocotools import mask as coco_masks

    encoded = coco_masks.encode(np.asfortranarray(pixels.astype(np.uint8)))
    return {"size": list(pixels.shape), "counts": encoded["counts"].decode("ascii")}
