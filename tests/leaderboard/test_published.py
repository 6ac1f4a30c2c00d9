"""Reported numbers beside measured ones. The records here are made up; nothing of them leaves the tests."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from mmengine.config import Config
from record_values import boxes_alone

from lt_bench.leaderboard import ResultRecord
from lt_bench.leaderboard import published as module
from lt_bench.leaderboard.published import beside_measured
from lt_bench.leaderboard.published_list import PAPER, SHARED, differences, matches, own_settings
from lt_bench.leaderboard.rows import Row, Run
from lt_bench.run.experiment import RECIPES, layer_path

SAMPLERS = {1e-3: "rfs", None: "random"}
CLASSIFIERS = {"NormedLinear": "normed", "Linear": "linear"}
PREDICTORS = {"NormedConv2d": "normed", "Conv": "plain"}
TRACK = {"dataset": "lvis_v1", "detector": "mask_rcnn", "backbone": "r50", "schedule": "1x", "recipe": "common"}


@pytest.fixture
def full(make_record):
    """A record of LVIS v1's size."""
    entry = make_record().per_class[0].model_dump(exclude_none=True)
    classes = tuple({**entry, "id": number} for number in range(1203))
    data = {**make_record().data.model_dump(), "classes": 1203, "val_images": 19809}

    def make(loss="ecm", track=TRACK, **fields):
        return make_record(loss, per_class=classes, data=data, **{"track": track, **fields})

    return make


def lines(*records, label="ecm"):
    """The cells of the table, by column."""
    paragraphs = beside_measured([Row(label, tuple(Run(record) for record in records))])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in paragraphs[1].splitlines()]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


@pytest.mark.parametrize("name", [*SHARED, *PAPER])
def test_the_settings_are_those_of_the_recipes(name) -> None:
    folder = "recipes" if name in SHARED else "recipes/paper"
    recipe = Config.fromfile(str(layer_path(folder, name)), lazy_import=False).recipe
    settings = (SHARED | PAPER)[name]
    assert settings.sampler == SAMPLERS[recipe.repeat_factor]
    assert settings.classifier == CLASSIFIERS[recipe.classifier.type]
    assert settings.mask_head == PREDICTORS[recipe.mask_predictor.type]


def test_every_recipe_is_known() -> None:
    assert {*SHARED, "paper"} == set(RECIPES)
    assert set(PAPER) == {path.stem for path in layer_path("recipes/paper", "ce").parent.glob("*.py")}


def test_what_has_the_same_settings_can_be_compared(full) -> None:
    measured, reported = lines(full(ap=0.255, seed=0), full(ap=0.265, seed=1))
    assert (measured["mask AP"], measured["source"]) == ("26.00 ± 0.71", "measured here, n = 2")
    assert (reported["mask AP"], reported["box AP"], reported["grade"]) == ("26.4", "26.9", "R")
    assert reported["source"] == "janghyuncho/ECM-Loss README"
    assert (reported["differs in"], reported["Δ AP"]) == ("nothing that is stated", "-0.4")


def test_boxes_alone_have_no_masks_to_compare(full) -> None:
    track = {**TRACK, "schedule": "probe", "features": "ce_seed0_0123abcd"}
    content = boxes_alone(full(seed=0).model_dump())
    measured, reported = lines(ResultRecord.model_validate(content))
    assert (measured["mask AP"], measured["APr"], measured["box AP"]) == ("-", "-", "50.00")
    assert (reported["mask AP"], reported["Δ AP"]) == ("26.4", "-")
    decoupled = ResultRecord.model_validate({**content, "track": track})
    assert beside_measured([Row("ecm", (Run(decoupled),))]) == []


