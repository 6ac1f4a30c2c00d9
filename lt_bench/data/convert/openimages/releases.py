"""What the official files are called. Of each kind the first name that is there is taken.

Names are regular expressions, in which {split} is the split's own name. Files of V5 to V7 mix, as each version only has
what is new in it: the boxes of V7's training set are those of V6, its masks those of V5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lt_bench.data.image_files import Split

SPLITS: Mapping[Split, str] = {"train": "train", "val": "val(?:idation)?"}


@dataclass(frozen=True)
class Release:
    """title: what it is called in messages.

    boxes, labels, masks: tables of each split; without `masks` it has boxes alone. classes: the names of its classes.
    hierarchy: which class is a kind of which. listed: the classes that have masks, where `classes` lists more.
    stands: "boxes" or "masks", the kind that stands for a split: whoever names one of these files means this release.
    """

    title: str
    boxes: str
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    hierarchy: tuple[str, ...]
    masks: str = ""
    listed: str = ""

    @property
    def stands(self) -> str:
        return self.masks or self.boxes


_OID = "(?:oidv[567]-)?"
_LABELS = (f"{_OID}{{split}}-annotations-human-imagelabels-boxable", f"{_OID}{{split}}-annotations-human-imagelabels")
_NAMES = (f"{_OID}class-descriptions-boxable", f"{_OID}class-descriptions")
_BOXES = f"{_OID}{{split}}-annotations-bbox"
_TREE = ("bbox_labels_600_hierarchy",)
_OF_2019 = "challenge-2019-{split}"

RELEASES: Mapping[str, Release] = {
    "boxes": Release("Open Images V5 to V7, boxes", _BOXES, _LABELS, _NAMES, _TREE),
    "masks": Release(
        "Open Images V5 to V7, masks",
        _BOXES,
        _LABELS,
        _NAMES,
        _TREE,
        masks=f"{_OID}{{split}}-annotations-object-segmentation",
        listed=f"{_OID}classes-segmentation",
    ),
    "2019": Release(
        "Open Images challenge 2019, object detection",
        f"{_OF_2019}-detection-bbox",
        (f"{_OF_2019}-detection-human-imagelabels",),
        ("challenge-2019-classes-description-500",),
        ("challenge-2019-label500-hierarchy",),
    ),
    "2019 masks": Release(
        "Open Images challenge 2019, instance segmentation",
        f"{_OF_2019}-segmentation-bbox",
        (f"{_OF_2019}-segmentation-(?:human-image|image)?labels",),
        ("challenge-2019-classes-description-segmentable",),
        ("challenge-2019-label300-segmentable-hierarchy", "challenge-2019-label300-hierarchy"),
        masks=f"{_OF_2019}-segmentation-masks",
    ),
}
