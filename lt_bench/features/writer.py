"""Writes the arrays of a split image by image, so that a process killed at any moment can be followed by another.

A file grows at its end. What is committed stays; what a killed process wrote after its last commit is cut off again.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lt_bench.data.annotation_index.digest import digest_of
from lt_bench.data.cache import cache_folder
from lt_bench.errors import UserError
from lt_bench.features.layout import ARRAYS, HEADER_BYTES, Counts, Precision
from lt_bench.features.manifest import SplitFacts
from lt_bench.features.store import AGAIN, array_path

_npy: Any = np.lib.format  # without types


@dataclass(frozen=True, eq=False)
class ImageRois:
    """What is stored of one image: n RoIs, g ground-truth boxes; types are those of `store.Split` or wider.

    features [n, D]; boxes [n, 4]; labels [n]; is_truth [n]; size: height and width; scale: in x and y; truth_labels
    [g]; truth_boxes [g, 4]; iou [n, g].
    """

    image_id: int
    features: NDArray[np.float32]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    is_truth: NDArray[np.bool_]
    size: tuple[int, int]
    scale: tuple[float, float]
    truth_labels: NDArray[np.int64]
    truth_boxes: NDArray[np.float32]
    iou: NDArray[np.float32]


class SplitWriter:
    """The files of one split in `folder`.

    done: what is committed already. Raises UserError when the files hold less than that.
    """

    def __init__(self, folder: Path, split: str, dimension: int, precision: Precision, done: Counts) -> None:
        self.counts = done
        self._dimension, self._precision = dimension, precision
        self._paths = {name: array_path(folder, split, name) for name in ARRAYS}
        self._files: dict[str, BinaryIO] = {}
        (folder / split).mkdir(parents=True, exist_ok=True)
        try:
            for name in ARRAYS:
                self._files[name] = self._open(name, done)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> SplitWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def append(self, image: ImageRois) -> None:
        """Write the RoIs of one image after those of the others. Raises UserError where float16 can't hold them."""
        done, rois, truths = self.counts, len(image.labels), len(image.truth_labels)
        self.counts = now = Counts(done.images + 1, done.rois + rois, done.truths + truths, done.pairs + image.iou.size)
        with np.errstate(over="ignore"):
            features = image.features.astype(ARRAYS["features"].dtype_at(self._precision))
        if not np.isfinite(features).all():
            raise UserError(
                f"features of image {image.image_id} are not finite in {self._precision}", "give --precision float32"
            )
        values: dict[str, Any] = {
            "image_ids": image.image_id,
            "first": now.rois,
            "features": features,
            "boxes": image.boxes,
            "labels": image.labels,
            "is_truth": image.is_truth,
            "sizes": image.size,
            "scales": image.scale,
            "truth_first": now.truths,
            "truth_labels": image.truth_labels,
            "truth_boxes": image.truth_boxes,
            "iou_first": now.pairs,
            "iou": image.iou,
        }
        for name, value in values.items():
            self._files[name].write(np.asarray(value, dtype=ARRAYS[name].dtype_at(self._precision)).tobytes())

    def commit(self) -> Counts:
        """Bring everything onto the disk. Returns what a later writer is given as `done`."""
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        return self.counts

    def finish(self) -> SplitFacts:
        """Write the headers, which makes the files arrays, and close them."""
        for name, file in self._files.items():
            file.seek(0)
            file.write(self._header(name))
        self.commit()
        self.close()
        counts = self.counts
        return SplitFacts(
            images=counts.images,
            rois=counts.rois,
            truths=counts.truths,
            pairs=counts.pairs,
            arrays={name: digest_of(path, cache_folder()) for name, path in self._paths.items()},
        )

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _open(self, name: str, done: Counts) -> BinaryIO:
        path = self._paths[name]
        if done.images == 0:
            file = path.open("wb+")
            file.write(bytes(HEADER_BYTES))  # no header: whoever reads it sees that it is not finished
            if ARRAYS[name].rows == "images + 1":
                file.write(bytes(ARRAYS[name].dtype_at(self._precision).itemsize))
            return file
        expected = done.bytes_of(name, self._dimension, self._precision)
        size = path.stat().st_size if path.is_file() else 0
        if size < expected:
            raise UserError(f"{path} has {size} of the {expected} bytes that were written already", AGAIN)
        file = path.open("rb+")
        file.truncate(expected)
        file.seek(expected)
        return file

    def _header(self, name: str) -> bytes:
        form = ARRAYS[name]
        shape = form.shape(self.counts.rows(form.rows), self._dimension)
        dtype = form.dtype_at(self._precision)
        content = io.BytesIO()
        facts = {"descr": _npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        _npy.write_array_header_1_0(content, facts)
        if content.tell() != HEADER_BYTES:
            raise RuntimeError(f"the header of {name} has {content.tell()} bytes")
        return content.getvalue()
