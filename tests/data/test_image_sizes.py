"""Sizes of images from their headers, against OpenCV, and what the cache remembers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lt_bench.data import image_sizes
from lt_bench.data.image_sizes import read_sizes
from lt_bench.errors import UserError

NAMES = ["a.jpg", "deep/b.png", "c.jpg"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place, name in enumerate(NAMES):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((20 + place, 30 + place, 3), np.uint8))
    return tmp_path / "images"


def test_sizes_are_read_once(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    right = [[30, 20, 1], [31, 21, 1], [32, 22, 1]]
    said: list[tuple[int, int]] = []
    assert read_sizes(root, NAMES, cache, lambda done, total: said.append((done, total))).tolist() == right
    assert said == [(3, 3)]
    read: list[str] = []
    header = image_sizes.header

    def noted(path: Path) -> tuple[int, int, int]:
        read.append(path.name)
        return header(path)

    monkeypatch.setattr(image_sizes, "header", noted)
    assert read_sizes(root, NAMES, cache).tolist() == right and read == []
    cv2.imwrite(str(root / "c.jpg"), np.zeros((50, 60, 3), np.uint8))
    assert read_sizes(root, NAMES, cache).tolist() == [*right[:2], [60, 50, 1]] and read == ["c.jpg"]
    assert read_sizes(root, NAMES[:2], cache).tolist() == right[:2]
    assert read_sizes(root, NAMES, None).tolist() == [*right[:2], [60, 50, 1]]
    stored = sorted((cache / "image_sizes").iterdir())
    for path in stored:
        path.write_bytes(path.read_bytes()[:-3] + b"xyz")
    assert read_sizes(root, NAMES, cache).tolist() == [*right[:2], [60, 50, 1]]
    assert read_sizes(root, [], cache).shape == (0, 3)


def test_what_is_no_image_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"images/d\.jpg: No such file"):
        read_sizes(root, [*NAMES, "d.jpg"], tmp_path / "cache")
    (root / "a.jpg").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"images/a\.jpg: its size can't be read"):
        read_sizes(root, NAMES, tmp_path / "cache")
    (root / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"images/a\.jpg: its size can't be read"):
        read_sizes(root, NAMES, None)
