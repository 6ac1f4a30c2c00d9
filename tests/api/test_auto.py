"""Hyper-parameters that follow from the data: LVIS's own values on LVIS, and their like elsewhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lt_bench.losses.droploss import DropLoss

from lt_bench import ClassStats, build_loss
from lt_bench.api.auto import (
    frequency_of_common,
    frequency_of_frequent,
    instance_borders,
    same_share_of_classes,
    two_digits,
)
from lt_bench.api.registry import get_info, resolve_hyper_parameters
from lt_bench.errors import UserError


def data(num_images: int, num_classes: int) -> ClassStats:
    counts = [1 + label % 150 for label in range(num_classes)]
    return ClassStats(image_count=counts, instance_count=counts, num_images=num_images)


LVIS = data(100_170, 1203)


def test_lvis_gets_the_values_of_the_papers() -> None:
    """Gupta et al. (repeat factors 1e-3), the EQL authors' lambda for LVIS v1, Zhou et al. (50 classes)."""
    assert frequency_of_common(LVIS.num_images) == 1e-3
    assert resolve_hyper_parameters("eql", LVIS, {}, every=True) == {"lambda_": 0.0011}
    assert resolve_hyper_parameters("federated", LVIS, {}, every=True) == {"num_sample_cats": 50}


def test_lvis_gets_the_thresholds_of_droploss_gol_and_acsl() -> None:
    """Hsieh et al., Alexandridis et al. and Wang et al. (LVIS's own groups): what the classes have by default."""
    assert resolve_hyper_parameters("droploss", LVIS, {}, every=True) == {"lambda_": 0.0010062}
    assert resolve_hyper_parameters("gol", LVIS, {}, every=True) == {"lambda_": 0.0011}
    groups = {"max_rare_images": 10, "max_common_images": 100}
    assert resolve_hyper_parameters("acsl", LVIS, {}, every=True) == groups
    assert get_info("acsl").hyper_parameters.items() >= groups.items()


def test_other_data_gets_the_same_numbers_of_images() -> None:
    small = data(3000, 150)
    found = resolve_hyper_parameters("droploss", small, {}, every=True)
    assert found == {"lambda_": pytest.approx(100.8 / 3000, abs=1e-5)}
    assert resolve_hyper_parameters("gol", small, {}, every=True) == {"lambda_": 0.034}
    assert resolve_hyper_parameters("acsl", small, {}, every=True)["max_common_images"] == 100
    loss = build_loss("droploss", small, lambda_="auto")
    assert isinstance(loss, DropLoss)
    assert loss.tail.tolist() == [count <= 100 for count in small.image_count]


def test_lvis_gets_the_group_borders_of_bags(shared: Path) -> None:
    """Its own counts, which the golden files hold: Li et al. divide at 10, 100 and 1,000 instances."""
    with np.load(shared / "golden" / "public_lvis" / "bags.npz") as packed:
        stats = ClassStats(packed["image_count"], packed["instance_count"], int(packed["num_images"]))
    assert [sum(count < border for count in stats.instance_count) for border in (10, 100, 1000)] == [200, 612, 946]
    assert resolve_hyper_parameters("bags", stats, {}, every=True) == {"borders": (10, 100, 1000)}


def test_other_data_gets_groups_of_the_same_shares() -> None:
    counts = [round(1000 * (10 / 1000) ** (c / 149)) for c in range(150)]  # 1,000 down to 10
    borders = instance_borders(ClassStats(counts, counts, 3000))
    shares = [sum(count < border for count in counts) / 150 for border in borders]
    assert list(borders) == sorted(borders)
    assert shares == pytest.approx([200 / 1203, 612 / 1203, 946 / 1203], abs=0.06)  # to one digit of a count
    assert instance_borders(ClassStats([1], [1], 5)) == (1, 1, 1)


def test_other_data_gets_the_same_group_and_share() -> None:
    small = data(3000, 150)
    assert frequency_of_common(small.num_images) == 0.033
    assert frequency_of_frequent(small) == 0.034
    assert same_share_of_classes(50, small) == 6  # 6.2 of 150
    assert same_share_of_classes(50, data(240, 3)) == 1


@given(st.integers(101, 10**8))
def test_the_frequency_has_two_digits_and_separates(num_images: int) -> None:
    """Every common class lies below it; what lies below it beyond those is what two digits can't tell apart."""
    found = frequency_of_frequent(data(num_images, 2))
    assert Fraction(100, num_images) < found
    assert found == float(f"{found:.1e}")
    assert found - Fraction(101, num_images) <= Fraction(1, 10) * Fraction(101, num_images) + Fraction(1, 10**15)


@pytest.mark.parametrize(("value", "rounded"), [(0.00099830, 0.001), (0.0333, 0.033), (50.4, 50.0), (0.0995, 0.1)])
def test_two_significant_digits(value: float, rounded: float) -> None:
    assert two_digits(value) == rounded


def test_what_is_given_stays_and_the_rest_is_asked_for() -> None:
    assert resolve_hyper_parameters("eql", LVIS, {"lambda_": 0.5}, every=True) == {"lambda_": 0.5}
    assert resolve_hyper_parameters("eql", LVIS, {}) == {}
    given_one = resolve_hyper_parameters("federated", data(240, 30), {"freq_power": 0.0, "num_sample_cats": "auto"})
    assert given_one == {"freq_power": 0.0, "num_sample_cats": 1}
    assert resolve_hyper_parameters("ce", LVIS, {}, every=True) == {}


def test_a_loss_is_built_with_the_rules_value() -> None:
    loss = build_loss("eql", data(3000, 150), lambda_="auto")
    assert loss.lambda_ == 0.034


def test_auto_without_a_rule_is_refused() -> None:
    with pytest.raises(UserError, match="no rule for gamma=auto"):
        build_loss("focal", LVIS, gamma="auto")
    with pytest.raises(UserError, match="freq_power=auto") as caught:
        build_loss("federated", LVIS, freq_power="auto")
    assert "num_sample_cats" in caught.value.remedy
