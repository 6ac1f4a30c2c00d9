from __future__ import annotations

import pytest
import torch

from benchmarks.losses.batches import make_batch
from benchmarks.losses.measure import verify
from lt_bench.api.synthetic_stats import lvis_like
from lt_bench.errors import RunFailedError


def test_versions_that_differ_are_not_timed() -> None:
    logits, labels = torch.randn(4, 5), torch.tensor([0, 1, 2, 4])

    def loss(s: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(s, y)

    verify("ce", loss, loss, logits, labels)
    with pytest.raises(RunFailedError, match="ce: the loss of"):
        verify("ce", lambda s, y: 1.001 * loss(s, y), loss, logits, labels)
    with pytest.raises(RunFailedError, match="ce: the gradient of"):
        verify("ce", lambda s, y: loss(s, y) + 0.01 * (s - s.detach()).sum(), loss, logits, labels)
    with pytest.raises(RunFailedError, match="nan"):
        verify("ce", lambda s, y: loss(s, y) * torch.nan, loss, logits, labels)


def test_batches() -> None:
    lvis = lvis_like()
    for foreground, objects in ((0.0, 0), (0.25, 250), (1.0, 1000)):
        logits, labels = make_batch(lvis, 1205, 1000, foreground, torch.Generator().manual_seed(0))
        assert logits.shape == (1000, 1205)
        assert int((labels < 1203).sum()) == objects
    frequent = torch.tensor(lvis.image_count)[labels] > 100  # 405 of 1203 classes, but almost all the instances
    assert float(frequent.float().mean()) > 0.9
