from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pycocotools.mask as mask_utils

from benchmarks.evaluation.synthetic_val import write_val


def test_masks_are_sound_and_lie_where_their_boxes_are(tmp_path: Path) -> None:
    detections = write_val(tmp_path / "truth.json", tmp_path / "rows.json", 6)
    rows = json.loads((tmp_path / "rows.json").read_text())
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert detections == len(rows) == 6 * 300
    size = {image["id"]: [image["height"], image["width"]] for image in truth["images"]}
    differences = []
    for row in rows:
        assert row["segmentation"]["size"] == size[row["image_id"]]
        assert mask_utils.decode(row["segmentation"]).any()
        differences.append(np.abs(mask_utils.toBbox(row["segmentation"]) - row["bbox"]))
    assert np.median(differences) < 1
    listed = {image["id"]: set(image["neg_category_ids"]) for image in truth["images"]}
    for annotation in truth["annotations"]:
        listed[annotation["image_id"]].add(annotation["category_id"])
    share = np.mean([row["category_id"] in listed[row["image_id"]] for row in rows])
    assert 0.3 < share < 0.5
