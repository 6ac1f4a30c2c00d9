"""Names that files, records and tables share."""

from __future__ import annotations

from typing import Literal

from lt_bench.utils.frequency import FREQUENCIES

BoxOrMask = Literal["bbox", "segm"]
IouType = Literal["bbox", "segm", "boundary"]
KINDS: dict[BoxOrMask, str] = {"bbox": "box", "segm": "mask"}
PLURALS: dict[BoxOrMask, str] = {"bbox": "boxes", "segm": "masks"}
GROUPS = {"all": "all", **FREQUENCIES}  # the classes that a number is of
AP_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf", "AR")  # LVIS AP's numbers
ERRORS = ("classification", "localisation", "both", "duplicate", "background", "missed")  # TIDE's kinds of errors
