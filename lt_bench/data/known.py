"""The data sets that are known by name. A further one is a line in KNOWN, and where its files are in a form of their
own, a reader in lt_bench/data/convert/ (see forms.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DOC = "docs/datasets.md"


@dataclass(frozen=True)
class Known:
    """files: names of the training and the validation annotations, as they are published; where there are several
    pairs, the first that is there is taken. They are looked for in `places` below a data root. What else belongs to a
    data set is found by its form's reader, from these.
    how_to_get: where they can be had, and how they are put together; may name {train} and {val}.
    form: a key of lt_bench.data.convert.forms.FORMS, which reads the files; None for JSON in LVIS's form or COCO's.
    layer: its config, in configs/_base_/datasets/.
    folders: below $LT_BENCH_DATA and ./data, where it is looked for besides the folder of its name.
    protocol: what its page says first: what is trained and evaluated on, and with what that can't be compared.
    full_size: categories and validation images; a page says of runs on another number that they are of a part.
    """

    files: tuple[tuple[str, str], ...]
    how_to_get: str
    form: str | None = None
    layer: str = "lvis_v1"
    places: tuple[str, ...] = ("annotations", "")
    folders: tuple[str, ...] = ("lvis", "coco")
    protocol: str = ""
    full_size: tuple[int, int] | None = None


_COCO_IMAGES = "images (train2017.zip and val2017.zip) from https://cocodataset.org/#download."
_UNPACK = (
    "Unpack them into one folder as annotations/{train}, annotations/{val}, train2017/ and val2017/, and name that "
    "folder with --data-root."
)
_LVIS = f"To get LVIS: annotations from https://www.lvisdataset.org/dataset, {_COCO_IMAGES} {_UNPACK}"

KNOWN: Mapping[str, Known] = {
    "lvis_v1": Known(
        files=(("lvis_v1_train.json", "lvis_v1_val.json"),),
        how_to_get=_LVIS,
        full_size=(1203, 19809),
    ),
    "lvis_v0.5": Known(
        files=(("lvis_v0.5_train.json", "lvis_v0.5_val.json"),),
        how_to_get=_LVIS,
        layer="lvis_v0.5",
        full_size=(1230, 5000),
    ),
    "v3det": Known(
        files=(("v3det_2023_v1_train.json", "v3det_2023_v1_val.json"),),
        how_to_get=(
            "To get V3Det: annotations, and the script that downloads the images, from https://github.com/V3Det/V3Det. "
            "Put them into one folder as annotations/{train}, annotations/{val} and images/, and name that folder with "
            "--data-root."
        ),
        layer="v3det",
        folders=("V3Det",),
        protocol=(
            "V3Det's training and validation images, boxes alone, evaluated by LVIS's rules: annotations are taken for "
            "exhaustive, and 300 detections count per image. The authors' evaluation forgives a detection of a class "
            "where an object is annotated with an ancestor of it in the category tree; this one does not, so the "
            "numbers can't be compared with published ones. The frequency groups are LVIS's: up to 10, up to 100, and "
            "more training images."
        ),
        full_size=(13204, 29821),
    ),
}


def layer_of(dataset: str) -> str:
    """The config layer of a known data set; one that the package makes itself has its own."""
    return KNOWN[dataset].layer if dataset in KNOWN else dataset
