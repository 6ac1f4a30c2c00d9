"""A part of an annotation file is an annotation file."""

from __future__ import annotations

import json
from pathlib import Path

from exhaustive_form import both_forms
from experiments import write_annotations

from lt_bench.data.lvis import load
from lt_bench.data.subset import subset


def test_a_subset_holds_its_images_and_their_annotations_as_they_were(tmp_path: Path) -> None:
    path = write_annotations(tmp_path).train
    content = json.loads(path.read_text())
    (tmp_path / "part.json").write_bytes(b"".join(subset(load(path), [1])))
    part = json.loads((tmp_path / "part.json").read_text())
    assert part["images"] == content["images"][1:]
    assert part["annotations"] == [row for row in content["annotations"] if row["image_id"] == 2]
    assert part["categories"] == content["categories"]
    assert load(tmp_path / "part.json").image_ids == [2]


def test_a_subset_of_what_is_exhaustive_says_so(tmp_path: Path) -> None:
    path = write_annotations(tmp_path).train
    for form in both_forms(json.loads(path.read_text())):
        path.write_text(json.dumps(form))
        (tmp_path / "part.json").write_bytes(b"".join(subset(load(path), [1])))
        assert load(tmp_path / "part.json").exhaustive is ("exhaustive" in form)
