"""benchmarks/detector.py: both sides are what they are called, are checked to agree, and a difference is found."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import breakdown
import detector
import detectors
import evaluations
import parity
import pytest
import torch
import turns
from click.testing import CliRunner
from comparisons import SMALL
from detector_page import markdown
from detector_summary import OURS, STOCK, compare, judge
from mmdet.models import FCNMaskHead, Shared2FCBBoxHead, StandardRoIHead

from lt_bench.detector.stock import foreign_modules, losses_and_gradients
from lt_bench.errors import RunFailedError

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    """A tiny run of everything but the start-up, which starts several processes."""
    return detector.run(
        device="cpu",
        threads=1,
        classes=None,
        backbones=None,
        loss="ecm",
        amp=None,
        tasks=("training", "inference", "evaluation"),
        repeats=1,
        val_images=4,
        startup_scale=0.001,
        quick=True,
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> detectors.Pair:
    setting = detectors.Setting(classes=7, scale=(160, 96), images=1, overrides=SMALL)
    built = detectors.build_pair(setting, tmp_path_factory.mktemp("scenes"))
    built.align()
    return built


@pytest.mark.slow
def test_everything_is_measured_and_equal(data: dict[str, Any]) -> None:
    tasks = [(result["task"], result["classes"]) for result in data["results"]]
    assert tasks == [
        ("evaluation", 1203),
        ("training step", 20),
        ("inference, new weights", 20),
        ("inference, few scores", 20),
    ]
    for result in data["results"]:
        for name in (STOCK, OURS):
            assert len(result["seconds"][name]) == 1
            assert all(math.isfinite(value) and value > 0 for value in result["seconds"][name])
            assert result["peak_bytes"][name] > 10_000_000
        if result["task"] != "evaluation":
            assert result["parts"][STOCK].keys() == result["parts"][OURS].keys()
            # Forty million weights, and in training their momentum and gradients.
            assert result["peak_bytes"][OURS] > 4 * 40_000_000 * (3 if result["task"] == "training step" else 1)
    inference = ["bboxes", "scores", "labels", "masks"]
    assert [check["what"] for check in data["checks"]] == [
        *("precision of bbox", "precision of segm", "losses", "gradients", *inference, *inference)
    ]
    assert [check for check in data["checks"] if not check["equal"]] == []


@pytest.mark.slow
def test_page_and_plot_follow_from_the_json(data: dict[str, Any], tmp_path: Path) -> None:
    saved = tmp_path / "detector_cpu.json"
    saved.write_text(detector.dump(data))
    assert json.loads(saved.read_text()) == data
    done = CliRunner().invoke(detector.main, ["--from", str(saved)])
    assert done.exit_code == 0, done.output
    assert saved.with_suffix(".md").read_text() == markdown(data, "detector_cpu")
    assert saved.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "| training step" in saved.with_suffix(".md").read_text()
    data = json.loads(json.dumps(data))
    data["checks"][0]["equal"] = False
    saved.write_text(detector.dump(data))
    done = CliRunner().invoke(detector.main, ["--from", str(saved)])
    assert done.exit_code == 1
    assert "DIFFERENT" in done.output and "differ" in done.output


@pytest.mark.slow
def test_stock_is_mmdets_own(pair: detectors.Pair) -> None:
    stock, ours = (pair.detectors[name].model for name in (STOCK, OURS))
    assert foreign_modules(stock) == []
    assert "LongTailBBoxHead" in foreign_modules(ours)
    assert type(stock.roi_head) is StandardRoIHead
    assert type(stock.roi_head.bbox_head) is Shared2FCBBoxHead
    assert type(stock.roi_head.mask_head) is FCNMaskHead
    assert type(stock.roi_head.bbox_head.loss_cls.loss) is type(ours.roi_head.bbox_head.loss_cls.loss)
    equal = [
        torch.equal(one, other)
        for one, other in zip(stock.state_dict().values(), ours.state_dict().values(), strict=True)
    ]
    assert all(equal) and len(equal) > 300


@pytest.mark.slow
def test_a_wrong_loss_is_found(pair: detectors.Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(check.equal for check in parity.check_training(pair))
    loss = pair.detectors[OURS].model.roi_head.mask_head.loss_mask
    monkeypatch.setattr(loss, "loss_weight", 1.001)
    assert [check.equal for check in parity.check_training(pair)] == [False, False]


def test_what_is_close() -> None:
    def equal(stock: dict[str, float], ours: dict[str, float]) -> bool:
        tensors = ({name: torch.tensor([0.0, value]) for name, value in one.items()} for one in (stock, ours))
        return parity._close("", dict(zip((STOCK, OURS), tensors, strict=True)), 1e-4).equal

    assert equal({"a": 1.0, "b": 10.0}, {"a": 1.0 + 9e-5, "b": 10.0})
    assert not equal({"a": 1.0, "b": 10.0}, {"a": 1.0 + 2e-4, "b": 10.0})
    assert not equal({"a": 1.0}, {"a": math.nan})
    assert not equal({"a": math.nan}, {"a": 1.0})
    assert not equal({"a": 1.0}, {"b": 1.0})
    assert equal({"a": 0.0, "b": 10.0}, {"a": 1e-8, "b": 10.0})  # rounding of what cancels
    assert not equal({"a": 0.0, "b": 10.0}, {"a": 1e-6, "b": 10.0})


@pytest.mark.slow
def test_wrong_detections_are_found(pair: detectors.Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    head = pair.detectors[OURS].model.roi_head.bbox_head
    right = head._predict_by_feat_single

    def nudged(*args: Any, **kwargs: Any) -> Any:
        results = right(*args, **kwargs)
        results.scores = torch.nextafter(results.scores, torch.ones(()))
        return results

    def swapped(*args: Any, **kwargs: Any) -> Any:
        return right(*args, **kwargs)[[1, 0, *range(2, 10)]]

    def fewer(*args: Any, **kwargs: Any) -> Any:
        return right(*args, **kwargs)[1:]

    def unequal() -> list[str]:
        return [check.what for check in parity.check_inference(pair) if not check.equal]

    assert unequal() == []
    for wrong, found in ((nudged, ["scores"]), (fewer, ["detections"])):
        monkeypatch.setattr(head, "_predict_by_feat_single", wrong)
        assert unequal() == found
    monkeypatch.setattr(head, "_predict_by_feat_single", swapped)
    assert {"bboxes", "scores", "masks"} <= set(unequal())


@pytest.mark.slow
def test_few_scores(pair: detectors.Pair) -> None:
    bias = [pair.detectors[name].model.roi_head.bbox_head.fc_cls.bias for name in (STOCK, OURS)]
    before = bias[0].detach().clone()
    share = detectors.make_sparse(pair)
    assert 0.01 < share <= 0.02
    assert torch.equal(*bias)
    assert torch.equal(bias[0][-1], before[-1]) and bool((bias[0][:-1] < before[:-1]).all())
    assert all(check.equal for check in parity.check_inference(pair))
    with torch.no_grad():
        for values in bias:
            values.copy_(before)


@pytest.mark.slow
def test_proposals_near_objects_are_foreground(pair: detectors.Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    caught = []
    sampler = pair.detectors[STOCK].model.roi_head.bbox_sampler
    sample = sampler.sample
    monkeypatch.setattr(sampler, "num", 512)
    monkeypatch.setattr(
        sampler, "sample", lambda *args, **kwargs: caught.append(sample(*args, **kwargs)) or caught[-1], raising=False
    )
    stock = pair.detectors[STOCK]
    losses_and_gradients(stock.model, stock.optimizer, pair.train, amp=False)
    (result,) = caught
    assert len(result.pos_inds) > 60  # 100 proposals and the 12 objects themselves, which stock adds


@pytest.mark.slow
def test_parts_exclude_what_is_inside_and_leave_no_trace(pair: detectors.Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(100))
    monkeypatch.setattr(breakdown.time, "perf_counter", lambda: next(ticks))
    clock = breakdown._Clock(CPU)
    with clock.part("outer"):
        with clock.part("inner"):
            pass
        with clock.part("inner"):
            pass
    assert clock.seconds == {"outer": 3, "inner": 2}
    model = pair.detectors[OURS].model
    with clock.watch(pair.detectors[OURS], breakdown.TRAINING_PARTS):
        assert "extract_feat" in vars(model)
    assert "extract_feat" not in vars(model)
    assert isinstance(model.rpn_head.loss_and_predict, detectors._NearObjects)


def test_calls_take_turns() -> None:
    log: list[str] = []

    def prepare(name: str) -> turns.Prepare:
        return lambda: lambda: log.append(name)

    samples = turns.seconds_in_turn({"a": prepare("a"), "b": prepare("b")}, 2, CPU, warmup=1)
    assert log == ["a", "b"] * 3
    assert [len(samples[name]) for name in "ab"] == [2, 2]


def test_a_failed_evaluation_is_shown(tmp_path: Path) -> None:
    (tmp_path / "val.json").write_text("{}")
    with pytest.raises(RunFailedError, match=r"by stock failed:\n(?s:.*)KeyError"):
        evaluations.measure_evaluation(tmp_path / "val.json", tmp_path / "predictions.json", tmp_path, 1)


RESULT: dict[str, Any] = {
    "task": "training step",
    "classes": 1203,
    "setting": "r50",
    "seconds": {STOCK: [2.0, 8.0, 3.0], OURS: [1.0, 5.0, 2.0]},
    "peak_bytes": {STOCK: 10_000, OURS: 8_000},
}


def test_summary_by_hand() -> None:
    comparison = compare(RESULT)
    assert comparison.seconds == {STOCK: 3.0, OURS: 2.0}
    assert comparison.faster == 1.6  # of 2, 1.6 and 1.5
    assert comparison.memory == 0.8
    with pytest.raises(RunFailedError, match="3 samples of stock, 1 of lt_bench"):
        compare({**RESULT, "seconds": {STOCK: [1, 2, 3], OURS: [1]}})


def test_targets_by_hand() -> None:
    settings = {"device": "cuda", "scale": [1333, 800]}
    verdicts = judge({"settings": settings, "results": [RESULT]})
    assert [(verdict.value, verdict.reached) for verdict in verdicts] == [(1.6, True), (0.8, False)]
    for other in ({"device": "cpu"}, {"scale": [416, 256]}):
        assert judge({"settings": {**settings, **other}, "results": [RESULT]}) == []
    for setting, count in (("1 of LVIS", 1), ("0.1 of LVIS", 0)):
        startup = {**RESULT, "task": "start-up", "setting": setting}
        assert len(judge({"settings": {"device": "cpu", "scale": []}, "results": [startup]})) == count


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "train"], "there is no task train"),
        (["--amp", "on"], "mixed precision needs a GPU"),
        (["--classes", "many"], "not a list of numbers"),
        pytest.param(
            ["--device", "cuda"], "no GPU", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
        ),
    ],
)
def test_mistakes_end_with_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(detector.main, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert message in done.output
