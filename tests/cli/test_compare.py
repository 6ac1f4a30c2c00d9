"""The verb `compare`: what it prints and writes, held against numpy and scipy."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from made_runs import made_record, made_run, write_run
from scipy import stats

from lt_bench.cli import main
from lt_bench.evaluation.comparison.bootstrap import resampled_metrics
from lt_bench.evaluation.comparison.intervals import image_interval, widened, widenings
from lt_bench.evaluation.comparison.power import power_of
from lt_bench.evaluation.comparison.resampled_ap import COMPARED
from lt_bench.evaluation.evidence.file import write_evidence
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read, record_path, write

RESAMPLES = 200
SKILLS = {"ce": 0.45, "ecm": 0.6, "focal": 0.44}


def compare(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", "--resamples", str(RESAMPLES), *map(str, arguments)])


def as_json(*arguments: object) -> dict[str, Any]:
    done = compare(*arguments, "--json", "-")
    assert done.exit_code == 0, done.output
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """<loss>/seed_<k>: three seeds of three losses."""
    folder = tmp_path_factory.mktemp("runs")
    for loss, skill in SKILLS.items():
        for seed in range(3):
            write_run(folder / loss / f"seed_{seed}", loss, skill, seed)
    return folder


def records(folder: Path, loss: str) -> list[ResultRecord]:
    return [read(folder / loss / f"seed_{seed}" / "result.json") for seed in range(3)]


def values(folder: Path, loss: str, metric: str) -> list[float]:
    return [getattr(record.metrics.segm, metric) for record in records(folder, loss)]


def differences(content: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(one["first"], one["second"], one["metric"]): one for one in content["differences"]}


def test_means_and_seeds_are_those_of_the_records(runs: Path) -> None:
    content = as_json(runs / "ce", runs / "ecm")
    for loss in content["losses"]:
        for metric in COMPARED:
            expected = values(runs, loss["name"], metric)
            assert loss["metrics"][metric]["values"] == pytest.approx(expected, abs=1e-12)
            assert loss["metrics"][metric]["mean"] == pytest.approx(np.mean(expected), abs=1e-12)
            assert loss["metrics"][metric]["sd"] == pytest.approx(np.std(expected, ddof=1), abs=1e-12)
    found = differences(content)
    assert len(found) == len(COMPARED)
    for metric in COMPARED:
        one = found["ce", "ecm", metric]
        test = stats.ttest_rel(values(runs, "ecm", metric), values(runs, "ce", metric))
        low, high = test.confidence_interval(0.95)
        assert one["paired"] and (one["n_first"], one["n_second"]) == (3, 3)
        assert (one["seeds"]["low"], one["seeds"]["high"]) == pytest.approx((low, high), abs=1e-12)
        assert one["p_seeds"] == pytest.approx(test.pvalue)
        assert one["total"]["low"] < one["value"] < one["total"]["high"]


def test_images_interval_is_of_the_paired_bootstrap(runs: Path) -> None:
    """Both losses' means over their seeds in the same resamples, subtracted."""
    found = differences(as_json(runs / "ce", runs / "ecm", "--random-seed", 7))
    truth = made_run(0.5, 0)
    images = [len(set(truth.object_image[truth.object_category == k].tolist())) for k in range(len(truth.category_ids))]
    factors = widenings(np.array(images), truth.frequency)
    sides = [
        np.mean(
            [
                widened(resampled_metrics(made_run(SKILLS[loss], seed), "segm", RESAMPLES, 7), factors)
                for seed in range(3)
            ],
            axis=0,
        )
        for loss in ("ce", "ecm")
    ]
    for place, metric in enumerate(COMPARED):
        one = found["ce", "ecm", metric]
        expected = image_interval(one["value"], (sides[1] - sides[0])[:, place], 0.95)
        assert expected is not None
        assert (one["images"]["low"], one["images"]["high"]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_order_of_the_losses_turns_the_sign(runs: Path) -> None:
    forward, back = as_json(runs / "ce", runs / "ecm"), as_json(runs / "ecm", runs / "ce")
    for metric in COMPARED:
        one, other = differences(forward)["ce", "ecm", metric], differences(back)["ecm", "ce", metric]
        assert one["value"] == pytest.approx(-other["value"])
        assert one["total"]["low"] == pytest.approx(-other["total"]["high"])
    assert differences(forward)["ce", "ecm", "AP"]["value"] > 0


def test_confidence_widens_and_names_the_level(runs: Path) -> None:
    wide = compare(runs / "ce", runs / "ecm", "--confidence", "0.99")
    assert "Intervals hold 99 %" in wide.stdout and "80 % power at 1 %" in wide.stdout
    narrow = differences(as_json(runs / "ce", runs / "ecm", "--confidence", "0.8"))["ce", "ecm", "AP"]
    default = differences(as_json(runs / "ce", runs / "ecm"))["ce", "ecm", "AP"]
    for name in ("images", "seeds", "total"):
        assert narrow[name]["high"] < default[name]["high"]


def test_three_losses_all_pairs_with_holm(runs: Path) -> None:
    content = as_json(*(runs / loss for loss in SKILLS))
    found = differences(content)
    pairs = list(combinations(SKILLS, 2))
    for metric in COMPARED:
        p = [found[(*pair, metric)]["p_total"] for pair in pairs]
        order = sorted(range(3), key=p.__getitem__)
        largest = 0.0
        for place, index in enumerate(order):
            largest = max(largest, min(1.0, p[index] * (3 - place)))
            assert found[(*pairs[index], metric)]["p_holm"] == pytest.approx(largest)
        ranking = content["rankings"][metric]
        assert sum(one["probability_best"] for one in ranking["ranks"]) == pytest.approx(1)
        better = {name: 0 for name in SKILLS}
        worse = dict(better)
        for first, second in pairs:
            one = found[first, second, metric]
            if one["p_holm"] <= 0.05:
                winner, loser = (second, first) if one["value"] > 0 else (first, second)
                better[loser] += 1
                worse[winner] += 1
        assert {one["name"]: (one["rank"], one["worst"]) for one in ranking["ranks"]} == {
            name: (1 + better[name], 3 - worse[name]) for name in SKILLS
        }
    text = compare(*(runs / loss for loss in SKILLS)).stdout
    assert "p Holm" in text and "probability of being best" in text and "seeds needed" in text
    assert text.count("focal - ecm") >= len(COMPARED)


def test_seeds_variance_of_three_losses_is_that_of_all(runs: Path) -> None:
    """The residual mean square of a two-way analysis of variance, losses by seeds; each pair's own on request."""
    table = np.array([values(runs, loss, "AP") for loss in SKILLS])
    residual = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    half = stats.t.isf(0.025, 4) * np.sqrt(2 * (residual**2).sum() / 4 / 3)
    one = differences(as_json(*(runs / loss for loss in SKILLS)))["ce", "ecm", "AP"]
    assert one["seeds"]["high"] - one["value"] == pytest.approx(half)
    assert one["value"] == pytest.approx(table[1].mean() - table[0].mean())
    alone = differences(as_json(*(runs / loss for loss in SKILLS), "--no-pooled"))["ce", "ecm", "AP"]
    low, high = stats.ttest_rel(table[1], table[0]).confidence_interval(0.95)
    assert (alone["seeds"]["low"], alone["seeds"]["high"]) == pytest.approx((low, high))


def test_power_of_three_losses_is_that_of_the_corrected_test(runs: Path) -> None:
    content = as_json(*(runs / loss for loss in SKILLS))
    for pair in content["pairs"]:
        one = differences(content)[pair["first"], pair["second"], "AP"]
        for n, size in pair["power"]["AP"]["resolvable"].items():
            known = {"level": 0.05 / 3, "pooled": 3, "paired": True, "image_deviation": one["image_deviation"]}
            assert power_of(size, one["seed_deviation"], int(n), **known) == pytest.approx(0.8, abs=1e-4)
    text = " ".join(compare(*(runs / loss for loss in SKILLS)).stdout.split())
    assert "at 5 % over the number of pairs tested, the first step of Holm's correction" in text


def test_where_one_of_three_losses_lacks_a_seed_no_pair_is_paired(runs: Path) -> None:
    arguments = [runs / "ce", runs / "ecm", runs / "focal" / "seed_0", runs / "focal" / "seed_1"]
    content = as_json(*arguments)
    for pair in content["pairs"]:
        one = differences(content)[pair["first"], pair["second"], "AP"]
        assert not one["paired"] and one["df"] == 2 + 2 + 1
        known = {"level": 0.05 / 3, "pooled": 3, "paired": False, "image_deviation": one["image_deviation"]}
        size = pair["power"]["AP"]["resolvable"]["3"]
        assert power_of(size, one["seed_deviation"], 3, **known) == pytest.approx(0.8, abs=1e-4)
    text = " ".join(compare(*arguments).stdout.split())
    assert "No runs are paired by seed, since focal lacks seed 2; --no-pooled pairs losses that" in text
    assert "Seeds are paired" not in text
    alone = " ".join(compare(*arguments, "--no-pooled").stdout.split())
    assert "Seeds are paired where two losses have the same" in alone and "No runs are paired" not in alone


@pytest.mark.parametrize("seeds", [1, 2])
def test_of_a_group_that_too_few_images_show_only_the_difference_is_told(tmp_path: Path, seeds: int) -> None:
    """One rare class, in three images. The other metrics keep their intervals."""
    folders = []
    for loss, skill in (("ce", 0.3), ("ecm", 0.8)):
        for seed in range(seeds):
            run = made_run(skill, seed)
            kept = np.ones(len(run.object_category), dtype=bool)
            kept[np.flatnonzero(run.object_category == 0)[3:]] = False
            fields = {name: getattr(run, name)[kept] for name in ("object_category", "object_image", "object_count")}
            few = replace(run, frequency=("r", *"c" * 5, *"f" * 6), **fields)
            folders.append(tmp_path / f"{loss}_{seed}")
            folders[-1].mkdir()
            digest = write_evidence(few, folders[-1] / "evidence.parquet")
            write(made_record(few, digest, loss, seed), folders[-1] / "result.json")
    swap = "--swap-test"
    content = as_json(*folders, swap)
    found = differences(content)
    silent = ("images", "p_images", "p_images_holm", "seeds", "p_seeds", "total", "p_total", "p_holm")
    rare, all_classes = found["ce", "ecm", "APr"], found["ce", "ecm", "AP"]
    assert rare["value"] is not None and [rare[name] for name in silent] == [None] * len(silent)
    assert all_classes["images"] is not None and all_classes["p_images"] is not None
    assert (all_classes["total"] is not None) == (seeds > 1)
    assert "APr" not in content["pairs"][0]["power"]
    assert {one["probability_best"] for one in content["rankings"]["APr"]["ranks"]} == {None}
    assert "With fewer than 5 no interval can be trusted, and none is given" in content["notes"][-1]
    text = compare(*folders, swap, "--plot", tmp_path / "forest.svg").stdout
    (row,) = [line for line in text.splitlines() if line.startswith("APr ")]
    assert "too few images" in row and "to" not in row.replace("too", "").split()
    said = content["pairs"][0]["verdict"]
    assert "better" in said and "APr by" not in said and "APr" in said.partition("; in ")[2]
    assert "too few images" in (tmp_path / "forest.svg").read_text(encoding="utf-8")


def test_a_loss_with_one_seed_can_have_every_rank(runs: Path) -> None:
    arguments = (runs / "focal" / "seed_0", runs / "ce", runs / "ecm")
    ranks = {one["name"]: (one["rank"], one["worst"]) for one in as_json(*arguments)["rankings"]["AP"]["ranks"]}
    assert ranks["focal"] == (1, 3)
    text = " ".join(compare(*arguments).stdout.split())
    assert "1-3 focal" in text and "A loss with one seed can have every rank" in text


def test_a_loss_with_one_seed_leaves_the_others_paired(runs: Path) -> None:
    found = differences(as_json(runs / "focal" / "seed_0", runs / "ce", runs / "ecm"))
    one, test = found["ce", "ecm", "AP"], stats.ttest_rel(values(runs, "ecm", "AP"), values(runs, "ce", "AP"))
    low, high = test.confidence_interval(0.95)
    assert (one["seeds"]["low"], one["seeds"]["high"]) == pytest.approx((low, high))
    assert found["focal", "ce", "AP"]["total"] is None and found["focal", "ce", "AP"]["images"] is not None


def test_t_test_over_classes(runs: Path) -> None:
    content = as_json(runs / "ce", runs / "ecm")
    by_class = [
        np.mean([[row.segm for row in record.per_class] for record in records(runs, loss)], axis=0)
        for loss in ("ce", "ecm")
    ]
    assert content["pairs"][0]["p_t_test_over_classes"] == pytest.approx(stats.ttest_rel(*by_class).pvalue)
    assert "paired t-test over the classes' AP: p = " in compare(runs / "ce", runs / "ecm").stdout


def test_one_seed_says_that_the_total_is_not_known(runs: Path) -> None:
    pair = runs / "ce" / "seed_0", runs / "ecm" / "seed_0"
    done = compare(*pair)
    assert done.exit_code == 0
    assert done.stdout.count("not known with one seed") >= len(COMPARED) + 1
    assert "can't be said: there is one seed of ce and one of ecm" in " ".join(done.stdout.split())
    for one in as_json(*pair)["differences"]:
        assert one["total"] is None and one["seeds"] is None and one["p_total"] is None and one["p_holm"] is None
        assert one["images"] is not None and 0 < one["p_images"] <= 1
    assert all(one["p_images"] is None for one in as_json(*pair, "--no-swap-test")["differences"])
    assert as_json(*pair)["pairs"][0]["power"] == {}


def test_one_seed_against_three_knows_no_total(runs: Path) -> None:
    content = as_json(runs / "ce" / "seed_0", runs / "ecm")
    assert all(one["total"] is None for one in content["differences"])
    assert "ce lacks 1, 2" in content["notes"][0]


def test_swap_test_with_several_seeds_on_request(runs: Path) -> None:
    asked = differences(as_json(runs / "ce", runs / "ecm", "--swap-test"))["ce", "ecm", "AP"]
    assert asked["p_images"] < 0.05
    assert differences(as_json(runs / "ce", runs / "ecm"))["ce", "ecm", "AP"]["p_images"] is None


def test_a_loss_with_itself_by_names(runs: Path) -> None:
    seeds = [runs / "ce" / f"seed_{seed}" for seed in range(3)]
    content = as_json(f"one={seeds[0]}", f"one={seeds[1]}", f"other={seeds[2]}")
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("one", [0, 1]), ("other", [2])]


