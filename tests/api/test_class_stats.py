"""Class statistics from an annotation file: json.loads of the file is the truth."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
