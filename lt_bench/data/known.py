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
_OPEN_IMAGES = (
    "To get Open Images: docs/openimages.md lists the files of each release. Put the tables into one folder as "
    "annotations/, images beside it as train/ and validation/, and masks as train-masks/ and validation-masks/."
)
_LVIS_RULES = (
    "It is evaluated by LVIS's rules (AP over ten IoU thresholds, 300 detections per image), not by the challenge's "
    "(IoU 0.5, a group to be found once): no number here can be compared with one of the challenge."
)


def _open_images(files: tuple[tuple[str, str], ...], what: str) -> Known:
    return Known(
        files=files,
        how_to_get=_OPEN_IMAGES,
        form="openimages",
        layer="openimages",
        folders=("openimages", "OpenImages", "open-images"),
        protocol=f"{what} An object counts for the classes above its own in the hierarchy too. {_LVIS_RULES}",
    )


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
    "lvis_minival": Known(
        files=(
            ("lvis_v1_train.json", "lvis_v1_minival_inserted_image_name.json"),
            ("lvis_v1_train.json", "lvis_v1_minival.json"),
        ),
        how_to_get=(
            "To get it: {val} from https://huggingface.co/GLIPModel/GLIP; {train} from "
            f"https://www.lvisdataset.org/dataset, {_COCO_IMAGES} {_UNPACK}"
        ),
        places=("annotations", "", "lvis"),
        protocol=(
            "Trained on LVIS v1's training set and evaluated on minival, the 4,809 images of LVIS v1's validation set "
            "that are in COCO's val2017 (Kamath et al., MDETR, ICCV 2021; Li et al., GLIP, CVPR 2022). The other "
            "15,000 validation images are left out, and with them most of what there is to find of rare classes. AP on "
            "minival is another number than AP on LVIS v1's validation set, and is compared with none of these."
        ),
        full_size=(1203, 4809),
    ),
    "coco_lt": Known(
        files=(("coco_lt_exp_train.json", "coco_lt_exp_val.json"),),
        how_to_get=(
            "It is made of COCO's annotations: `lt_bench data make coco_lt --from FOLDER`, where FOLDER holds "
            "annotations/instances_train2017.json, annotations/instances_val2017.json, train2017/ and val2017/ from "
            "https://cocodataset.org/#download. Then name FOLDER with --data-root."
        ),
        folders=("coco",),
        protocol=(
            "A part of COCO's train2017 with a long tail, and COCO's val2017. The number of training images that show "
            "a class falls by a constant factor from 10,000 of the most frequent one to 2 of the rarest (the "
            "exponential rule of Cui et al., CVPR 2019, and Cao et al., NeurIPS 2019). It is not the COCO-LT of Wang "
            "et al., ECCV 2020, which is a list of images made by another rule, and no number on that is comparable. "
            "AP is by LVIS's rules, and another number than COCO's."
        ),
        full_size=(80, 5000),
    ),
    "openimages": _open_images(
        (
            ("oidv6-train-annotations-bbox.csv", "validation-annotations-bbox.csv"),
            ("train-annotations-bbox.csv", "validation-annotations-bbox.csv"),
        ),
        "The boxes of Open Images V5 to V7, 600 classes.",
    ),
    "openimages_masks": _open_images(
        (("train-annotations-object-segmentation.csv", "validation-annotations-object-segmentation.csv"),),
        "The objects of Open Images V5 to V7 that have masks, 350 classes.",
    ),
    "openimages_2019": _open_images(
        (("challenge-2019-train-detection-bbox.csv", "challenge-2019-validation-detection-bbox.csv"),),
        "The boxes of the Open Images challenge of 2019, 500 classes, trained and validated on its public splits.",
    ),
    "openimages_2019_masks": _open_images(
        (("challenge-2019-train-segmentation-masks.csv", "challenge-2019-validation-segmentation-masks.csv"),),
        "The objects of the Open Images challenge of 2019 that have masks, 300 classes, trained and validated on its "
        "public splits.",
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
