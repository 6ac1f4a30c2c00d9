"""Which images are held out depends on their ids alone."""

from __future__ import annotations

from lt_bench.features.held_out import held_out


def test_the_share_is_held_out_whatever_other_images_there_are() -> None:
    ids = list(range(1, 20_001))
    chosen = held_out(ids, 0.1)
    assert abs(len(chosen) - 2000) < 4 * (20_000 * 0.1 * 0.9) ** 0.5
    backwards = ids[::-2]
    assert {backwards[place] for place in held_out(backwards, 0.1)} == {ids[place] for place in chosen} & set(backwards)


def test_a_larger_share_holds_out_more_of_them() -> None:
    ids = list(range(1000))
    assert set(held_out(ids, 0.1)) < set(held_out(ids, 0.3))
    assert held_out(ids, 0.0) == []
