"""`lt_bench selftest`: what is broken is named first, mistakes are explained, and the report says what was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mmcv.ops.nms  # noqa: F401  so that its module can be looked up
import pytest
import torch
from click.testing import CliRunner, Result
from lt_bench.losses import ecm
from torch import Tensor

from lt_bench.cli import main
from lt_bench.detector import mask_head
from lt_bench.selftest import report, suite
from lt_bench.selftest.result import Bench, Check, Found, Row
from lt_bench.testing.result import NotApplicable, Wrong


def selftest(out: Path, *only: str, device: str = "cpu") -> Result:
    arguments = [part for name in only for part in ("--only", name)]
    return CliRunner().invoke(main, ["selftest", "--device", device, "--out", str(out), *arguments])


def first_row(done: Result) -> str:
    return done.stdout.splitlines()[2]


def extension() -> Any:
    """What mmcv calls its operators by."""
    from sys import modules

    return modules["mmcv.ops.nms"].ext_module


@pytest.mark.slow
def test_what_is_right_passes(tmp_path: Path) -> None:
    done = selftest(tmp_path, "operators", "loss ecm", "loss ecm, AMP", "mask predictor")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "selftest_cpu.json").read_text())
    names = [
        "operators",
        "nms",
        "roi_align float32",
        "roi_align float16",
        "loss ecm",
        "loss ecm, AMP",
        "mask predictor",
    ]
    assert [row["check"] for row in found["rows"]] == names
    assert {row["status"] for row in found["rows"]} == {"passed"}
    assert found["passed"] and found["versions"]["torch"] == torch.__version__


def broken_nms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps one box too few."""
    right = extension().nms
    monkeypatch.setattr(extension(), "nms", lambda *given, **named: right(*given, **named)[:-1])


def broken_roi_align(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a pixel off, as RoIAlign was before its `aligned`."""
    right = extension().roi_align_forward

    def shifted(*given: Any, **named: Any) -> None:
        right(*given, **{**named, "aligned": False})

    monkeypatch.setattr(extension(), "roi_align_forward", shifted)


def broken_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """One part in a thousand too large."""
    right = ecm.ECM.forward

    def forward(self: ecm.ECM, logits: Tensor, labels: Tensor) -> Any:
        return 1.001 * right(self, logits, labels)

    monkeypatch.setattr(ecm.ECM, "forward", forward)


def broken_mask_predictor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel beside the one that was asked for."""
    right = mask_head.selected_logits
    monkeypatch.setattr(
        mask_head, "selected_logits", lambda predictor, x, labels: right(predictor, x, (labels - 1).clamp(min=0))
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "check", "said"),
    [
        (broken_nms, "nms", "keeps 0, the definition 1"),
        (broken_roi_align, "roi_align float32", "off its definition in float64"),
        (broken_loss, "loss ecm", "the value is 1.0e-03 off the official implementation"),
        (broken_mask_predictor, "mask predictor", "plain predictor: logits"),
    ],
)
def test_what_is_broken_is_named_first(
    break_it: Callable[[pytest.MonkeyPatch], None],
    check: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    break_it(monkeypatch)
    done = selftest(tmp_path, "operators", check, "loss ce")
    assert done.exit_code == 1, done.output
    assert first_row(done).startswith(f"{check} ")
    assert "FAILED" in first_row(done) and said in done.stdout
    assert "loss ce" in done.stdout and "passed" in done.stdout  # the others go on
    found = json.loads((tmp_path / "selftest_cpu.json").read_text())
    assert not found["passed"]
    assert found["rows"][0]["check"] == check


def test_a_broken_mask_predictor_shows_in_the_masks_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_mask_predictor(monkeypatch)
    done = selftest(tmp_path, "masks")
    assert done.exit_code == 1
    assert "pixels differ from stock mmdet's" in done.stdout


def test_post_processing_that_loses_a_detection_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lt_bench.detector import box_head

    right = box_head.early_exit_nms

    def short(*given: Any) -> Any:
        return tuple(part[:-1] for part in right(*given))

    monkeypatch.setattr(box_head, "early_exit_nms", short)
    done = selftest(tmp_path, "post-processing")
    assert done.exit_code == 1
    assert "299 detections, stock mmdet has 300" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = selftest(tmp_path / "out", device="cuda")
    assert done.exit_code == 2
    assert "--device cuda: torch" in done.stderr and "docs/gpu.md" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_hidden_gpu_has_another_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(suite.UserError, match="finds no GPU") as caught:
        suite.find_device("cuda")
    assert "CUDA_VISIBLE_DEVICES" in caught.value.remedy


def test_an_unknown_check_is_a_mistake(tmp_path: Path) -> None:
    done = selftest(tmp_path, "loss emc")
    assert done.exit_code == 2
    assert "did you mean 'loss ecm'" in done.stderr


def test_a_folder_that_is_none_shows_before_the_minutes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = selftest(tmp_path / "file")
    assert done.exit_code == 2
    assert "can't be written" in done.stderr
    assert "passed" not in done.output


def test_what_a_check_raises_is_its_row() -> None:
    def fail(bench: Bench) -> Found:
        raise OSError("no such\nlibrary")

    def skip(bench: Bench) -> Found:
        raise NotApplicable("no GPU")

    def wrong(bench: Bench) -> Found:
        raise Wrong("off by 1")

    checks = [Check("g", run.__name__, run) for run in (fail, skip, wrong)]
    rows = list(suite.run(torch.device("cpu"), checks))
    assert [(row.status, row.detail) for row in rows] == [
        ("failed", "OSError: no such library"),
        ("skipped", "no GPU"),
        ("failed", "off by 1"),
    ]


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in suite.CHECKS]
    assert len(set(names)) == len(names)