def test_single_runs_of_a_loss_are_its_seeds(runs: Path) -> None:
    arguments = [runs / loss / f"seed_{seed}" for seed in (1, 0) for loss in ("ce", "ecm")]
    content = as_json(*arguments)
    assert [(loss["name"], loss["seeds"]) for loss in content["losses"]] == [("ce", [0, 1]), ("ecm", [0, 1])]


def test_json_has_its_form_and_csv_the_same_numbers(runs: Path, tmp_path: Path) -> None:
    files = tmp_path / "new" / "out.json", tmp_path / "new" / "out.csv"
    done = compare(runs / "ce", runs / "ecm", "--by-class", "--json", files[0], "--csv", files[1])
    assert done.exit_code == 0 and "gained most" in done.stdout
    content = json.loads(files[0].read_text(encoding="utf-8"))
    assert list(content) == [
        *("format", "kind", "images", "classes", "resamples", "random_seed", "confidence", "pooled"),
        *("covers", "notes"),
        *("losses", "differences", "pairs", "rankings", "by_class"),
    ]
    assert (content["kind"], content["images"], content["classes"]) == ("segm", 60, 12)
    assert content["losses"][0]["runs"][0]["evidence"].endswith("ce/seed_0/evidence.parquet")
    rows = list(csv.DictReader(io.StringIO(files[1].read_text(encoding="utf-8"))))
    assert len(rows) == len(COMPARED)
    for row, one in zip(rows, content["differences"], strict=True):
        assert row["metric"] == one["metric"]
        for column in ("value", "p_total", "seed_deviation"):
            assert float(row[column]) == one[column]
        for name in ("images", "seeds", "total"):
            assert (float(row[f"{name}_low"]), float(row[f"{name}_high"])) == (one[name]["low"], one[name]["high"])
        assert float(row["mean_second"]) - float(row["mean_first"]) == pytest.approx(one["value"])
    classes = list(csv.DictReader((tmp_path / "new" / "out_by_class.csv").open(encoding="utf-8")))
    assert [int(row["id"]) for row in classes] == [row["id"] for row in content["by_class"][0]["classes"]]
    assert [float(row["value"]) for row in classes] == [row["value"] for row in content["by_class"][0]["classes"]]


