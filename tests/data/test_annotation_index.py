"""The index of annotations: what it holds, and that its cache is built once, noticed when damaged and never trusted
beyond the file that it is of."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_lvis import V1, write

from lt_bench.data.annotation_index import store
from lt_bench.data.annotation_index.building import build
from lt_bench.data.lvis import LVISFile, load, read
from lt_bench.errors import UserError

LOAD = """
import logging, sys
from pathlib import Path
from lt_bench.data.lvis import load
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
file = load(Path(sys.argv[1]), Path(sys.argv[2]))
print(file.digest, len(file.annotations), file.annotations[-1]["id"])
"""


def annotated(annotations: int) -> dict[str, Any]:
    data = copy.deepcopy(V1)
    first = data["annotations"][0]
    data["annotations"] = [{**first, "id": key, "image_id": (3, 5, 7)[key % 3]} for key in range(1, annotations + 1)]
    return data


def indexes(cache: Path) -> list[Path]:
    return sorted((cache / "annotations").glob("*.index"))


def said(path: Path, cache: Path, **options: Any) -> tuple[LVISFile, list[str]]:
    texts: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("lt_bench.data")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        return load(path, cache, **options), texts
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_entry_is_what_the_file_says(tmp_path: Path, indent: int | None) -> None:
    data = annotated(7)
    data["images"][0]["flickr_url"] = "Gänse 鹅"
    path = write(tmp_path / "a.json", json.dumps(data, indent=indent, ensure_ascii=False))
    for file in (load(path), load(path, tmp_path / "cache"), load(path, tmp_path / "cache")):
        assert list(file.images) == data["images"]
        assert list(file.annotations) == data["annotations"]
        assert file.annotations[-1] == data["annotations"][-1]
        assert list(file.annotations[2:4]) == data["annotations"][2:4]
        assert file.categories == sorted(data["categories"], key=lambda category: int(category["id"]))
        with pytest.raises(IndexError):
            file.annotations[7]
        for row, image in enumerate(data["images"]):
            of_image = [entry for entry in data["annotations"] if entry["image_id"] == image["id"]]
            assert file.annotations.at(file.rows_of(row)) == of_image
    assert len(indexes(tmp_path / "cache")) == 1


def test_entries_side_by_side_are_read_at_once(tmp_path: Path) -> None:
    data = annotated(7)
    file = load(write(tmp_path / "a.json", data))
    assert file.annotations.at(np.array([2, 3, 4])) == data["annotations"][2:5]
    assert file.annotations.at(np.array([0, 6])) == [data["annotations"][0], data["annotations"][6]]
    assert file.annotations.at(np.array([], dtype=np.int64)) == []


def test_usable_is_as_mmdet_has_it(tmp_path: Path) -> None:
    """Images are 40 x 30: what mmdet's COCO-style parsing keeps, worked out by hand."""
    boxes = {
        (0, 0, 5, 5): True,
        (39.5, 0, 5, 5): True,
        (40, 0, 5, 5): False,
        (0, 30, 5, 5): False,
        (-5, 0, 5, 5): False,
        (-5, 0, 5.5, 5): True,
        (0, 0, 0.99, 5): False,
        (0, 0, 5, 1): True,
        (0, 0, 1, 5): True,
        (0, 0, 5, 0.99): False,
        (float("nan"), 0, 5, 5): False,
        (float("inf"), 0, float("-inf"), 5): False,
    }
    data = annotated(len(boxes))
    for annotation, box in zip(data["annotations"], boxes, strict=True):
        annotation["bbox"] = box
    data["annotations"] += [{**data["annotations"][0], "area": 0}, {**data["annotations"][0], "image_id": 99}]
    file = load(write(tmp_path / "a.json", data))
    assert file.columns["usable"].tolist() == [*boxes.values(), False, False]


