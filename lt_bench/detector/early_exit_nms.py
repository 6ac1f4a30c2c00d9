"""Multi-class NMS that stops when the detections to be kept are certain, equal to mmdet's and mmcv's bit for bit.

Greedy NMS decides on a candidate by the higher-scored ones alone. So NMS over the candidates above some score gives
the first detections of NMS over all of them, and only those candidates' boxes are needed. What depends on all
candidates in mmdet's `multiclass_nms` and mmcv's `batched_nms` is done here in the same way:

- The classes are kept apart by shifting the boxes of each by a multiple of the largest coordinate of any candidate.
  The shifted boxes are rounded to float32, which changes IoUs, so it has to be that very coordinate.
- With `split_thr` candidates or more, each class has an NMS of its own; with fewer, there is one for all, in which
  boxes with negative coordinates can suppress boxes of another class.
- torch.sort isn't stable on a CPU: the order of equal scores depends on all that is sorted with them. Where that order
  matters, the same tensor is sorted as mmcv sorts. With equal scores among the detections that are kept of `split_thr`
  candidates or more, that is the scores of all survivors, and NMS runs over all candidates.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from mmcv.ops import nms
from torch import Tensor

from lt_bench.detector.candidate_boxes import CandidateBoxes

_KEYS = {"type", "iou_threshold", "iou_thr", "offset", "score_threshold", "max_num", "split_thr", "class_agnostic"}
_KERNEL_KEYS = ("iou_threshold", "iou_thr", "offset")
_SPLIT_THR = 10000  # mmcv's; its kernel takes time, and on a GPU memory, that grows with the square
_FIRST_PREFIX = 4  # candidates looked at first, per detection wanted
_UNSTABLE_CUDA_SORT = 32  # up to so many elements torch sorts by a network, which isn't stable; more, by radix


def has_early_exit(nms_cfg: Mapping[str, Any] | None) -> bool:
    """Whether `early_exit_nms` can do what nms_cfg asks for. Warns once of each kind of NMS that it can't do."""
    if nms_cfg is None:
        return _decline("A configuration without NMS")
    kind = nms_cfg.get("type", "nms")
    if kind != "nms":
        return _decline(f"NMS of type {getattr(kind, '__name__', kind)!r}")
    unknown = sorted(set(nms_cfg) - _KEYS)
    return not unknown or _decline(f"NMS with {', '.join(unknown)}")


@cache
def _decline(what: str) -> bool:
    warnings.warn(f"{what} has no early exit here: mmdet's own post-processing runs, which is slower", stacklevel=3)
    return False


def early_exit_nms(
    boxes: CandidateBoxes, scores: Tensor, score_thr: float, nms_cfg: Mapping[str, Any], max_num: int = -1
) -> tuple[Tensor, Tensor, Tensor]:
    """What `mmdet.models.layers.multiclass_nms` returns for these arguments with return_inds=True.

    boxes: of the N x C candidates. scores [N, C + 1], the last column is background. score_thr: candidates score more.
    nms_cfg: accepted by `has_early_exit`. max_num: how many detections are kept at most; all if it isn't positive.

    Returns detections [K, 5] as (x1, y1, x2, y2, score), labels int64 [K] and candidates int64 [K], which are
    RoI * C + label. Raises what mmcv raises for arguments out of range.
    """
    candidates = _Candidates(boxes, scores, score_thr, nms_cfg)
    limits = [limit for limit in (max_num, nms_cfg.get("max_num", -1)) if limit > 0]
    kept = candidates.first(min(limits, default=candidates.count))
    return torch.cat([boxes(kept), candidates.scores[kept, None]], -1), kept % candidates.num_classes, kept


