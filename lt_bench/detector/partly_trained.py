"""Detectors of which a part is trained, from the weights of a trained detector: the second stage of decoupled training.

Kang et al. (ICLR 2020) train a model and then its classifier alone, with all else fixed. So do BAGS (Li et al., CVPR
2020) and ACSL (Wang et al., CVPR 2021); LOCE (Feng et al., ICCV 2021) trains the last layers of all heads.
"""

from __future__ import annotations

import re
from typing import Any

from mmdet.models.detectors import CascadeRCNN, FasterRCNN, MaskRCNN
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from lt_bench.utils.weights_only import weights_only

_CLASSIFIER = r"roi_head\.bbox_head\.(\d+\.)?(fc_cls|loss_cls)\."
# Part -> what the names of its parameters begin with. The classifier's loss may have parameters, too.
PARTS = {
    "classifier": re.compile(_CLASSIFIER),
    "heads": re.compile(rf"{_CLASSIFIER}|roi_head\.bbox_head\.(\d+\.)?fc_reg\.|roi_head\.mask_head\.|rpn_head\."),
}


class PartlyTrained(BaseModel):
    """A detector that starts from a checkpoint, and of which only a part is trained.

    stage2: checkpoint, a file of mmengine's or of mmdet's with a detector's weights; trained, one of PARTS. All else is
    frozen: it takes no gradient, and its BatchNorm and dropout are in evaluation mode in training too. The part starts
    from the checkpoint where its tensors have the same names and shapes, else anew.
    """

    def __init__(self, *args: Any, stage2: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.checkpoint, self.part = stage2["checkpoint"], PARTS[stage2["trained"]]
        for name, parameter in self.named_parameters():
            parameter.requires_grad = self.part.match(name) is not None

    def init_weights(self) -> None:
        """Raises ValueError where the checkpoint lacks a tensor of what is frozen."""
        super().init_weights()
        given = weights_of(self.checkpoint)
        if lacking := self.lacking({name: tuple(value.shape) for name, value in given.items()}):
            raise ValueError(f"{self.checkpoint} lacks {len(lacking)} tensors, such as {lacking[0]}")
        own = self.state_dict()
        self.load_state_dict(
            {name: value for name, value in given.items() if name in own and own[name].shape == value.shape},
            strict=False,
        )

    def lacking(self, shapes: dict[str, tuple[int, ...]]) -> list[str]:
        """The names of the tensors outside the part that are not among `shapes`."""
        return [
            name
            for name, value in self.state_dict().items()
            if not self.part.match(name) and shapes.get(name) != tuple(value.shape)
        ]

    def train(self, mode: bool = True) -> PartlyTrained:
        super().train(mode)
        for module in self.modules():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                nn.Module.train(module, False)
        return self


@MODELS.register_module()
class PartlyTrainedMaskRCNN(PartlyTrained, MaskRCNN):  # type: ignore[misc]
    """Mask R-CNN, trained in part."""


@MODELS.register_module()
class PartlyTrainedCascadeRCNN(PartlyTrained, CascadeRCNN):  # type: ignore[misc]
    """Cascade (Mask) R-CNN, trained in part."""


@MODELS.register_module()
class PartlyTrainedFasterRCNN(PartlyTrained, FasterRCNN):  # type: ignore[misc]
    """Faster R-CNN, trained in part."""


def weights_of(checkpoint: str) -> dict[str, Tensor]:
    """The tensors in a checkpoint, by name. Raises what torch.load raises for a file that holds anything else."""
    with weights_only():
        content = CheckpointLoader.load_checkpoint(checkpoint, "cpu", logger="silent")
    return {name.removeprefix("module."): value for name, value in content.get("state_dict", content).items()}
