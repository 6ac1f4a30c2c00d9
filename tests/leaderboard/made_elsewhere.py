"""Records of predictions that were made elsewhere."""

from __future__ import annotations

from typing import Any

from lt_bench.leaderboard import ResultRecord
from lt_bench.leaderboard.not_known import NOT_KNOWN

FILE = {"file": "results.segm.json.gz", "image_ids": "annotations", "category_ids": "from-0"}


def elsewhere(record: ResultRecord, name: str = "theirs", **fields: Any) -> ResultRecord:
    """The same measurement, of predictions of which nothing else is known."""
    content = record.model_dump(exclude_none=True)
    known = {key: value for key, value in content.items() if key not in (*NOT_KNOWN, "seal")}
    data = {key: content["data"][key] for key in ("val_annotations", "classes", "val_images")}
    own = {"loss": {"name": name}, "track": {"dataset": record.track.dataset}, "data": data, "elsewhere": FILE}
    return ResultRecord.model_validate(known | own | fields)
