"""Every built-in loss against its paper's formula: values, gradients, scores and state, over what Hypothesis draws."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from unittest import mock

import formulas
import numpy as np
import pytest
import torch
from formulas import Array, Formula
from formulas_groups import EFL, FORMULAS_OF_GROUPS, Drawing
from formulas_sigmoid import FORMULAS_OF_SIGMOIDS
from formulas_softmax import FORMULAS_OF_CLASSIFICATION
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_cases import LOSSES, central_differences, make_batch, make_stats, terms_of, total
from lt_bench.losses.federated import Federated
from problems import LAYOUTS, Call, batches, class_stats, problems, spread
from torch import Tensor
from torch.utils._pytree import tree_map

from lt_bench.api.class_stats import ClassStats
from lt_bench.api.loss import LongTailLoss
from lt_bench.api.seeded_draws import SeededDraws
from lt_bench.functional import chunks

FORMULAS = formulas.FORMULAS | FORMULAS_OF_GROUPS | FORMULAS_OF_SIGMOIDS | FORMULAS_OF_CLASSIFICATION

pytestmark = pytest.mark.filterwarnings("ignore:.*have no training instance")

EXTRA_CHANNELS = {"ce": 1, "focal": 0, "eql": 0, "eqlv2": 1, "seesaw": 2, "federated": 1, "ecm": 1} | {
    **dict.fromkeys(("bce", "balanced_softmax", "droploss", "gol"), 0),
    **dict.fromkeys(("logit_adjustment", "class_balanced", "iif", "gumbel_ce"), 1),
    "ldam": 1,
    "efl": 0,
    "acsl": 1,
    "bags": 6,
    "loce": 1,
}
# Their sums and gradients are in lt_bench.functional, in closed form; those of the others are autograd's, and most of
# their examples and sizes come with `make test-extra`.
CLOSED_FORM = ("ce", "focal", "eql", "eqlv2", "seesaw", "federated", "ecm")
AUTOGRAD = [name for name in LOSSES if name not in CLOSED_FORM]
PRECISIONS = {torch.float64: 1e-10, torch.float32: 1e-5}
HYPER_PARAMETERS: dict[str, dict[str, Any]] = {  # none at its default
    "focal": {"alpha": 0.3, "gamma": 1.5},
    "eql": {"lambda_": 0.01},
    "eqlv2": {"gamma": 5.0, "mu": 0.4, "alpha": 2.0},
    "seesaw": {"p": 0.7, "q": 1.5, "eps": 0.02},
    "federated": {"num_sample_cats": 4, "freq_power": 0.7},
    "ecm": {"fg_bg_ratio": 2.0},
    "logit_adjustment": {"tau": 0.7, "background_prior": 3.0},
    "class_balanced": {"kind": "focal", "beta": 0.99, "gamma": 1.5, "fg_bg_ratio": 2.0},
    "iif": {"variant": "gombit_obj"},
    "droploss": {"lambda_": 0.05},
    "gol": {"lambda_": 0.05, "clamp_low": -3.0, "clamp_high": 8.0},
    "gumbel_ce": {"clamp_low": -3.0, "clamp_high": 8.0},
    "ldam": {"max_m": 0.3, "s": 5.0, "background_margin": 0.1},
    "efl": {"focal_gamma": 1.5, "focal_alpha": 0.3, "scale_factor": 4.0},
    "acsl": {"score_thr": 0.4, "rare_share": 0.4, "common_share": 0.7},
    "bags": {"others_sample_ratio": 1.5, "borders": (5, 50, 1500)},
    "loce": {"alpha": 0.8, "bg_score": 0.02},
}
# The last one is more than a chunk (lt_bench.functional.chunks.CHUNK).
SIZES = [(1, 1300), (300, 1), (57, 1203), (255, 257), (900, 1203)]
SIZES_AND_LAYOUTS = [(*size, "contiguous") for size in SIZES] + [(57, 1203, layout) for layout in LAYOUTS][1:]
OF_ALL = ((255, 257, "contiguous"), (57, 1203, "some columns"))


def sizes() -> Iterator[Any]:
    for name in LOSSES:
        for size in SIZES_AND_LAYOUTS:
            yield pytest.param(name, *size, marks=() if name in CLOSED_FORM or size in OF_ALL else pytest.mark.extra)


@pytest.fixture(params=PRECISIONS, ids=str, scope="module")
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    precision: torch.dtype = request.param
    return precision


@pytest.fixture(params=LOSSES, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make_pair(name: str, stats: ClassStats, **hyper_parameters: Any) -> tuple[LongTailLoss, Formula]:
    torch.manual_seed(0)
    return LOSSES[name](stats, **hyper_parameters), FORMULAS[name](stats, **hyper_parameters)


def used_pair(name: str, stats: ClassStats | None = None) -> tuple[LongTailLoss, Formula]:
    """After two calls, so that the state is no longer that of the beginning."""
    loss, formula = make_pair(name, stats or make_stats(), **HYPER_PARAMETERS.get(name, {}))
    for seed in (7, 8):
        logits, labels = make_batch(loss, seed=seed)
        set_sample(formula, loss, labels)
        loss(logits, labels)
        formula.terms(logits.numpy(), labels.numpy())
    return loss, formula


def expected_terms(formula: Formula, loss: LongTailLoss, logits: Tensor, labels: Tensor) -> dict[str, formulas.Term]:
    """What the next call of `loss` shall return. Only chance is taken from `loss` itself: the subset S."""
    if isinstance(formula, formulas.Federated):
        formula.S = subset_of(deepcopy(loss), labels)
    set_sample(formula, loss, labels)
    return formula.terms(logits.detach().double().numpy(), labels.numpy(), loss.training)


def set_sample(formula: Formula, loss: LongTailLoss, labels: Tensor) -> None:
    if isinstance(formula, Drawing):
        assert isinstance(loss, SeededDraws)
        formula.sample = tree_map(Tensor.numpy, deepcopy(loss).draw_sample(labels))


def subset_of(loss: LongTailLoss, labels: Tensor) -> set[int]:
    """The classes that get a gradient. With equal logits none of S can have vanished."""
    logits = torch.zeros(len(labels), loss.num_logits, requires_grad=True)
    (gradient,) = torch.autograd.grad(total(loss(logits, labels)), logits)
    return set(gradient.any(dim=0).nonzero().flatten().tolist())


def close(actual: Any, expected: Any, precision: torch.dtype, unit: float) -> None:
    """Relative to the largest entry, and to what rounding alone may change."""
    expected = np.asarray(expected)
    atol = PRECISIONS[precision] * np.abs(expected).max(initial=0) + 8 * torch.finfo(precision).eps * unit
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=atol)


def check_call(
    loss: LongTailLoss, formula: Formula, logits: Tensor, labels: Tensor, weights: tuple[float, ...] = (1.0, 1.0)
) -> None:
    """One call: each term, the gradient of the terms' sum with `weights`, the scores, and the state afterwards."""
    expected = expected_terms(formula, loss, logits, labels)
    actual = terms_of(loss(logits, labels))
    assert actual.keys() == expected.keys()
    for key, term in expected.items():
        assert actual[key].dtype == logits.dtype
        close(actual[key].detach(), term.value, logits.dtype, term.value_unit)

    weighted = list(zip(expected.items(), weights, strict=False))
    loss_of_terms = torch.stack([weight * actual[key] for (key, _), weight in weighted]).sum()
    (gradient,) = torch.autograd.grad(loss_of_terms, logits)
    assert gradient.dtype == logits.dtype
    unit = sum(abs(weight) * term.gradient_unit for (_, term), weight in weighted)
    close(gradient, sum(weight * term.gradient for (_, term), weight in weighted), logits.dtype, unit)

    scores = loss.scores(logits.detach())
    assert scores.dtype == logits.dtype
    close(scores, formula.scores(logits.detach().double().numpy()), logits.dtype, unit=1)
    check_state(loss, formula, logits.dtype)


