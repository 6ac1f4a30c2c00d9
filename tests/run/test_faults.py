"""What fails in the middle of a run is named, and nothing that was done is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import forked
from made_plugin import make_plugin
from run_fixtures import command, without_lvis

from lt_bench.leaderboard import read
from lt_bench.sweep.causes import kind_of

EMPTIES_IMAGES = """
if self.calls == 2 and not os.path.exists("once"):
    open("once", "w").close()
    from pathlib import Path
    for image in Path(os.environ["LT_BENCH_CACHE"]).rglob("train2017/*.bmp"):
        image.write_bytes(b"")
"""
NO_MEMORY_AT_THREE = """
if self.calls == 3 and not os.path.exists("once"):
    open("once", "w").close()
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
"""
FAILS_AT_THREE = {
    "raises": ("raise ZeroDivisionError('in the plugin')", "ZeroDivisionError: in the plugin"),
    "leaves": ("sys.exit(0)", "failed: something in the run called sys.exit(0)"),
    "ends the process": ("os._exit(0)", "failed: something in the run called os._exit(0)"),
}
NAN_AT_TWO = "loss = loss * (float('nan') if self.calls == 2 else 1.0)"


@pytest.mark.extra
def test_images_that_go_bad_are_named_and_the_run_goes_on_with_them_restored(tmp_path: Path) -> None:
    site = make_plugin(tmp_path / "site", EMPTIES_IMAGES)
    environment = {**without_lvis(tmp_path, site), "LT_BENCH_CACHE": str(tmp_path / "cache")}
    arguments = command("mine", "--max-iters", "4", "--work-dir", "w", "--checkpoint-every", "1")
    broken = forked(*arguments, cwd=tmp_path, env=environment)
    assert broken.returncode == 2, broken.stderr
    assert re.search(r"^error: image [0-9]+ \(/.*\.bmp\) of /.*\.json can't be loaded: ", broken.stderr, re.MULTILINE)
    assert "--set" not in broken.stderr and "Traceback" not in broken.stderr
    done = forked(*arguments, cwd=tmp_path, env=environment)  # makes the embedded data set anew
    assert done.returncode == 0, done.stderr
    assert "continuing after iter_" in done.stderr


@pytest.mark.extra
def test_steps_that_were_skipped_are_counted_in_record_and_table(tmp_path: Path) -> None:
    environment = without_lvis(tmp_path, make_plugin(tmp_path / "site", NAN_AT_TWO))
    options = ("--max-iters", "3", "--work-dir", "w")
    stopped = forked(*command("mine", *options), cwd=tmp_path, env=environment)
    assert stopped.returncode == 1, stopped.stderr
    for said in ("infinite or NaN at iteration 2, in loss_cls", "largest logit: ", "--on-nan skip"):
        assert said in stopped.stderr, stopped.stderr
    assert re.search(r"images: [0-9]+ \(/.*/train2017/[^,]+\), [0-9]+ ", stopped.stderr), stopped.stderr
    done = forked(*command("mine", *options, "--on-nan", "skip"), cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    record = read(tmp_path / "w" / "result.json")
    assert (record.skipped_steps, record.iterations) == (1, 3)
    page = (tmp_path / "work_dirs" / "leaderboards" / "glyphs.md").read_text(encoding="utf-8")
    assert "1 of 3 steps skipped" in page
    verified = forked("verify", "w", cwd=tmp_path, env=environment)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.extra
def test_lack_of_memory_says_what_to_set_and_loses_no_checkpoint(tmp_path: Path) -> None:
    environment = without_lvis(tmp_path, make_plugin(tmp_path / "site", NO_MEMORY_AT_THREE))
    arguments = command("mine", "--max-iters", "4", "--work-dir", "w", "--checkpoint-every", "1", "--dataset", "glyphs")
    full = forked(*arguments, cwd=tmp_path, env=environment)
    assert full.returncode == 1, full.stderr
    for said in ("failed: out of memory: CUDA out of memory", "--images-per-device 4", "--amp", "--restart"):
        assert said in full.stderr
    assert "Traceback" not in full.stderr
    assert kind_of(full.returncode, full.stderr) == "memory"  # a sweep tries it again
    done = forked(*arguments, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "continuing after iter_" in done.stderr


@pytest.mark.extra
@pytest.mark.parametrize("how", FAILS_AT_THREE)
def test_a_loss_that_fails_in_the_middle_has_not_ended_well_and_loses_no_checkpoint(tmp_path: Path, how: str) -> None:
    statement, said = FAILS_AT_THREE[how]
    once = "if self.calls == 3 and not os.path.exists('once'):\n    open('once', 'w').close()\n    "
    environment = without_lvis(tmp_path, make_plugin(tmp_path / "site", once + statement))
    arguments = command("mine", "--max-iters", "4", "--work-dir", "w", "--checkpoint-every", "1", "--dataset", "glyphs")
    failed = forked(*arguments, cwd=tmp_path, env=environment)
    assert failed.returncode == 1, failed.stderr
    assert said in failed.stderr
    assert not (tmp_path / "w" / "result.json").exists()
    done = forked(*arguments, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "continuing after iter_" in done.stderr