def test_csv_to_the_terminal_stands_alone(runs: Path) -> None:
    done = compare(runs / "ce", runs / "ecm", "--csv", "-")
    assert done.stdout.startswith("kind,first,second,metric,value,") and len(done.stdout.splitlines()) == 6


def test_the_same_command_gives_the_same_output(runs: Path) -> None:
    assert (
        compare(runs / "ce", runs / "ecm", "--by-class").stdout
        == compare(runs / "ce", runs / "ecm", "--by-class").stdout
    )


def test_plots(runs: Path, tmp_path: Path) -> None:
    pair = runs / "ce" / "seed_0", runs / "ecm" / "seed_0"
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        done = compare(*pair, "--plot", tmp_path / f"a{suffix}")
        assert done.exit_code == 0, done.output
        assert (tmp_path / f"a{suffix}").read_bytes().startswith(start)
    compare(*pair, "--by-class", "--plot", tmp_path / "b.svg")
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()
    assert b"training images of the class" in (tmp_path / "b_by_class.svg").read_bytes()


def test_boxes_where_there_are_no_masks(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / loss, loss, skill, masks=False) for loss, skill in (("ce", 0.4), ("ecm", 0.5))]
    content = as_json(*folders)
    assert (content["kind"], content["notes"]) == ("bbox", ["boxes are compared: none of the runs has masks"])
    for loss, folder in zip(content["losses"], folders, strict=True):
        assert loss["metrics"]["AP"]["values"] == pytest.approx([read(folder / "result.json").metrics.bbox.AP])
    refused = compare(*folders, "--kind", "segm")
    assert refused.exit_code == 2 and "knows nothing of masks" in refused.stderr


