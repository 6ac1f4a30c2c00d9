"""What a new metric takes: a `Metric` in METRICS, and its field in the closed schema of records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from lt_bench.cli import main
from lt_bench.errors import UserError
from lt_bench.evaluation import metrics
from lt_bench.evaluation.metrics.metric import Block, Column, Inputs, Measurement, Metric, TextTable, percent
from lt_bench.evaluation.terms import KINDS
from lt_bench.leaderboard.page import render
from lt_bench.leaderboard.rows import Run
from lt_bench.leaderboard.schema import ResultRecord
from lt_bench.leaderboard.schema_base import AveragePrecision, Model
from lt_bench.leaderboard.store import read
from lt_bench.leaderboard.tables import tables

OLD_RECORDS = Path(__file__).parents[1] / "leaderboard" / "old_records"


def _measure(inputs: Inputs) -> Measurement:
    return Measurement({"share": len(inputs.detections) / inputs.detections.total}, warning="a made-up metric")


def _text_tables(block: Block) -> list[TextTable]:
    return [(("share that counts, in %",), [[percent(block["share"])]])]


COUNTABLE = Metric(
    name="countable",
    record_field="countable",
    title="Countable: detections that can count.",
    measure=_measure,
    text_tables=_text_tables,
    columns=lambda _: (Column("share", ("share",)),),
    evaluator="vernier",
    detections_per_image=500,
    has_classes=False,
)


class Share(Model):
    share: AveragePrecision


class Record(ResultRecord):
    countable: Share | None = None


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, COUNTABLE))


@pytest.fixture
def files(made_set: Any, write: Any) -> tuple[Path, Path, float]:
    """Annotations, predictions, and the share of the predictions whose image is annotated with their category."""
    truth, rows = made_set(3)
    annotated = {(row["image_id"], row["category_id"]) for row in truth["annotations"]}
    annotated |= {(image["id"], category) for image in truth["images"] for category in image["neg_category_ids"]}
    share = sum((row["image_id"], row["category_id"]) in annotated for row in rows) / len(rows)
    return write("truth.json", truth), write("found.json", rows), share


def test_it_is_known_by_its_name() -> None:
    assert metrics.parse_metrics("countable, ap") == ("ap", "countable")
    with pytest.raises(UserError, match="there is no metric") as caught:
        metrics.parse_metrics("countabel")
    assert "countable" in caught.value.remedy


def test_it_says_what_it_needs() -> None:
    assert metrics.detections_per_image(("ap", "errors")) is None
    assert metrics.detections_per_image(("ap", "countable")) == 500
    assert metrics.detections_per_image(("ap_fixed", "countable")) == 1000
    with pytest.raises(UserError, match="lvis can't measure countable"):
        metrics.check_metrics(("countable",), KINDS, "lvis")


def test_it_is_measured_and_shown(files: tuple[Path, Path, float]) -> None:
    annotations, predictions, share = files
    assert 0 < share < 1
    measured = metrics.measure(annotations, predictions, ("ap", "countable"))
    assert measured.blocks()["countable"] == {"share": share}
    assert list(measured.per_class()) == ["bbox", "segm"]
    command = ("eval", str(predictions), "--annotations", str(annotations), "--metrics", "countable")
    done = CliRunner().invoke(main, command)
    assert f"{100 * share:.2f}" in done.stdout and "share that counts, in %" in done.stdout
    assert "a made-up metric" in done.stderr
    assert "no AP was asked for" in CliRunner().invoke(main, (*command, "--csv", "c.csv")).stderr


def test_records_and_pages_have_it(files: tuple[Path, Path, float]) -> None:
    annotations, predictions, share = files
    block = metrics.measure(annotations, predictions, ("countable",)).blocks()
    old = [read(path) for path in sorted(OLD_RECORDS.rglob("*.json"))]
    published = [record for record in old if record.schema_version == 1]
    assert len(published) == 2
    content = published[0].model_dump() | {"schema_version": 2} | block
    with pytest.raises(ValidationError, match="countable"):
        ResultRecord.model_validate(content)
    record = Record.model_validate(content)
    assert record.measured() == {"ap", "countable"}
    assert all(other.measured() == {"ap"} for other in published)
    made, _ = tables(map(Run, [record, *published[1:]]))
    shown = {"loss": record.loss.name, "seeds": "1 (single run)", "share": f"{100 * share:.2f}"}
    assert [table.further["countable"].to_dict("records") for table in made] == [[shown]]
    assert f"**{COUNTABLE.title}**\n\n| loss" in render("made", made)
