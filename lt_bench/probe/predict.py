"""Detections from stored features: scores of the trained classifier, boxes of the detector, NMS as in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lt_bench.evaluation.inputs.predictions import encode

if TYPE_CHECKING:
    from lt_bench.detector.box_head import LongTailBBoxHead
    from lt_bench.detector.deltas import Deltas
    from lt_bench.features.store import Split
    from lt_bench.probe.masks import Masks

REPORT_EVERY = 10  # images


def predict(
    head: LongTailBBoxHead,
    split: Split,
    test: Mapping[str, Any],
    category_ids: Sequence[int],
    report: Callable[[int], None] = lambda images: None,
    masks: Masks | None = None,
) -> Iterator[bytes]:
    """The detections of each image that has some, as they stand in a predictions file, boxes in the original image.

    head: in eval mode. test: test_cfg.rcnn of the detector. category_ids: label to id. report: told now and then how
    many images are done. masks: what adds masks of the same images; None for boxes alone.
    """
    from mmengine.config import ConfigDict

    from lt_bench.detector.prediction_writer import detections_of

    cfg, deltas_of = ConfigDict(test), _regression(head)
    # With masks, boxes are brought to the original image together with them, after NMS, as a run does it.
    rescale = masks is None
    found = (_detections(head, deltas_of, split, place, cfg, rescale) for place in range(len(split)))
    every = found if masks is None else masks.of(found)
    for place, (image, one) in enumerate(zip(np.asarray(split.image_ids).tolist(), every, strict=True)):
        yield encode(detections_of({"img_id": image, "pred_instances": one}, category_ids))
        if (place + 1) % REPORT_EVERY == 0:
            report(place + 1)


@torch.inference_mode()
def _detections(
    head: LongTailBBoxHead,
    deltas_of: Callable[[Tensor], Tensor | Deltas],
    split: Split,
    place: int,
    cfg: Any,
    rescale: bool,
) -> Any:
    """mmdet's InstanceData of one image: bboxes (rescale: in the original image), scores, labels."""
    device = head.fc_cls.weight.device
    rows = slice(int(split.first[place]), int(split.first[place + 1]))
    features = torch.from_numpy(np.array(split.features[rows])).to(device).float()
    boxes = torch.from_numpy(np.array(split.boxes[rows])).to(device)
    meta = {
        "img_shape": tuple(np.asarray(split.sizes[place]).tolist()),
        "scale_factor": tuple(np.asarray(split.scales[place]).tolist()),
    }
    rois = torch.nn.functional.pad(boxes, (1, 0))  # all of image 0
    scores = head.fc_cls(features)
    return head.predict_by_feat((rois,), (scores,), (deltas_of(features),), [meta], cfg, rescale=rescale)[0]


def _regression(head: LongTailBBoxHead) -> Callable[[Tensor], Tensor | Deltas]:
    """The layer that gives an image's deltas from its features; on a CPU, where that takes time, those that matter."""
    from lt_bench.detector.deltas import LinearDeltas

    layer: nn.Linear = head.fc_reg
    if layer.weight.device.type != "cpu" or head.reg_class_agnostic:
        return layer
    longest = LinearDeltas.longest_row(layer)
    return lambda features: LinearDeltas(features, layer, longest) if len(features) else layer(features)
