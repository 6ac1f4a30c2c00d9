from __future__ import annotations

from typing import Any

import pytest
import torch
from mmdet.models import FCNMaskHead, Shared2FCBBoxHead, StandardRoIHead

from benchmarks.common import OURS, STOCK
from benchmarks.detector.pair import Pair, make_sparse
from benchmarks.detector.parity import check_inference
from lt_bench.selftest.stock import foreign_modules, losses_and_gradients


@pytest.mark.extra
def test_stock_is_mmdets_own(pair: Pair) -> None:
    stock, ours = (pair.detectors[name].model for name in (STOCK, OURS))
    assert foreign_modules(stock) == []
    assert "LongTailBBoxHead" in foreign_modules(ours)
    assert type(stock.roi_head) is StandardRoIHead
    assert type(stock.roi_head.bbox_head) is Shared2FCBBoxHead
    assert type(stock.roi_head.mask_head) is FCNMaskHead
    assert type(stock.roi_head.bbox_head.loss_cls.loss) is type(ours.roi_head.bbox_head.loss_cls.loss)
    equal = [
        torch.equal(one, other)
        for one, other in zip(stock.state_dict().values(), ours.state_dict().values(), strict=True)
    ]
    assert all(equal) and len(equal) > 300


@pytest.mark.extra
def test_few_scores(pair: Pair) -> None:
    bias = [pair.detectors[name].model.roi_head.bbox_head.fc_cls.bias for name in (STOCK, OURS)]
    before = bias[0].detach().clone()
    share = make_sparse(pair)
    assert 0.01 < share <= 0.02
    assert torch.equal(*bias)
    assert torch.equal(bias[0][-1], before[-1]) and bool((bias[0][:-1] < before[:-1]).all())
    assert all(check.equal for check in check_inference(pair))
    with torch.no_grad():
        for values in bias:
            values.copy_(before)


@pytest.mark.extra
def test_proposals_near_objects_are_foreground(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    caught = []
    sampler = pair.detectors[STOCK].model.roi_head.bbox_sampler
    sample = sampler.sample
    monkeypatch.setattr(sampler, "num", 512)

    def recorded(*args: Any, **kwargs: Any) -> Any:
        caught.append(sample(*args, **kwargs))
        return caught[-1]

    monkeypatch.setattr(sampler, "sample", recorded)
    losses_and_gradients(pair.detectors[STOCK], pair.train, amp=False)
    (result,) = caught
    assert len(result.pos_inds) > 60  # 100 proposals and the 12 objects themselves, which stock adds
