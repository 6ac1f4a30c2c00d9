"""Open Images' files as LVIS's form, against a plain recount of what was written into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openimages_form import ABOVE, NAMES, Content, Thing, drawn_mask, miniature, write_release
from pycocotools import mask as coco_masks

from lt_bench.data.convert.conversion import convert
from lt_bench.data.convert.openimages.reader import image_folder, sources
from lt_bench.data.convert.openimages.releases import RELEASES
from lt_bench.data.convert.options import Options
from lt_bench.data.image_files import Split
from lt_bench.data.lvis import load
from lt_bench.data.verify import check_both
from lt_bench.errors import UserError

IDS = {name: number for number, name in enumerate(NAMES.values(), start=1)}  # in the order of the list
MASKED = ("masks", "2019 masks")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))


def converted(
    root: Path, content: dict[str, Content], release: str = "boxes", options: Options | None = None
) -> tuple[dict[str, Any], list[str]]:
    """By split what is written, and the report."""
    files = write_release(root, content, release)
    paths: dict[Split, Path] = {"train": root / "out" / "train.json", "val": root / "out" / "val.json"}
    given = [f"{split}:{path}" for split, path in files.items()]
    done = convert(sources(given), paths, options or Options())
    return {split: json.loads(path.read_text(encoding="utf-8")) for split, path in paths.items()}, done.lines


def with_above(name: str) -> set[str]:
    return {name, *ABOVE.get(name, ())}


def below(name: str) -> set[str]:
    return {name, *(other for other, above in ABOVE.items() if name in above)}


@pytest.mark.parametrize("release", RELEASES)
def test_boxes_negatives_and_counts_are_those_of_a_plain_recount(tmp_path: Path, release: str) -> None:
    content = miniature()
    found, lines = converted(tmp_path, content, release)
    for split, own in content.items():
        lvis = found[split]
        images = {image["open_images_id"]: image for image in lvis["images"]}
        assert [image["id"] for image in lvis["images"]] == list(range(1, len(images) + 1))
        assert list(images) == sorted(own.sizes)
        for key, image in images.items():
            assert (image["width"], image["height"]) == own.sizes[key]
            assert image["file_name"] == f"{key}.jpg"
            shown = {name for thing in own.things if thing.image == key for name in with_above(thing.name)}
            of_image = [(name, there) for labelled, name, there in own.labels if labelled == key]
            present = {up for name, there in of_image if there for up in with_above(name)}
            absent = {down for name, there in of_image if not there for down in below(name)}
            assert image["neg_category_ids"] == sorted(IDS[name] for name in absent - shown - present)
            assert image["not_exhaustive_category_ids"] == sorted(IDS[name] for name in present - shown)
        right = []
        for thing in own.things:
            width, height = own.sizes[thing.image]
            left, edge, top, bottom = thing.box
            box = [left * width, top * height, (edge - left) * width, (bottom - top) * height]
            maskless = release in MASKED and not thing.masked
            for name in with_above(thing.name):
                ignored = 1 if thing.group or maskless else None
                right.append((images[thing.image]["id"], IDS[name], box, int(thing.group), ignored, thing.depiction))
        written = [
            (one["image_id"], one["category_id"], one["bbox"], one["iscrowd"], one.get("ignore"), one["is_depiction"])
            for one in lvis["annotations"]
        ]
        assert len(written) == len(right)
        for (*one, box, crowd, ignore, depiction), (*other, expected, is_group, ignored, drawn) in zip(
            sorted(written, key=str), sorted(right, key=str), strict=True
        ):
            assert (one, crowd, ignore, depiction) == (other, is_group, ignored, drawn)
            assert box == pytest.approx(expected, abs=1e-4)
        assert [one["id"] for one in lvis["annotations"]] == list(range(1, len(written) + 1))
        for category in lvis["categories"]:
            assert NAMES[category["freebase_id"]] == category["name"] and IDS[category["name"]] == category["id"]
            counted = [
                thing.image
                for thing in content["train"].things
                if category["name"] in with_above(thing.name) and not thing.group
                if release not in MASKED or thing.masked
            ]
            assert (category["image_count"], category["instance_count"]) == (len(set(counted)), len(counted))
    assert any("2 verified absences are no negatives" in line for line in lines)
    assert any("7 annotations were added for them" in line for line in lines)
    assert any("evaluated by LVIS's rules, not by the challenge's" in line for line in lines)


def test_objects_of_classes_above_say_what_they_were(tmp_path: Path) -> None:
    found, _ = converted(tmp_path, miniature())
    first = [one for one in found["val"]["annotations"] if one["image_id"] == 2][:3]
    assert [one["category_id"] for one in first] == [IDS["Taxi"], IDS["Car"], IDS["Vehicle"]]
    assert [one.get("expanded_from") for one in first] == [None, IDS["Taxi"], IDS["Taxi"]]
    assert len({str(one["bbox"]) for one in first}) == 1


@pytest.mark.parametrize("release", MASKED)
def test_masks_are_the_drawn_ones(tmp_path: Path, release: str) -> None:
    content = miniature()
    found, lines = converted(tmp_path, content, release)
    for split, own in content.items():
        images = {image["id"]: image["open_images_id"] for image in found[split]["images"]}
        masked = [one for one in found[split]["annotations"] if isinstance(one["segmentation"], dict)]
        assert len(masked) == sum(len(with_above(thing.name)) for thing in own.things if thing.masked)
        for one in masked:
            key = images[one["image_id"]]
            pixels = coco_masks.decode(one["segmentation"])
            own_class = one.get("expanded_from", one["category_id"])
            thing = next(
                each
                for each in own.things
                if each.image == key and IDS[each.name] == own_class
                and each.box[0] * own.sizes[key][0] == pytest.approx(one["bbox"][0], abs=1e-3)
            )  # fmt: skip
            drawn = drawn_mask(thing, own.sizes[key])
            assert pixels.shape == drawn.shape
            assert (pixels != drawn).sum() <= 0.1 * drawn.sum()  # an ellipse of twice the size has a smoother edge
            assert one["area"] == pixels.sum()
        for one in found[split]["annotations"]:
            if not isinstance(one["segmentation"], dict):
                assert one["ignore"] == 1 and len(one["segmentation"][0]) == 8
    assert any("masks: 1 boxes have none: ignored" in line for line in lines)


def test_training_images_without_an_object_are_not_listed_and_validation_images_are(tmp_path: Path) -> None:
    content = miniature()
    train = content["train"]
    train.labels.append(("abcdabcdabcdabcd", "Taxi", 1))  # of the millions that have image-level labels alone
    found, _ = converted(tmp_path, content)
    assert len(found["train"]["images"]) == 4
    assert [image["open_images_id"] for image in found["val"]["images"]][-1] == "f000000000000002"
    content = miniature()
    content["train"].things[5:] = [Thing("8800000000000002", "Vehicle", (0.3, 0.7, 0.3, 0.7), masked=False)]
    found, _ = converted(tmp_path / "masks", content, "masks")
    assert [image["open_images_id"] for image in found["train"]["images"]] == ["0a00000000000001", "ffa1b2c3d4e5f607"]


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_known_which_release_has_masks(tmp_path: Path, release: str) -> None:
    files = write_release(tmp_path, miniature(), release)
    assert [source.masks for source in sources([str(path) for path in files.values()])] == [release in MASKED] * 2


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_written_passes_the_check(tmp_path: Path, release: str) -> None:
    root = tmp_path / "oi"
    converted(root, miniature(), release)
    train, val = (load(root / "out" / f"{split}.json") for split in ("train", "val"))
    assert not check_both(train, val, root).all()


def test_the_same_bytes_twice_and_nothing_of_masks_in_the_first_pass(tmp_path: Path, monkeypatch: Any) -> None:
    content = miniature()
    files = write_release(tmp_path, content, "masks")
    given = [f"{split}:{path}" for split, path in files.items()]
    digests = []
    for name in ("one", "two"):
        paths: dict[Split, Path] = {"train": tmp_path / f"{name}.train.json", "val": tmp_path / f"{name}.val.json"}
        digests.append(convert(sources(given), paths, Options()).digests)
    assert digests[0] == digests[1]
    monkeypatch.setattr("lt_bench.data.convert.openimages.mask_pixels.read_mask", None)
    for source in sources(given):
        entries = list(source.annotations())
        assert entries and all("segmentation" not in one or one["ignore"] for one in entries)


def test_crowds_by_choice(tmp_path: Path) -> None:
    found, _ = converted(tmp_path, miniature(), options=Options(crowds="drop"))
    image = next(image for image in found["train"]["images"] if image["open_images_id"] == "ffa1b2c3d4e5f607")
    assert image["not_exhaustive_category_ids"] == [IDS["Car"], IDS["Vehicle"]]
    assert len(found["train"]["annotations"]) == 13
    found, _ = converted(tmp_path / "again", miniature(), options=Options(crowds="objects"))
    assert [category["instance_count"] for category in found["val"]["categories"]][:2] == [4, 5]


def test_masks_that_are_of_no_use_and_those_without_a_box(tmp_path: Path) -> None:
    content = miniature()
    files = write_release(tmp_path, content, "masks")
    header, *rows = files["val"].read_text(encoding="utf-8").splitlines()
    first, second, third, fourth = (next(tmp_path.rglob(row.split(",")[0])) for row in rows)
    import cv2

    cv2.imwrite(str(first), np.zeros((96, 128), np.uint8))
    cv2.imwrite(str(second), np.full((128, 96), 255, np.uint8))  # of an image that was turned
    moved = rows[2].split(",")
    moved[4:6] = ["0.25", "0.75"]  # 0.2 and 0.7 in the table of boxes
    files["val"].write_text("\n".join([header, rows[0], rows[1], ",".join(moved), rows[3]]) + "\n", encoding="utf-8")
    paths: dict[Split, Path] = {"train": tmp_path / "train.json", "val": tmp_path / "val.json"}
    done = convert(sources([f"{split}:{path}" for split, path in files.items()]), paths, Options())
    said = "\n".join(done.lines)
    for line in (
        "masks: 1 have no pixel: the box was taken instead",
        "masks: 1 have another shape than their image",
        "masks: 1 have no row in the table of boxes: taken with the box of their own",
        "masks: 1 boxes have none: ignored (ignore: 1)",
    ):
        assert line in said
    found = json.loads(paths["val"].read_text(encoding="utf-8"))["annotations"]
    cars = [one for one in found if one["image_id"] == 1 and one["category_id"] == IDS["Car"]]
    assert [(one.get("ignore"), one["bbox"][0]) for one in cars] == [(1, 9.6), (None, 12.0)]
    taxi = next(one for one in found if one["category_id"] == IDS["Taxi"])
    assert taxi["segmentation"] == [[6.4, 9.6, 38.4, 9.6, 38.4, 33.6, 6.4, 33.6]] and "ignore" not in taxi
    assert fourth.is_file() and third.is_file()


def test_a_missing_mask_is_named_before_any_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_release(tmp_path, miniature(), "masks")
    next((tmp_path / "train-masks").rglob("*.png")).unlink()
    monkeypatch.setattr("lt_bench.data.convert.openimages.mask_pixels.read_mask", None)
    paths: dict[Split, Path] = {"train": tmp_path / "train.json", "val": tmp_path / "val.json"}
    with pytest.raises(UserError, match=r"1 of 6 masks are not there: .*train-annotations-object-segmentation\.csv"):
        convert(sources([str(path) for path in files.values()]), paths, Options())


def test_the_folder_of_the_images_is_one_of_the_inputs(tmp_path: Path) -> None:
    files = write_release(tmp_path, miniature())
    found = sources([f"{split}:{path}" for split, path in files.items()])
    assert image_folder(found) == tmp_path
    before = [dict(source.files) for source in found]
    picture = tmp_path / "train" / "8800000000000002.jpg"
    picture.write_bytes(picture.read_bytes() + b"\0")
    after = [dict(source.files) for source in sources([str(tmp_path)])]
    assert before[1] == after[1] and before[0] != after[0]
