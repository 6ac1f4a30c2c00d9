from __future__ import annotations

import numpy as np
import pytest
from made_evidence import made_evidence, made_truth, plain_class_ap

from lt_bench.evaluation.comparison.resampled_ap import class_ap


@pytest.mark.parametrize("seed", range(12))
def test_plain_loops_give_the_same(seed):
    rng = np.random.default_rng(seed)
    truth = made_truth(rng, images=int(rng.integers(1, 9)), classes=5)
    evidence = made_evidence(rng, truth, detections=int(rng.integers(0, 200)), digits=int(rng.integers(1, 4)))
    weights = rng.integers(0, 4, (5, len(evidence.image_ids)))
    for kind in ("bbox", "segm"):
        found = class_ap(evidence, kind, weights)
        for row, ap, ap50 in zip(weights.tolist(), found.ap, found.ap50, strict=True):
            expected = plain_class_ap(evidence, kind, row)
            np.testing.assert_allclose(ap, np.mean(expected, axis=0), rtol=0, atol=1e-12)
            np.testing.assert_allclose(ap50, expected[0], rtol=0, atol=1e-12)