@pytest.mark.parametrize("value", [10**30, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_refused(tmp_path: Path, value: int) -> None:
    data = annotated(2)
    data["annotations"][1]["id"] = value
    with pytest.raises(UserError, match=r"annotations\[1\]: id, .* too large: -?[19][02]"):
        load(write(tmp_path / "a.json", data))


def test_the_last_of_two_sections_counts_as_in_json(tmp_path: Path) -> None:
    content = json.dumps(annotated(5))[:-1] + ', "annotations": ' + json.dumps(annotated(2)["annotations"]) + "}"
    assert list(load(write(tmp_path / "a.json", content)).annotations) == json.loads(content)["annotations"]


def test_a_file_can_say_once_that_it_is_exhaustive(tmp_path: Path) -> None:
    for value, first in ((True, True), (True, False), (False, True), (None, True)):
        data = copy.deepcopy(V1)
        for image in data["images"]:
            del image["neg_category_ids"]
        said = {"exhaustive": value}
        file = read(write(tmp_path / "a.json", said | data if first else data | said))
        assert file.exhaustive is bool(value)
        assert ("images.neg_category_ids" in file.lacks) is not bool(value)
    assert read(write(tmp_path / "a.json", V1)).exhaustive is False
    loaded = load(write(tmp_path / "a.json", said | {"exhaustive": True} | data), tmp_path / "cache")
    assert loaded.exhaustive and pickle.loads(pickle.dumps(loaded)).exhaustive


def test_what_says_two_things_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", V1 | {"exhaustive": True})
    with pytest.raises(UserError, match=r"a\.json: 'exhaustive' is true.*but image 7 has neg_category_ids of its own"):
        read(path)
    with pytest.raises(UserError, match=r"a\.json: .*'exhaustive' is 'yes', expected true or false"):
        read(write(path, V1 | {"exhaustive": "yes"}))


def test_a_second_start_parses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    assert said(path, cache)[1] == ["indexing a.json, once for this content"]
    monkeypatch.setattr(store, "build", None)
    assert said(path, cache)[1] == []
    path.rename(tmp_path / "b.json")  # the content is what counts
    assert said(tmp_path / "b.json", cache)[1] == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    """Also when its size and time are as before, which only its content tells."""
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    load(path, cache)
    before = path.stat()
    content = path.read_text().replace('"yak"', '"cow"')
    path.write_text(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for rehash in (False, True):
        assert load(path, cache, rehash=rehash).names == ("zebra", "cow", "ox")


def test_a_note_spares_the_other_processes_from_reading_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    known = load(path, cache).digest
    monkeypatch.setattr(hashlib, "sha256", lambda *given: pytest.fail("hashed") if not given else _Named())

    class _Named:
        def hexdigest(self) -> str:
            return next((cache / "annotations").glob("*.digest")).stem

    assert load(path, cache, rehash=False).digest == known
    with pytest.raises(pytest.fail.Exception):
        load(path, cache)


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    load(path, cache)
    (stored,) = indexes(cache)
    sound = stored.read_bytes()
    for damaged in (b"", sound[:-1], sound[:200], sound.replace(b"zebra", b"zebro"), sound[:-8] + b"12345678"):
        stored.write_bytes(damaged)
        file, texts = said(path, cache)
        assert "is made again" in texts[0]
        assert list(file.annotations) == V1["annotations"]
        assert stored.read_bytes() == sound


@pytest.mark.parametrize("broken", ["no folder", "full"])
def test_a_cache_that_cant_be_written_is_done_without_and_said(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    if broken == "no folder":
        cache.write_text("a file")
    else:

        def full(path: Path, chunks: object) -> str:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(store, "write_atomic", full)
    file, texts = said(path, cache)
    assert list(file.annotations) == V1["annotations"]
    assert "can't be used" in texts[-1] and "going on without" in texts[-1]


def test_processes_that_start_at_once_build_it_once(tmp_path: Path) -> None:
    path, cache = write(tmp_path / "a.json", annotated(4000)), tmp_path / "cache"
    command = (sys.executable, "-c", LOAD, str(path), str(cache))
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    texts = [process.communicate()[0].splitlines() for process in processes]
    assert {lines[-1] for lines in texts} == {f"{load(path).digest} 4000 4000"}
    assert sum(len(lines) - 1 for lines in texts) == 1  # one says that it builds
    assert {name.suffix for name in (cache / "annotations").iterdir()} == {".index", ".digest", ".lock"}


def test_a_process_that_is_killed_while_building_stops_nobody(tmp_path: Path) -> None:
    path, cache = write(tmp_path / "a.json", V1), tmp_path / "cache"
    stuck = "import time; from lt_bench.data.annotation_index import store; "
    stuck += "store.build = lambda *paths: time.sleep(1000)\n"
    process = subprocess.Popen(
        (sys.executable, "-c", stuck + LOAD, str(path), str(cache)), stdout=subprocess.PIPE, text=True
    )
    while not list((cache / "annotations").glob(".*.lock")):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(load(path, cache).annotations) == V1["annotations"]


def test_unused_indexes_are_dropped_when_another_is_stored(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second = (write(tmp_path / f"{size}.json", annotated(size)) for size in (2, 3))
    load(first, cache)
    (stored,) = indexes(cache)
    long_ago = time.time() - 31 * 86400
    os.utime(stored, (long_ago, long_ago))
    load(first, cache)  # in use again
    load(second, cache)
    assert len(indexes(cache)) == 2
    os.utime(stored, (long_ago, long_ago))
    load(write(tmp_path / "4.json", annotated(4)), cache)
    assert stored not in indexes(cache) and len(indexes(cache)) == 2


def test_pickled_it_is_a_path(tmp_path: Path) -> None:
    path, cache = write(tmp_path / "a.json", annotated(4000)), tmp_path / "cache"
    for file in (load(path), load(path, cache)):
        pickled = pickle.dumps(file)
        assert len(pickled) < 1000
        assert list(pickle.loads(pickled).annotations) == list(file.annotations)
    path.write_text(json.dumps(annotated(3)))
    with pytest.raises(UserError, match="changed while it was in use"):
        pickle.loads(pickled)


def test_the_index_is_small_beside_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", annotated(4000))
    assert sum(column.nbytes for column in build(path).columns.values()) < 100 * 4000
