"""COCO with a long tail: the rule against a plain loop, and the files that are made."""

from __future__ import annotations

import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from coco_form import coco_form, write_set
from hypothesis import example, given
from hypothesis import strategies as st

from lt_bench.cli import main
from lt_bench.data import coco_lt
from lt_bench.data import dataset as datasets
from lt_bench.data.convert.source import Entry, Source

CLASSES = {3: "disc", 5: "kite", 11: "wedge", 90: "comb"}


def source(images: list[int], objects: list[tuple[int, int, bool]]) -> Source:
    """objects: image, category, and whether it is a region with several."""
    annotations = [
        {"id": number, "image_id": image, "category_id": category, "iscrowd": int(crowd), "bbox": [1, 1, 2, 2]}
        for number, (image, category, crowd) in enumerate(objects)
    ]
    return Source(
        "train",
        "in memory",
        {},
        [{"id": key, "name": name} for key, name in CLASSES.items()],
        lambda: iter([{"id": key, "width": 9, "height": 9, "file_name": "x"} for key in images]),
        lambda: iter(annotations),
        exhaustive=True,
    )


def plainly(images: list[int], objects: list[tuple[int, int, bool]], most: int, fewest: int) -> set[int]:
    """The images of the rule, by its words."""
    shows = {image: {key for at, key, _ in objects if at == image} for image in images}
    has = {image: {key for at, key, crowd in objects if at == image and not crowd} for image in images}
    count = {key: sum(key in has[image] for image in images) for key in CLASSES}
    ranked = sorted(CLASSES, key=lambda key: (-count[key], key))
    taken: set[int] = set()
    for rank in reversed(range(len(ranked))):
        key, rarer = ranked[rank], set(ranked[rank + 1 :])
        wanted = math.floor(most * (fewest / most) ** (rank / (len(ranked) - 1)) + 0.5)
        for image in sorted(images, key=lambda image: hashlib.sha256(b"%d" % image).hexdigest()):
            if sum(key in has[other] for other in taken) >= wanted:
                break
            if key in has[image] and not shows[image] & rarer:
                taken.add(image)
    return taken


ENOUGH = [(image, key, False) for key, last in ((3, 30), (5, 14), (11, 9), (90, 6)) for image in range(1, last + 1)]


@example(ENOUGH, 10, 2, random.Random(0))
@example([(image, 3, False) for image in range(1, 31)], 4, 1, random.Random(0))
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from([3, 3, 3, 5, 5, 11, 90]), st.booleans()), max_size=60),
    st.integers(2, 12),
    st.integers(1, 2),
    st.randoms(use_true_random=False),
)
def test_it_takes_the_images_of_the_rule_in_whatever_order_they_are(
    objects: list[tuple[int, int, bool]], most: int, fewest: int, shuffled: random.Random
) -> None:
    images = list(range(1, 31))
    expected = plainly(images, objects, most, fewest)
    shuffled.shuffle(images)
    made = coco_lt.long_tail(source(images, objects), most, fewest)
    assert {image["id"] for image in made.images()} == expected
    kept = [each for each in source(images, objects).annotations() if each["image_id"] in expected]
    assert list(made.annotations()) == kept  # all of an image's


def test_the_numbers_of_coco_s_80_classes_are_those_of_the_rule_and_not_by_rounding() -> None:
    exact = [10_000 * 5000 ** (-rank / 79) for rank in range(80)]
    assert all(abs(value % 1 - 0.5) > 1e-4 for value in exact)  # so that no machine's pow() gives another number
    groups = [round(value) for value in exact]
    assert (groups[0], groups[1], groups[-1]) == (10_000, 8978, 2)
    assert (sum(number <= 10 for number in groups), sum(number > 100 for number in groups)) == (16, 43)


@pytest.fixture
def coco(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in COCO's form: 40 training images with a disc, of which some show more, and 4 for validation."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(coco_lt.long_tail, "__defaults__", (16, 2))
    several = [
        (image, key) for key, every in ((5, 2), (11, 3), (90, 5)) for image in range(1, 41) if image % every == 0
    ]
    train = coco_form(range(1, 42), [(image, 3) for image in range(1, 41)] + several)
    val = coco_form(range(51, 55), [(51, 3), (52, 5), (53, 11), (54, 90), (54, 3)])
    val["annotations"][0]["iscrowd"] = 1
    write_set(tmp_path / "coco", {"train": train, "val": val})
    return tmp_path / "coco"


def call(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)


def content(path: Path) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_made_from_coco_it_is_the_same_twice_and_passes_the_check(coco: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in (coco / "annotations").iterdir()}
    done = call("data", "make", "coco_lt", "--from", coco)
    assert done.exit_code == 0, done.output
    assert "of 41 images, so that the number of images of a class falls exponentially" in done.output
    assert all(path.read_bytes() == old for path, old in before.items())
    made = {split: coco / "annotations" / f"coco_lt_exp_{split}.json" for split in ("train", "val")}
    assert call("data", "make", "coco_lt", "--from", coco / "annotations", "--out", "deep/out").exit_code == 0
    for path in made.values():
        assert (Path("deep/out/annotations") / path.name).read_bytes() == path.read_bytes()

    train, val = content(made["train"]), content(made["val"])
    by_id = {category["id"]: category["image_count"] for category in train["categories"]}
    assert by_id[90] == 2 and by_id[11] == 4 and by_id[5] == 8 and by_id[3] == 16
    original = content(coco / "annotations" / "instances_val2017.json")
    for key in ("images", "annotations"):
        assert [each["id"] for each in val[key]] == [each["id"] for each in original[key]]
    assert val["categories"] == train["categories"]

    data = datasets.load(datasets.find("coco_lt", coco))
    datasets.verify(data)
    assert not data.assumed
    monkeypatch.setenv("LT_BENCH_DATA", "deep")
    Path("deep/out").rename("deep/coco_lt")
    assert datasets.find("coco_lt", None).image_root == coco  # where they were left


def test_what_it_can_not_be_made_of_is_refused(coco: Path) -> None:
    for words, said in (
        (("coco_lt",), "--from"),
        (("glyphs", "--from", coco), "--from and --out are for coco_lt"),
        (("coco-lt",), "did you mean 'coco_lt'"),
        (("coco_lt", "--from", "nowhere"), "nowhere: no such"),
        (("coco_lt", "--from", coco / "annotations" / "instances_val2017.json"), "no annotations of the split train"),
    ):
        done = call("data", "make", *words)
        assert done.exit_code == 2 and said in done.output
    for split in ("train", "val"):
        path = coco / "annotations" / f"instances_{split}2017.json"
        federated = content(path)
        for image in federated["images"]:
            image |= {"neg_category_ids": [90] if image["id"] in (1, 51) else [], "not_exhaustive_category_ids": []}
        path.write_text(json.dumps(federated), encoding="utf-8")
    done = call("data", "make", "coco_lt", "--from", coco)
    assert done.exit_code == 2 and "lists absent classes" in done.output
    assert not (coco / "annotations" / "coco_lt_exp_train.json").exists()
