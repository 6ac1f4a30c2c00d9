"""Masks, turned and resized, against OpenCV."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

from lt_bench.data.convert.openimages.mask_pixels import fits, read_mask, resized, run_lengths, turned, turned_box
from lt_bench.data.image_sizes import ORIENTATION, header
from lt_bench.errors import UserError


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_opencv_loads_it(tmp_path: Path, orientation: int) -> None:
    stored = np.zeros((40, 64), dtype=np.uint8)
    stored[4:12, 8:40] = 255  # left 0.125, right 0.625, top 0.1, bottom 0.3
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / "turned.jpg"
    Image.fromarray(stored).save(path, exif=exif, quality=100)
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    loaded = np.asarray(grey) > 128
    assert np.array_equal(turned(stored > 0, orientation), loaded)
    height, width = loaded.shape
    assert header(path) == (width, height, orientation)
    left, top, right, bottom = turned_box((0.125, 0.1, 0.625, 0.3), orientation)
    ys, xs = np.nonzero(loaded)
    assert (left * width, right * width) == pytest.approx((xs.min(), xs.max() + 1))
    assert (top * height, bottom * height) == pytest.approx((ys.min(), ys.max() + 1))


@pytest.mark.parametrize("size", [(30, 40), (122, 162), (41, 55), (1, 1), (61, 81)])
def test_resized_as_opencv_does(size: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random((61, 81)) < 0.5  # odd: no centre is between two pixels
    right = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) > 0
    found = resized(mask, *size)
    assert found.shape == size
    if right.any():  # else it keeps a pixel
        assert np.array_equal(found, right)


def test_a_mask_that_would_vanish_keeps_a_pixel() -> None:
    mask = np.zeros((1600, 1200), dtype=bool)
    mask[801, 302] = True
    found = resized(mask, 160, 120)
    assert np.argwhere(found).tolist() == [[80, 30]]
    assert not resized(np.zeros((9, 9), dtype=bool), 3, 3).any()


def test_shapes_and_run_lengths(tmp_path: Path) -> None:
    wide = np.zeros((1068, 1600), dtype=bool)  # a published mask; its image is 684 x 1024
    assert fits(wide, 684, 1024) and not fits(wide, 1024, 684)
    wide[3:5, 7:11] = True
    encoded = run_lengths(wide)
    assert encoded["size"] == [1068, 1600] and np.array_equal(coco_masks.decode(encoded), wide)
    path = tmp_path / "mask.png"
    Image.fromarray(wide).save(path)  # one bit for each pixel, as the published masks are
    assert np.array_equal(read_mask(path), wide)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=r"mask\.png: the mask can't be read"):
        read_mask(path)
