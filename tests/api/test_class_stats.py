"""Class statistics: what is refused, what counts as one, and what is read from a file (the truth is json.loads)."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lt_bench import ClassStats
from lt_bench.data.lvis import load

IMAGE = {"width": 4, "height": 3, "coco_url": "a/b.jpg", "neg_category_ids": [], "not_exhaustive_category_ids": []}
CONTENT: dict[str, Any] = {
    "images": [{"id": key, **IMAGE} for key in (7, 3, 5)],
    "annotations": [],
    "categories": [
        {"id": key, "name": name, "frequency": "r", "image_count": images, "instance_count": instances}
        for key, name, images, instances in ((9, "yak", 4, 40), (2, "zebra", 3, 30), (11, "ox", 0, 0))
    ],
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LT_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, content: Any, prefix: bytes = b"") -> Path:
    path.write_bytes(prefix + json.dumps(content).encode())
    return path


def test_counts_are_kept_as_they_are_given() -> None:
    stats = ClassStats(np.array([5, 50]), [6, 70], 60, ["a", "b"])  # type: ignore[arg-type]
    assert (stats.image_count, stats.instance_count, stats.num_images) == ((5, 50), (6, 70), 60)
    assert (stats.names, stats.num_classes) == (("a", "b"), 2)
    assert stats == ClassStats((5, 50), (6, 70), 60, ("a", "b"))


def test_an_empty_class_counts_as_one_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="2 of 3 classes have no training instance; each counts as one") as caught:
        stats = ClassStats([0, 5, 0], [0, 9, 0], 10)
    assert caught[0].filename == __file__
    assert stats.instance_count == (0, 9, 0)
    torch.testing.assert_close(stats.instances(), torch.tensor([1.0, 9.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(stats.images(), torch.tensor([1.0, 5.0, 1.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("images", "instances", "num_images", "names", "said"),
    [
        ([], [], 1, (), "there is no class"),
        ([1, 2], [1], 3, (), "image_count has 2 classes, instance_count has 1"),
        ([1, -2], [1, 2], 3, (), "image_count has a negative count: -2"),
        ([1, 2], [1, -3], 3, (), "instance_count has a negative count: -3"),
        ([1, 2], [1, 2], 0, (), "num_images is 0"),
        ([1, 2], [1, 2], 3, ("a",), "1 names for 2 classes"),
    ],
)
def test_what_makes_no_sense_is_refused(
    images: list[int], instances: list[int], num_images: int, names: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        ClassStats(images, instances, num_images, names)


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_counts_come_from_the_categories_in_label_order(tmp_path: Path, prefix: bytes) -> None:
    path = write(tmp_path / "a.json", CONTENT, prefix)
    for read in (ClassStats.from_lvis, lambda path: ClassStats.from_file(load(Path(path)))):
        for given in (path, str(path)):
            with pytest.warns(UserWarning, match="1 of 3 classes have no training instance"):
                stats = read(given)
            assert (stats.image_count, stats.instance_count) == ((3, 4, 0), (30, 40, 0))
            assert (stats.num_images, stats.names) == (3, ("zebra", "yak", "ox"))
    assert list((tmp_path / "cache" / "annotations").glob("*.index"))


def test_a_missing_file_and_a_folder_raise_what_the_system_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        ClassStats.from_lvis(tmp_path / "none.json")
    with pytest.raises(IsADirectoryError):
        ClassStats.from_lvis(tmp_path)


@pytest.mark.parametrize("section", ["images", "categories", "annotations"])
def test_what_is_no_lvis_json_is_a_value_error_that_names_the_file(tmp_path: Path, section: str) -> None:
    content = copy.deepcopy(CONTENT)
    del content[section]
    with pytest.raises(ValueError, match=rf"a\.json: .*'{section}' is missing"):
        ClassStats.from_lvis(write(tmp_path / "a.json", content))
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(ValueError, match=r"a\.json: not JSON"):
        ClassStats.from_lvis(tmp_path / "a.json")
    content = copy.deepcopy(CONTENT)
    del content["categories"][1]["image_count"]
    with pytest.raises(ValueError, match="'image_count'"):
        ClassStats.from_lvis(write(tmp_path / "a.json", content))


def test_the_interface_imports_no_data() -> None:
    code = "import sys, lt_bench.api.class_stats; assert not [name for name in sys.modules if 'lt_bench.data' in name]"
    subprocess.run([sys.executable, "-c", code], check=True)
