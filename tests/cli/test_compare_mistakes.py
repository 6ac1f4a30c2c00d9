"""What the verb `compare` refuses."""

from __future__ import annotations

from pathlib import Path

from compare_cases import as_json, compare, refusal
from made_runs import made_record, made_run, write_run

from lt_bench.leaderboard.store import write


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
    assert record.metrics.segm is not None
    masks = record.metrics.segm.model_copy(update={"APr": 0.5})
    altered = record.model_copy(update={"metrics": record.metrics.model_copy(update={"segm": masks})})
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
