"""How a track may be named."""

from __future__ import annotations

import pytest
from made_runs import made_record, made_run

from lt_bench.leaderboard.comparison.settings import heading, is_track, setting

RECORD = made_record(made_run(0.5, 0, images=4, classes=3), None, fingerprint="0123456789ab" + "c" * 52)


DECOUPLED = made_record(
    made_run(0.5, 0, images=4, classes=3, masks=False),
    None,
    fingerprint=RECORD.fingerprint,
    track={**RECORD.track.model_dump(), "schedule": "probe", "features": "ce_seed0_4567cdef"},
)


def test_heading() -> None:
    assert heading(RECORD) == "made: mask_rcnn r50 1x, recipe common (fingerprint 0123456789ab)"


def test_a_decoupled_track_is_named_by_its_features() -> None:
    words = "decoupled, features of ce_seed0_4567cdef, recipe common, mask_rcnn r50"
    assert heading(DECOUPLED) == f"made: {words} (fingerprint 0123456789ab)"
    for text in (words, f"## {words}".replace("_", "\\_"), "decoupled, features of ce_seed0_4567cdef", "decoupled"):
        assert is_track(text, DECOUPLED) and not is_track(text, RECORD)
    assert not is_track("mask_rcnn r50", DECOUPLED)
    own, other = setting(RECORD), setting(DECOUPLED)
    assert [name for name in own if own[name] != other[name]] == ["schedule", "training"]
    assert (own["training"], other["training"]) == ("in full", "decoupled, features of ce_seed0_4567cdef")


@pytest.mark.parametrize(
    "text",
    [
        "made",
        "mask_rcnn",
        "mask_rcnn r50 1x",
        "mask_rcnn r50 1x, recipe common",
        "MASK_RCNN r50 1x, recipe common (fingerprint 0123456789ab)",
        "## mask\\_rcnn r50 1x, recipe common (fingerprint 0123456789ab)",
        "made: mask_rcnn r50 1x, recipe common (fingerprint 0123456789ab)",
        "012345",
        "0123456789ab" + "c" * 52,
    ],
)
def test_names_of_the_track(text: str) -> None:
    assert is_track(text, RECORD)


@pytest.mark.parametrize("text", ["", "mad", "mask", "mask_rcnn r50 1", "r50", "01234", "123456", "lvis_v1"])
def test_no_names_of_the_track(text: str) -> None:
    assert not is_track(text, RECORD)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"fingerprint": "d" * 64}, "fingerprint"),
        ({"amp": True}, "mixed precision"),
        ({"init": {"kind": "pretrained", "description": "weights"}}, "initialisation"),
    ],
)
def test_what_belongs_to_a_setting(change: dict, key: str) -> None:
    other = setting(
        made_record(made_run(0.5, 0, images=4, classes=3), None, **{"fingerprint": RECORD.fingerprint, **change})
    )
    own = setting(RECORD)
    assert [name for name in own if own[name] != other[name]] == [key]


def test_a_seed_and_a_loss_are_no_setting() -> None:
    other = made_record(made_run(0.5, 0, images=4, classes=3), None, "ecm", 7, fingerprint=RECORD.fingerprint)
    assert setting(other) == setting(RECORD)
