"""What passes the check is trained on and evaluated as lvis-api evaluates it, and all else is reported.

`make fuzz` draws 5,000 files anew.
"""

from __future__ import annotations

import copy
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive_form import both_forms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_files import FORMS, MISSING, Content, OddData, Oddity, detections_on, odd_files, sound_content, write_images

from lt_bench.data import lvis
from lt_bench.data.agreement import disagreements
from lt_bench.data.problem import REMEDIES, described
from lt_bench.data.verify import check_both
from lt_bench.errors import UserError
from lt_bench.evaluation.ap import average_precision
from lt_bench.evaluation.ap.average_precision import EVALUATORS, Evaluator, evaluate_all
from lt_bench.evaluation.terms import IouType

KINDS: dict[bool, tuple[IouType, ...]] = {True: ("bbox", "segm"), False: ("bbox",)}  # with masks, and without


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("odd") / "data"
    write_images(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LT_BENCH_CACHE", "/dev/null/none")  # that nothing is kept saves most of the time
        patch.setattr(average_precision, "disagreement", lambda *given: None)  # vernier alone, beside lvis-api
        yield folder


def write(root: Path, content: Content, split: str, form: str = "plain") -> Path:
    path = root / f"lvis_v1_{split}.json"
    path.write_bytes(FORMS[form](json.dumps(content, ensure_ascii=False)))
    return path


def reported(root: Path, train: Path, val: Path, masks: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """The problems that the check finds, each with what to do about it, and its notes."""
    try:
        files = lvis.load(train, masks=masks), lvis.load(val, masks=masks)
    except UserError as error:
        return [(error.message, error.remedy)], []
    found = check_both(files[0], files[1], root, with_masks=masks)
    assert list(disagreements(*files)) == found.problems["both"]
    return [(described(problem), REMEDIES[problem.kind]) for problem in found.all()], found.notes


def evaluated(val: Path, rows: list[dict[str, Any]], evaluator: Evaluator, masks: bool) -> dict[str, Any]:
    """By kind: the precision array, or None where it was refused, which must be with a remedy."""
    predictions = val.with_name("predictions.json")
    predictions.write_text(json.dumps(rows))
    found: dict[str, Any] = {}
    for kind in KINDS[masks]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[kind] = evaluate_all(val, predictions, (kind,), evaluator)[kind].precision
        except UserError as error:
            assert str(val) in error.message and error.remedy
            found[kind] = None
    return found


def by_lvis_api(folder: Path, content: Content, rows: list[dict[str, Any]], kind: str) -> Any:
    """On the mended file: annotations are numbered from 1, as lvis-api reads 0 as no match, and absent classes are
    listed where the file says that all are."""
    import lvis as api
    import lvis.eval

    content = both_forms(content)[0] if content.get("exhaustive") else copy.deepcopy(content)
    for place, annotation in enumerate(content["annotations"], start=1):
        annotation["id"] = place
    path = folder / "mended.json"
    path.write_text(json.dumps(content))
    other = {"bbox": "segmentation", "segm": "bbox"}[kind]
    rows = [{key: value for key, value in row.items() if key != other} for row in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "float", float, raising=False)
        truth = api.LVIS(str(path))
        evaluation = api.LVISEval(truth, api.LVISResults(truth, rows), kind)
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"]


def train_on(root: Path, train: Path, masks: bool) -> int:
    """Loads every training image as a run does, of a detector with masks or without. Returns the number of objects."""
    from lt_bench.detector.dataset import LVISFormatDataset

    pipeline = [
        {"type": "LoadImageFromFile"},
        {"type": "mmdet.LoadAnnotations", "with_bbox": True, "with_mask": masks},
        {"type": "mmdet.PackDetInputs"},
    ]
    dataset = LVISFormatDataset(
        ann_file=str(train),
        data_root=str(root),
        pipeline=pipeline,
        filter_cfg={"filter_empty_gt": True, "min_size": 32},
    )
    samples = [dataset[index]["data_samples"].gt_instances for index in range(len(dataset))]
    for instances in samples:
        assert np.isfinite(instances.bboxes.numpy()).all()
        assert not masks or len(instances.masks) == len(instances.labels)
    return sum(map(len, samples))


def is_mask_like(value: object) -> bool:
    return value is None or isinstance(value, list | dict)


EXAMPLES = 3 * settings().max_examples


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(odd_files(), st.sampled_from(EVALUATORS))
def test_what_passes_the_check_is_read_and_evaluated_rightly(root: Path, drawn: OddData, evaluator: Evaluator) -> None:
    contents, forms, oddities, masks = drawn.contents, drawn.forms, drawn.oddities, drawn.masks
    train, val = (write(root, contents[split], split, forms[split]) for split in ("train", "val"))
    reports, notes = reported(root, train, val, masks)
    if not reports:
        objects = contents["train"]["annotations"]
        assert train_on(root, train, masks) == len(objects) or any("not trained on" in note for note in notes)
        counted = [0 < entry["area"] <= 1e10 and not entry.get("ignore") for entry in contents["val"]["annotations"]]
        assert all(counted) or any("not evaluated" in note for note in notes)
    if not masks and reports:  # nothing is asked of masks then, but that they are of a mask's type
        assert any(oddity.field != "segmentation" or not is_mask_like(oddity.value) for oddity in oddities)
    for message, remedy in reports:
        assert remedy
        assert "lvis_v1_train.json" in message or "lvis_v1_val.json" in message
    if reports and len(oddities) == 1:
        assert any(names(oddities[0], message) for message, _ in reports), (oddities[0], reports)
    if forms["val"] != "plain" or any(oddity.split == "val" for oddity in oddities):
        assess(val, contents["val"], evaluator, masks, must=not reports)


def assess(val: Path, content: Content, evaluator: Evaluator, masks: bool, must: bool) -> None:
    """must: whether the file must be evaluated."""
    try:
        rows = detections_on(content, masks)
    except Exception:  # the file has no images, sizes or classes to make detections of
        assert not must
        rows = detections_on(sound_content("val"), masks)
    found = evaluated(val, rows, evaluator, masks)
    for kind, precision in found.items():
        if precision is None:
            assert not must
        else:
            np.testing.assert_array_equal(precision, by_lvis_api(val.parent, content, rows, kind))


def names(oddity: Oddity, message: str) -> bool:
    """Whether a report names the entry, the field and the value."""
    if not oddity.field:
        return oddity.section in message
    entry = rf"{oddity.section}\[{oddity.index}\]|image|annotation|category|\bid\b"
    fields = {"image_id": "image", "category_id": "category", "id": r"\bid\b|image|category"}
    field = re.search(fields.get(oddity.field, oddity.field), message)
    return bool(re.search(entry, message)) and field is not None and value_of(oddity) in message


def value_of(oddity: Oddity) -> str:
    """The value as a report has it, if it is short. Of an id that is not used elsewhere, those that are used are."""
    value = oddity.value
    if value is MISSING or value is None:
        return "no" if value is MISSING else "null"
    if isinstance(value, list | dict) or (oddity.field == "id" and type(value) is int):
        return ""
    return value if isinstance(value, str) else repr(value)[:12]
