"""Exhaustive annotations in the two ways that a file can have them: absent classes listed, or said once."""

from __future__ import annotations

import copy
from typing import Any

Content = dict[str, Any]


def both_forms(content: Content) -> tuple[Content, Content]:
    """(with all that is absent listed, with `exhaustive`), of LVIS's form. What has an annotation is not absent."""
    listed, said = copy.deepcopy(content), {**copy.deepcopy(content), "exhaustive": True}
    for image, other in zip(listed["images"], said["images"], strict=True):
        shown = {row["category_id"] for row in content["annotations"] if row["image_id"] == image["id"]}
        image["neg_category_ids"] = [each["id"] for each in content["categories"] if each["id"] not in shown]
        other.pop("neg_category_ids", None)
    return listed, said