def test_boxes_where_one_of_the_runs_has_no_masks(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / f"{loss}_{seed}", loss, skill, seed, masks=loss != "ecm")
        for loss, skill in (("ce", 0.4), ("ecm", 0.5))
        for seed in (0, 1)
    ]
    done = compare(*folders, "--by-class", "--csv", tmp_path / "a.csv", "--plot", tmp_path / "a.svg")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert f"note: boxes are compared, since {folders[2]}/evidence.parquet (and 1 more of 4 runs)" in said
    assert "box AP in %, 60 validation images" in said and "mask AP" not in said and "nan" not in said
    assert {row["kind"] for row in csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text()))} == {"bbox"}
    figure = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "box AP" in figure and "mask AP" not in figure


def test_a_classifier_alone_is_said_to_be_one(tmp_path: Path) -> None:
    track = {**made_record(made_run(0.5, 0), None).track.model_dump(), "schedule": "probe", "features": "ce_seed0_01"}
    folders = [
        write_run(tmp_path / loss, loss, skill, masks=False, track=track) for loss, skill in (("ce", 0.4), ("ecm", 0.5))
    ]
    notes = as_json(*folders)["notes"]
    assert any("the classifier alone was trained, on the stored features of ce_seed0_01" in note for note in notes)
    full = write_run(tmp_path / "full", "ecm", 0.5, masks=False)
    refused = compare(folders[0], full)
    assert refused.exit_code == 2
    assert "training decoupled, features of ce_seed0_01 and in full" in " ".join(refused.stderr.split())
    across = as_json(folders[0], full, "--across-tracks")
    assert across["notes"][0].startswith("ACROSS TRACKS")


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


