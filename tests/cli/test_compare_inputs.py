"""What the verb `compare` takes as losses: folders, names, losses of a board."""

from __future__ import annotations

from pathlib import Path

from compare_cases import as_json, compare, publish, refusal
from made_runs import write_run


def test_a_loss_with_itself_by_names(runs: Path) -> None:
    seeds = [runs / "ce" / f"seed_{seed}" for seed in range(3)]
    content = as_json(f"one={seeds[0]}", f"one={seeds[1]}", f"other={seeds[2]}")
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("one", [0, 1]), ("other", [2])]


def test_single_runs_of_a_loss_are_its_seeds(runs: Path) -> None:
    arguments = [runs / loss / f"seed_{seed}" for seed in (1, 0) for loss in ("ce", "ecm")]
    content = as_json(*arguments)
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("ce", [0, 1]), ("ecm", [0, 1])]


def test_boxes_where_there_are_no_masks(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / loss, loss, skill, masks=False) for loss, skill in (("ce", 0.4), ("ecm", 0.5))]
    content = as_json(*folders)
    assert content["kind"] == "bbox" and "knows nothing of masks" in content["notes"][0]
    refused = compare(*folders, "--kind", "segm")
    assert refused.exit_code == 2 and "knows nothing of masks" in refused.stderr


def test_losses_of_a_board(tmp_path: Path) -> None:
    for loss, seed in (("ce", 0), ("ce", 1), ("ecm", 0), ("ecm", 1)):
        publish(tmp_path, loss, seed)
    board = ("--leaderboards", tmp_path)
    content = as_json("ce", "ecm", *board)
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("ce", [0, 1]), ("ecm", [0, 1])]
    unknown = compare("ce", "emc", *board)
    assert unknown.exit_code == 2 and "did you mean 'ecm'?" in unknown.stderr
    publish(tmp_path, "ce", 0, fingerprint="e" * 64)
    publish(tmp_path, "ecm", 0, fingerprint="e" * 64)
    several = compare("ce", "ecm", *board)
    assert several.exit_code == 2 and "--track" in several.stderr and "eeeeeeeeeeee" in several.stderr
    content = as_json("ce", "ecm", *board, "--track", "eeeeeeee")
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("ce", [0]), ("ecm", [0])]
    heading = "mask_rcnn r50 1x, recipe common (fingerprint ffffffffffff)"
    assert as_json("ce", "ecm", *board, "--track", heading)["losses"][0]["seeds"] == [0, 1]
    missing = compare("ce", "ecm", *board, "--track", "lvis_v1")
    assert missing.exit_code == 2 and "there is no track 'lvis_v1'" in missing.stderr


def test_a_loss_of_a_board_is_compared_without_the_runs_that_lack_evidence(tmp_path: Path) -> None:
    places = {(loss, seed): publish(tmp_path, loss, seed) for loss in ("ce", "ecm") for seed in range(3)}
    board = "--leaderboards", tmp_path
    places["ecm", 1].with_suffix(".evidence.parquet").unlink()
    content = as_json("ce", "ecm", *board)
    assert [loss["seeds"] for loss in content["losses"]] == [[0, 1, 2], [0, 2]]
    assert f"without evidence, so left out: seed 1 of ecm ({places['ecm', 1]})" in content["notes"]
    for seed in (0, 2):
        places["ecm", seed].with_suffix(".evidence.parquet").unlink()
    assert "has no evidence beside it" in refusal("ce", "ecm", *board)
    for seed in range(2):
        folder = write_run(tmp_path / "own" / str(seed), "focal", 0.4, seed)
    (folder / "evidence.parquet").unlink()
    assert "has no evidence beside it" in refusal("ce", tmp_path / "own", *board)
