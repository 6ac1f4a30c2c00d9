"""What holds for every loss."""

from __future__ import annotations

import ast
import inspect
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from loss_cases import LOSSES, STATEFUL, make_batch, make_stats, total, value_and_gradient
from lt_bench.losses.federated import Federated

from lt_bench.api.loss import LongTailLoss

HYPER_PARAMETERS: dict[str, dict[str, Any]] = {
    "ce": {},
    "focal": {"alpha": 0.25, "gamma": 2.0},
    "eql": {"lambda_": 0.0011},
    "eqlv2": {"gamma": 12, "mu": 0.8, "alpha": 4.0},
    "seesaw": {"p": 0.8, "q": 2.0, "eps": 1e-2, "reduce_counts": True},
    "federated": {"num_sample_cats": 50, "freq_power": 0.5},
    "ecm": {"fg_bg_ratio": 6.3313, "float32_weights": False},
    "bce": {},
    "balanced_softmax": {},
    "logit_adjustment": {"tau": 1.0, "background_prior": 1.0},
    "class_balanced": {"kind": "softmax", "beta": 0.9999, "gamma": 1.0, "fg_bg_ratio": 6.3313},
    "iif": {"variant": "raw"},
    "gumbel_ce": {"clamp_low": -4.0, "clamp_high": 10.0, "official_numerics": False},
    "droploss": {"lambda_": 0.0010062},
    "gol": {"lambda_": 0.0011, "clamp_low": -4.0, "clamp_high": 10.0, "official_gradient": False},
    "ldam": {
        "max_m": 0.5,
        "s": 30.0,
        "drw": False,
        "beta": 0.9999,
        "drw_from": 0.8,
        "background_margin": 0.0,
    },
    "efl": {
        "focal_gamma": 2.0,
        "focal_alpha": 0.25,
        "scale_factor": 8.0,
        "normalize_by": "foreground",
        "float32_probability": False,
    },
    "acsl": {
        "score_thr": 0.7,
        "rare_share": 0.01,
        "common_share": 0.1,
        "max_rare_images": 10,
        "max_common_images": 100,
    },
    "bags": {"others_sample_ratio": 8.0, "borders": (10, 100, 1000)},
    "loce": {"alpha": 0.9, "bg_score": 0.01},
}
EXTRA_CHANNELS = {"ce": 1, "focal": 0, "eql": 0, "eqlv2": 1, "seesaw": 2, "federated": 1, "ecm": 1} | {
    **dict.fromkeys(("bce", "balanced_softmax", "droploss", "gol"), 0),
    **dict.fromkeys(("logit_adjustment", "class_balanced", "iif", "gumbel_ce"), 1),
    "ldam": 1,
    "efl": 0,
    "acsl": 1,
    "bags": 6,
    "loce": 1,
}
OUT_OF_RANGE = [
    ("focal", "alpha", 1.5),
    ("focal", "alpha", float("nan")),
    ("focal", "gamma", -1.0),
    ("eql", "lambda_", -0.1),
    ("eqlv2", "gamma", float("inf")),
    ("eqlv2", "mu", float("nan")),
    ("eqlv2", "alpha", -1.0),
    ("seesaw", "p", -0.1),
    ("seesaw", "q", float("nan")),
    ("seesaw", "eps", 0.0),
    ("federated", "num_sample_cats", 0),
    ("federated", "freq_power", -0.5),
    ("ecm", "fg_bg_ratio", 0.0),
    ("logit_adjustment", "tau", -0.1),
    ("logit_adjustment", "background_prior", 0.0),
    ("class_balanced", "kind", "hinge"),
    ("class_balanced", "beta", 1.0),
    ("class_balanced", "gamma", -1.0),
    ("class_balanced", "fg_bg_ratio", 0.0),
    ("iif", "variant", "base3"),
    ("gumbel_ce", "clamp_low", -100.0),
    ("gumbel_ce", "clamp_high", -4.0),
    ("droploss", "lambda_", float("nan")),
    ("gol", "lambda_", -0.1),
    ("gol", "clamp_low", float("nan")),
    ("gol", "clamp_high", 81.0),
    ("ldam", "max_m", -0.1),
    ("ldam", "s", 0.0),
    ("ldam", "beta", 1.0),
    ("ldam", "drw_from", 1.5),
    ("ldam", "background_margin", float("inf")),
    ("efl", "focal_gamma", 0.0),
    ("efl", "focal_alpha", 1.5),
    ("efl", "scale_factor", -1.0),
    ("efl", "normalize_by", "images"),
    ("acsl", "score_thr", 1.5),
    ("acsl", "rare_share", -0.1),
    ("acsl", "common_share", float("nan")),
    ("acsl", "max_rare_images", 101),
    ("acsl", "max_common_images", 9),
    ("bags", "others_sample_ratio", -1.0),
    ("bags", "borders", (100, 10)),
    ("loce", "alpha", 1.5),
    ("loce", "bg_score", 0.0),
]


