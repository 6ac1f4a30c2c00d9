"""Which objects have a positive RoI among those that are stored: a classifier never sees the others. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lt_bench.features.store import FeatureSet, Split

TRAIN = "train_"
REMEDY = "store more with --rois or --epochs-of-boxes"


def covered(split: Split, background: int) -> NDArray[np.bool_]:
    """Whether each ground-truth box has a positive RoI: [G].

    A positive RoI is that of the box with its label with which its IoU is largest, as the detector's assigner has it.
    background: the label of RoIs that are not positive.
    """
    found = np.zeros(len(split.truth_labels), dtype=bool)
    first, truth_first, pairs_first = (np.array(rows) for rows in (split.first, split.truth_first, split.iou_first))
    labels = np.array(split.labels)
    for image in range(len(split)):
        begin, end = truth_first[image : image + 2]
        own = labels[first[image] : first[image + 1]]
        positive = np.flatnonzero(own != background)
        if not len(positive) or begin == end:
            continue
        pairs = split.iou[pairs_first[image] : pairs_first[image + 1]].reshape(len(own), end - begin)[positive]
        same = own[positive, None] == split.truth_labels[begin:end]
        best = np.where(same, pairs, -1.0).argmax(axis=1)
        found[begin + best[same.any(axis=1)]] = True
    return found


def classes_without(splits: Iterable[Split], num_classes: int) -> list[int]:
    """The labels of classes that have objects in the splits but no positive RoI in any of them."""
    objects, rois = (np.zeros(num_classes + 1, dtype=np.int64) for _ in range(2))
    for split in splits:
        objects += np.bincount(split.truth_labels, minlength=num_classes + 1)
        rois += np.bincount(split.labels, minlength=num_classes + 1)
    return [label for label in range(num_classes) if objects[label] and not rois[label]]


def training_splits(features: FeatureSet) -> list[str]:
    """The names of the passes over the training images."""
    return [name for name in features.manifest.splits if name.startswith(TRAIN)]


def sentences(features: FeatureSet) -> list[str]:
    """A line for each split, with what the training ones lack, and one for all passes together where there are more
    than one.
    """
    lines, num_classes = [], features.manifest.num_classes
    passes, maps = [], []
    for name, facts in features.manifest.splits.items():
        line = f"{name}: {facts.rois:,} RoIs of {facts.images:,} images"
        if name.startswith(TRAIN):
            split = features.split(name)
            passes.append(split)
            maps.append(covered(split, num_classes))
            line += f"; {_lack(maps[-1], [split], num_classes)}"
        lines.append(line)
    if len(passes) > 1 and all(np.array_equal(one.truth_labels, passes[0].truth_labels) for one in passes):
        lines.append(f"all {len(passes)} training passes: {_lack(np.any(maps, axis=0), passes, num_classes)}")
    return lines


def warning(features: FeatureSet) -> str | None:
    """What `probe` says of classes that no stored RoI shows; None where there are none."""
    manifest = features.manifest
    lacking = classes_without(map(features.split, training_splits(features)), manifest.num_classes)
    if not lacking:
        return None
    names = [manifest.categories[label].name for label in lacking[:5]]
    more = f" and {len(lacking) - len(names)} more" if len(lacking) > len(names) else ""
    return (
        f"{len(lacking)} of {manifest.num_classes} classes have no positive RoI in these features, so that no "
        f"classifier can learn them: {', '.join(names)}{more}; {REMEDY}"
    )


def _lack(found: NDArray[np.bool_], splits: Sequence[Split], num_classes: int) -> str:
    """found: by ground-truth box, over all of the splits."""
    if found.all():
        return f"each of {len(found):,} objects has a positive RoI"
    share, missing = _percent(float(1 - found.mean())), len(classes_without(splits, num_classes))
    return f"{share} of {len(found):,} objects and {missing} of {num_classes} classes have no positive RoI: {REMEDY}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"
