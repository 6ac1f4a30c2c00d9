"""Marks that are neither set nor not: those of a plain loop over the parsed entries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from odd_files import sound_content

from lt_bench.data import lvis
from lt_bench.data.flags import odd_flags, odd_values
from lt_bench.errors import UserError
from lt_bench.evaluation.inputs.ground_truth import load_ground_truth

PLAIN: tuple[Any, ...] = (0, 1, 0.0, 1.0, True, False, None)
ODD: tuple[Any, ...] = ("0", "1", "false", "true", 2, -1, 0.5, float("nan"), 10**30, [0], [1], {"a": 0}, "iscrowd")


def test_values_that_are_no_flags_are_told() -> None:
    for value in PLAIN:
        assert odd_values({"iscrowd": value, "ignore": value}) == {}
    for value in ODD:
        assert odd_values({"iscrowd": value, "ignore": 1}) == {"iscrowd": value}
        assert odd_values({"ignore": value, "other": "0"}) == {"ignore": value}


def test_they_are_found_in_a_file_in_whatever_way_it_is_written(tmp_path: Path) -> None:
    path, content = tmp_path / "val.json", sound_content("val")
    entry = content["annotations"][0]
    values = [*PLAIN, *ODD]
    content["annotations"] = [
        {**entry, "id": 2 * place + shift, name: value, "attributes": {"iscrowd": False, "ignore": 0}}
        for place, value in enumerate(values, start=1)
        for shift, name in enumerate(("iscrowd", "ignore"))
    ]
    for indent, separators in ((None, (",", ":")), (2, (" ,", " : "))):
        path.write_text(json.dumps(content, indent=indent, separators=separators))
        found = odd_flags(lvis.load(path)).tolist()
        assert found == [value in ODD for value in values for _ in range(2)]


@pytest.mark.parametrize("value", ["0", "false", [0]])
def test_neither_the_check_nor_the_evaluation_takes_them_for_set(tmp_path: Path, value: Any) -> None:
    path, content = tmp_path / "val.json", sound_content("val")
    content["annotations"][2]["ignore"] = value
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"annotation 3 \(image 102\): ignore is .*, expected 0 or 1"):
        load_ground_truth(path)
