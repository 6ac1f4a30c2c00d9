"""The error decomposition against loops that follow its definition, lvis-api's AP, vernier, and known errors."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as mask_utils
import pytest
from rectangles import HEIGHT, WIDTH, Rows, rectangle_mask

from lt_bench.evaluation.error_analysis.decomposition import Decomposition, decompose
from lt_bench.evaluation.inputs.detections import read_detections
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth
from lt_bench.evaluation.terms import ERRORS, GROUPS, KINDS


def decomposition(truth: Path, predictions: Path, kind: Any) -> Decomposition:
    loaded = load_ground_truth(truth)
    detections = read_detections(predictions, loaded, masks=kind == "segm")
    return decompose(loaded, detections.take(detections.image_rank < 300), kind)


def mistakes(rng: np.random.Generator, truth: dict[str, Any]) -> Rows:
    """Detections of every annotation, or none: shifted, of a wrong category, twice, and all of this at once."""
    images = {image["id"]: image for image in truth["images"]}
    known = [category["id"] for category in truth["categories"]]
    positive = defaultdict(list)
    for row in truth["annotations"]:
        positive[row["image_id"]].append(row["category_id"])
    rows = []
    for annotation in truth["annotations"]:
        x, y, w, h = annotation["bbox"]
        image = annotation["image_id"]
        for _ in range(rng.integers(0, 4)):
            shift = int(max(w, h) * rng.choice([0, 0, 0.4, 0.8]))
            category = annotation["category_id"]
            if rng.random() < 0.4:
                annotated = [*positive[image], *images[image]["neg_category_ids"]]
                category = int(rng.choice([key for key in annotated if key in known]))
            bbox = [x + shift, y, max(1, w), max(1, h)]
            row = {"image_id": image, "category_id": category, "bbox": bbox, "score": float(rng.random())}
            rows.append({**row, "segmentation": rectangle_mask(*bbox)})
    return rows


def box_iou(one: Any, other: Any) -> float:
    (x, y, w, h), (a, b, c, d) = one["bbox"], other["bbox"]
    inner = max(0.0, min(x + w, a + c) - max(x, a)) * max(0.0, min(y + h, b + d) - max(y, b))
    return inner / (w * h + c * d - inner) if inner else 0.0


def pixels(row: Any) -> np.ndarray:
    if "score" in row:
        return mask_utils.decode(row["segmentation"]).astype(bool)
    return mask_utils.decode(mask_utils.merge(mask_utils.frPyObjects(row["segmentation"], HEIGHT, WIDTH))).astype(bool)


def mask_iou(one: Any, other: Any) -> float:
    first, second = pixels(one), pixels(other)
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 0.0


def naive(truth: dict[str, Any], rows: Rows, kind: str) -> Decomposition:
    """The definition, one detection after the other."""
    iou = box_iou if kind == "bbox" else mask_iou
    frequency = {category["id"]: category["frequency"] for category in truth["categories"]}
    outcomes: list[tuple[Any, str, Any]] = []  # detection, what it is, the object that fixing it would give it
    objects = [dict(row) for row in truth["annotations"] if row["area"] > 0]
    for image in sorted(truth["images"], key=lambda image: image["id"]):
        present = [row for row in objects if row["image_id"] == image["id"]]
        listed = {row["category_id"] for row in present} | set(image["neg_category_ids"])
        found = sorted((row for row in rows if row["image_id"] == image["id"]), key=lambda row: -row["score"])[:300]
        for row in found:
            size = row["bbox"][2] * row["bbox"][3] if kind == "bbox" else pixels(row).sum()
            if row["category_id"] not in listed or size <= 0:
                continue
            fits = [(iou(row, other), other) for other in present]
            own = [pair for pair in fits if pair[1]["category_id"] == row["category_id"]]
            best: Any = None
            for value, other in own:
                if value >= 0.5 and "match" not in other:
                    key = (not other.get("ignore"), value)
                    best = (key, other) if best is None or key >= best[0] else best
            if best is not None:
                best[1]["match"] = row
                outcomes.append((row, "forgiven" if best[1].get("ignore") else "correct", best[1]))
                continue
            if row["category_id"] in image["not_exhaustive_category_ids"]:
                outcomes.append((row, "forgiven", None))
                continue
            counted = [pair for pair in fits if not pair[1].get("ignore")]
            same, else_ = (
                max(
                    (p for p in counted if (p[1]["category_id"] == row["category_id"]) == own_category),
                    key=itemgetter(0),
                    default=(0.0, None),
                )
                for own_category in (True, False)
            )
            if 0.1 <= same[0] < 0.5:
                outcomes.append((row, "localisation", same[1]))
            elif else_[0] >= 0.5:
                outcomes.append((row, "classification", else_[1]))
            elif same[0] >= 0.5:
                outcomes.append((row, "duplicate", None))
            else:
                outcomes.append((row, "both" if else_[0] >= 0.1 else "background", None))

    reached = {id(target) for _, _, target in outcomes if target is not None}
    needed = [row for row in objects if not row.get("ignore")]
    missed = [row for row in needed if id(row) not in reached]

    def group_ap(entries: list[tuple[int, float, bool]], asked: Rows, group: str) -> float | None:
        values = []
        for category in frequency:
            total = sum(row["category_id"] == category for row in asked)
            if total and group in ("all", frequency[category]):
                values.append(average_precision([(s, ok) for c, s, ok in entries if c == category], total))
        return sum(values) / len(values) if values else None

    result = Decomposition({}, {group: {} for group in GROUPS}, {group: {} for group in GROUPS})
    base = [(row["category_id"], row["score"], what == "correct") for row, what, _ in outcomes if what != "forgiven"]
    for error in ERRORS:
        entries, given = [], set()
        for row, what, target in sorted(outcomes, key=lambda outcome: -outcome[0]["score"]):
            if what == "forgiven":
                continue
            if what not in ("correct", error):
                entries.append((row["category_id"], row["score"], False))
            elif target is not None and id(target) not in given:
                given.add(id(target))
                entries.append((target["category_id"], row["score"], True))
        for group in GROUPS:
            before = group_ap(base, needed, group)
            result.ap[group] = -1.0 if before is None else before
            left = [row for row in needed if all(row is not other for other in missed)] if error == "missed" else needed
            after = group_ap(entries, left, group)
            result.delta_ap[group][error] = 0.0 if before is None else (1.0 if after is None else after) - before
            wrong = missed if error == "missed" else [row for row, what, _ in outcomes if what == error]
            result.count[group][error] = sum(group in ("all", frequency[row["category_id"]]) for row in wrong)
    return result


def average_precision(entries: list[tuple[float, bool]], total: int) -> float:
    """Mean over 101 points of recall of the highest precision at that recall or more. Scores differ."""
    points, right = [], 0
    for place, (_, ok) in enumerate(sorted(entries, reverse=True), 1):
        right += ok
        points.append((right / total, right / place))
    return sum(max((p for r, p in points if r >= recall), default=0.0) for recall in np.linspace(0, 1, 101)) / 101


def assert_equal(found: Decomposition, expected: Decomposition) -> None:
    assert found.count == expected.count
    for group in GROUPS:
        assert found.ap[group] == pytest.approx(expected.ap[group], abs=1e-12)
        assert found.delta_ap[group] == pytest.approx(expected.delta_ap[group], abs=1e-12)


QUIRKS = [(), ("fractions",), ("ignore", "contradictions"), ("no area", "crowd"), ("large",), ("many",)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quirks", QUIRKS, ids="+".join)
def test_every_number_is_that_of_the_definition(made_set: Any, write: Any, kind: str, quirks: tuple[str, ...]) -> None:
    seen: dict[str, int] = defaultdict(int)
    for seed in range(1 if "many" in quirks else 4):
        truth, rows = made_set(seed, *quirks)
        if "many" in quirks:
            rows = [row for row in rows if row["image_id"] < 3]  # 450 detections per image
        rows = mistakes(np.random.default_rng(seed), truth) + (rows if "many" in quirks else rows[::4])
        found = decomposition(write("truth.json", truth), write("found.json", rows), kind)
        assert_equal(found, naive(truth, rows, kind))
        for name, count in found.count["all"].items():
            seen[name] += count
    assert all(seen[name] for name in ERRORS), seen


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quirks", [(), ("ties",), ("ignore", "contradictions"), ("no area",)], ids="+".join)
def test_ap_is_that_of_lvis_api(
    made_set: Any, write: Any, lvis_api: Callable[..., Any], kind: str, quirks: tuple[str, ...]
) -> None:
    truth, rows = made_set(7, *quirks)
    annotations = write("truth.json", truth)
    results = lvis_api(annotations, rows, kind)
    found = decomposition(annotations, write("found.json", rows), kind)
    precision = results.eval["precision"][0, :, :, 0]
    groups = {"all": range(precision.shape[1]), **dict(zip("rcf", results.freq_groups, strict=True))}
    for group, members in groups.items():
        values = precision[:, list(members)]
        assert found.ap[group] == pytest.approx(values[values > -1].mean() if (values > -1).any() else -1, abs=1e-12)


def exhaustive(truth: dict[str, Any]) -> dict[str, Any]:
    """The same with every category known in every image: an ordinary set."""
    everything = {category["id"] for category in truth["categories"]}
    for image in truth["images"]:
        present = {row["category_id"] for row in truth["annotations"] if row["image_id"] == image["id"]}
        image.update(not_exhaustive_category_ids=[], neg_category_ids=sorted(everything - present))
    return truth


def perfect(truth: dict[str, Any]) -> Rows:
    """Every object found exactly, with a score of its own."""
    rows = []
    for index, row in enumerate(truth["annotations"]):
        box = [float(side) for side in row["bbox"]]
        found = {
            "image_id": row["image_id"],
            "category_id": row["category_id"],
            "bbox": box,
            "score": 0.9 - index / 1e3,
        }
        rows.append({**found, "segmentation": rectangle_mask(*row["bbox"])})
    return rows


def apart(truth: dict[str, Any]) -> dict[str, Any]:
    """Objects 20 x 20 that do not touch, two of each of two categories per image."""
    truth = exhaustive(truth)
    for category, frequency in zip(truth["categories"], "rrffc", strict=True):
        category["frequency"] = frequency
    ids = [category["id"] for category in truth["categories"]]
    truth["annotations"] = []
    for number, image in enumerate(truth["images"]):
        chosen = [ids[number % 4], ids[(number + 2) % 4]]  # one rare, one frequent
        image.update(neg_category_ids=[key for key in ids if key not in chosen])
        for place, category in enumerate([*chosen, *chosen]):
            box = [5 + 45 * place, 30, 20, 20]
            x, y, w, h = box
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "image_id": image["id"],
                    "category_id": category,
                    "bbox": box,
                    "area": w * h,
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    "iscrowd": 0,
                }
            )
    return truth


@pytest.mark.parametrize("kind", KINDS)
def test_delta_ap_is_that_of_vernier_on_an_ordinary_set(made_set: Any, write: Any, kind: str) -> None:
    """Where no two detections claim one object: what loses a claim is removed here, and stays a false positive there.

    To vernier every object without a match is missed, also one that another error explains. It averages over the IoU
    thresholds 0.50 to 0.95: to all of them a fit by 1, 1/3 or 0 is the same.
    """
    from vernier import _core

    truth = apart(made_set(0)[0])
    ids = [category["id"] for category in truth["categories"]]
    kept = {"right": (0, True), "again": (0, True), "shifted": (10, True), "confused": (0, False)}
    cases = {
        "found": ["right"],
        "twice": ["right", "again"],
        "localisation": ["shifted"],
        "classification": ["confused"],
    }
    cases |= {"absent": []}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = []
        for row in perfect(truth):
            parts = [kept[part] for part in cases[str(rng.choice(list(cases)))]]
            parts += [(int(shift), False) for shift in (10, 22) if rng.random() < 0.2]
            for shift, right in parts:
                x, y, w, h = (int(side) for side in row["bbox"])
                category = row["category_id"] if right else int(rng.choice([k for k in ids if k != row["category_id"]]))
                found = {"image_id": row["image_id"], "category_id": category, "score": float(rng.random())}
                rows.append({**found, "bbox": [x + shift, y, w, h], "segmentation": rectangle_mask(x + shift, y, w, h)})
        ours = decomposition(write("truth.json", truth), write("found.json", rows), kind)
        decomposed = _core.error_decomposition_bbox if kind == "bbox" else _core.error_decomposition_segm
        report = decomposed(json.dumps(truth).encode(), json.dumps(rows).encode(), "strict", 0.5, 0.1, 300, True)
        assert all(ours.count["all"].values())
        assert ours.ap["all"] == pytest.approx(report["baseline_map"], abs=1e-9)
        for short, name in zip(("cls", "loc", "both", "dupe", "bkg"), ERRORS[:5], strict=True):
            expected = report["delta"][short]  # type: ignore[literal-required]
            assert ours.delta_ap["all"][name] == pytest.approx(expected, abs=1e-9), name


def spoil(truth: dict[str, Any], rows: Rows, error: str, every: int = 3) -> int:
    """Put errors of one kind into perfect detections, in place; returns how many."""
    ids = [category["id"] for category in truth["categories"]]
    chosen = rows[::every]
    for row in chosen:
        if error == "classification":
            row["category_id"] = ids[4]  # known to be absent everywhere
        elif error == "missed":
            rows.remove(row)
        elif error == "duplicate":
            rows.append({**row, "score": row["score"] + 0.05})
        else:
            shift = {"localisation": 10, "both": 10, "background": 22}[error]
            x, y, w, h = (int(side) for side in row["bbox"])
            if error != "localisation":
                rows.append(row := {**row, "score": row["score"] + 0.05})
            row["bbox"] = [float(x + shift), float(y), float(w), float(h)]
            row["segmentation"] = rectangle_mask(x + shift, y, w, h)
            if error == "both":
                row["category_id"] = ids[4]
    return len(chosen)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", ERRORS)
def test_a_known_error_is_found_and_no_other(made_set: Any, write: Any, kind: str, error: str) -> None:
    truth = apart(made_set(0)[0])
    annotations = write("truth.json", truth)
    rows = perfect(truth)
    sound = decomposition(annotations, write("found.json", rows), kind)
    assert sound.ap["all"] == pytest.approx(1)
    assert set(sound.count["all"].values()) == {0}
    number = spoil(truth, rows, error)
    found = decomposition(annotations, write("found.json", rows), kind)
    assert found.count["all"] == {**dict.fromkeys(ERRORS, 0), error: number}
    # false positives of a category without objects cost nothing, whatever they are
    assert (found.delta_ap["all"][error] > 0) == (error != "both")
    for name in ERRORS:
        expected = 1 - found.ap["all"] if name == error else 0
        assert found.delta_ap["all"][name] == pytest.approx(expected, abs=1e-12), name


def test_a_confusion_costs_the_group_of_the_object_and_is_booked_under_that_of_the_prediction(
    made_set: Any, write: Any
) -> None:
    truth = apart(made_set(0)[0])
    frequency = {category["id"]: category["frequency"] for category in truth["categories"]}
    rows = perfect(truth)
    frequent = {row["image_id"]: row["category_id"] for row in rows if frequency[row["category_id"]] == "f"}
    confused = [row for row in rows if frequency[row["category_id"]] == "r"][::2]
    for row in confused:
        row["category_id"] = frequent[row["image_id"]]
    found = decomposition(write("truth.json", truth), write("found.json", rows), "bbox")
    assert {group: found.count[group]["classification"] for group in "rcf"} == {"r": 0, "c": 0, "f": len(confused)}
    assert found.delta_ap["r"]["classification"] == pytest.approx(
        1 - found.ap["r"]
    )  # half of its objects are not found
    assert found.delta_ap["f"]["classification"] == pytest.approx(1 - found.ap["f"])  # false positives
    assert found.ap["r"] < 0.6 < found.ap["f"] < 1
    assert found.ap["c"] == -1
    assert found.delta_ap["c"] == dict.fromkeys(ERRORS, 0)


def test_what_nobody_annotated_is_no_error(made_set: Any, write: Any) -> None:
    truth = apart(made_set(0)[0])
    rows = perfect(truth)
    absent = truth["categories"][4]["id"]
    for image in truth["images"][::2]:
        image["neg_category_ids"].remove(absent)  # no longer known to be absent
    for row in rows[:16]:
        image = next(image for image in truth["images"] if image["id"] == row["image_id"])
        image["not_exhaustive_category_ids"] = sorted({*image["not_exhaustive_category_ids"], row["category_id"]})
    extra = [
        {**row, "category_id": absent} for row in rows if row["image_id"] in {i["id"] for i in truth["images"][::2]}
    ]
    forgiven = [{**row, "score": 0.95} for row in rows[:16:4]]
    found = decomposition(write("truth.json", truth), write("found.json", rows + extra + forgiven), "bbox")
    assert found.ap["all"] == pytest.approx(1)
    assert found.count["all"] == dict.fromkeys(ERRORS, 0)


def test_without_detections_everything_is_missed(made_set: Any, write: Any) -> None:
    truth = apart(made_set(0)[0])
    found = decomposition(write("truth.json", truth), write("found.json", []), "segm")
    assert found.count["all"] == {**dict.fromkeys(ERRORS, 0), "missed": len(truth["annotations"])}
    assert found.delta_ap["all"] == {**dict.fromkeys(ERRORS, 0.0), "missed": 1.0}


def test_an_object_that_counts_comes_before_an_ignored_one(made_set: Any, write: Any, lvis_api: Any) -> None:
    truth = apart(made_set(0)[0])
    rows = perfect(truth)
    for row in list(truth["annotations"]):
        x, y, w, h = row["bbox"]
        smaller = {"id": row["id"] + 1000, "bbox": [x, y, w, h - 4], "area": w * (h - 4), "ignore": 1}
        truth["annotations"].append({**row, **smaller})
    for row in rows:
        row["bbox"][3] -= 4  # fits the ignored object better
    annotations = write("truth.json", truth)
    found = decomposition(annotations, write("found.json", rows), "bbox")
    assert found.ap["all"] == pytest.approx(1)
    assert found.count["all"] == dict.fromkeys(ERRORS, 0)
    assert lvis_api(annotations, rows, "bbox").results["AP50"] == pytest.approx(1)