def check_state(loss: LongTailLoss, formula: Formula, dtype: torch.dtype) -> None:
    for key, value in formula.state().items():
        # Entry by entry: EQLv2 takes ratios of them, so the small ones count.
        # EFL's gradients are powers of up to 12 of a probability.
        rtol = PRECISIONS[dtype] * (10 if isinstance(formula, EFL) else 1)
        np.testing.assert_allclose(loss.state_dict()[key].numpy(), value, rtol=rtol, atol=1e-35)


def tensors(call: Call, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    logits = LAYOUTS[call.layout](torch.from_numpy(call.logits).to(dtype)).detach()
    labels = torch.from_numpy(call.labels)
    return logits.requires_grad_(), labels if call.layout == "contiguous" else spread(labels)


def test_every_built_in_loss_has_a_formula() -> None:
    assert FORMULAS.keys() == LOSSES.keys() == EXTRA_CHANNELS.keys()


@pytest.mark.parametrize("name", [*CLOSED_FORM, *(pytest.param(name, marks=pytest.mark.extra) for name in AUTOGRAD)])
@given(data=st.data())
def test_equals_the_formula(name: str, dtype: torch.dtype, data: st.DataObject) -> None:
    check_problem(name, dtype, data)


@pytest.mark.parametrize("name", AUTOGRAD)
@settings(max_examples=max(5, settings().max_examples // 5))
@given(data=st.data())
def test_equals_the_formula_in_few_examples(name: str, data: st.DataObject) -> None:
    check_problem(name, torch.float32, data)


def check_problem(name: str, dtype: torch.dtype, data: st.DataObject) -> None:
    problem = data.draw(problems(name, EXTRA_CHANNELS[name]))
    loss, formula = make_pair(name, problem.stats, **problem.hyper_parameters)
    with mock.patch.object(chunks, "CHUNK", problem.chunk), mock.patch.object(chunks, "ROWWISE", problem.chunk):
        for call in problem.calls:
            check_call(loss.train(call.training), formula, *tensors(call, dtype), problem.term_weights)


@pytest.mark.parametrize(("name", "num_rois", "num_classes", "layout"), sizes())
def test_equals_the_formula_at_size(
    name: str, dtype: torch.dtype, num_rois: int, num_classes: int, layout: str
) -> None:
    rng = np.random.default_rng(num_rois + num_classes)
    images = np.ceil(1000 * rng.random(num_classes) ** 4).astype(int)
    loss, formula = make_pair(
        name, ClassStats(images.tolist(), (3 * images).tolist(), 1000), **HYPER_PARAMETERS.get(name, {})
    )
    for _ in range(2):
        logits = rng.normal(0, rng.choice([1.0, 5.0], size=(num_rois, 1)), (num_rois, loss.num_logits))
        labels = rng.choice([num_classes, 0, *range(num_classes)], size=num_rois)
        labels[rng.random(num_rois) < 0.5] = num_classes
        check_call(loss, formula, *tensors(Call(logits, labels, True, layout), dtype), (3.7, -0.5))


def test_a_formulas_gradient_is_its_derivative(name: str) -> None:
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss, num_rois=4, seed=3)
    s, u = logits.numpy(), labels.numpy()
    constant = {"seen": s.copy()} if name in ("seesaw", "acsl") else {}
    if isinstance(formula, formulas.Federated):
        formula.S = {0, 1, 3}
    set_sample(formula, loss, labels)

    def value(s: Array) -> float:
        return formulas.total(formula.terms(s, u, False, **constant))

    gradient = formulas.total_gradient(formula.terms(s, u, False))
    np.testing.assert_allclose(gradient, central_differences(value, s), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_that_are_a_view_pass_their_gradient_on(name: str, layout: str) -> None:
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss)
    weight = torch.full_like(logits, 2.0).requires_grad_()
    view = LAYOUTS[layout](weight * logits)
    expected = formulas.total_gradient(expected_terms(formula, loss, view, labels))
    total(loss(view, labels)).backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    np.testing.assert_allclose(weight.grad.numpy(), expected * logits.numpy(), rtol=1e-9, atol=1e-12)


def test_one_row_expanded_to_many_gets_the_sum_of_their_gradients(name: str) -> None:
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss)
    row = logits[:1].requires_grad_()
    rows = row.expand(len(labels), -1)
    expected = formulas.total_gradient(expected_terms(formula, loss, rows, labels))
    total(loss(rows, labels)).backward()  # type: ignore[no-untyped-call]
    assert row.grad is not None
    np.testing.assert_allclose(row.grad.numpy(), expected.sum(axis=0, keepdims=True), rtol=1e-9, atol=1e-12)


def test_a_second_backward_adds_the_same_gradient_again(name: str) -> None:
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss)
    logits.requires_grad_()
    expected = formulas.total_gradient(expected_terms(formula, loss, logits, labels))
    value = total(loss(logits, labels))
    for times in (1, 2, 3):
        (3.7 * value).backward(retain_graph=True)  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        np.testing.assert_allclose(logits.grad.numpy(), times * 3.7 * expected, rtol=1e-9, atol=1e-12)


