"""What a conversion can be asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
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

    def words(self) -> str:
        """The options of the command line that ask for these crowds and groups."""
        groups = "" if self.groups is None else f"--groups {self.groups[0]},{self.groups[1]} "
        return f"{groups}--crowds {self.crowds}"


def parse_options(groups: str | None, crowds: Crowds | None) -> Options | None:
    """What was asked of a conversion in place; None if nothing was. Raises UserError as `parse_groups` does."""
    if groups is None and crowds is None:
        return None
    return Options(crowds or Options.crowds, None if groups is None else parse_groups(groups))


def refuse_unused(asked: Options | None, paths: Collection[Path]) -> None:
    """Raises UserError for options of a conversion where nothing is converted. paths: the files in LVIS's form."""
    if asked is not None:
        names = " and ".join(map(str, paths))
        raise UserError(
            f"--groups and --crowds are for annotations that are converted, and LVIS's form, as of {names}, is used as "
            "it is",
            "leave them out, or name the files that this was made of",
        )


def parse_groups(text: str) -> tuple[int, int]:
    """ "10,100" to (10, 100). Raises UserError for anything else than two ascending whole numbers."""
    try:
        rare, common = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--groups {text!r} is not two whole numbers", "for example --groups 10,100") from error
    if not 0 <= rare < common:
        raise UserError(f"--groups {text}: {rare} and {common} are no ascending bounds", "for example --groups 10,100")
    return rare, common
