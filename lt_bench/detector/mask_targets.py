"""The target of a RoI's mask: the mask of its object, cropped to the RoI and resized."""

from __future__ import annotations

import numpy as np
import torch
from mmcv.ops import roi_align
from mmdet.structures.mask import BitmapMasks
from torch import Tensor


def mask_targets(masks: BitmapMasks, boxes: Tensor, objects: Tensor, size: tuple[int, int]) -> Tensor:
    """What mmdet's mask_target computes, with one copy of an object's mask instead of one per RoI.

    masks: M objects of one image; boxes float [N, 4], x1, y1, x2, y2 in pixels, are cut to the image; objects int64
    [N], the mask of each; size: height and width of a target. Returns 0 or 1 in float32 [N, height, width]: RoIAlign
    (He et al., Mask R-CNN, ICCV 2017, section 3.1) of the mask, at least 0.5.
    """
    if len(boxes) == 0:
        return boxes.new_zeros((0, *size))
    used, index = np.unique(objects.cpu().numpy(), return_inverse=True)
    images = torch.from_numpy(masks.masks[used]).to(boxes.device).to(boxes.dtype)[:, None]
    limits = boxes.new_tensor([masks.width, masks.height] * 2)
    cut = torch.minimum(boxes.clamp(min=0), limits)
    rois = torch.cat([torch.from_numpy(index).to(cut)[:, None], cut], dim=1)
    covered: Tensor = roi_align(images, rois, size, 1.0, 0, "avg", True)[:, 0]
    return (covered >= 0.5).float()
