"""Which images a run leaves out, and that none is left out by mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from odd_files import sound_content

from lt_bench.data.exclusion import Excluded, excluded, in_order, read_exclusions, refuse_nothing_left
from lt_bench.data.lvis import load
from lt_bench.errors import UserError

TRAIN, VAL = (1, 2, 3, -4), (2, 3, 11)


def read(folder: Path, text: str) -> tuple[Excluded, ...]:
    (folder / "left_out.txt").write_text(text, encoding="utf-8-sig")
    return read_exclusions(folder / "left_out.txt", TRAIN, VAL)


@pytest.mark.parametrize(
    ("text", "found", "train", "val"),
    [
        ("", (), set(), set()),
        ("11\n1\n1\n", (1, 11), {1, 11}, {1, 11}),  # each is in one split alone
        ("train:1\r\nval:11", (1, 11), {1, 11}, {1, 11}),
        ("train:2", ("train:2",), {2}, set()),
        ("# left out\ntrain: 2\n\n11  # blurred\n", (11, "train:2"), {2, 11}, {11}),
        ("val:2 train:2 val:3 -4", (-4, "train:2", "val:2", "val:3"), {-4, 2}, {-4, 2, 3}),
    ],
)
def test_images_are_left_out_of_the_split_that_is_named(
    tmp_path: Path, text: str, found: tuple[Excluded, ...], train: set[int], val: set[int]
) -> None:
    assert read(tmp_path, text) == found
    assert in_order(reversed(found)) == list(found)
    assert (set(excluded(found, "train")), set(excluded(found, "val"))) == (train, val)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2", "both splits have an image 2"),
        ("7\n8", r"no image of either split has the id 7 \(2 such ids\)"),
        ("val:1", r"no image of val has the id 1 \(1 such ids\)"),
        ("test:1", "there is no split 'test'"),
        ("train:", "'' is no image id"),
        ("one", "'one' is no image id"),
        ("1_1", "'1_1' is no image id"),  # which int() reads as 11
        ("\u0661", "is no image id"),
        ("1.0", "'1.0' is no image id"),
        ("1\n# names\na.jpg", "line 3: 'a.jpg' is no image id"),
    ],
)
def test_what_names_no_image_or_two_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, text)
    assert "left_out.txt" in caught.value.message and caught.value.remedy


def test_a_file_of_another_encoding_is_read(tmp_path: Path) -> None:
    (tmp_path / "left_out.txt").write_bytes("train:2\r\n".encode("utf-16"))
    assert read_exclusions(tmp_path / "left_out.txt", TRAIN, VAL) == ("train:2",)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.txt"):
        read_exclusions(tmp_path / "none.txt", TRAIN, VAL)


@pytest.mark.parametrize("split", ["train", "val"])
def test_at_least_one_image_with_an_object_must_be_left(tmp_path: Path, split: str) -> None:
    files = {}
    for name in ("train", "val"):
        content = sound_content(name)
        content["images"].append({**content["images"][0], "id": 99})  # without an object
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        files[name] = load(tmp_path / f"{name}.json")
    shown = files[split].image_ids[:2]
    refuse_nothing_left(files["train"], files["val"], [f"{split}:{shown[0]}", f"{split}:99"])
    refuse_nothing_left(files["train"], files["val"], [f"{split}:7{image}" for image in shown])
    with pytest.raises(UserError, match=f"leaves no image of {split} that shows an object: 2 of 3"):
        refuse_nothing_left(files["train"], files["val"], [f"{split}:{image}" for image in shown])
