"""The boxes of the N x C candidates of one image (N RoIs as each of C classes), without having them all at once.

Candidate i is RoI i // C as class i % C.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.structures.bbox import scale_boxes
from torch import Tensor

from lt_bench.detector.deltas import Deltas

_FIRST_CHUNK = 8192  # candidates whose boxes are decoded first in the search for the largest coordinate
_SAFE_INPUT = 1e15  # no RoI and no delta up to this decodes to NaN in float32


class CandidateBoxes(ABC):
    """Boxes are (x1, y1, x2, y2)."""

    @abstractmethod
    def __call__(self, candidates: Tensor) -> Tensor:
        """int64 [M] to boxes [M, 4]."""

    @abstractmethod
    def largest(self, mask: Tensor) -> Tensor:
        """The largest coordinate of the candidates marked in bool [N, C], at least one: a scalar tensor.

        NaN if one of their coordinates is NaN.
        """


class DecodedBoxes(CandidateBoxes):
    """boxes [N, 4], where the classes share them, or [N, C * 4]."""

    def __init__(self, boxes: Tensor, num_classes: int) -> None:
        self._boxes = boxes.reshape(boxes.shape[0], boxes.shape[1] // 4, 4)
        self._shared = boxes.shape[1] == 4
        self._num_classes = num_classes

    def __call__(self, candidates: Tensor) -> Tensor:
        rows = torch.div(candidates, self._num_classes, rounding_mode="floor")
        return self._boxes[rows, 0 if self._shared else candidates % self._num_classes]

    def largest(self, mask: Tensor) -> Tensor:
        return self._boxes[mask.any(1, keepdim=True) if self._shared else mask].max()


class EncodedBoxes(CandidateBoxes):
    """Class-specific boxes, decoded when asked for, to what decoding all of them gives.

    rois [N, 4], N > 0, and their deltas; max_shape: (height, width) of the image in pixels or None; scale: factors
    (x, y) for the decoded boxes, or None.
    """

    def __init__(
        self,
        coder: DeltaXYWHBBoxCoder,
        rois: Tensor,
        deltas: Deltas,
        max_shape: Sequence[int] | None = None,
        scale: tuple[float, float] | None = None,
    ) -> None:
        self._coder = coder
        self._rois = rois
        self._num_classes = deltas.num_classes
        self._deltas = deltas
        self._max_shape = max_shape
        self._scale = scale

    def __call__(self, candidates: Tensor) -> Tensor:
        rois = self._rois[torch.div(candidates, self._num_classes, rounding_mode="floor")]
        return self._scaled(self._coder.decode(rois, self._deltas(candidates), max_shape=self._max_shape))

    def largest(self, mask: Tensor) -> Tensor:
        """Looks at the RoIs that reach furthest first and ends with a box that reaches the border of the image."""
        bound = self._bound()
        order = self._scaled(self._rois).amax(1).argsort(descending=True)
        largest = self._rois.new_tensor(-torch.inf)
        start, size = 0, max(1, _FIRST_CHUNK // self._num_classes)
        while start < order.shape[0]:
            rows = order[start : start + size]
            row, label = mask[rows].nonzero(as_tuple=True)
            if row.shape[0] > 0:
                largest = torch.maximum(largest, self(rows[row] * self._num_classes + label).max())
                if bound is not None and largest.item() == bound:
                    break
            start, size = start + size, 2 * size
        return largest

    def _scaled(self, boxes: Tensor) -> Tensor:
        return boxes if self._scale is None else scale_boxes(boxes, self._scale)

    def _bound(self) -> float | None:
        """What no coordinate exceeds and none being NaN is certain; None where that isn't known beforehand."""
        if self._max_shape is None or not self._coder.clip_border:
            return None
        height, width = self._max_shape[:2]
        # Rounded as the boxes are: clipped to the border, then scaled.
        corner = self._scaled(self._rois.new_tensor([[width, height, width, height]])).max()
        input_size = torch.maximum(self._rois.abs().max(), self._deltas.bound())  # NaN if one of them is
        bound, size = torch.stack([corner.double(), input_size.double()]).tolist()
        return bound if size <= _SAFE_INPUT else None
