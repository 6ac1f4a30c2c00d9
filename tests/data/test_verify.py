"""Each kind of problem is planted once into a small sound data set, and must be found there and nowhere else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from lt_bench.data import content, lvis, verify
from lt_bench.data import problem as kinds
from lt_bench.data.find_known import find
from lt_bench.data.image_files import ImageFinder
from lt_bench.data.problem import Problem, summary

WIDTH, HEIGHT = 40, 30


@dataclass
class SmallSet:
    """Three images (7: train2017 JPEG, 3: val2017 JPEG, 5: val2017 BMP), categories 2, 5 and 9, five annotations."""

    root: Path
    data: dict[str, Any]

    def check(self, **options: Any) -> list[Problem]:
        path = self.root / "train.json"
        path.write_text(json.dumps(self.data))
        return verify.check(lvis.load(path), ImageFinder(self.root), **options)

    def image(self, name: str) -> Path:
        return next(self.root.glob(f"*/{name}.*"))


def run_lengths(mask: np.ndarray[Any, Any]) -> list[int]:
    """COCO's uncompressed run lengths: columns first, zeros first."""
    flat = mask.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallSet:
    monkeypatch.setattr(content, "SMALLEST_SIDE", HEIGHT)  # as if these images were large
    rng = np.random.default_rng(0)
    images = []
    for image_id, name in ((7, "train2017/7.jpg"), (3, "val2017/3.jpg"), (5, "val2017/5.bmp")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(path)
        images.append({"id": image_id, "width": WIDTH, "height": HEIGHT, "coco_url": f"http://images/{name}"})
        images[-1] |= {"neg_category_ids": [9] if image_id == 5 else [], "not_exhaustive_category_ids": [2]}
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[20:30, 5:15] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))
    triangle, square = [[1, 1, 11, 1, 11, 9.5]], [[30, 20, 40, 20, 40, 30, 30, 30]]
    shapes: list[tuple[int, int, list[float], Any]] = [
        (7, 2, [1, 1, 10, 8.5], triangle),
        (7, 2, [30, 20, 10, 10], square),  # touches the image's corner: x + w == width
        (7, 9, [5, 20, 10, 10], {"size": [HEIGHT, WIDTH], "counts": run_lengths(mask)}),
        (3, 9, [5, 20, 10, 10], {"size": [HEIGHT, WIDTH], "counts": packed["counts"].decode()}),
        (5, 2, [1, 1, 10, 8.5], [triangle[0], square[0]]),
    ]
    annotations = [
        {"id": 11 + index, "image_id": image, "category_id": category, "bbox": box, "area": 50, "segmentation": shape}
        for index, (image, category, box, shape) in enumerate(shapes)
    ]
    counts = {2: (2, 3), 5: (0, 0), 9: (2, 2)}
    categories = [
        {
            "id": key,
            "name": f"n{key}",
            "frequency": "r",
            "image_count": counts[key][0],
            "instance_count": counts[key][1],
        }
        for key in counts
    ]
    return SmallSet(tmp_path, {"images": images, "annotations": annotations, "categories": categories})


def test_a_sound_data_set_has_no_problems(small: SmallSet) -> None:
    assert small.check() == []
    assert summary([]) == "no problems"


def truncate(name: str, keep: float) -> Callable[[SmallSet], None]:
    def spoil(small: SmallSet) -> None:
        path = small.image(name)
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    return spoil


def set_in(key: str, index: int, **values: Any) -> Callable[[SmallSet], None]:
    return lambda small: small.data[key][index].update(values)


def shape(index: int, segmentation: Any) -> Callable[[SmallSet], None]:
    return set_in("annotations", index, segmentation=segmentation)


def add(**values: Any) -> Callable[[SmallSet], None]:
    return lambda small: small.data["annotations"].append({**small.data["annotations"][0], "id": 99, **values})


def resize(small: SmallSet) -> None:
    Image.new("RGB", (HEIGHT, WIDTH)).save(small.image("3"))


