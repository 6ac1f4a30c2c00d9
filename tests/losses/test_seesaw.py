from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from loss_cases import Rows, check_against, make_batch, make_stats, softmax, value_and_gradient
from lt_bench.losses.seesaw import Seesaw

P, Q, EPS = 0.7, 1.5, 0.02


def oracle(rows: Rows, labels: list[int], counts: list[int], seen: Rows) -> float:
    """`seen` are the logits that the compensation factor, a constant to the gradient, is taken from."""
    num_classes, loss = len(rows[0]) - 2, 0.0
    for row, label, seen_row in zip(rows, labels, seen, strict=True):
        loss -= math.log(softmax(row[-2:])[0 if label < num_classes else 1])
        if label == num_classes:
            continue
        sigma = softmax(seen_row[:num_classes])
        denominator = 0.0
        for j in range(num_classes):
            mitigation = min(1.0, (max(counts[j], 1) / max(counts[label], 1)) ** P)
            compensation = max(1.0, (sigma[j] / max(sigma[label], EPS)) ** Q)
            denominator += (1 if j == label else mitigation * compensation) * math.exp(row[j])
        loss -= math.log(math.exp(row[label]) / denominator)
    return loss / len(rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_formula_from_call_to_call(dtype: torch.dtype) -> None:
    loss, counts = Seesaw(make_stats(), p=P, q=Q, eps=EPS), [0] * 6
    for seed in range(4):
        logits, labels = make_batch(loss, seed=seed)
        for label in labels.tolist():
            counts[label] += 1
        check_against(partial(oracle, counts=counts, seen=logits.to(dtype).tolist()), loss, logits, labels, dtype)
        assert loss.cum_samples.tolist() == counts


def test_without_its_factors_it_is_cross_entropy() -> None:
    loss = Seesaw(make_stats(), p=0.0, q=0.0)
    logits, labels = make_batch(loss)
    terms = loss(logits, labels)
    assert isinstance(terms, dict)
    classes = sum(
        -math.log(softmax(row[:5])[label])
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
        if label < 5
    )
    assert terms["loss_cls_classes"].item() == pytest.approx(classes / len(labels))


def test_mitigation_spares_the_rarer_class() -> None:
    loss = Seesaw(make_stats(), q=0.0)
    loss(torch.zeros(20, 7), torch.tensor([0] * 19 + [1]))
    _, gradient = value_and_gradient(loss.eval(), torch.zeros(2, 7), torch.tensor([0, 2]))
    assert gradient[0, 1] / gradient[1, 1] < 0.5  # 1 against 19 RoIs, then 1 against none
    assert gradient[0, 1] < gradient[1, 0]


def test_scores_are_classes_times_object() -> None:
    loss = Seesaw(make_stats())
    logits, _ = make_batch(loss)
    expected = []
    for row in logits.tolist():
        object_, background = softmax(row[-2:])
        expected.append([p * object_ for p in softmax(row[:-2])] + [background])
    torch.testing.assert_close(loss.scores(logits), torch.tensor(expected, dtype=torch.float64))
