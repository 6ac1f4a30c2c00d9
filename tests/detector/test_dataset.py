"""Our LVIS-format data set, against mmdet's and against the paper's formula."""

from __future__ import annotations

import copy
import json
import math
import pickle
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from experiments import write_annotations
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdet.datasets import LVISV1Dataset
from mmengine.dataset import ClassBalancedDataset
from PIL import Image
from torch.utils.data import DataLoader

from lt_bench.data import glyphs
from lt_bench.data.image_files import Split
from lt_bench.detector.dataset import LVISFormatDataset, RepeatFactorDataset
from lt_bench.errors import UnreadableDataError, UserError, of_worker

Dataset: TypeAlias = "LVISFormatDataset | LVISV1Dataset"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes of made-up annotations are nobody's concern."""
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def glyph_root() -> Path:
    return glyphs.make("glyphs")


def pair(root: Path, **options: Any) -> tuple[LVISFormatDataset, LVISV1Dataset]:
    """The training set in `root` as ours and as mmdet's."""
    annotations = "annotations/lvis_v1_train.json"
    # serialised, mmdet's fails when no image is left
    stock = {"data_prefix": {"img": ""}, "filter_cfg": None, "serialize_data": False}
    return (
        LVISFormatDataset(ann_file=annotations, data_root=str(root), **options),
        LVISV1Dataset(ann_file=annotations, data_root=str(root), **{**stock, **options}),
    )


def content(dataset: Dataset) -> list[tuple[Any, ...]]:
    keys = ("img_id", "height", "width", "instances", "sample_idx")
    return [tuple(dataset.get_data_info(index)[key] for key in keys) for index in range(len(dataset))]


def test_equals_mmdets_lvis_data_set(glyph_root: Path) -> None:
    annotations = "annotations/lvis_v1_train.json"
    ours = LVISFormatDataset(ann_file=annotations, data_root=str(glyph_root), filter_cfg={"filter_empty_gt": True})
    stock = LVISV1Dataset(
        ann_file=annotations,
        data_root=str(glyph_root),
        data_prefix={"img": ""},
        filter_cfg={"filter_empty_gt": True, "min_size": 0},
    )
    assert len(ours) == len(stock) == 240
    for index in range(len(ours)):
        mine, other = ours.get_data_info(index), stock.get_data_info(index)
        assert Path(mine["img_path"]).samefile(other["img_path"])
        assert (mine["img_id"], mine["height"], mine["width"]) == (other["img_id"], other["height"], other["width"])
        assert mine["instances"] == other["instances"]


def test_equals_mmdets_on_photographs(shared: Path) -> None:
    root = shared / "reference" / "coco100"
    for split in ("train", "val"):
        annotations = f"annotations/lvis_v1_{split}.json"
        ours = LVISFormatDataset(ann_file=annotations, data_root=str(root))
        stock = LVISV1Dataset(ann_file=annotations, data_root=str(root), data_prefix={"img": ""}, filter_cfg=None)
        mine, other = (
            {data["img_id"]: data["instances"] for data in map(dataset.get_data_info, range(len(dataset)))}
            for dataset in (ours, stock)
        )
        assert mine == other
        assert len(ours.metainfo["classes"]) == 80


def test_repeat_factors_follow_the_formula(glyph_root: Path) -> None:
    """Gupta et al., CVPR 2019: r(i) = max over the classes c of image i of max(1, sqrt(t / f(c))); mmdet rounds up."""
    threshold = 0.2
    inner = LVISFormatDataset(
        ann_file="annotations/lvis_v1_train.json", data_root=str(glyph_root), filter_cfg={"filter_empty_gt": True}
    )
    dataset = RepeatFactorDataset(inner, oversample_thr=threshold)
    shown = [{entry["bbox_label"] for entry in inner.get_data_info(i)["instances"]} for i in range(len(inner))]
    images = {label: sum(label in labels for labels in shown) for labels in shown for label in labels}
    expected = [
        math.ceil(max(max(1.0, math.sqrt(threshold / (images[label] / len(inner)))) for label in labels))
        for labels in shown
    ]
    assert max(expected) > 1
    assert np.bincount(dataset.repeat_indices, minlength=len(inner)).tolist() == expected


categories = st.lists(st.sampled_from([3, 7, 8]), max_size=4)


