"""Lines of label files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_bench.data.convert.yolo.labels import label_path, read
from lt_bench.errors import UserError

FILE = Path("labels/train/a.txt")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("/d/images/train/a.b.jpg", "/d/labels/train/a.b.txt"),
        ("/images/d/train/images/x/a.png", "/images/d/train/labels/x/a.txt"),
        ("/d/train/a.jpg", "/d/train/a.txt"),
        ("/d/my_images/images", "/d/my_images/images.txt"),
    ],
)
def test_labels_are_where_ultralytics_has_them(image: str, label: str) -> None:
    assert label_path(Path(image)) == Path(label)


def test_boxes_and_polygons() -> None:
    box, polygon = read(FILE, b"\xef\xbb\xbf2 0.5 0.5 0.25 0.5\r\n\r\n 1.0 .1 .2 .3 .2 .3 .6\n", classes=3)
    assert (box.category, box.box, box.polygon) == (2, (0.375, 0.25, 0.625, 0.75), None)
    assert (polygon.category, polygon.box) == (1, (0.1, 0.2, 0.3, 0.6))
    assert polygon.polygon == (0.1, 0.2, 0.3, 0.2, 0.3, 0.6)
    assert not box.is_flat and not polygon.is_flat
    assert [label.is_flat for label in read(FILE, b"0 .5 .5 .1 0\n0 .1 .1 .1 .5 .1 .9", 1)] == [True, True]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"0 0.5 0.5 0.1", r"a\.txt:2: 4 numbers"),
        (b"0 0.5 0.5 0.1 0.1 0.9", "the score of a prediction"),
        (b"0 .1 .1 .2 .2 .3 .3 .4", "8 numbers"),
        (b"3 0.5 0.5 0.1 0.1", "there is no class 3"),
        (b"-1 0.5 0.5 0.1 0.1", "there is no class -1"),
        (b"0.5 0.5 0.5 0.1 0.1", "a class or a number that is none"),
        (b"0 nan 0.5 0.1 0.1", "a class or a number that is none"),
        (b"inf 0.5 0.5 0.1 0.1", "a class or a number that is none"),
        (b"0 320 240 64 48", "320 is no share"),
        (b"0 0.5 -0.02 0.1 0.1", "-0.02 is no share"),
        (b"0 0.5 0.5 0.1 1.02", "1.02 is no share"),
        (b"cat 0.5 0.5 0.1 0.1", "could not convert"),
        (b"0,0.5,0.5,0.1,0.1", "could not convert"),
        (b"0 \xff", "is no text"),
    ],
)
def test_mistakes_are_named_by_file_and_line(line: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read(FILE, b"0 0.5 0.5 0.1 0.1\n" + line, classes=3)
    assert str(FILE) in caught.value.message and caught.value.remedy
