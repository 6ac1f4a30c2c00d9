"""What any calibration owes: scores in [0, 1], no change at strength 0, refusals that name the thing."""

from __future__ import annotations

import math

import pytest
import torch
from calibration_cases import CALIBRATIONS, make_base, make_logits

from lt_bench.api.calibration import Base, Calibration
from lt_bench.api.loss import plain_scores
from lt_bench.errors import UserError

BASES = [(name, activation) for name, cls in CALIBRATIONS.items() for activation in cls.bases]
NO_EFFECT = {"norcal": "gamma", "logit_adjustment": "tau", "tau_norm": "tau"}


@pytest.mark.parametrize(("name", "activation"), BASES)
def test_scores_lie_in_the_unit_interval_whatever_the_logits(name: str, activation: str) -> None:
    base = make_base(activation)  # type: ignore[arg-type]
    calibration, logits = CALIBRATIONS[name](base), make_logits(base)
    for given in (logits, 1e4 * logits, logits[:0], logits.float(), logits.bfloat16(), torch.zeros_like(logits)):
        before = given.clone()
        found = calibration.scores(given)
        assert found.shape == (len(given), 6)
        assert bool(((found >= 0) & (found <= 1)).all())
        assert torch.equal(given, before)
        if activation == "softmax":
            torch.testing.assert_close(found.sum(dim=1), torch.ones(len(given), dtype=found.dtype))
        else:
            assert not found[:, -1].any()


@pytest.mark.parametrize(("name", "strength"), NO_EFFECT.items())
def test_strength_0_changes_nothing(name: str, strength: str) -> None:
    base = make_base()
    logits = make_logits(base)
    calibration = CALIBRATIONS[name](base, **{strength: 0.0})
    torch.testing.assert_close(calibration.scores(logits), plain_scores(logits, "softmax"))
    weight = torch.randn(6, 3)
    assert torch.equal(calibration.classifier(weight, None)[0], weight)


@pytest.mark.parametrize("name", ["norcal", "logit_adjustment", "fracal"])
def test_rarer_classes_gain_on_more_frequent_ones(name: str) -> None:
    base = Base("ce", "softmax", make_base().stats, (1.5,) * 5)
    logits = torch.zeros(1, 6)
    rare_first = [3, 1, 2, 4, 0]  # of 1, 2, 40, 300 and 900 images
    scores = CALIBRATIONS[name](base).scores(logits)[0, rare_first]
    assert bool((scores[:-1] > scores[1:]).all())


def test_norcal_is_logit_adjustment_by_image_counts() -> None:
    """With exponentials, and up to the background, whose place the normalisation of the counts decides."""
    base = make_base()
    images = torch.tensor(base.stats.image_count, dtype=torch.float64)
    prior = 5 / images.sum().item()  # what the counts 1 are after normalisation
    logits = make_logits(base)
    found = CALIBRATIONS["norcal"](base, gamma=0.7).scores(logits)
    adjusted = CALIBRATIONS["logit_adjustment"](base, tau=0.7, background_prior=prior).scores(logits)
    torch.testing.assert_close(found, adjusted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("name", "cls"), CALIBRATIONS.items())
def test_a_base_of_another_form_is_refused(name: str, cls: type[Calibration]) -> None:
    stats = make_base().stats
    with pytest.raises(UserError, match=r"'seesaw' are of another form") as caught:
        cls(Base("seesaw", None, stats, (1.0,) * 5))
    assert "such as ce" in caught.value.remedy
    if "sigmoid" not in cls.bases:
        with pytest.raises(UserError, match=r"K = C \+ 1 logits .* those of the loss 'focal' are K = C"):
            cls(make_base("sigmoid"))


def test_a_fractal_dimension_that_nobody_computed_is_asked_for() -> None:
    with pytest.raises(UserError, match="needs the fractal dimension"):
        CALIBRATIONS["fracal"](Base("ce", "softmax", make_base().stats))
    with pytest.raises(ValueError, match="2 fractal dimensions for 5 classes"):
        CALIBRATIONS["fracal"](Base("ce", "softmax", make_base().stats, (1.0, 1.0)))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("norcal", {"gamma": -0.1}),
        ("norcal", {"gamma": math.nan}),
        ("norcal", {"gamma": 1.0, "method": "cb"}),
        ("norcal", {"method": "power"}),
        ("norcal", {"with_": "scores"}),
        ("logit_adjustment", {"tau": math.inf}),
        ("logit_adjustment", {"background_prior": 0.0}),
        ("fracal", {"variant": "log"}),
        ("fracal", {"fractal_l": -1.0}),
        ("tau_norm", {"tau": math.nan}),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        CALIBRATIONS[name](make_base(), **given)


@pytest.mark.parametrize(("name", "cls"), CALIBRATIONS.items())
def test_what_is_tuned_is_a_hyper_parameter_and_its_grid_holds_the_default(name: str, cls: type[Calibration]) -> None:
    from lt_bench.api.plugins import signature

    default = signature(cls)[cls.tuned]
    assert default in cls.grid
    assert list(cls.grid) == sorted(set(cls.grid))
    for value in cls.grid:
        cls(make_base(), **{cls.tuned: value})