def publish(board: Path, loss: str, seed: int, **fields: Any) -> Path:
    """Put a run onto a board as `leaderboard --add` does."""
    folder = write_run(board / "runs" / f"{loss}_{seed}_{len(fields)}", loss, SKILLS[loss], seed, **fields)
    record = read(folder / "result.json")
    path = board / "results" / record_path(record)
    write(record, path)
    (folder / "evidence.parquet").rename(path.with_suffix(".evidence.parquet"))
    return path


def refusal(*arguments: object) -> str:
    done = compare(*arguments)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.stderr.split())


def test_what_cannot_be_compared(runs: Path, tmp_path: Path) -> None:
    ce, ecm = runs / "ce", runs / "ecm"
    assert "nothing to compare" in refusal()
    assert "ce alone can't be compared" in refusal(ce / "seed_0")
    assert "all 3 runs are of ce" in refusal(ce)
    assert f"there is no {tmp_path}/nowhere" in refusal(ce, tmp_path / "nowhere")
    assert "holds no result.json" in refusal(ce, tmp_path)
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    assert "the run is not finished" in refusal(ce, tmp_path)
    again = write_run(tmp_path / "again", "ce", 0.5, 0)
    assert "seed 0 of ce was given twice" in refusal(ce, again, ecm)
    assert "would mix losses" in refusal(f"a={ce}", f"a={ecm}", f"b={ce}")
    assert "would both be called ecm" in refusal(f"ecm={ce}", ecm)
    assert "is no NAME=PATH" in refusal(f"={ce}", ecm)


