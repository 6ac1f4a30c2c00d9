"""Rows of the tables: what is read, left out and refused."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from openimages_form import BOX_HEADER

from lt_bench.data.convert.openimages.boxes import CLIPPED, FLAT, UNLISTED, BoxRow, read_boxes
from lt_bench.data.convert.openimages.tables import rows
from lt_bench.errors import UserError

CAR = "0001eeaf4aed83f9,xclick,/m/0k4j,1"
PLACES = {"/m/0k4j": 7}


def read(tmp_path: Path, *lines: str, header: str = BOX_HEADER) -> tuple[list[BoxRow], Counter[str]]:
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    counted: Counter[str] = Counter()
    return list(read_boxes(path, PLACES, counted)), counted


def test_columns_are_taken_by_name(tmp_path: Path) -> None:
    found, counted = read(
        tmp_path,
        f"{CAR},0.022673031,0.9642005,0.07103825,0.80054647,0,1,0,-1,0",
        "000595fe6fee6369,xclick,/m/02xwb,1,0.4,0.6,0.2,0.5,0,0,1,0,0",
    )
    flags = {"is_occluded": 0, "is_truncated": 1, "is_depiction": -1, "is_inside": 0}
    assert found == [BoxRow("0001eeaf4aed83f9", 7, (0.022673031, 0.07103825, 0.9642005, 0.80054647), False, flags)]
    assert counted == {UNLISTED: 1}
    # V6 has the four points that were clicked on besides, and the challenge another order, and less.
    clicks = ",".join(f"XClick{point}{axis}" for axis in "XY" for point in "1234")
    found, _ = read(tmp_path, f"{CAR},0.1,0.2,0.3,0.4,0,0,1,0,0{',0.1' * 8}", header=f"{BOX_HEADER},{clicks}")
    assert found[0].is_group and found[0].box == (0.1, 0.3, 0.2, 0.4)
    found, _ = read(tmp_path, "a,/m/0k4j,0.1,0.2,0.3,0.4,-1", header="ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf")
    assert found == [BoxRow("a", 7, (0.1, 0.3, 0.2, 0.4), False, {})]


@pytest.mark.parametrize(
    ("text", "value"), [("True", 1), ("1.0", 1), ("TRUE", 1), ("False", 0), ("0.0", 0), ("-1.0", -1)]
)
def test_flags_are_read_as_other_programs_write_them(tmp_path: Path, text: str, value: int) -> None:
    found, _ = read(tmp_path, f"{CAR},0.1,0.2,0.3,0.4,{text},0,{text},0,0")
    assert found[0].is_group == (value == 1) and found[0].flags["is_occluded"] == value


def test_boxes_at_the_edge_and_those_that_are_none(tmp_path: Path) -> None:
    found, counted = read(
        tmp_path,
        f"{CAR},-0.001,0.5,0,1.0009,0,0,0,0,0",
        f"{CAR},0.5,0.5,0,1,0,0,0,0,0",
        f"{CAR},0.5,0.4,0,1,0,0,0,0,0",
        *[f"{CAR},0,0.5,0,1,0,0,0,0,0"] * 100,
    )
    assert [row.box for row in found] == [(0, 0, 0.5, 1)] * 101
    assert counted == {CLIPPED: 1, FLAT: 2}


def test_columns_that_were_exchanged_are_refused(tmp_path: Path) -> None:
    sound = [f"{CAR},0,0.5,0,1,0,0,0,0,0"] * 20
    with pytest.raises(UserError, match=r"1 of 21 boxes .* line 22: XMin is 0\.5 and XMax 0\.4"):
        read(tmp_path, *sound, f"{CAR},0.5,0.4,0,1,0,0,0,0,0")
    with pytest.raises(UserError, match=r"2 of 22 boxes .* line 22: YMin is 1 and YMax 0\.5"):
        read(tmp_path, *sound, *[f"{CAR},0,0.5,1,0.5,0,0,0,0,0"] * 2)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{CAR},0,0.5,0,1,0,0,yes,0,0", "line 3: IsGroupOf is 'yes', expected 0, 1 or -1"),
        (f"{CAR},a,0.5,0,1,0,0,0,0,0", "line 3: XMin is 'a', which is no number"),
        (f"{CAR},0.1,nan,0,1,0,0,0,0,0", "line 3: XMax is 'nan', which is no number"),
        (f"{CAR},0.1,0.2,0,inf,0,0,0,0,0", "line 3: YMax is 'inf', which is no number"),
        (f"{CAR},12,40,0,1,0,0,0,0,0", "line 3: XMin is 12; coordinates are parts of the image's size"),
        (f"{CAR},0.1,0.2", "line 3: 6 fields where the header has 13"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UserError, match=f"boxes.csv, {said}"):
        read(tmp_path, f"{CAR},0.1,0.2,0.3,0.4,0,0,0,0,0", line)


def test_tables_of_another_form_or_encoding(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"boxes\.csv: no column XMin, XMax, YMin, YMax, IsGroupOf in its header"):
        read(tmp_path, "a,b,c,1", header="ImageID,Source,LabelName,Confidence")
    with pytest.raises(UserError, match="no column ImageID"):
        read(tmp_path, header="")
    path = tmp_path / "boxes.csv.gz"
    path.write_bytes(gzip.compress("ImageID,LabelName\r\na,b\r\n\r\nc,d".encode("utf-8-sig")))
    assert list(rows(path, ("LabelName", "ImageID"), ("None",))) == [(2, ("b", "a", "")), (4, ("d", "c", ""))]
    path.write_bytes(b"ImageID,LabelName\na,\xff\n")
    with pytest.raises(UserError, match="no UTF-8"):
        list(rows(path, ("LabelName", "ImageID")))
