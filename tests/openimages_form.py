"""A miniature of Open Images in the form of its official files, for tests: tables, hierarchy, images and masks."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

NAMES = {
    "/m/0k4j": "Car",
    "/m/07yv9": "Vehicle",
    "/m/0pg52": "Taxi",
    "/m/01yrx": "Cat",
    "/m/0jbk": "Animal",
    "/m/0dzct": "Human face",
}
# The root is no class; a face is a part of a person, who is not in the list.
TREE = {
    "LabelName": "/m/0bl9f",
    "Subcategory": [
        {
            "LabelName": "/m/07yv9",
            "Subcategory": [{"LabelName": "/m/0k4j", "Subcategory": [{"LabelName": "/m/0pg52"}]}],
        },
        {"LabelName": "/m/0jbk", "Subcategory": [{"LabelName": "/m/01yrx"}]},
        {"LabelName": "/m/01g317", "Part": [{"LabelName": "/m/0dzct"}]},
    ],
}
ABOVE = {"Taxi": ["Car", "Vehicle"], "Car": ["Vehicle"], "Cat": ["Animal"]}  # as the challenge expands
SIZES = ((64, 48), (48, 64), (80, 60), (64, 64))
SPLITS = {"train": "train", "val": "validation"}
BOX_HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
MASK_HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
LABEL_HEADER = "ImageID,Source,LabelName,Confidence"


class Thing(NamedTuple):
    """An object. box: XMin, XMax, YMin, YMax. masked: whether it has a mask."""

    image: str
    name: str
    box: tuple[float, float, float, float]
    group: bool = False
    depiction: int = 0
    masked: bool = True


class Content(NamedTuple):
    """things and labels of one split; labels: image, class, and whether it is there. sizes: of the images."""

    things: list[Thing]
    labels: list[tuple[str, str, int]]
    sizes: dict[str, tuple[int, int]]


def label_of(name: str) -> str:
    return next(label for label, other in NAMES.items() if other == name)


def miniature() -> dict[str, Content]:
    """By split. Ids have sixteen hexadecimal digits, of which many need more than the 53 bits of a JSON number."""
    train_ids = ["ffa1b2c3d4e5f607", "0a00000000000001", "8800000000000002", "10000000000000aa"]
    val_ids = ["c000000000000001", "1100000000000003", "f000000000000002"]
    one, two, three, four = train_ids
    train = [
        Thing(one, "Taxi", (0.1, 0.6, 0.125, 0.75)),
        Thing(one, "Car", (0.5, 0.984375, 0.25, 0.875), depiction=1),
        Thing(one, "Car", (0.0, 1.0, 0.0, 1.0), group=True, masked=False),
        Thing(two, "Cat", (0.022673031, 0.9642005, 0.07103825, 0.80054647)),
        Thing(two, "Human face", (0.25, 0.5, 0.25, 0.5), masked=False),
        Thing(three, "Vehicle", (0.3, 0.7, 0.3, 0.7)),
        Thing(three, "Taxi", (0.05, 0.45, 0.5, 0.95)),
        Thing(four, "Human face", (0.2, 0.8, 0.1, 0.9)),
    ]
    a, b, c = val_ids
    val = [
        Thing(a, "Taxi", (0.1, 0.6, 0.2, 0.7)),
        Thing(a, "Cat", (0.4, 0.9, 0.3, 0.9), depiction=-1),
        Thing(b, "Car", (0.2, 0.7, 0.2, 0.8)),
        Thing(b, "Cat", (0.6, 0.95, 0.1, 0.4), group=True, masked=False),
        Thing(b, "Human face", (0.1, 0.3, 0.1, 0.5)),
    ]
    labels_train = [(one, "Taxi", 1), (one, "Animal", 0), (two, "Cat", 1), (two, "Vehicle", 0), (three, "Car", 0)]
    # Image c has no object: people said that no vehicle is there, and a cat is, which has no box, though no animal.
    labels_val = [
        (a, "Taxi", 1),
        (a, "Human face", 0),
        (b, "Animal", 1),
        (c, "Vehicle", 0),
        (c, "Cat", 1),
        (c, "Animal", 0),
    ]
    return {
        split: Content(things, labels, {key: SIZES[place % len(SIZES)] for place, key in enumerate(ids)})
        for split, things, labels, ids in (
            ("train", train, labels_train, train_ids),
            ("val", val, labels_val, val_ids),
        )
    }


def write_release(root: Path, content: Mapping[str, Content], release: str = "boxes") -> dict[str, Path]:
    """The files of a release below `root`, in one folder for tables and one for the images of each split; by split the
    table that stands for it. release: a key of lt_bench.data.convert.openimages.releases.RELEASES."""
    tables = root / "annotations"
    tables.mkdir(parents=True, exist_ok=True)
    of_2019 = release.startswith("2019")
    classes, tree = {
        "boxes": ("class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"),
        "masks": ("oidv7-class-descriptions-boxable.csv", "bbox_labels_600_hierarchy.json"),
        "2019": ("challenge-2019-classes-description-500.csv", "challenge-2019-label500-hierarchy.json"),
        "2019 masks": (
            "challenge-2019-classes-description-segmentable.csv",
            "challenge-2019-label300-segmentable-hierarchy.json",
        ),
    }[release]
    _write(tables / classes, "LabelName,DisplayName" if classes.startswith("oidv7") else "", list(NAMES.items()))
    (tables / tree).write_text(json.dumps(TREE), encoding="utf-8")
    if release == "masks":
        (tables / "oidv7-classes-segmentation.txt").write_text("".join(f"{label}\n" for label in NAMES))
    found = {}
    for split, own in content.items():
        name = SPLITS[split]
        kind = {"2019": "detection", "2019 masks": "segmentation"}.get(release, "")
        boxes, labels, masks = (
            (f"challenge-2019-{name}-{kind}-bbox", f"challenge-2019-{name}-{kind}-human-imagelabels", "")
            if release == "2019"
            else (
                f"challenge-2019-{name}-{kind}-bbox",
                f"challenge-2019-{name}-{kind}-labels",
                f"challenge-2019-{name}-{kind}-masks",
            )
            if of_2019
            else (
                ("oidv6-" if split == "train" else "") + f"{name}-annotations-bbox",
                f"{name}-annotations-human-imagelabels-boxable",
                f"{name}-annotations-object-segmentation" if release == "masks" else "",
            )
        )
        _write(tables / f"{boxes}.csv", BOX_HEADER, box_rows(own.things))
        _write(
            tables / f"{labels}.csv",
            LABEL_HEADER,
            [(image, "verification", label_of(key), there) for image, key, there in own.labels],
        )
        found[split] = tables / f"{masks or boxes}.csv"
        for image, size in own.sizes.items():
            write_image(root / name / f"{image}.jpg", size, image, own.things)
        if masks:
            _write(found[split], MASK_HEADER, write_masks(root / f"{name}-masks", own))
    return found


def box_rows(things: Iterable[Thing]) -> list[Sequence[Any]]:
    return [
        (thing.image, "xclick", label_of(thing.name), 1, *thing.box, 0, 1, int(thing.group), thing.depiction, 0)
        for thing in things
    ]


def write_image(path: Path, size: tuple[int, int], image: str, things: Iterable[Thing]) -> None:
    width, height = size
    drawn = np.full((height, width, 3), int(image[:2], 16) // 2, dtype=np.uint8)
    for thing in things:
        if thing.image == image and not thing.group:
            left, right, top, bottom = thing.box
            colour = 90 + 25 * list(NAMES.values()).index(thing.name)
            drawn[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), drawn)


def drawn_mask(thing: Thing, size: tuple[int, int]) -> Any:
    """An ellipse in the box, bool [height, width]."""
    width, height = size
    left, right, top, bottom = thing.box
    y, x = np.mgrid[:height, :width]
    x, y = (x + 0.5) / width, (y + 0.5) / height
    return ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2 <= 1


def write_masks(folder: Path, content: Content) -> list[Sequence[Any]]:
    """The PNG files, twice as large as the images, in a folder for each first digit; and their rows."""
    rows: list[Sequence[Any]] = []
    for number, thing in enumerate(content.things):
        if thing.masked:
            width, height = content.sizes[thing.image]
            box_id, label = f"{number:08x}", label_of(thing.name)
            name = f"{thing.image}_{label.replace('/', '')}_{box_id}.png"
            path = folder / f"{folder.name}-{thing.image[0]}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), drawn_mask(thing, (2 * width, 2 * height)).astype(np.uint8) * 255)
            rounded = [f"{value:.6f}" for value in thing.box]
            rows.append((name, thing.image, label, box_id, *rounded, 0.9, "0.5 0.5 1;0.1 0.2 0"))
    return rows


def _write(path: Path, header: str, rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        if header:
            stream.write(f"{header}\n")
        csv.writer(stream, lineterminator="\n").writerows(rows)
