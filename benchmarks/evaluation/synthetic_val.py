"""A synthetic data set of the size and shape of LVIS's validation set, and detections for it, streamed to disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.synthetic_lvis import write_json

CATEGORIES = 1_203
OBJECTS = 12.4  # annotations per image
POSITIVE, NEGATIVE = 3.5, 7.0  # categories per image
DETECTIONS = 300  # per image
SIZES = ((480, 640), (427, 640), (640, 480))
SHAPES = 3000  # different masks for each height
ANNOTATED = 0.4  # share of the detections in categories that their image is annotated with
VERTICES = 30  # of an object's polygon


def write_val(annotations: Path, predictions: Path, images: int, seed: int = 0) -> int:
    """Write both files and return the number of detections.

    Detections are annotations moved and resized a little, among others of any category, in the order of their scores,
    with the digits that float32 has in JSON. Masks and polygons are ellipses.
    """
    rng = np.random.default_rng(seed)
    pools = [_Pool(rng, *size) for size in SIZES]
    frequency = 1 / np.arange(1, CATEGORIES + 1)
    frequency /= frequency.sum()
    truth = _Truth()
    written = 0
    with predictions.open("w", encoding="ascii") as stream:
        stream.write("[\n")
        for image in range(1, images + 1):
            pool = pools[rng.integers(len(pools))]
            count = 1 + int(rng.poisson(POSITIVE + NEGATIVE - 1))
            listed = rng.choice(CATEGORIES, size=count, replace=False, p=frequency) + 1
            positive = listed[: max(1, round(count * POSITIVE / (POSITIVE + NEGATIVE)))]
            objects = max(len(positive), int(rng.poisson(OBJECTS)))
            classes = np.concatenate((positive, rng.choice(positive, objects - len(positive))))
            shapes = rng.integers(SHAPES, size=objects)
            corners = pool.place(rng, shapes)
            truth.add_image(image, pool, listed[len(positive) :], positive[rng.random(len(positive)) < 0.05])
            truth.add_objects(image, pool, classes, shapes, corners)
            rows = list(_detections(rng, image, pool, listed, classes, shapes, corners))
            stream.write((",\n" if image > 1 else "") + ",\n".join(rows))
            written += len(rows)
        stream.write("\n]\n")
    truth.write(annotations)
    return written


class _Pool:
    """Ellipses in images of one size: their RLE but for the first and the last run, which say where they are."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.height, self.width = height, width
        sides = np.exp(rng.normal(3.55, 1.1, (SHAPES, 2)))  # pixels: half below 35, as LVIS's objects
        sides = np.clip(sides, 2, [0.95 * width, 0.95 * height]).astype(np.int64)
        self.sides = sides[np.lexsort(sides.T)]  # neighbours resemble each other
        runs = [_ellipse(int(w), int(h), height) for w, h in self.sides]
        self.area = np.array([sum(lengths[::2]) for _, lengths in runs])
        self.first = [first for first, _ in runs]
        self.middle, self.before_last = zip(*(_middle(first, lengths) for first, lengths in runs), strict=True)

    def place(self, rng: np.random.Generator, shapes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Top left corners [N, 2] (x, y) of `shapes` somewhere in the image."""
        room = np.array([self.width, self.height]) - self.sides[shapes]
        corners: NDArray[np.int64] = (rng.random((len(shapes), 2)) * (room + 1)).astype(np.int64)
        return corners

    def inside(self, shapes: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.int64]:
        """`corners` moved so far that the shapes lie in the image."""
        moved: NDArray[np.int64] = np.clip(corners, 0, np.array([self.width, self.height]) - self.sides[shapes])
        return moved

    def counts(self, shape: int, x: int, y: int) -> str:
        """The compressed RLE of a shape, as it stands in JSON."""
        start = self.first[shape] + x * self.height + y
        middle, (total, reference) = self.middle[shape], self.before_last[shape]
        last = self.height * self.width - start - total - reference
        return f"{_number(start)}{middle}{_number(last)}".replace("\\", "\\\\")


def _ellipse(width: int, height: int, rows: int) -> tuple[int, list[int]]:
    """Runs of an ellipse that fills a box in the top left corner of an image with `rows` rows: the background before
    it, and the runs from its first to its last pixel."""
    x = (np.arange(width) + 0.5) / width * 2 - 1
    half = np.sqrt(1 - x**2) * height / 2
    top = np.minimum(np.round(height / 2 - half), height - 1).astype(int)
    bottom = np.maximum(np.round(height / 2 + half).astype(int), top + 1)
    starts = np.arange(width) * rows + top
    ends = np.arange(width) * rows + bottom
    return int(starts[0]), np.diff(np.stack((starts, ends), 1).ravel()).tolist()


def _middle(first: int, lengths: list[int]) -> tuple[str, tuple[int, int]]:
    """`lengths` written as the runs after the first; their sum, and the run that the last one refers to."""
    runs = [first, *lengths]
    written = [run - runs[index - 2] if index > 2 else run for index, run in enumerate(runs)]
    return "".join(map(_number, written[1:])), (sum(lengths), runs[-2] if len(runs) > 2 else 0)


def _number(value: int) -> str:
    """A number of a compressed RLE."""
    text = ""
    while True:
        bits = value & 31
        value >>= 5
        done = value == (-1 if bits & 16 else 0)
        text += chr(48 + bits + (0 if done else 32))
        if done:
            return text


class _Truth:
    """The annotation file's rows, already JSON."""

    def __init__(self) -> None:
        self._images: list[str] = []
        self._annotations: list[str] = []

    def add_image(
        self, image: int, pool: _Pool, negative: NDArray[np.int64], not_exhaustive: NDArray[np.int64]
    ) -> None:
        row = {
            "id": image,
            "height": pool.height,
            "width": pool.width,
            "neg_category_ids": negative.tolist(),
            "not_exhaustive_category_ids": not_exhaustive.tolist(),
            "coco_url": f"http://images.cocodataset.org/val2017/{image:012d}.jpg",
            "license": 1,
        }
        self._images.append(json.dumps(row))

    def add_objects(
        self,
        image: int,
        pool: _Pool,
        classes: NDArray[np.int64],
        shapes: NDArray[np.int64],
        corners: NDArray[np.int64],
    ) -> None:
        angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
        circle = np.stack((np.cos(angle), np.sin(angle)), 1) / 2 + 0.5
        for category, shape, corner in zip(classes.tolist(), shapes, corners, strict=True):
            side = pool.sides[shape]
            row = {
                "id": len(self._annotations) + 1,
                "image_id": image,
                "category_id": category,
                "bbox": [*corner.tolist(), *side.tolist()],
                "area": float(pool.area[shape]),
                "segmentation": [np.round(corner + circle * side, 2).ravel().tolist()],
            }
            self._annotations.append(json.dumps(row))

    def write(self, path: Path) -> None:
        groups = ["f"] * 405 + ["c"] * 461 + ["r"] * 337  # LVIS's numbers; the frequent ones come first here
        categories = [
            json.dumps({"id": index, "name": f"class {index}", "frequency": group})
            for index, group in enumerate(groups, start=1)
        ]
        write_json(path, images=self._images, annotations=self._annotations, categories=categories)


def _detections(
    rng: np.random.Generator,
    image: int,
    pool: _Pool,
    listed: NDArray[np.int64],
    classes: NDArray[np.int64],
    shapes: NDArray[np.int64],
    corners: NDArray[np.int64],
) -> Iterator[str]:
    """DETECTIONS lines of JSON, best first: half of those in listed categories are annotations that were moved."""
    found = int(ANNOTATED / 2 * DETECTIONS)
    copied = rng.integers(len(shapes), size=found)
    shape = rng.integers(SHAPES, size=DETECTIONS)
    shape[:found] = np.clip(shapes[copied] + rng.normal(0, 20, found).astype(int), 0, SHAPES - 1)
    corner = pool.place(rng, shape)
    moved = corners[copied] + rng.normal(0, 0.06, (found, 2)) * pool.sides[shapes[copied]]
    corner[:found] = pool.inside(shape[:found], np.round(moved).astype(np.int64))
    category = rng.integers(1, CATEGORIES + 1, size=DETECTIONS)
    category[:found] = classes[copied]
    category[found : 2 * found] = rng.choice(listed, found)
    score = np.sort(rng.random(DETECTIONS).astype(np.float32) ** 4)[::-1].astype(np.float64)
    box = np.concatenate((corner, pool.sides[shape]), 1) + rng.normal(0, 0.3, (DETECTIONS, 4))
    box = np.maximum(box, 0.01).astype(np.float32).astype(np.float64)
    size = f"[{pool.height}, {pool.width}]".replace(" ", "")
    for row, place in enumerate(rng.permutation(DETECTIONS).tolist()):
        x, y, w, h = box[place].tolist()
        counts = pool.counts(int(shape[place]), int(corner[place, 0]), int(corner[place, 1]))
        yield (
            f'{{"image_id":{image},"category_id":{category[place]},"bbox":[{x!r},{y!r},{w!r},{h!r}],'
            f'"score":{float(score[row])!r},"segmentation":{{"size":{size},"counts":"{counts}"}}}}'
        )