def test_an_old_record_says_how_to_get_evidence(runs: Path, tmp_path: Path) -> None:
    evidence = made_run(0.5, 0)
    old = tmp_path / "old" / "result.json"
    write(made_record(evidence, None), old)
    assert f"eval PREDICTIONS --annotations ANNOTATIONS --evidence {old.parent}/evidence.parquet" in refusal(
        old, runs / "ecm"
    )
    (old.parent / "run.json").write_text("{}", encoding="utf-8")
    assert f"give the `run` command of {old.parent} again" in refusal(old.parent, runs / "ecm")


def test_evidence_that_does_not_belong(runs: Path, tmp_path: Path) -> None:
    ecm = runs / "ecm" / "seed_0"
    folder = write_run(tmp_path / "ce")
    place = folder / "evidence.parquet"
    good = place.read_bytes()
    place.write_bytes(good[:-9] + b"x" + good[-8:])
    assert "its digest is another" in refusal(folder, ecm)
    place.write_bytes(b"no parquet")
    assert f"{place}" in refusal(folder, ecm)
    place.write_bytes((ecm / "evidence.parquet").read_bytes())
    write(made_record(made_run(0.5, 0), None), folder / "result.json")
    assert "is of other predictions" in refusal(folder, ecm)
    place.write_bytes(good)
    record = made_record(made_run(0.5, 0), None)
    altered = record.model_copy(
        update={
            "metrics": record.metrics.model_copy(update={"segm": record.metrics.segm.model_copy(update={"APr": 0.5})})
        }
    )
    write(altered, folder / "result.json")
    assert "says APr 0.500000, its evidence" in refusal(folder, ecm)


def test_other_images_or_another_track(runs: Path, tmp_path: Path) -> None:
    ce = runs / "ce" / "seed_0"
    other = write_run(tmp_path / "other", "ecm", 0.5, 0, fingerprint="e" * 64)
    assert "differ in more than the loss: fingerprint ffffffffffff and eeeeeeeeeeee" in refusal(ce, other)
    done = compare(ce, other, "--across-tracks")
    assert done.exit_code == 0 and "ACROSS TRACKS" in done.stdout
    same = write_run(tmp_path / "same", "ce", 0.45, 0, fingerprint="e" * 64)
    names = [loss["name"] for loss in as_json(ce, same, "--across-tracks")["losses"]]
    assert names == ["ce (fingerprint ffffffffffff)", "ce (fingerprint eeeeeeeeeeee)"]


