"""What a conversion can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lt_bench.errors import UserError
from lt_bench.utils.frequency import COMMON, RARE

Crowds = Literal["ignore", "drop", "objects"]
CROWDS: tuple[Crowds, ...] = get_args(Crowds)
LVIS_GROUPS = (RARE, COMMON)
# Of forms.FORMS; here, since the command line names them without importing what reads them.
FORM_NAMES = ("coco", "openimages", "yolo")


@dataclass(frozen=True)
class Options:
    """crowds: what becomes of regions with several objects (`iscrowd`). "ignore": lvis-api's `ignore`, so that a region
    is not missed, and one detection of it no mistake. "drop": left out, and its class not exhaustively annotated in
    that image, so that no detection of it there is a mistake. "objects": each is one object like any other. Those of
    the first two are neither trained on nor counted.
    groups: the most training images that a rare and a common class are in; None keeps the groups that the source has,
    and is LVIS's 10 and 100 where it has none.
    masks_of_boxes: an object without a mask gets its box as a polygon; otherwise it stays without.
    """

    crowds: Crowds = "ignore"
    groups: tuple[int, int] | None = None
    masks_of_boxes: bool = True


def parse_groups(text: str) -> tuple[int, int]:
    """ "10,100" to (10, 100). Raises UserError for anything else than two ascending whole numbers."""
    try:
        rare, common = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--groups {text!r} is not two whole numbers", "for example --groups 10,100") from error
    if not 0 <= rare < common:
        raise UserError(f"--groups {text}: {rare} and {common} are no ascending bounds", "for example --groups 10,100")
    return rare, common
