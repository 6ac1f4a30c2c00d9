"""NMS and RoIAlign from their definitions, in float64 and in no hurry."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ious(boxes: Array) -> Array:
    """Intersection over union of every two of the boxes [N, 4] (x1, y1, x2, y2): [N, N]."""
    corners = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    overlap = (corners[1] - corners[0]).clip(min=0).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = area[:, None] + area[None, :] - overlap
    return np.asarray(overlap / union)


def nms(boxes: Array, scores: Array, threshold: float) -> list[int]:
    """Positions of the boxes [N, 4] that greedy NMS keeps, highest of the distinct scores [N] first.

    A box goes when a higher-scored one that is kept has an IoU above the threshold with it.
    """
    overlaps = ious(boxes)
    kept: list[int] = []
    for candidate in np.argsort(-scores):
        if not (overlaps[candidate, kept] > threshold).any():
            kept.append(int(candidate))
    return kept


def without_borderline(boxes: Array, threshold: float, margin: float = 1e-5) -> NDArray[np.int64]:
    """Positions of boxes of which no two have an IoU within `margin` of the threshold.

    Such a pair is decided by rounding: one implementation divides by the union, another multiplies.
    """
    borderline = np.triu(np.abs(ious(boxes) - threshold) <= margin, 1)
    return np.flatnonzero(~borderline.any(axis=0))


def roi_align(features: Array, rois: Array, size: int, scale: float, samples: int) -> Array:
    """RoIAlign (He et al., Mask R-CNN, ICCV 2017, section 3.1), aligned to the pixels' centres: [K, C, size, size].

    features [N, C, H, W]; rois [K, 5] as image, x1, y1, x2, y2 in pixels of the input; scale: from those to pixels of
    the features; samples: points per bin and axis, 0 for as many as a bin has pixels.
    """
    return np.stack([y @ features[image] @ x.T for image, y, x in _weights(features.shape, rois, size, scale, samples)])


def roi_align_gradient(
    gradient: Array, shape: tuple[int, ...], rois: Array, size: int, scale: float, samples: int
) -> Array:
    """d sum(gradient * roi_align(features)) / d features, for gradient [K, C, size, size]: `shape`, [N, C, H, W]."""
    total = np.zeros(shape)
    for (image, y, x), of_roi in zip(_weights(shape, rois, size, scale, samples), gradient, strict=True):
        total[image] += y.T @ of_roi @ x
    return total


def _weights(
    shape: tuple[int, ...], rois: Array, size: int, scale: float, samples: int
) -> list[tuple[int, Array, Array]]:
    """Each RoI's image, and its weights of rows [size, H] and columns [size, W]: a bilinear sample is their product."""
    height, width = shape[2:]
    found = []
    for image, x1, y1, x2, y2 in rois:
        y = axis_weights(y1 * scale - 0.5, y2 * scale - 0.5, size, height, samples)
        x = axis_weights(x1 * scale - 0.5, x2 * scale - 0.5, size, width, samples)
        found.append((int(image), y, x))
    return found


def axis_weights(start: float, end: float, bins: int, pixels: int, samples: int) -> Array:
    """How much each pixel of an axis counts in each bin of [start, end]: [bins, pixels].

    Points up to one pixel outside take the value at the border, those further away count as 0.
    """
    step = (end - start) / bins
    count = samples or max(1, math.ceil(step))
    weights = np.zeros((bins, pixels))
    for number in range(bins):
        for sample in range(count):
            point = start + (number + (sample + 0.5) / count) * step
            if not -1.0 <= point <= pixels:
                continue
            point = min(max(point, 0.0), pixels - 1.0)
            low = min(int(point), pixels - 1)
            high = min(low + 1, pixels - 1)
            weights[number, low] += (1 - (point - low)) / count
            weights[number, high] += (point - low) / count
    return weights
