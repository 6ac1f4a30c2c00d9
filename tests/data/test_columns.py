"""Arrays and facts in one file that notices every damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lt_bench.data.columns import DamagedError, pack, unpack

FACTS = {"name": "Gänse\n鹅", "list": [1, 2.5, None]}
COLUMNS = {
    "numbers": np.arange(12, dtype=np.int64).reshape(4, 3),
    "flags": np.array([True, False, True]),
    "none": np.empty((0, 2), dtype=np.int32),
    "reals": np.array([0.5, np.nan]),
}


def write(path: Path) -> bytes:
    content = b"".join(pack(FACTS, COLUMNS))
    path.write_bytes(content)
    return content


def is_as_it_was(path: Path) -> bool:
    facts, columns = unpack(path)
    for name, column in COLUMNS.items():
        assert columns[name].dtype == column.dtype
        np.testing.assert_array_equal(columns[name], column)
    return facts == FACTS and list(columns) == list(COLUMNS)


def test_what_was_packed_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    write(path)
    assert is_as_it_was(path)
    assert not unpack(path)[1]["numbers"].flags.writeable


def test_every_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.index"
    content = write(path)
    sound = 0
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        try:
            sound += is_as_it_was(path)
        except DamagedError:
            continue
    assert not sound


@pytest.mark.parametrize("keep", [0, 1, 8, 9, 100, -64, -1])
def test_a_file_cut_off_is_noticed(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.index"
    path.write_bytes(write(path)[:keep])
    with pytest.raises(DamagedError):
        unpack(path)
    path.write_bytes(write(path) + b"x")
    with pytest.raises(DamagedError):
        unpack(path)


def test_a_missing_file_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "none.index")
