"""Reads stored features: memory-mapped arrays per split, checked against the manifest. numpy only."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from lt_bench.data.annotation_index.digest import digest_of
from lt_bench.data.cache import cache_folder
from lt_bench.errors import UserError, did_you_mean
from lt_bench.features.layout import ARRAYS, Counts
from lt_bench.features.manifest import SCHEMA_VERSION, Manifest, SplitFacts, Which

MANIFEST_FILE = "manifest.json"
PROGRESS_FILE = "progress.json"
REGRESSION_FILE = "regression.npz"
VAL_ANNOTATIONS = "annotations_val.json"  # where the config leaves validation images out
HELD_OUT_ANNOTATIONS = "annotations_held_out.json"
AGAIN = "make them anew with `lt_bench features` and another --out, or remove this folder first"


@dataclass(frozen=True, eq=False)
class Split:
    """The RoIs of I images, N in all, with G ground-truth boxes; read-only and memory-mapped.

    Boxes are x1, y1, x2, y2 in pixels of the network's input, after resizing and flipping. C is the number of classes.

    image_ids int64 [I]. first int64 [I + 1]: the RoIs of image i are the rows first[i]:first[i + 1]. features [N, D],
    float16 or float32: the input of the classifier and of the regression layer. boxes float32 [N, 4]. labels int32
    [N]: what the detector's own assigner says, C for background; in `val` and `held_out` all C. is_truth bool [N]:
    whether the RoI is a ground-truth box. sizes int32 [I, 2]: height and width of the input. scales float32 [I, 2]:
    input / original, in x and y. truth_first int64 [I + 1], truth_labels int32 [G], truth_boxes float32 [G, 4]: as
    `first`, for the ground truth. iou_first int64 [I + 1], iou float32: of image i, the matrix [RoIs, ground truth] in
    row-major order.
    """

    image_ids: NDArray[np.int64]
    first: NDArray[np.int64]
    features: NDArray[np.floating[Any]]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int32]
    is_truth: NDArray[np.bool_]
    sizes: NDArray[np.int32]
    scales: NDArray[np.float32]
    truth_first: NDArray[np.int64]
    truth_labels: NDArray[np.int32]
    truth_boxes: NDArray[np.float32]
    iou_first: NDArray[np.int64]
    iou: NDArray[np.float32]

    def __len__(self) -> int:
        """The number of images."""
        return len(self.image_ids)

    def iou_of(self, image: int) -> NDArray[np.float32]:
        """The IoU of each RoI of an image with each of its ground-truth boxes: [RoIs, ground truth]."""
        rois = int(self.first[image + 1] - self.first[image])
        return self.iou[self.iou_first[image] : self.iou_first[image + 1]].reshape(rois, -1)


class FeatureSet:
    """A folder of stored features."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest

    def annotations(self, which: Which) -> Path:
        """An annotation file, as it was when the features were made: of `val` and `held_out`, the images of the split.

        Raises UserError when there is none, or it was changed.
        """
        file = self.manifest.annotations.get(which)
        if file is None:
            raise UserError(f"{self.path} has no images {which}", "make the features with --held-out 0.1")
        path = self.path / file.path  # files of the features' own are named relative to their folder
        if digest_of(path, cache_folder(), rehash=False) != file.sha256:
            raise UserError(f"{path} was changed since the features in {self.path} were made", AGAIN)
        return path

    def split(self, name: str) -> Split:
        """Map the arrays of a split. Raises UserError when there is none of this name."""
        facts = self.manifest.splits.get(name)
        if facts is None:
            raise UserError(f"{self.path} has no split {name!r}", did_you_mean(name, self.manifest.splits))
        return Split(**{field.name: self._map(name, field.name, facts) for field in fields(Split)})

    def regression(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weight [4C, D] (class-agnostic: [4, D]) and bias of the layer that gives box deltas from features."""
        with np.load(self.path / REGRESSION_FILE, allow_pickle=False) as file:
            return file["weight"], file["bias"]

    def _map(self, split: str, name: str, facts: SplitFacts) -> NDArray[Any]:
        path = array_path(self.path, split, name)
        form, dimension, precision = ARRAYS[name], self.manifest.dimension, self.manifest.precision
        shape = form.shape(facts.counts().rows(form.rows), dimension)
        try:
            expected = facts.counts().bytes_of(name, dimension, precision)
            if path.stat().st_size != expected:
                raise UserError(f"{path} is damaged: {path.stat().st_size} bytes instead of {expected}", AGAIN)
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise UserError(f"{path} is missing or damaged: {error}", AGAIN) from error
        if array.shape != shape or array.dtype != form.dtype_at(precision):
            raise UserError(f"{path} is damaged: {array.dtype} {array.shape} instead of {shape}", AGAIN)
        return array


def array_path(folder: Path, split: str, name: str) -> Path:
    """The file of an array."""
    return folder / split / f"{name}.npy"


def open_features(path: Path) -> FeatureSet:
    """Open a folder that `lt_bench features` has filled.

    Every file is compared with its SHA-256 the first time, and until somebody touches it no more.
    Raises UserError for a folder that is missing, unfinished, of another version, or damaged.
    """
    manifest = read_manifest(path)
    features = FeatureSet(path, manifest)
    files = {path / REGRESSION_FILE: manifest.regression}
    for split, facts in manifest.splits.items():
        if missing := sorted(set(ARRAYS) - set(facts.arrays)):
            raise UserError(f"{path / MANIFEST_FILE} lacks the arrays {missing} of {split}", AGAIN)
        _check_rows(features.split(split), facts.counts(), path / split)  # sizes first: they cost nothing
        files |= {array_path(path, split, name): facts.arrays[name] for name in ARRAYS}
    files |= {path / one.path: one.sha256 for one in manifest.annotations.values() if not Path(one.path).is_absolute()}
    for file, digest in files.items():
        if not file.is_file():
            raise UserError(f"{file} is missing", AGAIN)
        if digest_of(file, cache_folder(), rehash=False) != digest:
            raise UserError(f"{file} is damaged: its SHA-256 is not the manifest's", AGAIN)
    return features


def read_manifest(path: Path) -> Manifest:
    """The manifest of a finished folder. Raises UserError as `open_features` does."""
    file = path / MANIFEST_FILE
    if not file.is_file():
        if (path / PROGRESS_FILE).is_file():
            raise UserError(f"the features in {path} are not finished", "give the same `lt_bench features` again")
        raise UserError(f"{path} holds no features: there is no {MANIFEST_FILE}", "make them with `lt_bench features`")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content.get("schema_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version != SCHEMA_VERSION:
            raise UserError(f"{file} has version {version}; this lt_bench reads {SCHEMA_VERSION}", AGAIN)
        return Manifest.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, row['loc'])) or 'all of it'}: {row['msg']}" for row in error.errors())
        raise UserError(f"{file} is damaged: {wrong}", AGAIN) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{file} is damaged: {error}", AGAIN) from error


def _check_rows(split: Split, counts: Counts, where: Path) -> None:
    """Raises UserError when the rows of the images don't add up."""
    for name, total in (("first", counts.rois), ("truth_first", counts.truths), ("iou_first", counts.pairs)):
        rows = getattr(split, name)
        if rows[0] != 0 or rows[-1] != total or bool((np.diff(rows) < 0).any()):
            raise UserError(f"{where / name}.npy is damaged: its rows don't add up", AGAIN)
    if bool((np.diff(split.iou_first) != np.diff(split.first) * np.diff(split.truth_first)).any()):
        raise UserError(f"{where}: iou_first.npy does not fit first.npy and truth_first.npy", AGAIN)
