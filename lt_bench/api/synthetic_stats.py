"""Synthetic class statistics at the scale of LVIS: a long tail of 1,203 classes where there is no annotation file."""

from __future__ import annotations

import math
import random

from lt_bench.api.class_stats import ClassStats

# LVIS's frequency groups (rare, common, frequent): number of classes, and the images that the least and the most
# frequent class of the group is in.
_GROUPS = ((337, 1, 10), (461, 11, 100), (405, 101, 2000))
_NUM_IMAGES = 100_000
_LARGEST = 50_000
_MEAN_LOG_INSTANCES = 0.85  # mean of log(instances per image) over the classes of LVIS v1
_MOST_INSTANCES = 30.0


def lvis_like(seed: int = 0) -> ClassStats:
    """1,203 classes with counts like those of LVIS v1's training set; none of them is a class of LVIS.

    337 rare (1 to 10 images), 461 common (11 to 100) and 405 frequent classes (above 100), 1 to 50,000 instances each
    and about a million in all, in 100,000 images. Within a group the image counts are spread evenly on a log scale;
    the logarithm of instances per image is exponential. The same for the same seed, on every machine.
    """
    generator = random.Random(seed)
    counts = []
    for size, fewest, most in _GROUPS:
        for rank in range(size):
            images = round(fewest * (most / fewest) ** (rank / (size - 1)))
            per_image = math.exp(-_MEAN_LOG_INSTANCES * math.log(1 - generator.random()))
            counts.append((images, round(images * min(per_image, _MOST_INSTANCES))))
    counts[0] = (1, 1)
    counts[-1] = (_GROUPS[-1][2], _LARGEST)
    # By drawn keys, not shuffle(), whose order of draws Python does not promise to keep.
    counts = [pair for _, pair in sorted((generator.random(), pair) for pair in counts)]
    return ClassStats(
        image_count=[images for images, _ in counts],
        instance_count=[min(instances, _LARGEST) for _, instances in counts],
        num_images=_NUM_IMAGES,
        names=[f"class {label}" for label in range(len(counts))],
    )
