"""data.yaml: which images are of which split, wherever they are named, and what is wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.data.convert.yolo.description import read
from lt_bench.errors import UserError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("train/images/b.jpg", "train/images/more/a.PNG", "train/images/notes.md", "valid/images/c.jpg"):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "set"


def write(root: Path, text: str) -> str:
    (root / "data.yaml").write_text(text, encoding="utf-8")
    return str(root)


def images(root: Path, text: str) -> dict[str, list[str]]:
    found = read([write(root, text)])
    return {split: [path.relative_to(root).as_posix() for path in paths] for split, paths in found.images.items()}


TRAIN, VAL = ["train/images/b.jpg", "train/images/more/a.PNG"], ["valid/images/c.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        "train: train/images\nval: valid/images\nnames: [a]\nnc: 1",
        "train: ../train/images\nval: ../valid/images\nnames: [a]",  # as Roboflow writes it
        "path: set\ntrain: train/images\nvalidation: [valid/images]\nnames: {0: a}",
        "path: elsewhere\ntrain: lists/list.txt\nval: [valid/images/c.jpg]\nnames: [a]",
        "path: set\ntrain: train\\images\nval: lists\\windows.txt\nnames: [a]",
        "train: [train/images/b.jpg, train/images/more]\nval: valid\nnc: 1",
    ],
)
def test_images_are_found_as_ultralytics_finds_them(root: Path, text: str) -> None:
    (root / "lists").mkdir()
    (root / "lists" / "list.txt").write_text(f"./../{TRAIN[0]}\n\n{root / TRAIN[1]}\n", encoding="utf-8")
    (root / "lists" / "windows.txt").write_text("valid\\images\\c.jpg\n", encoding="utf-8")
    (root / "train" / "images" / "._b.jpg").write_bytes(b"Mac OS X")
    assert images(root, text) == {"train": TRAIN, "val": VAL}


def test_images_are_in_the_order_of_their_paths(root: Path) -> None:
    for folder in "hcagbfde":
        (root / "train" / "images" / folder).mkdir()
        (root / "train" / "images" / folder / "1.jpg").write_bytes(b"")
    found = images(root, "train: train/images\nnames: [a]")["train"]
    assert found == [TRAIN[0], *(f"train/images/{folder}/1.jpg" for folder in "abcdefgh"), TRAIN[1]]


def test_names_are_in_the_order_of_their_numbers(root: Path) -> None:
    keys = ", ".join(f"{key}: n{key}" for key in reversed(range(12)))
    assert read([write(root, f"train: train/images\nnames: {{{keys}}}")]).names == tuple(f"n{key}" for key in range(12))
    assert read([write(root, "train: train/images\nnames: [1, 'no', ü]")]).names == ("1", "no", "ü")
    assert read([write(root, "train: train/images\nnc: 2")]).names == ("class_0", "class_1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("train: [", "is no YAML"),
        ("- a", "describes no data set"),
        ("names: [a]", "no images of training or validation"),
        ("train: nowhere\nnames: [a]", "nowhere was not found. Looked for"),
        ("train: list.txt\nnames: [a]", "missing.jpg was not found"),
        ("train: valid/images/more\nnames: [a]", "was not found"),
        ("train: empty\nnames: [a]", "there are no images in empty"),
        ("train: 3\nnames: [a]", "3 is no path"),
        ("train: train/images", "names is None"),
        ("train: train/images\nnames: [a, no]", "the name of class 1 is False to YAML"),
        ("train: train/images\nnames: {1: a}", "other keys than 0 to 0"),
        ("train: train/images\nnames: [a]\nnc: 2", "nc is 2, but there are 1 names"),
        ("train: train/images\nnames: [a]\nkpt_shape: 3", "kpt_shape is 3"),
    ],
)
def test_mistakes_are_named(root: Path, text: str, said: str) -> None:
    (root / "list.txt").write_text("missing.jpg\n", encoding="utf-8")
    (root / "empty").mkdir()
    with pytest.raises(UserError, match=said) as caught:
        read([write(root, text)])
    assert str(root) in caught.value.message and caught.value.remedy


def test_which_file_describes_it(root: Path) -> None:
    with pytest.raises(UserError, match=r"there is no data\.yaml in it"):
        read([str(root)])
    with pytest.raises(UserError, match="no such file or folder"):
        read(["nowhere"])
    with pytest.raises(UserError, match="2 paths were named"):
        read([str(root), str(root)])
    for name in ("b.yaml", "a.yml"):
        (root / name).write_text("train: train/images\nnames: [a]", encoding="utf-8")
    with pytest.raises(UserError, match="several files can be meant"):
        read([str(root)])
    (root / "data.yaml").write_text("train: train/images\nnames: [z]", encoding="utf-8")
    assert read([str(root)]).names == ("z",)
    assert read([str(root / "a.yml")]).names == ("a",)
