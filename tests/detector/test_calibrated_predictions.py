"""Calibrated predictions of whole detectors beside their own, against detectors whose parts are changed for good."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from experiments import resolved
from mask_cases import register
from mmdet.registry import MODELS
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData
from torch import nn
from whole_detectors import images, narrow

from lt_bench.api.calibration import Base
from lt_bench.calibrations.norcal import NorCal
from lt_bench.calibrations.tau_norm import TauNorm
from lt_bench.detector.calibrated_predictions import CalibratedPredictionsHook
from lt_bench.errors import UserError
from lt_bench.run.calibrated import Calibrated, build, calibrated_in

DETECTORS = ("faster_rcnn", "mask_rcnn", "cascade_mask_rcnn")


def made(folder: Path, detector: str, recipe: str = "plain", loss: str = "ce") -> Any:
    register()
    cfg, _ = resolved(folder, classes=40, dataset="glyphs", detector=detector, loss=loss, recipe=recipe)
    model = narrow(cfg.model.to_dict())
    model["backbone"].update(depth=18, base_channels=16, norm_eval=True)
    model["neck"]["in_channels"] = [16, 32, 64, 128]
    torch.manual_seed(0)
    found = MODELS.build(ConfigDict(model))
    found.init_weights()
    for head in heads_of(found):  # as far apart as those of a trained classifier
        nn.init.normal_(head.fc_cls.weight, std=0.5)
    return found.eval()


def heads_of(model: Any) -> list[Any]:
    heads = model.roi_head.bbox_head
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


@pytest.fixture(scope="module", params=DETECTORS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return made(tmp_path_factory.mktemp("data"), request.param)


def predicted(model: Any, proposals: bool = True) -> list[InstanceData]:
    inputs, samples = images((0, 0))
    for number, sample in enumerate(samples):
        sample.set_metainfo({"img_id": number})
        if not proposals:
            sample.proposals = InstanceData(bboxes=torch.zeros(0, 4))
    with torch.no_grad():
        return [sample.pred_instances for sample in model.predict(inputs, samples)]


def require_equal(found: list[InstanceData], expected: list[InstanceData]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for key in other.keys():  # noqa: SIM118 - of InstanceData, no dict
            torch.testing.assert_close(one[key], other[key], rtol=1e-5, atol=1e-6)


def test_each_is_what_a_detector_with_that_part_predicts(model: Any, tmp_path: Path) -> None:
    heads = heads_of(model)
    loss = heads[-1].loss_cls.loss
    base = Base("ce", loss.activation, loss.stats)
    norcal, tau_norm = NorCal(base, gamma=0.8), TauNorm(base, tau=1.0)
    hook = CalibratedPredictionsHook(model.roi_head, {tmp_path / "a": norcal, tmp_path / "b": tau_norm})
    evaluator = SimpleNamespace(dataset_meta={})
    runner: Any = SimpleNamespace(test_loop=SimpleNamespace(evaluator=evaluator))
    before = predicted(model)
    hook.before_test(runner)
    own = predicted(model)
    calibrated = hook._results
    empty = predicted(model, proposals=False)
    assert [len(one) for results in (empty, *hook._results) for one in results] == [0] * 6
    hook.after_test(runner)
    require_equal(own, before)
    require_equal(predicted(model), before)
    assert not {"predict", "predict_by_feat"} & {*vars(model.roi_head), *vars(heads[-1])}
    assert not any(head.fc_cls._forward_pre_hooks for head in heads)

    other = deepcopy(model)
    heads_of(other)[-1].loss_cls.loss.scores = norcal.scores
    require_equal(calibrated[0], predicted(other))
    other = deepcopy(model)
    for head in heads_of(other):
        weight = head.fc_cls.weight.data
        weight[:-1] /= weight[:-1].norm(dim=1, keepdim=True)
    require_equal(calibrated[1], predicted(other))
    assert all(len(one) > 10 for one in own)
    assert not torch.equal(calibrated[0][0].labels, calibrated[1][0].labels)


def test_what_is_not_defined_is_refused_before_anything_is_predicted(tmp_path: Path) -> None:
    from lt_bench.api.calibrations import parse_calibrations

    def of(text: str) -> list[Calibrated]:
        return calibrated_in(tmp_path, parse_calibrations([text]))

    seesaw = made(tmp_path / "a", "faster_rcnn", loss="seesaw")
    with pytest.raises(UserError, match="'seesaw' are of another form"):
        build(of("norcal"), seesaw.roi_head, {})
    normed = made(tmp_path / "b", "faster_rcnn", recipe="common")
    with pytest.raises(UserError, match="this one is a NormedLinear"):
        build(of("tau_norm"), normed.roi_head, {})
    assert len(build(of("norcal"), normed.roi_head, {})) == 1
    normed.roi_head.bbox_head.loss_cls = nn.Identity()
    with pytest.raises(UserError, match="none of lt_bench's"):
        build(of("norcal"), normed.roi_head, {})
