"""What a check raises is its row; what can't be checked is a mistake."""

from __future__ import annotations

import pytest
import torch

from lt_bench.errors import UserError
from lt_bench.selftest import suite
from lt_bench.selftest.result import Check, CheckContext, Outcome
from lt_bench.testing.result import NotApplicable, Wrong


def test_what_a_check_raises_is_its_row() -> None:
    def fail(context: CheckContext) -> Outcome:
        raise OSError("no such\nlibrary")

    def skip(context: CheckContext) -> Outcome:
        raise NotApplicable("no GPU")

    def wrong(context: CheckContext) -> Outcome:
        raise Wrong("off by 1")

    checks = [Check("g", run.__name__, run) for run in (fail, skip, wrong)]
    rows = list(suite.run(torch.device("cpu"), checks))
    assert [(row.status, row.detail) for row in rows] == [
        ("failed", "OSError: no such library"),
        ("skipped", "no GPU"),
        ("failed", "off by 1"),
    ]


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in suite.CHECKS]
    assert len(set(names)) == len(names)


def test_a_hidden_gpu_has_another_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="finds no GPU") as caught:
        suite.find_device("cuda")
    assert "CUDA_VISIBLE_DEVICES" in caught.value.remedy
