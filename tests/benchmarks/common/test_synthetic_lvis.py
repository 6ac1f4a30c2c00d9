from __future__ import annotations

import json
from pathlib import Path

from benchmarks.common.synthetic_lvis import class_stats, write_json
from lt_bench.api.synthetic_stats import lvis_like


def test_any_number_of_classes_has_a_long_tail() -> None:
    lvis = lvis_like()
    assert sorted(class_stats(1203).instance_count) == sorted(lvis.instance_count)
    for num_classes in (1, 80, 10_000):
        stats = class_stats(num_classes)
        assert stats.num_classes == num_classes
        assert min(stats.image_count) == 1
        assert num_classes == 1 or max(stats.image_count) == max(lvis.image_count)


def test_written_lists_are_json(tmp_path: Path) -> None:
    write_json(tmp_path / "some.json", a=map(json.dumps, [1, {"x": 2}]), b=[])
    assert json.loads((tmp_path / "some.json").read_text()) == {"a": [1, {"x": 2}], "b": []}