ABOUT = {
    "device": "A GPU",
    "cuda": "13.0",
    "operators": "torchvision 0.26.0",
    "versions": {"python": "3.12.3", "torch": "2.11.0"},
}
ROWS = [
    Row("a", "first", "passed", "all | well", 61.0, {"x": 1}),
    Row("a", "second", "failed", "not well", 2.0),
    Row("b", "third", "skipped", "no GPU", 0.0),
]


def test_the_table_has_failing_rows_first_and_a_summary() -> None:
    lines = report.terminal(ABOUT, ROWS).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["second", "first", "third"]
    assert lines[-1] == (
        "selftest on A GPU: 1 failed, 1 passed, 1 skipped in 1:03; torch 2.11.0, CUDA 13.0, "
        "operators: torchvision 0.26.0"
    )


def test_markdown_and_json(tmp_path: Path) -> None:
    report.write(ABOUT, ROWS, tmp_path / "r.json", tmp_path / "r.md")
    page = (tmp_path / "r.md").read_text()
    assert "| first   | passed    | 61.0 | all \\| well |" in page
    assert "python 3.12.3, torch 2.11.0" in page
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["device"], found["passed"], found["seconds"]) == ("A GPU", False, 63.0)
    assert found["rows"][1] == {
        "group": "a",
        "check": "first",
        "status": "passed",
        "detail": "all | well",
        "seconds": 61.0,
        "figures": {"x": 1},
    }


@pytest.mark.slow
def test_training_beside_stock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = selftest(tmp_path, "glyphs")
    assert done.exit_code == 0, done.output
    (row,) = json.loads((tmp_path / "selftest_cpu.json").read_text())["rows"]
    assert row["figures"]["images/s, lt_bench"] > 0 and row["figures"]["peak GiB, mmdet"] > 0
    broken_loss(monkeypatch)
    broken_mask_predictor(monkeypatch)
    done = selftest(tmp_path, "glyphs")
    assert done.exit_code == 1, done.output
    assert "off stock mmdet's, limit 1e-04" in done.stdout
