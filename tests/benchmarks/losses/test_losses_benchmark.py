"""python -m benchmarks.losses: what it measures, what it makes of it, and what it says when it can't."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.common import CHECKOUT

LOSSES = {
    *("ce", "focal", "eql", "eqlv2", "seesaw", "federated", "ecm"),
    *("bce", "balanced_softmax", "logit_adjustment", "class_balanced", "iif", "droploss", "gol", "gumbel_ce"),
    *("ldam", "efl", "acsl", "bags", "loce"),
}


def start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "benchmarks.losses", *arguments)
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "new"
    done = start("--sizes", "quick", "--repeats", "2", "--threads", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "x cross_entropy" in done.stdout
    return out


@pytest.mark.extra
def test_every_loss_is_measured_at_every_size(folder: Path) -> None:
    data = json.loads((folder / "losses_cpu.json").read_text())
    results = data["results"]
    sizes = {(result["loss"], result["rois"], result["classes"]) for result in results}
    assert sizes == {(loss, *size) for loss in LOSSES for size in ((512, 80), (1024, 1203))}
    for result in results:
        assert set(result["seconds"]) == {"ours", "reference", "cross_entropy", "copy"}
        assert all(len(samples) == 3 * 2 for samples in result["seconds"].values())
        assert all(math.isfinite(value) and value > 0 for samples in result["seconds"].values() for value in samples)
        channels = result["logits_bytes"] / (4 * result["rois"])
        assert channels - result["classes"] in (0, 1, 2, 6)
        for peak in result["peak_bytes"].values():
            assert result["logits_bytes"] * 0.9 < peak < 20 * result["logits_bytes"]  # the gradient at least
    assert data["machine"]["threads"] == 1
    assert str(folder) not in json.dumps(data)


@pytest.mark.extra
def test_page_and_plot_follow_from_the_json(folder: Path, tmp_path: Path) -> None:
    text = (folder / "losses_cpu.md").read_text()
    assert all(f"| {loss} " in text for loss in LOSSES)
    assert "In float32, 1 threads" in text
    assert (folder / "losses_cpu.png").read_bytes().startswith(b"\x89PNG")
    copied = tmp_path / "losses_cpu.json"
    copied.write_bytes((folder / "losses_cpu.json").read_bytes())
    (tmp_path / "losses_cpu_notes.md").write_text("Bound by memory.\n")
    assert start("--from", copied).returncode == 0
    assert copied.with_suffix(".svg").read_bytes() == (folder / "losses_cpu.svg").read_bytes()
    head, _, tail = copied.with_suffix(".md").read_text().partition("Bound by memory.\n\n")
    assert tail and head + tail == text


@pytest.mark.extra
def test_mistakes_end_with_2_and_no_traceback(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("[]")
    commands: list[tuple[tuple[str | Path, ...], str]] = [
        (("--out", blocked / "below"), "can't be written to"),
        (("--from", blocked), "name a JSON that this benchmark wrote"),
        (("--sizes", "huge"), "huge"),
    ]
    if not torch.cuda.is_available():
        commands.append((("--device", "cuda", "--out", tmp_path), "no GPU"))
    for arguments, message in commands:
        done = start(*arguments)
        assert done.returncode == 2, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
