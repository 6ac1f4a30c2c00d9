"""The training images on which hyper-parameters can be chosen, so that validation images choose nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def held_out(image_ids: Sequence[int], share: float) -> list[int]:
    """The positions of the images whose id falls into the `share`, in [0, 1), by its hash: the same ones whatever
    other images there are, and more of them for a larger share.
    """
    return [place for place, image_id in enumerate(image_ids) if _fraction(image_id) < share]


def _fraction(image_id: int) -> float:
    digest = hashlib.sha256(str(int(image_id)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48  # exact in a float
