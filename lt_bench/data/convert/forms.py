"""The forms that can be converted, by name. A further one is a module beside coco.py, a line in FORMS, and its name in
options.FORM_NAMES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_bench.data.convert import coco, find_coco
from lt_bench.data.convert.source import Source


@dataclass(frozen=True)
class Form:
    """sources: from what the user named (files, or a folder of them) to one source for each split. Raises UserError.
    image_folder: where the images seem to be, None where they can't be found.
    """

    sources: Callable[[Sequence[str]], list[Source]]
    image_folder: Callable[[Sequence[Source]], Path | None]


def _coco(given: Sequence[str]) -> list[Source]:
    return coco.sources(find_coco.find(given))


FORMS: Mapping[str, Form] = {"coco": Form(_coco, find_coco.image_folder)}
