"""The box head of every run: mmdet's two shared fully connected layers, with the loss under test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from mmdet.models.roi_heads.bbox_heads import Shared2FCBBoxHead
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import Tensor

from lt_bench.api.context import Assignment
from lt_bench.detector.candidate_boxes import CandidateBoxes, DecodedBoxes, EncodedBoxes
from lt_bench.detector.deltas import Deltas, GivenDeltas
from lt_bench.detector.early_exit_nms import early_exit_nms, has_early_exit
from lt_bench.detector.loss_adapter import LossAdapter


@MODELS.register_module()
class LongTailBBoxHead(Shared2FCBBoxHead):
    """Shared2FCBBoxHead that calls its loss for every batch, also for one without RoIs.

    mmdet skips the loss when a rank has no RoI, and the further stages of a cascade. A loss that sums its state over
    all ranks would then wait for that rank for ever, and so would the ranks for the gradients of those stages.

    Detections are mmdet's, found without decoding and comparing boxes that can't be among them.

    prior_prob: initial foreground probability of a sigmoid classifier, set through its bias (Lin et al., Focal
    Loss, ICCV 2017, section 4.1: b = -log((1 - pi) / pi)); None leaves the bias at zero.
    classifier_init: the constants that every `weight` and every `bias` of the classifier start from, in place of
    mmdet's random weights and of what prior_prob says.
    """

    def __init__(
        self,
        *args: Any,
        prior_prob: float | None = None,
        classifier_init: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if prior_prob is not None and not 0.0 < prior_prob < 1.0:
            raise ValueError(f"prior_prob is {prior_prob}, expected a probability between 0 and 1")
        self.prior_prob = prior_prob
        self.classifier_init = dict(classifier_init or {})
        self._assignment: Assignment | None = None
        if isinstance(self.loss_cls, LossAdapter):
            self.loss_cls.attach(self.fc_cls)

    def init_weights(self) -> None:
        super().init_weights()
        if self.prior_prob is not None:
            torch.nn.init.constant_(self.fc_cls.bias, -math.log((1 - self.prior_prob) / self.prior_prob))
        for name, value in self.classifier_init.items():
            torch.nn.init.constant_(getattr(self.fc_cls, name), value)

    def loss_and_target(
        self, cls_score: Tensor, bbox_pred: Tensor, rois: Tensor, sampling_results: list[Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """As in mmdet. Only here it is known which ground truth each RoI belongs to."""
        if isinstance(self.loss_cls, LossAdapter) and "assignment" in self.loss_cls.loss.needs:
            self._assignment = assignment_of(sampling_results, rois)
        try:
            losses: dict[str, Any] = super().loss_and_target(
                cls_score, bbox_pred, rois, sampling_results, *args, **kwargs
            )
        finally:
            self._assignment = None
        return losses

    def loss(
        self,
        cls_score: Tensor,
        bbox_pred: Tensor,
        rois: Tensor,
        labels: Tensor,
        label_weights: Tensor,
        bbox_targets: Tensor,
        bbox_weights: Tensor,
        reduction_override: str | None = None,
    ) -> dict[str, Tensor]:
        """As in mmdet: cls_score [N, K], labels [N] (background = num_classes); a dict of scalar losses."""
        losses: dict[str, Tensor] = super().loss(
            None, bbox_pred, rois, labels, label_weights, bbox_targets, bbox_weights, reduction_override
        )
        # Without label_weights, which are positive for every sampled RoI: to look would make a GPU wait.
        told = {}
        if isinstance(self.loss_cls, LossAdapter) and self.loss_cls.loss.needs:
            told["context"] = self.loss_cls.context(self.fc_cls, self._assignment)
        losses.update(self.loss_cls(cls_score, labels, reduction_override=reduction_override, **told))
        losses.update(self.loss_cls.get_accuracy(cls_score, labels))
        return losses

    def refine_bboxes(
        self, sampling_results: Any, bbox_results: dict[str, Any], batch_img_metas: list[dict[str, Any]]
    ) -> list[InstanceData]:
        """As in mmdet: the boxes that the next stage of a cascade gets, [n, 4] per image; none of none."""
        results: list[InstanceData] | None = super().refine_bboxes(sampling_results, bbox_results, batch_img_metas)
        if results is None:  # which ends the cascade
            return [InstanceData(bboxes=bbox_results["rois"][:, 1:]) for _ in batch_img_metas]
        return results

    def _predict_by_feat_single(
        self,
        roi: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor | Deltas | None,
        img_meta: dict[str, Any],
        rescale: bool = False,
        rcnn_test_cfg: ConfigDict | None = None,
    ) -> InstanceData:
        """As in mmdet: roi [N, 5], cls_score [N, K], bbox_pred [N, C * 4] or [N, 4]: bboxes, scores and labels.

        bbox_pred may be Deltas as well, for N > 0.
        """
        stock = super()._predict_by_feat_single
        cfg = rcnn_test_cfg
        if len(roi) and cfg is not None and cfg.max_per_img > 0 and has_early_exit(cfg.nms):
            boxes: CandidateBoxes
            if bbox_pred is not None and not self.reg_class_agnostic and type(self.bbox_coder) is DeltaXYWHBBoxCoder:
                deltas = bbox_pred if isinstance(bbox_pred, Deltas) else GivenDeltas(bbox_pred)
                scores = self.loss_cls.get_activation(cls_score)
                scale = tuple(1 / factor for factor in img_meta["scale_factor"]) if rescale else None
                boxes = EncodedBoxes(self.bbox_coder, roi[:, 1:], deltas, img_meta["img_shape"], scale)
            else:  # no more than one box per RoI, or an encoding that isn't known
                every = stock(roi, cls_score, _given(bbox_pred), img_meta, rescale, None)
                scores = every.scores
                boxes = DecodedBoxes(every.bboxes, self.num_classes)
            if found := early_exit_nms(boxes, scores, cfg.score_thr, cfg.nms, cfg.max_per_img):
                detections, labels, _ = found
                return InstanceData(bboxes=detections[:, :-1], scores=detections[:, -1], labels=labels)
        results: InstanceData = stock(roi, cls_score, _given(bbox_pred), img_meta, rescale, cfg)
        return results


def assignment_of(sampling_results: list[Any], rois: Tensor) -> Assignment:
    """The assignment of RoIs [N, 5] in mmdet's order: image by image, the foreground RoIs of an image first."""
    indices = []
    for result in sampling_results:
        indices += [result.pos_assigned_gt_inds, result.neg_inds.new_full((len(result.neg_priors),), -1)]
    return Assignment(rois[:, 0].long(), torch.cat(indices).long() if indices else rois.new_zeros(0).long())


def _given(deltas: Tensor | Deltas | None) -> Tensor | None:
    return deltas.every() if isinstance(deltas, Deltas) else deltas
