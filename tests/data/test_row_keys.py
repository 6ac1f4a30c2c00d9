"""Keys are equal where rows are."""

from __future__ import annotations

import numpy as np

from lt_bench.data.row_keys import row_keys


def test_keys_tell_rows_apart_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(0, 7, (5000, 4))
    keys = row_keys(table.T)
    _, places = np.unique(table, axis=0, return_inverse=True)
    _, by_key = np.unique(keys, return_inverse=True)
    assert len(set(zip(places.ravel().tolist(), by_key.tolist(), strict=True))) == len(set(by_key.tolist()))
    assert len(np.unique(keys)) == len(np.unique(table, axis=0))
    floats = rng.random(100_000)
    assert len(np.unique(row_keys([floats, np.zeros(100_000)]))) == len(np.unique(floats))
    assert len(row_keys([np.zeros(0)])) == 0
