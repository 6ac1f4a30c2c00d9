"""Calibrated predictions beside a detector's own: backbone, proposals and box features are computed once for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from lt_bench.api.calibration import Calibration
from lt_bench.detector.box_head import LongTailBBoxHead
from lt_bench.detector.calibrated import changed
from lt_bench.detector.prediction_writer import PredictionWriter


class CalibratedPredictionsHook(Hook):
    """Predicts, for each batch that is tested, once more with each calibration, and writes that to its folder.

    Boxes of a cascade are refined as the detector itself does it: a calibration has the last word, on the logits that
    are averaged over the stages.

    roi_head: mmdet's, with a LongTailBBoxHead, or one for each stage. calibrations: by folder, see PredictionWriter.
    """

    priority = "VERY_LOW"

    def __init__(self, roi_head: Any, calibrations: Mapping[Path, Calibration]) -> None:
        self._roi_head = roi_head
        heads = roi_head.bbox_head
        self._heads: list[Any] = list(heads) if isinstance(heads, nn.ModuleList) else [heads]
        self._writers = [(one, PredictionWriter(str(folder))) for folder, one in calibrations.items()]
        self._call: dict[str, Any] | None = None  # what the last box head was given
        self._features: dict[int, Tensor] = {}  # of each stage, what its classifier was given
        self._results: list[list[Any]] = []  # of each calibration, InstanceData per image of the batch
        self._undo: list[Callable[[], None]] = []

    def before_test(self, runner: Runner) -> None:
        """From here on, the detector's own predictions are followed by the others."""
        for _, writer in self._writers:
            writer.dataset_meta = runner.test_loop.evaluator.dataset_meta
        last, roi_head = self._heads[-1], self._roi_head
        own_boxes, own = last.predict_by_feat, roi_head.predict

        def boxes(**given: Any) -> Any:
            self._call = given
            return own_boxes(**given)

        def every(x: Any, proposals: Any, samples: Sequence[Any], rescale: bool = False) -> Any:
            self._call, self._results = None, []
            found = own(x, proposals, samples, rescale=rescale)
            self._results = [self._again(one, found, x, samples, rescale) for one, _ in self._writers]
            return found

        if any(one.changes_classifier for one, _ in self._writers):
            for stage, head in enumerate(self._heads):
                handle = head.fc_cls.register_forward_pre_hook(self._keep(stage))
                self._undo.append(handle.remove)
        # Attributes of these two modules hide the methods of their classes, until they are removed.
        last.predict_by_feat, roi_head.predict = boxes, every
        self._undo += [lambda: delattr(last, "predict_by_feat"), lambda: delattr(roi_head, "predict")]

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence[Any] | None = None
    ) -> None:
        for (_, writer), results in zip(self._writers, self._results, strict=True):
            samples = [
                {"img_id": sample.img_id, "pred_instances": found}
                for sample, found in zip(outputs or (), results, strict=True)
            ]
            writer.process(data_batch, samples)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        for _, writer in self._writers:
            writer.evaluate(len(runner.test_loop.dataloader.dataset))

    def after_test(self, runner: Runner) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _keep(self, stage: int) -> Callable[..., None]:
        def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            self._features[stage] = given[0]

        return keep

    def _again(self, calibration: Calibration, found: Any, x: Any, samples: Sequence[Any], rescale: bool) -> list[Any]:
        """The predictions of the batch with a calibration. found: those of the detector itself."""
        if self._call is None:  # there was no proposal
            return list(deepcopy(found))
        given = {**self._call}
        if calibration.changes_classifier:
            logits: Any = self._logits(calibration)
            given["cls_scores"] = logits.split([len(one) for one in given["cls_scores"]])
        head = self._heads[-1]
        with head.loss_cls.calibrated(calibration):
            results: list[Any] = LongTailBBoxHead.predict_by_feat(head, **given)
        if self._roi_head.with_mask:
            metas = [sample.metainfo for sample in samples]
            results = self._roi_head.predict_mask(x, metas, results, rescale=rescale)
        return results

    def _logits(self, calibration: Calibration) -> Tensor:
        """Of the changed classifiers, averaged over the stages, of all images: [N, K]."""
        stages = [changed(head.fc_cls, calibration)(self._features[stage]) for stage, head in enumerate(self._heads)]
        return torch.stack(stages).mean(dim=0)
