"""Training and prediction in one process: what is refused in words, and what a checkpoint predicts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from command_line import forked
from hostile import Hostile
from run_fixtures import command

from lt_bench.errors import RunFailedError
from lt_bench.run import train


def test_an_unknown_optimizer_is_a_mistake(tmp_path: Path) -> None:
    setting = "optim_wrapper.optimizer.type=SDG"
    done = forked("run", "--loss", "ecm", "--dataset", "glyphs", "--work-dir", "w", "--set", setting, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "SDG" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_eval_of_a_file_that_is_no_checkpoint(small: Path) -> None:
    (small / "broken.pth").write_bytes(b"no checkpoint")
    done = forked("eval", "broken.pth", "--config", "work/config.py", cwd=small)
    assert done.returncode == 2, done.stderr
    assert "can't be loaded" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_eval_of_a_checkpoint_executes_nothing_in_it(small: Path) -> None:
    content = torch.load(small / "work" / "iter_2.pth", weights_only=False)
    torch.save({**content, "hooked": Hostile(small / "executed")}, small / "hostile.pth")
    done = forked("eval", "hostile.pth", "--config", "work/config.py", cwd=small)
    assert done.returncode == 2, done.stderr
    assert "hostile.pth can't be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (small / "executed").exists()


@pytest.mark.slow
def test_eval_of_another_models_checkpoint(small: Path) -> None:
    torch.save({"state_dict": {}}, small / "other.pth")
    done = forked("eval", "other.pth", "--config", "work/config.py", cwd=small)
    assert done.returncode == 2, done.stderr
    assert "lacks" in done.stderr


@pytest.mark.slow
def test_a_loss_that_is_nan_leaves_no_record(tmp_path: Path) -> None:
    setting = "optim_wrapper.optimizer.lr=1e30"
    done = forked(*command("ce", "--max-iters", "3", "--work-dir", "w", "--set", setting), cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "infinite or NaN" in done.stderr
    assert not (tmp_path / "w" / "result.json").exists()


@pytest.mark.slow
def test_eval_of_a_checkpoint_gives_the_runs_numbers(small: Path) -> None:
    done = forked("eval", "work/iter_2.pth", cwd=small)
    assert done.returncode == 0, done.stderr
    expected = (small / "work" / "predictions.json").read_bytes()
    assert (small / "work" / "eval" / "predictions.json").read_bytes() == expected


def test_predicting_alone_says_nothing_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMemory:
        model = torch.nn.Identity()

        def load_or_resume(self) -> None: ...

        def test(self) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(train, "_build_runner", lambda cfg, folder: NoMemory())
    torch.save({"state_dict": {}}, tmp_path / "foreign.pth")
    config = tmp_path / "config.py"
    config.write_text(
        "model = dict(test_cfg=dict(rcnn=dict(max_per_img=3)))\ntest_evaluator = dict()\n", encoding="utf-8"
    )
    with pytest.raises(
        RunFailedError, match=r"^out of memory: .*\nPredicting needs a device with more memory"
    ) as caught:
        train.predict(config, tmp_path / "foreign.pth", tmp_path)
    assert "saved" not in str(caught.value)