def test_backward_after_the_next_call_is_still_that_of_its_own(name: str) -> None:
    """As with accumulation of two batches: neither state nor a buffer may be shared between the calls."""
    loss, formula = used_pair(name)
    batches = [make_batch(loss, seed=seed) for seed in (1, 2, 3)]
    expected, values = [], []
    for logits, labels in batches:
        expected.append(formulas.total_gradient(expected_terms(formula, loss, logits, labels)))
        values.append(total(loss(logits.requires_grad_(), labels)))
    for value in values:
        value.backward()  # type: ignore[no-untyped-call]
    for (logits, _), gradient in zip(batches, expected, strict=True):
        assert logits.grad is not None
        np.testing.assert_allclose(logits.grad.numpy(), gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_without_a_gradient_the_value_and_the_state_are_the_same(name: str, mode: Any) -> None:
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss)
    expected = expected_terms(formula, loss, logits, labels)
    with mode():
        terms = terms_of(loss(logits, labels))
    for key, term in expected.items():
        assert not terms[key].requires_grad
        close(terms[key], term.value, torch.float64, term.value_unit)
    check_state(loss, formula, torch.float64)


def test_a_second_derivative_is_right_or_refused(name: str) -> None:
    """Never quietly wrong: neither a number that is not H v, nor H v left out of a larger sum."""
    loss, formula = used_pair(name)
    logits, labels = make_batch(loss, num_rois=4)
    direction = make_batch(loss, num_rois=4, seed=5)[0]
    s, v, u, step = logits.numpy().copy(), direction.numpy(), labels.numpy(), 1e-5
    constant = {"seen": s} if name in ("seesaw", "acsl") else {}
    if isinstance(formula, formulas.Federated):
        formula.S = subset_of(deepcopy(loss), labels)
    set_sample(formula, loss, labels)
    loss.eval()
    above, below = (
        formulas.total_gradient(formula.terms(s + sign * step * v, u, False, **constant)) for sign in (1, -1)
    )
    expected = (above - below) / (2 * step) + s

    logits.requires_grad_()
    try:
        (gradient,) = torch.autograd.grad(total(loss(logits, labels)), logits, create_graph=True)
        (second,) = torch.autograd.grad((gradient * direction).sum() + (logits**2).sum() / 2, logits)
    except RuntimeError as error:
        assert "differentiat" in str(error)
    else:
        np.testing.assert_allclose(second.numpy(), expected, rtol=1e-6, atol=1e-7)


