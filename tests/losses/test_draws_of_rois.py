"""ACSL and BAGS draw RoIs: as many as they say, without replacement, of the right ones, each equally often."""

from __future__ import annotations

import pytest
import torch
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.acsl import ACSL
from lt_bench.losses.bags import BAGS

LABELS = torch.tensor([5] * 250 + [0, 1, 2, 3, 4, 4])


def test_acsl_draws_its_shares_of_the_background() -> None:
    torch.manual_seed(0)
    loss = ACSL(make_stats())
    times = torch.zeros(len(LABELS))
    for _ in range(400):
        rare, common = loss.draw_sample(LABELS)
        assert (int(rare.sum()), int(common.sum())) == (2, 25)  # int(0.01 * 250), int(0.1 * 250)
        times += common
    assert times[250:].sum() == 0
    torch.testing.assert_close(times[:250] / 400, torch.full((250,), 0.1), rtol=0, atol=0.06)


def test_acsl_with_few_background_rois_draws_none() -> None:
    rare, common = ACSL(make_stats()).draw_sample(torch.tensor([5] * 9 + [1]))
    assert not rare.any() and not common.any()


def test_acsl_pushes_down_by_background_what_was_drawn() -> None:
    loss = ACSL(make_stats())  # rare: 1 and 3; common: 2
    drawn = torch.tensor([True, False]), torch.tensor([False, True])
    loss.draw_sample = lambda labels: drawn  # type: ignore[method-assign]
    _, gradient = value_and_gradient(loss, torch.zeros(2, 6), torch.tensor([5, 5]))
    assert (gradient != 0).tolist() == [[True, True, False, True, True, True], [True, False, True, False, True, True]]


@pytest.mark.parametrize("ratio", [0.0, 0.7, 8.0, 1000.0])
def test_bags_draws_others_for_each_roi_of_a_group(ratio: float) -> None:
    loss = BAGS(make_stats(), others_sample_ratio=ratio)
    # Instances 2700, 6, 120, 3, 900: groups 3, 0, 2, 0, 2.
    counts = loss.draw_sample(LABELS)
    own = [[251, 253], [], [252, 254, 255], [250]]
    assert counts.shape == (5, 256) and counts[0].all()
    for number, members in enumerate(own):
        assert counts[1 + number][members].all()
        others = min(int(ratio * len(members)), 256 - len(members))
        assert int(counts[1 + number].sum()) == len(members) + others


def test_bags_draws_each_of_the_others_equally_often() -> None:
    torch.manual_seed(0)
    loss = BAGS(make_stats(), others_sample_ratio=8.0)
    times = sum(loss.draw_sample(LABELS)[1].float() for _ in range(500))
    assert isinstance(times, torch.Tensor)
    others = torch.ones(256, dtype=torch.bool)
    others[[251, 253]] = False
    torch.testing.assert_close(times[others] / 500, torch.full((254,), 16 / 254), rtol=0, atol=0.05)


@pytest.mark.parametrize("cls", [ACSL, BAGS])
def test_draws_differ_by_call_and_follow_the_checkpoint(cls: type[ACSL] | type[BAGS]) -> None:
    def draw(loss: ACSL | BAGS) -> list[bool]:
        drawn = loss.draw_sample(LABELS)
        return torch.stack(list(drawn)).flatten().tolist()

    torch.manual_seed(0)
    loss = cls(make_stats())
    state = torch.get_rng_state()
    first = draw(loss)
    assert draw(loss) != first
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    resumed = cls(make_stats())
    resumed.load_state_dict(loss.state_dict())
    assert [draw(resumed) for _ in range(3)] == [draw(loss) for _ in range(3)]
