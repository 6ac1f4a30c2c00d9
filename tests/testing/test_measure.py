"""What a call costs, against cases counted by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lt_bench.testing.measure import Prepare, forward_backward, interleaved_seconds, peak_bytes, seconds

UNIT = 1 << 20  # bytes of the tensor that every case starts from
SCALARS = 1 << 10  # operators wrap Python numbers in tensors of a few bytes


def nothing(x: Tensor) -> None:
    x.add_(1).mul_(2)


def two_at_a_time(x: Tensor) -> None:
    a = x * 2
    b = a + 1  # a and b
    del a
    c = b.exp()  # b and c
    del b
    c + 1  # c and the unnamed sum


def three_kept(x: Tensor) -> list[Tensor]:
    return [x + 1, x + 2, x + 3]


def peak_in_the_middle(x: Tensor) -> Tensor:
    torch.cat([x, x, x])  # three units, gone at once
    return x + 1


def inside_one_operator(x: Tensor) -> Tensor:
    return F.softmax(x, dim=0)  # nothing but its result


def widened(x: Tensor) -> Tensor:
    return x.double()


@pytest.mark.parametrize(
    ("call", "units"),
    [
        (nothing, 0),
        (two_at_a_time, 2),
        (three_kept, 3),
        (peak_in_the_middle, 3),
        (inside_one_operator, 1),
        (widened, 2),
    ],
)
def test_peak_bytes(call: Callable[[Tensor], object], units: int) -> None:
    x = torch.zeros(UNIT // 4)
    assert units * UNIT <= peak_bytes(lambda: call(x)) < units * UNIT + SCALARS


def test_memory_held_before_does_not_count() -> None:
    held: list[Tensor] = []
    assert peak_bytes(lambda: held.append(torch.zeros(4 * UNIT // 4))) >= 4 * UNIT

    def call() -> Tensor:
        held.clear()  # releases four units and takes two
        return torch.zeros(2 * UNIT // 4)

    assert 2 * UNIT <= peak_bytes(call) < 2 * UNIT + SCALARS


def test_temporary_of_an_operator_counts() -> None:
    transposed = torch.zeros(UNIT // 4).view(512, -1).t()  # the operator first copies it into its own order
    assert 2 * UNIT <= peak_bytes(lambda: F.softmax(transposed, dim=1)) < 2.1 * UNIT


def test_forward_backward_of_exponential() -> None:
    logits = torch.randn(8, UNIT // 32)
    call = forward_backward(lambda s, labels: s.exp().sum(), logits, torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(call(), logits.exp())
    # The result of exp is kept for the backward, which multiplies it into the gradient.
    assert 2 * UNIT <= peak_bytes(call) < 2 * UNIT + SCALARS


def test_forward_backward_adds_the_terms() -> None:
    logits = torch.randn(3, 4)
    call = forward_backward(lambda s, labels: {"a": s.sum(), "b": (s * s).sum()}, logits, torch.zeros(3).long())
    torch.testing.assert_close(call(), 1 + 2 * logits)
    assert logits.grad is None and not logits.requires_grad


def test_calls_take_turns() -> None:
    turns: list[str] = []
    samples = seconds({name: lambda name=name: turns.append(name) for name in "ab"}, repeats=4, warmup=1)  # type: ignore[misc]
    # A round of warm-up, then turns of two runs and three that count.
    assert turns == ["a", "b"] + (["a"] * 5 + ["b"] * 5) * 2
    assert {name: len(values) for name, values in samples.items()} == {"a": 4, "b": 4}
    assert all(value > 0 for values in samples.values() for value in values)


def test_interleaved_calls_are_prepared_each_time() -> None:
    log: list[str] = []

    def prepare(name: str) -> Prepare:
        return lambda: log.append(f"prepare {name}") or (lambda: log.append(name))  # type: ignore[func-returns-value]

    samples = interleaved_seconds({"a": prepare("a"), "b": prepare("b")}, 2, torch.device("cpu"), warmup=1)
    assert log == ["prepare a", "a", "prepare b", "b"] * 3
    assert [len(samples[name]) for name in "ab"] == [2, 2]