def turn(small: SmallSet) -> None:
    """The pixels stay; the EXIF tag says that they are to be shown turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(small.image("3"), exif=exif)


def large_id(small: SmallSet) -> None:
    small.data["images"][0]["id"] = 2**60
    for annotation in small.data["annotations"][:3]:
        annotation["image_id"] = 2**60


def elsewhere(small: SmallSet) -> None:
    """Another picture of the same name, in another folder that is as likely."""
    del small.data["images"][1]["coco_url"]
    small.data["images"][1]["file_name"] = "3.jpg"
    Image.new("RGB", (WIDTH, HEIGHT)).save(small.root / "train2017" / "3.jpg")


def packed(*, height: int = HEIGHT, fill: int = 1) -> dict[str, Any]:
    rle = coco_mask.encode(np.full((height, WIDTH), fill, dtype=np.uint8, order="F"))
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


A11, A13, A14, A99 = (f"annotation {key}" for key in ("11 (image 7)", "13 (image 7)", "14 (image 3)", "99 (image 7)"))
PLANTED: list[tuple[Callable[[SmallSet], Any], str, str]] = [
    (lambda small: small.image("3").unlink(), kinds.MISSING_IMAGE, "image 3"),
    (truncate("7", 0.6), kinds.UNREADABLE_IMAGE, "image 7"),
    (truncate("7", 0.99), kinds.UNREADABLE_IMAGE, "image 7"),
    (truncate("5", 0.9), kinds.UNREADABLE_IMAGE, "image 5"),
    (truncate("5", 0), kinds.UNREADABLE_IMAGE, "image 5"),
    (lambda small: small.image("3").write_text("<html>404</html>"), kinds.UNREADABLE_IMAGE, "image 3"),
    (resize, kinds.IMAGE_SIZE, "image 3"),
    (turn, kinds.IMAGE_SIZE, "image 3"),
    (set_in("images", 2, width=WIDTH + 1), kinds.IMAGE_SIZE, "image 5"),
    (set_in("annotations", 0, bbox=[-1.5, 1, 10, 8]), kinds.BOX_OUTSIDE, A11),
    (set_in("annotations", 0, bbox=[1, -1.5, 10, 8]), kinds.BOX_OUTSIDE, A11),
    (set_in("annotations", 0, bbox=[31.5, 1, 10, 8]), kinds.BOX_OUTSIDE, A11),
    (set_in("annotations", 0, bbox=[1, 23.5, 10, 8]), kinds.BOX_OUTSIDE, A11),
    (set_in("annotations", 0, bbox=[1, float("nan"), 10, 8]), kinds.NOT_FINITE, A11),
    (set_in("annotations", 0, bbox=[1, float("-inf"), 10, 8]), kinds.NOT_FINITE, A11),
    (set_in("annotations", 0, area=float("inf")), kinds.NOT_FINITE, A11),
    (set_in("annotations", 0, area=0), kinds.IGNORED_AREA, A11),
    (set_in("annotations", 0, area=-50.0), kinds.IGNORED_AREA, A11),
    (set_in("annotations", 0, area=2e10), kinds.IGNORED_AREA, A11),
    (set_in("annotations", 0, bbox=[1, 1, 0, 8]), kinds.EMPTY_BOX, A11),
    (set_in("annotations", 0, bbox=[1, 1, 10, -8]), kinds.EMPTY_BOX, A11),
    (shape(0, []), kinds.EMPTY_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, 1], [1, 1, 5, 5]]), kinds.EMPTY_SEGMENTATION, A11),
    (shape(2, {"size": [HEIGHT, WIDTH], "counts": [WIDTH * HEIGHT]}), kinds.EMPTY_SEGMENTATION, A13),
    (shape(3, packed(fill=0)), kinds.EMPTY_SEGMENTATION, A14),
    (shape(0, [[1, 1, 5, 5, 9, 1, 3]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, None]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [1, 1, 5, 5, 9, 1]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, float("nan")]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, 10**400]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, 1e8]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5, 9, -1500]]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[0, 0, 1000, 1000, 0, 1000] * 2000]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [1, 1, 5, 5]), kinds.MALFORMED_SEGMENTATION, A11),
    (shape(0, [[1, 1, 5, 5]]), kinds.EMPTY_SEGMENTATION, A11),
    (shape(2, {"size": [HEIGHT, WIDTH], "counts": [0, 2**40, WIDTH * HEIGHT]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {"size": [2**40, 2**40], "counts": [0, 2**80]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {"size": "40x30", "counts": [0, 1200]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {"size": [WIDTH, HEIGHT], "counts": [0, 1200]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {"size": [HEIGHT, WIDTH], "counts": [0, 1199]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(2, {"size": [HEIGHT, WIDTH], "counts": [-1, 1201]}), kinds.MALFORMED_SEGMENTATION, A13),
    (shape(3, packed(height=HEIGHT + 1)), kinds.MALFORMED_SEGMENTATION, A14),
    (shape(3, {"size": [HEIGHT, WIDTH], "counts": "~~ é"}), kinds.MALFORMED_SEGMENTATION, A14),
    (shape(3, {"size": [HEIGHT, WIDTH], "counts": "PPPP"}), kinds.MALFORMED_SEGMENTATION, A14),
    (set_in("annotations", 0, iscrowd="0"), kinds.ODD_FLAG, A11),
    (set_in("annotations", 0, iscrowd=2), kinds.ODD_FLAG, A11),
    (add(ignore=[0]), kinds.ODD_FLAG, A99),
    (add(ignore=float("nan"), iscrowd=1), kinds.ODD_FLAG, A99),
    (add(category_id=4), kinds.UNKNOWN_CATEGORY, A99),
    (add(image_id=123), kinds.UNKNOWN_IMAGE, "annotation 99 (image 123)"),
    (large_id, kinds.LARGE_ID, f"image {2**60}"),
    (elsewhere, kinds.AMBIGUOUS_IMAGE, "image 3"),
    (set_in("annotations", 1, id=11), kinds.DUPLICATE_ID, "annotation 11"),
    (lambda small: small.data["images"].append(small.data["images"][0]), kinds.DUPLICATE_ID, "image 7"),
    (set_in("categories", 0, image_count=3), kinds.COUNTS, "category 2 (n2)"),
    (set_in("categories", 1, instance_count=1), kinds.COUNTS, "category 5 (n5)"),
    (set_in("categories", 2, image_count=1, instance_count=1), kinds.COUNTS, "category 9 (n9)"),
    (set_in("images", 2, neg_category_ids=[9, 2]), kinds.POSITIVE_AND_NEGATIVE, "image 5"),
    (set_in("images", 2, neg_category_ids=[9, 4]), kinds.UNKNOWN_LISTED_CATEGORY, "image 5"),
    (set_in("images", 0, not_exhaustive_category_ids=[1, 2]), kinds.UNKNOWN_LISTED_CATEGORY, "image 7"),
]


@pytest.mark.parametrize(("plant", "kind", "where"), PLANTED)
def test_a_planted_problem_is_found_and_nothing_else(
    small: SmallSet, plant: Callable[[SmallSet], Any], kind: str, where: str
) -> None:
    plant(small)
    assert [(problem.kind, problem.where) for problem in small.check()] == [(kind, where)]


def test_every_kind_is_planted() -> None:
    among_others = {
        kinds.NO_SIZE,
        kinds.TOO_NARROW,
        kinds.NOTHING_TO_TRAIN,
        kinds.NOTHING_TO_EVALUATE,
        kinds.CATEGORIES,
    }
    assert {kind for _, kind, _ in PLANTED} == set(kinds.KINDS) - among_others


@pytest.mark.parametrize("size", [(0, HEIGHT), (WIDTH, -1), (1 << 21, 8), (1 << 16, 1 << 15)])
def test_an_impossible_size_is_named(small: SmallSet, size: tuple[int, int]) -> None:
    set_in("images", 2, width=size[0], height=size[1])(small)
    (problem,) = (problem for problem in small.check() if problem.kind == kinds.NO_SIZE)
    assert (problem.where, problem.detail) == ("image 5", f"width is {size[0]}, height is {size[1]}")


@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize(("size", "is_named"), [((2666, 1), False), ((2667, 1), True), ((1, 3000), True)])
def test_an_image_that_resizing_leaves_nothing_of_is_named(
    small: SmallSet, size: tuple[int, int], is_named: bool, is_train: bool
) -> None:
    """The recipe's longest side is 1333 pixels, and mmcv rounds the other."""
    assert (min(mmcv.rescale_size(size, (1333, 800))) < 1) == is_named
    set_in("images", 2, width=size[0], height=size[1])(small)
    found = [problem for problem in small.check(is_train=is_train) if problem.kind == kinds.TOO_NARROW]
    assert [problem.where for problem in found] == ["image 5"] * is_named
    assert not is_named or f"width is {size[0]}, height is {size[1]}" in found[0].detail


