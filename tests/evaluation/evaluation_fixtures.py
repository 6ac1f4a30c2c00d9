"""Small LVIS data sets with made detections, and lvis-api called directly: the truth the evaluators must meet."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rectangles import HEIGHT, WIDTH, Rows, rectangle_mask


def ground_truth(rng: np.random.Generator, quirks: Collection[str]) -> dict[str, Any]:
    """12 images of 5 categories, ids in no order; in each image two categories are positive and one is negative."""
    frequencies = {7: "r", 2: "c", 11: "f", 30: "r", 5: "c"}
    categories = [{"id": key, "name": f"class {key}", "frequency": value} for key, value in frequencies.items()]
    images: Rows = []
    annotations: Rows = []
    for image in (rng.permutation(12) + 1).tolist():
        present = rng.permutation(list(frequencies)).tolist()
        not_exhaustive = present[:1] if rng.random() < 0.4 else []
        negative = present[2:3]
        if "contradictions" in quirks:
            not_exhaustive, negative = [*present[1:3], present[4], 99], [present[0], *present[2:4], 99]
        images.append(
            {
                "id": image,
                "width": WIDTH,
                "height": HEIGHT,
                "neg_category_ids": negative,
                "not_exhaustive_category_ids": not_exhaustive,
            }
        )
        for category in present[:2]:
            for _ in range(rng.integers(1, 4)):
                (x, y), (w, h) = rng.integers(0, 100, 2).tolist(), rng.integers(3, 60, 2).tolist()
                if "large" in quirks:
                    x, y, w, h = x // 5, y // 5, w + 130, h + 80
                if "no area" in quirks and rng.random() < 0.3:
                    w = 0
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": category,
                        "bbox": [x, y, w, h],
                        "area": w * h,
                        "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                        **({"iscrowd": int(rng.random() < 0.3)} if "crowd" in quirks else {}),
                        **({"ignore": int(rng.random() < 0.3)} if "ignore" in quirks else {}),
                    }
                )
    return {"images": images, "annotations": annotations, "categories": categories}


def detections(rng: np.random.Generator, truth: dict[str, Any], quirks: Collection[str]) -> Rows:
    """Every annotation, moved a little, among made-up boxes of every category in every image."""
    boxes = []
    for annotation in truth["annotations"]:
        x, y, w, h = annotation["bbox"]
        dx, dy, dw, dh = rng.integers(-3, 4, 4).tolist()
        boxes.append((annotation["image_id"], annotation["category_id"], x + dx, y + dy, w + dw, h + dh))
    for image in truth["images"]:
        for category in truth["categories"]:
            for _ in range(90 if "many" in quirks else rng.integers(0, 6)):
                boxes.append((image["id"], category["id"], *rng.integers(0, 120, 2), *rng.integers(1, 38, 2)))
    rows: Rows = []
    for index in rng.permutation(len(boxes)):
        image, category, x, y, w, h = (int(value) for value in boxes[index])
        x, y, w, h = max(0, x), max(0, y), max(1, w), max(1, h)
        if "no area" in quirks and rng.random() < 0.3:
            w = 0
        bbox = [float(x), float(y), float(w), float(h)]
        if "fractions" in quirks:
            bbox = [value + float(rng.random()) for value in bbox]
        if "other boxes" in quirks:
            bbox[2] *= 1.5
        score = float(rng.random())
        if "ties" in quirks:
            score = round(score, 1)
        if "last digits" in quirks:
            score = 0.3 + float(np.spacing(0.3)) * int(4 * score)
        row = {"image_id": image, "category_id": category, "bbox": bbox, "score": score}
        rows.append({**row, "segmentation": rectangle_mask(x, y, w, h)})
    return rows


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the annotations' indexes."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def made_set() -> Callable[..., tuple[dict[str, Any], Rows]]:
    def make(seed: int, *quirks: str) -> tuple[dict[str, Any], Rows]:
        rng = np.random.default_rng(seed)
        truth = ground_truth(rng, quirks)
        return truth, detections(rng, truth, quirks)

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], Path]:
    def save(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    return save


@pytest.fixture
def lvis_api(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Rows, str], Any]:
    """lvis-api on detections that carry only what `iou_type` is about: its evaluation, run."""
    import lvis
    import lvis.eval

    class Numpy:
        float = float

        def __getattr__(self, name: str) -> Any:
            return getattr(np, name)

    def run(annotations: Path, rows: Rows, iou_type: str) -> Any:
        other = "segmentation" if iou_type == "bbox" else "bbox"
        own = [{key: value for key, value in row.items() if key != other} for row in rows]
        with monkeypatch.context() as patch:
            patch.setattr(lvis.eval, "np", Numpy())
            truth = lvis.LVIS(str(annotations))
            evaluation = lvis.LVISEval(truth, lvis.LVISResults(truth, own, max_dets=300), iou_type)
            evaluation.run()
        return evaluation

    return run
