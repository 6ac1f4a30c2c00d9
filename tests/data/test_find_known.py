"""Where the files of a known data set are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.data.find_known import find
from lt_bench.data.known import KNOWN
from lt_bench.data.lvis import DataPaths
from lt_bench.errors import DataNotFoundError, UserError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")


def make_root(root: Path, dataset: str = "lvis_v1", folder: str = "annotations") -> Path:
    touch(root / folder, *KNOWN[dataset].files[0])
    return root


def test_find_annotations_in_their_folder_and_beside_the_images(tmp_path: Path) -> None:
    for dataset, folder in (("lvis_v1", "annotations"), ("lvis_v0.5", ""), ("lvis_v1", "")):
        root = make_root(tmp_path / f"{dataset} {folder}", dataset, folder)
        touch(root, "train2017/a.jpg")
        train, val = KNOWN[dataset].files[0]
        assert find(dataset, root) == DataPaths(dataset, root / folder / train, root / folder / val, root)


@pytest.mark.parametrize("images", ["", "coco", "../coco"])
def test_find_images_in_the_root_or_in_the_coco_folder(tmp_path: Path, images: str) -> None:
    root = make_root(tmp_path / "lvis")
    touch(root / images, "train2017/a.jpg", "val2017/b.jpg")
    assert find("lvis_v1", root).image_root.resolve() == (root / images).resolve()


def test_data_that_is_none_of_cocos_is_not_looked_for_in_its_folder(tmp_path: Path) -> None:
    root = make_root(tmp_path / "oi", "openimages")
    touch(root, "validation/a.jpg", "train_0/b.jpg")
    touch(tmp_path / "coco", "train2017/a.jpg", "val2017/b.jpg")
    assert find("openimages", root).image_root == root
    assert find("openimages", root / "annotations").image_root == root


def test_find_images_beside_a_given_annotations_folder(tmp_path: Path) -> None:
    root = make_root(tmp_path)
    touch(root, "val2017/a.jpg")
    assert find("lvis_v1", root / "annotations").image_root == root


def test_find_looks_in_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LT_BENCH_DATA", raising=False)
    make_root(tmp_path / "data" / "coco")
    assert find("lvis_v1", None).train == Path("data/coco/annotations/lvis_v1_train.json")
    make_root(tmp_path / "data" / "lvis_v1")
    assert find("lvis_v1", None).train == Path("data/lvis_v1/annotations/lvis_v1_train.json")
    make_root(tmp_path / "disk" / "lvis")
    monkeypatch.setenv("LT_BENCH_DATA", str(tmp_path / "disk"))
    assert find("lvis_v1", None).train == tmp_path / "disk/lvis/annotations/lvis_v1_train.json"


def test_a_given_root_is_the_only_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_root(tmp_path / "data")
    make_root(tmp_path / "other", "lvis_v0.5")
    with pytest.raises(DataNotFoundError, match=r"other.annotations: no lvis_v1_train\.json and no lvis_v1_val\.json"):
        find("lvis_v1", tmp_path / "other")


def test_not_found_names_every_place_and_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LT_BENCH_DATA", str(tmp_path / "disk"))
    half = make_root(tmp_path / "data" / "lvis_v1")
    (half / "annotations" / "lvis_v1_val.json").unlink()
    with pytest.raises(DataNotFoundError) as caught:
        find("lvis_v1", None)
    for place in ("disk/lvis_v1/annotations", "disk", "data/lvis/annotations", "data/coco"):
        assert f"{place}: no such folder" in caught.value.message
    assert "data/lvis_v1/annotations: no lvis_v1_val.json" in caught.value.message
    for source in ("lvisdataset.org", "cocodataset.org", "train2017", "annotations/lvis_v1_train.json", "--data-root"):
        assert source in caught.value.remedy


def test_an_unknown_data_set_gets_a_hint() -> None:
    with pytest.raises(UserError, match="did you mean 'lvis_v1'"):
        find("lvis_v2", None)