def test_images_that_are_all_too_small_are_nothing_to_train_on(
    small: SmallSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "SMALLEST_SIDE", HEIGHT + 1)
    (problem,) = small.check()
    assert problem.kind == kinds.NOTHING_TO_TRAIN and f"sides of at least {HEIGHT + 1} pixels" in problem.detail
    assert small.check(is_train=False) == []


def test_a_training_file_without_anything_to_train_on_is_named(small: SmallSet) -> None:
    for annotation in small.data["annotations"]:
        annotation["bbox"] = [5, 5, 0.5, 0.5]
    assert [problem.kind for problem in small.check()] == [kinds.NOTHING_TO_TRAIN]
    assert small.check(is_train=False) == []


@pytest.mark.parametrize("changes", [{"ignore": 1}, {"ignore": True}, None])
def test_a_validation_file_without_anything_to_evaluate_on_is_named(small: SmallSet, changes: Any) -> None:
    if changes is None:
        small.data["annotations"].clear()
    for annotation in small.data["annotations"]:
        annotation |= changes
    assert [problem.kind for problem in small.check(is_train=False)] == [kinds.NOTHING_TO_EVALUATE]


def test_all_problems_are_listed_and_can_be_traced_to_their_image(small: SmallSet) -> None:
    small.image("3").unlink()
    truncate("7", 0.5)(small)
    set_in("annotations", 4, bbox=[1, 1, 0, 90])(small)
    add(image_id=123, category_id=4)(small)
    set_in("categories", 0, image_count=3)(small)
    problems = small.check()
    assert Counter((problem.kind, problem.image_id) for problem in problems) == {
        (kinds.MISSING_IMAGE, 3): 1,
        (kinds.UNREADABLE_IMAGE, 7): 1,
        (kinds.EMPTY_BOX, 5): 1,
        (kinds.BOX_OUTSIDE, 5): 1,
        (kinds.UNKNOWN_IMAGE, 123): 1,
        (kinds.UNKNOWN_CATEGORY, 123): 1,
        (kinds.COUNTS, None): 1,
    }
    table = summary(problems)
    assert table.splitlines()[0].split()[:3] == ["1", "missing", "image"]
    assert table.splitlines()[-1].split() == ["7", "in", "all"]