def test_every_published_number_of_the_loss_stands_with_what_differs(full) -> None:
    _, *reported = lines(full("ce", ap=0.2), label="ce")
    with Path(module.__file__).with_name("published_lvis_v1.csv").open(newline="") as stream:
        track = ("mask_rcnn", "r50", "1x", "ce")
        entries = [
            entry
            for entry in csv.DictReader(stream)
            if (entry["detector"], entry["backbone"], entry["schedule"], entry["loss"]) == track
        ]
    assert [line["mask AP"] for line in reported] == [entry["AP_mask"] for entry in entries]
    assert [(line["sampler"], line["differs in"], line["Δ AP"]) for line in reported] == [
        ("random", "sampler, classifier, mask head", "-"),
        ("random", "sampler, mask head; not known: classifier", "-"),
        ("rfs", "classifier, mask head", "-"),
        ("rfs", "classifier, mask head", "-"),
        ("rfs", "mask head, schedule; not known: classifier", "-"),
    ]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"epochs": 11}, ["schedule"]),
        ({"overrides": ["lr=0.1"]}, ["what was changed by hand"]),
        ({"init": {"kind": "random", "description": "seed 0"}}, ["weights (random here)"]),
        ({"loss": {"name": "ecm", "hyper_parameters": {"a": 1}, "non_default": ["a"]}}, ["hyper-parameters"]),
        ({"track": {**TRACK, "recipe": "paper"}}, []),
        ({"track": {**TRACK, "recipe": "plain"}}, ["sampler", "classifier", "mask head"]),
    ],
)
def test_what_a_run_changed_is_named(full, fields, found) -> None:
    record = full(**fields)
    (entry,) = (entry for _, entry in matches(record).iterrows())
    assert differences([record], entry) == (found, [])


def test_a_guess_is_not_knowledge(full) -> None:
    """The list says "random?" of this one, and its NMS is its own in another."""
    record = full("eqlv2", track={**TRACK, "schedule": "2x", "recipe": "paper"}, epochs=24)
    (entry,) = (entry for _, entry in matches(record).iterrows())
    assert differences([record], entry) == ([], ["sampler", "classifier"])
    gol = full("gol", track={**TRACK, "schedule": "2x"}, epochs=24)
    (entry,) = (entry for _, entry in matches(gol).iterrows())
    assert differences([gol], entry) == (["NMS"], ["classifier"])


@pytest.mark.parametrize("field", ["detector", "backbone", "schedule"])
def test_other_tracks_have_other_numbers(full, field) -> None:
    assert len(matches(full("ce"))) == 5
    assert matches(full("ce", track={**TRACK, field: "other"})).empty


def test_the_best_number_of_each_loss_on_the_track_stands_there(full) -> None:
    """Of those whose stated settings are the recipe's, whichever losses were measured."""
    track = {**TRACK, "recipe": "plain"}
    paragraphs = beside_measured([Row("ecm", (Run(full("ecm", track=track)),))])
    (place,) = (
        n for n, text in enumerate(paragraphs) if text.startswith("**The best that was reported of each loss**")
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in paragraphs[place + 1].splitlines()]
    found = {row[0]: row[1] for row in rows[2:]}
    expected = {"eqlv2": "23.7", "bags": "23.1", r"gumbel\_ce": "19.0", "eql": "18.6", "bce": "16.4", "ce": "16.1"}
    assert list(found.items()) == list(expected.items())  # the highest first
    common = "\n".join(beside_measured([Row("ecm", (Run(full("ecm", track={**TRACK, "schedule": "2x"})),))]))
    (line,) = (line for line in common.splitlines() if line.startswith("| ce + fracal"))
    assert "28.5" in line and "CARAFE" in line.split("|")[8]


def test_losses_without_a_number_are_named(full) -> None:
    paragraphs = beside_measured([Row("focal", (Run(full("focal")),))])
    assert paragraphs[3:] == ["Without a published number of this detector, backbone and schedule: focal."]


def test_no_number_stands_beside_other_data(full, make_record) -> None:
    for record in (full("ce", track={**TRACK, "dataset": "glyphs"}), make_record("ce", dataset="lvis_v1")):
        assert beside_measured([Row("ce", (Run(record),))]) == []


def test_an_unknown_recipe_has_unknown_settings(full) -> None:
    settings = own_settings(full("mine", track={**TRACK, "recipe": "paper"}))
    assert (settings.sampler, settings.classifier, settings.mask_head) == ("", "", "")
