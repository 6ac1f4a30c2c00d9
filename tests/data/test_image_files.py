"""Which file is an image, in each layout that people have, and that no other picture is taken for it."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from lt_bench.data.image_files import ImageFinder, Split, image_root, images_near, split_of

URL = "http://images.cocodataset.org/"


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


NAME = "000000000042.jpg"
ON_TRAIN, ON_VAL = {"coco_url": f"{URL}train2017/{NAME}"}, {"coco_url": f"{URL}val2017/{NAME}"}
V05_VAL = {"file_name": f"COCO_val2014_{NAME}"}


@pytest.mark.parametrize(
    ("files", "image", "found"),
    [
        ([f"train2017/{NAME}"], ON_TRAIN, f"train2017/{NAME}"),  # a v1 validation image that lies in train2017
        ([f"train2017/{NAME}", f"val2017/{NAME}"], ON_VAL, f"val2017/{NAME}"),
        ([f"train2017/{NAME}"], ON_VAL, f"train2017/{NAME}"),  # all images in one folder, named train2017
        ([f"train2017/{NAME}", "val2017/1.jpg"], ON_VAL, None),  # its own folder is there: no other split stands in
        ([f"val2017/{NAME}"], V05_VAL | ON_VAL, f"val2017/{NAME}"),
        ([f"train2017/{NAME}", "val2017/1.jpg"], V05_VAL, f"train2017/{NAME}"),
        ([f"COCO_val2014_{NAME}"], V05_VAL | ON_VAL, f"COCO_val2014_{NAME}"),
        ([f"images/COCO_val2014_{NAME}"], V05_VAL, f"images/COCO_val2014_{NAME}"),
        ([f"images/{NAME}"], V05_VAL, f"images/{NAME}"),
        ([f"images/{NAME}"], ON_TRAIN, f"images/{NAME}"),
        ([f"images/val2017/{NAME}"], ON_VAL, f"images/val2017/{NAME}"),
        ([NAME], ON_TRAIN, NAME),  # all images in the root
        ([NAME], V05_VAL | ON_VAL, NAME),
        (["a b/c d/bild ü.png"], {"file_name": "a b/c d/bild ü.png"}, "a b/c d/bild ü.png"),
        (["train2017/other.jpg"], ON_TRAIN, None),
        ([f"train2017/{NAME}/x.jpg"], ON_TRAIN, None),  # a folder is no image
        ([], {}, None),
    ],
)
def test_an_image_is_found_in_each_layout(
    tmp_path: Path, files: list[str], image: dict[str, str], found: str | None
) -> None:
    root = tmp_path / "image röot"
    root.mkdir()
    touch(root, *files)
    finder = ImageFinder(root)
    assert finder.relative(image) == found
    assert finder.find(image) == (None if found is None else root / found)


@pytest.mark.parametrize(
    "image",
    [
        {"coco_url": "http://host/../secret.jpg"},
        {"coco_url": "../secret.jpg"},
        {"coco_url": "http://host/train2017/.."},
        {"file_name": "../secret.jpg"},
        {"file_name": "train2017/../../secret.jpg"},
        {"file_name": "images/../../secret.jpg"},
        {"file_name": "."},
        {"file_name": "/"},
        {"file_name": "train2017/\x00.jpg"},
        {"file_name": "a\x00b/secret.jpg"},
        {"file_name": f"{'x' * 5000}/secret.jpg"},
        {"file_name": "\ud800/secret.jpg"},
    ],
)
def test_no_name_leads_out_of_the_image_root(tmp_path: Path, image: dict[str, str]) -> None:
    touch(tmp_path, "secret.jpg", "root/train2017/x.jpg", "root/images/x.jpg")
    assert ImageFinder(tmp_path / "root").find(image) is None


def test_an_absolute_name_is_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "secret.jpg", "root/x.jpg")
    finder = ImageFinder(tmp_path / "root")
    for prefix in ("", "/", "//"):  # POSIX gives a leading double slash a root of its own
        assert finder.find({"file_name": f"{prefix}{tmp_path}/secret.jpg"}) is None


def test_each_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [{"coco_url": f"{URL}train2017/{index:012d}.jpg"} for index in range(50)]
    touch(tmp_path, *(f"train2017/{index:012d}.jpg" for index in range(0, 50, 2)))
    listed: Counter[str] = Counter()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.update([str(path)]), scandir(path))[1])
    finder = ImageFinder(tmp_path)
    assert [finder.find(image) is not None for image in images] == [True, False] * 25
    assert set(listed.values()) == {1}


# Both splits have a 1.jpg: what is found for the training image and for the validation image of that name.
@pytest.mark.parametrize(
    ("files", "train", "val"),
    [
        (["train2017/1.jpg", "val2017/1.jpg"], "train2017/1.jpg", "val2017/1.jpg"),
        (["train/data/1.jpg", "validation/data/1.jpg"], "train/data/1.jpg", "validation/data/1.jpg"),  # FiftyOne
        (["images/Train/1.jpg", "images/Validation/1.jpg"], "images/Train/1.jpg", "images/Validation/1.jpg"),  # CVAT
        (["images/train/1.jpg", "images/val/1.jpg"], "images/train/1.jpg", "images/val/1.jpg"),
        (["images/train2017/1.jpg", "images/val2017/1.jpg"], "images/train2017/1.jpg", "images/val2017/1.jpg"),
        (["train/1.jpg", "valid/1.jpg"], "train/1.jpg", "valid/1.jpg"),
        (["train/images/1.jpg", "valid/images/1.jpg"], "train/images/1.jpg", "valid/images/1.jpg"),
        (["train/images/1.jpg", "val/images/1.jpg"], "train/images/1.jpg", "val/images/1.jpg"),
        (["train/1.jpg", "valid/2.jpg"], "train/1.jpg", None),  # no other split's picture stands in
        (["train/1.jpg"], "train/1.jpg", None),
        (["train2017/1.jpg"], "train2017/1.jpg", None),
        (["train/1.jpg", "images/1.jpg"], "train/1.jpg", "images/1.jpg"),  # its own folder goes first
        (["images/1.jpg"], "images/1.jpg", "images/1.jpg"),
        (["1.jpg"], "1.jpg", "1.jpg"),
        (["cam1/1.jpg"], None, None),
    ],
)
def test_an_image_is_taken_from_its_own_split(
    tmp_path: Path, files: list[str], train: str | None, val: str | None
) -> None:
    touch(tmp_path, *files)
    splits: list[tuple[Split, str | None]] = [("train", train), ("val", val)]
    for split, expected in splits:
        for names in (
            {"file_name": "1.jpg"},
            {"file_name": "1.jpg", "coco_url": None},
            {"coco_url": "http://h.org/1.jpg"},
        ):
            assert ImageFinder(tmp_path, split).relative(names) == expected


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["images/cam1/1.jpg", "images/cam2/1.jpg"], "cam2/1.jpg", "images/cam2/1.jpg"),
        (["images/cam1/1.jpg"], "images/cam1/1.jpg", "images/cam1/1.jpg"),
        (["train/cam1/1.jpg", "val/cam1/1.jpg"], "cam1/1.jpg", "val/cam1/1.jpg"),
        (["images/val/cam1/1.jpg"], "val/cam1/1.jpg", "images/val/cam1/1.jpg"),
        (["images/1.jpg"], "cam1/1.jpg", None),
        (["cam2/1.jpg", "1.jpg"], "cam1/1.jpg", None),
        (["val/1.jpg"], "train/1.jpg", None),
        (["images/1.jpg"], "images\\1.jpg", "images/1.jpg"),
        (["images/cam1/1.jpg"], "cam1\\1.jpg", "images/cam1/1.jpg"),
        (["a\\1.jpg"], "a\\1.jpg", "a\\1.jpg"),  # a name that has a backslash in it
        (["images/1.jpg"], "./images/1.jpg", "images/1.jpg"),
        (["images/1.jpg"], "C:\\images\\1.jpg", None),
        (["images/1.jpg"], "..\\images\\1.jpg", None),
        (["a b.jpg"], "http://h.org/x/a%20b.jpg", "a b.jpg"),
    ],
)
def test_folders_that_a_name_has_are_kept_to(tmp_path: Path, files: list[str], name: str, found: str | None) -> None:
    touch(tmp_path, *files)
    assert ImageFinder(tmp_path, "val").relative({"file_name": name}) == found


def test_a_folder_of_the_users_that_a_url_names_is_kept_to(tmp_path: Path) -> None:
    touch(tmp_path, "images/cam1/1.jpg", "images/2.jpg")
    finder = ImageFinder(tmp_path, "val")
    assert finder.relative({"coco_url": "http://h.org/cam1/2.jpg"}) is None
    assert finder.relative({"coco_url": "http://h.org/cam2/2.jpg"}) == "images/2.jpg"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["train/1.jpg", "images/train/1.jpg"], "1.jpg"),
        (["images/1.jpg", "1.jpg"], "1.jpg"),
        (["cam1/1.jpg", "images/cam1/1.jpg"], "cam1/1.jpg"),
    ],
)
def test_of_several_files_that_fit_none_is_taken(tmp_path: Path, files: list[str], name: str) -> None:
    touch(tmp_path, *files)
    finder = ImageFinder(tmp_path, "train")
    assert finder.relative({"file_name": name}) is None
    assert sorted(finder.candidates({"file_name": name})) == sorted(files)
    (tmp_path / files[1]).unlink()
    (tmp_path / files[1]).hardlink_to(tmp_path / files[0])  # one file under two names is no choice
    assert finder.relative({"file_name": name}) in files


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("1.jpg", "file_name 1.jpg not found below {root}: not in ./, train/, images/"),
        ("cam1/1.jpg", "file_name cam1/1.jpg not found below {root}: there is no cam1/, "),
        ("/data/1.jpg", "file_name /data/1.jpg is an absolute path; name it relative to {root}"),
        ("C:\\data\\1.jpg", "file_name C:\\data\\1.jpg is an absolute path; name it relative to {root}"),
        ("../1.jpg", "file_name ../1.jpg is no name of a file below {root}"),
    ],
)
def test_it_says_where_it_looked(tmp_path: Path, name: str, words: str) -> None:
    touch(tmp_path, "images/train/0.jpg", "train/0.jpg")
    words_found = ImageFinder(tmp_path, "train").where({"file_name": name})
    assert words_found.startswith(words.format(root=tmp_path))


@pytest.mark.parametrize(
    ("stored", "name", "told"),
    [
        ("1.JPG", "1.jpg", "train/1.JPG"),
        ("a.png", "A.JPEG", "train/a.png"),
        ("e\u0301.jpg", "\u00e9.jpg", "train/e\\u0301.jpg"),  # as macOS writes accents
        ("1.jpg", "1.jpg ", "train/1.jpg"),
        ("1.jpg", "1", "train/1.jpg"),
        ("1.txt", "1.jpg", None),  # labels of the same name
        ("1.json", "1", None),
        ("11.jpg", "1.jpg", None),
    ],
)
def test_a_file_that_is_called_nearly_so_is_named(tmp_path: Path, stored: str, name: str, told: str | None) -> None:
    touch(tmp_path, f"train/{stored}", "val/0.jpg")
    finder = ImageFinder(tmp_path, "train")
    assert finder.relative({"file_name": name}) is None
    said = finder.where({"file_name": name})
    assert (f"; there is '{told}', which differs from {name!a} in case" in said) == (told is not None)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("lvis_v1_train.json", "train"),
        ("lvis_v0.5_val.json", "val"),
        ("instances_train2017.json", "train"),
        ("VALID.json.gz", "val"),
        ("validation-set.json", "val"),
        ("trainval.json", None),
        ("train_and_val.json", None),
        ("annotations.json", None),
        ("interval.json", None),
    ],
)
def test_the_split_that_a_name_tells(name: str, split: Split | None) -> None:
    assert split_of(Path("train") / name) == split


@pytest.mark.parametrize("own", ["images/train/1.jpg", "train/1.jpg valid/1.jpg", "images/1.jpg"])
def test_a_folder_beside_it_holds_no_images_of_a_set_that_has_its_own(tmp_path: Path, own: str) -> None:
    touch(tmp_path / "mine", *own.split())
    touch(tmp_path / "coco", "train2017/1.jpg", "val2017/1.jpg")
    assert image_root(tmp_path / "mine") == tmp_path / "mine"


def test_images_that_a_conversion_noted_go_before_those_of_a_folder_beside_it(tmp_path: Path) -> None:
    """Those of COCO may have the same names, and be other pictures."""
    touch(tmp_path / "coco", "train2017/1.jpg", "val2017/1.jpg")
    touch(tmp_path / "elsewhere", "train2017/1.jpg", "val2017/1.jpg")
    converted = tmp_path / "mine"
    converted.mkdir()
    assert image_root(converted) == tmp_path / "coco"
    (converted / "conversion.json").write_text(json.dumps({"images": str(tmp_path / "elsewhere")}))
    assert image_root(converted) == tmp_path / "elsewhere"
    touch(converted, "train2017/1.jpg", "val2017/1.jpg")
    assert image_root(converted) == converted


@pytest.mark.parametrize(
    ("folders", "annotations", "right"),
    [
        (["train2017", "val2017"], "annotations/a.json", "."),
        (["val2017"], "annotations/a.json", "."),
        (["images"], "labels/a.json", "."),
        (["train", "valid"], "valid/a.json", "."),
        ([], "annotations/a.json", None),
        (["val2017"], "elsewhere/a.json", None),  # a folder far above may hold anything
        (["sub/train", "sub/val", "train", "val"], "sub/a.json", "sub"),
    ],
)
def test_images_near_annotations(tmp_path: Path, folders: list[str], annotations: str, right: str | None) -> None:
    for folder in [*folders, str(Path(annotations).parent)]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    assert images_near([tmp_path / annotations]) == (None if right is None else tmp_path / right)


@pytest.mark.parametrize(
    ("url", "file_name", "files", "found"),
    [
        # the folder of a URL is the other split's, and the own one has such a file too
        ("https://host/train/1.jpg", "1.jpg", ["train/1.jpg", "val/1.jpg"], None),
        ("https://host/train/1.jpg", "", ["train/1.jpg", "images/val/1.jpg"], None),
        ("https://host/train/1.jpg", "1.jpg", ["train/1.jpg", "val/2.jpg"], "train/1.jpg"),
        ("http://images.cocodataset.org/train2017/1.jpg", "", ["train2017/1.jpg", "val2017/1.jpg"], "train2017/1.jpg"),
        # the name of a URL is another than file_name, and both are there
        ("https://host/val/1.jpg", "2.jpg", ["val/1.jpg", "val/2.jpg"], None),
        ("https://host/train2017/1.jpg", "2.jpg", ["train2017/1.jpg", "val2017/2.jpg"], None),
        ("https://host/val/1.jpg", "2.jpg", ["val/1.jpg", "train/2.jpg"], "val/1.jpg"),
        ("https://host/val/a%20b.jpg", "a b.jpg", ["val/a b.jpg"], "val/a b.jpg"),
    ],
)
def test_what_a_url_says_is_not_believed_against_the_rest(
    tmp_path: Path, url: str, file_name: str, files: list[str], found: str | None
) -> None:
    touch(tmp_path, *files)
    image = {"coco_url": url, "file_name": file_name}
    finder = ImageFinder(tmp_path, "val")
    assert finder.relative(image) == found
    assert finder.candidates(image) == ([found] if found else files)
