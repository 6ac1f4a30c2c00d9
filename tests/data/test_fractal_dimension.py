"""Fractal dimensions of box centres against the official ones, and against boxes that are counted one by one."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from lt_bench.data.fractal_dimension import fractal_dimension, of_file
from lt_bench.data.lvis import load

VECTORS = Path(__file__).resolve().parent.parent / "calibrations" / "vectors" / "fractal_dimension.npz"


def slope(points: list[tuple[float, float]]) -> float:
    """Of the least-squares line, by the normal equations."""
    n, x, y = len(points), sum(p[0] for p in points), sum(p[1] for p in points)
    xx, xy = sum(p[0] ** 2 for p in points), sum(p[0] * p[1] for p in points)
    return (n * xy - x * y) / (n * xx - x * x)


def one_by_one(centres: list[tuple[float, float]], finest: int) -> float:
    if len(centres) < 4:
        return 1.0
    points = []
    for g in range(1, finest + 1):
        if g * g <= len(centres):
            cells = {(math.floor(x * g), math.floor(y * g)) for x, y in centres}
            points.append((math.log(g), math.log(len(cells))))
    return max(1.0, slope(points))


def test_official_values() -> None:
    with np.load(VECTORS) as file:
        config = json.loads(str(file["config"]))
        found = fractal_dimension(file["cx"], file["cy"], file["category"], config["num_classes"], config["dims"])
        assert np.abs(found - file["fractal_dimension"]).max() <= 1e-6


def test_boxes_counted_one_by_one() -> None:
    random = np.random.default_rng(1)
    sizes = [0, 1, 3, 4, 5, 9, 200, 5000]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = random.random((len(labels), 2)) ** 3  # dense in a corner
    centres[labels == 5] = [0.5, 0.25]  # of one place: below 1 without the bound
    found = fractal_dimension(centres[:, 0], centres[:, 1], labels, len(sizes))
    for label, dimension in enumerate(found):
        own = [(float(x), float(y)) for x, y in centres[labels == label]]
        assert dimension == np.clip(one_by_one(own, 64), 1, None) or abs(dimension - one_by_one(own, 64)) < 1e-9
    assert found[5] == 1


def test_a_file_of_annotations(tmp_path: Path) -> None:
    """Boxes in pixels, ids that are no labels, a crowd, and an annotation of an image that the file does not list."""
    random = np.random.default_rng(2)
    images = [{"id": 10 + n, "width": 50 + 10 * n, "height": 200, "coco_url": f"/{n}.jpg"} for n in range(4)]
    for image in images:
        image |= {"neg_category_ids": [], "not_exhaustive_category_ids": []}
    annotations, centres = [], {3: [], 7: []}  # type: ignore[var-annotated]
    for number in range(60):
        image, category = images[number % 4], (3, 7)[number % 3 > 0]
        x, y = random.random(2) * [image["width"] - 10, 180]  # type: ignore[operator]
        entry = {"id": number + 1, "image_id": image["id"], "category_id": category, "bbox": [x, y, 8.0, 20.0]}
        entry |= {"area": 160.0, "segmentation": [[x, y, x + 8, y, x + 8, y + 20]], "iscrowd": int(number == 5)}
        if number == 6:
            entry["image_id"] = 999
        elif number != 5:
            centres[category].append(((x + 4) / image["width"], (y + 10) / 200))  # type: ignore[operator]
        annotations.append(entry)
    categories = [
        {"id": id_, "name": f"c{id_}", "frequency": "f", "image_count": 4, "instance_count": 9} for id_ in (7, 3)
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    found = of_file(load(path))
    expected = [one_by_one(centres[3], 64), one_by_one(centres[7], 64)]
    np.testing.assert_allclose(found, expected, atol=1e-9)