@given(
    images=st.lists(st.tuples(categories, st.integers(20, 60)), min_size=1, max_size=8),
    boxes=st.lists(st.sampled_from([(1, 2, 30, 20), (1, 2, 0.5, 20), (90, 2, 3, 3)]), min_size=1, max_size=5),
    threshold=st.floats(1e-3, 100),
    empty=st.booleans(),
    min_size=st.sampled_from([0, 32]),
)
@settings(max_examples=settings().max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equals_mmdets_whatever_the_images_show(
    images: list[tuple[list[int], int]],
    boxes: list[tuple[float, ...]],
    threshold: float,
    empty: bool,
    min_size: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Data and repeat factors: mmdet's LVIS data set and mmengine's wrapper are the truth."""
    root = tmp_path_factory.mktemp("root")
    path = write_annotations(root / "annotations").train
    data = json.loads(path.read_text())
    one_image, one = data["images"][0], data["annotations"][0]
    data["images"] = [
        {**one_image, "id": key, "width": width, "coco_url": f"http://x/train2017/{key}.jpg"}
        for key, (_, width) in reversed(list(enumerate(images, start=1)))
    ]
    shown = [(key, category) for key, (found, _) in enumerate(images, start=1) for category in found]
    data["annotations"] = [
        {**one, "id": number, "image_id": key, "category_id": category, "bbox": boxes[number % len(boxes)]}
        for number, (key, category) in enumerate(shown[::2] + shown[1::2], start=1)
    ]
    path.write_text(json.dumps(data))
    (root / "train2017").mkdir()
    for image in data["images"]:
        (root / "train2017" / f"{image['id']}.jpg").touch()
    ours, stock = pair(root, filter_cfg={"filter_empty_gt": False, "min_size": min_size})
    expected = {data[0]: data for data in content(stock)}  # mmdet keeps the order of the file, we that of the ids
    mine = content(ours)
    assert [data[:4] for data in mine] == [expected[key][:4] for key in sorted(expected)]
    if empty:
        ours.get_subset_([index for index, data in enumerate(mine) if data[3]])
        if len(ours) == 0:
            return
    mine_again = RepeatFactorDataset(ours, oversample_thr=threshold)
    truth = ClassBalancedDataset(ours, oversample_thr=threshold)
    assert mine_again.repeat_indices.tolist() == truth.repeat_indices
    assert len(mine_again) == len(truth)
    if len(truth):  # min_size can leave no image
        assert mine_again.get_data_info(len(truth) - 1) == truth.get_data_info(len(truth) - 1)
        assert mine_again.get_cat_ids(0) == truth.get_cat_ids(0)


def test_repeated_images_are_those_of_mmdets_own_data_set(glyph_root: Path) -> None:
    """Both stacks as a whole: mmdet's data set in mmengine's wrapper."""
    ours, stock = pair(glyph_root, filter_cfg={"filter_empty_gt": True, "min_size": 1})
    for threshold in (1e-3, 0.05, 0.2, 1.0):
        mine = RepeatFactorDataset(ours, oversample_thr=threshold).repeat_indices
        assert mine.tolist() == ClassBalancedDataset(stock, oversample_thr=threshold).repeat_indices
    assert len(mine) > 240


def test_another_data_set_is_repeated_as_mmengine_does(glyph_root: Path) -> None:
    _, stock = pair(glyph_root)
    mine, truth = (kind(stock, oversample_thr=0.2) for kind in (RepeatFactorDataset, ClassBalancedDataset))
    assert list(mine.repeat_indices) == list(truth.repeat_indices)
    assert mine.get_data_info(9) == truth.get_data_info(9)


@pytest.mark.parametrize("indices", [5, -5, 0, [3, 1, 3, 239], []])
def test_subsets_are_mmengines(glyph_root: Path, indices: int | list[int]) -> None:
    ours, stock = pair(glyph_root)
    expected = content(stock.get_subset(indices))
    assert content(ours.get_subset(indices)) == expected
    ours.get_subset_(indices)
    assert content(ours) == expected
    assert content(LVISFormatDataset(ours.ann_file, data_root=str(glyph_root), indices=indices)) == expected


def test_positions_from_the_end_and_outside(glyph_root: Path) -> None:
    ours, _ = pair(glyph_root)
    assert ours.get_data_info(-1) == ours.get_data_info(239)
    with pytest.raises(IndexError):
        ours.get_data_info(240)
    assert ours.get_cat_ids(3) == [entry["bbox_label"] for entry in ours.get_data_info(3)["instances"]]


def test_nothing_that_is_handed_out_is_shared(glyph_root: Path) -> None:
    ours, _ = pair(glyph_root)
    before = copy.deepcopy(ours.get_data_info(0))
    ours.get_data_info(0)["instances"].clear()
    assert ours.get_data_info(0) == before


def test_a_copy_is_the_path_and_the_images_it_holds(glyph_root: Path) -> None:
    ours, _ = pair(glyph_root)
    pickled = pickle.dumps(ours)
    assert len(pickled) < 50_000  # the annotations take 570 kB
    assert content(pickle.loads(pickled)) == content(ours)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_read_what_the_process_reads(glyph_root: Path, method: str) -> None:
    ours, _ = pair(glyph_root)
    workers = 2 if method == "fork" else 1
    loader: DataLoader[Any] = DataLoader(
        ours, batch_size=60, num_workers=workers, collate_fn=list, multiprocessing_context=method
    )
    read = [data for batch in loader for data in batch]
    assert read == [ours[index] for index in range(len(ours))]


def _with_images(folder: Path) -> Path:
    paths = write_annotations(folder / "annotations")
    for split, numbers in (("train", (1, 2)), ("val", (11, 12))):
        (folder / f"{split}2017").mkdir()
        for number in numbers:
            Image.new("RGB", (64, 64)).save(folder / f"{split}2017" / f"{number:012d}.jpg")
    return paths.train


def test_class_list_comes_from_the_file(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path))
    assert dataset.metainfo["classes"] == ("class3", "class7", "class8")
    assert dataset.metainfo["category_ids"] == (3, 7, 8)
    assert [entry["bbox_label"] for entry in dataset.get_data_info(0)["instances"]] == [1]


def test_excluded_images_are_left_out(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path), exclude=[1])
    assert [dataset.get_data_info(i)["img_id"] for i in range(len(dataset))] == [2]


@pytest.mark.parametrize(("exclude", "left"), [(["train:1"], [2]), (["val:1"], [1, 2]), ([1, "val:2"], [2])])
def test_images_are_excluded_by_split(tmp_path: Path, exclude: list[Any], left: list[int]) -> None:
    annotations = _with_images(tmp_path)
    other = annotations.rename(tmp_path / "annotations" / "mine.json")
    annotations.write_bytes(other.read_bytes())
    options: list[tuple[Path, Split | None]] = [(annotations, None), (other, "train")]
    for path, split in options:
        dataset = LVISFormatDataset(ann_file=str(path), data_root=str(tmp_path), exclude=exclude, split=split)
        assert [dataset.get_data_info(i)["img_id"] for i in range(len(dataset))] == left


def test_a_set_of_which_nothing_is_left_to_train_on_is_refused(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    with pytest.raises(UserError, match="no image is left to train on: of 2, none"):
        LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path), filter_cfg={"min_size": 65})


def test_an_image_that_can_be_one_of_two_files_is_named(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    content = json.loads(annotations.read_text())
    content["images"][1] |= {"file_name": "2.jpg", "coco_url": None}
    annotations.write_text(json.dumps(content))
    for folder in ("train", "images/train"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "2.jpg").touch()
    with pytest.raises(UnreadableDataError, match=r"image 2 is not one file: train/2\.jpg, images/train/2\.jpg"):
        LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("content", [None, b"", b"BM no picture"])
def test_an_image_that_goes_bad_while_it_is_in_use_is_named(
    tmp_path: Path, content: bytes | None, workers: int
) -> None:
    path = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(path), data_root=str(tmp_path), pipeline=[{"type": "LoadImageFromFile"}])
    file = Path(dataset.get_data_info(1)["img_path"])
    loader: DataLoader[Any] = DataLoader(dataset, batch_size=None, num_workers=workers)
    assert len(list(loader)) == len(dataset)
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(UnreadableDataError) as caught:
        list(loader)
    told = of_worker(caught.value)
    image = dataset.get_data_info(1)["img_id"]
    assert told.message.startswith(f"image {image} ({file}) of {path} can't be loaded: ")
    assert "\n" not in told.message and "data check" in told.remedy


def test_annotations_that_change_while_they_are_in_use_are_named(tmp_path: Path) -> None:
    path = _with_images(tmp_path)
    dataset = LVISFormatDataset(ann_file=str(path), data_root=str(tmp_path), pipeline=[{"type": "LoadImageFromFile"}])
    dataset[0]
    with path.open("a", encoding="utf-8") as stream:
        stream.write(" ")
    with pytest.raises(UnreadableDataError, match=r"was changed while it was in use"):
        dataset[0]


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    annotations = _with_images(tmp_path)
    (tmp_path / "train2017" / "000000000002.jpg").unlink()
    with pytest.raises(UnreadableDataError, match="image 2"):
        LVISFormatDataset(ann_file=str(annotations), data_root=str(tmp_path))
