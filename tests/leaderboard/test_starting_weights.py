"""What a run started from, in the record's words: all that was trained before, and what was frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from experiments import resolved

from lt_bench.leaderboard.fingerprint import weights_id
from lt_bench.leaderboard.starting_weights import init_denied, init_of, starting_weights

URL = "https://download.pytorch.org/models/resnet50-0676ba61.pth"
NECK = {"type": "Pretrained", "checkpoint": "neck-01234567.pth", "prefix": "neck."}


def config(folder: Path, **arguments: Any) -> dict[str, Any]:
    plain: dict[str, Any] = resolved(folder, **arguments)[0].to_dict()
    return plain


@pytest.mark.parametrize(
    ("arguments", "kind", "description"),
    [
        ({}, "pretrained", "<resnet50-0676ba61.pth>"),
        ({"init": "random", "seed": 4}, "random", "random weights, seed 4"),
        (
            {"overrides": {"model.backbone.frozen_stages": 3}},
            "pretrained",
            "<resnet50-0676ba61.pth>; backbone.frozen_stages=3",
        ),
        (
            {"init": "random", "overrides": {"model.backbone.frozen_stages": 1}},
            "random",
            "random weights, seed 0; backbone.frozen_stages=1",
        ),
        (
            {"init": "random", "overrides": {"+model.neck.init_cfg": NECK}},
            "random",
            "random weights, seed 0; neck.init_cfg: <neck-01234567.pth>",
        ),
        (
            {"init": "random", "overrides": {"load_from": "a/det-89abcdef.pth"}},
            "pretrained",
            "random weights, seed 0; load_from: <det-89abcdef.pth>, 7 of 9 tensors",
        ),
        (
            {"overrides": {"+model.init_cfg": [NECK], "load_from": "det-89abcdef.pth"}},
            "pretrained",
            "<resnet50-0676ba61.pth>; init_cfg.0: <neck-01234567.pth>; load_from: <det-89abcdef.pth>, 7 of 9 tensors",
        ),
    ],
)
def test_everything_is_named(tmp_path: Path, arguments: dict[str, Any], kind: str, description: str) -> None:
    found = config(tmp_path, **arguments)
    words = {name: f"<{Path(name).name}>" for _, name in starting_weights(found)}
    said = init_of(found, words, "7 of 9 tensors")
    assert said == {"kind": kind, "description": description}
    assert init_denied(found, description) == said
    for other in ("", f"{description}; load_from: x.pth, 1 of 2 tensors", "random weights, seed 9", description[:-9]):
        assert init_denied(found, other)["description"] != other


@pytest.mark.parametrize(
    ("before", "after"),
    [("89abcdef", "89abcdee"), (", 7 of 9 tensors", ""), ("load_from", "neck"), ("seed 0", "seed 1"), ("; ", ", ")],
)
def test_a_description_that_says_something_else_is_denied(tmp_path: Path, before: str, after: str) -> None:
    found = config(tmp_path, init="random", overrides={"load_from": "det-89abcdef.pth"})
    said = "random weights, seed 0; load_from: det-89abcdef.pth, 7 of 9 tensors"
    assert init_denied(found, said)["description"] == said
    assert init_denied(found, said.replace(before, after))["description"] != said.replace(before, after)


def test_local_weights_are_told_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "a; b.pth").write_bytes(b"weights")
    found = config(tmp_path, init="random", overrides={"load_from": str(tmp_path / "a; b.pth")})
    digest = weights_id(str(tmp_path / "a; b.pth"))
    said = f"random weights, seed 0; load_from: a, b.pth (sha256 {digest}), 7 of 9 tensors"
    assert init_denied(found, said)["description"] == said
    (tmp_path / "other").write_bytes(b"other weights")
    other = said.replace(digest, weights_id(str(tmp_path / "other")))
    assert init_denied(found, other)["description"] != other
