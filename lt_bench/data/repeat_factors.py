"""Repeat factor sampling, Gupta et al., CVPR 2019, section 4.2, from what is known of the images alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def repeat_factors(
    images: NDArray[np.integer], categories: NDArray[np.integer], num_images: int, threshold: float
) -> NDArray[np.float64]:
    """The repeat factor of each image, 1 for one that shows nothing: [num_images].

    It is the largest max(1, sqrt(threshold / f(c))) of the categories c that the image shows, f(c) the share of the
    images that show c.

    images, categories: the pairs of an image (its position) and a category that it shows, each pair once, [P].
    """
    _, category, shown_by = np.unique(categories, return_inverse=True, return_counts=True)
    factors = np.ones(num_images)
    np.maximum.at(factors, images, np.sqrt(threshold / (shown_by / num_images))[category])
    return factors
