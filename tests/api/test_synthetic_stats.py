"""The synthetic statistics have the shape that their documentation says."""

from __future__ import annotations

import hashlib

import numpy as np

from lt_bench.api.synthetic_stats import lvis_like


def test_groups_and_counts_are_those_of_lvis() -> None:
    stats = lvis_like()
    images, instances = np.array(stats.image_count), np.array(stats.instance_count)
    assert stats.num_classes == len(set(stats.names)) == 1203
    assert [int(((images > low) & (images <= high)).sum()) for low, high in ((0, 10), (10, 100), (100, 10**9))] == [
        337,
        461,
        405,
    ]
    assert (instances.min(), instances.max()) == (1, 50_000)
    assert (instances >= images).all()  # an image that shows a class has an instance of it
    assert images.max() <= stats.num_images
    assert 0.9e6 < instances.sum() < 1.1e6


def test_labels_say_nothing_about_frequency() -> None:
    assert abs(np.corrcoef(np.arange(1203), np.log(lvis_like().instance_count))[0, 1]) < 0.1


def test_a_seed_always_makes_the_same_counts() -> None:
    """On every machine and version of Python: the digest was taken once."""
    assert lvis_like(3) == lvis_like(3) != lvis_like(4)
    digest = hashlib.sha256(repr((lvis_like().image_count, lvis_like().instance_count)).encode()).hexdigest()
    assert digest[:16] == "5f0dcacec3f878c1"
