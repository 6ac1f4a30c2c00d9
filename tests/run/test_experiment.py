"""Experiments: names, digests, folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from experiments import resolved

from lt_bench.errors import UserError
from lt_bench.run.experiment import DETECTORS, Experiment, parse_assignments
from lt_bench.run.fingerprint import fingerprint


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        ({"loss": "emc"}, "no loss 'emc'", "did you mean 'ecm'"),
        ({"loss": "ecm", "backbone": "r05"}, "no backbone 'r05'", "did you mean 'r50'"),
        ({"loss": "ecm", "schedule": "3x"}, "no schedule '3x'", "known: 1x, 2x"),
        ({"loss": "ecm", "detector": "mask_rcn"}, "no detector", "did you mean 'mask_rcnn'"),
        ({"loss": "ecm", "dataset": "glyph"}, "no data set", "did you mean 'glyphs'"),
        ({"loss": "ecm", "recipe": "papers"}, "no recipe", "did you mean 'paper'"),
        ({"loss": "ecm", "init": "randm"}, "no init", "did you mean 'random'"),
        ({"loss": "ecm", "hyper_parameters": {"fg_bg_rato": 1.0}}, "no hyper-parameter", "did you mean 'fg_bg_ratio'"),
        ({"loss": "ecm", "max_iters": 0}, "--max-iters is 0", "at least 1"),
    ],
)
def test_unknown_names_are_refused(arguments: dict[str, object], message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        Experiment(**arguments)  # type: ignore[arg-type]
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_digest_is_the_same_in_every_process() -> None:
    experiment = Experiment("ecm", overrides={"a.b": 1, "c": [1, 2]}, hyper_parameters={"fg_bg_ratio": 2.0})
    code = (
        "from lt_bench.run.experiment import Experiment;"
        "print(Experiment('ecm', overrides={'c': [1, 2], 'a.b': 1}, hyper_parameters={'fg_bg_ratio': 2.0}).digest())"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            (sys.executable, "-c", code),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == experiment.digest()
    assert Experiment("ecm", seed=1).digest() != Experiment("ecm").digest()


def test_detections_per_image_are_part_of_the_protocol(tmp_path: Path) -> None:
    assert Experiment("ecm").folder_name() == "glyphs/ecm_mask_rcnn_r50_1x_d8ec7b164e01"  # of an earlier version
    assert Experiment("ecm", detections_per_image=1000).digest() != Experiment("ecm").digest()
    for detector in DETECTORS:
        usual, digests = resolved(tmp_path, detector=detector)
        more, _ = resolved(tmp_path, detector=detector, detections_per_image=1000)
        assert (usual.model.test_cfg.rcnn.max_per_img, more.model.test_cfg.rcnn.max_per_img) == (300, 1000)
        assert fingerprint(usual, digests) != fingerprint(more, digests)
    chosen, _ = resolved(tmp_path, detections_per_image=1000, overrides={"model.test_cfg.rcnn.max_per_img": 2000})
    assert chosen.model.test_cfg.rcnn.max_per_img == 2000


def test_assignments() -> None:
    parsed = parse_assignments(["a.b=1", "c=[1, 2]", "d=true", "e=none", "f=some text", "g=x=y", "h=1e-3"], "--set")
    assert parsed == {"a.b": 1, "c": [1, 2], "d": True, "e": None, "f": "some text", "g": "x=y", "h": 1e-3}
    for bad in (["novalue"], ["=3"], ["a=1", "a=2"]):
        with pytest.raises(UserError):
            parse_assignments(bad, "--set")
