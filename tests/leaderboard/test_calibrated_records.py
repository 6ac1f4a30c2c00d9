"""Records of calibrated scores: their rows, names and places, and what verification makes of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alterations import sealed_anew
from finished_run import finish_probe, finish_run
from pydantic import ValidationError
from record_values import CALIBRATION

from lt_bench.errors import UserError
from lt_bench.leaderboard.caption import caption
from lt_bench.leaderboard.comparison.arguments import resolve
from lt_bench.leaderboard.comparison.settings import loss_key, names_of
from lt_bench.leaderboard.dumped_config import config_text, read_config
from lt_bench.leaderboard.fingerprint import probe_fingerprint
from lt_bench.leaderboard.published import matches
from lt_bench.leaderboard.rows import Run, baselines, in_tables
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.store import read, record_path, write
from lt_bench.leaderboard.tables import tables
from lt_bench.leaderboard.verify import verify

MakeRecord = Callable[..., ResultRecord]


def calibrated(**changed: Any) -> dict[str, Any]:
    return {**CALIBRATION, **changed}


TUNED = {"hyper_parameter": "gamma", "rule": "the best AP of 11 values"}
OTHER = {**TUNED, "rule": "another rule"}
DEFAULT = calibrated(hyper_parameters={"gamma": 0.6, "method": "gamma"}, non_default=())


def test_a_calibration_is_another_row_of_the_same_table_and_no_baseline(make_record: MakeRecord) -> None:
    plain, own = make_record("ce", ap=0.2), make_record("ce", ap=0.3, calibration=DEFAULT)
    other = make_record("ecm", ap=0.1, calibration=calibrated())
    ((*rows,),), problems = in_tables(map(Run, (plain, own, other)))
    assert problems == []
    assert [row.label for row in rows] == ["ce + norcal (gamma=0.6)", "ce", "ecm + norcal (gamma=0.4)"]
    assert baselines(rows) == [1, 1, 1]
    assert names_of([plain, own]) == ["ce", "ce + norcal"]
    assert len({loss_key(record) for record in (plain, own, other)}) == 3
    assert plain.fingerprint == own.fingerprint and plain.identity() != own.identity()


def test_what_is_chosen_for_each_seed_by_one_rule_is_one_row(make_record: MakeRecord) -> None:
    records = [
        make_record("ce", seed=seed, calibration=calibrated(hyper_parameters={"gamma": gamma}, tuned=TUNED))
        for seed, gamma in enumerate((0.3, 0.4, 0.6))
    ]
    fixed = make_record("ce", seed=0, calibration=calibrated(hyper_parameters={"gamma": 0.6}, non_default=()))
    other = make_record("ce", seed=0, calibration=calibrated(hyper_parameters={"gamma": 0.4}, tuned=OTHER))
    ((*rows,),), _ = in_tables(map(Run, (*records, fixed, other)))
    assert sorted((row.label, row.seeds) for row in rows) == [
        ("ce + norcal (gamma tuned by another rule)", (0,)),
        ("ce + norcal (gamma tuned by the best AP of 11 values)", (0, 1, 2)),
        ("ce + norcal (gamma=0.6)", (0,)),
    ]


def test_a_record_without_one_has_the_identity_that_it_had(make_record: MakeRecord) -> None:
    """The names of stored files are made of it: what is absent is not in it."""
    record = make_record("ce")
    fields = {"loss", "track", "fingerprint", "seed", "init", "data", "overrides", "amp"}
    before = json.dumps(record.model_dump(mode="json", include=fields), sort_keys=True)
    assert record.identity() == hashlib.sha256(before.encode()).hexdigest()
    assert "calibration" not in json.loads(record.model_dump_json())


def test_its_file_names_both(make_record: MakeRecord, tmp_path: Path) -> None:
    record = make_record("ce", calibration=calibrated(tuned=TUNED))
    assert record_path(record).name.startswith("ce+norcal_seed0_")
    assert record_path(record).parent == record_path(make_record("ce")).parent
    write(record, tmp_path / "r.json")
    assert read(tmp_path / "r.json").calibration == record.calibration
    assert record.calibration is not None and record.calibration.tuned


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"schema_version": 7}, "schema_version 7 has no calibration"),
        ({"calibration": calibrated(non_default=("tau",))}, "non_default names what hyper_parameters lacks"),
        ({"calibration": calibrated(surprise=1)}, "surprise"),
        ({"calibration": {"name": "norcal"}}, "distribution"),
        ({"calibration": calibrated(tuned={**TUNED, "hyper_parameter": "tau"})}, "tuned names what"),
    ],
)
def test_what_is_no_valid_record(changed: dict[str, Any], message: str, make_record: MakeRecord) -> None:
    content = json.loads(make_record("ce", calibration=calibrated()).model_dump_json())
    with pytest.raises(ValidationError, match=message):
        ResultRecord.model_validate({**content, **changed})


def test_the_page_says_what_a_calibrated_row_is(make_record: MakeRecord) -> None:
    tuned = make_record("ce", ap=0.3, calibration=calibrated(tuned=TUNED))
    (table,), _ = tables(map(Run, (make_record("ce"), tuned)))
    text = "\n".join(caption(table))
    assert (
        "**Calibrated:** a row LOSS + CALIBRATION" in text
        and "gamma of norcal by the best AP of 11 values (found: 0.4)" in text
    )
    (plain,), _ = tables([Run(make_record("ce"))])
    assert "Calibrated" not in "\n".join(caption(plain))


def test_compare_takes_a_calibrated_row_by_its_name(make_record: MakeRecord, tmp_path: Path) -> None:
    for record in (make_record("ce"), make_record("ce", calibration=DEFAULT), make_record("ecm")):
        path = tmp_path / "results" / record_path(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        write(record, path)
    plain, own = resolve(["ce", "ce + norcal"], tmp_path, None)
    assert [record.calibration is None for named in (plain, own) for _, record in named.runs] == [True, False]
    with pytest.raises(UserError, match="no such loss"):
        resolve(["norcal"], tmp_path, None)


def test_no_published_number_of_the_loss_alone_stands_beside_it(make_record: MakeRecord) -> None:
    track = {"dataset": "lvis_v1", "detector": "mask_rcnn", "backbone": "r50", "schedule": "2x", "recipe": "common"}
    assert not matches(make_record("seesaw", track=track)).empty
    assert matches(make_record("seesaw", track=track, calibration=DEFAULT)).empty


@pytest.mark.parametrize("finish", [finish_run, finish_probe])
def test_record_and_config_must_name_the_same_calibration(finish: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finish(folder)
    result, config = folder / "result.json", folder / "config.py"
    (folder / "run.json").unlink(missing_ok=True)  # which knows nothing of it
    content = {**json.loads(result.read_text(encoding="utf-8")), "schema_version": 8}
    block = {key: CALIBRATION[key] for key in ("name", "hyper_parameters")} | {"non_default": ["gamma"], "tuned": None}
    before = config.read_text(encoding="utf-8")

    def problems(recorded: Any, stated: Any) -> list[str]:
        config.write_text(before + ("" if stated is None else f"calibration = {stated!r}\n"), encoding="utf-8")
        assert sealed_anew(result, content | ({} if recorded is None else {"calibration": recorded}))
        return [str(problem) for problem in verify(result).problems]

    assert problems(calibrated(), block) == []
    assert problems(calibrated(), None) == ["calibration: recorded norcal, found nothing"]
    assert problems(None, block) == ["calibration: recorded nothing, found norcal, in the config"]
    other = {**block, "hyper_parameters": {"gamma": 0.5, "method": "gamma"}}
    assert problems(calibrated(), other) == ["calibration.hyper_parameters.gamma: recorded 0.4, found 0.5"]
    fewer = {**block, "hyper_parameters": {"gamma": 0.4}}
    assert problems(calibrated(), fewer) == ["calibration.hyper_parameters.method: recorded gamma, found nothing"]
    assert problems(calibrated(tuned=TUNED), {**block, "tuned": TUNED}) == []
    (problem,) = problems(calibrated(tuned=TUNED), {**block, "tuned": {**TUNED, "rule": "another"}})
    assert problem.startswith("calibration.tuned.rule")
    (problem,) = problems(calibrated(), {**block, "tuned": TUNED})
    assert problem.startswith("calibration.tuned: recorded None")


def test_the_fingerprint_is_of_the_table(tmp_path: Path) -> None:
    finish_probe(tmp_path / "run")
    config = read_config(tmp_path / "run" / "config.py")
    assert probe_fingerprint(config) == probe_fingerprint({**config, "calibration": {"name": "norcal"}})
    assert "calibration" in config_text({**config, "calibration": {"name": "norcal"}})
