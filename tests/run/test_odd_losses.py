"""`run` with losses from elsewhere that are unusual: with parameters of their own, a value per RoI, CUDA calls."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from command_line import forked
from run_fixtures import command, run, without_lvis

from lt_bench.leaderboard.store import read

MODULE = """
import torch
from lt_bench import LongTailLoss
from torch.nn import functional as F


class Learned(LongTailLoss):
    def __init__(self, stats):
        super().__init__(stats)
        self.scale = torch.nn.Parameter(torch.full((), 2.0))

    @property
    def num_logits(self):
        return self.num_classes + 1

    def forward(self, logits, labels):
        total = F.cross_entropy(logits * self.scale, labels, reduction="sum")
        return {"cls": total / max(1, len(labels)), "size": 0.1 * self.scale**2}

    def scores(self, logits):
        return (logits * self.scale).softmax(dim=1)


class PerRoI(Learned):
    def forward(self, logits, labels):
        return F.cross_entropy(logits, labels, reduction="none")


class Cuda(Learned):
    def __init__(self, stats):
        super().__init__(stats)
        self.counts = torch.zeros(stats.num_classes).cuda()
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed distribution of three losses."""
    info = tmp_path / "site" / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", encoding="utf-8")
    names = (f"{name.lower()} = odd_losses:{name}\n" for name in ("Learned", "PerRoI", "Cuda"))
    (info / "entry_points.txt").write_text(f"[lt_bench.losses]\n{''.join(names)}", encoding="utf-8")
    (tmp_path / "site" / "odd_losses.py").write_text(MODULE, encoding="utf-8")
    return tmp_path / "site"


@pytest.mark.slow
def test_parameters_of_a_loss_are_trained_and_kept(tmp_path: Path, site: Path) -> None:
    run(tmp_path, "learned", "--max-iters", "1", "--work-dir", "work", path=site)
    state = torch.load(tmp_path / "work" / "iter_1.pth", weights_only=False)
    scale = state["state_dict"]["roi_head.bbox_head.loss_cls.loss.scale"]
    assert float(scale) != 2.0
    assert read(tmp_path / "work" / "result.json").loss.distribution == "odd"
    log = (tmp_path / "work" / "run.log").read_text(encoding="utf-8")
    assert "not match" not in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("perroi", "'perroi' returned a tensor of shape [6], expected a scalar"),
        pytest.param(
            "cuda",
            "the loss 'cuda' can't be built: ",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="its calls work here"),
        ),
    ],
)
def test_others_are_refused_before_training(tmp_path: Path, site: Path, loss: str, said: str) -> None:
    done = forked(*command(loss, "--max-iters", "1", "--work-dir", "w"), cwd=tmp_path, env=without_lvis(tmp_path, site))
    assert done.returncode == 2, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "w").exists()
