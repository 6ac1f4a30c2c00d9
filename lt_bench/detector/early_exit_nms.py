"""Multi-class NMS that stops when the detections to be kept are certain, equal to mmdet's and mmcv's bit for bit.

Greedy NMS decides on a candidate by the higher-scored ones alone. So NMS over the candidates above some score gives
the first detections of NMS over all of them, and only those candidates' boxes are needed. What depends on all
candidates in mmdet's `multiclass_nms` and mmcv's `batched_nms` is done here in the same way:

- The classes are kept apart by shifting the boxes of each by a multiple of the largest coordinate of any candidate.
  The shifted boxes are rounded to float32, which changes IoUs, so it has to be that very coordinate.
- With `split_thr` candidates or more, each class has an NMS of its own; with fewer, there is one for all, in which
  boxes with negative coordinates can suppress boxes of another class.
- torch.sort isn't stable on a CPU: the order of equal scores depends on all that is sorted with them. With fewer than
  `split_thr` candidates the same tensor is sorted as mmcv sorts.

What is not certain (equal scores where they matter, boxes of two classes that may meet when shifted, too few
survivors) is left to mmdet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from mmcv.ops import nms
from torch import Tensor

from lt_bench.detector.candidate_boxes import CandidateBoxes

_SPLIT_THR = 10000  # mmcv's; its kernel takes time, and on a GPU memory, that grows with the square
_FIRST_PREFIX = 4  # candidates looked at first, per detection wanted


def has_early_exit(nms_cfg: Mapping[str, Any] | None) -> bool:
    """Whether `early_exit_nms` knows the kind of NMS that nms_cfg asks for, and all of its options."""
    return (
        nms_cfg is not None
        and nms_cfg.get("type", "nms") == "nms"
        and set(nms_cfg) <= {"type", "iou_threshold", "split_thr"}
        and nms_cfg.get("iou_threshold", -1) >= 0
    )


def early_exit_nms(
    boxes: CandidateBoxes, scores: Tensor, score_thr: float, nms_cfg: Mapping[str, Any], limit: int
) -> tuple[Tensor, Tensor, Tensor] | None:
    """What `mmdet.models.layers.multiclass_nms` returns for these arguments with return_inds=True, or None.

    boxes: of the N x C candidates. scores [N, C + 1], the last column is background. score_thr: candidates score more.
    nms_cfg: accepted by `has_early_exit`. limit: how many detections are kept at most, above 0.

    Returns detections [K, 5] as (x1, y1, x2, y2, score), labels int64 [K] and candidates int64 [K], which are
    RoI * C + label; None where all candidates have to be looked at.
    """
    mask = scores[:, :-1] > score_thr
    count = int(mask.count_nonzero())
    search = _Search(boxes, scores[:, :-1], nms_cfg["iou_threshold"])
    by_class = count >= nms_cfg.get("split_thr", _SPLIT_THR)
    kept = search.by_class(mask, count, limit) if by_class else search.of_all(mask, count, limit)
    if kept is None:
        return None
    return torch.cat([boxes(kept), search.scores[kept, None]], -1), kept % search.num_classes, kept


class _Search:
    """For the first `limit` candidates of an image that survive. Candidates are int64 [M]: RoI * C + label."""

    def __init__(self, boxes: CandidateBoxes, scores: Tensor, iou_threshold: float) -> None:
        self.boxes, self.iou_threshold = boxes, iou_threshold
        self.num_classes = scores.shape[1]
        self.scores = scores.reshape(-1)

    def of_all(self, mask: Tensor, count: int, limit: int) -> Tensor:
        candidates = mask.flatten().nonzero().squeeze(1)
        if count == 0:
            return candidates
        boxes = self.boxes(candidates)
        order = self.scores[candidates].sort(descending=True).indices
        boxes, candidates = self._shifted(boxes, candidates, boxes.max())[order], candidates[order]
        size = _FIRST_PREFIX * limit
        while True:
            kept = self._kernel(boxes[:size])
            if len(kept) >= limit or size >= count:
                return candidates[kept[:limit]]
            size = _larger(size, limit, len(kept))

    def by_class(self, mask: Tensor, count: int, limit: int) -> Tensor | None:
        scores = self.scores.where(mask.flatten(), -torch.inf)
        largest = self.boxes.largest(mask)
        size = _FIRST_PREFIX * limit
        while size < min(count, _SPLIT_THR):
            lowest = scores.topk(size, sorted=False).values.min()
            candidates = (scores >= lowest).nonzero().squeeze(1)  # with all that score the same as the last
            candidates = candidates[(candidates % self.num_classes).sort(stable=True).indices]
            candidates = candidates[scores[candidates].sort(descending=True, stable=True).indices]  # ties by class
            boxes = self.boxes(candidates)
            if len(candidates) >= _SPLIT_THR or not self._are_disjoint(boxes, largest):
                return None
            kept = self._kernel(self._shifted(boxes, candidates, largest))
            if len(kept) >= limit:
                is_certain = self._are_in_order(candidates[: int(kept[limit - 1]) + 2], candidates[kept[: limit + 1]])
                return candidates[kept[:limit]] if is_certain else None
            size = _larger(size, limit, len(kept))
        return None

    def _shifted(self, boxes: Tensor, candidates: Tensor, largest: Tensor) -> Tensor:
        """boxes [M, 4] of candidates, moved apart by class. largest: coordinate of all candidates."""
        step = largest + torch.tensor(1).to(boxes)
        return boxes + ((candidates % self.num_classes).to(boxes) * step)[:, None]

    def _are_disjoint(self, boxes: Tensor, largest: Tensor) -> bool:
        """Whether it is certain that boxes of two classes never suppress each other when shifted.

        True where one class's boxes end before the next one's begin and none is inside out. Then one NMS of all is
        the NMS of each class, and one launch.
        """
        shifts = torch.arange(self.num_classes).to(boxes) * (largest + torch.tensor(1).to(boxes))
        is_apart = (shifts[:-1] + largest <= shifts[1:]).all()
        is_regular = ((boxes[:, :2] >= 0) & (boxes[:, 2:] >= boxes[:, :2]) & (boxes[:, 2:] < torch.inf)).all()
        return bool(is_apart & is_regular)

    def _are_in_order(self, candidates: Tensor, kept: Tensor) -> bool:
        """Whether neither two candidates of a class score the same, in ties by class, nor two that are kept."""
        scores, labels, kept_scores = self.scores[candidates], candidates % self.num_classes, self.scores[kept]
        is_tie = (scores[1:] == scores[:-1]) & (labels[1:] == labels[:-1])
        return not bool(is_tie.any() | (kept_scores[1:] == kept_scores[:-1]).any())

    def _kernel(self, boxes: Tensor) -> Tensor:
        """Greedy NMS of boxes [M, 4] in the order they are in: the positions of those that survive, ascending.

        The scores only give the order; distinct ones leave no choice to the kernel's own sort.
        """
        ranks = torch.arange(len(boxes), 0, -1, dtype=torch.float32, device=boxes.device)
        kept: Tensor = nms(boxes, ranks, self.iou_threshold)[1]
        return kept


def _larger(size: int, limit: int, survivors: int) -> int:
    """How many candidates to look at after `size` of them gave fewer survivors than `limit`."""
    return max(2 * size, math.ceil(1.25 * size * limit / max(1, survivors)))