@given(data=st.data())
def test_the_federated_subset(data: st.DataObject) -> None:
    stats = data.draw(class_stats())
    C = stats.num_classes
    hyper_parameters: dict[str, Any] = {
        "num_sample_cats": data.draw(st.integers(1, C + 3)),
        "freq_power": data.draw(st.floats(0, 3)),
    }
    torch.manual_seed(data.draw(st.integers(0, 2**63)))
    loss = Federated(stats, **hyper_parameters)
    twin = deepcopy(loss)
    for call in data.draw(st.lists(batches(C, C + 1, min_rois=1), min_size=1, max_size=3)):
        labels = torch.from_numpy(call.labels)
        logits = torch.zeros(len(labels), C + 1, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(total(loss(logits, labels)), logits)
        S = {c for c in range(C + 1) if gradient[:, c].any()}
        present = set(call.labels.tolist())
        foreground = present - {C}
        assert foreground <= S <= set(range(C))
        room = hyper_parameters["num_sample_cats"] - len(present)
        assert len(S) == len(foreground) + min(max(room, 0), C - len(foreground))
        # A class that is in S twice would count twice.
        assert (gradient[:, sorted(S)].abs() == 0.5 / len(labels)).all()
        # The draw depends on the seed and on how many calls there were, on no global generator and not on the logits.
        torch.rand(1)
        assert subset_of(twin, labels) == S