class _Candidates:
    """The candidates of one image. Everywhere, candidates are int64 [M]: RoI * C + label."""

    def __init__(self, boxes: CandidateBoxes, scores: Tensor, score_thr: float, nms_cfg: Mapping[str, Any]) -> None:
        self.boxes = boxes
        self.kernel_arguments = {key: nms_cfg[key] for key in _KERNEL_KEYS if key in nms_cfg}
        self.class_agnostic = bool(nms_cfg.get("class_agnostic", False))
        self.num_classes = scores.shape[1] - 1
        self.scores = scores[:, :-1].reshape(-1)
        self.mask = scores[:, :-1] > score_thr
        self.count = int(self.mask.count_nonzero())
        self.is_split = self.count >= nms_cfg.get("split_thr", _SPLIT_THR)
        # mmcv drops those below its own threshold after it has counted the candidates and found the largest coordinate.
        threshold = nms_cfg.get("score_threshold", 0)
        self.eligible = self.mask & (scores[:, :-1] > threshold) if threshold > 0 else self.mask

    def first(self, limit: int) -> Tensor:
        """The first `limit` candidates that survive, in mmcv's order."""
        if self.count == 0:
            return self.mask.flatten().nonzero().squeeze(1)
        return self._first_by_class(limit) if self.is_split else self._first_of_all(limit)

    def _first_of_all(self, limit: int) -> Tensor:
        candidates = self.mask.flatten().nonzero().squeeze(1)
        boxes = self._shifted(self.boxes(candidates), candidates)
        eligible = self.eligible.flatten()[candidates]
        candidates, boxes = candidates[eligible], boxes[eligible]
        order = self.scores[candidates].sort(descending=True).indices
        candidates, boxes = candidates[order], boxes[order]
        size = _FIRST_PREFIX * limit
        while True:
            kept = self._kernel(boxes[:size])
            if kept.shape[0] >= limit or size >= candidates.shape[0]:
                return candidates[kept[:limit]]
            size = _larger(size, limit, kept.shape[0])

    def _first_by_class(self, limit: int) -> Tensor:
        largest = None if self.class_agnostic else self.boxes.largest(self.mask)
        count = self.count if self.eligible is self.mask else int(self.eligible.count_nonzero())
        scores = self.scores.where(self.eligible.flatten(), -torch.inf)
        size = _FIRST_PREFIX * limit
        while size < count:
            lowest = scores.topk(size, sorted=False).values.min()
            candidates = (scores >= lowest).nonzero().squeeze(1)  # with all that score the same as the last
            kept = self._nms_by_class(candidates, largest)
            if kept.shape[0] >= limit:
                kept = kept[self.scores[kept].sort(descending=True, stable=True).indices]
                top = self.scores[kept[: limit + 1]]
                if _sorts_stably(kept) or not bool((top[1:] == top[:-1]).any()):
                    return kept[:limit]
                break
            size = _larger(size, limit, kept.shape[0])
        kept = self._nms_by_class(self.eligible.flatten().nonzero().squeeze(1), largest)
        return kept[self.scores[kept].sort(descending=True).indices[:limit]]

    def _nms_by_class(self, candidates: Tensor, largest: Tensor | None) -> Tensor:
        """Those that survive, ascending. candidates: ascending; with one, they hold every candidate scored as high."""
        candidates = candidates[self.scores[candidates].sort(descending=True, stable=True).indices]
        labels, order = (candidates % self.num_classes).sort(stable=True)
        candidates = candidates[order]
        sizes = labels.bincount(minlength=self.num_classes).tolist()
        self._order_ties(candidates, labels, sizes)
        boxes = self.boxes(candidates)
        shifted = self._shifted(boxes, candidates, largest)
        if candidates.shape[0] < _SPLIT_THR and largest is not None and self._are_disjoint(boxes, largest):
            return candidates[self._kernel(shifted)].sort().values
        of_class = zip(torch.split(candidates, sizes), torch.split(shifted, sizes), strict=True)
        kept = [members[self._kernel(theirs)] for members, theirs in of_class if len(members)]
        return torch.cat([candidates[:0], *kept]).sort().values  # not one where mmcv's own threshold drops all

    def _order_ties(self, candidates: Tensor, labels: Tensor, sizes: list[int]) -> None:
        """Brings equal scores of a class into the order in which mmcv's sort leaves them.

        candidates: by label, then by score descending; changed in place. labels: theirs. sizes: how many of each class.
        """
        scores = self.scores[candidates]
        is_tie = (scores[1:] == scores[:-1]) & (labels[1:] == labels[:-1])
        tied = set(labels[1:][is_tie].tolist())
        for label, (members, size) in enumerate(zip(torch.split(candidates, sizes), sizes, strict=True)):
            if label in tied:
                every = self.eligible[:, label].nonzero().squeeze(1) * self.num_classes + label
                if not _sorts_stably(every):
                    members.copy_(every[self.scores[every].sort(descending=True).indices[:size]])

    def _shifted(self, boxes: Tensor, candidates: Tensor, largest: Tensor | None = None) -> Tensor:
        """boxes [M, 4] of candidates, moved apart by class. largest: of all candidates, by default of `boxes`."""
        if self.class_agnostic:
            return boxes
        step = (boxes.max() if largest is None else largest) + torch.tensor(1).to(boxes)
        return boxes + ((candidates % self.num_classes).to(boxes) * step)[:, None]

    def _are_disjoint(self, boxes: Tensor, largest: Tensor) -> bool:
        """Whether it is certain that boxes of two classes never suppress each other when shifted.

        True where one class's boxes end before the next one's begin and none is inside out. Then one NMS of all is
        the NMS of each class, and one launch.
        """
        threshold = self.kernel_arguments.get("iou_threshold", self.kernel_arguments.get("iou_thr", -1))
        if threshold < 0 or self.kernel_arguments.get("offset", 0) != 0:
            return False
        shifts = torch.arange(self.num_classes).to(boxes) * (largest + torch.tensor(1).to(boxes))
        is_apart = (shifts[:-1] + largest <= shifts[1:]).all()
        is_regular = ((boxes[:, :2] >= 0) & (boxes[:, 2:] >= boxes[:, :2]) & (boxes[:, 2:] < torch.inf)).all()
        return bool(is_apart & is_regular)

    def _kernel(self, boxes: Tensor) -> Tensor:
        """Greedy NMS of boxes [M, 4] in the order they are in: the positions of those that survive, ascending.

        The scores only give the order; distinct ones leave no choice to the kernel's own sort.
        """
        ranks = torch.arange(boxes.shape[0], 0, -1, dtype=torch.float32, device=boxes.device)
        kept: Tensor = nms(boxes, ranks, **self.kernel_arguments)[1]
        return kept


def _larger(size: int, limit: int, survivors: int) -> int:
    """How many candidates to look at after `size` of them gave fewer survivors than `limit`."""
    return max(2 * size, math.ceil(1.25 * size * limit / max(1, survivors)))


def _sorts_stably(values: Tensor) -> bool:
    """Whether torch.sort keeps the order of equal values in a tensor of this device and length."""
    return values.is_cuda and values.shape[0] > _UNSTABLE_CUDA_SORT
