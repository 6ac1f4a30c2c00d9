"""The RoIs of a batch of images and what their classifier would see, by mmdet's own parts in mmdet's own order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import bbox2roi, bbox_overlaps
from torch import Tensor, nn

from lt_bench.features.seeding import seeded
from lt_bench.features.writer import ImageRois


class RoiFeatures:
    """A Mask R-CNN or Faster R-CNN in eval mode, asked for the input of its classifier.

    model: as `features.model.build` returns it. rois: the most per training image.
    """

    def __init__(self, model: nn.Module, rois: int) -> None:
        self.model: Any = model
        head: Any = self.model.roi_head
        self.num_classes: int = head.bbox_head.num_classes
        self._sampler = TASK_UTILS.build({**head.train_cfg.sampler, "num": rois}, default_args={"context": head})
        self._inputs: list[Tensor] = []
        for layer in (head.bbox_head.fc_cls, head.bbox_head.fc_reg):
            layer.register_forward_pre_hook(lambda _, inputs: self._inputs.append(inputs[0]))

    @torch.no_grad()
    def of_training(self, data: dict[str, Any], seeds: Sequence[Sequence[int]]) -> list[ImageRois]:
        """What a batch of the training loader would train the box head on, except for the number of RoIs.

        seeds: for each image, the numbers that seed the sampler.
        """
        inputs, samples = self._prepare(data)
        levels = self.model.extract_feat(inputs)
        proposals = self.model.rpn_head.predict_by_feat(
            *self.model.rpn_head(levels),
            batch_img_metas=[sample.metainfo for sample in samples],
            cfg=self.model.train_cfg.get("rpn_proposal", self.model.test_cfg.rpn),
        )
        truths, ignored, _ = unpack_gt_instances(samples)
        sampled = []
        for found, truth, ignore, seed in zip(proposals, truths, ignored, seeds, strict=True):
            found.priors = found.pop("bboxes")
            assigned = self.model.roi_head.bbox_assigner.assign(found, truth, ignore)
            with seeded(*seed):
                sampled.append(self._sampler.sample(assigned, found, truth))
        features = self._features(levels, [result.priors for result in sampled])
        found_rois = []
        for sample, truth, result, rows in zip(samples, truths, sampled, features, strict=True):
            positives, negatives = len(result.pos_priors), len(result.neg_priors)
            background = result.pos_gt_labels.new_full((negatives,), self.num_classes)
            is_truth = torch.cat([result.pos_is_gt.bool(), result.pos_is_gt.new_zeros(negatives).bool()])
            assert len(rows) == positives + negatives
            labels = torch.cat([result.pos_gt_labels, background])
            found_rois.append(_stored(sample, truth, rows, result.priors, labels, is_truth))
        return found_rois

    @torch.no_grad()
    def of_test(self, data: dict[str, Any]) -> list[ImageRois]:
        """What `model.predict` would classify of a batch of the test loader: all proposals."""
        inputs, samples = self._prepare(data)
        levels = self.model.extract_feat(inputs)
        proposals = [found.bboxes for found in self.model.rpn_head.predict(levels, samples, rescale=False)]
        truths, _, _ = unpack_gt_instances(samples)
        found_rois = []
        for sample, truth, boxes, rows in zip(
            samples, truths, proposals, self._features(levels, proposals), strict=True
        ):
            labels = torch.full((len(boxes),), self.num_classes)
            found_rois.append(_stored(sample, truth, rows, boxes, labels, torch.zeros(len(boxes), dtype=torch.bool)))
        return found_rois

    def _prepare(self, data: dict[str, Any]) -> tuple[Tensor, list[Any]]:
        prepared = self.model.data_preprocessor(data, False)
        return prepared["inputs"], prepared["data_samples"]

    def _features(self, levels: Sequence[Tensor], boxes: Sequence[Tensor]) -> Sequence[Tensor]:
        """The classifier's input for the boxes of each image: [n, D] each."""
        counts = [len(of_image) for of_image in boxes]
        if not sum(counts):
            return [of_image.new_zeros((0, self.model.roi_head.bbox_head.fc_cls.in_features)) for of_image in boxes]
        self._inputs.clear()
        self.model.roi_head._bbox_forward(levels, bbox2roi(list(boxes)))
        classified, regressed = self._inputs
        self._inputs.clear()
        assert classified is regressed  # the one layer can be stored for both
        return torch.split(classified, counts)


def _stored(sample: Any, truth: Any, features: Tensor, boxes: Tensor, labels: Tensor, is_truth: Tensor) -> ImageRois:
    factor = sample.metainfo.get("scale_factor", (1.0, 1.0))
    height, width = sample.img_shape[:2]
    overlaps = bbox_overlaps(boxes, truth.bboxes) if len(truth) else boxes.new_zeros((len(boxes), 0))
    return ImageRois(
        image_id=int(sample.img_id),
        features=features.float().cpu().numpy(),
        boxes=boxes.cpu().numpy(),
        labels=labels.cpu().numpy(),
        is_truth=is_truth.cpu().numpy(),
        size=(int(height), int(width)),
        scale=(float(factor[0]), float(factor[1])),
        truth_labels=truth.labels.cpu().numpy(),
        truth_boxes=truth.bboxes.cpu().numpy().reshape(-1, 4),
        iou=overlaps.cpu().numpy(),
    )
