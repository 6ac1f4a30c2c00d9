from __future__ import annotations

import torch
from loss_cases import make_stats, value_and_gradient
from lt_bench.losses.federated import Federated


def subset_of(loss: Federated, labels: torch.Tensor) -> set[int]:
    """The classes that got a gradient in one call."""
    _, gradient = value_and_gradient(loss, torch.zeros(len(labels), loss.num_logits), labels)
    return set(gradient.abs().sum(dim=0).nonzero().flatten().tolist())


def make_loss(num_classes: int = 40, seed: int = 0, **hyper_parameters: float) -> Federated:
    torch.manual_seed(seed)
    return Federated(make_stats(range(1, num_classes + 1)), **hyper_parameters)  # type: ignore[arg-type]


def test_draws_fill_up_to_num_sample_cats_counting_background() -> None:
    loss = make_loss(num_sample_cats=10)
    for labels, drawn in (([0, 7], 8), ([0, 7, 40], 7), ([40], 9), ([], 10)):
        present = {label for label in labels if label < 40}
        # N = 0 has no gradient to look at: ask for the subset itself.
        subset = (
            subset_of(loss, torch.tensor(labels))
            if labels
            else set(loss._subset(torch.zeros(0).long()).nonzero().flatten().tolist())
        )
        assert present <= subset
        assert len(subset) == len(present) + drawn


def test_more_labels_than_num_sample_cats_are_all_kept() -> None:
    assert subset_of(make_loss(num_sample_cats=2), torch.tensor([1, 3, 5, 7, 40])) == {1, 3, 5, 7}


def test_draws_follow_the_image_count_to_the_power() -> None:
    stats = make_stats([1, 4, 25, 100])
    torch.manual_seed(0)
    loss = Federated(stats, num_sample_cats=2, freq_power=0.5)
    times = torch.zeros(4)
    for _ in range(3000):
        (drawn,) = set(loss._subset(torch.tensor([1])).nonzero().flatten().tolist()) - {1}
        times[drawn] += 1
    torch.testing.assert_close(times / 3000, torch.tensor([1.0, 0.0, 5.0, 10.0]) / 16, rtol=0, atol=0.03)


def test_draws_differ_by_call_and_by_seed_but_not_by_the_global_generator() -> None:
    labels = torch.tensor([40])
    first, second = make_loss(num_sample_cats=10), make_loss(num_sample_cats=10)
    sequence = []
    for _ in range(5):
        torch.rand(3)
        sequence.append(subset_of(first, labels))
    state = torch.get_rng_state()
    assert [subset_of(second, labels) for _ in range(5)] == sequence
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(map(frozenset, sequence))) == 5
    assert subset_of(make_loss(seed=1, num_sample_cats=10), labels) != sequence[0]


def test_a_checkpoint_continues_the_draws_in_another_process_seed() -> None:
    labels = torch.tensor([40])
    loss = make_loss(num_sample_cats=10)
    for _ in range(3):
        subset_of(loss, labels)
    resumed = make_loss(seed=99, num_sample_cats=10)
    resumed.load_state_dict(loss.state_dict())
    assert [subset_of(resumed, labels) for _ in range(4)] == [subset_of(loss, labels) for _ in range(4)]
