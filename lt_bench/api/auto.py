"""Hyper-parameters that follow from the data: rules that give LVIS's own values on LVIS, and their like elsewhere.

A loss names the rule of a hyper-parameter in its class attribute `auto`. A recipe may ask for all of them
(configs/_base_/recipes/common.py does), and a user for one: `--loss-set lambda_=auto`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from lt_bench.api.class_stats import ClassStats
from lt_bench.utils.frequency import COMMON, RARE

LVIS_CLASSES = 1203  # of LVIS v1
LVIS_IMAGES = 100_170  # of LVIS v1's training set
CLASSES_BELOW_BORDERS = (200, 612, 946)  # of LVIS v1: fewer than 10, 100 and 1,000 instances

Rules = Mapping[str, Callable[[ClassStats], Any]]  # hyper-parameter to what its value follows from


def frequency_of_common(num_images: int) -> float:
    """The share of the training images that a common class shows at most: 1e-3 for LVIS v1, to two digits.

    LVIS's threshold for repeat factors (Gupta et al., CVPR 2019, section 4.2) is this share.
    """
    return two_digits(COMMON / num_images)


def frequency_of_frequent(stats: ClassStats) -> float:
    """The share of the training images that a frequent class shows at least, to two digits, upwards.

    0.0011 for the 100,170 training images of LVIS v1, the lambda_ of EQL there.
    """
    share = (COMMON + 1) / stats.num_images
    rounded = two_digits(share)
    return rounded if rounded >= share else two_digits(rounded + _unit(share))


def most_images(group: Literal["rare", "common"]) -> int:
    """How many training images show a class of the group at most: LVIS's borders, 10 and 100, whatever the data's size.

    The tables' APr and APc have the same groups.
    """
    return RARE if group == "rare" else COMMON


def same_share_of_classes(count: int, stats: ClassStats) -> int:
    """As large a share of the classes as `count` is of LVIS v1's 1,203, at least 1: 50 becomes 6 for 150 classes."""
    return max(1, round(count * stats.num_classes / LVIS_CLASSES))


def instance_borders(stats: ClassStats) -> tuple[int, ...]:
    """Instance counts that divide the classes into four groups of the same shares as 10, 100 and 1,000 do on LVIS v1.

    There 200, 612 and 946 of the 1,203 classes have fewer. A border is the count of the first class above that share,
    to one digit. Small data may have equal borders: a group in between is then empty.
    """
    counts = sorted(stats.instance_count)
    ranks = (round(fewer * len(counts) / LVIS_CLASSES) for fewer in CLASSES_BELOW_BORDERS)
    firsts = (max(1, counts[min(rank, len(counts) - 1)]) for rank in ranks)
    return tuple(int(round(first, -math.floor(math.log10(first)))) for first in firsts)


def same_number_of_images(frequency: float, stats: ClassStats) -> float:
    """The share of the training images that is as many images as `frequency` is of LVIS v1's 100,170.

    0.0010062, DropLoss's threshold above the common classes, is 100.8 images.
    """
    return frequency * (LVIS_IMAGES / stats.num_images)


def two_digits(value: float) -> float:
    """Rounded to two significant digits. value: above 0."""
    return round(value, -_exponent(value))


def _exponent(value: float) -> int:
    """Of the second significant digit: -4 for 0.0011."""
    return math.floor(math.log10(value)) - 1


def _unit(value: float) -> float:
    return float(10.0 ** _exponent(value))
