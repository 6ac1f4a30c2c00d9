"""benchmarks/losses.py: what it measures, what it makes of it, and what it says when it can't."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import batches
import measure
import page
import pytest
import torch
from summary import judge, summarize

from lt_bench.api.synthetic_stats import lvis_like
from lt_bench.errors import RunFailedError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "losses.py"
LOSSES = {"ce", "focal", "eql", "eqlv2", "seesaw", "federated", "ecm"}


def start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run((sys.executable, SCRIPT, *arguments), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "new"
    done = start("--sizes", "quick", "--repeats", "2", "--threads", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "x cross_entropy" in done.stdout
    return out


@pytest.mark.slow
def test_every_loss_is_measured_at_every_size(folder: Path) -> None:
    data = json.loads((folder / "losses_cpu.json").read_text())
    results = data["results"]
    sizes = {(result["loss"], result["rois"], result["classes"]) for result in results}
    assert sizes == {(loss, *size) for loss in LOSSES for size in ((512, 80), (1024, 1203))}
    for result in results:
        assert set(result["seconds"]) == {"ours", "straightforward", "cross_entropy", "copy"}
        assert all(len(samples) == 3 * 2 for samples in result["seconds"].values())
        assert all(math.isfinite(value) and value > 0 for samples in result["seconds"].values() for value in samples)
        channels = result["logits_bytes"] / (4 * result["rois"])
        assert channels - result["classes"] in (0, 1, 2)
        for peak in result["peak_bytes"].values():
            assert result["logits_bytes"] * 0.9 < peak < 20 * result["logits_bytes"]  # the gradient at least
    assert data["machine"]["threads"] == 1
    assert str(folder) not in json.dumps(data)


@pytest.mark.slow
def test_page_and_plot_follow_from_the_json(folder: Path, tmp_path: Path) -> None:
    text = (folder / "losses_cpu.md").read_text()
    assert all(f"| {loss} " in text for loss in LOSSES)
    assert "these measurements are of something else" in text  # the targets are for two threads
    assert (folder / "losses_cpu.png").read_bytes().startswith(b"\x89PNG")
    copied = tmp_path / "losses_cpu.json"
    copied.write_bytes((folder / "losses_cpu.json").read_bytes())
    (tmp_path / "losses_cpu_notes.md").write_text("Bound by memory.\n")
    assert start("--from", copied).returncode == 0
    assert copied.with_suffix(".svg").read_bytes() == (folder / "losses_cpu.svg").read_bytes()
    head, _, tail = copied.with_suffix(".md").read_text().partition("Bound by memory.\n\n")
    assert tail and head + tail == text


@pytest.mark.slow
def test_mistakes_end_with_2_and_no_traceback(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("[]")
    commands: list[tuple[tuple[str | Path, ...], str]] = [
        (("--out", blocked / "below"), "can't be written to"),
        (("--from", blocked), "name a JSON that this script wrote"),
        (("--sizes", "huge"), "huge"),
    ]
    if not torch.cuda.is_available():
        commands.append((("--device", "cuda", "--out", tmp_path), "no GPU"))
    for arguments, message in commands:
        done = start(*arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr


RESULT: dict[str, Any] = {
    "loss": "ecm",
    "rois": 1024,
    "classes": 1203,
    "logits_bytes": 4_000_000,
    "peak_bytes": {"ours": 8_000_000, "straightforward": 40_000_000, "cross_entropy": 12_000_000},
    "seconds": {
        "ours": [0.002, 0.009, 0.002],
        "straightforward": [0.010, 0.010, 0.050],
        "cross_entropy": [0.001, 0.001, 0.001],
        "copy": [0.0005, 0.0005, 0.0005],
    },
}


def test_summary_by_hand() -> None:
    summary = summarize(RESULT)
    assert summary.speedup == pytest.approx(5)
    assert summary.over_cross_entropy == pytest.approx(2)
    assert summary.straightforward_over_cross_entropy == pytest.approx(10)
    assert (summary.memory, summary.straightforward_memory) == (2, 10)
    assert summary.spread == pytest.approx(3.5)  # the middle half of 2, 2, 9 reaches from 2 to 9
    assert summary.bandwidth == pytest.approx(6e9)  # 12 MB in 2 ms
    assert summary.of_copy == pytest.approx(6 / 16)  # the copy moves 8 MB in 0.5 ms


def test_targets_by_hand() -> None:
    verdicts = {verdict.target.quantity: verdict for verdict in judge([summarize(RESULT)], "cpu")}
    assert set(verdicts) == {"speedup", "over_cross_entropy", "memory"}
    assert not verdicts["speedup"].reached  # 5 of 6
    assert verdicts["speedup"].margin == pytest.approx(-1 / 6)
    assert verdicts["over_cross_entropy"].reached  # 2 of at most 2.5
    assert verdicts["over_cross_entropy"].margin == pytest.approx(0.2)
    assert verdicts["memory"].reached
    assert judge([summarize(RESULT)], "cuda") == []


def test_targets_on_the_page() -> None:
    data = {
        "command": "",
        "machine": {"device": "a machine"},
        "settings": {"device": "cpu", "threads": 2, "dtype": "float32", "foreground": 0.25},
        "results": [RESULT],
    }
    lines = page.markdown(data, "losses_cpu").splitlines()
    assert "At N = 1,024, C = 1,203: 2 of 3 reached." in lines
    (missed,) = (line for line in lines if "missed" in line)
    assert "ecm" in missed and "5.00" in missed and "17% short" in missed


def test_versions_that_differ_are_not_timed() -> None:
    logits, labels = torch.randn(4, 5), torch.tensor([0, 1, 2, 4])

    def loss(s: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(s, y)

    measure.verify("ce", loss, loss, logits, labels)
    with pytest.raises(RunFailedError, match="ce: the loss of"):
        measure.verify("ce", lambda s, y: 1.001 * loss(s, y), loss, logits, labels)
    with pytest.raises(RunFailedError, match="ce: the gradient of"):
        measure.verify("ce", lambda s, y: loss(s, y) + 0.01 * (s - s.detach()).sum(), loss, logits, labels)
    with pytest.raises(RunFailedError, match="nan"):
        measure.verify("ce", lambda s, y: loss(s, y) * torch.nan, loss, logits, labels)


def test_statistics_and_batches() -> None:
    lvis = lvis_like()
    assert sorted(batches.class_stats(1203).instance_count) == sorted(lvis.instance_count)
    for num_classes in (1, 80, 10_000):
        stats = batches.class_stats(num_classes)
        assert stats.num_classes == num_classes
        assert min(stats.image_count) == 1
        assert num_classes == 1 or max(stats.image_count) == max(lvis.image_count)
    for foreground, objects in ((0.0, 0), (0.25, 250), (1.0, 1000)):
        logits, labels = batches.make_batch(lvis, 1205, 1000, foreground, torch.Generator().manual_seed(0))
        assert logits.shape == (1000, 1205)
        assert int((labels < 1203).sum()) == objects
    frequent = torch.tensor(lvis.image_count)[labels] > 100  # 405 of 1203 classes, but almost all the instances
    assert float(frequent.float().mean()) > 0.9