@pytest.mark.parametrize("box", [[-0.5, -0.5, 10, 8], [30.5, 22.5, 10, 8], [0, 0, WIDTH, HEIGHT]])
def test_less_than_a_pixel_outside_is_rounding(small: SmallSet, box: list[float]) -> None:
    set_in("annotations", 0, bbox=box)(small)
    assert small.check() == []


def test_counts_of_a_validation_file_are_not_compared(small: SmallSet) -> None:
    set_in("categories", 0, image_count=300, instance_count=500)(small)
    assert small.check(is_train=False) == []


def test_without_reading_only_presence_is_checked(small: SmallSet) -> None:
    truncate("7", 0.5)(small)
    small.image("3").unlink()
    assert [problem.kind for problem in small.check(read_images=False)] == [kinds.MISSING_IMAGE]


def test_an_image_that_exif_turns_into_the_stated_size_is_sound(small: SmallSet) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (HEIGHT, WIDTH)).save(small.image("3"), exif=exif)
    assert small.check() == []


def test_progress_reaches_the_number_of_images(small: SmallSet) -> None:
    calls: list[tuple[int, int]] = []
    small.check(progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_reference_photographs_have_no_problems(shared: Path) -> None:
    paths = find("lvis_v1", shared / "reference" / "coco100")
    finder = ImageFinder(paths.image_root)
    assert verify.check(lvis.load(paths.train), finder) == []
    assert verify.check(lvis.load(paths.val), finder, is_train=False) == []


def test_reference_validation_file_has_no_problems_with_painted_images(shared: Path, tmp_path: Path) -> None:
    file = lvis.load(shared / "reference" / "lvis_val_100.json")
    (tmp_path / "val2017").mkdir()
    for image in file.images:
        stand_in = Image.new("RGB", (image["width"], image["height"]), (image["id"] % 256, 80, 120))
        stand_in.save(tmp_path / "val2017" / f"{image['id']:012d}.jpg")
    assert verify.check(file, ImageFinder(tmp_path), is_train=False) == []
