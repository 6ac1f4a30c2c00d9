"""What a loss is told beside logits: only what it asked for, in the right shape, or an error that names it."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lt_bench import ClassStats, LongTailLoss
from lt_bench.api.context import Assignment, Classifier, Epoch, LossContext, Need
from lt_bench.testing import run_checks

README = Path(__file__).resolve().parents[2] / "examples" / "plugin" / "README.md"
STATS = ClassStats([5, 3], [9, 4], 10)
LOGITS, LABELS = torch.zeros(3, 3), torch.tensor([0, 1, 2])
ASSIGNMENT = Assignment(torch.tensor([0, 0, 1]), torch.tensor([0, 3, -1]))
EVERYTHING = LossContext(ASSIGNMENT, Classifier(torch.ones(3)), Epoch(1, 4))


class Asking(LongTailLoss):
    needs: tuple[Need, ...] = ("assignment", "epoch")
    can_do_without = ("assignment",)
    told: LossContext | None = None

    @property
    def num_logits(self) -> int:
        return self.num_classes + 1

    def forward(self, logits: Tensor, labels: Tensor, context: LossContext | None = None) -> Tensor:
        self.told = context
        return logits.sum()

    def scores(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1)


def test_a_loss_gets_what_it_asked_for_and_nothing_else() -> None:
    loss = Asking(STATS)
    loss(LOGITS, LABELS, context=EVERYTHING)
    assert loss.told == LossContext(ASSIGNMENT, None, EVERYTHING.epoch)
    loss(LOGITS, LABELS, context=LossContext(epoch=Epoch(0, 4)))
    assert loss.told == LossContext(epoch=Epoch(0, 4))


def test_an_instance_may_need_nothing_and_is_called_as_before() -> None:
    loss = Asking(STATS)
    loss.needs = ()
    loss(LOGITS, LABELS, context=EVERYTHING)
    assert loss.told is None


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (None, "needs context.epoch"),
        (LossContext(ASSIGNMENT), "needs context.epoch"),
        (
            LossContext(Assignment(torch.zeros(2).long(), torch.zeros(3).long()), None, Epoch(0, 1)),
            r"image_index .*\[2\]",
        ),
        (LossContext(Assignment(torch.zeros(3).long(), torch.zeros(4).long()), None, Epoch(0, 1)), r"gt_index .*\[4\]"),
    ],
)
def test_what_is_missing_or_has_another_length_is_named(context: LossContext | None, said: str) -> None:
    with pytest.raises(ValueError, match=f"Asking: .*{said}"):
        Asking(STATS)(LOGITS, LABELS, context=context)


def test_norms_of_another_number_of_channels_are_refused() -> None:
    loss = Asking(STATS)
    loss.needs = ("classifier",)
    with pytest.raises(ValueError, match=r"weight_norms has shape \[3\], expected \[4\]|expected \[3\]"):
        loss(LOGITS, LABELS, context=LossContext(classifier=Classifier(torch.ones(4))))


def test_some_of_the_rois() -> None:
    some = EVERYTHING.of_rows(torch.tensor([True, False, True]))
    assert some.assignment is not None
    assert some.assignment.image_index.tolist() == [0, 1]
    assert some.assignment.gt_index.tolist() == [0, -1]
    assert some.epoch is EVERYTHING.epoch


def test_the_share_of_a_training() -> None:
    assert [Epoch(step, 8).share for step in (0, 2, 8)] == [0, 0.25, 1]


def test_the_example_of_the_plugin_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "warming.py"
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("warming", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "warming", module)
    spec.loader.exec_module(module)
    checks = ("gradient", "no-rois", "order", "context", "scores")
    assert [result.status for result in run_checks(module.Warming, only=checks)] == ["passed"] * len(checks)
    loss = module.Warming(STATS)
    logits = torch.tensor([[1.0, 0.0, 0.0]] * 3)
    early, late = (loss(logits, LABELS, context=LossContext(epoch=Epoch(step, 2))).item() for step in (0, 2))
    expected = [torch.nn.functional.cross_entropy(scale * logits, LABELS).item() for scale in (1, 2)]
    assert [early, late] == pytest.approx(expected)
