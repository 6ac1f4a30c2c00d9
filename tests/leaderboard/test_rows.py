from __future__ import annotations

from lt_bench.leaderboard.rows import Run, baselines, in_tables, missing_seeds


def rows(*records):
    (made,), problems = in_tables(map(Run, records))
    assert problems == []
    return made


def test_missing_seeds_are_those_that_another_row_has(make_record) -> None:
    seeds = {"ce": (0, 1, 2), "ecm": (2, 0), "eql": (7,), "focal": (0, 1, 2, 7)}
    made = rows(*(make_record(loss, seed=seed) for loss, own in seeds.items() for seed in own))
    assert missing_seeds(made) == {"ce": [7], "ecm": [1, 7], "eql": [0, 1, 2]}
    assert missing_seeds(rows(make_record("ce"), make_record("ecm"))) == {}


def test_runs_of_a_row_are_by_seed_and_keep_their_evidence(make_record, tmp_path) -> None:
    runs = [Run(make_record(seed=seed), None if seed == 1 else tmp_path / str(seed)) for seed in (2, 0, 1)]
    ((row,),), _ = in_tables(runs)
    assert row.seeds == (0, 1, 2)
    assert [run.evidence for run in row.runs] == [tmp_path / "0", None, tmp_path / "2"]
    assert row.verified == 2


def test_the_baseline_is_the_ce_of_the_same_version(make_record) -> None:
    old, new = ({"distribution_version": version} for version in ("0.1.0", "0.2.0"))
    made = rows(
        make_record({"name": "ce", **old}, ap=0.1),
        make_record({"name": "ce", **new}, ap=0.2),
        make_record({"name": "ecm", **new}, ap=0.3),
        make_record({"name": "mine", "distribution": "other"}, ap=0.4),
    )
    assert baselines(made) == [None, 2, 2, 3]
    plugin = {"name": "ce", "distribution": "other"}
    assert baselines(rows(make_record(plugin, ap=0.4), make_record("ecm", ap=0.3))) == [None, None]


def test_evidence_of_other_images_or_objects_is_left_out_and_named(make_record, tmp_path) -> None:
    truths = {("ce", 0): "a", ("ce", 1): "a", ("ecm", 0): "b", ("ecm", 1): "a", ("eql", 0): None}
    runs = [
        Run(make_record(loss, seed=seed), None if truth is None else tmp_path / f"{loss}{seed}", truth)
        for (loss, seed), truth in truths.items()
    ]
    (made,), problems = in_tables(runs)
    assert {row.label: row.verified for row in made} == {"ce": 2, "ecm": 1, "eql": 0}
    (problem,) = problems
    assert problem.startswith("made: ecm, seed 0: its evidence is left out")
    (other,), problems = in_tables([Run(make_record(fingerprint="f" * 64), tmp_path / "x", "c")])
    assert problems == [] and other[0].verified == 1


def test_of_two_equal_records_the_one_with_evidence_stays(make_record, tmp_path) -> None:
    for runs in (
        [Run(make_record(), tmp_path), Run(make_record())],
        [Run(make_record()), Run(make_record(), tmp_path)],
    ):
        ((row,),), (problem,) = in_tables(runs)
        assert row.verified == 1 and "was started again" in problem