def test_outputs_are_refused_before_anything_is_read(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_bench.leaderboard.comparison.report.report", lambda request: pytest.fail("computed"))
    pair = runs / "ce", runs / "ecm"
    (tmp_path / "file").touch()
    inside = tmp_path / "file" / "out"
    assert "can't be written to" in refusal(*pair, "--json", inside)
    assert "can't be written to" in refusal(*pair, "--csv", inside)
    assert "can't be written to" in refusal(*pair, "--plot", inside.with_suffix(".png"))
    assert "a figure can't be written as .gif" in refusal(*pair, "--plot", tmp_path / "out.gif")
    assert "would both print" in refusal(*pair, "--json", "-", "--csv", "-")


def test_outputs_do_not_replace_runs_each_other_or_devices(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lt_bench.leaderboard.comparison.report.measure", lambda *_: pytest.fail("computed"))
    pair = runs / "ce", runs / "ecm"
    record = runs / "ce" / "seed_1" / "result.json"
    assert f"--json would replace the record of {record}" in refusal(*pair, "--json", record)
    evidence = record.with_name("evidence.parquet")
    assert f"--csv would replace the evidence of {record}" in refusal(*pair, "--csv", evidence)
    out, pipe, link = tmp_path / "out.png", tmp_path / "pipe.png", tmp_path / "link.png"
    assert "--json and --csv are the same file" in refusal(*pair, "--json", out, "--csv", out)
    assert "--json and --plot are the same file" in refusal(*pair, "--json", out, "--plot", out)
    by_class = tmp_path / "out_by_class.png"
    assert "the same file" in refusal(*pair, "--by-class", "--json", by_class, "--plot", out)
    os.mkfifo(pipe)
    link.symlink_to(out)
    for option in ("--json", "--csv", "--plot"):
        assert "it is no regular file" in refusal(*pair, option, pipe)
        assert "it is a symbolic link" in refusal(*pair, option, link)
    assert pipe.is_fifo() and not out.exists()


def test_mistakes_in_arguments_are_named(runs: Path, tmp_path: Path) -> None:
    ce, ecm = runs / "ce", runs / "ecm"
    assert f"{ce} is named twice" in refusal(ce, ce)
    assert "is named twice" in refusal(ce, f"{ce}/")
    assert "argument 1 is empty" in refusal("", ce)
    assert "--track abc has no effect" in refusal(ce, ecm, "--track", "abc")
    text = tmp_path / "README.md"
    text.write_text("no record", encoding="utf-8")
    said = refusal(ce, text)
    assert f"{text}: not a valid record" in said and "Remove" not in said and "give a run folder" in said


def test_names_are_no_formulas(runs: Path, tmp_path: Path) -> None:
    """Two $ would make mathematics of what is between them."""
    plot = tmp_path / "plot.svg"
    done = compare(f"$\\foo$={runs / 'ce'}", f"b={runs / 'ecm'}", "--by-class", "--plot", plot)
    assert done.exit_code == 0, done.output
    assert "b - $\\foo$" in plot.read_text(encoding="utf-8")
    assert "right of 0: b is better than $\\foo$" in plot.read_text(encoding="utf-8")
    assert "b - $\\foo$" in (tmp_path / "plot_by_class.svg").read_text(encoding="utf-8")


def test_pictures_say_what_they_show(runs: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    long = "x" * 60
    named = f"{long}1={runs / 'ce'}", f"{long}2={runs / 'ecm'}"
    done = compare(*named, "--kind", "bbox", "--confidence", 0.9, "--by-class", "--plot", plot)
    assert done.exit_code == 0, done.output
    forest, classes = (path.read_text(encoding="utf-8") for path in (plot, tmp_path / "plot_by_class.svg"))
    for text in (forest, classes):
        assert "box AP" in text and "60 validation images" in text and "90 % intervals" in text
    assert "xx2<" in forest and "xx1<" in forest  # the ends of both names, in which they differ


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


def test_power_shows_what_simulated_seeds_show(runs: Path) -> None:
    """With as many seeds as are needed, 80 % of simulated comparisons find the difference; with one less, fewer do."""
    content = as_json(runs / "ce", runs / "focal")
    one, power = differences(content)["ce", "focal", "AP"], content["pairs"][0]["power"]["AP"]
    rng = np.random.default_rng(0)

    def share_found(n: int) -> float:
        drawn = rng.normal(one["value"], one["seed_deviation"], (4000, n))
        images = rng.normal(0, one["image_deviation"], 4000)
        means, variance = drawn.mean(axis=1) + images, drawn.var(axis=1, ddof=1) / n
        error = np.sqrt(variance + one["image_deviation"] ** 2)
        t, z = stats.t.isf(0.025, n - 1), stats.norm.isf(0.025)
        half = (variance * t + one["image_deviation"] ** 2 * z) / error
        return float((np.abs(means) > half).mean())

    assert power["seeds_needed"] > 2
    assert share_found(power["seeds_needed"]) >= 0.77
    assert share_found(power["seeds_needed"] - 1) <= 0.83
    assert list(power["resolvable"]) == ["2", "3", "5", "10"]
    assert sorted(power["resolvable"].values(), reverse=True) == list(power["resolvable"].values())