@pytest.fixture(params=LOSSES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loss(name: str) -> LongTailLoss:
    return LOSSES[name](make_stats())


def used(loss: LongTailLoss) -> LongTailLoss:
    """After two calls, so that the factors of the stateful losses are no longer 1."""
    for seed in (7, 8):
        loss(*make_batch(loss, seed=seed))
    return loss


def test_hyper_parameters_are_those_of_the_papers(name: str) -> None:
    parameters = list(inspect.signature(LOSSES[name]).parameters.values())[1:]
    assert {parameter.name: parameter.default for parameter in parameters} == HYPER_PARAMETERS[name]


def test_source_tells_paper_and_defaults_without_an_import(name: str) -> None:
    tree = ast.parse(Path(inspect.getfile(LOSSES[name])).read_text(encoding="utf-8"))
    (node,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]
    assigned = {
        target.id: ast.literal_eval(statement.value)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    assert assigned["paper"] == LOSSES[name].paper
    assert "arXiv" in assigned["paper"]
    inits = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
    defaults = [ast.literal_eval(default) for init in inits for default in init.args.defaults]
    assert defaults == list(HYPER_PARAMETERS[name].values())
    assert all(argument.annotation for init in inits for argument in init.args.args[1:])


def test_imports_nothing_of_ours_but_the_interface(name: str) -> None:
    tree = ast.parse(Path(inspect.getfile(LOSSES[name])).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    third_party = {module for module in modules if module and module.split(".")[0] not in {"torch", "__future__"}}
    assert third_party <= {
        "lt_bench.api.auto",
        "lt_bench.api.class_stats",
        "lt_bench.api.context",
        "lt_bench.api.loss",
        "lt_bench.api.seeded_draws",
        "lt_bench.functional",
        "lt_bench.functional.chunks",
        "lt_bench.functional.drop",
        "lt_bench.functional.gumbel",
        "lt_bench.functional.targets",
        "math",
        "hashlib",
        "typing",
        "collections.abc",
    }


@pytest.mark.parametrize(("loss_name", "parameter", "value"), OUT_OF_RANGE)
def test_out_of_range_is_an_error_that_names_the_parameter(loss_name: str, parameter: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{parameter} is"):
        LOSSES[loss_name](make_stats(), **{parameter: value})


def test_channels_and_scores(name: str, loss: LongTailLoss) -> None:
    assert loss.num_logits == 5 + EXTRA_CHANNELS[name]
    for logits in (make_batch(loss)[0], torch.zeros(0, loss.num_logits), torch.full((2, loss.num_logits), -1e4)):
        scores = loss.scores(logits)
        assert scores.shape == (len(logits), 6)
        assert ((scores >= 0) & (scores <= 1)).all()
    half = make_batch(loss)[0].bfloat16()
    torch.testing.assert_close(loss.scores(half), loss.scores(half.float()), rtol=0, atol=0)


def test_terms_are_scalars_and_inputs_stay_as_they_were(loss: LongTailLoss) -> None:
    logits, labels = make_batch(loss)
    before = logits.clone(), labels.clone()
    output = loss(logits, labels)
    for term in output.values() if isinstance(output, dict) else [output]:
        assert term.shape == ()
    loss.scores(logits)
    assert torch.equal(logits, before[0])
    assert torch.equal(labels, before[1])


def test_gradient_equals_finite_differences(name: str) -> None:
    # Without what is a constant to the gradient, but not to finite differences, such as Seesaw's compensation.
    loss = used(LOSSES[name](make_stats(), **LOSSES[name].differentiable_with))
    logits, labels = make_batch(loss, num_rois=4)
    # A copy for each call: state must not move between the evaluations.
    assert torch.autograd.gradcheck(lambda x: total(deepcopy(loss)(x, labels)), logits.requires_grad_())


@pytest.mark.parametrize("background_only", [False, True])
def test_huge_logits_stay_finite(loss: LongTailLoss, background_only: bool) -> None:
    loss = used(loss)
    pattern, labels = make_batch(loss, num_rois=30)
    if background_only:
        labels = torch.full_like(labels, 5)
    logits = (1e4 * pattern.sign()).float()
    for _ in range(2):  # the second call sees the state that the first one left
        exact, _ = value_and_gradient(deepcopy(loss), logits.double(), labels)
        value, gradient = value_and_gradient(loss, logits, labels)
        assert value.isfinite()
        assert gradient.isfinite().all()
        assert value.item() == pytest.approx(exact.item(), rel=1e-5)
    assert all(buffer.isfinite().all() for buffer in loss.buffers())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_under_autocast_stays_finite(loss: LongTailLoss, dtype: torch.dtype) -> None:
    loss = used(loss)
    pattern, labels = make_batch(loss, num_rois=30)
    logits = (60 * pattern.sign()).to(dtype)
    exact, _ = value_and_gradient(deepcopy(loss), logits.double(), labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, gradient = value_and_gradient(loss, logits, labels)
        scores = loss.scores(logits)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)
    assert gradient.isfinite().all()
    assert scores.isfinite().all()


def test_no_roi_gives_zero_and_a_zero_gradient_for_the_classifier(loss: LongTailLoss) -> None:
    loss = used(loss)
    classifier = torch.nn.Linear(3, loss.num_logits)
    value = total(loss(classifier(torch.zeros(0, 3)), torch.zeros(0, dtype=torch.int64)))
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    for parameter in classifier.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() == 0


def test_no_foreground_gives_every_term_a_gradient(loss: LongTailLoss) -> None:
    logits, _ = make_batch(loss)
    logits.requires_grad_()
    output = loss(logits, torch.full((len(logits),), 5))
    for term in output.values() if isinstance(output, dict) else [output]:
        (gradient,) = torch.autograd.grad(term, logits, retain_graph=True)
        assert term.isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("label", [0, 1])
def test_one_class(name: str, label: int) -> None:
    loss = LOSSES[name](make_stats([3]))
    for _ in range(2):
        value, gradient = value_and_gradient(loss, torch.ones(2, loss.num_logits), torch.tensor([label, 1]))
        assert value.isfinite()
        assert gradient.isfinite().all()
    assert loss.scores(torch.ones(2, loss.num_logits)).shape == (2, 2)


def test_a_class_without_instances_counts_as_one_and_warns(name: str) -> None:
    with pytest.warns(UserWarning, match="1 of 3 classes have no training instance"):
        empty = make_stats([0, 40, 900])
    loss = LOSSES[name](empty)
    for labels in ([1, 2, 3], [0, 1, 3]):
        value, gradient = value_and_gradient(loss, torch.zeros(3, loss.num_logits), torch.tensor(labels))
        assert value.isfinite()
        assert gradient.isfinite().all()
    assert all(buffer.isfinite().all() for buffer in loss.buffers())


def test_the_checkpoint_holds_state_and_nothing_else(name: str, loss: LongTailLoss) -> None:
    names = {"eqlv2": {"pos_grad", "neg_grad"}, "seesaw": {"cum_samples"}, "federated": {"seed", "draw"}} | {
        "droploss": {"seed", "draw"},
        "gol": {"seed", "draw"},
        "efl": {"pos_grad", "neg_grad", "seen"},
        "acsl": {"seed", "draw"},
        "bags": {"seed", "draw"},
        "loce": {"mean_score"},
    }
    assert set(loss.state_dict()) == names.get(name, set())


@pytest.mark.parametrize("name", STATEFUL)
def test_a_checkpoint_continues_exactly(name: str, tmp_path: Path) -> None:
    def make() -> LongTailLoss:
        return Federated(make_stats(), num_sample_cats=3) if name == "federated" else LOSSES[name](make_stats())

    loss = used(make())
    torch.save(loss.state_dict(), tmp_path / "loss.pth")
    resumed = make()
    resumed.load_state_dict(torch.load(tmp_path / "loss.pth", weights_only=True))
    for seed in range(3):
        expected, expected_gradient = value_and_gradient(loss, *make_batch(loss, seed=seed))
        value, gradient = value_and_gradient(resumed, *make_batch(loss, seed=seed))
        assert torch.equal(value, expected)
        assert torch.equal(gradient, expected_gradient)


@pytest.mark.parametrize("name", STATEFUL)
def test_evaluation_mode_leaves_the_state_alone(name: str) -> None:
    loss = used(LOSSES[name](make_stats()))
    before = deepcopy(loss.state_dict())
    loss.eval()(*make_batch(loss))
    assert all(torch.equal(value, before[key]) for key, value in loss.state_dict().items())
    loss.train()(*make_batch(loss))
    assert not all(torch.equal(value, before[key]) for key, value in loss.state_dict().items())
